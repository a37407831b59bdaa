"""One reconcile of a Job: count what ended, decide whether it is over, keep enough Pods running."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from podwalk.controllers import pods as pod_states
from podwalk.controllers.claims import claim
from podwalk.controllers.controller import Context, Controller, itself, key_of, owners
from podwalk.controllers.job import indexes, pods, policy
from podwalk.controllers.owners import controller_of
from podwalk.controllers.pods import condition, parse_time
from podwalk.controllers.queue import Key
from podwalk.controllers.status import set_status
from podwalk.controllers.trees import clone
from podwalk.types import Object

RESOURCE = "jobs.batch"
RETRY_S, RETRY_LIMIT_S = 10.0, 600.0
_UNSUPPORTED = ("backoffLimitPerIndex",)


@dataclass
class Work:
    """What one reconcile knows: the Job, its Pods, and the status that it is going to have."""

    context: Context
    job: Object
    pods: list[Object]
    status: Object

    @property
    def active(self) -> list[Object]:
        """The Pods that count as running."""
        return [pod for pod in self.pods if pod_states.is_active(pod)]

    @property
    def terminating(self) -> list[Object]:
        """The Pods that were asked to go and have not ended."""
        return [pod for pod in self.pods if pod_states.is_terminating(pod) and not pod_states.is_finished(pod)]

    def now(self) -> str:
        """The present as Kubernetes writes it."""
        return self.context.simulation.timestamp()


def reconcile(context: Context, key: Key) -> float | None:
    """Bring a Job one step further, and report."""
    job = context.objects.get(RESOURCE, *key)
    if job is None or "deletionTimestamp" in job["metadata"] or _is_over(job):
        _release(context, key, job)
        return _expire(context, job)
    claim(context, "Job", job, job["spec"].get("selector"))
    work = Work(context, job, pods.read(context, job), clone(job.get("status") or {}))
    if not work.status.get("startTime") and not job["spec"].get("suspend"):
        work.status["startTime"] = work.now()
        _say_what_is_missing(work)
    counted = _count(work)
    failure = condition({"status": work.status}, "FailureTarget") or _find_failure(work)
    again_s = _follow(work, failure)
    work.pods = pods.read(context, job)
    _tell(work)
    set_status(context.objects, RESOURCE, job, work.status)
    for pod in counted:
        pods.let_go(context, pod)
    if _is_over({"status": work.status}):
        again_s = _expire(context, context.objects.get(RESOURCE, *key))
    return again_s


def _is_over(job: Object) -> bool:
    return any((condition(job, kind) or {}).get("status") == "True" for kind in ("Complete", "Failed"))


def _release(context: Context, key: Key, job: Object | None) -> None:
    """Let the Pods of a Job that is over or gone go, which nobody will count any more."""
    if job is None:
        named = context.objects.list("pods", key[0], {"batch.kubernetes.io/job-name": key[1]})
        for pod in named:
            owner = controller_of(pod)
            if pods.is_uncounted(pod) and (owner is None or owner["uid"] not in context.cache.refs):
                pods.let_go(context, pod)
        return
    for pod in pods.read(context, job):
        if pods.is_uncounted(pod) and (pod_states.is_finished(pod) or pod_states.is_terminating(pod)):
            pods.let_go(context, pod)


def _expire(context: Context, job: Object | None) -> float | None:
    """Delete a finished Job after ``ttlSecondsAfterFinished``."""
    ttl = job["spec"].get("ttlSecondsAfterFinished") if job is not None else None
    if job is None or ttl is None or "deletionTimestamp" in job["metadata"] or not _is_over(job):
        return None
    ended = condition(job, "Complete") or condition(job, "Failed") or {}
    since = parse_time(ended.get("lastTransitionTime"))
    assert since is not None, "a condition has its time"
    left = ttl - (context.simulation.datetime() - since).total_seconds()
    if left > 0:
        return float(left)
    context.objects.delete(RESOURCE, *key_of(job), propagation="Foreground", uid=job["metadata"]["uid"])
    return None


def _say_what_is_missing(work: Work) -> None:
    for field in _UNSUPPORTED:
        if work.job["spec"].get(field) is not None:
            message = f"spec.{field} is not simulated: the Job goes on without it"
            work.context.recorder.event(work.job, "Warning", "NotSimulated", message)


def _count(work: Work) -> list[Object]:
    """Add the Pods that ended since the last time; returns those to be let go."""
    counted = []
    done = indexes.parse(work.status.get("completedIndexes", ""))
    for pod in work.pods:
        abandoned = not pod["spec"].get("nodeName") or pod["metadata"].get("deletionGracePeriodSeconds") == 0
        gone = pod_states.is_terminating(pod) and abandoned
        if not pods.is_uncounted(pod) or not (pod_states.is_finished(pod) or gone):
            continue
        counted.append(pod)
        index = pods.index_of(pod)
        if pod_states.phase(pod) != "Succeeded":
            _count_failure(work, pod)
        elif not pods.is_indexed(work.job):
            work.status["succeeded"] = work.status.get("succeeded", 0) + 1
        elif index not in done:
            done.add(index)
    if pods.is_indexed(work.job):
        work.status["completedIndexes"] = indexes.render(done)
        work.status["succeeded"] = len(done)
    return counted


def _count_failure(work: Work, pod: Object) -> None:
    action, words = policy.judge(work.job, pod)
    if action != "Ignore":
        work.status["failed"] = work.status.get("failed", 0) + 1
    if action == "FailJob":
        _put(work, _condition(work, "FailureTarget", "PodFailurePolicy", words))


def _find_failure(work: Work) -> Object | None:
    spec = work.job["spec"]
    restarts = (
        sum(_restarts(pod) for pod in work.active)
        if spec["template"]["spec"].get("restartPolicy") == "OnFailure"
        else 0
    )
    limit = spec.get("backoffLimit", 6)
    if work.status.get("failed", 0) > limit or (restarts and restarts >= max(limit, 1)):
        return _condition(work, "FailureTarget", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    if (left := _deadline_s(work)) is not None and left <= 0:
        return _condition(work, "FailureTarget", "DeadlineExceeded", "Job was active longer than specified deadline")
    return None


def _restarts(pod: Object) -> int:
    statuses = pod["status"].get("containerStatuses") or ()
    return sum(entry.get("restartCount", 0) for entry in statuses)


def _deadline_s(work: Work) -> float | None:
    seconds = work.job["spec"].get("activeDeadlineSeconds")
    since = parse_time(work.status.get("startTime"))
    if seconds is None or since is None or work.job["spec"].get("suspend"):
        return None
    return float(seconds - (work.context.simulation.datetime() - since).total_seconds())


def _condition(work: Work, kind: str, reason: str, message: str, status: str = "True") -> Object:
    now = work.now()
    times = {"lastProbeTime": now, "lastTransitionTime": now}
    return {"type": kind, "status": status, **times, "reason": reason, "message": message}


def _follow(work: Work, failure: Object | None) -> float | None:
    """Act on what was found; returns the seconds until something is due by itself."""
    if failure is not None:
        _fail(work, failure)
        return None
    wanted = work.job["spec"].get("completions")
    succeeded = work.status.get("succeeded", 0)
    if (rule := policy.matched_rule(work.job, work.status)) is not None:
        _complete(work, "SuccessPolicy", f"Matched rules at index {rule}")
        return None
    if _is_complete(work, wanted, succeeded):
        _complete(work, "CompletionsReached", "Reached expected number of succeeded pods")
        return None
    if _is_suspended(work):
        pods.delete(work.context, work.job, work.active)
        return None
    waits = [wait for wait in (_keep_running(work, wanted, succeeded), _deadline_s(work)) if wait is not None]
    return min(waits, default=None)


def _fail(work: Work, failure: Object) -> None:
    _put(work, failure)
    pods.delete(work.context, work.job, work.active)
    work.pods = pods.read(work.context, work.job)
    if not work.terminating and not work.active:
        _put(work, _condition(work, "Failed", failure["reason"], failure["message"]))
        work.context.recorder.event(work.job, "Warning", failure["reason"], failure["message"])


def _is_complete(work: Work, wanted: int | None, succeeded: int) -> bool:
    if wanted is None:
        return succeeded > 0 and not work.active
    return bool(succeeded >= wanted)


def _complete(work: Work, reason: str, message: str) -> None:
    _put(work, _condition(work, "SuccessCriteriaMet", reason, message))
    pods.delete(work.context, work.job, work.active)
    work.pods = pods.read(work.context, work.job)
    if work.active or work.terminating:
        return
    _put(work, _condition(work, "Complete", reason, message))
    work.status["completionTime"] = work.now()
    work.context.recorder.event(work.job, "Normal", "Completed", "Job completed")


def _put(work: Work, entry: Object) -> None:
    present = condition({"status": work.status}, entry["type"])
    if present is not None and present["status"] == entry["status"]:
        return
    others = [other for other in work.status.get("conditions") or () if other["type"] != entry["type"]]
    work.status["conditions"] = [*others, entry]


def _is_suspended(work: Work) -> bool:
    noted = (condition({"status": work.status}, "Suspended") or {}).get("status") == "True"
    suspended = bool(work.job["spec"].get("suspend"))
    if suspended and not noted:
        _put(work, _condition(work, "Suspended", "JobSuspended", "Job suspended"))
        work.status.pop("startTime", None)
        work.context.recorder.event(work.job, "Normal", "Suspended", "Job suspended")
    elif noted and not suspended:
        _put(work, _condition(work, "Suspended", "JobResumed", "Job resumed", "False"))
        work.status["startTime"] = work.now()
        work.context.recorder.event(work.job, "Normal", "Resumed", "Job resumed")
    return suspended


def _keep_running(work: Work, completions: int | None, succeeded: int) -> float | None:
    parallelism = work.job["spec"].get("parallelism", 1)
    active = work.active
    if completions is None:
        wanted = len(active) if succeeded else parallelism
    else:
        wanted = min(parallelism, completions - succeeded)
    if len(active) > wanted:
        newest = sorted(active, key=lambda pod: (pod_states.is_ready(pod), _newest_first(pod)))
        pods.delete(work.context, work.job, newest[: len(active) - wanted])
        return None
    missing = wanted - len(active)
    if work.job["spec"].get("podReplacementPolicy") == "Failed" or work.job["spec"].get("podFailurePolicy"):
        missing -= len(work.terminating)
    if missing <= 0:
        return None
    if (wait := _backoff_s(work)) > 0:
        return wait
    for index in _next_indexes(work, completions, missing):
        pods.create(work.context, work.job, index)
    return None


def _newest_first(pod: Object) -> float:
    created = parse_time(pod["metadata"]["creationTimestamp"])
    return -created.timestamp() if created else 0.0


def _next_indexes(work: Work, completions: int | None, missing: int) -> list[int | None]:
    if not pods.is_indexed(work.job) or completions is None:
        return [None] * missing
    taken = indexes.parse(work.status.get("completedIndexes", "")) | {pods.index_of(pod) for pod in work.active}
    return [*itertools.islice((index for index in range(completions) if index not in taken), missing)]


def _backoff_s(work: Work) -> float:
    """Return the seconds to wait after failures: 10, 20, 40… since the last one, while nothing succeeded after it."""
    ended = sorted((when, pod_states.phase(pod)) for pod in work.pods if (when := _ended(pod)))
    failures = 0
    for _, phase in reversed(ended):
        if phase != "Failed":
            break
        failures += 1
    if not failures:
        return 0.0
    last = parse_time(ended[-1][0])
    assert last is not None, "the time was read from the Pod"
    passed = (work.context.simulation.datetime() - last).total_seconds()
    return max(0.0, min(RETRY_S * 2.0 ** (failures - 1), RETRY_LIMIT_S) - passed)


def _ended(pod: Object) -> str:
    if not pod_states.is_finished(pod):
        return ""
    states = [entry.get("state") or {} for entry in pod["status"].get("containerStatuses") or ()]
    times = [str((state.get("terminated") or {}).get("finishedAt") or "") for state in states]
    return max(times, default="") or str(pod["metadata"]["creationTimestamp"])


def _tell(work: Work) -> None:
    """Fill in the numbers that follow from the Pods as they are now."""
    active = work.active
    status = work.status
    for field in ("active", "succeeded", "failed"):
        if not status.get(field):
            status.pop(field, None)
    status.pop("active", None)
    if active:
        status["active"] = len(active)
    status["ready"] = sum(1 for pod in active if pod_states.is_ready(pod))
    status["terminating"] = len(work.terminating)
    status["uncountedTerminatedPods"] = {}
    if not status.get("completedIndexes"):
        status.pop("completedIndexes", None)


CONTROLLER = Controller("job-controller", reconcile, {RESOURCE: itself, "pods": owners("Job")})
