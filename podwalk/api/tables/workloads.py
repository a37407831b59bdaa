"""How workloads are printed: Deployments to CronJobs, autoscalers and disruption budgets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from podwalk.api.tables.column import AGE, NAME, Column, duration, since
from podwalk.api.tables.text import NONE, UNSET, containers, field, labels, number, selector
from podwalk.api.trees import dig
from podwalk.types import Object

_TEMPLATE = ("spec", "template", "spec")


def _pod_columns(*path: str, with_selector: bool = True) -> tuple[Column, ...]:
    columns = (
        Column("Containers", lambda obj, _now: containers(dig(obj, *path), "name"), 1),
        Column("Images", lambda obj, _now: containers(dig(obj, *path), "image"), 1),
    )
    if not with_selector:
        return columns
    parent = path[: path.index("template")]
    return (*columns, Column("Selector", lambda obj, _now: selector(dig(obj, *parent, "selector")), 1))


def _ready_of(wanted: int) -> Callable[[Object, datetime], str]:
    def cell(obj: Object, _now: datetime) -> str:
        replicas = dig(obj, "spec", "replicas")
        return f"{dig(obj, 'status', 'readyReplicas') or 0}/{wanted if replicas is None else replicas}"

    return cell


DEPLOYMENTS = (
    NAME,
    Column("Ready", _ready_of(1)),
    Column("Up-to-date", number("status", "updatedReplicas")),
    Column("Available", number("status", "availableReplicas")),
    AGE,
    *_pod_columns(*_TEMPLATE),
)
REPLICA_SETS = (
    NAME,
    Column("Desired", number("spec", "replicas"), type="integer"),
    Column("Current", number("status", "replicas"), type="integer"),
    Column("Ready", number("status", "readyReplicas"), type="integer"),
    AGE,
    *_pod_columns(*_TEMPLATE),
)
STATEFUL_SETS = (NAME, Column("Ready", _ready_of(1)), AGE, *_pod_columns(*_TEMPLATE, with_selector=False))
DAEMON_SETS = (
    NAME,
    Column("Desired", number("status", "desiredNumberScheduled"), type="integer"),
    Column("Current", number("status", "currentNumberScheduled"), type="integer"),
    Column("Ready", number("status", "numberReady"), type="integer"),
    Column("Up-to-date", number("status", "updatedNumberScheduled"), type="integer"),
    Column("Available", number("status", "numberAvailable"), type="integer"),
    Column("Node Selector", lambda obj, _now: labels(dig(obj, *_TEMPLATE, "nodeSelector"))),
    AGE,
    *_pod_columns(*_TEMPLATE),
)


def _controller(obj: Object, _now: datetime) -> str:
    owners = [one for one in obj["metadata"].get("ownerReferences") or () if one.get("controller")]
    if not owners:
        return NONE
    owner = owners[0]
    group = owner["apiVersion"].rpartition("/")[0]
    kind = owner["kind"].lower()
    return f"{kind}.{group}/{owner['name']}" if group else f"{kind}/{owner['name']}"


CONTROLLER_REVISIONS = (
    NAME,
    Column("Controller", _controller),
    Column("Revision", number("revision")),
    AGE,
)
POD_TEMPLATES = (
    NAME,
    Column("Containers", lambda obj, _now: containers(dig(obj, "template", "spec"), "name")),
    Column("Images", lambda obj, _now: containers(dig(obj, "template", "spec"), "image")),
    Column("Pod Labels", lambda obj, _now: labels(dig(obj, "template", "metadata", "labels"))),
)


def _job_status(job: Object, _now: datetime) -> str:
    true = {one["type"] for one in dig(job, "status", "conditions") or () if one.get("status") == "True"}
    for condition, text in (("Complete", "Complete"), ("Failed", "Failed")):
        if condition in true:
            return text
    if job["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return next((one for one in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if one in true), "Running")


def _completions(job: Object, _now: datetime) -> str:
    succeeded, wanted = dig(job, "status", "succeeded") or 0, dig(job, "spec", "completions")
    if wanted is not None:
        return f"{succeeded}/{wanted}"
    parallelism = dig(job, "spec", "parallelism") or 0
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _job_duration(job: Object, now: datetime) -> str:
    start, end = dig(job, "status", "startTime"), dig(job, "status", "completionTime")
    if not start:
        return ""
    last = datetime.fromisoformat(end) if end else now
    return duration((last - datetime.fromisoformat(start)).total_seconds())


JOBS = (
    NAME,
    Column("Status", _job_status),
    Column("Completions", _completions),
    Column("Duration", _job_duration),
    AGE,
    *_pod_columns(*_TEMPLATE),
)


def _last_schedule(job: Object, now: datetime) -> str:
    time = dig(job, "status", "lastScheduleTime")
    return since(time, now) if time else NONE


def _flag(*path: str) -> Callable[[Object, datetime], str]:
    def cell(obj: Object, _now: datetime) -> str:
        value = dig(obj, *path)
        return UNSET if value is None else str(bool(value))

    return cell


_JOB_TEMPLATE = ("spec", "jobTemplate", "spec", "template", "spec")
CRON_JOBS = (
    NAME,
    Column("Schedule", field("spec", "schedule")),
    Column("Timezone", field("spec", "timeZone", absent=NONE)),
    Column("Suspend", _flag("spec", "suspend"), type="boolean"),
    Column("Active", lambda obj, _now: len(dig(obj, "status", "active") or ()), type="integer"),
    Column("Last Schedule", _last_schedule),
    AGE,
    *_pod_columns(*_JOB_TEMPLATE),
)


def _reference(hpa: Object, _now: datetime) -> str:
    target = dig(hpa, "spec", "scaleTargetRef") or {}
    return f"{target.get('kind', '')}/{target.get('name', '')}"


def _targets(hpa: Object, _now: datetime) -> str:
    """Return each metric's value and target, at most two.

    Source: ``formatHPAMetrics``.
    """
    specs = dig(hpa, "spec", "metrics") or ()
    if not specs:
        return NONE
    current = dig(hpa, "status", "currentMetrics") or ()
    texts = [_metric(spec, current[index] if index < len(current) else {}) for index, spec in enumerate(specs)]
    shown = ", ".join(texts[:2])
    return f"{shown} + {len(texts) - 2} more..." if len(texts) > 2 else shown


_METRIC_SOURCES = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


def _metric(spec: Object, current: Object) -> str:
    source = _METRIC_SOURCES.get(spec.get("type", ""), "")
    if not source:
        return "<unknown type>"
    wanted, now = dig(spec, source, "target") or {}, dig(current, source, "current") or {}
    name = dig(spec, source, "name") if source in ("resource", "containerResource") else ""
    prefix = f"{name}: " if name else ""
    if wanted.get("averageUtilization") is not None:
        value = now.get("averageUtilization")
        return f"{prefix}{'<unknown>' if value is None else f'{value}%'}/{wanted['averageUtilization']}%"
    key = "averageValue" if wanted.get("averageValue") is not None else "value"
    suffix = " (avg)" if key == "averageValue" and source in ("object", "external") else ""
    return f"{prefix}{now.get(key) or '<unknown>'}/{wanted.get(key, '<auto>')}{suffix}"


def _or_unset(*path: str) -> Callable[[Object, datetime], Any]:
    return lambda obj, _now: UNSET if dig(obj, *path) is None else str(dig(obj, *path))


AUTOSCALERS = (
    NAME,
    Column("Reference", _reference),
    Column("Targets", _targets),
    Column("MinPods", _or_unset("spec", "minReplicas")),
    Column("MaxPods", number("spec", "maxReplicas")),
    Column("Replicas", number("status", "currentReplicas")),
    AGE,
)


def _or_na(*path: str) -> Callable[[Object, datetime], str]:
    return lambda obj, _now: "N/A" if dig(obj, *path) is None else str(dig(obj, *path))


DISRUPTION_BUDGETS = (
    NAME,
    Column("Min Available", _or_na("spec", "minAvailable")),
    Column("Max Unavailable", _or_na("spec", "maxUnavailable")),
    Column("Allowed Disruptions", number("status", "disruptionsAllowed"), type="integer"),
    AGE,
)
