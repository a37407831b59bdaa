"""Start, find and stop the server of an embedded cluster: what ``podwalk up`` and the embedded backend do."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from filelock import FileLock, Timeout

from podwalk.errors import PodwalkError
from podwalk.serve import STOP_PATH
from podwalk.serve.place import ENDED, Place, Server
from podwalk.types import ClusterOptions

START_TIMEOUT_S = 60.0
LOCK_TIMEOUT_S = 90.0
POLL_S = 0.02
ANSWER_TIMEOUT_S = 10.0
PATIENCE = 3
"""How often a server that runs is asked before it is said not to answer."""


def start(place: Place, options: ClusterOptions | None = None, *, clock: str = "wall") -> tuple[Server, bool]:
    """Make sure that the cluster is served; returns its server, and whether it had to be started.

    A cluster that is up is used as it is. One whose server died goes on from its journal, on the same port if that is
    free.

    Args:
        place: the cluster.
        options: how to set it up; None keeps what it has.
        clock: ``wall``, or ``jump`` to go to the next event while a client waits.

    Raises:
        PodwalkError: when it does not start, with the end of the server's log; or when it is up with other options.
    """
    with _turn(place):
        server = alive(place)
        if server is not None:
            if options is not None and server.options != options:
                raise PodwalkError(
                    f"cluster {place.name} is up with other options ({describe(server.options)}); "
                    f"`podwalk down --name {place.name}` first, or choose another --name"
                )
            return server, False
        previous = place.read_server()
        chosen = options or (previous.options if previous else ClusterOptions(name=place.name))
        return _spawn(place, chosen, previous.port if previous else 0, clock), True


def stop(place: Place, *, keep: bool = False) -> bool:
    """Stop a cluster's server and, unless ``keep``, delete the cluster; returns whether there was one."""
    with _turn(place):
        existed = place.folder.exists()
        if alive(place) is not None:
            _halt(place)
        if not keep:
            place.remove()
        return existed


def reset(place: Place, server: Server | None) -> Server:
    """Put a cluster back to its first state, with the options and, if it is free, the port that it had."""
    with _turn(place):
        if alive(place) is not None:
            _halt(place)
        for path in place.folder.glob(f"{place.database.name}*"):
            path.unlink()
        options = server.options if server else ClusterOptions(name=place.name)
        return _spawn(place, options, server.port if server else 0, server.clock if server else "wall")


def alive(place: Place) -> Server | None:
    """Return the cluster's server if it answers to its token.

    Raises:
        PodwalkError: when it runs and does not answer. To take it for dead would start a second one on its journal.
    """
    server = place.read_server()
    if server is None or server.pid == ENDED:
        return None
    for _ in range(PATIENCE):
        try:
            _call(place, server, "GET", "/readyz")
        except (OSError, HTTPException) as error:
            if not _is_late(error) or not _runs(place, server):
                return None
        else:
            return server
    raise PodwalkError(
        f"the server of cluster {place.name}, process {server.pid}, runs and has not answered for "
        f"{PATIENCE * ANSWER_TIMEOUT_S:g} s: is the machine very busy? Try "
        f"again; or end it with `kill -9 {server.pid}`: what it has acknowledged is kept"
    )


def _is_late(error: Exception) -> bool:
    return isinstance(getattr(error, "reason", error), TimeoutError)


def _runs(place: Place, server: Server) -> bool:
    """Whether the process is there and is this cluster's server: its number may be another's by now."""
    # Almost every server answers at once, and each command would start later for the library behind it.
    from podwalk.serve.outside.holder import cluster_of

    return cluster_of(server.pid) == place.name


def describe(options: ClusterOptions) -> str:
    """Return the options as ``podwalk up`` takes them."""
    low, high = options.node_port_range
    return f"--cni {options.cni} --node-port-range {low}-{high} --workers {options.workers} --seed {options.seed}"


def call_api(place: Place, server: Server, path: str) -> dict[str, Any]:
    """Return the JSON of a GET of the API, without loading a Kubernetes client."""
    data: dict[str, Any] = json.loads(_call(place, server, "GET", path))
    return data


def _halt(place: Place) -> None:
    server = place.read_server()
    assert server is not None, "it was alive a moment ago"
    _call(place, server, "POST", STOP_PATH)
    _await(lambda: _has_ended(place), f"the server, process {server.pid}, did not stop")


def _has_ended(place: Place) -> bool:
    server = place.read_server()
    return server is None or server.pid == ENDED


def _call(place: Place, server: Server, method: str, path: str) -> bytes:
    context = ssl.create_default_context(cafile=str(place.tls[0]))
    request = Request(server.url + path, method=method, headers={"Authorization": f"Bearer {place.token}"})
    # No proxy: the address is loopback's, whatever the environment says.
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))
    try:
        with opener.open(request, timeout=ANSWER_TIMEOUT_S) as answer:
            return bytes(answer.read())
    except HTTPError as error:
        raise OSError(f"{server.url}{path}: HTTP {error.code}") from error


def _spawn(place: Place, options: ClusterOptions, port: int, clock: str) -> Server:
    place.prepare()
    place.forget_server()
    command = [sys.executable, "-m", "podwalk.serve", place.name, "--port", str(port), "--clock", clock]
    command += ["--options", json.dumps(asdict(options))]
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        detached = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with place.log.open("ab") as log:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, **detached)

    def ready() -> bool:
        if child.poll() is not None:
            raise PodwalkError(
                f"the cluster {place.name} did not start:\n{_end_of(place)}\nThe whole log is in {place.log}"
            )
        return place.read_server() is not None

    _await(ready, f"the server did not become ready; its log is in {place.log}")
    # It is left behind on purpose: without this, Python warns of a child that nobody waited for.
    child.returncode = 0
    server = place.read_server()
    assert server is not None, "ready() has just read it"
    return server


def _end_of(place: Place) -> str:
    lines = place.log.read_text(errors="replace").strip().splitlines()
    return "\n".join(f"  {line}" for line in lines[-8:])


def _await(done: Callable[[], bool], message: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not done():
        if time.monotonic() > deadline:
            raise PodwalkError(f"{message} (waited {START_TIMEOUT_S:g} s)")
        time.sleep(POLL_S)


@contextmanager
def _turn(place: Place) -> Iterator[None]:
    place.lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with FileLock(place.lock, timeout=LOCK_TIMEOUT_S):
            yield
    except Timeout as error:
        raise PodwalkError(
            f"another command has held the cluster {place.name} for {LOCK_TIMEOUT_S:g} s; try again when it is done"
        ) from error
