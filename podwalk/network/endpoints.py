"""Which endpoints stand behind a Service on a given node: readiness, termination, traffic policies and distribution.

Source: pkg/proxy/topology.go (CategorizeEndpoints), KEP-1669 (terminating endpoints), KEP-2433 and KEP-3015 (hints).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from podwalk.types import Object, Ref, View

SLICES = "endpointslices.discovery.k8s.io"
HEADLESS = "service.kubernetes.io/headless"
"""The label by which the controller marks the slices of headless Services."""


@dataclass(frozen=True)
class Endpoint:
    """One address and port behind one port of a Service.

    Attributes:
        ip: the address.
        port: the port there.
        node: the node it is on, if the slice says.
        ready: takes traffic.
        serving: would answer, though it may be on its way out.
        terminating: on its way out.
        zones: the zones whose clients should prefer it.
        nodes: the nodes whose clients should prefer it.
        target: the Pod, if it is one.
        slice_name: the EndpointSlice that says so.
    """

    ip: str
    port: int
    node: str = ""
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    zones: frozenset[str] = frozenset()
    nodes: frozenset[str] = frozenset()
    target: Ref | None = None
    slice_name: str = ""


@dataclass(frozen=True)
class Choice:
    """The endpoints that a node may choose from, and why these.

    Attributes:
        endpoints: the candidates, by address.
        exists: whether any endpoint of the Service could be used anywhere; without one a connection is refused, with
            one but none here it is dropped.
        reason: a clause that says why these.
    """

    endpoints: tuple[Endpoint, ...]
    exists: bool
    reason: str


def behind(view: View, service: Object, port: Object) -> tuple[Endpoint, ...]:
    """Return every endpoint of one port of a Service, ready or not, each once, in kube-proxy's order of "address:port".

    As kube-proxy does, a slice is passed over that has no IPv4 addresses, or is marked as a headless Service's though
    the Service is none; and so is every address of an endpoint but the first.

    Args:
        view: the objects.
        service: the Service.
        port: an entry of its ``spec.ports``.
    """
    metadata, headless = service["metadata"], service["spec"].get("clusterIP") == "None"
    found: dict[tuple[str, int], Endpoint] = {}
    for endpoint_slice in view.lookup("slice-service", f"{metadata.get('namespace', '')}/{metadata['name']}"):
        if not headless and HEADLESS in (endpoint_slice["metadata"].get("labels") or {}):
            continue
        if endpoint_slice.get("addressType", "IPv4") != "IPv4":
            continue
        for endpoint in _of_slice(endpoint_slice, port):
            found.setdefault((endpoint.ip, endpoint.port), endpoint)
    return tuple(found[key] for key in sorted(found, key=lambda key: f"{key[0]}:{key[1]}"))


def _of_slice(endpoint_slice: Object, port: Object) -> Iterator[Endpoint]:
    protocol = port.get("protocol", "TCP")
    for slice_port in endpoint_slice.get("ports") or ():
        same = (slice_port.get("name") or "") == (port.get("name") or "")
        if not same or slice_port.get("protocol", "TCP") != protocol or not slice_port.get("port"):
            continue
        for endpoint in endpoint_slice.get("endpoints") or ():
            for address in (endpoint.get("addresses") or ())[:1]:
                yield _endpoint(endpoint_slice, endpoint, address, slice_port["port"])


def _endpoint(endpoint_slice: Object, endpoint: Object, address: str, port: int) -> Endpoint:
    conditions, hints = endpoint.get("conditions") or {}, endpoint.get("hints") or {}
    ready = conditions.get("ready") is not False
    serving = conditions.get("serving")
    target = endpoint.get("targetRef") or {}
    pod = Ref("pods", target.get("namespace", ""), target["name"]) if target.get("kind") == "Pod" else None
    return Endpoint(
        ip=address,
        port=port,
        node=endpoint.get("nodeName") or "",
        ready=ready,
        serving=ready if serving is None else bool(serving),
        terminating=bool(conditions.get("terminating")),
        zones=frozenset(hint["name"] for hint in hints.get("forZones") or ()),
        nodes=frozenset(hint["name"] for hint in hints.get("forNodes") or ()),
        target=pod,
        slice_name=endpoint_slice["metadata"]["name"],
    )


def choose(endpoints: Sequence[Endpoint], *, node: str, zone: str, local_only: bool) -> Choice:
    """Return the endpoints that a node sends to.

    Args:
        endpoints: all of one port of a Service.
        node: the node whose kube-proxy decides.
        zone: that node's zone, or the empty text.
        local_only: whether the traffic policy is Local.
    """
    ready = tuple(endpoint for endpoint in endpoints if endpoint.ready)
    leaving = tuple(endpoint for endpoint in endpoints if endpoint.serving and endpoint.terminating)
    exists = bool(ready or leaving)
    if local_only:
        return _choose_local(ready, leaving, exists, node)
    if not ready:
        reason = "no endpoint is ready, so those that are terminating but still serve are used" if leaving else ""
        return Choice(leaving, exists, reason or "no endpoint is ready")
    if all(endpoint.nodes for endpoint in ready):
        near = tuple(endpoint for endpoint in ready if node in endpoint.nodes)
        if near:
            return Choice(near, True, f"hints prefer endpoints on node {node}")
    if zone and all(endpoint.zones for endpoint in ready):
        near = tuple(endpoint for endpoint in ready if zone in endpoint.zones)
        if near:
            return Choice(near, True, f"hints prefer endpoints of zone {zone}")
    return Choice(ready, True, f"{len(ready)} ready")


def _choose_local(ready: Sequence[Endpoint], leaving: Sequence[Endpoint], exists: bool, node: str) -> Choice:
    here = tuple(endpoint for endpoint in ready if endpoint.node == node)
    if here:
        return Choice(here, exists, f"{len(here)} ready on node {node}, as the traffic policy is Local")
    here = tuple(endpoint for endpoint in leaving if endpoint.node == node)
    if here:
        return Choice(
            here, exists, f"none is ready on node {node}; those that are terminating but still serve are used"
        )
    return Choice((), exists, f"the traffic policy is Local and node {node} has no endpoint")
