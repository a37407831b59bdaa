"""The positive control of a probe: whether the target's port is open when no policy can be in the way.

``kubectl port-forward``'s own endpoint connects inside of the Pod's network, from the Pod to itself: no NetworkPolicy
applies to that, and the Pod's image needs no tool for it.

Source: kubernetes.io, Network Policies ("A Pod cannot block access to itself"); kubelet, portforward.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from kubernetes.client import ApiClient, CoreV1Api
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream

from podwalk.facade.execution import InProcess
from podwalk.facade.probes.target import Behind

if TYPE_CHECKING:
    from kubernetes.stream.ws_client import WSClient

DATA, ERROR = 0, 1
PORT_BYTES = 2
"""Each channel begins with the number of its port."""

TIMEOUT_S = 2.0
REQUEST = b"GET / HTTP/1.0\r\n\r\n"
"""What is sent: servers of other protocols complain or hang up, which is an answer too."""


def accepts(api: ApiClient, behind: Behind) -> bool:
    """Whether a port of a Pod takes a connection from the Pod itself.

    A server that takes the connection and says nothing counts: the kubelet would report a connection that failed.
    """
    try:
        if isinstance(api, InProcess):
            return _in_process(api, behind)
        session = stream(
            CoreV1Api(api).connect_get_namespaced_pod_portforward,
            behind.pod, behind.namespace, ports=str(behind.port), _preload_content=False, binary=True,
        )  # fmt: skip
    except ApiException:
        return False
    try:
        return _ask(session)
    finally:
        session.close()
        with contextlib.suppress(OSError):
            session.sock.shutdown()


def _ask(session: WSClient) -> bool:
    session.write_channel(DATA, REQUEST)
    deadline = time.monotonic() + TIMEOUT_S
    said: dict[int, bytes] = {DATA: b"", ERROR: b""}
    while (
        session.is_open() and time.monotonic() < deadline and not any(len(part) > PORT_BYTES for part in said.values())
    ):
        session.update(timeout=max(0.0, deadline - time.monotonic()))
        for channel in said:
            said[channel] += session.read_channel(channel, timeout=0) or b""
    return len(said[ERROR]) <= PORT_BYTES


def _in_process(api: Any, behind: Behind) -> bool:
    path = f"/api/v1/namespaces/{behind.namespace}/pods/{behind.pod}/portforward"
    session = api.open_session(path, [("ports", str(behind.port))])
    session.receive(DATA, REQUEST)
    said: dict[int, bytes] = {DATA: b"", ERROR: b""}
    with contextlib.suppress(TimeoutError):
        for channel, data in api.run_session(session, TIMEOUT_S):
            said[channel] += data
            if any(len(part) > PORT_BYTES for part in said.values()):
                session.disconnect()
                break
    return len(said[ERROR]) <= PORT_BYTES
