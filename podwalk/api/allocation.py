"""Cluster IPs and node ports: what is taken is read from the objects themselves, so nothing can disagree with them.

A Service's addresses come from the ready ServiceCIDRs, and each has an IPAddress that refers to it. As upstream,
random choices leave the lower
band of either range to those who choose for themselves.

Source: kubernetes/pkg/registry/core/service/storage/alloc.go, ipallocator, portallocator (release 1.37).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

from podwalk.api import failures, families
from podwalk.api.registry import Resource
from podwalk.api.trees import dig, drop
from podwalk.errors import Cause
from podwalk.types import Object

if TYPE_CHECKING:
    from podwalk.api.objects import StoredObjects

Network = IPv4Network | IPv6Network
_ADDRESSES = "ipaddresses.networking.k8s.io"
_RANDOM_TRIES = 64


@dataclass(frozen=True)
class Claims:
    """What a write takes and gives back: cluster IPs only, for node ports are taken by the Service itself."""

    taken: tuple[str, ...] = ()
    returned: tuple[str, ...] = ()


NOTHING = Claims()


def allocate(objects: StoredObjects, resource: Resource, service: Object, old: Object | None) -> Claims:
    """Choose a Service's cluster IPs and node ports, in place.

    Raises:
        ApiError: 422 for an address or port that is taken or out of range.
    """
    if resource.key != "services":
        return NOTHING
    families.align(service["spec"], (old.get("spec") or {}) if old is not None else None)
    if causes := families.settle(service, old, _available(objects)):
        raise failures.invalid("", "Service", service["metadata"].get("name", ""), causes)
    if old is not None:
        _carry_over(service, old)
    before = _cluster_ips(old) if old is not None else ()
    if not _malformed(service):
        if old is None or not families.needs_ip(old.get("spec") or {}):
            _allocate_ip(objects, service)
        _allocate_ports(objects, service, old)
    after = _cluster_ips(service)
    return Claims(tuple(ip for ip in after if ip not in before), tuple(ip for ip in before if ip not in after))


def claim(objects: StoredObjects, claims: Claims, service: Object) -> None:
    """Store an IPAddress for each address taken, and remove those of the addresses given back."""
    for ip in claims.returned:
        _remove(objects, ip)
    metadata = service["metadata"]
    for ip in claims.taken:
        address = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IPAddress",
            "metadata": {
                "name": ip,
                "uid": objects.new_uid(),
                "creationTimestamp": objects.simulation.timestamp(),
                "labels": {
                    "ipaddress.kubernetes.io/ip-family": f"IPv{ip_address(ip).version}",
                    "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
                },
            },
            "spec": {
                "parentRef": {"resource": "services", "namespace": metadata["namespace"], "name": metadata["name"]}
            },
        }
        objects.store.put(_ADDRESSES, address)


def release(objects: StoredObjects, resource: Resource, obj: Object) -> None:
    """Give back what belonged to an object that is gone."""
    if resource.key == "services":
        for ip in _cluster_ips(obj):
            _remove(objects, ip)


def _remove(objects: StoredObjects, ip: str) -> None:
    if objects.get(_ADDRESSES, "", ip) is not None:
        objects.store.remove(_ADDRESSES, "", ip)


def _malformed(service: Object) -> bool:
    """Whether validation will refuse the Service's ports anyway, so that its words come first."""
    return any(not isinstance(port, dict) for port in service["spec"].get("ports") or ())


@lru_cache(maxsize=4096)
def _address(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def _cluster_ips(service: Object | None) -> tuple[str, ...]:
    spec = (service or {}).get("spec") or {}
    if spec.get("type") == "ExternalName":
        return ()
    return tuple(ip for ip in spec.get("clusterIPs") or () if ip not in ("None", "") and _address(ip))


def _needs_node_ports(spec: Object) -> bool:
    kind = spec.get("type", "ClusterIP")
    return bool(kind == "NodePort" or (kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts", True)))


def _needs_health_check(spec: Object) -> bool:
    return bool(spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local")


def _carry_over(service: Object, old: Object) -> None:
    """Keep the node ports of before; drop what the new type does not have.

    Source: ``patchAllocatedValues`` and ``dropTypeDependentFields``.
    """
    spec, before = service["spec"], old.get("spec") or {}
    if families.needs_ip(before) and not families.needs_ip(spec):
        if (spec.get("clusterIPs") or []) == (before.get("clusterIPs") or []):
            drop(spec, "clusterIP", None)
            drop(spec, "clusterIPs", None)
        for key in ("ipFamilies", "ipFamilyPolicy"):
            if spec.get(key) == before.get(key):
                spec.pop(key, None)
    _carry_ports(spec, before)
    if spec.get("type") != before.get("type"):
        for key, types in _TYPE_FIELDS.items():
            if spec.get("type") not in types and spec.get(key) == before.get(key):
                spec.pop(key, None)


def _carry_ports(spec: Object, before: Object) -> None:
    """Keep the node ports of before where the client named none; drop them where the type has none."""
    old_ports = before.get("ports") or ()
    known = {(port.get("protocol", "TCP"), port.get("port")): port.get("nodePort") for port in old_ports}
    had, has = _needs_node_ports(before), _needs_node_ports(spec)
    for port in spec.get("ports") or ():
        was = known.get((port.get("protocol", "TCP"), port.get("port")))
        if has and had and was and not port.get("nodePort"):
            port["nodePort"] = was
        elif had and spec.get("type") in ("ClusterIP", "ExternalName") and port.get("nodePort") in known.values():
            port.pop("nodePort", None)
    if _needs_health_check(spec) and _needs_health_check(before):
        spec.setdefault("healthCheckNodePort", before.get("healthCheckNodePort"))
    elif not _needs_health_check(spec) and spec.get("healthCheckNodePort") == before.get("healthCheckNodePort"):
        spec.pop("healthCheckNodePort", None)


_TYPE_FIELDS = {
    "externalTrafficPolicy": ("NodePort", "LoadBalancer"),
    "allocateLoadBalancerNodePorts": ("LoadBalancer",),
    "loadBalancerClass": ("LoadBalancer",),
    "internalTrafficPolicy": ("ClusterIP", "NodePort", "LoadBalancer"),
}


def _available(objects: StoredObjects) -> list[str]:
    """Return the families that the administrator gave the cluster; a ServiceCIDR adds addresses, but no family."""
    return [f"IPv{ip_network(objects.options.service_cidr).version}"]


def networks(objects: StoredObjects) -> list[Network]:
    """Return the ranges of cluster IPs: of the ServiceCIDRs that are ready, or the administrator's."""
    cidrs = objects.list("servicecidrs.networking.k8s.io")
    ready = [
        cidr
        for obj in cidrs
        if obj["metadata"].get("deletionTimestamp") is None and _is_ready(obj)
        for cidr in dig(obj, "spec", "cidrs") or ()
    ]
    return [ip_network(cidr) for cidr in ready or [objects.options.service_cidr]]


def _is_ready(cidr: Object) -> bool:
    conditions = dig(cidr, "status", "conditions") or ()
    return all(condition.get("status") == "True" for condition in conditions if condition.get("type") == "Ready")


def _allocate_ip(objects: StoredObjects, service: Object) -> None:
    spec = service["spec"]
    if not families.needs_ip(spec) or spec.get("clusterIP") == "None":
        return
    asked = [ip for ip in spec.get("clusterIPs") or () if ip]
    for ip in asked:
        _check_ip(objects, service, asked, ip)
    if not asked:
        chosen = _free_ip(objects, service)
        spec["clusterIP"], spec["clusterIPs"] = chosen, [chosen]


def _check_ip(objects: StoredObjects, service: Object, asked: list[str], ip: str) -> None:
    problem = ""
    if not any(ip_address(ip) in network for network in networks(objects)):
        problem = "the provided network does not match the current range"
    elif objects.get(_ADDRESSES, "", str(ip_address(ip))) is not None:
        problem = "provided IP is already allocated"
    if problem:
        shown = ",".join(f'"{one}"' for one in asked)
        text = f"Invalid value: [{shown}]: failed to allocate IP {ip}: {problem}"
        cause = Cause("FieldValueInvalid", "spec.clusterIPs", text)
        raise failures.invalid("", "Service", service["metadata"]["name"], [cause])


def _free_ip(objects: StoredObjects, service: Object) -> str:
    family = (service["spec"].get("ipFamilies") or ["IPv4"])[0]
    fitting = [network for network in networks(objects) if f"IPv{network.version}" == family]
    for network in fitting:
        for candidate in _candidates(objects, network):
            if objects.get(_ADDRESSES, "", candidate) is None:
                return candidate
    raise failures.internal_error(
        f"failed to allocate a serviceIP: range is full: every address of {', '.join(map(str, fitting))} has a Service"
    )


def _candidates(objects: StoredObjects, network: Network) -> Iterator[str]:
    """Yield addresses: random ones above the static band, then all others in order."""
    size = network.num_addresses
    first, last = (1, size - 2) if network.version == 4 else (1, size - 1)
    band = min(max(16, size // 16), 256) if size > 32 else 0
    low = min(first + band, last)
    for _ in range(_RANDOM_TRIES):
        yield str(network[objects.simulation.random.randint(low, last)])
    for offset in (*range(low, min(last, low + 65_536) + 1), *range(first, low)):
        yield str(network[offset])


def _allocate_ports(objects: StoredObjects, service: Object, old: Object | None) -> None:
    spec = service["spec"]
    mine = service["metadata"].get("uid") if old is not None else None
    if _needs_node_ports(spec):
        _check_ports(objects, service, mine)
        chosen: dict[int, dict[str, int]] = {}
        for port in spec.get("ports") or ():
            if not port.get("nodePort"):
                _choose_port(objects, spec, port, chosen)
            chosen.setdefault(port.get("port", 0), {})[port.get("protocol", "TCP")] = port["nodePort"]
    if _needs_health_check(spec):
        _allocate_health_check(objects, spec, mine)


def _choose_port(objects: StoredObjects, spec: Object, port: Object, chosen: dict[int, dict[str, int]]) -> None:
    """Give a port the node port that its other protocol has, or a free one."""
    siblings = chosen.get(port.get("port", 0), {})
    for protocol, number in siblings.items():
        if protocol != port.get("protocol", "TCP"):
            port["nodePort"] = number
            return
    port["nodePort"] = _free_port(objects, spec)


def _check_ports(objects: StoredObjects, service: Object, mine: str | None) -> None:
    low, high = objects.options.node_port_range
    for index, port in enumerate(service["spec"].get("ports") or ()):
        number = port.get("nodePort")
        if not number:
            continue
        problem = ""
        if not low <= number <= high:
            problem = f"provided port is not in the valid range. The range of valid ports is {low}-{high}"
        elif _taken(objects, number, mine):
            problem = "provided port is already allocated"
        if problem:
            cause = Cause("FieldValueInvalid", f"spec.ports[{index}].nodePort", f"Invalid value: {number}: {problem}")
            raise failures.invalid("", "Service", service["metadata"]["name"], [cause])


def _taken(objects: StoredObjects, number: int, mine: str | None) -> bool:
    return any(other["metadata"]["uid"] != mine for other in objects.lookup("service-node-port", str(number)))


def _free_port(objects: StoredObjects, spec: Object) -> int:
    low, high = objects.options.node_port_range
    size = high - low + 1
    band = min(max(16, size // 32), 128) if size > 32 else 0
    here = {port.get("nodePort") for port in spec.get("ports") or ()} | {spec.get("healthCheckNodePort")}
    random = objects.simulation.random
    candidates: list[int] = [random.randint(low + band, high) for _ in range(_RANDOM_TRIES)]
    for number in (*candidates, *range(low + band, high + 1), *range(low, low + band)):
        if number not in here and not _taken(objects, number, None):
            return int(number)
    raise failures.internal_error(f"failed to allocate a nodePort: range is full: all of {low}-{high} are taken")


def _allocate_health_check(objects: StoredObjects, spec: Object, mine: str | None) -> None:
    number = spec.get("healthCheckNodePort")
    if not number:
        spec["healthCheckNodePort"] = _free_port(objects, spec)
        return
    low, high = objects.options.node_port_range
    problem = ""
    if not low <= number <= high:
        problem = f"provided port is not in the valid range. The range of valid ports is {low}-{high}"
    elif _taken(objects, number, mine) or number in {port.get("nodePort") for port in spec.get("ports") or ()}:
        problem = "provided port is already allocated"
    if problem:
        raise failures.internal_error(f"failed to allocate requested HealthCheck NodePort {number}: {problem}")
