"""The ``forward`` plugin: questions that are not ours go to other servers.

Source: CoreDNS, plugin/forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from podwalk.network.addresses import parse
from podwalk.network.dns import search
from podwalk.network.dns.corefile import Directive, argument_error, plugin_error
from podwalk.network.dns.messages import SERVFAIL, Answer, Question, absolute, is_under
from podwalk.network.dns.plugins import Context, Forwarded, Handler, Next, Steps


def make(context: Context, directive: Directive, _zones: Sequence[str]) -> Handler:
    """Make the handler of one line: ``forward FROM TO...``."""
    if len(directive.arguments) < 2:
        raise argument_error("forward", directive, (directive.arguments or (directive.name,))[-1])
    origin = absolute(directive.arguments[0]).lower()
    known = servers(context, directive)
    excepted = tuple(absolute(zone) for entry in directive.block if entry.name == "except" for zone in entry.arguments)
    policy = (directive.option("policy") or ("random",))[0]
    protocol = "tcp" if directive.option("force_tcp") is not None else "udp"

    def handle(question: Question, following: Next) -> Steps:
        if not is_under(question.name, origin) or any(is_under(question.name, zone) for zone in excepted):
            return (yield from following(question))
        order = list(known)
        if policy == "random":
            context.random.shuffle(order)
        answer = yield Forwarded(question, tuple(order), protocol)
        if answer is None:
            own, port = next(iter(context.addresses), ""), context.random.randrange(32768, 61000)
            error = f"read {protocol} {own}:{port}->{order[0]}: i/o timeout"
            return Answer(question, SERVFAIL, source="forward: no server answered", error=error)
        return replace(answer, question=question, source=f"forward to {order[0]}")

    return handle


def servers(context: Context, directive: Directive) -> tuple[str, ...]:
    """Return the servers that a line forwards to, ``address:port`` each."""
    return tuple(server for word in directive.arguments[1:] for server in _servers(context, word))


def _servers(context: Context, word: str) -> tuple[str, ...]:
    if word.startswith("/"):
        nameservers = search.parse(context.resolv_conf).nameservers
        if not nameservers:
            raise plugin_error("forward", f"no nameservers found in {word}")
        return tuple(with_port(server) for server in nameservers)
    bare = word.removeprefix("dns://")
    host = bare.rpartition(":")[0] if bare.count(":") == 1 else bare
    if parse(host.strip("[]")) is None:
        resolver = next(iter(search.parse(context.resolv_conf).nameservers), "")
        raise plugin_error("forward", f'failed to resolve "{host}": lookup {host} on {resolver}:53: no such host')
    return (with_port(bare),)


def with_port(server: str) -> str:
    """Return a server with its port, 53 if it names none."""
    return server if server.count(":") == 1 else f"{server}:53"
