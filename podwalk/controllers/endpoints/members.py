"""The Pods that a Service selects, and which of its ports each of them has.

Source: k8s.io/endpointslice and k8s.io/kubernetes/pkg/controller/endpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from podwalk.controllers import pods
from podwalk.controllers.controller import Context
from podwalk.controllers.queue import Key
from podwalk.network.endpoints import HEADLESS
from podwalk.types import Change, Object

TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"
MANAGER = "kube-controller-manager"


def select(context: Context, service: Object) -> list[Object]:
    """Return the Pods with an address that a Service selects and that have not ended."""
    found = context.objects.list("pods", service["metadata"]["namespace"], service["spec"]["selector"])
    return [pod for pod in found if not pods.is_finished(pod) and addresses(pod)]


def addresses(pod: Object) -> Sequence[str]:
    """Return a Pod's addresses."""
    return [entry["ip"] for entry in (pod.get("status") or {}).get("podIPs") or ()]


def ports(service: Object, pod: Object) -> list[Object]:
    """Return the Service's ports as this Pod has them; a name that the Pod does not know is left out."""
    out = []
    for port in service["spec"].get("ports") or ():
        number = _number(port, pod)
        if number is None:
            continue
        entry = {"name": port.get("name", ""), "port": number, "protocol": port.get("protocol", "TCP")}
        if port.get("appProtocol"):
            entry["appProtocol"] = port["appProtocol"]
        out.append(entry)
    return sorted(out, key=lambda entry: (entry["name"], entry["port"]))


def _number(port: Object, pod: Object) -> int | None:
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target or int(port["port"])
    sidecars = [entry for entry in pod["spec"].get("initContainers") or () if entry.get("restartPolicy") == "Always"]
    for container in [*(pod["spec"].get("containers") or ()), *sidecars]:
        for entry in container.get("ports") or ():
            if entry.get("name") == target and entry.get("protocol", "TCP") == port.get("protocol", "TCP"):
                return int(entry["containerPort"])
    return None


def hostname(service: Object, pod: Object) -> str:
    """Return the hostname under which DNS knows a Pod of this headless Service, or nothing."""
    named = pod["spec"].get("subdomain") == service["metadata"]["name"]
    return str(pod["spec"].get("hostname") or "") if named else ""


def target(pod: Object) -> Object:
    """Return the reference to a Pod."""
    metadata = pod["metadata"]
    return {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]}


def labels(service: Object, own: dict[str, str]) -> dict[str, str]:
    """Return the Service's labels with the controller's own, and the mark of a headless Service."""
    out = {**(service["metadata"].get("labels") or {}), **own}
    out.pop(HEADLESS, None)
    return {**out, HEADLESS: ""} if service["spec"].get("clusterIP") == "None" else out


def affected(context: Context, change: Change) -> Iterable[Key]:
    """Map a Pod's change to the Services that select it, before or after, if it matters to them."""
    old, new = change.old, None if change.type == "DELETED" else change.object
    if old is not None and new is not None and _facts(old) == _facts(new):
        return ()
    found: dict[Key, None] = {}
    for pod in (old, new):
        if pod is not None:
            metadata = pod["metadata"]
            found.update(dict.fromkeys(context.cache.services.matching(metadata["namespace"], metadata.get("labels"))))
    return found


def _facts(pod: Object) -> tuple[object, ...]:
    spec = pod["spec"]
    return (
        addresses(pod),
        spec.get("nodeName"),
        pods.is_ready(pod),
        pods.is_terminating(pod),
        pods.is_finished(pod),
        pod["metadata"].get("labels"),
        spec.get("hostname"),
        spec.get("subdomain"),
    )
