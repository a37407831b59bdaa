"""The ``kubernetes`` plugin: the cluster's zone and its reverse zones.

Source: CoreDNS, plugin/kubernetes/handler.go and plugin/backend_lookup.go.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from podwalk.network.dns import names
from podwalk.network.dns.corefile import Directive, argument_error, parsing_error, plugin_error, zones_of
from podwalk.network.dns.messages import NOERROR, NXDOMAIN, REFUSED, Answer, Question, Record, absolute, is_under
from podwalk.network.dns.names import NO_PORT, Found, NoSuchName, Zone
from podwalk.network.dns.plugins import Context, Forwarded, Handler, Next, Steps
from podwalk.network.services import is_headless

Sections = tuple[Sequence[Record], Sequence[Record]]

SCHEMA_VERSION = "1.1.0"
VERSION_TTL = 28800
SOA_TTL_LIMIT = 300
MAXIMUM_TTL = 3600
REVERSE = ("in-addr.arpa.", "ip6.arpa.")
OPTIONS = frozenset(
    {"endpoint", "endpoint_pod_names", "fallthrough", "ignore", "kubeconfig", "namespaces", "pods", "ptr_hostname_only"}
    | {"apiserver_qps", "apiserver_burst", "apiserver_max_inflight", "startup_timeout", "tls", "ttl"}
)
NOT_SIMULATED = frozenset({"labels", "namespace_labels", "noendpoints", "multicluster", "zonal"})
CNAME_LIMIT = 8
"""Links of a chain of CNAMEs that are followed."""


def read(directive: Directive, zones: Sequence[str]) -> Zone:
    """Read the plugin's line; without zones of its own it takes those of its server block."""
    passes_on = directive.option("fallthrough")
    own = tuple(zone for word in directive.arguments or zones for zone in zones_of(word))
    _check(directive, own)
    return Zone(
        zones=own,
        pods=(directive.option("pods") or ("disabled",))[0],
        ttl=int((directive.option("ttl") or ("5",))[0]),
        passes_on=None if passes_on is None else tuple(absolute(zone).lower() for zone in passes_on or (".",)),
        namespaces=frozenset(directive.option("namespaces") or ()),
        endpoint_pod_names=directive.option("endpoint_pod_names") is not None,
        ignore_empty_service=directive.option("ignore") == ("empty_service",),
        ptr_hostname_only=directive.option("ptr_hostname_only") is not None,
    )


def _check(directive: Directive, zones: Sequence[str]) -> None:
    """Refuse what CoreDNS refuses, in its words, and what is not simulated, in ours."""
    if all(zone.endswith((".in-addr.arpa.", ".ip6.arpa.")) or zone in REVERSE for zone in zones):
        raise plugin_error("kubernetes", "non-reverse zone name must be used")
    for entry in directive.block:
        if entry.name in NOT_SIMULATED:
            raise plugin_error("kubernetes", f"line {entry.line}: the option {entry.name!r} is not simulated")
        if entry.name not in OPTIONS:
            raise parsing_error("kubernetes", entry, f"unknown property '{entry.name}'")
        if entry.name in ("pods", "ttl", "namespaces") and not entry.arguments:
            raise argument_error("kubernetes", entry, entry.name)
    pods = (directive.option("pods") or ("disabled",))[0]
    if pods not in ("disabled", "verified", "insecure"):
        text = f"wrong value for pods: {pods},  must be one of: disabled, verified, insecure"
        raise plugin_error("kubernetes", text)
    ttl = (directive.option("ttl") or ("5",))[0]
    if not ttl.isdigit():
        raise plugin_error("kubernetes", f'strconv.Atoi: parsing "{ttl}": invalid syntax')
    if int(ttl) > MAXIMUM_TTL:
        line = next(entry for entry in directive.block if entry.name == "ttl")
        raise parsing_error("kubernetes", line, f"ttl must be in range [0, {MAXIMUM_TTL}]: {ttl}")


def make(context: Context, directive: Directive, zones: Sequence[str]) -> Handler:
    """Make the handler of one line of the Corefile."""
    zone = read(directive, zones)

    def handle(question: Question, following: Next) -> Steps:
        origin = _origin(zone, question)
        if origin is None:
            return (yield from following(question))
        if question.type in ("AXFR", "IXFR"):
            return Answer(question, REFUSED)
        plugin = _Kubernetes(context, zone, question, origin)
        try:
            answers, additional = yield from plugin.records()
        except NoSuchName:
            if zone.passes_on is not None and any(is_under(question.name, other) for other in zone.passes_on):
                return (yield from following(question))
            return plugin.reply((), (), NXDOMAIN)
        return plugin.reply(answers, additional, NOERROR)

    return handle


def _origin(zone: Zone, question: Question) -> str | None:
    """Return the zone of a name, in the case of the question."""
    name = absolute(question.name)
    fitting = [candidate for candidate in zone.zones if is_under(name, candidate)]
    if not fitting:
        return None
    longest = max(fitting, key=len)
    return name[-len(longest) :] if longest != "." else "."


class _Kubernetes:
    """One question, and the records it has."""

    def __init__(self, context: Context, zone: Zone, question: Question, origin: str) -> None:
        self.context, self.zone, self.question, self.origin = context, zone, question, origin
        self.name = absolute(question.name)

    def reply(self, answers: Sequence[Record], additional: Sequence[Record], rcode: str) -> Answer:
        """Return the answer; one without records carries the zone's SOA."""
        authority = () if answers else (self.soa(),)
        return Answer(
            self.question,
            rcode,
            tuple(answers),
            authority,
            tuple(additional),
            authoritative=True,
            source="kubernetes",
        )

    def records(self) -> Generator[Forwarded, Answer | None, Sections]:
        """Return the answer and the additional section; raises :class:`NoSuchName`."""
        kind = self.question.type
        apex = self.question.key == self.origin.lower()
        if kind in ("A", "AAAA"):
            return (yield from self.chase(self.name, kind, ())), []
        if kind == "PTR":
            return self.ptr(), []
        if kind == "SRV":
            return self.srv()
        if kind == "CNAME":
            return self.cname(), []
        if kind == "TXT":
            return self.txt(), []
        if kind == "SOA" and apex:
            return [self.soa()], []
        if kind == "NS" and apex:
            return self.ns()
        self.found(self.name)
        return [], []

    def found(self, name: str) -> list[Found]:
        """Return what a name stands for, the zone's own servers included."""
        if name.lower() == f"ns.dns.{self.origin.lower()}":
            return [Found(ip, 0, owner) for owner, ip in self.servers()]
        return names.find(self.context.view, self.zone, name, self.origin)

    def chase(
        self, name: str, kind: str, chain: tuple[Record, ...]
    ) -> Generator[Forwarded, Answer | None, list[Record]]:
        """Return the addresses of a name, through CNAMEs inside and outside the zone."""
        out: list[Record] = []
        for found in dict.fromkeys(Found(entry.host, 0, entry.owner) for entry in self.found(name)):
            if found.type != "CNAME":
                record = Record(name, kind, self.zone.ttl, found.host)
                if found.type == kind and record not in out:
                    out.append(record)
                continue
            target = absolute(found.host)
            link = Record(name, "CNAME", self.zone.ttl, target)
            if target.lower() == name.lower() or len(chain) >= CNAME_LIMIT or link in chain:
                continue
            if is_under(target, self.origin):
                try:
                    further = yield from self.chase(target, kind, (*chain, link))
                except NoSuchName:
                    further = []
                out += [link, *further] if further else []
                continue
            out.append(link)
            if self.context.lookup is not None:
                answer = yield from self.context.lookup(Question(target, kind))
                out.extend(answer.answers)
        return out

    def ptr(self) -> list[Record]:
        """Return the names of an address."""
        ip = names.reverse_address(self.name)
        if ip is None:
            self.found(self.name)
            return []
        found = names.names_of(self.context.view, self.zone, ip)
        if not found:
            raise NoSuchName(self.name)
        return [Record(self.name, "PTR", self.zone.ttl, name) for name in found]

    def srv(self) -> tuple[list[Record], list[Record]]:
        """Return a port's targets, and their addresses; the weight of 100 is shared."""
        found = [entry for entry in self.found(self.name) if entry.type != "CNAME"]
        answers: dict[tuple[str, int], Record] = {}
        additional: dict[Record, None] = {}
        for entry in found:
            if entry.port == NO_PORT:
                continue
            weight = max(1, 100 // len(found))
            data = f"0 {weight} {entry.port} {entry.owner}"
            answers.setdefault((entry.owner, entry.port), Record(self.name, "SRV", self.zone.ttl, data))
            additional[Record(entry.owner, entry.type, self.zone.ttl, entry.host)] = None
        return list(answers.values()), list(additional)

    def cname(self) -> list[Record]:
        """Return where an ExternalName Service points."""
        found = self.found(self.name)
        if not found or found[0].type != "CNAME":
            return []
        return [Record(self.name, "CNAME", self.zone.ttl, absolute(found[0].host))]

    def txt(self) -> list[Record]:
        """Return the version of the specification; any other name has no text."""
        if self.question.key == f"dns-version.{self.origin.lower()}":
            return [Record(self.name, "TXT", VERSION_TTL, f'"{SCHEMA_VERSION}"')]
        if not self.found(self.name):
            raise NoSuchName(self.name)
        return []

    def ns(self) -> tuple[list[Record], list[Record]]:
        """Return the zone's servers: the Service that CoreDNS stands behind."""
        servers = self.servers()
        owners = dict.fromkeys(owner for owner, _ in servers)
        answers = [Record(self.name, "NS", self.zone.ttl, owner) for owner in owners]
        extra = [Record(owner, Found(ip, 0, owner).type, self.zone.ttl, ip) for owner, ip in servers]
        return answers, list(dict.fromkeys(extra))

    def servers(self) -> list[tuple[str, str]]:
        """Return the names and addresses of the zone's servers."""
        view, out = self.context.view, []
        for address in self.context.addresses:
            for endpoint in names.endpoints_at(view, address):
                service = view.get("services", endpoint.namespace, endpoint.service)
                name = f"{endpoint.service}.{endpoint.namespace}.svc.{self.origin}"
                if service is None:
                    continue
                if is_headless(service):
                    every = names.addresses_of(view, service)
                    out += [(f"{entry.label(self.zone)}.{name}", entry.ip) for entry in every]
                else:
                    out.append((name, str(service["spec"]["clusterIP"])))
        return list(dict.fromkeys(out)) or [(f"ns.dns.{self.origin}", ip) for ip in self.context.addresses]

    def soa(self) -> Record:
        """Return the zone's SOA."""
        ttl, dot = self.zone.ttl, "" if self.origin == "." else self.origin
        data = f"ns.dns.{dot} hostmaster.{dot} {self.context.serial()} 7200 1800 86400 {ttl}"
        return Record(self.origin, "SOA", min(ttl, SOA_TTL_LIMIT), data)
