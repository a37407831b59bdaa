"""The ``forward`` plugin: questions that are not ours go to other servers.

Source: CoreDNS, plugin/forward.
"""

from __future__ import annotations

from collections.abc import Sequence

from podwalk.network.addresses import parse
from podwalk.network.dns import search
from podwalk.network.dns.corefile import FILE, CorefileError, Directive
from podwalk.network.dns.messages import SERVFAIL, Answer, Question, absolute, is_under
from podwalk.network.dns.plugins import Context, Forwarded, Handler, Next, Steps


def make(context: Context, directive: Directive, _zones: Sequence[str]) -> Handler:
    """Make the handler of one line: ``forward FROM TO...``."""
    if len(directive.arguments) < 2:
        raise CorefileError(
            f"{FILE}:{directive.line} - Error during parsing: "
            f"Wrong argument count or unexpected line ending after '{directive.name}'"
        )
    origin = absolute(directive.arguments[0]).lower()
    servers = tuple(server for word in directive.arguments[1:] for server in _servers(context, directive, word))
    excepted = tuple(absolute(zone) for entry in directive.block if entry.name == "except" for zone in entry.arguments)
    policy = (directive.option("policy") or ("random",))[0]
    protocol = "tcp" if directive.option("force_tcp") is not None else "udp"

    def handle(question: Question, following: Next) -> Steps:
        if not is_under(question.name, origin) or any(is_under(question.name, zone) for zone in excepted):
            return (yield from following(question))
        order = list(servers)
        if policy == "random":
            context.random.shuffle(order)
        answer = yield Forwarded(question, tuple(order), protocol)
        if answer is None:
            return Answer(question, SERVFAIL, source="forward: no server answered")
        return answer

    return handle


def _servers(context: Context, directive: Directive, word: str) -> tuple[str, ...]:
    if word.startswith("/"):
        nameservers = search.parse(context.resolv_conf).nameservers
        if not nameservers:
            raise CorefileError(f"plugin/forward: no nameservers found in {word}")
        return tuple(with_port(server) for server in nameservers)
    bare = word.removeprefix("dns://")
    host = bare.rpartition(":")[0] if bare.count(":") == 1 else bare
    if parse(host.strip("[]")) is None:
        raise CorefileError(f"plugin/forward: not an IP address or file: {word!r}".replace("'", '"'))
    return (with_port(bare),)


def with_port(server: str) -> str:
    """Return a server with its port, 53 if it names none."""
    return server if server.count(":") == 1 else f"{server}:53"
