"""The names of the cluster's zone: what each stands for among Services, endpoints and Pods.

Source: the Kubernetes DNS specification 1.1.0; CoreDNS, plugin/kubernetes (parseRequest, findServices, findPods,
    serviceRecordForIP).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from podwalk.network.addresses import parse
from podwalk.network.dns.messages import absolute
from podwalk.network.endpoints import SLICES
from podwalk.network.services import is_headless
from podwalk.types import Object, View

NO_PORT = -1
"""The port of an endpoint whose slice declares none: it has an address, and no SRV record."""


class NoSuchName(LookupError):
    """The name does not exist: NXDOMAIN."""


@dataclass(frozen=True)
class Zone:
    """The options of the ``kubernetes`` plugin.

    Attributes:
        zones: the zones it answers for, the first that is not a reverse one being the cluster's.
        pods: ``disabled``, ``insecure`` or ``verified``.
        ttl: of its records, in seconds.
        passes_on: the zones whose missing names go to the next plugin; None to pass none.
        namespaces: the only ones it knows, if any.
        endpoint_pod_names: whether an endpoint without hostname is named by its Pod.
        ignore_empty_service: whether a ClusterIP Service without endpoints has no name.
        ptr_hostname_only: whether only endpoints with a hostname have PTR records.
    """

    zones: tuple[str, ...]
    pods: str = "disabled"
    ttl: int = 5
    passes_on: tuple[str, ...] | None = None
    namespaces: frozenset[str] = frozenset()
    endpoint_pod_names: bool = False
    ignore_empty_service: bool = False
    ptr_hostname_only: bool = False

    @property
    def primary(self) -> str:
        """The cluster's own domain."""
        return next((zone for zone in self.zones if not zone.endswith(".arpa.")), self.zones[0])


@dataclass(frozen=True)
class Found:
    """One thing a name stands for: an address (or another name) and a port.

    Attributes:
        host: the address, or the external name.
        port: the port, for SRV; 0 if it has none by nature, ``NO_PORT`` if none is declared.
        owner: the name of what has this address.
    """

    host: str
    port: int
    owner: str

    @property
    def type(self) -> str:
        """The record type of ``host``."""
        address = parse(self.host)
        return "CNAME" if address is None else ("A" if address.version == 4 else "AAAA")


@dataclass(frozen=True)
class EndpointAddress:
    """One ready endpoint, as DNS names it."""

    ip: str
    hostname: str
    pod: str
    port: int
    port_name: str
    protocol: str
    namespace: str
    service: str

    def label(self, zone: Zone) -> str:
        """Return the endpoint's own label below its Service's name."""
        if self.hostname:
            return self.hostname
        if zone.endpoint_pod_names and self.pod and len(self.pod) < 64:
            return self.pod
        return self.ip.replace(".", "-").replace(":", "-")


def endpoints_of_slice(endpoint_slice: Object) -> Iterator[EndpointAddress]:
    """Return a slice's ready endpoints, once for each of its ports."""
    metadata = endpoint_slice["metadata"]
    service = (metadata.get("labels") or {}).get("kubernetes.io/service-name", "")
    ports = [
        (port.get("port") or NO_PORT, port.get("name") or "", port.get("protocol", "TCP"))
        for port in endpoint_slice.get("ports") or ()
    ] or [(NO_PORT, "", "")]
    for endpoint in endpoint_slice.get("endpoints") or ():
        if (endpoint.get("conditions") or {}).get("ready") is False:
            continue
        target = endpoint.get("targetRef") or {}
        for ip in endpoint.get("addresses") or ():
            for port, name, protocol in ports:
                yield EndpointAddress(
                    ip,
                    endpoint.get("hostname") or "",
                    target.get("name", "") if target.get("kind") == "Pod" else "",
                    port,
                    name,
                    protocol,
                    metadata.get("namespace", ""),
                    service,
                )


def endpoints_at(view: View, ip: str) -> Iterator[EndpointAddress]:
    """Return every ready endpoint that has an address, of whatever Service."""
    for endpoint_slice in view.list(SLICES):
        yield from (endpoint for endpoint in endpoints_of_slice(endpoint_slice) if endpoint.ip == ip)


def find(view: View, zone: Zone, name: str, origin: str) -> list[Found]:
    """Return what a name stands for; an empty list for a name that exists without records.

    Args:
        view: the objects.
        zone: the plugin's options.
        name: the name asked for, absolute.
        origin: the zone of it, absolute, in the case of the question.

    Raises:
        NoSuchName: when it does not exist.
    """
    base = name[: -len(origin)].rstrip(".").lower() if origin != "." else name.rstrip(".").lower()
    if base in ("", "svc", "pod"):
        return []
    labels = base.split(".")
    kind = labels.pop()
    if kind not in ("svc", "pod") or origin.lower().endswith(("in-addr.arpa.", "ip6.arpa.")):
        raise NoSuchName(name)
    namespace = labels.pop()
    if not is_exposed(view, zone, namespace):
        raise NoSuchName(name)
    if not labels:
        return []
    if len(labels) > 3:
        raise NoSuchName(name)
    owner = labels.pop()
    if kind == "pod":
        return _find_pod(view, zone, namespace, owner, name, origin)
    return _find_service(view, zone, (namespace, owner), labels, origin)


def is_exposed(view: View, zone: Zone, namespace: str) -> bool:
    """Whether a namespace is there and, if the plugin names its namespaces, one of them."""
    if zone.namespaces and namespace not in zone.namespaces:
        return False
    return view.get("namespaces", "", namespace) is not None


def _find_pod(view: View, zone: Zone, namespace: str, label: str, name: str, origin: str) -> list[Found]:
    dotted = label.count("-") == 3 and "--" not in label
    ip = label.replace("-", "." if dotted else ":")
    if zone.pods == "disabled" or parse(ip) is None:
        raise NoSuchName(name)
    found = Found(ip, 0, f"{label}.{namespace}.pod.{origin}")
    if zone.pods == "insecure":
        return [found]
    if any(pod["metadata"].get("namespace") == namespace for pod in view.lookup("pod-ip", ip)):
        return [found]
    raise NoSuchName(name)


def _find_service(view: View, zone: Zone, owner: tuple[str, str], left: list[str], origin: str) -> list[Found]:
    namespace, service_name = owner
    service = view.get("services", namespace, service_name)
    own_name = f"{service_name}.{namespace}.svc.{origin}"
    endpoint = left[0] if len(left) == 1 else ""
    port, protocol = (left[0].removeprefix("_"), left[1].removeprefix("_")) if len(left) == 2 else ("", "")
    if service is None:
        raise NoSuchName(own_name)
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        target = str(spec.get("externalName", ""))
        if left or parse(target) is not None:
            raise NoSuchName(own_name)
        return [Found(target, 0, own_name)]
    if is_headless(service) or endpoint:
        found = [
            Found(address.ip, address.port, f"{address.label(zone)}.{own_name}")
            for address in addresses_of(view, service)
            if (not endpoint or address.label(zone).lower() == endpoint)
            and _same(port, address.port_name)
            and _same(protocol, address.protocol)
        ]
    elif zone.ignore_empty_service and not any(True for _ in addresses_of(view, service)):
        found = []
    else:
        ports = [
            entry
            for entry in spec.get("ports") or ()
            if _same(port, entry.get("name") or "") and _same(protocol, entry.get("protocol", "TCP"))
        ]
        ips = spec.get("clusterIPs") or [spec.get("clusterIP")]
        found = [Found(ip, entry["port"], own_name) for entry in ports for ip in ips if ip]
    if not found:
        raise NoSuchName(own_name)
    return found


def _same(wanted: str, actual: str) -> bool:
    return not wanted or wanted.lower() == actual.lower()


def addresses_of(view: View, service: Object) -> Iterator[EndpointAddress]:
    """Return a Service's ready endpoints, once for each port."""
    metadata = service["metadata"]
    for endpoint_slice in view.lookup("slice-service", f"{metadata.get('namespace', '')}/{metadata['name']}"):
        yield from endpoints_of_slice(endpoint_slice)


def reverse_address(name: str) -> str | None:
    """Return the address that a name below ``in-addr.arpa`` or ``ip6.arpa`` is the reverse of, or None."""
    labels = name.lower().rstrip(".").split(".")
    if labels[-2:] == ["in-addr", "arpa"] and len(labels) == 6:
        text = ".".join(reversed(labels[:4]))
    elif labels[-2:] == ["ip6", "arpa"] and len(labels) == 34:
        digits = "".join(reversed(labels[:32]))
        text = ":".join(digits[index : index + 4] for index in range(0, 32, 4))
    else:
        return None
    address = parse(text)
    return str(address) if isinstance(address, ipaddress.IPv4Address | ipaddress.IPv6Address) else None


def names_of(view: View, zone: Zone, ip: str) -> list[str]:
    """Return the names an address has: its Service's, otherwise those of its endpoints."""
    for service in view.lookup("service-ip", ip):
        metadata, spec = service["metadata"], service["spec"]
        ours = ip in (spec.get("clusterIPs") or [spec.get("clusterIP")])
        if ours and (not zone.namespaces or is_exposed(view, zone, metadata["namespace"])):
            return [absolute(f"{metadata['name']}.{metadata['namespace']}.svc.{zone.primary}")]
    names: dict[str, None] = {}
    for endpoint in endpoints_at(view, ip):
        if zone.namespaces and not is_exposed(view, zone, endpoint.namespace):
            continue
        if not zone.ptr_hostname_only or endpoint.hostname:
            names[absolute(f"{endpoint.label(zone)}.{endpoint.service}.{endpoint.namespace}.svc.{zone.primary}")] = None
    return list(names)
