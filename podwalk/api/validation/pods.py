"""What Pods and the templates of Pods must be.

Source: ``ValidatePodCreate``, ``ValidatePodUpdate`` and ``ValidatePodTemplateSpec`` in
kubernetes/pkg/apis/core/validation/validation.go, release 1.37.
"""

from __future__ import annotations

from typing import Any

from podwalk.api.validation import containers, internals, metadata, names, probes, scheduling
from podwalk.api.validation.causes import (
    Causes,
    duplicate,
    each,
    forbidden,
    invalid,
    not_found,
    not_negative,
    one_of,
    required,
)
from podwalk.api.validation.containers import Around
from podwalk.api.validation.volumes import volumes
from podwalk.types import Object

_MAX_INT32 = 2**31 - 1
_UPDATABLE = (
    "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def pod(obj: Object, old: Object | None) -> Causes:
    """Check a Pod that is made or written again."""
    spec = obj.get("spec") or {}
    yield from _whole(obj)
    if old is not None:
        yield from _update(spec, old.get("spec") or {})
        return
    if spec.get("ephemeralContainers"):
        yield forbidden("spec.ephemeralContainers", "cannot be set on create")
    if spec.get("nodeName") and spec.get("schedulingGates"):
        yield forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared")


def _whole(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    yield from pod_spec("spec", spec, is_pod=True)
    if not spec.get("serviceAccountName"):
        for index, volume in enumerate(spec.get("volumes") or ()):
            for part, source in enumerate((volume.get("projected") or {}).get("sources") or ()):
                if source.get("serviceAccountToken") is not None:
                    path = f"spec.volumes[{index}].projected.sources[{part}].serviceAccountToken"
                    yield forbidden(path, "must not be specified when serviceAccountName is not set")
    yield from not_negative("spec.terminationGracePeriodSeconds", spec.get("terminationGracePeriodSeconds"))
    for name in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(name) or ()):
            image = container.get("image") or ""
            if image != image.strip():
                path = f"spec.{name}[{index}].image"
                yield invalid(path, image, "must not have leading or trailing whitespace")


def template(path: str, value: Object) -> Causes:
    """Check a PodTemplateSpec."""
    own = value.get("metadata") or {}
    yield from metadata.labels(f"{path}.labels", own.get("labels"))
    yield from metadata.notes(f"{path}.annotations", own.get("annotations"))
    spec = value.get("spec") or {}
    yield from pod_spec(f"{path}.spec", spec)
    if spec.get("ephemeralContainers"):
        yield forbidden(f"{path}.spec.ephemeralContainers", "ephemeral containers not allowed in pod template")


def pod_spec(path: str, spec: Object, *, is_pod: bool = False) -> Causes:
    """Check a PodSpec."""
    grace_s = spec.get("terminationGracePeriodSeconds")
    good, wrong = volumes(f"{path}.volumes", spec.get("volumes") or [])
    yield from wrong
    around = Around(good, 30 if grace_s is None else grace_s, spec.get("hostUsers") is not False)
    yield from _containers(f"{path}.containers", spec, around)
    yield from _init_containers(f"{path}.initContainers", spec, around)
    yield from _ephemeral_containers(f"{path}.ephemeralContainers", spec, around)
    yield from _host_network(f"{path}.containers", spec, is_pod=is_pod)
    yield from one_of(f"{path}.restartPolicy", spec.get("restartPolicy"), ("Always", "OnFailure", "Never"))
    policies = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
    yield from one_of(f"{path}.dnsPolicy", spec.get("dnsPolicy"), policies)
    yield from metadata.labels(f"{path}.nodeSelector", spec.get("nodeSelector"))
    yield from _security(f"{path}.securityContext", spec.get("securityContext") or {})
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        yield invalid(f"{path}.shareProcessNamespace", spec["shareProcessNamespace"], detail)
    yield from scheduling.affinity(f"{path}.affinity", spec.get("affinity") or {})
    yield from _dns(f"{path}.dnsConfig", spec)
    yield from _gates(path, spec)
    yield from scheduling.spread(f"{path}.topologySpreadConstraints", spec.get("topologySpreadConstraints") or [])
    yield from _names(path, spec)
    yield from scheduling.tolerations(f"{path}.tolerations", spec.get("tolerations") or [])
    yield from _aliases(f"{path}.hostAliases", spec.get("hostAliases") or [])


def _containers(path: str, spec: Object, around: Around) -> Causes:
    listed = spec.get("containers") or []
    if not listed:
        yield required(path)
        return
    seen = set()
    for index, container in enumerate(listed):
        at, name = f"{path}[{index}]", container.get("name") or ""
        yield from containers.common(at, container, around)
        if name in seen:
            yield duplicate(f"{at}.name", name)
        seen.add(name)
        yield from probes.probes(at, container, around.grace_s)
        yield from _restart_policy(at, container)
    yield from containers.host_port_conflicts(path, listed)


def _init_containers(path: str, spec: Object, around: Around) -> Causes:
    seen = {container.get("name") for container in spec.get("containers") or ()}
    for index, container in enumerate(spec.get("initContainers") or ()):
        at, name = f"{path}[{index}]", container.get("name") or ""
        yield from containers.common(at, container, around)
        yield from _restart_policy(at, container)
        if name in seen:
            yield duplicate(f"{at}.name", name)
        elif name:
            seen.add(name)
        yield from containers.host_port_conflicts(path, [container])
        if container.get("restartPolicy") == "Always":
            yield from probes.probes(at, container, around.grace_s)
            continue
        for field in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
            if container.get(field) is not None:
                yield forbidden(f"{at}.{field}", "may not be set for init containers without restartPolicy=Always")


_NOT_EPHEMERAL = ("ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle")


def _ephemeral_containers(path: str, spec: Object, around: Around) -> Causes:
    own = {container.get("name") for name in ("containers", "initContainers") for container in spec.get(name) or ()}
    seen = set(own)
    for index, container in enumerate(spec.get("ephemeralContainers") or ()):
        at, name, target = f"{path}[{index}]", container.get("name") or "", container.get("targetContainerName") or ""
        yield from containers.common(at, container, around)
        if name in seen:
            yield duplicate(f"{at}.name", name)
        seen.add(name)
        if target and target not in own:
            yield not_found(f"{at}.targetContainerName", target)
        for field in _NOT_EPHEMERAL:
            if container.get(field):
                yield forbidden(f"{at}.{field}", "cannot be set for an Ephemeral Container")
        if container.get("resources"):
            yield forbidden(f"{at}.resources", "cannot be set for an Ephemeral Container")


def _restart_policy(path: str, container: Object) -> Causes:
    policy, rules = container.get("restartPolicy"), container.get("restartPolicyRules") or []
    if policy is None:
        if rules:
            yield required(f"{path}.restartPolicy", "must specify restartPolicy when restart rules are used")
    else:
        yield from one_of(f"{path}.restartPolicy", policy, ("Always", "Never", "OnFailure"))


def _host_network(path: str, spec: Object, *, is_pod: bool) -> Causes:
    if not spec.get("hostNetwork"):
        return
    for index, container in enumerate(spec.get("containers") or ()):
        for number, port in enumerate(container.get("ports") or ()):
            host = port.get("hostPort") or 0
            if (is_pod or host) and host != port.get("containerPort", 0):
                at = f"{path}[{index}].ports[{number}].hostPort"
                yield invalid(at, host, "must match `containerPort` when `hostNetwork` is true")


def _security(path: str, context: Object) -> Causes:
    for name in ("fsGroup", "runAsUser", "runAsGroup"):
        value = context.get(name)
        if value is not None and not 0 <= value <= _MAX_INT32:
            yield invalid(f"{path}.{name}", value, names.within(0, _MAX_INT32))
    for index, group in enumerate(context.get("supplementalGroups") or ()):
        if not 0 <= group <= _MAX_INT32:
            yield invalid(f"{path}.supplementalGroups[{index}]", group, names.within(0, _MAX_INT32))
    yield from containers.profile(f"{path}.seccompProfile", context.get("seccompProfile"))


def _dns(path: str, spec: Object) -> Causes:
    config = spec.get("dnsConfig")
    servers = (config or {}).get("nameservers") or []
    if spec.get("dnsPolicy") == "None":
        if config is None:
            yield required(path, "must provide `dnsConfig` when `dnsPolicy` is None")
            return
        if not servers:
            detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
            yield required(f"{path}.nameservers", detail)
            return
    if len(servers) > 3:
        yield invalid(f"{path}.nameservers", servers, "must not have more than 3 nameservers")
    for index, server in enumerate(servers):
        yield from each(f"{path}.nameservers[{index}]", server, names.ip(server, strict=False))
    searches = (config or {}).get("searches") or []
    if len(searches) > 32:
        yield invalid(f"{path}.searches", searches, "must not have more than 32 search paths")
    if len(" ".join(searches)) > 2048:
        detail = "must not have more than 2048 characters (including spaces) in the search list"
        yield invalid(f"{path}.searches", searches, detail)
    for index, search in enumerate(searches):
        if search != ".":
            domain = search.removesuffix(".")
            yield from each(f"{path}.searches[{index}]", domain, names.underscored_subdomain(domain))
    for index, option in enumerate((config or {}).get("options") or ()):
        if not option.get("name"):
            yield required(f"{path}.options[{index}]", "must not be empty")


def _gates(path: str, spec: Object) -> Causes:
    for index, gate in enumerate(spec.get("readinessGates") or ()):
        kind = gate.get("conditionType") or ""
        yield from each(f"{path}.readinessGates[{index}].conditionType", kind, names.label_key(kind))
    seen = set()
    for index, gate in enumerate(spec.get("schedulingGates") or ()):
        name, at = gate.get("name") or "", f"{path}.schedulingGates[{index}]"
        yield from each(at, name, names.label_key(name))
        if name in seen:
            yield duplicate(at, name)
        seen.add(name)


def _names(path: str, spec: Object) -> Causes:
    checks: tuple[tuple[str, Any], ...] = (
        ("serviceAccountName", names.dns_subdomain),
        ("nodeName", names.dns_subdomain),
        ("hostname", names.dns_label),
        ("subdomain", names.dns_label),
        ("priorityClassName", names.dns_subdomain),
        ("runtimeClassName", names.dns_subdomain),
    )
    for name, check in checks:
        if name == "hostname":
            deadline = spec.get("activeDeadlineSeconds")
            if deadline is not None and not 1 <= deadline <= _MAX_INT32:
                yield invalid(f"{path}.activeDeadlineSeconds", deadline, names.within(1, _MAX_INT32))
        if value := spec.get(name):
            yield from each(f"{path}.{name}", value, check(value))


def _aliases(path: str, values: list[Object]) -> Causes:
    for index, alias in enumerate(values):
        address = alias.get("ip") or ""
        yield from each(f"{path}[{index}].ip", address, names.ip(address, strict=False))
        for number, name in enumerate(alias.get("hostnames") or ()):
            yield from each(f"{path}[{index}].hostnames[{number}]", name, names.dns_subdomain(name))


def _update(spec: Object, old: Object) -> Causes:
    for name in ("containers", "initContainers"):
        new_list, old_list = spec.get(name) or [], old.get(name) or []
        if len(new_list) != len(old_list):
            yield forbidden(f"spec.{name}", "pod updates may not add or remove containers")
            return
    yield from _deadline(spec.get("activeDeadlineSeconds"), old.get("activeDeadlineSeconds"))
    yield from _kept_tolerations(spec.get("tolerations") or [], old.get("tolerations") or [])
    if any(gate not in (old.get("schedulingGates") or []) for gate in spec.get("schedulingGates") or []):
        yield forbidden("spec.schedulingGates", "only deletion is allowed, but found new scheduling gate")
    munged = _munged(spec, old)
    if munged != old:
        shown = internals.difference("PodSpec", old, munged)
        yield forbidden("spec", f"pod updates may not change fields other than {_UPDATABLE}\n{shown}")


def _munged(spec: Object, old: Object) -> Object:
    """Return the new spec with the old values of what may be changed."""
    munged = dict(spec)
    for name in ("containers", "initContainers"):
        if name in spec:
            pairs = zip(spec[name], old.get(name) or [], strict=False)
            munged[name] = [{**new, "image": before.get("image", "")} for new, before in pairs]
    for name in ("activeDeadlineSeconds", "schedulingGates", "tolerations", "ephemeralContainers"):
        munged.pop(name, None)
        if old.get(name) is not None:
            munged[name] = old[name]
    if (old.get("terminationGracePeriodSeconds") or 0) < 0 and munged.get("terminationGracePeriodSeconds") == 1:
        munged["terminationGracePeriodSeconds"] = old["terminationGracePeriodSeconds"]
    if old.get("schedulingGates"):
        for name in ("nodeSelector", "affinity"):
            munged.pop(name, None)
            if old.get(name) is not None:
                munged[name] = old[name]
    return munged


def _deadline(new: int | None, old: int | None) -> Causes:
    path = "spec.activeDeadlineSeconds"
    if new is None:
        if old is not None:
            yield invalid(path, None, "must not update from a positive integer to nil value")
    elif not 0 <= new <= _MAX_INT32:
        yield invalid(path, new, names.within(0, _MAX_INT32))
    elif old is not None and old < new:
        yield invalid(path, new, "must be less than or equal to previous value")


def _kept_tolerations(new: list[Object], old: list[Object]) -> Causes:
    def bare(toleration: Object) -> Object:
        return {name: value for name, value in toleration.items() if name != "tolerationSeconds"}

    kept = [bare(toleration) for toleration in new]
    if any(bare(toleration) not in kept for toleration in old):
        yield forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")
