"""How Services and what belongs to them are printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from podwalk.api.tables.column import AGE, NAME, Column
from podwalk.api.tables.text import NONE, UNSET, field, labels, selector, some
from podwalk.api.trees import dig
from podwalk.types import Object


def _cluster_ip(service: Object, _now: datetime) -> str:
    ips = dig(service, "spec", "clusterIPs") or ()
    return ips[0] if ips else dig(service, "spec", "clusterIP") or NONE


def _balancer(obj: Object) -> str:
    entries = dig(obj, "status", "loadBalancer", "ingress") or ()
    return ",".join(one.get("ip") or one.get("hostname") or "" for one in entries)


def _external_ip(service: Object, _now: datetime) -> str:
    spec = service.get("spec") or {}
    kind, own = spec.get("type", "ClusterIP"), list(spec.get("externalIPs") or ())
    if kind == "ExternalName":
        return str(spec.get("externalName", ""))
    if kind == "LoadBalancer":
        balancer = _balancer(service)
        return ",".join([*([balancer] if balancer else []), *own]) or "<pending>"
    return ",".join(own) or NONE


def _service_ports(service: Object, _now: datetime) -> str:
    texts = []
    for port in dig(service, "spec", "ports") or ():
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        texts.append(f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(texts) or NONE


SERVICES = (
    NAME,
    Column("Type", field("spec", "type", absent="ClusterIP")),
    Column("Cluster-IP", _cluster_ip),
    Column("External-IP", _external_ip),
    Column("Port(s)", _service_ports),
    AGE,
    Column("Selector", lambda obj, _now: labels(dig(obj, "spec", "selector")), 1),
)


def _host_ports(endpoints: Object) -> Iterator[str]:
    for subset in endpoints.get("subsets") or ():
        addresses = [address["ip"] for address in subset.get("addresses") or ()]
        ports: Sequence[Object] = subset.get("ports") or ()
        if not ports:
            yield from addresses
        for port in ports:
            for ip in addresses:
                yield f"[{ip}]:{port['port']}" if ":" in ip else f"{ip}:{port['port']}"


def _endpoints(endpoints: Object, _now: datetime) -> str:
    if not endpoints.get("subsets"):
        return NONE
    found = list(_host_ports(endpoints))
    return some(found, len(found))


ENDPOINTS = (NAME, Column("Endpoints", _endpoints), AGE)


def _slice_ports(part: Object, _now: datetime) -> str:
    texts = [str(port.get("port") or port.get("name") or "*") for port in part.get("ports") or ()]
    return some(texts, len(texts)) or UNSET


def _slice_endpoints(part: Object, _now: datetime) -> str:
    texts = [address for endpoint in part.get("endpoints") or () for address in endpoint.get("addresses") or ()]
    return some(texts, len(texts)) or UNSET


ENDPOINT_SLICES = (
    NAME,
    Column("AddressType", field("addressType")),
    Column("Ports", _slice_ports),
    Column("Endpoints", _slice_endpoints),
    AGE,
)


def _hosts(ingress: Object, _now: datetime) -> str:
    hosts = [rule["host"] for rule in dig(ingress, "spec", "rules") or () if rule.get("host")]
    return some(hosts, len(hosts)) or "*"


def _ingress_ports(ingress: Object, _now: datetime) -> str:
    return "80, 443" if dig(ingress, "spec", "tls") else "80"


INGRESSES = (
    NAME,
    Column("Class", field("spec", "ingressClassName", absent=NONE)),
    Column("Hosts", _hosts),
    Column("Address", lambda obj, _now: _balancer(obj)),
    Column("Ports", _ingress_ports),
    AGE,
)


def _parameters(ingress_class: Object, _now: datetime) -> str:
    parameters = dig(ingress_class, "spec", "parameters")
    if not parameters:
        return NONE
    kind = parameters.get("kind", "")
    if parameters.get("apiGroup"):
        kind += f".{parameters['apiGroup']}"
    return f"{kind}/{parameters.get('name', '')}"


INGRESS_CLASSES = (
    NAME,
    Column("Controller", field("spec", "controller")),
    Column("Parameters", _parameters),
    AGE,
)
NETWORK_POLICIES = (
    NAME,
    Column("Pod-Selector", lambda obj, _now: selector(dig(obj, "spec", "podSelector"))),
    AGE,
)


def _parent(address: Object, _now: datetime) -> str:
    ref = dig(address, "spec", "parentRef")
    if not ref:
        return NONE
    parts = (ref.get("group", ""), ref.get("resource", ""), ref.get("namespace", ""), ref.get("name", ""))
    group, rest = parts[0], "/".join(part for part in parts[1:] if part)
    return f"{group}/{rest}" if group else rest


IP_ADDRESSES = (NAME, Column("ParentRef", _parent))
SERVICE_CIDRS = (NAME, Column("CIDRs", lambda obj, _now: ",".join(dig(obj, "spec", "cidrs") or ())), AGE)
