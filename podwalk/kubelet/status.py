"""The status of a Pod, from the states of its containers.

Source: pkg/kubelet/status/generate.go, pkg/kubelet/kubelet_pods.go (getPhase, generateAPIPodStatus,
convertToAPIContainerStatuses); fields as a v1.37 cluster prints them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from podwalk.containers import images

if TYPE_CHECKING:
    from podwalk.kubelet.runner import Runner
    from podwalk.kubelet.worker import Worker

OWN_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")


def compute(worker: Worker, old: Mapping[str, Any]) -> dict[str, Any]:
    """Return the status that the kubelet reports for a Pod, keeping what others wrote into it."""
    pod = worker.pod
    inits, mains, ephemerals = worker.inits, worker.mains, worker.ephemerals
    phase = _phase(worker, inits, mains)
    generation = pod["metadata"].get("generation")
    conditions = [
        _ready_to_start(worker),
        _initialized(phase, inits, mains),
        *_ready(pod, old, phase, [*(init for init in inits if init.is_sidecar), *mains]),
    ]
    status = {key: value for key, value in old.items() if key not in _OWNED}
    status |= {
        "conditions": _merge(conditions, old.get("conditions") or [], worker.simulation.timestamp(), generation),
        "containerStatuses": [_container(worker, runner) for runner in sorted(mains, key=lambda one: one.name)],
        "hostIP": worker.host_ip,
        "hostIPs": [{"ip": worker.host_ip}],
        "phase": phase,
        "resources": {},
        "startTime": worker.start_time,
    }
    if generation:
        status["observedGeneration"] = generation
    if inits:
        status["initContainerStatuses"] = [_container(worker, runner) for runner in inits]
    if ephemerals:
        status["ephemeralContainerStatuses"] = [_container(worker, runner) for runner in ephemerals]
    if worker.ip:
        status["podIP"] = worker.ip
        status["podIPs"] = [{"ip": worker.ip}]
    if worker.reason:
        status["reason"], status["message"] = worker.reason
    return status


_OWNED = frozenset(
    [
        "conditions", "containerStatuses", "hostIP", "hostIPs", "phase", "resources", "startTime",
        "initContainerStatuses",
        "ephemeralContainerStatuses", "podIP", "podIPs", "observedGeneration", "reason", "message",
    ]
)  # fmt: skip


def _phase(worker: Worker, inits: Sequence[Runner], mains: Sequence[Runner]) -> str:
    if worker.reason:
        return "Failed"
    if any(not init.is_sidecar and _ended(init) and not init.succeeded for init in inits):
        return "Failed"
    started = any("running" in main.state for main in mains) or all(_ended(main) for main in mains)
    if not started and not all(_passed(init) for init in inits):
        return "Pending"
    waiting = [main for main in mains if "waiting" in main.state and not main.last_state]
    if any("running" in main.state for main in mains) and not waiting:
        return "Running"
    if waiting:
        return "Pending"
    if all("terminated" in main.state for main in mains):
        if not all(_ended(main) for main in mains):
            return "Running"
        if worker.sidecars_running:
            return "Running"
        return "Succeeded" if all(main.succeeded for main in mains) else "Failed"
    return "Running"


def _ended(runner: Runner) -> bool:
    """Whether a container has ended and is not started again."""
    if "terminated" not in runner.state:
        return False
    policy = runner.restart_policy
    return runner.stopping or policy == "Never" or (policy == "OnFailure" and runner.succeeded)


def _passed(init: Runner) -> bool:
    return bool(init.started) if init.is_sidecar else init.succeeded


def _ready_to_start(worker: Worker) -> dict[str, Any]:
    if worker.sandbox_ready:
        return {"type": "PodReadyToStartContainers", "status": "True"}
    message = "pod sandbox is not ready" if worker.had_sandbox else "no pod sandbox exists"
    return {
        "type": "PodReadyToStartContainers",
        "status": "False",
        "reason": "PodSandboxNotReady",
        "message": message,
    }


def _initialized(phase: str, inits: Sequence[Runner], mains: Sequence[Runner]) -> dict[str, Any]:
    if phase == "Succeeded":
        return {"type": "Initialized", "status": "True", "reason": "PodCompleted"}
    incomplete = [init.name for init in inits if not _passed(init)]
    if not incomplete or any("waiting" not in main.state or main.last_state for main in mains):
        return {"type": "Initialized", "status": "True"}
    message = f"containers with incomplete status: [{' '.join(incomplete)}]"
    return {"type": "Initialized", "status": "False", "reason": "ContainersNotInitialized", "message": message}


def _ready(
    pod: Mapping[str, Any], old: Mapping[str, Any], phase: str, runners: Iterable[Runner]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the conditions Ready and ContainersReady."""
    if phase in ("Succeeded", "Failed"):
        reason = "PodCompleted" if phase == "Succeeded" else "PodFailed"
        return tuple({"type": kind, "status": "False", "reason": reason} for kind in ("Ready", "ContainersReady"))  # type: ignore[return-value] # of two
    unready = [runner.name for runner in runners if not (runner.ready and runner.running)]
    if unready:
        words = {"reason": "ContainersNotReady", "message": f"containers with unready status: [{' '.join(unready)}]"}
        return {"type": "Ready", "status": "False", **words}, {"type": "ContainersReady", "status": "False", **words}
    containers = {"type": "ContainersReady", "status": "True"}
    met = {condition["type"]: condition["status"] for condition in old.get("conditions") or ()}
    missing = []
    for gate in pod["spec"].get("readinessGates") or ():
        kind = gate["conditionType"]
        if kind not in met:
            missing.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif met[kind] != "True":
            missing.append(f'the status of pod readiness gate "{kind}" is not "True", but {met[kind]}')
    if missing:
        message = ", ".join(missing)
        return {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady", "message": message}, containers
    return {"type": "Ready", "status": "True"}, containers


def _merge(
    own: Sequence[dict[str, Any]], old: Sequence[Mapping[str, Any]], now: str, generation: int | None
) -> list[dict[str, Any]]:
    """Put the kubelet's conditions before those of others; the time changes only with the status."""
    known = {condition["type"]: condition for condition in old}
    merged: list[dict[str, Any]] = []
    for condition in own:
        before = known.get(condition["type"])
        same = before is not None and before.get("status") == condition["status"]
        since = before.get("lastTransitionTime") if same and before is not None else now
        entry = {"lastProbeTime": None, "lastTransitionTime": since, **condition}
        if generation:
            entry["observedGeneration"] = generation
        merged.append(entry)
    return merged + [dict(condition) for condition in old if condition["type"] not in OWN_CONDITIONS]


def _container(worker: Worker, runner: Runner) -> dict[str, Any]:
    """Return the status of one container."""
    spec, image = runner.spec, runner.image
    created = bool(runner.container_id)
    status: dict[str, Any] = {
        "name": runner.name,
        "state": runner.state,
        "lastState": runner.last_state,
        "ready": runner.ready,
        "restartCount": runner.restarts,
        "image": images.normal(spec["image"]) if created else spec["image"],
        "imageID": f"{image.name}@{image.digest}" if created and image else "",
        "started": bool(runner.started),
    }
    if runner.kind == "ephemeralContainers":
        del status["started"]
    if created:
        status["containerID"] = runner.container_id
        resources = spec.get("resources") or {}
        status["resources"] = {key: resources[key] for key in ("limits", "requests") if resources.get(key)}
        if resources.get("requests"):
            status["allocatedResources"] = resources["requests"]
        uid, gid = runner.user
        groups = sorted({gid, *((worker.pod["spec"].get("securityContext") or {}).get("supplementalGroups") or ())})
        status["user"] = {"linux": {"gid": gid, "supplementalGroups": groups, "uid": uid}}
    if mounts := [_mount(entry) for entry in spec.get("volumeMounts") or ()]:
        status["volumeMounts"] = mounts
    return status


def _mount(entry: Mapping[str, Any]) -> dict[str, Any]:
    mount: dict[str, Any] = {"name": entry["name"], "mountPath": entry["mountPath"]}
    if entry.get("readOnly"):
        mount |= {"readOnly": True, "recursiveReadOnly": entry.get("recursiveReadOnly") or "Disabled"}
    return mount
