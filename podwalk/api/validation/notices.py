"""The Warning headers that the API sends with a write that it accepts.

Source: ``WarningsOnCreate`` and ``WarningsOnUpdate`` of each strategy in kubernetes/pkg/registry, release 1.37.
The one for rules in CEL is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from podwalk.api import quantities
from podwalk.api.registry import Resource
from podwalk.api.rules.problems import of_definition
from podwalk.api.validation import names
from podwalk.types import Object

Notices = Iterator[str]

_DEAD_ANNOTATIONS = {
    "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}
_DEAD_VOLUMES = {
    "photonPersistentDisk": "deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "deprecated in v1.11, and disabled by default in v1.33+",
    "scaleIO": "deprecated in v1.16, non-functional in v1.22+",
    "flocker": "deprecated in v1.22, non-functional in v1.25+",
    "storageos": "deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "deprecated in v1.28, non-functional in v1.31+",
    "rbd": "deprecated in v1.28, non-functional in v1.31+",
}
_DEAD_LABELS = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
}
_SEES_NO_POD = "a null labelSelector results in matching no pod"


def notices(resource: Resource, obj: Object, old: Object | None) -> Notices:
    """Return the warnings of a write, in the order of the API."""
    found = _NOTICES.get(resource.key)
    if found is not None:
        yield from found(obj, old)


def _pod(obj: Object, old: Object | None) -> Notices:
    if old is not None:
        return
    yield from _host_name(obj, "metadata.name: this is used in the Pod's hostname")
    yield from _pod_spec("", obj.get("metadata") or {}, obj.get("spec") or {})


def _host_name(obj: Object, head: str) -> Notices:
    problems = names.dns_label(obj["metadata"].get("name") or "")
    if problems:
        shown = "[" + " ".join(problems) + "]"
        yield f"{head}, which can result in surprising behavior; a DNS label is recommended: {shown}"


def _template(path: str, template: Object | None) -> Notices:
    value = template or {}
    yield from _pod_spec(f"{path}.", value.get("metadata") or {}, value.get("spec") or {})


def _pod_spec(head: str, metadata: Object, spec: Object) -> Notices:
    for key in spec.get("nodeSelector") or ():
        if key in _DEAD_LABELS:
            yield f"{head}spec.nodeSelector[{key}]: {_DEAD_LABELS[key]}"
    for index, constraint in enumerate(spec.get("topologySpreadConstraints") or ()):
        at, key = f"{head}spec.topologySpreadConstraints[{index}]", constraint.get("topologyKey")
        if key in _DEAD_LABELS:
            yield f"{at}.topologyKey: {key} is {_DEAD_LABELS[key]}"
        if constraint.get("labelSelector") is None:
            yield f"{at}.labelSelector: {_SEES_NO_POD}"
    for key, message in _DEAD_ANNOTATIONS.items():
        if key in (metadata.get("annotations") or {}):
            yield f"{head}metadata.annotations[{key}]: {message}"
    yield from _lists(head, spec)
    containers = list(_containers(head, spec))
    for path, container in containers:
        yield from _container(path, container)
    yield from _ports(containers)
    yield from _port_names(containers)
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        path = f"{head}spec.terminationGracePeriodSeconds"
        yield f"{path}: must be >= 0; negative values are invalid and will be treated as 1"
    yield from _affinity(f"{head}spec.affinity", spec.get("affinity") or {})
    for index, server in enumerate((spec.get("dnsConfig") or {}).get("nameservers") or ()):
        yield from _ip(f"{head}spec.dnsConfig.nameservers[{index}]", server)
    for index, alias in enumerate(spec.get("hostAliases") or ()):
        yield from _ip(f"{head}spec.hostAliases[{index}].ip", alias.get("ip") or "")


def _lists(head: str, spec: Object) -> Notices:
    for index, volume in enumerate(spec.get("volumes") or ()):
        for name, message in _DEAD_VOLUMES.items():
            if volume.get(name) is not None:
                yield f"{head}spec.volumes[{index}].{'storageOS' if name == 'storageos' else name}: {message}"
    yield from _repeated(f"{head}spec.hostAliases", spec.get("hostAliases") or [], "ip")
    yield from _repeated(f"{head}spec.imagePullSecrets", spec.get("imagePullSecrets") or [], "name")
    for index, secret in enumerate(spec.get("imagePullSecrets") or ()):
        if not secret.get("name"):
            yield f'{head}spec.imagePullSecrets[{index}].name: invalid empty name ""'


def _containers(head: str, spec: Object) -> Iterator[tuple[str, Object]]:
    for name in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(name) or ()):
            yield f"{head}spec.{name}[{index}]", container


def _repeated(path: str, values: list[Object], key: str) -> Notices:
    seen = set()
    for index, item in enumerate(values):
        value = item.get(key, "")
        if value in seen and len(values) > 1:
            yield f'{path}[{index}].{key}: duplicate {key} "{value}"'
        seen.add(value)


def _container(path: str, container: Object) -> Notices:
    for resource in ("memory", "ephemeral-storage"):
        for kind in ("limits", "requests"):
            amount = ((container.get("resources") or {}).get(kind) or {}).get(resource)
            if amount is not None and quantities.amount(amount) % 1:
                at = f"{path}.resources.{kind}[{resource}]"
                yield f'{at}: fractional byte value "{amount}" is invalid, must be an integer'
    seen = set()
    for index, variable in enumerate(container.get("env") or ()):
        name, value = variable.get("name", ""), variable.get("value") or ""
        reference = f"$({name})"
        builds_on_it = variable.get("valueFrom") is None and reference in value and value != reference
        if name in seen and not builds_on_it:
            hidden = f'hides previous definition of "{name}", which may be dropped when using apply'
            yield f"{path}.env[{index}]: {hidden}"
        seen.add(name)


def _ports(containers: list[tuple[str, Object]]) -> Notices:
    seen: dict[tuple[Any, Any], list[tuple[str, Object]]] = {}
    for path, container in containers:
        for index, port in enumerate(container.get("ports") or ()):
            at = f"{path}.ports[{index}]"
            others = seen.setdefault((port.get("containerPort"), port.get("protocol")), [])
            for other, before in others:
                yield from _clash(at, port, other, before)
            others.append((at, port))


def _clash(path: str, port: Object, other: str, before: Object) -> Notices:
    ip, host = port.get("hostIP") or "", port.get("hostPort") or 0
    other_ip, other_host = before.get("hostIP") or "", before.get("hostPort") or 0
    if (ip, host) == (other_ip, other_host):
        yield f"{path}: duplicate port definition with {other}"
    elif not host or not other_host:
        yield f"{path}: overlapping port definition with {other}"
    elif host == other_host and (not ip) != (not other_ip):
        yield f"{path}: dangerously ambiguous port definition with {other}"


def _port_names(containers: list[tuple[str, Object]]) -> Notices:
    seen: dict[str, str] = {}
    for path, container in containers:
        for index, port in enumerate(container.get("ports") or ()):
            name = port.get("name")
            if not name:
                continue
            at, other = f"{path}.ports[{index}]", seen.get(name)
            if other is None:
                seen[name] = at
            else:
                rest = f"with {other}, services and probes that select ports by name will use {other}"
                yield f'{at}: duplicate port name "{name}" {rest}'


def _affinity(path: str, affinity: Object) -> Notices:
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        for index, term in enumerate(rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ()):
            if term.get("labelSelector") is None:
                at = f"{path}.{kind}.requiredDuringSchedulingIgnoredDuringExecution[{index}]"
                yield f"{at}.labelSelector: {_SEES_NO_POD}"
        for index, weighted in enumerate(rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
            if (weighted.get("podAffinityTerm") or {}).get("labelSelector") is None:
                at = f"{path}.{kind}.preferredDuringSchedulingIgnoredDuringExecution[{index}]"
                yield f"{at}.podAffinityTerm.labelSelector: {_SEES_NO_POD}"


def _ip(path: str, value: str) -> Notices:
    address = names.parse_ip(value)
    if address is not None and ":" in value and str(address) != value:
        yield f'{path}: IPv6 address "{value}" should be in RFC 5952 canonical format ("{address}")'


def _service(obj: Object, old: Object | None) -> Notices:
    spec, annotations = obj.get("spec") or {}, obj["metadata"].get("annotations") or {}
    hints = "service.kubernetes.io/topology-aware-hints"
    if hints in annotations:
        yield f"annotation {hints} is deprecated, please use service.kubernetes.io/topology-mode instead"
    kind, external = spec.get("type"), spec.get("externalIPs") or []
    headless = kind == "ClusterIP" and spec.get("clusterIP") == "None"
    if headless:
        if spec.get("loadBalancerIP"):
            yield "spec.loadBalancerIP is ignored for headless services"
        if external:
            yield "spec.externalIPs is ignored for headless services"
        if spec.get("sessionAffinity") != "None":
            yield "spec.SessionAffinity is ignored for headless services"
    for index, address in enumerate(external):
        yield from _ip(f"spec.externalIPs[{index}]", address)
    if external and not headless and kind != "ExternalName":
        yield "spec.externalIPs is deprecated and may no longer be implemented in some clusters"
    if kind == "ExternalName" and external:
        yield 'spec.externalIPs is ignored when spec.type is "ExternalName"'
    if kind != "ExternalName" and spec.get("externalName"):
        yield 'spec.externalName is ignored when spec.type is not "ExternalName"'
    if spec.get("trafficDistribution") == "PreferClose":
        yield 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'


def _workload(obj: Object, old: Object | None) -> Notices:
    template = (obj.get("spec") or {}).get("template")
    if old is None or (old.get("spec") or {}).get("template") != template:
        yield from _template("spec.template", template)


def _stateful_set(obj: Object, old: Object | None) -> Notices:
    yield from _workload(obj, old)
    if ((obj.get("spec") or {}).get("revisionHistoryLimit") or 0) < 0:
        yield (
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"
        )


def _job(obj: Object, old: Object | None) -> Notices:
    if old is None:
        yield from _host_name(obj, "metadata.name: this is used in Pod names and hostnames")
    yield from _workload(obj, old)


def _cron_job(obj: Object, old: Object | None) -> Notices:
    if old is None:
        yield from _host_name(obj, "metadata.name: this is used in Pod names and hostnames")
    job = ((obj.get("spec") or {}).get("jobTemplate") or {}).get("spec") or {}
    yield from _template("spec.jobTemplate.spec.template", job.get("template"))


def _ingress(obj: Object, old: Object | None) -> Notices:
    annotation = "kubernetes.io/ingress.class"
    if old is None and annotation in (obj["metadata"].get("annotations") or {}):
        yield f"annotation \"{annotation}\" is deprecated, please use 'spec.ingressClassName' instead"


def _endpoint_slice(obj: Object, old: Object | None) -> Notices:
    if old is None and obj.get("addressType") == "FQDN":
        yield "spec.addressType: FQDN endpoints are deprecated"


def _pod_template(obj: Object, old: Object | None) -> Notices:
    if old is None:
        yield from _template("template", obj.get("template"))


def _definition(obj: Object, _old: Object | None) -> Notices:
    for problem in of_definition(obj):
        if problem.unsimulated:
            yield f"{problem.path}: not enforced on this embedded cluster, which does not simulate {problem.said}"


_NOTICES: Mapping[str, Callable[[Object, Object | None], Notices]] = {
    "pods": _pod,
    "podtemplates": _pod_template,
    "services": _service,
    "daemonsets.apps": _workload,
    "deployments.apps": _workload,
    "replicasets.apps": _workload,
    "statefulsets.apps": _stateful_set,
    "jobs.batch": _job,
    "cronjobs.batch": _cron_job,
    "ingresses.networking.k8s.io": _ingress,
    "endpointslices.discovery.k8s.io": _endpoint_slice,
    "customresourcedefinitions.apiextensions.k8s.io": _definition,
}
