"""What HorizontalPodAutoscalers must be.

Source: kubernetes/pkg/apis/autoscaling/validation/validation.go, release 1.37.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from podwalk.api import quantities
from podwalk.api.validation import metadata, names
from podwalk.api.validation.causes import Causes, each, forbidden, invalid, late, not_supported, required
from podwalk.types import Object

_SOURCES = ("ContainerResource", "External", "Object", "Pods", "Resource")


def autoscaler(obj: Object, old: Object | None) -> Causes:
    """Check a HorizontalPodAutoscaler."""
    spec = obj.get("spec") or {}
    least, most = spec.get("minReplicas"), spec.get("maxReplicas") or 0
    if least is not None and least < 0:
        yield late(invalid("spec.minReplicas", least, "must be greater than or equal to 0"))
    if most == 0:
        yield late(required("spec.maxReplicas"))
    elif most < 0:
        yield late(invalid("spec.maxReplicas", most, "must be greater than or equal to 1"))
    if least is not None and most < least:
        yield invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
    yield from _reference("spec.scaleTargetRef", spec.get("scaleTargetRef") or {})
    for index, metric in enumerate(spec.get("metrics") or ()):
        yield from _metric(f"spec.metrics[{index}]", metric)
    kinds = {metric.get("type") for metric in spec.get("metrics") or ()}
    if least == 0 and not kinds & {"Object", "External"}:
        detail = "must specify at least one Object or External metric to support scaling to zero replicas"
        yield forbidden("spec.metrics", detail)
    for name in ("scaleUp", "scaleDown"):
        rules = (spec.get("behavior") or {}).get(name)
        if rules is not None:
            yield from _rules(f"spec.behavior.{name}", rules)


def _reference(path: str, value: Object, *, any_group: bool = False) -> Causes:
    for name in ("kind", "name"):
        text = value.get(name) or ""
        if not text:
            yield required(f"{path}.{name}")
        else:
            yield from each(f"{path}.{name}", text, names.path_segment(text))
    version = value.get("apiVersion") or ""
    if version.count("/") > 1:
        yield invalid(f"{path}.apiVersion", version, f"unexpected GroupVersion string: {version}")
    elif "/" not in version and not any_group:
        yield invalid(f"{path}.apiVersion", version, "apiVersion must specify API group")


def _metric(path: str, metric: Object) -> Causes:
    kind = metric.get("type") or ""
    if not kind:
        yield required(f"{path}.type", "must specify a metric source type")
    if kind not in _SOURCES:
        yield not_supported(f"{path}.type", kind, _SOURCES)
    given = [name for name in _CHECKS if metric.get(name) is not None]
    for name in given[:1]:
        yield from _CHECKS[name](f"{path}.{name}", metric[name])
    expected = kind[:1].lower() + kind[1:]
    if kind in _SOURCES and expected not in given:
        yield required(f"{path}.{expected}", "must populate information for the given metric source")
    if len(given) != 1:
        for name in given:
            if name != expected:
                yield forbidden(f"{path}.{name}", "must populate the given metric source only")


def _resource(path: str, source: Object) -> Causes:
    if not source.get("name"):
        yield required(f"{path}.name", "must specify a resource name")
    target = source.get("target") or {}
    yield from _target(f"{path}.target", target)
    percent, value = target.get("averageUtilization"), target.get("averageValue")
    if percent is None and value is None:
        detail = "must set either a target raw value or a target utilization"
        yield required(f"{path}.target.averageUtilization", detail)
    if percent is not None and value is not None:
        detail = "may not set both a target raw value and a target utilization"
        yield forbidden(f"{path}.target.averageValue", detail)


def _container_resource(path: str, source: Object) -> Causes:
    container = source.get("container") or ""
    if not container:
        yield required(f"{path}.container", "must specify a container")
    else:
        yield from each(f"{path}.container", container, names.dns_label(container))
    yield from _resource(path, source)


def _pods(path: str, source: Object) -> Causes:
    yield from _identifier(f"{path}.metric", source.get("metric") or {})
    target = source.get("target") or {}
    yield from _target(f"{path}.target", target)
    if target.get("averageValue") is None:
        yield required(f"{path}.target.averageValue", "must specify a positive target averageValue")


def _object(path: str, source: Object) -> Causes:
    yield from _reference(f"{path}.describedObject", source.get("describedObject") or {}, any_group=True)
    yield from _identifier(f"{path}.metric", source.get("metric") or {})
    target = source.get("target") or {}
    yield from _target(f"{path}.target", target)
    if target.get("value") is None and target.get("averageValue") is None:
        yield required(f"{path}.target.averageValue", "must set either a target value or averageValue")


def _external(path: str, source: Object) -> Causes:
    yield from _identifier(f"{path}.metric", source.get("metric") or {})
    target = source.get("target") or {}
    yield from _target(f"{path}.target", target)
    value, average = target.get("value"), target.get("averageValue")
    if value is None and average is None:
        detail = "must set either a target value for metric or a per-pod target"
        yield required(f"{path}.target.averageValue", detail)
    if value is not None and average is not None:
        detail = "may not set both a target value for metric and a per-pod target"
        yield forbidden(f"{path}.target.value", detail)


_CHECKS: Mapping[str, Callable[[str, Object], Causes]] = {
    "object": _object,
    "external": _external,
    "pods": _pods,
    "resource": _resource,
    "containerResource": _container_resource,
}


def _identifier(path: str, metric: Object) -> Causes:
    name = metric.get("name") or ""
    if not name:
        yield required(f"{path}.name", "must specify a metric name")
    else:
        yield from each(f"{path}.name", name, names.path_segment(name))
    yield from metadata.selector(f"{path}.selector", metric.get("selector"))


def _target(path: str, target: Object) -> Causes:
    kind = target.get("type") or ""
    if not kind:
        yield required(f"{path}.type", "must specify a metric target type")
    if kind not in ("Utilization", "Value", "AverageValue"):
        detail = "must be either Utilization, Value, or AverageValue"
        yield invalid(f"{path}.type", kind, detail)
    for name in ("value", "averageValue"):
        amount = target.get(name)
        if amount is not None and quantities.amount(amount) <= 0:
            yield invalid(f"{path}.{name}", amount, "must be positive")
    percent = target.get("averageUtilization")
    if percent is not None and percent < 1:
        yield invalid(f"{path}.averageUtilization", percent, "must be greater than 0")


def _rules(path: str, rules: Object) -> Causes:
    window = rules.get("stabilizationWindowSeconds")
    if window is not None and window < 0:
        yield invalid(f"{path}.stabilizationWindowSeconds", window, "must be greater than or equal to zero")
    if window is not None and window > 3600:
        yield invalid(f"{path}.stabilizationWindowSeconds", window, "must be less than or equal to 3600")
    select = rules.get("selectPolicy")
    if select is not None and select not in ("Disabled", "Max", "Min"):
        yield not_supported(f"{path}.selectPolicy", select, ("Disabled", "Max", "Min"))
    if not rules.get("policies"):
        yield required(f"{path}.policies", "must specify at least one Policy")
    for index, policy in enumerate(rules.get("policies") or ()):
        at = f"{path}.policies[{index}]"
        if policy.get("type") not in ("Percent", "Pods"):
            yield not_supported(f"{at}.type", policy.get("type") or "", ("Percent", "Pods"))
        for name in ("value", "periodSeconds"):
            if policy.get(name, 0) <= 0:
                yield invalid(f"{at}.{name}", policy.get(name, 0), "must be greater than zero")
        if policy.get("periodSeconds", 0) > 1800:
            yield invalid(f"{at}.periodSeconds", policy["periodSeconds"], "must be less than or equal to 1800")
