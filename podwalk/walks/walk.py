"""The way of a request from a Pod: the name as typed, each DNS query, the Service, the policies, the Pod that answers.

Everything is computed from the cluster's objects, so that it explains a real cluster as well as the embedded one. What
a program in a container does with the request is beyond the objects, and left out: a walk ends at the Pod's port.
"""

from __future__ import annotations

import random as randomness
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from podwalk.errors import PodwalkError
from podwalk.network import allowances, dns, route
from podwalk.network.addresses import parse, peer_of
from podwalk.network.dns import search
from podwalk.types import ClusterOptions, Flow, Hop, HopKind, Object, Outcome, Peer, Ref, Verdict, View
from podwalk.walks import resolving

SCHEME_PORTS: Mapping[str, int] = {"http": 80, "https": 443, "tcp": 0, "udp": 0, "sctp": 0}
PROTOCOLS: Mapping[str, str] = {"udp": "UDP", "sctp": "SCTP"}


class WalkError(PodwalkError):
    """A walk that cannot begin: the target cannot be read, or there is no such Pod."""


@dataclass(frozen=True)
class Target:
    """What a client was told to reach.

    Attributes:
        host: the name or address as typed.
        port: the port, by default the scheme's.
        protocol: TCP, UDP or SCTP.
        text: the whole as typed.
    """

    host: str
    port: int
    protocol: str
    text: str

    @classmethod
    def read(cls, text: str) -> Target:
        """Read ``http://backend/path``, ``backend:8080``, ``udp://10.96.0.10:53`` or a plain name (port 80).

        Raises:
            WalkError: when it cannot be read.
        """
        url = text if "://" in text else f"http://{text}"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise WalkError(f"{text!r}: {error}; write e.g. http://backend:8080") from error
        if parts.scheme not in SCHEME_PORTS:
            raise WalkError(f"{text!r}: scheme {parts.scheme!r} is none of {', '.join(SCHEME_PORTS)}")
        port = port or SCHEME_PORTS[parts.scheme]
        if not host or not port:
            missing = "host" if not host else "port"
            raise WalkError(f"{text!r} names no {missing}; write e.g. {parts.scheme}://backend:5432")
        return cls(host, port, PROTOCOLS.get(parts.scheme, "TCP"), text)


@dataclass(frozen=True)
class Walk:
    """What became of a request, hop by hop.

    Attributes:
        source: the Pod it comes from.
        target: what it wants to reach.
        outcome: how it ends.
        hops: the decisions in order; the last that is not ``ok`` is the reason of a failure.
        verdict: the network's verdict; None if the name was not resolved.
        remedies: NetworkPolicies that, applied, would let exactly this request through; empty where no policy stops it.
    """

    source: Ref
    target: Target
    outcome: Outcome
    hops: tuple[Hop, ...]
    verdict: Verdict | None = None
    remedies: tuple[Object, ...] = ()

    @property
    def delivered(self) -> bool:
        """Whether the request reached a Pod, a node or the outside."""
        return self.outcome is Outcome.DELIVERED

    @property
    def reason(self) -> Hop | None:
        """The hop at which it failed."""
        return next((hop for hop in reversed(self.hops) if not hop.ok), None)

    def data(self) -> dict[str, Any]:
        """Return the walk as JSON values."""
        return {
            "source": asdict(self.source),
            "target": asdict(self.target),
            "outcome": self.outcome.value,
            "hops": [{**asdict(hop), "kind": hop.kind.value, "data": dict(hop.data)} for hop in self.hops],
            "remedies": list(self.remedies),
        }

    def __str__(self) -> str:
        """Render for a terminal."""
        from podwalk.walks.text import render

        return render(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from podwalk.walks.picture import render

        return render(self)


def walk(
    view: View, source: Ref, target: str, *, options: ClusterOptions, random: randomness.Random | None = None
) -> Walk:
    """Follow a request from a Pod.

    Args:
        view: the cluster's objects.
        source: the Pod that sends it.
        target: what it was told to reach, see :meth:`Target.read`.
        options: the cluster's ranges and CNI plugin.
        random: where kube-proxy's choice comes from.

    Raises:
        WalkError: when the target cannot be read, or there is no such Pod or it has no address.
    """
    wanted = Target.read(target)
    pod = view.get("pods", source.namespace, source.name)
    if pod is None:
        raise WalkError(f"there is no Pod {source.namespace}/{source.name}; `kubectl get pods -n {source.namespace}`")
    if not pod.get("status", {}).get("podIP"):
        phase = pod.get("status", {}).get("phase", "Pending")
        raise WalkError(f"Pod {source.namespace}/{source.name} has no address yet (it is {phase}); wait until it runs")
    return _Journey(view, pod, source, wanted, options, random or randomness.Random(options.seed)).go()


@dataclass
class _Journey:
    view: View
    pod: Object
    source: Ref
    target: Target
    options: ClusterOptions
    random: randomness.Random

    def go(self) -> Walk:
        peer = peer_of(self.pod)
        hops = list(self._resolve(peer))
        address = next((hop.data["address"] for hop in reversed(hops) if "address" in hop.data), None)
        if address is None:
            return self._unresolved(peer, hops)
        flow = Flow(peer, address, self.target.port, self.target.protocol)
        verdict = route(self.view, flow, options=self.options, random=self.random)
        remedies = () if verdict.delivered else allowances(self.view, flow, options=self.options)
        return Walk(
            self.source,
            self.target,
            verdict.outcome,
            (*hops, *verdict.hops, *self._arrival(verdict)),
            verdict,
            remedies,
        )

    def _unresolved(self, peer: Peer, hops: list[Hop]) -> Walk:
        failed = next((hop for hop in reversed(hops) if not hop.ok), None)
        remedies: tuple[Object, ...] = ()
        if failed is not None and failed.kind in (HopKind.EGRESS, HopKind.INGRESS):
            server = next((hop.data["server"] for hop in hops if "server" in hop.data), "")
            for protocol in ("UDP", "TCP"):
                flow = Flow(peer, server, resolving.DNS_PORT, protocol)
                remedies += allowances(self.view, flow, options=self.options)
        return Walk(self.source, self.target, Outcome.UNRESOLVED, tuple(hops), None, resolving.merge(remedies))

    def _resolve(self, peer: Peer) -> Iterator[Hop]:
        host = self.target.host
        if parse(host) is not None:
            yield Hop(HopKind.NAME, host, "This is an address already: no DNS query is sent.", data={"address": host})
            return
        if listed := resolving.in_host_aliases(self.pod, host):
            detail = f"/etc/hosts of the Pod has {listed}, from its hostAliases: no DNS query is sent."
            yield Hop(
                HopKind.NAME, host, detail, objects=(self.source,), field="spec.hostAliases", data={"address": listed}
            )
            return
        conf = resolving.resolv_conf(self.view, self.pod, self.options)
        names = search.names(conf, host)
        yield Hop(HopKind.NAME, host, _explain_search(host, conf, names), objects=(self.source,))
        yield from self._ask(peer, conf, names)

    def _ask(self, peer: Peer, conf: search.ResolvConf, names: tuple[str, ...]) -> Iterator[Hop]:
        server = next(iter(conf.nameservers), "")
        if not server:
            policy = self.pod["spec"].get("dnsPolicy", "ClusterFirst")
            detail = (
                f"dnsPolicy {policy}: this Pod asks its node's resolver, which knows nothing of the cluster's names."
            )
            yield Hop(HopKind.DNS, names[0], detail, False, (self.source,), "spec.dnsPolicy")
            return
        way = route(self.view, Flow(peer, server, resolving.DNS_PORT, "UDP"), options=self.options, random=self.random)
        if not way.delivered:
            yield Hop(
                HopKind.DNS,
                f"Query to {server}",
                "The query is a packet too, and it must get there.",
                data={"server": server},
            )
            yield from (hop for hop in way.hops if not hop.ok)
            return
        for index, name in enumerate(names):
            answer = dns.answer(
                self.view, dns.Question(name), options=self.options, corefile=resolving.corefile(self.view)
            )
            addresses = answer.addresses()
            last = index == len(names) - 1
            found = bool(addresses)
            records = ", ".join(f"{record.type} {record.data}" for record in answer.answers) or answer.rcode
            if answer.nodata:
                records = "no record of this type (NODATA)"
            detail = f"{server} answers {records}" + (
                "." if found else "; the next name is tried." if not last else "."
            )
            data: dict[str, Any] = {"server": server, "query": name, "rcode": answer.rcode}
            if found:
                data["address"] = addresses[0] if len(addresses) == 1 else self.random.choice(addresses)
            yield Hop(HopKind.DNS, name, detail, ok=found or not last, data=data)
            if found:
                return

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


def _explain_search(host: str, conf: search.ResolvConf, names: tuple[str, ...]) -> str:
    if host.endswith("."):
        return "The name ends with a dot: it is asked for as it is."
    dots = host.count(".")
    plural = "dot" if dots == 1 else "dots"
    if dots >= conf.ndots:
        return f"{dots} {plural}, and ndots is {conf.ndots}: the name is asked for as it is first."
    count = len(names)
    return f"{dots} {plural}, fewer than ndots:{conf.ndots}: the search list makes {count} names of it, tried in turn."
