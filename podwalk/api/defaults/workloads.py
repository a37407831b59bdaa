"""Defaults of what makes Pods, and of the autoscaler.

Source: kubernetes/pkg/apis/{apps,batch}/v1/defaults.go and autoscaling/v2/defaults.go, release 1.37.
"""

from __future__ import annotations

from copy import deepcopy

from podwalk.api.defaults import pods
from podwalk.api.defaults.fill import child, fill, fill_absent, items
from podwalk.types import Object

_MAX_INT32 = 2**31 - 1


def deployment(obj: Object) -> None:
    """Fill in a Deployment."""
    spec = child(obj, "spec")
    pods.template(child(spec, "template"))
    fill(spec, "replicas", 1)
    strategy = child(spec, "strategy")
    fill(strategy, "type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = child(strategy, "rollingUpdate")
        fill_absent(rolling, "maxUnavailable", "25%")
        fill_absent(rolling, "maxSurge", "25%")
    fill(spec, "revisionHistoryLimit", 10)
    fill(spec, "progressDeadlineSeconds", 600)


def replica_set(obj: Object) -> None:
    """Fill in a ReplicaSet."""
    spec = child(obj, "spec")
    pods.template(child(spec, "template"))
    fill(spec, "replicas", 1)


def stateful_set(obj: Object) -> None:
    """Fill in a StatefulSet."""
    spec = child(obj, "spec")
    pods.template(child(spec, "template"))
    fill(spec, "podManagementPolicy", "OrderedReady")
    strategy = child(spec, "updateStrategy")
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        child(strategy, "rollingUpdate")
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] == "RollingUpdate" and isinstance(rolling, dict):
        fill(rolling, "partition", 0)
        fill_absent(rolling, "maxUnavailable", 1)
    retention = child(spec, "persistentVolumeClaimRetentionPolicy")
    fill(retention, "whenDeleted", "Retain")
    fill(retention, "whenScaled", "Retain")
    fill(spec, "replicas", 1)
    fill(spec, "revisionHistoryLimit", 10)
    for claim in items(spec, "volumeClaimTemplates"):
        claim.setdefault("apiVersion", "v1")
        claim.setdefault("kind", "PersistentVolumeClaim")
        fill(child(claim, "spec"), "volumeMode", "Filesystem")
        fill(child(claim, "status"), "phase", "Pending")


def daemon_set(obj: Object) -> None:
    """Fill in a DaemonSet."""
    spec = child(obj, "spec")
    pods.template(child(spec, "template"))
    strategy = child(spec, "updateStrategy")
    fill(strategy, "type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = child(strategy, "rollingUpdate")
        fill_absent(rolling, "maxUnavailable", 1)
        fill_absent(rolling, "maxSurge", 0)
    fill(spec, "revisionHistoryLimit", 10)


def job(obj: Object) -> None:
    """Fill in a Job."""
    spec = child(obj, "spec")
    template = child(spec, "template")
    _job_template(spec)
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    fill(spec, "parallelism", 1)
    fill(spec, "backoffLimit", 6 if spec.get("backoffLimitPerIndex") is None else _MAX_INT32)
    labels = child(template, "metadata").get("labels")
    metadata = child(obj, "metadata")
    if labels and not metadata.get("labels"):
        # The same map, as upstream's defaulting shares it: the labels that the Job adds to its Pods become its own.
        metadata["labels"] = labels
    fill_absent(spec, "completionMode", "NonIndexed")
    fill(spec, "suspend", False)
    fill_absent(spec, "podReplacementPolicy", "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed")
    fill(spec, "manualSelector", False)
    if metadata.get("uid") and not spec["manualSelector"]:
        _select_own_pods(spec, metadata)


def _select_own_pods(spec: Object, metadata: Object) -> None:
    """Give a Job that is being made a selector of its own, and its Pods the labels that it selects.

    Source: ``generateSelector`` in kubernetes/pkg/registry/batch/job/strategy.go.
    """
    uid, name, prefix = metadata["uid"], metadata.get("name", ""), "batch.kubernetes.io/"
    own = {"job-name": name, "controller-uid": uid, f"{prefix}job-name": name, f"{prefix}controller-uid": uid}
    template = child(spec["template"], "metadata")
    labels = child(template, "labels")
    labels |= own
    selector = child(spec, "selector")
    selector["matchLabels"] = {f"{prefix}controller-uid": uid, **(selector.get("matchLabels") or {})}


def cron_job(obj: Object) -> None:
    """Fill in a CronJob; its Jobs are filled in when they are made."""
    spec = child(obj, "spec")
    _job_template(child(child(spec, "jobTemplate"), "spec"))
    fill(spec, "concurrencyPolicy", "Allow")
    fill(spec, "suspend", False)
    fill(spec, "successfulJobsHistoryLimit", 3)
    fill(spec, "failedJobsHistoryLimit", 1)


def _job_template(spec: Object) -> None:
    pods.template(child(spec, "template"))
    for rule in items(spec.get("podFailurePolicy") or {}, "rules"):
        for pattern in items(rule, "onPodConditions"):
            fill(pattern, "status", "True")


_PERCENT = {"type": "Percent", "value": 100, "periodSeconds": 15}
_SCALE_UP: Object = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}, _PERCENT],
}
_SCALE_DOWN: Object = {"selectPolicy": "Max", "policies": [_PERCENT]}


def autoscaler(obj: Object) -> None:
    """Fill in a HorizontalPodAutoscaler."""
    spec = child(obj, "spec")
    fill(spec, "minReplicas", 1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    behavior = spec.get("behavior")
    if isinstance(behavior, dict):
        for name, rules in (("scaleUp", _SCALE_UP), ("scaleDown", _SCALE_DOWN)):
            given = {key: value for key, value in (behavior.get(name) or {}).items() if value is not None}
            behavior[name] = deepcopy(rules) | given
