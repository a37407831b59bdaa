"""What Services must be.

Source: kubernetes/pkg/apis/core/validation/validation.go, release 1.37.
"""

from __future__ import annotations

from podwalk.api.validation import metadata, names
from podwalk.api.validation.causes import (
    Causes,
    duplicate,
    each,
    forbidden,
    invalid,
    not_supported,
    one_of,
    required,
)
from podwalk.api.validation.containers import PROTOCOLS
from podwalk.api.validation.endpoints import endpoint_ip
from podwalk.types import Object

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
_MAX_AFFINITY_S = 86400


def service(obj: Object, old: Object | None) -> Causes:
    """Check a Service."""
    spec = obj.get("spec") or {}
    if old is not None:
        yield from _update(spec, old.get("spec") or {})
    kind, headless = spec.get("type") or "", _headless(spec)
    ports = spec.get("ports") or []
    if not ports and not headless and kind != "ExternalName":
        yield required("spec.ports")
    if headless and kind in ("LoadBalancer", "NodePort"):
        yield invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services")
    if kind == "ExternalName":
        yield from _external_name(spec)
    yield from _ports(ports)
    yield from metadata.labels("spec.selector", spec.get("selector"))
    yield from _affinity(spec)
    yield from cluster_ips(spec, old)
    for index, address in enumerate(spec.get("externalIPs") or ()):
        known = ((old or {}).get("spec") or {}).get("externalIPs") or ()
        problems = [] if address in known else names.ip(address, strict=False)
        yield from each(f"spec.externalIPs[{index}]", address, problems)
        if not problems:
            yield from endpoint_ip(f"spec.externalIPs[{index}]", address)
    yield from one_of("spec.type", kind, _TYPES)
    yield from _repeated_ports(kind, ports)
    yield from _load_balancer(obj, spec, kind)
    yield from _traffic(spec, kind)


def _headless(spec: Object) -> bool:
    first = (spec.get("clusterIPs") or [spec.get("clusterIP")])[0]
    return isinstance(first, str) and first == "None"


def _external_name(spec: Object) -> Causes:
    for name in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(name) or (name == "ipFamilyPolicy" and spec.get(name) is not None):
            yield forbidden(f"spec.{name}", "may not be set for ExternalName services")
    target = (spec.get("externalName") or "").removesuffix(".")
    if target:
        yield from each("spec.externalName", target, names.dns_subdomain(target))
    else:
        yield required("spec.externalName")


def _ports(ports: list[Object]) -> Causes:
    seen = set()
    for index, port in enumerate(ports):
        at, name = f"spec.ports[{index}]", port.get("name") or ""
        if not name:
            if len(ports) > 1:
                yield required(f"{at}.name")
        else:
            yield from each(f"{at}.name", name, names.dns_label(name))
            if name in seen:
                yield duplicate(f"{at}.name", name)
            seen.add(name)
        number = port.get("port", 0)
        yield from each(f"{at}.port", number, names.port_number(number))
        yield from one_of(f"{at}.protocol", port.get("protocol"), PROTOCOLS)
        target = port.get("targetPort", 0)
        yield from each(f"{at}.targetPort", target, names.port(target))
        if (protocol := port.get("appProtocol")) is not None:
            yield from each(f"{at}.appProtocol", protocol, names.label_key(protocol))


def _affinity(spec: Object) -> Causes:
    affinity, config = spec.get("sessionAffinity") or "", spec.get("sessionAffinityConfig")
    yield from one_of("spec.sessionAffinity", affinity, ("ClientIP", "None"))
    path = "spec.sessionAffinityConfig"
    if affinity == "None" and config is not None:
        yield forbidden(path, "must not be set when session affinity is None")
    if affinity == "ClientIP":
        if config is None:
            yield required(path, "when session affinity type is ClientIP")
            return
        client = config.get("clientIP")
        if client is None:
            yield required(f"{path}.clientIP", "when session affinity type is ClientIP")
            return
        seconds = client.get("timeoutSeconds")
        if seconds is not None and not 0 < seconds <= _MAX_AFFINITY_S:
            detail = f"must be greater than 0 and less than {_MAX_AFFINITY_S}"
            yield invalid(f"{path}.clientIP.timeoutSeconds", seconds, detail)


def cluster_ips(spec: Object, old: Object | None) -> Causes:
    """Yield what is wrong with a Service's cluster IPs, families and their policy.

    Source: pkg/apis/core/validation, ValidateServiceClusterIPsRelatedFields.
    """
    if spec.get("type") == "ExternalName":
        return
    one, every = spec.get("clusterIP") or "", spec.get("clusterIPs") or []
    if one:
        if not every:
            yield required("spec.clusterIPs")
        elif every[0] != one:
            yield invalid("spec.clusterIPs", every, "first value must match `clusterIP`")
    elif every:
        yield invalid("spec.clusterIPs", every, "must be empty when `clusterIP` is not specified")
    yield from _families(spec)
    known = ((old or {}).get("spec") or {}).get("clusterIPs") or ()
    wrong = False
    for index, address in enumerate(every):
        if index == 0 and address == "None":
            if len(every) > 1:
                wrong = True
                yield invalid("spec.clusterIPs", every, "'None' must be the first and only value")
            continue
        problems = [] if address in known else names.ip(address, strict=False)
        wrong = wrong or bool(problems)
        yield from each(f"spec.clusterIPs[{index}]", address, problems)
    if len(every) > 2:
        yield invalid("spec.clusterIPs", every, "may only hold up to 2 values")
    if wrong:
        return
    if len(every) > 1 and len({":" in address for address in every}) == 1:
        yield invalid("spec.clusterIPs", every, "may specify no more than one IP for each IP family")
    if not _headless(spec):
        for index, (address, family) in enumerate(zip(every, spec.get("ipFamilies") or [], strict=False)):
            if family in ("IPv4", "IPv6") and (family == "IPv6") != (":" in address):
                detail = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
                yield invalid(f"spec.clusterIPs[{index}]", address, detail)


def _families(spec: Object) -> Causes:
    families = spec.get("ipFamilies") or []
    for index, family in enumerate(families):
        if family not in ("IPv4", "IPv6"):
            yield not_supported(f"spec.ipFamilies[{index}]", family, ("IPv4", "IPv6"))
        if family in families[:index]:
            yield duplicate(f"spec.ipFamilies[{index}]", family)
    policy = spec.get("ipFamilyPolicy")
    policies = ("PreferDualStack", "RequireDualStack", "SingleStack")
    if policy is not None and policy not in policies:
        yield not_supported("spec.ipFamilyPolicy", policy, policies)


def _repeated_ports(kind: str, ports: list[Object]) -> Causes:
    if kind == "ClusterIP":
        for index, port in enumerate(ports):
            if port.get("nodePort"):
                yield forbidden(f"spec.ports[{index}].nodePort", "may not be used when `type` is 'ClusterIP'")
    seen = set()
    for index, port in enumerate(ports):
        node = (port.get("protocol"), port.get("nodePort"))
        if port.get("nodePort") and node in seen:
            yield duplicate(f"spec.ports[{index}].nodePort", port["nodePort"])
        seen.add(node)
    seen.clear()
    for index, port in enumerate(ports):
        key = (port.get("protocol"), port.get("port"))
        if key in seen:
            # The API prints its internal form of a port that has only these two.
            value = {
                "Name": "",
                "Protocol": key[0],
                "AppProtocol": None,
                "Port": key[1],
                "TargetPort": 0,
                "NodePort": 0,
            }
            yield duplicate(f"spec.ports[{index}]", value)
        seen.add(key)


def _load_balancer(obj: Object, spec: Object, kind: str) -> Causes:
    ranges = spec.get("loadBalancerSourceRanges") or []
    # The API spells this path with a capital.
    path = "spec.LoadBalancerSourceRanges"
    if ranges and kind != "LoadBalancer":
        yield forbidden(path, "may only be used when `type` is 'LoadBalancer'")
    for index, value in enumerate(ranges):
        yield from each(f"{path}[{index}]", value.strip(), names.cidr(value.strip()))
    allocate = spec.get("allocateLoadBalancerNodePorts")
    if allocate is not None and kind != "LoadBalancer":
        yield forbidden("spec.allocateLoadBalancerNodePorts", "may only be used when `type` is 'LoadBalancer'")
    chosen = spec.get("loadBalancerClass")
    if chosen is not None:
        if kind == "LoadBalancer":
            yield from each("spec.loadBalancerClass", chosen, names.label_key(chosen))
        else:
            yield forbidden("spec.loadBalancerClass", "may only be used when `type` is 'LoadBalancer'")


def _traffic(spec: Object, kind: str) -> Causes:
    external = kind in ("LoadBalancer", "NodePort") or (kind == "ClusterIP" and bool(spec.get("externalIPs")))
    policy = spec.get("externalTrafficPolicy") or ""
    if external:
        yield from one_of("spec.externalTrafficPolicy", policy, ("Cluster", "Local"))
    elif policy:
        yield invalid("spec.externalTrafficPolicy", policy, "may only be set for externally-accessible services")
    health = spec.get("healthCheckNodePort") or 0
    if not (kind == "LoadBalancer" and policy == "Local"):
        if health:
            detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
            yield invalid("spec.healthCheckNodePort", health, detail)
    elif health:
        yield from each("spec.healthCheckNodePort", health, names.port_number(health))
    internal = spec.get("internalTrafficPolicy")
    if internal is None:
        if kind in ("NodePort", "LoadBalancer", "ClusterIP"):
            yield required("spec.internalTrafficPolicy")
    elif internal not in ("Cluster", "Local"):
        yield not_supported("spec.internalTrafficPolicy", internal, ("Cluster", "Local"))
    distribution = spec.get("trafficDistribution")
    if distribution is not None and distribution not in _DISTRIBUTIONS:
        yield not_supported("spec.trafficDistribution", distribution, _DISTRIBUTIONS)


def _update(spec: Object, old: Object) -> Causes:
    external = "ExternalName" in (spec.get("type"), old.get("type"))
    if not external and not (_headless(spec) and _headless(old)):
        yield from _kept("clusterIPs", spec, old, "primary clusterIP can not be unset")
    if not external and not _headless(spec) and not _headless(old):
        yield from _kept("ipFamilies", spec, old, "primary ipFamily can not be unset")
    if spec.get("type") == old.get("type") == "LoadBalancer":
        if spec.get("loadBalancerClass") != old.get("loadBalancerClass"):
            yield invalid("spec.loadBalancerClass", spec.get("loadBalancerClass"), "may not change once set")
        local = spec.get("externalTrafficPolicy") == old.get("externalTrafficPolicy") == "Local"
        if local and spec.get("healthCheckNodePort") != old.get("healthCheckNodePort"):
            yield forbidden("spec.healthCheckNodePort", "field is immutable")


def _kept(name: str, spec: Object, old: Object, unset: str) -> Causes:
    new_values, old_values = spec.get(name) or [], old.get(name) or []
    if old_values and not new_values:
        yield invalid(f"spec.{name}[0]", new_values, unset)
    elif len(new_values) == len(old_values):
        for index, (new, before) in enumerate(zip(new_values, old_values, strict=True)):
            if new != before:
                at = index if name == "clusterIPs" else 0
                yield invalid(f"spec.{name}[{at}]", new_values, "may not change once set")
    elif old_values and new_values[0] != old_values[0]:
        yield invalid(f"spec.{name}[0]", new_values, "may not change once set")
