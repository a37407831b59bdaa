"""How Pods are printed.

Source: ``printPod`` of kubernetes/pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from podwalk.api.tables.column import AGE, NAME, Column, since
from podwalk.api.tables.text import NONE, field
from podwalk.api.trees import dig
from podwalk.types import Object


def _is_sidecar(container: Object | None) -> bool:
    return (container or {}).get("restartPolicy") == "Always"


def _init_containers(pod: Object) -> dict[str, Object]:
    return {one["name"]: one for one in dig(pod, "spec", "initContainers") or ()}


def _condition(pod: Object, kind: str) -> Object:
    found = (one for one in dig(pod, "status", "conditions") or () if one.get("type") == kind)
    return next(found, {})


def _exit_reason(terminated: Object, prefix: str = "") -> str:
    if terminated.get("reason"):
        return f"{prefix}{terminated['reason']}"
    if terminated.get("signal"):
        return f"{prefix}Signal:{terminated['signal']}"
    return f"{prefix}ExitCode:{terminated.get('exitCode', 0)}"


def _initializing(pod: Object) -> str:
    """Return the reason of the init container that the Pod waits for; empty if none is left."""
    specs = _init_containers(pod)
    for index, status in enumerate(dig(pod, "status", "initContainerStatuses") or ()):
        state = status.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if terminated is not None and not terminated.get("exitCode"):
            continue
        if _is_sidecar(specs.get(status["name"])) and status.get("started"):
            continue
        if terminated is not None:
            return _exit_reason(terminated, "Init:")
        if waiting.get("reason") and waiting["reason"] != "PodInitializing":
            return f"Init:{waiting['reason']}"
        return f"Init:{index}/{len(specs)}"
    return ""


def _initialized(pod: Object) -> bool:
    return _condition(pod, "Initialized").get("status") == "True"


def reason(pod: Object) -> str:
    """Return what the STATUS column says."""
    status = pod.get("status") or {}
    phase: str = status.get("phase", "Unknown")
    text: str = status.get("reason") or phase
    if _condition(pod, "PodScheduled").get("reason") == "SchedulingGated":
        text = "SchedulingGated"
    waiting_for = _initializing(pod)
    text = waiting_for or text
    if not waiting_for or _initialized(pod):
        text = _main_reason(pod, text)
    if pod["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            return "Unknown"
        if phase not in ("Succeeded", "Failed"):
            return "Terminating"
    return text


def _main_reason(pod: Object, text: str) -> str:
    running = False
    for one in reversed(dig(pod, "status", "containerStatuses") or ()):
        state = one.get("state") or {}
        if (state.get("waiting") or {}).get("reason"):
            text = state["waiting"]["reason"]
        elif state.get("terminated") is not None:
            text = _exit_reason(state["terminated"])
        elif one.get("ready") and state.get("running") is not None:
            running = True
    if text == "Completed" and running:
        return "Running" if _condition(pod, "Ready").get("status") == "True" else "NotReady"
    return text


def ready(pod: Object, _now: datetime) -> str:
    """Return the READY column: ready containers of all, sidecars included."""
    specs = _init_containers(pod)
    sidecars = [one for one in dig(pod, "status", "initContainerStatuses") or () if _is_sidecar(specs.get(one["name"]))]
    count = sum(bool(one.get("ready") and one.get("started")) for one in _before_the_first_waiting(sidecars))
    if not _initializing(pod) or _initialized(pod):
        mains = dig(pod, "status", "containerStatuses") or ()
        count += sum(bool(one.get("ready") and (one.get("state") or {}).get("running") is not None) for one in mains)
    total = len(dig(pod, "spec", "containers") or ()) + sum(_is_sidecar(one) for one in specs.values())
    return f"{count}/{total}"


def _before_the_first_waiting(statuses: list[Object]) -> Iterable[Object]:
    for one in statuses:
        if not one.get("started"):
            return
        yield one


def restarts(pod: Object, now: datetime) -> str:
    """Return the RESTARTS column: how often, and how long ago the last time."""
    specs = _init_containers(pod)
    initial = list(dig(pod, "status", "initContainerStatuses") or ())
    counted = initial
    if not _initializing(pod) or _initialized(pod):
        sidecars = [one for one in initial if _is_sidecar(specs.get(one["name"]))]
        counted = [*sidecars, *(dig(pod, "status", "containerStatuses") or ())]
    count = sum(int(one.get("restartCount") or 0) for one in counted)
    ends = [dig(one, "lastState", "terminated", "finishedAt") for one in counted]
    last = max((end for end in ends if end), default=None)
    return f"{count} ({since(last, now)} ago)" if count and last else str(count)


def _ip(pod: Object, _now: datetime) -> str:
    ips = dig(pod, "status", "podIPs") or ()
    return ips[0].get("ip") or NONE if ips else NONE


def _readiness_gates(pod: Object, _now: datetime) -> str:
    gates = dig(pod, "spec", "readinessGates") or ()
    if not gates:
        return NONE
    true = sum(_condition(pod, gate["conditionType"]).get("status") == "True" for gate in gates)
    return f"{true}/{len(gates)}"


def conditions(pod: Object) -> list[Object]:
    """Return the row's condition: whether the Pod has run to its end."""
    phase = dig(pod, "status", "phase")
    if phase == "Succeeded":
        return [
            {
                "type": "Completed",
                "status": "True",
                "reason": "Succeeded",
                "message": "The pod has completed successfully.",
            }
        ]
    if phase == "Failed":
        return [{"type": "Completed", "status": "True", "reason": "Failed", "message": "The pod failed."}]
    return []


PODS = (
    NAME,
    Column("Ready", ready),
    Column("Status", lambda pod, _now: reason(pod)),
    Column("Restarts", restarts),
    AGE,
    Column("IP", _ip, 1),
    Column("Node", field("spec", "nodeName", absent=NONE), 1),
    Column("Nominated Node", field("status", "nominatedNodeName", absent=NONE), 1),
    Column("Readiness Gates", _readiness_gates, 1),
)
