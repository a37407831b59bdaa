"""The look-up of a name by a Pod's resolver: ``/etc/hosts``, the search list, each query and its answer.

What is beyond the cluster (a name that CoreDNS forwards) is not in its objects; the caller may say what it leads to.
"""

from __future__ import annotations

import random as randomness
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from podwalk.network import dns, route
from podwalk.network.addresses import parse
from podwalk.network.dns import search
from podwalk.types import ClusterOptions, Flow, Hop, HopKind, Object, Peer, Ref, View
from podwalk.walks import resolving


@dataclass(frozen=True)
class Resolver:
    """A Pod that looks names up.

    Attributes:
        view: the objects.
        pod: the Pod.
        peer: the same as one end of a flow.
        options: the cluster's.
        random: of choices among several addresses.
        known: what names outside of the cluster lead to.
    """

    view: View
    pod: Object
    peer: Peer
    options: ClusterOptions
    random: randomness.Random
    known: Mapping[str, str]

    def look_up(self, host: str) -> Iterator[Hop]:
        """Yield the hops of a look-up; the last has ``data["address"]`` if it succeeded."""
        source = self.peer.pod
        assert source is not None, "a Pod looks up"
        if parse(host) is not None:
            yield Hop(HopKind.NAME, host, "This is an address already: no DNS query is sent.", data={"address": host})
            return
        if listed := resolving.in_hosts(self.pod, host, self.options):
            detail = f"/etc/hosts of the Pod has {listed.address}, {listed.origin}: no DNS query is sent."
            data = {"address": listed.address}
            yield Hop(HopKind.NAME, host, detail, objects=(source,), field=listed.field, data=data)
            return
        conf = resolving.resolv_conf(self.view, self.pod, self.options)
        names = search.names(conf, host)
        yield Hop(HopKind.NAME, host, _explain_search(host, conf, names), objects=(source,))
        yield from self._ask(source, conf, names)

    def _ask(self, source: Ref, conf: search.ResolvConf, names: tuple[str, ...]) -> Iterator[Hop]:
        server = next(iter(conf.nameservers), "")
        if not server:
            policy = self.pod["spec"].get("dnsPolicy", "ClusterFirst")
            detail = f"dnsPolicy {policy}: this Pod asks its node's resolver, which knows no name of the cluster."
            yield Hop(HopKind.DNS, names[0], detail, False, (source,), "spec.dnsPolicy")
            return
        flow = Flow(self.peer, server, resolving.DNS_PORT, "UDP")
        way = route(self.view, flow, options=self.options, random=self.random)
        if not way.delivered:
            detail = "The query is a packet too, and it must get there."
            yield Hop(HopKind.DNS, f"Query to {server}", detail, data={"server": server})
            yield from (hop for hop in way.hops if not hop.ok)
            return
        for index, name in enumerate(names):
            hop, done = self._query(server, name, last=index == len(names) - 1)
            yield hop
            if done:
                return

    def _query(self, server: str, name: str, *, last: bool) -> tuple[Hop, bool]:
        """Return the hop of one query, and whether the resolver stops with it."""
        corefile = resolving.corefile(self.view)
        answer = dns.answer(self.view, dns.Question(name), options=self.options, corefile=corefile)
        owner = self._owner(name)
        objects = (owner,) if owner else ()
        data: dict[str, Any] = {"server": server, "query": name, "rcode": answer.rcode}
        alias = next((record.data for record in answer.answers if record.type == "CNAME"), "")
        addresses = answer.addresses()
        records = ", ".join(f"{record.type} {record.data}" for record in answer.answers) or answer.rcode
        if not addresses and (address := self.known.get((alias or name).rstrip("."))):
            addresses, records = (address,), f"{f'CNAME {alias}, ' if alias else ''}A {address}"
        if addresses:
            data["address"] = addresses[0] if len(addresses) == 1 else self.random.choice(addresses)
            field = "spec.externalName" if alias else ""
            return Hop(
                HopKind.DNS, name, f"{server} answers {records}.{_only_a_name(alias)}", True, objects, field, data
            ), True
        if alias:
            detail = (
                f"{server} answers CNAME {alias}, a name outside of the cluster. Where it leads its objects do not say."
                f"{_only_a_name(alias)}"
            )
            return Hop(HopKind.DNS, name, detail, False, objects, "spec.externalName", data), True
        if answer.nodata:
            records = "no record of this type (NODATA)"
        ending = "." if last else "; the next name is tried."
        return Hop(HopKind.DNS, name, f"{server} answers {records}{ending}", not last, objects, data=data), last

    def _owner(self, name: str) -> Ref | None:
        """Return the Service that a name is the record of, or of an endpoint of which it is."""
        labels, mark, _ = name.partition(f".svc.{self.options.cluster_domain}.")
        service, _, namespace = labels.rpartition(".")
        ref = Ref("services", namespace, service.rpartition(".")[2])
        return ref if mark and self.view.get(*_key(ref)) is not None else None


def _key(ref: Ref) -> tuple[str, str, str]:
    return ref.resource, ref.namespace, ref.name


def _only_a_name(alias: str) -> str:
    """Say what an ExternalName does not do."""
    return " An ExternalName is only a name: the client itself connects there, to the port it typed." if alias else ""


def _explain_search(host: str, conf: search.ResolvConf, names: tuple[str, ...]) -> str:
    if host.endswith("."):
        return "The name ends with a dot: it is asked for as it is."
    dots = host.count(".")
    plural = "dot" if dots == 1 else "dots"
    if dots >= conf.ndots:
        return f"{dots} {plural}, and ndots is {conf.ndots}: the name is asked for as it is first."
    few = f"{dots} {plural}, fewer than ndots:{conf.ndots}"
    if len(names) == 1:
        return f"{few}, but there is no search list: the name is asked for as it is."
    return f"{few}: with the search list, {len(names)} names are tried in turn."
