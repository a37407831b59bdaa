"""CronJob: a Job at every time that its schedule names.

Source: k8s.io/kubernetes/pkg/controller/cronjob. The schedule is read by cronsim.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from podwalk.controllers.controller import Context, Controller, itself, key_of, owners
from podwalk.controllers.owners import is_controlled_by, owner_reference
from podwalk.controllers.pods import condition, parse_time
from podwalk.controllers.queue import Key
from podwalk.controllers.status import set_status
from podwalk.controllers.trees import clone
from podwalk.types import Object

RESOURCE, JOBS = "cronjobs.batch", "jobs.batch"
TIMESTAMP = "batch.kubernetes.io/cronjob-scheduled-timestamp"
MANAGER = "kube-controller-manager"
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}


def reconcile(context: Context, key: Key) -> float | None:
    """Start the Job that is due, note those that ended, and return when the next one is due."""
    cron_job = context.objects.get(RESOURCE, *key)
    if cron_job is None or "deletionTimestamp" in cron_job["metadata"]:
        return None
    status = clone(cron_job.get("status") or {})
    _note_ended(context, cron_job, status)
    again_s = None if cron_job["spec"].get("suspend") else _schedule(context, cron_job, status)
    _set_active(context, cron_job, status)
    set_status(context.objects, RESOURCE, cron_job, status)
    _clean_up(context, cron_job)
    return again_s


def _jobs(context: Context, cron_job: Object) -> list[Object]:
    found = context.objects.lookup("owner", cron_job["metadata"]["uid"])
    return [entry for entry in found if entry["kind"] == "Job" and is_controlled_by(entry, cron_job)]


def _ended(job: Object) -> str:
    """Return the condition that ended a Job, empty while it runs."""
    return next((kind for kind in ("Complete", "Failed") if (condition(job, kind) or {}).get("status") == "True"), "")


def _note_ended(context: Context, cron_job: Object, status: Object) -> None:
    active = {entry["uid"] for entry in status.get("active") or ()}
    for job in _jobs(context, cron_job):
        if job["metadata"]["uid"] not in active or not (how := _ended(job)):
            continue
        message = f"Saw completed job: {job['metadata']['name']}, condition: {how}"
        context.recorder.event(cron_job, "Normal", "SawCompletedJob", message)
        done = (job.get("status") or {}).get("completionTime")
        if done and done > status.get("lastSuccessfulTime", ""):
            status["lastSuccessfulTime"] = done


def _schedule(context: Context, cron_job: Object, status: Object) -> float | None:
    now = context.simulation.datetime()
    since = parse_time(status.get("lastScheduleTime")) or parse_time(cron_job["metadata"]["creationTimestamp"]) or now
    limit = cron_job["spec"].get("startingDeadlineSeconds")
    if limit is not None:
        since = max(since, now - timedelta(seconds=limit))
    try:
        times = _times(cron_job["spec"], since)
        due, following = None, next(times)
        while following <= now:
            due, following = following, next(times)
    except (CronSimError, StopIteration, KeyError) as error:
        schedule = cron_job["spec"]["schedule"]
        context.recorder.event(
            cron_job, "Warning", "UnparseableSchedule", f'unparseable schedule: "{schedule}" : {error}'
        )
        return None
    if due is not None and _may_start(context, cron_job):
        _start(context, cron_job, due)
        status["lastScheduleTime"] = due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (following - context.simulation.datetime()).total_seconds()


def _times(spec: Object, since: datetime) -> CronSim:
    zone = ZoneInfo(spec["timeZone"]) if spec.get("timeZone") else UTC
    return CronSim(MACROS.get(str(spec["schedule"]), str(spec["schedule"])), since.astimezone(zone))


def _may_start(context: Context, cron_job: Object) -> bool:
    running = [job for job in _jobs(context, cron_job) if not _ended(job)]
    policy = cron_job["spec"].get("concurrencyPolicy", "Allow")
    if policy == "Forbid" and running:
        message = "Not starting job because prior execution is running and concurrency policy is Forbid"
        context.recorder.event(cron_job, "Normal", "JobAlreadyActive", message)
        return False
    if policy == "Replace":
        for job in running:
            context.objects.delete(JOBS, *key_of(job), propagation="Background", uid=job["metadata"]["uid"])
            message = f"Deleted job {job['metadata']['name']}"
            context.recorder.event(cron_job, "Normal", "SuccessfulDelete", message)
    return True


def _start(context: Context, cron_job: Object, due: datetime) -> None:
    metadata, template = cron_job["metadata"], clone(cron_job["spec"]["jobTemplate"])
    source = template.get("metadata") or {}
    stamp = due.strftime("%Y-%m-%dT%H:%M:%SZ" if due.utcoffset() == timedelta(0) else "%Y-%m-%dT%H:%M:%S%:z")
    name = f"{metadata['name']}-{int(due.timestamp()) // 60}"
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": source.get("labels") or {},
            "annotations": {**(source.get("annotations") or {}), TIMESTAMP: stamp},
            "ownerReferences": [owner_reference(cron_job, "batch/v1", "CronJob")],
        },
        "spec": template["spec"],
    }
    context.objects.create(JOBS, job, manager=MANAGER)
    context.recorder.event(cron_job, "Normal", "SuccessfulCreate", f"Created job {name}")


def _set_active(context: Context, cron_job: Object, status: Object) -> None:
    active = [
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": job["metadata"]["name"],
            "namespace": job["metadata"]["namespace"],
            "resourceVersion": job["metadata"]["resourceVersion"],
            "uid": job["metadata"]["uid"],
        }
        for job in _jobs(context, cron_job)
        if not _ended(job)
    ]
    known = {entry["uid"]: entry for entry in status.get("active") or ()}
    status.pop("active", None)
    if active:
        status["active"] = [known.get(entry["uid"], entry) for entry in active]


def _clean_up(context: Context, cron_job: Object) -> None:
    spec = cron_job["spec"]
    limits = {"Complete": spec.get("successfulJobsHistoryLimit", 3), "Failed": spec.get("failedJobsHistoryLimit", 1)}
    for how, limit in limits.items():
        ended = [job for job in _jobs(context, cron_job) if _ended(job) == how]
        ended.sort(key=lambda job: job["metadata"]["creationTimestamp"])
        for job in ended[: max(0, len(ended) - limit)]:
            context.objects.delete(JOBS, *key_of(job), propagation="Background", uid=job["metadata"]["uid"])
            message = f"Deleted job {job['metadata']['name']}"
            context.recorder.event(cron_job, "Normal", "SuccessfulDelete", message)


CONTROLLER = Controller("cronjob-controller", reconcile, {RESOURCE: itself, JOBS: owners("CronJob")})
