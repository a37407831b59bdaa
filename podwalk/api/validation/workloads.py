"""What Deployments, ReplicaSets, StatefulSets and DaemonSets must be.

Source: kubernetes/pkg/apis/apps/validation, release 1.37.
"""

from __future__ import annotations

import re

from podwalk.api.validation import internals, metadata, names, pods
from podwalk.api.validation.causes import (
    Causes,
    each,
    forbidden,
    immutable,
    invalid,
    late,
    not_negative,
    not_supported,
    ordered,
    required,
)
from podwalk.types import Object

MISMATCH = "`selector` does not match template `labels`"


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
        yield from same_selector(spec, old.get("spec") or {})


def replica_set(obj: Object, old: Object | None) -> Causes:
    """Check a ReplicaSet."""
    spec = obj.get("spec") or {}
    yield from not_negative("spec.replicas", spec.get("replicas"))
    yield from not_negative("spec.minReadySeconds", spec.get("minReadySeconds"))
    # The API speaks of a deployment here too.
    yield from _selector(spec, "deployment")
    yield from _template(spec)
    if old is not None:
        yield from same_selector(spec, old.get("spec") or {})


def same_selector(spec: Object, old: Object) -> Causes:
    """Say that a selector may not change."""
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
    if not usable(spec.get("selector")):
        yield invalid("spec.selector", metadata.shown(spec.get("selector")), "invalid label selector")
        return
    if not matches(spec.get("selector"), labels or {}):
        yield invalid("spec.template.metadata.labels", ordered(labels), MISMATCH)
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


def usable(selector: Object | None) -> bool:
    """Tell whether a selector is well formed."""
    return not list(metadata.selector("", selector))


def _strategy(path: str, strategy: Object) -> Causes:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if kind == "Recreate":
        if rolling is not None:
            yield forbidden(f"{path}.rollingUpdate", "may not be specified when strategy `type` is 'Recreate'")
    elif kind != "RollingUpdate":
        value = internals.internal("DeploymentStrategy", strategy)
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
    for name, value in (spec.get("persistentVolumeClaimRetentionPolicy") or {}).items():
        if value not in ("Retain", "Delete"):
            yield not_supported(f"spec.persistentVolumeClaimRetentionPolicy.{name}", value, ("Retain", "Delete"))
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
        value = internals.internal("StatefulSetUpdateStrategy", strategy)
        yield invalid(path, value, "must be 'RollingUpdate' or 'OnDelete'")


def _set_template(spec: Object) -> Causes:
    """Check the template with the volumes that the claims will make."""
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    if not usable(spec.get("selector")):
        yield invalid("spec.selector", spec.get("selector"), "")
        return
    if not matches(spec.get("selector"), labels or {}):
        yield invalid("spec.template.metadata.labels", ordered(labels), MISMATCH)
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
        yield from same_selector(spec, old.get("spec") or {})
    selector, template = spec.get("selector"), spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    yield from metadata.selector("spec.selector", selector)
    if usable(selector) and not matches(selector, labels or {}):
        yield invalid("spec.template.metadata.labels", ordered(labels), MISMATCH)
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
        value = internals.internal("DaemonSetUpdateStrategy", strategy)
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
