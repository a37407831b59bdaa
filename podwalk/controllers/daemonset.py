"""DaemonSet: one Pod on every node that will have it.

Source: k8s.io/kubernetes/pkg/controller/daemon.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from podwalk.controllers import history, pods
from podwalk.controllers.claims import claim
from podwalk.controllers.controller import Context, Controller, itself, key_of, owners
from podwalk.controllers.deployment.family import scaled
from podwalk.controllers.owners import controller_of, is_controlled_by
from podwalk.controllers.queue import Key
from podwalk.controllers.scheduler import filters
from podwalk.controllers.status import set_status
from podwalk.errors import ApiError
from podwalk.types import Change, Object

RESOURCE, KIND = "daemonsets.apps", "DaemonSet"
GENERATION = "deprecated.daemonset.template.generation"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_TOLERATED = (
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
)
_NETWORK = ("node.kubernetes.io/network-unavailable", "NoSchedule")


@dataclass
class Work:
    """What one reconcile knows: the set, the hash of its template, its Pods by node."""

    context: Context
    daemon_set: Object
    hash: str
    pods: dict[str, list[Object]]

    @property
    def tolerations(self) -> list[Object]:
        """The template's tolerations with those that every daemon has."""
        return _tolerations(self.daemon_set["spec"]["template"]["spec"])

    def is_updated(self, pod: Object) -> bool:
        """Tell whether a Pod is of the present template."""
        return (pod["metadata"].get("labels") or {}).get(history.REVISION_LABEL) == self.hash

    def available_in(self, pod: Object) -> float | None:
        """Return the seconds until a Pod is available; None if it is not ready."""
        seconds = self.daemon_set["spec"].get("minReadySeconds", 0)
        return pods.available_in(pod, seconds, self.context.simulation.datetime())


def reconcile(context: Context, key: Key) -> float | None:
    """Create and delete Pods until each node has its own, and report."""
    daemon_set = context.objects.get(RESOURCE, *key)
    if daemon_set is None:
        context.cache.adoptable.pop((KIND, key), None)
        return None
    claim(context, KIND, daemon_set, daemon_set["spec"].get("selector"))
    revision, revisions = history.current(context, daemon_set, KIND, history.REVISION_LABEL)
    text = revision["metadata"]["labels"][history.REVISION_LABEL]
    work = Work(context, daemon_set, text, _pods(context, daemon_set))
    failure = None
    if "deletionTimestamp" not in daemon_set["metadata"]:
        try:
            _place(work)
            work.pods = _pods(context, daemon_set)
            _roll(work)
        except ApiError as error:
            failure = error
        work.pods = _pods(context, daemon_set)
    set_status(context.objects, RESOURCE, daemon_set, _status(work))
    history.truncate(context, daemon_set, revisions, _live(work, revisions))
    if failure is not None:
        raise failure
    waits = [work.available_in(pod) for found in work.pods.values() for pod in found]
    return min((wait for wait in waits if wait), default=None)


def target(pod: Object) -> str:
    """Return the node that a DaemonSet's Pod runs on or is meant for."""
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    for term in (affinity.get(REQUIRED) or {}).get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if field["key"] == "metadata.name":
                return str(field["values"][0])
    return ""


def _pods(context: Context, daemon_set: Object) -> dict[str, list[Object]]:
    out: dict[str, list[Object]] = {}
    for pod in context.objects.lookup("owner", daemon_set["metadata"]["uid"]):
        if pod["kind"] == "Pod" and is_controlled_by(pod, daemon_set):
            out.setdefault(target(pod), []).append(pod)
    return out


def _shall_run(work: Work, node: Object) -> tuple[bool, bool]:
    """Return whether a Pod shall start on a node, and whether one that runs there may stay."""
    pod = {"spec": {**work.daemon_set["spec"]["template"]["spec"], "tolerations": work.tolerations}}
    wanted = work.daemon_set["spec"]["template"]["spec"].get("nodeName")
    if (wanted and wanted != node["metadata"]["name"]) or not filters.selects(pod, node):
        return False, False
    taints = (node.get("spec") or {}).get("taints") or ()
    starts = not filters.untolerated(pod, taints, ("NoSchedule", "NoExecute"))
    return starts, not filters.untolerated(pod, taints, ("NoExecute",))


def _place(work: Work) -> None:
    context, daemon_set = work.context, work.daemon_set
    nodes = {node["metadata"]["name"]: node for node in context.objects.list("nodes")}
    for name, node in nodes.items():
        starts, stays = _shall_run(work, node)
        found = [pod for pod in work.pods.get(name, ()) if not pods.is_terminating(pod)]
        for pod in [pod for pod in found if pods.is_finished(pod)]:
            _drop_failed(work, pod, name)
            found.remove(pod)
        going = [pod for pod in work.pods.get(name, ()) if pods.is_terminating(pod)]
        if starts and not found and not going:
            _create(context, daemon_set, _new_pod(daemon_set, work.hash, name))
        elif not stays:
            for pod in found:
                _delete(context, daemon_set, pod)
        elif len(found) > 1 and not _surge(work):
            for pod in sorted(found, key=lambda pod: (not pods.is_ready(pod), _age(pod)))[1:]:
                _delete(context, daemon_set, pod)
    for name in work.pods.keys() - nodes.keys():
        for pod in work.pods[name]:
            if not pods.is_terminating(pod):
                _delete(context, daemon_set, pod)


def _age(pod: Object) -> tuple[str, str]:
    return pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]


def _drop_failed(work: Work, pod: Object, node: str) -> None:
    namespace, name = key_of(pod)
    failed = pods.phase(pod) == "Failed"
    message = f"Found {'failed' if failed else 'succeeded'} daemon pod {namespace}/{name} on node {node}, will try to "
    reason = "FailedDaemonPod" if failed else "SucceededDaemonPod"
    kind = "Warning" if failed else "Normal"
    work.context.recorder.event(
        work.daemon_set,
        "Warning" if kind == "Warning" else "Normal",
        reason,
        message + ("kill it" if failed else "delete it"),
    )
    _delete(work.context, work.daemon_set, pod)


def _create(context: Context, daemon_set: Object, pod: Object) -> None:
    try:
        created = context.objects.create("pods", pod, manager="kube-controller-manager")
    except ApiError as error:
        context.recorder.event(daemon_set, "Warning", "FailedCreate", f"Error creating: {error}")
        raise
    message = f"Created pod: {created['metadata']['name']}"
    context.recorder.event(daemon_set, "Normal", "SuccessfulCreate", message)


def _delete(context: Context, daemon_set: Object, pod: Object) -> None:
    context.objects.delete("pods", *key_of(pod), uid=pod["metadata"]["uid"])
    context.recorder.event(daemon_set, "Normal", "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")


def _new_pod(daemon_set: Object, text: str, node: str) -> Object:
    metadata = daemon_set["metadata"]
    pod = pods.from_template(daemon_set["spec"]["template"], metadata["namespace"], daemon_set, "apps/v1", KIND)
    pod["metadata"]["generateName"] = f"{metadata['name']}-"
    generation = (metadata.get("annotations") or {}).get(GENERATION, str(metadata.get("generation", 1)))
    pod["metadata"]["labels"] |= {history.REVISION_LABEL: text, "pod-template-generation": generation}
    spec = pod["spec"]
    affinity = spec.setdefault("affinity", {}) or {}
    named = [{"key": "metadata.name", "operator": "In", "values": [node]}]
    required = (affinity.get("nodeAffinity") or {}).get(REQUIRED) or {}
    terms = [{**term, "matchFields": named} for term in required.get("nodeSelectorTerms") or ()]
    wanted = {"nodeSelectorTerms": terms or [{"matchFields": named}]}
    spec["affinity"] = {**affinity, "nodeAffinity": {**(affinity.get("nodeAffinity") or {}), REQUIRED: wanted}}
    spec["tolerations"] = _tolerations(spec)
    return pod


def _tolerations(spec: Object) -> list[Object]:
    extra = [*_TOLERATED, _NETWORK] if spec.get("hostNetwork") else _TOLERATED
    tolerations: list[Object] = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in extra]
    present = spec.get("tolerations") or []
    return [*present, *(entry for entry in tolerations if entry not in present)]


def _rolling(work: Work) -> Object:
    strategy = work.daemon_set["spec"].get("updateStrategy") or {}
    return dict(strategy.get("rollingUpdate") or {}) if strategy.get("type", "RollingUpdate") == "RollingUpdate" else {}


def _surge(work: Work) -> int:
    return scaled(_rolling(work).get("maxSurge", 0), max(1, len(work.pods)), up=True)


def _roll(work: Work) -> None:
    """Replace Pods of an old template: old ones first, or with ``maxSurge`` new ones first."""
    strategy = work.daemon_set["spec"].get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return
    nodes = {node["metadata"]["name"]: node for node in work.context.objects.list("nodes")}
    wanted = [name for name, node in nodes.items() if _shall_run(work, node)[0]]
    if surge := _surge(work):
        _roll_by_surge(work, wanted, surge)
        return
    allowed = scaled(_rolling(work).get("maxUnavailable", 1), len(wanted), up=True)
    missing, candidates = 0, []
    for name in wanted:
        found = work.pods.get(name, [])
        alive = [pod for pod in found if not pods.is_terminating(pod)]
        if not any(work.available_in(pod) == 0 for pod in alive):
            missing += 1
            # An old Pod that does not serve anyway costs nothing.
            for pod in alive:
                if not work.is_updated(pod):
                    _delete(work.context, work.daemon_set, pod)
        else:
            candidates += [pod for pod in alive if not work.is_updated(pod)]
    for pod in candidates[: max(0, allowed - missing)]:
        _delete(work.context, work.daemon_set, pod)


def _roll_by_surge(work: Work, wanted: list[str], surge: int) -> None:
    for name in wanted:
        alive = [pod for pod in work.pods.get(name, ()) if not pods.is_terminating(pod)]
        old = [pod for pod in alive if not work.is_updated(pod)]
        new = [pod for pod in alive if work.is_updated(pod)]
        if old and new:
            surge -= 1
            if any(work.available_in(pod) == 0 for pod in new):
                for pod in old:
                    _delete(work.context, work.daemon_set, pod)
    for name in wanted:
        alive = [pod for pod in work.pods.get(name, ()) if not pods.is_terminating(pod)]
        if surge > 0 and alive and not any(work.is_updated(pod) for pod in alive):
            _create(work.context, work.daemon_set, _new_pod(work.daemon_set, work.hash, name))
            surge -= 1


def _status(work: Work) -> Object:
    desired = current = misplaced = ready = updated = available = 0
    for node in work.context.objects.list("nodes"):
        found = work.pods.get(node["metadata"]["name"], [])
        if not _shall_run(work, node)[0]:
            misplaced += bool(found)
            continue
        desired += 1
        current += bool(found)
        if found:
            newest = min(found, key=_age)
            ready += pods.is_ready(newest)
            available += work.available_in(newest) == 0
            updated += work.is_updated(newest)
    numbers = {
        "updatedNumberScheduled": updated,
        "numberAvailable": available,
        "numberUnavailable": desired - available,
        "observedGeneration": work.daemon_set["metadata"].get("generation", 0),
        "collisionCount": (work.daemon_set.get("status") or {}).get("collisionCount", 0),
    }
    return {
        "desiredNumberScheduled": desired,
        "currentNumberScheduled": current,
        "numberMisscheduled": misplaced,
        "numberReady": ready,
        **{field: value for field, value in numbers.items() if value},
    }


def _live(work: Work, revisions: Iterable[Object]) -> set[str]:
    used = {
        (pod["metadata"].get("labels") or {}).get(history.REVISION_LABEL)
        for found in work.pods.values()
        for pod in found
    } | {work.hash}
    return {
        entry["metadata"]["name"]
        for entry in revisions
        if entry["metadata"]["labels"].get(history.REVISION_LABEL) in used
    }


def _of_pod(context: Context, change: Change) -> Iterable[Key]:
    yield from owners(KIND)(context, change)
    if controller_of(change.object) is None:
        metadata = change.object["metadata"]
        yield from context.cache.workloads[KIND].matching(metadata["namespace"], metadata.get("labels"))


def _of_node(context: Context, change: Change) -> Iterable[Key]:
    old, new = change.old or {}, change.object
    labels = (old.get("metadata") or {}).get("labels") == new["metadata"].get("labels")
    taints = (old.get("spec") or {}).get("taints") == (new.get("spec") or {}).get("taints")
    if change.type == "MODIFIED" and labels and taints:
        return ()
    return [key_of(entry) for entry in context.objects.list(RESOURCE)]


CONTROLLER = Controller("daemonset-controller", reconcile, {RESOURCE: itself, "pods": _of_pod, "nodes": _of_node})
