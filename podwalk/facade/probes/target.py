"""What a probe wants to reach, and the Pods that would answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podwalk.facade import wire
from podwalk.facade.errors import LearnerError, NotFoundError
from podwalk.types import Object
from podwalk.walks.walk import Target

if TYPE_CHECKING:
    from podwalk.facade.cluster import Cluster

DNS_PORT = 53
SERVICES, SLICES, PODS = "services", "endpointslices", "pods"


class TargetError(LearnerError):
    """A target that cannot be read or probed."""


@dataclass(frozen=True)
class Behind:
    """A Pod that answers for a target, and on which of its ports."""

    namespace: str
    pod: str
    port: int


def read(cluster: Cluster, text: str, namespace: str) -> Target:
    """Read a target: what a walk takes, and ``pod/NAME:PORT`` for a Pod's own address.

    Raises:
        TargetError: when it cannot be probed.
        LearnerError: when there is no such Pod, or it has no address.
    """
    if text.startswith("pod/"):
        name, _, port = text.removeprefix("pod/").partition(":")
        address = cluster.get(PODS, name, namespace=namespace).object.get("status", {}).get("podIP", "")
        if not address or not port.isdecimal():
            problem = f"Pod {name} has no address yet" if not address else f"{text} names no port"
            raise TargetError(problem, hint="write e.g. pod/web-0:8080, of a Pod that runs")
        return Target(address, int(port), "TCP", text)
    found = Target.read(text)
    if found.protocol != "TCP" and (found.protocol, found.port) != ("UDP", DNS_PORT):
        raise TargetError(
            f"{text}: {found.protocol} cannot be probed, since silence is no answer there",
            hint="TCP can, and udp://SERVER:53, which a DNS server answers",
        )
    return found


def behind(cluster: Cluster, target: Target, namespace: str) -> list[Behind]:
    """Return the Pods that would answer, as far as the API tells: those of a Pod's address or of a Service.

    Args:
        cluster: where.
        target: what is called.
        namespace: the caller's, where short names are looked for.
    """
    try:
        return list(_pod(cluster, target, namespace) or _service(cluster, target, namespace))
    except (LearnerError, wire.StatusError):
        return []


def _pod(cluster: Cluster, target: Target, namespace: str) -> list[Behind]:
    query = {"fieldSelector": f"status.podIP={target.host}"}
    if not _is_address(target.host):
        return []
    try:
        found = wire.call(cluster.api, "GET", "/api/v1/pods", query=query)["items"]
    except wire.StatusError as error:
        if error.code != 403:
            raise
        found = wire.call(cluster.api, "GET", f"/api/v1/namespaces/{namespace}/pods", query=query)["items"]
    alive = [pod["metadata"] for pod in found if pod.get("status", {}).get("phase") == "Running"]
    return [Behind(metadata["namespace"], metadata["name"], target.port) for metadata in alive]


def _service(cluster: Cluster, target: Target, namespace: str) -> Iterator[Behind]:
    service = _find_service(cluster, target.host, namespace)
    if service is None:
        return
    metadata = service["metadata"]
    headless = service["spec"].get("clusterIP") == "None"
    entries = service["spec"].get("ports") or ()
    port = next((entry for entry in entries if entry["port"] == target.port), None)
    if port is None and not headless:
        return
    selector = f"kubernetes.io/service-name={metadata['name']}"
    for part in cluster.get(SLICES, namespace=metadata["namespace"], selector=selector):
        wanted = target.port if headless or port is None else _number(part, port.get("name", ""))
        for endpoint in part.get("endpoints") or ():
            owner, ready = endpoint.get("targetRef") or {}, endpoint.get("conditions", {}).get("ready", True)
            if wanted and ready and owner.get("kind") == "Pod":
                yield Behind(owner.get("namespace") or metadata["namespace"], owner["name"], wanted)


def _number(part: Object, name: str) -> int:
    return next((int(port["port"]) for port in part.get("ports") or () if (port.get("name") or "") == name), 0)


def _find_service(cluster: Cluster, host: str, namespace: str) -> Object | None:
    if _is_address(host):
        try:
            services = cluster.get(SERVICES, all_namespaces=True)
        except LearnerError:
            services = cluster.get(SERVICES, namespace=namespace)
        return next((item for item in services if item["spec"].get("clusterIP") == host), None)
    words = host.rstrip(".").split(".")
    if len(words) > 2 and words[2] != "svc":
        return None
    space = words[1] if len(words) > 1 else namespace
    try:
        return cluster.get(SERVICES, words[0], namespace=space).object
    except NotFoundError:
        return None


def _is_address(host: str) -> bool:
    return host.replace(".", "").isdecimal() or ":" in host
