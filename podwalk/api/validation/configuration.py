"""What ConfigMaps, Secrets, Namespaces, RBAC's kinds, Leases and the others without much to them must be.

Source: kubernetes/pkg/apis/{core,rbac,coordination,policy,scheduling,storage}/validation, release 1.37.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from typing import Any

from podwalk.api.validation import metadata, names, pods
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
    required,
    too_long,
)
from podwalk.types import Object

_SIZE_LIMIT = 1024 * 1024
_FROZEN = "field is immutable when `immutable` is set"
_RBAC = "rbac.authorization.k8s.io"


def config_map(obj: Object, old: Object | None) -> Causes:
    """Check a ConfigMap."""
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    if old is not None:
        yield from _frozen(obj, old, ("data", "binaryData"))
    for key in data:
        yield from each(f"data[{key}]", key, names.config_key(key))
        if key in binary:
            yield invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
    for key in binary:
        yield from each(f"binaryData[{key}]", key, names.config_key(key))
    size = sum(len(value.encode()) for value in data.values()) + sum(len(b64decode(value)) for value in binary.values())
    if size > _SIZE_LIMIT:
        yield too_long("", _SIZE_LIMIT)


def _frozen(obj: Object, old: Object, fields: tuple[str, ...]) -> Causes:
    if old.get("immutable"):
        if not obj.get("immutable"):
            yield forbidden("immutable", _FROZEN)
        for name in fields:
            if (obj.get(name) or {}) != (old.get(name) or {}):
                yield forbidden(name, _FROZEN)


def secret(obj: Object, old: Object | None) -> Causes:
    """Check a Secret."""
    data, kind = obj.get("data") or {}, obj.get("type") or ""
    if old is not None:
        yield from immutable("type", kind, old.get("type") or "")
        yield from _frozen(obj, old, ("data",))
    for key in data:
        yield from each(f"data[{key}]", key, names.config_key(key))
    if sum(len(b64decode(value)) for value in data.values()) > _SIZE_LIMIT:
        yield too_long("data", _SIZE_LIMIT)
    yield from _secret_type(obj, kind, data)


def _secret_type(obj: Object, kind: str, data: Object) -> Causes:
    if kind == "kubernetes.io/service-account-token":
        key = "kubernetes.io/service-account.name"
        if not (obj["metadata"].get("annotations") or {}).get(key):
            yield required(f"metadata.annotations[{key}]")
    elif kind in ("kubernetes.io/dockercfg", "kubernetes.io/dockerconfigjson"):
        key = ".dockercfg" if kind.endswith("dockercfg") else ".dockerconfigjson"
        if key not in data:
            yield required(f"data[{key}]")
        else:
            yield from _json(f"data[{key}]", data[key])
    elif kind == "kubernetes.io/basic-auth":
        if "username" not in data and "password" not in data:
            yield required("data[username]")
            yield required("data[password]")
    elif kind == "kubernetes.io/ssh-auth":
        if not data.get("ssh-privatekey"):
            yield required("data[ssh-privatekey]")
    elif kind == "kubernetes.io/tls":
        for key in ("tls.crt", "tls.key"):
            if key not in data:
                yield required(f"data[{key}]")


def _json(path: str, value: str) -> Causes:
    try:
        parsed = json.loads(b64decode(value))
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        yield invalid(
            path, "<secret contents redacted>", "unexpected end of JSON input" if not value else "invalid JSON"
        )


def namespace(obj: Object, old: Object | None) -> Causes:
    """Check a Namespace."""
    yield from _pod_security(obj, old)
    if old is not None:
        return
    for value in (obj.get("spec") or {}).get("finalizers") or ():
        yield from each("spec.finalizers", value, names.label_key(value))
        if "/" not in value and value not in metadata.STANDARD_FINALIZERS:
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            yield invalid("spec.finalizers", value, detail)


_POD_SECURITY = "pod-security.kubernetes.io/"
_LEVELS = ("privileged", "baseline", "restricted")


def _pod_security(obj: Object, old: Object | None) -> Causes:
    """Check the labels of a Namespace that were changed.

    Source: k8s.io/pod-security-admission/api, ``PolicyToEvaluate``.
    """
    labels, before = (dict((one or {}).get("metadata", {}).get("labels") or {}) for one in (obj, old))
    for mode in ("enforce", "audit", "warn"):
        level, version = f"{_POD_SECURITY}{mode}", f"{_POD_SECURITY}{mode}-version"
        given = labels.get(level)
        if given not in (None, before.get(level), *_LEVELS):
            yield invalid(f"metadata.labels[{level}]", given, f"must be one of {', '.join(_LEVELS)}")
        given = labels.get(version)
        if given not in (None, before.get(version)) and not re.fullmatch(r"latest|v1\.(0|[1-9]\d*)", given):
            yield invalid(f"metadata.labels[{version}]", given, 'must be "latest" or "v1.x"')


def pod_template(obj: Object, old: Object | None) -> Causes:
    """Check a PodTemplate."""
    yield from pods.template("template", obj.get("template") or {})


def role(obj: Object, old: Object | None) -> Causes:
    """Check a Role."""
    yield from _rules(obj.get("rules") or [], namespaced=True)


def cluster_role(obj: Object, old: Object | None) -> Causes:
    """Check a ClusterRole."""
    yield from _rules(obj.get("rules") or [], namespaced=False)
    aggregation = obj.get("aggregationRule")
    if aggregation is not None:
        selectors = aggregation.get("clusterRoleSelectors") or []
        if not selectors:
            path = "aggregationRule.clusterRoleSelectors"
            yield required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil")
        for index, selector in enumerate(selectors):
            yield from metadata.selector(f"aggregationRule.clusterRoleSelectors[{index}]", selector)


def _rules(rules: list[Object], *, namespaced: bool) -> Causes:
    for index, rule in enumerate(rules):
        at = f"rules[{index}]"
        if not rule.get("verbs"):
            yield late(required(f"{at}.verbs"))
        if rule.get("nonResourceURLs"):
            if namespaced:
                detail = "namespaced rules cannot apply to non-resource URLs"
                yield invalid(f"{at}.nonResourceURLs", rule["nonResourceURLs"], detail)
            if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
                detail = "rules cannot apply to both regular resources and non-resource URLs"
                yield invalid(f"{at}.nonResourceURLs", rule["nonResourceURLs"], detail)
            continue
        if not rule.get("apiGroups"):
            yield required(f"{at}.apiGroups", "resource rules must supply at least one api group")
        if not rule.get("resources"):
            yield required(f"{at}.resources", "resource rules must supply at least one resource")


def role_binding(obj: Object, old: Object | None) -> Causes:
    """Check a RoleBinding."""
    yield from _binding(obj, old, ("Role", "ClusterRole"), namespaced=True)


def cluster_role_binding(obj: Object, old: Object | None) -> Causes:
    """Check a ClusterRoleBinding."""
    yield from _binding(obj, old, ("ClusterRole",), namespaced=False)


def _binding(obj: Object, old: Object | None, kinds: tuple[str, ...], *, namespaced: bool) -> Causes:
    reference = obj.get("roleRef") or {}
    if old is not None and reference != old.get("roleRef"):
        value = {name: reference.get(name[0].lower() + name[1:], "") for name in ("Kind", "Name")}
        yield late(invalid("roleRef", {"APIGroup": reference.get("apiGroup", ""), **value}, IMMUTABLE))
    if reference.get("apiGroup") != _RBAC:
        yield not_supported("roleRef.apiGroup", reference.get("apiGroup") or "", (_RBAC,))
    if reference.get("kind") not in kinds:
        yield not_supported("roleRef.kind", reference.get("kind") or "", kinds)
    name = reference.get("name") or ""
    if not name:
        yield required("roleRef.name")
    else:
        yield from each("roleRef.name", name, names.path_segment(name))
    for index, subject in enumerate(obj.get("subjects") or ()):
        yield from _subject(f"subjects[{index}]", subject, namespaced=namespaced)


def _subject(path: str, subject: Object, *, namespaced: bool) -> Causes:
    name, kind, group = subject.get("name") or "", subject.get("kind") or "", subject.get("apiGroup") or ""
    if not name:
        yield required(f"{path}.name")
    if kind == "ServiceAccount":
        if name:
            yield from each(f"{path}.name", name, names.dns_subdomain(name))
        if group:
            yield not_supported(f"{path}.apiGroup", group, ("",))
        if not namespaced and not subject.get("namespace"):
            yield required(f"{path}.namespace")
    elif kind in ("User", "Group"):
        if group != _RBAC:
            yield not_supported(f"{path}.apiGroup", group, (_RBAC,))
    else:
        yield not_supported(f"{path}.kind", kind, ("ServiceAccount", "User", "Group"))


def lease(obj: Object, old: Object | None) -> Causes:
    """Check a Lease."""
    spec = obj.get("spec") or {}
    seconds = spec.get("leaseDurationSeconds")
    if seconds is not None and seconds <= 0:
        yield invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0")
    transitions = spec.get("leaseTransitions")
    if transitions is not None and transitions < 0:
        yield invalid("spec.leaseTransitions", transitions, "must be greater than or equal to 0")


def disruption_budget(obj: Object, old: Object | None) -> Causes:
    """Check a PodDisruptionBudget."""
    spec = obj.get("spec") or {}
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if least is not None and most is not None:
        value: Any = {
            "MinAvailable": least,
            "Selector": spec.get("selector"),
            "MaxUnavailable": most,
            "UnhealthyPodEvictionPolicy": None,
        }
        yield invalid("spec", value, "minAvailable and maxUnavailable cannot be both set")
    for name, value in (("minAvailable", least), ("maxUnavailable", most)):
        if isinstance(value, str):
            yield from each(f"spec.{name}", value, names.percent(value))
            if value.endswith("%") and value[:-1].isdecimal() and int(value[:-1]) > 100:
                yield invalid(f"spec.{name}", value, "must not be greater than 100%")
        else:
            yield from not_negative(f"spec.{name}", value)
    yield from metadata.selector("spec.selector", spec.get("selector"))
    eviction = spec.get("unhealthyPodEvictionPolicy")
    if eviction not in (None, "AlwaysAllow", "IfHealthyBudget"):
        yield not_supported("spec.unhealthyPodEvictionPolicy", eviction, ("AlwaysAllow", "IfHealthyBudget"))


def priority_class(obj: Object, old: Object | None) -> Causes:
    """Check a PriorityClass."""
    name, value = obj["metadata"].get("name") or "", obj.get("value") or 0
    if old is not None:
        if value != (old.get("value") or 0):
            yield forbidden("value", "may not be changed in an update.")
        if obj.get("preemptionPolicy") != old.get("preemptionPolicy"):
            yield late(invalid("preemptionPolicy", obj.get("preemptionPolicy"), "field is immutable"))
        return
    if name.startswith("system-"):
        if name not in ("system-cluster-critical", "system-node-critical"):
            detail = "priority class names with 'system-' prefix are reserved for system use only. error: "
            yield forbidden("metadata.name", detail + f"{name} is not a known system priority class")
    elif value > 1_000_000_000:
        yield forbidden("value", "maximum allowed value of a user defined priority is 1000000000")


def storage_class(obj: Object, old: Object | None) -> Causes:
    """Check a StorageClass."""
    provisioner = obj.get("provisioner") or ""
    if not provisioner:
        yield required("provisioner")
    else:
        yield from each("provisioner", provisioner, names.label_key(provisioner.lower()))
    policies = ("Delete", "Retain")
    if obj.get("reclaimPolicy") and obj["reclaimPolicy"] not in policies:
        yield not_supported("reclaimPolicy", obj["reclaimPolicy"], policies)
    mode = obj.get("volumeBindingMode")
    if mode is not None and mode not in ("Immediate", "WaitForFirstConsumer"):
        yield not_supported("volumeBindingMode", mode, ("Immediate", "WaitForFirstConsumer"))
    if old is not None:
        for name in ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"):
            if obj.get(name) != old.get(name):
                # The rules made from types print a string that may not change as null.
                yield (
                    late(invalid(name, None, IMMUTABLE))
                    if name != "parameters"
                    else forbidden(name, "updates to parameters are forbidden.")
                )


def claim(obj: Object, old: Object | None) -> Causes:
    """Check a PersistentVolumeClaim."""
    spec = obj.get("spec") or {}
    modes = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
    if not spec.get("accessModes"):
        yield required("spec.accessModes", "at least 1 access mode is required")
    for mode in spec.get("accessModes") or ():
        if mode not in modes:
            yield not_supported("spec.accessModes", mode, modes)
    if not ((spec.get("resources") or {}).get("requests") or {}).get("storage"):
        yield required("spec.resources[storage]")


def event(obj: Object, old: Object | None) -> Causes:
    """Check an Event."""
    own, about = obj["metadata"].get("namespace") or "", (obj.get("involvedObject") or {}).get("namespace") or ""
    if about:
        if own != about:
            yield invalid("involvedObject.namespace", about, "does not match event.namespace")
    elif own != "default":
        yield invalid("involvedObject.namespace", about, "does not match event.namespace")
