"""What the containers of a Pod must be.

Source: ``validateContainerCommon`` in kubernetes/pkg/apis/core/validation/validation.go, release 1.37.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from podwalk.api import quantities
from podwalk.api.validation import internals, names
from podwalk.api.validation.causes import (
    Causes,
    duplicate,
    each,
    forbidden,
    invalid,
    not_found,
    not_supported,
    one_of,
    required,
)
from podwalk.types import Object

PROTOCOLS = ("SCTP", "TCP", "UDP")
ENV_FIELDS = (
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
)
_FIELD_LABELS = (*ENV_FIELDS, "spec.restartPolicy", "spec.schedulerName", "status.phase", "spec.hostNetwork")
_CONTAINER_RESOURCES = (
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
)
_STANDARD_RESOURCES = ("cpu", "memory", "ephemeral-storage")
_MAX_ID = 2**31 - 1
_SUFFIXES = ("", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")


@dataclass(frozen=True)
class Around:
    """What of the Pod a container's check needs.

    Attributes:
        volumes: the good volumes of the Pod, by name.
        grace_s: the Pod's grace period.
        host_users: whether the Pod shares the node's user namespace.
    """

    volumes: Mapping[str, Object] = field(default_factory=dict)
    grace_s: int = 30
    host_users: bool = True


def common(path: str, container: Object, around: Around) -> Causes:
    """Check what any container has, whatever its role."""
    name = container.get("name") or ""
    if not name:
        yield required(f"{path}.name")
    else:
        yield from each(f"{path}.name", name, names.dns_label(name))
    if not container.get("image"):
        yield required(f"{path}.image")
    policies = ("File", "FallbackToLogsOnError")
    yield from one_of(f"{path}.terminationMessagePolicy", container.get("terminationMessagePolicy"), policies)
    yield from ports(f"{path}.ports", container.get("ports") or [])
    yield from environment(f"{path}.env", container.get("env") or [])
    yield from environment_sources(f"{path}.envFrom", container.get("envFrom") or [])
    yield from mounts(f"{path}.volumeMounts", container, around)
    yield from one_of(f"{path}.imagePullPolicy", container.get("imagePullPolicy"), ("Always", "IfNotPresent", "Never"))
    yield from resources(f"{path}.resources", container.get("resources") or {})
    yield from security(f"{path}.securityContext", container.get("securityContext") or {}, around)


def ports(path: str, values: list[Object]) -> Causes:
    """Check the ports that a container lists."""
    seen = set()
    for index, port in enumerate(values):
        at = f"{path}[{index}]"
        if name := port.get("name"):
            problems = names.port_name(name)
            yield from each(f"{at}.name", name, problems)
            if not problems and name in seen:
                yield duplicate(f"{at}.name", name)
            seen.add(name)
        number = port.get("containerPort") or 0
        if number == 0:
            yield required(f"{at}.containerPort")
        else:
            yield from each(f"{at}.containerPort", number, names.port_number(number))
        if host := port.get("hostPort"):
            yield from each(f"{at}.hostPort", host, names.port_number(host))
        yield from one_of(f"{at}.protocol", port.get("protocol"), PROTOCOLS)


def host_port_conflicts(path: str, containers: Iterable[Object]) -> Causes:
    """Say which ports of the node are asked for twice."""
    seen = set()
    for index, container in enumerate(containers):
        for number, port in enumerate(container.get("ports") or ()):
            host = port.get("hostPort")
            key = f"{port.get('protocol', '')}/{port.get('hostIP', '')}/{host}"
            if host and key in seen:
                yield duplicate(f"{path}[{index}].ports[{number}].hostPort", key)
            seen.add(key)


def environment(path: str, values: list[Object]) -> Causes:
    """Check environment variables."""
    for index, variable in enumerate(values):
        at = f"{path}[{index}]"
        if not variable.get("name"):
            yield required(f"{at}.name")
        else:
            yield from each(f"{at}.name", variable["name"], names.variable(variable["name"]))
        if variable.get("valueFrom") is not None:
            yield from _value_from(f"{at}.valueFrom", variable)


def _value_from(path: str, variable: Object) -> Causes:
    source = variable["valueFrom"]
    given = [name for name in _VALUE_SOURCES if source.get(name) is not None]
    for name in given:
        yield from _VALUE_SOURCES[name](f"{path}.{name}", source[name])
    if not given:
        detail = (
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        )
        yield invalid(path, "", detail)
    elif variable.get("value"):
        yield invalid(path, "", "may not be specified when `value` is not empty")
    elif len(given) > 1:
        yield invalid(path, "", "may not have more than one field specified at a time")


def field_reference(path: str, source: Object, allowed: Iterable[str]) -> Causes:
    """Check a reference to a field of the Pod."""
    if not source.get("apiVersion"):
        yield required(f"{path}.apiVersion")
        return
    wanted = source.get("fieldPath") or ""
    if not wanted:
        yield required(f"{path}.fieldPath")
        return
    if source["apiVersion"] != "v1":
        detail = f"error converting fieldPath: unsupported pod version: {source['apiVersion']}"
        yield invalid(f"{path}.fieldPath", wanted, detail)
        return
    subscript = re.fullmatch(r"(.+)\['(.*)'\]", wanted)
    if subscript and subscript[1] in ("metadata.labels", "metadata.annotations"):
        key = subscript[2] if subscript[1] == "metadata.labels" else subscript[2].lower()
        yield from each(path, key, names.label_key(key))
    elif subscript or wanted not in (*_FIELD_LABELS, "metadata.labels", "metadata.annotations"):
        detail = f"error converting fieldPath: field label not supported: {wanted}"
        yield invalid(f"{path}.fieldPath", wanted, detail)
    elif wanted not in allowed:
        yield not_supported(f"{path}.fieldPath", wanted, sorted(allowed))


def resource_reference(path: str, source: Object, *, volume: bool = False) -> Causes:
    """Check a reference to a container's resources."""
    resource = source.get("resource") or ""
    if volume and not source.get("containerName"):
        yield required(f"{path}.containerName")
    elif not resource:
        yield required(f"{path}.resource")
    elif resource not in _CONTAINER_RESOURCES and not re.match(r"(requests|limits)\.hugepages-", resource):
        yield not_supported(f"{path}.resource", resource, _CONTAINER_RESOURCES)
    yield from _divisor(f"{path}.divisor", resource, str(source.get("divisor") or "0"))


def _divisor(path: str, resource: str, divisor: str) -> Causes:
    if quantities.amount(divisor) == 0:
        return
    if resource in ("limits.cpu", "requests.cpu"):
        if divisor not in ("1m", "1"):
            yield invalid(path, resource, "only divisor's values 1m and 1 are supported with the cpu resource")
        return
    kinds = {"memory": "memory", "ephemeral-storage": "local ephemeral storage"}
    kind = kinds.get(resource.partition(".")[2])
    allowed = [f"1{suffix}" for suffix in _SUFFIXES]
    if kind is not None and divisor not in allowed:
        values = ", ".join(allowed)
        yield invalid(path, resource, f"only divisor's values {values} are supported with the {kind} resource")


def _key_reference(path: str, source: Object) -> Causes:
    name, key = source.get("name") or "", source.get("key") or ""
    yield from each(f"{path}.name", name, names.dns_subdomain(name))
    if not key:
        yield required(f"{path}.key")
    else:
        yield from each(f"{path}.key", key, names.config_key(key))


def _file_reference(path: str, source: Object) -> Causes:
    for name in ("key", "volumeName", "path"):
        if not source.get(name):
            yield required(f"{path}.{name}")


_VALUE_SOURCES: Mapping[str, Any] = {
    "fieldRef": lambda path, source: field_reference(path, source, ENV_FIELDS),
    "resourceFieldRef": resource_reference,
    "configMapKeyRef": _key_reference,
    "secretKeyRef": _key_reference,
    "fileKeyRef": _file_reference,
}


def environment_sources(path: str, values: list[Object]) -> Causes:
    """Check where many environment variables come from."""
    for index, source in enumerate(values):
        at = f"{path}[{index}]"
        if prefix := source.get("prefix"):
            yield from each(f"{at}.prefix", prefix, names.variable(prefix))
        given = [name for name in ("configMapRef", "secretRef") if source.get(name) is not None]
        for kind in given:
            name = source[kind].get("name") or ""
            if not name:
                yield required(f"{at}.{kind}.name")
            else:
                yield from each(f"{at}.{kind}.name", name, names.dns_subdomain(name))
        if not given:
            yield invalid(path, "", "must specify one of: `configMapRef` or `secretRef`")
        elif len(given) > 1:
            yield invalid(path, "", "may not have more than one field specified at a time")


def mounts(path: str, container: Object, around: Around) -> Causes:
    """Check where a container mounts volumes."""
    seen = set()
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        at, name, target = f"{path}[{index}]", mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            yield required(f"{at}.name")
        if name not in around.volumes:
            yield not_found(f"{at}.name", name)
        if not target:
            yield required(f"{at}.mountPath")
        if target in seen:
            yield invalid(f"{at}.mountPath", target, "must be unique")
        seen.add(target)
        # The API leaves the index out of these paths.
        if mount.get("subPath"):
            yield from descending(f"{path}.subPath", mount["subPath"])
        if mount.get("subPathExpr"):
            if mount.get("subPath"):
                detail = "subPathExpr and subPath are mutually exclusive"
                yield invalid(f"{at}.subPathExpr", mount["subPathExpr"], detail)
            yield from descending(f"{path}.subPathExpr", mount["subPathExpr"])
        if mount.get("mountPropagation"):
            yield from _propagation(f"{path}.mountPropagation", mount["mountPropagation"], container)


def _propagation(path: str, value: str, container: Object) -> Causes:
    allowed = ("Bidirectional", "HostToContainer", "None")
    if value not in allowed:
        yield not_supported(path, value, allowed)
    if value == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
        yield forbidden(path, "Bidirectional mount propagation is available only to privileged containers")


def descending(path: str, value: str) -> Causes:
    """Check a relative path that stays below where it starts."""
    if value.startswith("/"):
        yield invalid(path, value, "must be a relative path")
    yield from no_steps_back(path, value)


def no_steps_back(path: str, value: str) -> Causes:
    """Check a path that has no ``..`` in it."""
    if ".." in value.split("/"):
        yield invalid(path, value, "must not contain '..'")


def resources(path: str, value: Object) -> Causes:
    """Check the requests and limits of a container."""
    limits, requests = value.get("limits") or {}, value.get("requests") or {}
    for name, amount in limits.items():
        yield from _amount(f"{path}.limits[{name}]", name, amount)
    for name, amount in requests.items():
        yield from _amount(f"{path}.requests[{name}]", name, amount)
        overcommits = "/" not in name.removeprefix("kubernetes.io/") and not name.startswith("hugepages-")
        if name in limits:
            asked, limit = quantities.amount(amount), quantities.amount(limits[name])
            if asked != limit and not overcommits:
                yield invalid(f"{path}.requests", amount, f"must be equal to {name} limit of {limits[name]}")
            elif asked > limit:
                yield invalid(
                    f"{path}.requests", amount, f"must be less than or equal to {name} limit of {limits[name]}"
                )
        elif not overcommits:
            yield required(f"{path}.limits", "Limit must be set for non overcommitable resources")


def _amount(path: str, name: str, amount: str) -> Causes:
    problems = names.label_key(name)
    yield from each(path, name, problems)
    if not problems and "/" not in name and name not in _STANDARD_RESOURCES and not name.startswith("hugepages-"):
        yield invalid(path, name, "must be a standard resource type or fully qualified")
        yield invalid(path, name, "must be a standard resource for containers")
    value = quantities.amount(amount)
    if value < 0:
        yield invalid(path, amount, "must be greater than or equal to 0")
    if ("/" in name or name.startswith("hugepages-")) and value != value.to_integral_value():
        yield invalid(path, amount, "must be an integer")


def security(path: str, context: Object, around: Around) -> Causes:
    """Check a container's security context."""
    for name in ("runAsUser", "runAsGroup"):
        value = context.get(name)
        if value is not None and not 0 <= value <= _MAX_ID:
            yield invalid(f"{path}.{name}", value, names.within(0, _MAX_ID))
    mount = context.get("procMount")
    if mount is not None and mount not in ("Default", "Unmasked"):
        yield not_supported(f"{path}.procMount", mount, ("Default", "Unmasked"))
    if around.host_users and mount == "Unmasked":
        yield invalid(f"{path}.procMount", mount, "`hostUsers` must be false to use `Unmasked`")
    yield from profile(f"{path}.seccompProfile", context.get("seccompProfile"))
    if context.get("allowPrivilegeEscalation") is False:
        shown = internals.internal("SecurityContext", context)
        if context.get("privileged"):
            detail = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
            yield invalid(path, shown, detail)
        if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or ()):
            detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            yield invalid(path, shown, detail)
    yield from profile(f"{path}.appArmorProfile", context.get("appArmorProfile"))


def profile(path: str, value: Object | None) -> Causes:
    """Check a seccomp or AppArmor profile."""
    if value is None:
        return
    kind, local = value.get("type") or "", value.get("localhostProfile")
    if kind == "Localhost":
        if not local:
            yield required(f"{path}.localhostProfile", "must be set when seccomp type is Localhost")
    elif kind in ("RuntimeDefault", "Unconfined"):
        if local is not None:
            yield invalid(f"{path}.localhostProfile", local, "can only be set when seccomp type is Localhost")
    elif not kind:
        yield required(f"{path}.type", "type is required when seccompProfile is set")
    else:
        yield not_supported(f"{path}.type", kind, ("Localhost", "RuntimeDefault", "Unconfined"))
