"""The probe that asks a container over gRPC.

Source: pkg/probe/grpc/grpc.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from podwalk.containers import grpc, health
from podwalk.containers.sockets import SocketError
from podwalk.kubelet import wording
from podwalk.simulation import Task

if TYPE_CHECKING:
    from podwalk.kubelet.runner import Runner


def ask(runner: Runner, action: Mapping[str, Any], timeout_s: float) -> Task:
    """Ask a container whether it is well, and return what is wrong; nothing if it is.

    Args:
        runner: the container's.
        action: the probe's ``grpc``.
        timeout_s: how long all of it may take.
    """
    host, port = runner.worker.ip, int(action["port"])
    deadline_s, within = runner.simulation.now + timeout_s, wording.duration(timeout_s)
    session = None
    try:
        session = yield from grpc.dial(runner.worker.host_network, host, port, deadline_s)
        asked = health.question(action.get("service") or "")
        status = health.status_of((yield from grpc.call(session, health.CHECK, asked, deadline_s)))
    except SocketError:
        return f'timeout: failed to connect service "{host}:{port}" within {within}: context deadline exceeded'
    except grpc.RpcError as error:
        return _problem(error, within)
    finally:
        if session is not None:
            session.close()
    return "" if status == health.SERVING else f'service unhealthy (responded with "{status}")'


def _problem(error: grpc.RpcError, within: str) -> str:
    """Return what the kubelet says of a call that failed."""
    if error.code == "Unimplemented":
        protocol = "grpc health protocol (grpc.health.v1.Health)"
        return f"error: this server does not implement the {protocol}: {error.detail}"
    if error.code == "DeadlineExceeded":
        return f"timeout: health rpc did not complete within {within}: {error.detail}"
    return f"error: health rpc probe failed: {error}"
