"""What Jobs and CronJobs must be.

Source: kubernetes/pkg/apis/batch/validation, release 1.37.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from podwalk.api.validation import internals, metadata, pods
from podwalk.api.validation.causes import (
    IMMUTABLE,
    Causes,
    immutable,
    invalid,
    late,
    not_negative,
    not_supported,
    one_of,
    ordered,
    required,
)
from podwalk.api.validation.workloads import MISMATCH, matches, same_selector, usable
from podwalk.types import Object

_NAME_LIMIT = 63

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
    if usable(spec.get("selector")) and not matches(spec.get("selector"), labels or {}):
        yield invalid("spec.template.metadata.labels", ordered(labels), MISMATCH)
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
    yield from same_selector(spec, old)
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
    yield from _time_zone("spec.timeZone", spec.get("timeZone"))
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


def _time_zone(path: str, zone: str | None) -> Causes:
    if zone is None:
        return
    if not zone:
        yield invalid(path, zone, "timeZone must be nil or non-empty string")
    else:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield invalid(path, zone, f"unknown time zone {zone}")


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
