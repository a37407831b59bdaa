"""Lets other processes reach a cluster through a Unix socket, and this cluster only.

The grader's sandbox has no network: the socket is bound into it, and is all that it sees of the world. A cluster in
this process is served by the HTTP front in a thread; any other one by ``kubectl proxy``, which keeps the credentials on
this side of the socket.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import uvicorn
import yaml

from podwalk.errors import PodwalkError
from podwalk.facade.cluster import Cluster
from podwalk.facade.execution import InProcess

START_TIMEOUT_S = 10.0


@contextlib.contextmanager
def shared(cluster: Cluster, socket: Path, *, token: str, credentials: str = "") -> Iterator[None]:
    """Serve a cluster's API over HTTP on a Unix socket until the block is left.

    While the block runs, the cluster is the socket's: do not use it from here.

    Args:
        cluster: the cluster.
        socket: where the socket is made; its folder must exist.
        token: the bearer token that opens an in-process cluster.
        credentials: the bearer token with which any other cluster is reached; empty for the cluster's own credentials.

    Raises:
        PodwalkError: when it does not start.
    """
    if isinstance(cluster.api, InProcess):
        with _front(cluster.api, socket, token):
            yield
    else:
        with _proxy(cluster, socket, credentials):
            yield


@contextlib.contextmanager
def _front(api: object, socket: Path, token: str) -> Iterator[None]:
    from podwalk.backends.inprocess import InProcessApiClient
    from podwalk.serve.clock import Clock
    from podwalk.serve.front import Front

    assert isinstance(api, InProcessApiClient), "the caller looked"
    started = threading.Event()

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]  # its own is wider
            await super().startup(sockets)  # type: ignore[arg-type]  # passed through
            started.set()

    config: uvicorn.Config | None = None

    def run() -> None:
        nonlocal config
        front = Front(api.cluster, Clock(api.cluster, mode="jump"), token=token)
        config = uvicorn.Config(
            front, uds=str(socket), http="h11", ws="wsproto", lifespan="on", log_level="error", access_log=False,
            server_header=False, timeout_graceful_shutdown=1,
        )  # fmt: skip
        servers.append(Server(config))
        servers[0].run()

    servers: list[uvicorn.Server] = []
    thread = threading.Thread(target=run, name="shared-cluster", daemon=True)
    thread.start()
    if not started.wait(START_TIMEOUT_S):
        raise PodwalkError(f"the cluster could not be served at {socket}: is its path too long, or its disk full?")
    try:
        yield
    finally:
        servers[0].should_exit = True
        thread.join(START_TIMEOUT_S)


@contextlib.contextmanager
def _proxy(cluster: Cluster, socket: Path, credentials: str) -> Iterator[None]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise PodwalkError("sharing a cluster of a kubeconfig needs kubectl: install it, and try again")
    options = list(cluster.kubectl or ())
    if credentials:
        options = [f"--kubeconfig={_kubeconfig(cluster, socket.parent, credentials)}"]
    command = [kubectl, *options, "proxy", f"--unix-socket={socket}", "--reject-paths=^$"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None, "it was asked for"
        line = process.stdout.readline()
        if "Starting to serve" not in line:
            raise PodwalkError(f"kubectl proxy did not start: {line.strip()}")
        yield
    finally:
        process.terminate()
        process.wait()


def _kubeconfig(cluster: Cluster, folder: Path, token: str) -> Path:
    """Write a kubeconfig that reaches a cluster with a token and nothing else."""
    configuration = cluster.api.configuration
    about = {"server": configuration.host}
    about |= {"certificate-authority": configuration.ssl_ca_cert} if configuration.ssl_ca_cert else {}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lent",
        "clusters": [{"name": "lent", "cluster": about}],
        "users": [{"name": "lent", "user": {"token": token}}],
        "contexts": [{"name": "lent", "context": {"cluster": "lent", "user": "lent"}}],
    }
    path = folder / "proxy.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path
