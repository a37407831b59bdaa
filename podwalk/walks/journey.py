"""The way of a request: the name as typed, each DNS query, the Service, the policies, the Pod that answers.

Everything is computed from the cluster's objects, so that it explains a real cluster as well as the embedded one. Where
the Pod is an Ingress controller, the walk goes on: with the rule that is met, and the controller's own connection to
a Pod behind it. What any other program does with the request is beyond the objects: there a walk ends at the port.
"""

from __future__ import annotations

import ipaddress
import random as randomness
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from podwalk.network import allowances, route, surplus
from podwalk.network.addresses import node_ip, parse, peer_of
from podwalk.network.ingress import HttpRequest
from podwalk.types import ClusterOptions, Flow, Hop, HopKind, Object, Outcome, Peer, Ref, Verdict, View
from podwalk.walks import controllers, entrances, resolving
from podwalk.walks.queries import Resolver
from podwalk.walks.walk import Target, Walk, WalkError

OUTSIDE = "outside"
GATEWAY_STATUS = {Outcome.REFUSED: 502, Outcome.UNREACHABLE: 502, Outcome.UNRESOLVED: 502, Outcome.TIMED_OUT: 504}
"""What an Ingress controller answers when it does not get through itself."""


def walk(
    view: View,
    source: Ref,
    target: str,
    *,
    options: ClusterOptions,
    random: randomness.Random | None = None,
    host: str = "",
    known: Mapping[str, str] | None = None,
) -> Walk:
    """Follow a request.

    Args:
        view: the cluster's objects.
        source: the Pod or node that sends it, or :func:`outside`.
        target: what it was told to reach, see :meth:`Target.read`.
        options: the cluster's ranges and CNI plugin.
        random: where kube-proxy's choice comes from.
        host: the ``Host`` header, where it is not the target's host.
        known: the addresses of names outside of the cluster, which its objects do not say.

    Raises:
        WalkError: when the target cannot be read, or there is no such source or it has no address.
    """
    wanted = Target.read(target, host)
    pod, peer = _begin(view, source)
    start = _Journey(view, pod, peer, source, wanted, options, random or randomness.Random(options.seed), known or {})
    return start.go()


def outside(ip: str = "", *, options: ClusterOptions) -> Ref:
    """Return a client outside the cluster; by default the machine that a local cluster's nodes run on."""
    if ip and parse(ip) is None:
        raise WalkError(f"outside: {ip!r} is not an address; write e.g. outside:203.0.113.7")
    # A bridge of Docker's has the first address of its network: what nodes see when their host calls.
    return Ref(OUTSIDE, "", ip or str(next(ipaddress.ip_network(options.node_cidr).hosts())))


def _begin(view: View, source: Ref) -> tuple[Object | None, Peer]:
    """Return who sends: the Pod, if it is one, and the end of the flow."""
    if source.resource == OUTSIDE:
        return None, Peer(source.name)
    if source.resource == "nodes":
        ip = node_ip(view, source.name)
        if not ip:
            raise WalkError(f"there is no node {source.name}; `kubectl get nodes`")
        return None, Peer(ip, None, source.name)
    pod = view.get("pods", source.namespace, source.name)
    if pod is None:
        raise WalkError(f"there is no Pod {source.namespace}/{source.name}; `kubectl get pods -n {source.namespace}`")
    if not pod.get("status", {}).get("podIP"):
        phase = pod.get("status", {}).get("phase", "Pending")
        raise WalkError(f"Pod {source.namespace}/{source.name} has no address yet (it is {phase}); wait until it runs")
    return pod, peer_of(pod)


@dataclass
class _Journey:
    view: View
    pod: Object | None
    peer: Peer
    source: Ref
    target: Target
    options: ClusterOptions
    random: randomness.Random
    known: Mapping[str, str]
    hops: list[Hop] = field(default_factory=list)

    def go(self) -> Walk:
        self.hops += self._resolve(self.pod, self.peer, self.target.host)
        address = self._address()
        if not address:
            return self._unresolved()
        verdict, flow = self._connect(self.peer, address, self.target.port)
        found = self._end(verdict, flow)
        controller = self._controller(verdict)
        return found if controller is None else self._through(controller, verdict, found)

    def _resolve(self, pod: Object | None, peer: Peer, host: str) -> Iterator[Hop]:
        if pod is not None:
            return self._resolver(pod, peer).look_up(host)
        if parse(host) is not None:
            said = "This is an address already: no name is looked up."
            return iter((Hop(HopKind.NAME, host, said, data={"address": host}),))
        if host in self.known:
            said = f"The client knows that it leads to {self.known[host]}."
            return iter((Hop(HopKind.NAME, host, said, data={"address": self.known[host]}),))
        return iter((entrances.find(self.view, host.rstrip("."), self.target.port, options=self.options),))

    def _resolver(self, pod: Object, peer: Peer) -> Resolver:
        return Resolver(self.view, pod, peer, self.options, self.random, self.known)

    def _address(self) -> str:
        return str(next((hop.data["address"] for hop in reversed(self.hops) if "address" in hop.data), ""))

    def _connect(self, peer: Peer, address: str, port: int) -> tuple[Verdict, Flow]:
        flow = Flow(peer, address, port, self.target.protocol)
        verdict = route(self.view, flow, options=self.options, random=self.random)
        self.hops += verdict.hops
        self.hops += self._arrival(verdict)
        return verdict, flow

    def _end(self, verdict: Verdict, flow: Flow) -> Walk:
        remedies = () if verdict.delivered else allowances(self.view, flow, options=self.options)
        others = surplus(self.view, flow, remedies, options=self.options)
        return Walk(self.source, self.target, verdict.outcome, tuple(self.hops), verdict, remedies, surplus=others)

    def _unresolved(self) -> Walk:
        failed = next((hop for hop in reversed(self.hops) if not hop.ok), None)
        remedies: tuple[Object, ...] = ()
        if failed is not None and failed.kind in (HopKind.EGRESS, HopKind.INGRESS):
            server = next((hop.data["server"] for hop in self.hops if "server" in hop.data), "")
            for protocol in ("UDP", "TCP"):
                flow = Flow(self.peer, server, resolving.DNS_PORT, protocol)
                remedies += allowances(self.view, flow, options=self.options)
        merged = resolving.merge(remedies)
        return Walk(self.source, self.target, Outcome.UNRESOLVED, tuple(self.hops), None, merged)

    def _controller(self, verdict: Verdict) -> controllers.Controller | None:
        """Return the Ingress controller that a request has reached, if it has."""
        target = verdict.target
        if not verdict.delivered or target is None or target.pod is None or self.target.scheme not in ("http", "https"):
            return None
        pod = self.view.get("pods", target.pod.namespace, target.pod.name)
        found = controllers.find(pod) if pod is not None else None
        return found if found is not None and verdict.port in found.schemes else None

    def _through(self, controller: controllers.Controller, verdict: Verdict, found: Walk) -> Walk:
        """Go on with what the controller does: answer itself, or open a connection of its own."""
        request = HttpRequest(
            host=(self.target.header or self.target.host).rstrip(".").lower(),
            path=self.target.path,
            scheme=controller.schemes[verdict.port],
            client_ip=verdict.source_ip,
        )
        hops, decision = controllers.decide(self.view, controller, request, self.random)
        self.hops += hops
        if not decision.proxied:
            return replace(found, hops=tuple(self.hops), status=decision.status)
        pod = self.view.get("pods", controller.pod.namespace, controller.pod.name)
        assert pod is not None, "the request is there"
        peer = peer_of(pod)
        if decision.external_name:
            self.hops += self._resolver(pod, peer).look_up(decision.external_name)
            address, port = str(self.hops[-1].data.get("address", "")), decision.external_port
        else:
            address, port = decision.endpoints[0].ip, decision.endpoints[0].port
        if not address:
            status = GATEWAY_STATUS[Outcome.UNRESOLVED]
            return replace(found, outcome=Outcome.UNRESOLVED, hops=tuple(self.hops), status=status)
        second, flow = self._connect(peer, address, port)
        return replace(self._end(second, flow), status=GATEWAY_STATUS.get(second.outcome, 0))

    def _arrival(self, verdict: Verdict) -> Iterator[Hop]:
        target = verdict.target
        if target is None or target.pod is None:
            return
        pod = self.view.get("pods", target.pod.namespace, target.pod.name)
        if pod is None:
            return
        for index, container in enumerate(pod["spec"].get("containers") or ()):
            for place, port in enumerate(container.get("ports") or ()):
                if (port["containerPort"], port.get("protocol", "TCP")) == (verdict.port, self.target.protocol):
                    detail = f"Port {verdict.port} is this container's; it sees the client as {verdict.source_ip}."
                    path = f"spec.containers[{index}].ports[{place}]"
                    yield Hop(HopKind.CONTAINER, f"Container {container['name']}", detail, True, (target.pod,), path)
                    return
        detail = (
            f"No container declares port {verdict.port}/{self.target.protocol}. That forbids nothing, "
            "but if no process listens there the connection is refused."
        )
        yield Hop(HopKind.CONTAINER, f"Port {verdict.port}", detail, True, (target.pod,), "spec.containers[*].ports")
