"""A namespace as a map: the ways in, the Services, the endpoints behind them, and the policies around the Pods.

Everything is drawn from the objects as they are, so that what does not fit together shows: a Service that selects
nothing, a path to a Service that is not there, a policy around no Pod.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from podwalk.errors import PodwalkError
from podwalk.network import endpoints as endpoint_choice
from podwalk.network.addresses import FINISHED, peer_of, reference
from podwalk.network.ingress import backends
from podwalk.network.ingress.classes import CLASSES, INGRESSES, class_of
from podwalk.network.ingress.dialects import plain
from podwalk.network.ingress.gateway import rules as route_rules
from podwalk.network.ingress.gateway.attachment import ROUTES
from podwalk.network.ingress.rules import Backend, Rule
from podwalk.network.policy import Direction
from podwalk.network.policy.judgement import end_of, isolating
from podwalk.network.policy.rules import POLICIES
from podwalk.types import Object, Ref, View
from podwalk.walks.reachability import workload


@dataclass(frozen=True)
class Way:
    """A way to a Service: a host and path of an Ingress or HTTPRoute, a NodePort, a load balancer's address.

    Attributes:
        text: the address a client types.
        by: the object that makes the way.
        service: the Service's name.
        namespace: the Service's.
        problem: why it leads nowhere; empty if it leads there.
    """

    text: str
    by: str
    service: str
    namespace: str
    problem: str = ""


@dataclass(frozen=True)
class Spot:
    """One endpoint of a Service.

    Attributes:
        address: where it is, with its port.
        name: the Pod, or empty.
        node: where that runs.
        ready: whether it takes traffic.
    """

    address: str
    name: str
    node: str
    ready: bool


@dataclass(frozen=True)
class Workload:
    """Pods that one object made, and the policies that isolate them."""

    name: str
    spots: tuple[Spot, ...]
    ingress: tuple[str, ...]
    egress: tuple[str, ...]


@dataclass(frozen=True)
class ServiceSite:
    """A Service on the map.

    Attributes:
        name: its name.
        kind: its type; ``headless`` without an address.
        ports: each as ``10.96.12.3:80 → 8080``.
        ways: from outside.
        workloads: what is behind it.
        problem: why nothing is.
    """

    name: str
    kind: str
    ports: tuple[str, ...]
    ways: tuple[Way, ...]
    workloads: tuple[Workload, ...]
    problem: str = ""


@dataclass(frozen=True)
class NamespaceMap:
    """A namespace drawn from its objects.

    Attributes:
        namespace: its name.
        services: the Services and what is behind them.
        others: Pods behind no Service.
        astray: ways that lead to no Service of this namespace.
        idle: policies that select no Pod.
    """

    namespace: str
    services: tuple[ServiceSite, ...]
    others: tuple[Workload, ...]
    astray: tuple[Way, ...]
    idle: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """Return the map as JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        """Render for a terminal."""
        from podwalk.walks.atlas import text

        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from podwalk.walks.atlas import render

        return render(self)


def survey(view: View, namespace: str) -> NamespaceMap:
    """Draw a namespace.

    Raises:
        PodwalkError: when there is nothing in it.
    """
    pods = [pod for pod in view.list("pods", namespace) if pod.get("status", {}).get("phase") not in FINISHED]
    services = view.list("services", namespace)
    ways = (*_ingress_ways(view, namespace), *_route_ways(view, namespace))
    if not (pods or services or ways):
        raise PodwalkError(f"there is nothing in namespace {namespace} that could be drawn; `kubectl get namespaces`")
    sites = tuple(_site(view, service, ways) for service in services)
    names = {site.name for site in sites}
    seen = {spot.name for site in sites for one in site.workloads for spot in one.spots}
    others = [pod for pod in pods if pod["metadata"]["name"] not in seen]
    astray = tuple(way for way in ways if way.namespace != namespace or way.service not in names)
    return NamespaceMap(
        namespace, sites, tuple(_workloads(view, [(_spot(pod), pod) for pod in others])), astray, _idle(view, namespace)
    )


def _ingress_ways(view: View, namespace: str) -> Iterator[Way]:
    known = {one["metadata"]["name"] for one in view.list(CLASSES)}
    for ingress in view.list(INGRESSES, namespace):
        wanted = class_of(ingress)
        unserved = "" if wanted in known else f"no controller serves class {wanted}" if wanted else "it names no class"
        tls = {host for entry in ingress["spec"].get("tls") or () for host in entry.get("hosts") or ()}
        for rule in plain.rules(view, [ingress]):
            yield from _rule_ways(view, rule, f"Ingress {ingress['metadata']['name']}", unserved, tls=rule.host in tls)


def _route_ways(view: View, namespace: str) -> Iterator[Way]:
    routes = view.list(ROUTES, namespace)
    found = [rule for rule in route_rules(view) if rule.source.namespace == namespace] if routes else []
    for rule in found:
        yield from _rule_ways(view, rule, f"HTTPRoute {rule.source.name}", "", tls=bool(rule.tls))
    attached = {rule.source.name for rule in found}
    for route in routes:
        name = route["metadata"]["name"]
        for entry in route["spec"].get("rules") or () if name not in attached else ():
            for backend in entry.get("backendRefs") or ():
                host = next(iter(route["spec"].get("hostnames") or ()), "every host")
                space = backend.get("namespace") or namespace
                yield Way(host, f"HTTPRoute {name}", backend["name"], space, "it is attached to no Gateway")


def _rule_ways(view: View, rule: Rule, by: str, unserved: str, *, tls: bool) -> Iterator[Way]:
    scheme = "https" if tls else "http"
    host = rule.host.replace("**.", "*.") or "*"
    for backend in rule.backends:
        problem = unserved or _problem(view, backend)
        yield Way(f"{scheme}://{host}{rule.path.value}", by, backend.name, backend.namespace, problem)


def _problem(view: View, backend: Backend) -> str:
    problem = backends.resolve(view, backend).problem.rstrip(".")
    return problem[:1].lower() + problem[1:]


def _site(view: View, service: Object, ways: tuple[Way, ...]) -> ServiceSite:
    metadata, spec = service["metadata"], service["spec"]
    name, namespace = metadata["name"], metadata.get("namespace", "")
    own = [way for way in ways if (way.namespace, way.service) == (namespace, name)]
    headless = spec.get("clusterIP") == "None"
    kind = "headless" if headless else spec.get("type", "ClusterIP")
    if kind == "ExternalName":
        target = str(spec.get("externalName", ""))
        return ServiceSite(name, kind, (f"another name for {target}",), tuple(own), ())
    own += _own_ways(service)
    found: dict[tuple[str, str], tuple[Spot, Object | None]] = {}
    for port in spec.get("ports") or ():
        for endpoint in endpoint_choice.behind(view, service, port):
            pod = view.get("pods", endpoint.target.namespace, endpoint.target.name) if endpoint.target else None
            owner = endpoint.target.name if endpoint.target else ""
            address = f"{endpoint.ip}:{endpoint.port}"
            found[address, owner] = Spot(address, owner, endpoint.node, endpoint.ready), pod
    workloads = tuple(_workloads(view, list(found.values())))
    ports = tuple(_port(spec, port, headless) for port in spec.get("ports") or ())
    return ServiceSite(name, kind, ports, tuple(own), workloads, _why_empty(view, service) if not workloads else "")


def _port(spec: Object, port: Object, headless: bool) -> str:
    target = port.get("targetPort", port["port"])
    protocol = "" if port.get("protocol", "TCP") == "TCP" else f"{port['protocol']} "
    return f"{protocol}{'no address' if headless else spec.get('clusterIP', '')}:{port['port']} → {target}"


def _own_ways(service: Object) -> Iterator[Way]:
    name, namespace = service["metadata"]["name"], service["metadata"].get("namespace", "")
    balancer = service.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    waiting = service["spec"].get("type") == "LoadBalancer" and not balancer
    for port in service["spec"].get("ports") or ():
        for entry in balancer:
            yield Way(f"{entry.get('ip') or entry.get('hostname')}:{port['port']}", "load balancer", name, namespace)
        if waiting:
            yield Way(f"<pending>:{port['port']}", "load balancer", name, namespace, "nothing gave it an address yet")
        if port.get("nodePort"):
            yield Way(f"any node:{port['nodePort']}", "NodePort", name, namespace)


def _why_empty(view: View, service: Object) -> str:
    selector = service["spec"].get("selector")
    if not selector:
        return "no selector, and no EndpointSlice of its own: nothing is behind it"
    labels = ",".join(f"{key}={value}" for key, value in selector.items())
    if view.list("pods", service["metadata"].get("namespace", ""), selector):
        return f"Pods carry {labels}, but none is an endpoint yet"
    return f"no Pod carries {labels}"


def _spot(pod: Object) -> Spot:
    status = pod.get("status", {})
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())
    phase = status.get("phase", "Pending")
    return Spot(status.get("podIP") or phase, pod["metadata"]["name"], pod["spec"].get("nodeName", ""), ready)


def _workloads(view: View, found: list[tuple[Spot, Object | None]]) -> Iterator[Workload]:
    """Put Pods together that one object made and that the same policies isolate."""
    groups: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[Spot]] = {}
    for spot, pod in found:
        into, out = (_isolating(view, pod, direction) for direction in (Direction.INGRESS, Direction.EGRESS))
        groups.setdefault((workload(pod) if pod else spot.name or "no Pod", into, out), []).append(spot)
    for (name, into, out), spots in groups.items():
        yield Workload(name, tuple(spots), into, out)


def _isolating(view: View, pod: Object | None, direction: Direction) -> tuple[str, ...]:
    if pod is None:
        return ()
    return tuple(one["metadata"]["name"] for one in isolating(view, end_of(view, peer_of(pod)), direction))


def _idle(view: View, namespace: str) -> tuple[str, ...]:
    ends = [end_of(view, peer_of(pod)) for pod in view.list("pods", namespace)]
    used = {
        reference(POLICIES, policy)
        for end in ends
        for direction in Direction
        for policy in isolating(view, end, direction)
    }
    refs: list[Ref] = [reference(POLICIES, policy) for policy in view.list(POLICIES, namespace)]
    return tuple(ref.name for ref in refs if ref not in used)
