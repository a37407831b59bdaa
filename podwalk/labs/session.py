"""A learner at work on a lab: apply, look, verify, undo, reset, rebuild.

No widgets here: the step control and the headless run both use it.
"""

from __future__ import annotations

import dataclasses
import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from podwalk.facade import Applied, Changes, Cluster, Output, application, execution, wire
from podwalk.facade.addons import is_embedded
from podwalk.facade.condition import wait as wait_for
from podwalk.facade.errors import CancelledError, LearnerError, RefusedError, UnreachableError, WaitError
from podwalk.facade.kubectl import run
from podwalk.facade.manifest import parse
from podwalk.labs import contents, mark, needs, replacement
from podwalk.labs.check import CheckResult, verify
from podwalk.labs.lab import Check, Lab, Look, Step
from podwalk.labs.progress import Progress, StepProgress
from podwalk.types import Object

SLICE_S = 2.0
"""How long one watch of a cancellable wait lasts."""

WAIT_S = 120.0
"""How long a step's conditions may take."""

FOLLOW_S, AGAIN_S = 6.0, 0.5
"""How long the nodes and controllers of a real cluster may take to follow what was applied; how often it is checked."""

SERVERS_OWN = {
    "uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds",
}  # fmt: skip
"""The fields of ``metadata`` that the server sets."""


@dataclass(frozen=True)
class Sight:
    """What a look showed."""

    look: Look
    result: Any


class Session:
    """One lab on one cluster.

    Attributes:
        cluster: the cluster; its ``namespace`` is set to the lab's.
        lab: the lab; steps are added as their cells run.
        progress: what was done.
        report: called with a sentence while something takes time.
        cancelled: asked during waits; true ends them.
        keep: called when the cluster was changed, so that an assignment's submission has the change.
    """

    def __init__(self, cluster: Cluster, lab: Lab, progress: Progress) -> None:
        self.cluster, self.lab, self.progress = cluster, lab, progress
        self.report: Callable[[str], None] = lambda sentence: None
        self.cancelled: Callable[[], bool] = lambda: False
        self.keep: Callable[[], None] = lambda: None
        self._equipped = ""
        self._asked: object = None
        self._follow_s = 0.0
        cluster.namespace = lab.namespace

    def replace(self, step: Step) -> None:
        """Take a step as its cell has it; one that is not known yet comes last."""
        known = self.lab.step(step.name) is not None
        steps = [step if item.name == step.name else item for item in self.lab.steps] + ([] if known else [step])
        self.lab = dataclasses.replace(self.lab, steps=tuple(steps))

    def apply(self, step: Step, manifest: str) -> Changes:
        """Apply the manifest of a step and run its commands; what they change is kept for undo.

        Raises:
            LearnerError: when the cluster refuses something.
        """
        self._equip()
        state = self.progress.step(step.name)
        if state.applied:
            self._take_back(step)
        state.manifest, state.draft = manifest, None
        self.progress.cluster = self.identity()
        entries: list[Applied] = []
        if manifest.strip():
            marker = mark.Marker(self.cluster, self.lab.name)
            for document in parse(manifest):
                self.report(f"Applying {document.value['kind']} {document.value['metadata'].get('name', '')}")
                document = marker.marked(document)
                entries.append(replacement.apply(self.cluster, document, self.lab, state, self.report))
                self._remember(state, entries[-1])
        for command in step.run:
            self.report(command)
            inside = contents.of_namespaces(self.cluster, command)
            changes = self._run(command)
            if isinstance(changes, Output) and not changes.ok:
                raise LearnerError(f"`{command}` failed", where=str(changes))
            for entry in changes if isinstance(changes, Changes) else ():
                entries.append(entry)
                # The undo goes backwards: the namespace is made first, then what others refer to.
                for inner in reversed(inside.get(entry.label, ())):
                    self._remember(state, inner)
                self._remember(state, entry)
        state.applied = True
        # What was verified was another state, unless a later step has built on it since.
        state.done = not step.verify or (state.done and self.superseded(step))
        self.progress.save()
        return Changes(tuple(entries))

    def superseded(self, step: Step) -> bool:
        """Whether a later step was applied: then the cluster need no longer be as this step left it."""
        names = [item.name for item in self.lab.steps]
        later = names[names.index(step.name) + 1 :] if step.name in names else []
        return any(self.progress.step(name).applied for name in later)

    def _equip(self) -> None:
        """See once that the cluster has what the lab needs; it stays when the lab is reset."""
        identity = self.identity()
        if self._equipped == identity:
            return
        needs.provide(self.cluster, self.lab, self.report)
        self._equipped = identity

    def settle(self, step: Step) -> None:
        """Wait for what the step waits for, in slices, so that it can be cancelled.

        Raises:
            WaitError: when it does not come.
            CancelledError: when the learner gave up.
        """
        for command in step.wait:
            self._unless_cancelled()
            if " exec " in f" {command} ":
                self._wait_inside(command)
            else:
                self._wait(command)

    def _run(self, command: str) -> Any:
        """Run a command that may take long, and that Cancel ends."""
        with execution.cancellable(self.cancelled):
            try:
                return run(self.cluster, command)
            except CancelledError:
                self._unless_cancelled()
                raise

    def _unless_cancelled(self) -> None:
        if self.cancelled():
            raise CancelledError("cancelled; what was applied stays applied", hint="Apply again, or Reset step")

    def _wait_inside(self, command: str) -> None:
        """Wait for a command in a Pod that itself waits: ``until wget …; do sleep 1; done``."""
        self.report(command)
        found = self._run(command)
        if isinstance(found, Output) and not found.ok:
            raise WaitError(f"`{command}` failed", where=str(found))

    def _wait(self, command: str) -> None:
        deadline_s, started_s = WAIT_S, time.monotonic()
        waited_s = 0.0
        while True:
            try:
                run(self.cluster, [*shlex.split(command), f"--timeout={SLICE_S}s"])
                return
            except WaitError as error:
                self._unless_cancelled()
                # A simulated clock jumps, so slices are counted, not wall time alone.
                waited_s = max(waited_s + SLICE_S, time.monotonic() - started_s)
                if waited_s >= deadline_s:
                    raise
                self.report(error.where.splitlines()[0] if error.where else error.problem)

    def look(self, step: Step) -> Iterator[Sight]:
        """Yield the results of the step's looks, one after the other.

        Raises:
            LearnerError: when a command is refused.
            CancelledError: when the learner gave up.
        """
        for look in step.look:
            self._unless_cancelled()
            self.report(look.title or look.command)
            yield Sight(look, self._run(look.command))

    def verify(self, step: Step) -> list[CheckResult]:
        """Check every claim of a step, and note whether it is done; what a later step has changed since stays done.

        Raises:
            UnreachableError: when the cluster does not answer, which leaves what is known of the step as it was.
            CancelledError: when the learner gave up.
        """
        deadline_s = time.monotonic() + (self._patience_s() if step.verify else 0.0)
        results = []
        for check in step.verify:
            self.report(f"Checking that {check.claim}")
            results.append(self._check(check, deadline_s))
        state = self.progress.step(step.name)
        state.done = all(result.passed for result in results) or (state.done and self.superseded(step))
        self.progress.save()
        return results

    def _patience_s(self) -> float:
        """Return how long the cluster may take to follow; which kind it is, is asked once for each connection."""
        if self._asked is not self.cluster.api:
            self._follow_s = 0.0 if is_embedded(self.cluster) else FOLLOW_S
            self._asked = self.cluster.api
        return self._follow_s

    def _check(self, check: Check, deadline_s: float) -> CheckResult:
        """Check a claim until it is true, or its time is over."""
        while True:
            self._unless_cancelled()
            with execution.cancellable(self.cancelled):
                result = verify(self.cluster, check)
            if result.passed or time.monotonic() >= deadline_s:
                return result
            time.sleep(AGAIN_S)

    def undo(self, step: Step) -> None:
        """Put back every object that a step changed, newest first, and forget the step.

        Raises:
            LearnerError: when the cluster refuses.
        """
        state = self.progress.step(step.name)
        # What was done on another cluster says nothing about this one's objects of the same names.
        elsewhere = bool(self.progress.cluster) and self.progress.cluster != self.identity()
        if state.applied and not elsewhere:
            self._take_back(step)
        for path, before, _ in () if elsewhere else reversed(state.before):
            self.report(f"Restoring {path.rsplit('/', 1)[-1]}")
            self._restore(path, before)
        self.progress.steps.pop(step.name, None)
        self.progress.save()

    def _take_back(self, step: Step) -> None:
        """Take back what no object shows; where it was done, nothing may be left to take it back from."""
        for command in step.undo:
            self.report(command)
            try:
                run(self.cluster, command)
            except UnreachableError:
                raise
            except LearnerError as error:
                self.report(error.problem)

    def _restore(self, path: str, before: Object | None) -> None:
        now = application.find(self.cluster.api, path)
        if before is not None:
            _put_back(self.cluster, path, before, now)
        elif now is not None and mark.may_delete(self.cluster, now, self.lab.name):
            replacement.remove(self.cluster, path, now)

    def reset(self) -> None:
        """Undo every step, the last first.

        Raises:
            LearnerError: when the cluster refuses.
        """
        for step in reversed(self.lab.steps):
            if step.name in self.progress.steps:
                self.undo(step)

    def lost(self) -> list[Step]:
        """Return the applied steps of which something is gone: the cluster was reset, or somebody deleted it.

        Raises:
            UnreachableError: when the cluster itself is gone.
        """
        identity = self.identity()
        applied = [step for step in self.lab.steps if self.progress.step(step.name).applied]
        if self.progress.cluster and self.progress.cluster != identity:
            return applied
        deleted = {path for step in applied for path, _, uid in self.progress.step(step.name).before if not uid}
        return [step for step in applied if self._gone(self.progress.step(step.name), deleted)]

    def rebuild(self) -> None:
        """Apply every applied step again, in order, as the learner had it; a cluster that is not there is started.

        Raises:
            LearnerError: when the cluster refuses.
            PodwalkError: when it cannot be started.
            CancelledError: when the learner gave up.
        """
        try:
            self.identity()
        except UnreachableError:
            self.report("Starting the cluster")
            self.cluster.reconnect()
        elsewhere = self.progress.cluster != self.identity()
        for step in self.lab.steps:
            state = self.progress.step(step.name)
            if state.applied:
                self._unless_cancelled()
                if elsewhere:
                    state.before = []
                done, draft = state.done, state.draft
                self.apply(step, state.manifest or step.manifest)
                state.done, state.draft = done, draft
                self.settle(step)

    def identity(self) -> str:
        """Return what tells this cluster from another: the uid of kube-system; its address if that may not be read."""
        try:
            obj = application.find(self.cluster.api, "/api/v1/namespaces/kube-system")
        except RefusedError as error:
            if error.code != 403:
                raise
            return str(self.cluster.api.configuration.host)
        return str((obj or {}).get("metadata", {}).get("uid", ""))

    def _gone(self, state: StepProgress, deleted: set[str]) -> bool:
        paths = [path for path, _, uid in state.before if uid and path not in deleted]
        return any(application.find(self.cluster.api, path) is None for path in paths)

    def _remember(self, state: StepProgress, entry: Applied) -> None:
        """Keep an object as it was before the step; what a controller owns, its controller restores."""
        metadata = entry.object["metadata"]
        if any(owner.get("controller") for owner in metadata.get("ownerReferences", ())):
            return
        path = entry.kind.path(metadata.get("namespace", ""), metadata["name"])
        uid = "" if entry.change == "deleted" else str(metadata["uid"])
        known = next((number for number, item in enumerate(state.before) if item[0] == path), None)
        if known is not None:
            state.before[known] = (path, state.before[known][1], uid)
        elif entry.change != "unchanged":
            state.before.append((path, entry.before, uid))
        self.progress.save()


def _put_back(cluster: Cluster, path: str, before: Object, now: Object | None) -> None:
    if now is None:
        wire.call(cluster.api, "POST", path.rsplit("/", 1)[0], body=_bare(before))
        if before["kind"] == "Namespace":
            # No Pod is taken before its namespace has this.
            accounts, name = cluster.kinds.find("serviceaccounts"), before["metadata"]["name"]
            wait_for(cluster.api, accounts, "create", namespace=name, name="default", timeout_s=WAIT_S)
    elif now["metadata"]["uid"] != before["metadata"]["uid"] or "status" not in now:
        wire.call(cluster.api, "PUT", path, body=_with_version(before, now, keep_uid=False))
    else:
        wire.call(cluster.api, "PUT", path, body=_with_version(before, now, keep_uid=True))
    if owners := before["metadata"].get("managedFields"):
        # What was written just now is ours, and no later apply would take it away: give it back to whose it was.
        wire.call(
            cluster.api, "PATCH", path, body={"metadata": {"managedFields": owners}}, content_type=wire.MERGE_PATCH
        )


def _bare(obj: Object) -> Object:
    """Leave out what the server sets, so that the object can be made anew."""
    metadata = {key: value for key, value in obj["metadata"].items() if key not in SERVERS_OWN}
    return {key: value for key, value in obj.items() if key != "status"} | {"metadata": metadata}


def _with_version(before: Object, now: Object, *, keep_uid: bool) -> Object:
    obj = before if keep_uid else _bare(before)
    return obj | {"metadata": obj["metadata"] | {"resourceVersion": now["metadata"]["resourceVersion"]}}
