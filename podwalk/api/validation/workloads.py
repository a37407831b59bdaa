"""What Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs and CronJobs must be.

Source: kubernetes/pkg/apis/apps/validation and kubernetes/pkg/apis/batch/validation, release 1.37.
"""

from __future__ import annotations

import re
from typing import Any

from podwalk.api.validation import internals, metadata, names, pods
from podwalk.api.validation.causes import (
    IMMUTABLE,
    Causes,
    each,
    forbidden,
    immutable,
    invalid,
    late,
    not_negative,
    not_supported,
    one_of,
    ordered,
    required,
)
from podwalk.types import Object

_MISMATCH = "`selector` does not match template `labels`"
_NAME_LIMIT = 63


def deployment(obj: Object, old: Object | None) -> Causes:
    """Check a Deployment."""
    spec = obj.get("spec") or {}
    yield from not_negative("spec.replicas", spec.get("replicas"))
    yield from _selector(spec, "deployment")
    yield from _template(spec)
    yield from _strategy("spec.strategy", spec.get("strategy") or {})
    for name in ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        yield from not_negative(f"spec.{name}", spec.get(name))
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= (spec.get("minReadySeconds") or 0):
        yield invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds")
    if old is not None:
        yield from _same_selector(spec, old.get("spec") or {})


def replica_set(obj: Object, old: Object | None) -> Causes:
    """Check a ReplicaSet."""
    spec = obj.get("spec") or {}
    yield from not_negative("spec.replicas", spec.get("replicas"))
    yield from not_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    # The API speaks of a deployment here too.
    yield from _selector(spec, "deployment")
    yield from _template(spec)
    if old is not None:
        yield from _same_selector(spec, old.get("spec") or {})


def _same_selector(spec: Object, old: Object) -> Causes:
    yield from immutable("spec.selector", metadata.shown(spec.get("selector")), metadata.shown(old.get("selector")))


def _selector(spec: Object, kind: str) -> Causes:
    selector = spec.get("selector")
    if selector is None:
        yield required("spec.selector")
        return
    yield from metadata.selector("spec.selector", selector)
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield invalid("spec.selector", selector, f"empty selector is invalid for {kind}")


def _template(spec: Object, *, restart: bool = True) -> Causes:
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    if not _usable(spec.get("selector")):
        yield invalid("spec.selector", metadata.shown(spec.get("selector")), "invalid label selector")
        return
    if not matches(spec.get("selector"), labels or {}):
        yield invalid("spec.template.metadata.labels", ordered(labels), _MISMATCH)
    yield from pods.template("spec.template", template)
    if restart:
        yield from _always("spec.template.spec", template.get("spec") or {}, "ReplicaSet")


def _always(path: str, spec: Object, kind: str) -> Causes:
    if spec.get("restartPolicy") != "Always":
        yield not_supported(f"{path}.restartPolicy", spec.get("restartPolicy") or "", ("Always",))
    if spec.get("activeDeadlineSeconds") is not None:
        yield forbidden(f"{path}.activeDeadlineSeconds", f"activeDeadlineSeconds in {kind} is not Supported")


def matches(selector: Object | None, labels: Object) -> bool:
    """Tell whether a selector selects labels; none selects nothing, an empty one everything."""
    if selector is None:
        return False
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _fulfils(requirement, labels) for requirement in selector.get("matchExpressions") or ()
    )


def _fulfils(requirement: Object, labels: Object) -> bool:
    key, values = requirement.get("key", ""), requirement.get("values") or ()
    match requirement.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def _usable(selector: Object | None) -> bool:
    return not list(metadata.selector("", selector))


def _strategy(path: str, strategy: Object) -> Causes:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is not None:
            yield forbidden(f"{path}.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
    elif kind != "RollingUpdate":
        value = {"Type": kind or "", "RollingUpdate": rolling}
        yield not_supported(path, value, ("Recreate", "RollingUpdate"))
    else:
        unavailable, surge = (rolling or {}).get("maxUnavailable", 0), (rolling or {}).get("maxSurge", 0)
        at = f"{path}.rollingUpdate"
        yield from _amount(f"{at}.maxUnavailable", unavailable)
        yield from _amount(f"{at}.maxSurge", surge)
        if _number(unavailable) == 0 and _number(surge) == 0:
            yield invalid(f"{at}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0")
        yield from _at_most_all(f"{at}.maxUnavailable", unavailable)


def _amount(path: str, value: int | str) -> Causes:
    if isinstance(value, str):
        yield from each(path, value, names.percent(value))
    else:
        yield from not_negative(path, value)


def _number(value: int | str) -> int:
    if isinstance(value, str):
        return int(value[:-1]) if re.fullmatch(r"\d+%", value) else 0
    return value


def _at_most_all(path: str, value: int | str) -> Causes:
    if isinstance(value, str) and _number(value) > 100:
        yield invalid(path, value, "must not be greater than 100%")


def stateful_set(obj: Object, old: Object | None) -> Causes:
    """Check a StatefulSet."""
    spec = obj.get("spec") or {}
    policy = spec.get("podManagementPolicy") or ""
    if not policy:
        yield required("spec.podManagementPolicy")
    elif policy not in ("OrderedReady", "Parallel"):
        yield invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'")
    yield from _set_strategy(spec.get("updateStrategy") or {})
    yield from not_negative("spec.replicas", spec.get("replicas"))
    yield from not_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    yield from not_negative("spec.ordinals.start", (spec.get("ordinals") or {}).get("start"))
    if service := spec.get("serviceName"):
        yield from each("spec.serviceName", service, names.dns_label(service))
    yield from _selector(spec, "statefulset")
    yield from _set_template(spec)
    if old is not None:
        yield from _set_update(spec, old.get("spec") or {})


def _set_strategy(strategy: Object) -> Causes:
    path, kind, rolling = "spec.updateStrategy", strategy.get("type") or "", strategy.get("rollingUpdate")
    if not kind:
        yield required(path)
    elif kind == "OnDelete":
        if rolling is not None:
            value = {"Partition": rolling.get("partition", 0), "MaxUnavailable": rolling.get("maxUnavailable")}
            yield invalid(f"{path}.rollingUpdate", value, "only allowed for updateStrategy 'RollingUpdate'")
    elif kind == "RollingUpdate":
        if rolling is not None:
            yield from not_negative(f"{path}.rollingUpdate.partition", rolling.get("partition"))
    else:
        value = {"Type": kind, "RollingUpdate": rolling}
        yield invalid(path, value, "must be 'RollingUpdate' or 'OnDelete'")


def _set_template(spec: Object) -> Causes:
    """Check the template with the volumes that the claims will make."""
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    if not _usable(spec.get("selector")):
        yield invalid("spec.selector", spec.get("selector"), "")
        return
    if not matches(spec.get("selector"), labels or {}):
        yield invalid("spec.template.metadata.labels", ordered(labels), _MISMATCH)
    pod = {name: value for name, value in (template.get("spec") or {}).items() if name not in ("subdomain", "hostname")}
    claims = [(claim.get("metadata") or {}).get("name") or "" for claim in spec.get("volumeClaimTemplates") or ()]
    made: list[Object] = [{"name": name, "persistentVolumeClaim": {"claimName": name or "claim"}} for name in claims]
    kept = [volume for volume in pod.get("volumes") or () if volume.get("name") not in claims]
    yield from pods.template("spec.template", {**template, "spec": {**pod, "volumes": [*made, *kept]}})
    yield from _always("spec.template.spec", pod, "StatefulSet")


def _set_update(spec: Object, old: Object) -> Causes:
    for name in ("selector", "volumeClaimTemplates", "serviceName", "podManagementPolicy"):
        for cause in immutable(f"spec.{name}", spec.get(name), old.get(name)):
            yield late(cause)


def daemon_set(obj: Object, old: Object | None) -> Causes:
    """Check a DaemonSet."""
    spec = obj.get("spec") or {}
    if old is not None:
        yield from _same_selector(spec, old.get("spec") or {})
    selector, template = spec.get("selector"), spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    yield from metadata.selector("spec.selector", selector)
    if _usable(selector) and not matches(selector, labels or {}):
        yield invalid("spec.template.metadata.labels", ordered(labels), _MISMATCH)
    if selector is not None and not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield invalid("spec.selector", selector, "empty selector is invalid for daemonset")
    yield from pods.template("spec.template", template)
    yield from _always("spec.template.spec", template.get("spec") or {}, "DaemonSet")
    yield from not_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    yield from _daemon_strategy("spec.updateStrategy", spec.get("updateStrategy") or {})
    yield from not_negative("spec.revisionHistoryLimit", spec.get("revisionHistoryLimit"))


def _daemon_strategy(path: str, strategy: Object) -> Causes:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind == "OnDelete":
        return
    if kind != "RollingUpdate":
        value = {"Type": kind or "", "RollingUpdate": rolling}
        yield not_supported(path, value, ("RollingUpdate", "OnDelete"))
        return
    at = f"{path}.rollingUpdate"
    if rolling is None:
        yield required(at)
        return
    unavailable, surge = rolling.get("maxUnavailable", 0), rolling.get("maxSurge", 0)
    for name, value in (("maxUnavailable", unavailable), ("maxSurge", surge)):
        yield from _amount(f"{at}.{name}", value)
    for name, value in (("maxUnavailable", unavailable), ("maxSurge", surge)):
        yield from _at_most_all(f"{at}.{name}", value)
    if _number(unavailable) and _number(surge):
        yield invalid(f"{at}.maxSurge", surge, "may not be set when maxUnavailable is non-zero")
    elif not _number(unavailable) and not _number(surge):
        yield required(f"{at}.maxUnavailable", "cannot be 0 when maxSurge is 0")


def controller_revision(obj: Object, old: Object | None) -> Causes:
    """Check a ControllerRevision."""
    if obj.get("data") is None:
        yield required("data", "data is mandatory")
    yield from not_negative("revision", obj.get("revision"))
    if old is not None:
        yield from immutable("data", obj.get("data"), old.get("data"))


_JOB_NUMBERS = (
    "parallelism",
    "completions",
    "activeDeadlineSeconds",
    "backoffLimit",
    "ttlSecondsAfterFinished",
    "backoffLimitPerIndex",
    "maxFailedIndexes",
)


def job(obj: Object, old: Object | None) -> Causes:
    """Check a Job."""
    spec = obj.get("spec") or {}
    if old is None:
        yield from _generated_selector(obj["metadata"], spec)
    yield from _job_spec("spec", spec)
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    if spec.get("selector") is None:
        yield required("spec.selector")
    yield from metadata.selector("spec.selector", spec.get("selector"))
    if _usable(spec.get("selector")) and not matches(spec.get("selector"), labels or {}):
        yield invalid("spec.template.metadata.labels", ordered(labels), _MISMATCH)
    if old is not None:
        yield from _job_update(spec, old.get("spec") or {})


def _generated_selector(own: Object, spec: Object) -> Causes:
    if spec.get("manualSelector") or spec.get("selector") is None:
        return
    uid, name, prefix = own.get("uid", ""), own.get("name", ""), "batch.kubernetes.io/"
    expected = {"job-name": name, "controller-uid": uid, f"{prefix}job-name": name, f"{prefix}controller-uid": uid}
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    for key, value in expected.items():
        if labels.get(key, value) != value:
            yield invalid(f"spec.template.metadata.labels[{key}]", labels, f"must be '{value}'")
    if not matches(spec["selector"], expected):
        yield invalid("spec.selector", metadata.shown(spec["selector"]), "`selector` not auto-generated")


def _job_spec(path: str, spec: Object) -> Causes:
    for name in _JOB_NUMBERS:
        yield from not_negative(f"{path}.{name}", spec.get(name))
    if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
        yield late(required(f"{path}.backoffLimitPerIndex"))
    mode = spec.get("completionMode") or "NonIndexed"
    if mode not in ("NonIndexed", "Indexed"):
        yield not_supported(f"{path}.completionMode", mode, ("NonIndexed", "Indexed"))
    if mode == "Indexed":
        if spec.get("completions") is None:
            yield required(f"{path}.completions", "when completion mode is Indexed")
    else:
        for name in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if spec.get(name) is not None:
                yield invalid(f"{path}.{name}", spec[name], "requires indexed completion mode")
    template = spec.get("template") or {}
    yield from pods.template(f"{path}.template", template)
    policy = (template.get("spec") or {}).get("restartPolicy") or ""
    at = f"{path}.template.spec.restartPolicy"
    if policy in ("Always", ""):
        yield required(at, 'valid values: "OnFailure", "Never"')
    elif policy not in ("OnFailure", "Never"):
        yield not_supported(at, policy, ("OnFailure", "Never"))
    elif spec.get("podFailurePolicy") is not None and policy != "Never":
        yield invalid(at, policy, 'only "Never" is supported when podFailurePolicy is specified')


def _job_update(spec: Object, old: Object) -> Causes:
    if spec.get("completions") != old.get("completions"):
        indexed = spec.get("completionMode") == "Indexed"
        follows = spec.get("completions") == spec.get("parallelism")
        if not indexed:
            yield from immutable("spec.completions", spec.get("completions"), old.get("completions"))
        elif not follows:
            detail = "can only be modified in tandem with spec.parallelism"
            yield invalid("spec.completions", spec.get("completions"), f"{detail}")
    yield from _same_selector(spec, old)
    if not old.get("suspend"):
        yield from _same_template(spec.get("template") or {}, old.get("template") or {})
    for name in ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"):
        yield from immutable(f"spec.{name}", spec.get(name), old.get(name))


def _same_template(new: Object, old: Object) -> Causes:
    if new != old:
        value = {**ordered(new.get("metadata") or {}), "Spec": internals.internal("PodSpec", new.get("spec") or {})}
        yield invalid("spec.template", value, IMMUTABLE)


def cron_job(obj: Object, old: Object | None) -> Causes:
    """Check a CronJob."""
    spec = obj.get("spec") or {}
    schedule = spec.get("schedule") or ""
    if not schedule:
        yield late(required("spec.schedule"))
    else:
        yield from _schedule("spec.schedule", schedule)
    yield from not_negative("spec.startingDeadlineSeconds", spec.get("startingDeadlineSeconds"))
    policies = ("Allow", "Forbid", "Replace")
    yield from one_of("spec.concurrencyPolicy", spec.get("concurrencyPolicy"), policies)
    template = (spec.get("jobTemplate") or {}).get("spec") or {}
    yield from _job_spec("spec.jobTemplate.spec", template)
    if template.get("selector") is not None:
        yield invalid("spec.jobTemplate.spec.selector", template["selector"], "`selector` will be auto-generated")
    for name in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        yield from not_negative(f"spec.{name}", spec.get(name))
    name = obj["metadata"].get("name") or ""
    if old is None and len(name) > _NAME_LIMIT - 11:
        yield invalid("metadata.name", name, "must be no more than 52 characters")


_CRON_FIELDS: tuple[tuple[str, int, int, Any], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day-of-month", 1, 31, ()),
    ("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day-of-week", 0, 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_CRON_WORDS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly")


def _schedule(path: str, schedule: str) -> Causes:
    if "TZ" in schedule:
        yield invalid(path, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")
        return
    if schedule.startswith("@"):
        if schedule not in _CRON_WORDS and not schedule.startswith("@every "):
            yield invalid(path, schedule, f"unrecognized descriptor: {schedule}")
        return
    fields = schedule.split()
    if len(fields) != 5:
        shown = "[" + " ".join(fields) + "]"
        yield invalid(path, schedule, f"expected exactly 5 fields, found {len(fields)}: {shown}")
        return
    for text, (_, low, high, words) in zip(fields, _CRON_FIELDS, strict=True):
        problem = next(filter(None, (_cron_part(part, low, high, words) for part in text.split(","))), "")
        if problem:
            yield invalid(path, schedule, problem)
            return


def _cron_part(part: str, low: int, high: int, words: tuple[str, ...]) -> str:
    """Return what is wrong with one part of a field, in the words of robfig/cron; empty if nothing is."""
    span, _, step = part.partition("/")
    if step and not step.isdecimal():
        return f'failed to parse int from {step}: strconv.Atoi: parsing "{step}": invalid syntax'
    if step and int(step) == 0:
        return f"step of range should be a positive number: {part}"
    if span in ("*", "?"):
        return ""
    ends = []
    for word in span.split("-"):
        if word.lower() in words:
            ends.append(words.index(word.lower()) + low)
        elif word.isdecimal():
            ends.append(int(word))
        else:
            return f'failed to parse int from {word}: strconv.Atoi: parsing "{word}": invalid syntax'
    if len(ends) > 2:
        return f"too many hyphens: {part}"
    if ends[0] < low:
        return f"beginning of range ({ends[0]}) below minimum ({low}): {part}"
    if ends[-1] > high:
        return f"end of range ({ends[-1]}) above maximum ({high}): {part}"
    if ends[0] > ends[-1]:
        return f"beginning of range ({ends[0]}) beyond end of range ({ends[-1]}): {part}"
    return ""
