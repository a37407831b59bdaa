"""CoreDNS itself: a question finds its server block and passes the plugins in their fixed order.

The order is that of CoreDNS's ``plugin.cfg``, never that of the Corefile. Plugins that have no part in an answer
(health, ready, prometheus, reload…) are known and do nothing here. Those that CoreDNS has and this does not simulate
are refused by name when the Corefile is read.
"""

from __future__ import annotations

import random as randomness
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace

from podwalk.network.dns import corefile as corefiles
from podwalk.network.dns.corefile import Corefile, CorefileError, Directive, ServerBlock
from podwalk.network.dns.messages import REFUSED, SERVFAIL, Answer, Question
from podwalk.network.dns.plugins import (
    Context,
    Forwarded,
    Handler,
    Next,
    Steps,
    cache,
    forward,
    hosts,
    kubernetes,
    loadbalance,
    logging,
    rewrite,
    template,
)
from podwalk.types import ClusterOptions, View

Make = Callable[[Context, Directive, Sequence[str]], Handler]

PLUGINS: Mapping[str, Make] = {
    "errors": logging.make_errors,
    "log": logging.make_log,
    "loadbalance": loadbalance.make,
    "cache": cache.make,
    "rewrite": rewrite.make,
    "template": template.make,
    "hosts": hosts.make,
    "kubernetes": kubernetes.make,
    "forward": forward.make,
}
"""The plugins that answer or change an answer, in the order in which a question meets them."""

SILENT = frozenset(
    {"bind", "bufsize", "cancel", "debug", "health", "loop", "metadata", "multisocket", "nsid", "pprof"}
    | {"prometheus", "ready", "reload", "root", "timeouts", "trace"}
)
"""Plugins without a part in an answer."""

ONCE = frozenset({"cache", "errors", "health", "hosts", "kubernetes", "loadbalance", "loop", "ready", "reload"})
"""Plugins of which a server block may have one line."""


class Server:
    """One running CoreDNS: a Corefile that was read, and the cache that fills.

    Drive :meth:`resolve` yourself to spend simulated time on what is forwarded, or use :func:`answer`.
    """

    def __init__(self, corefile: str | Corefile, context: Context) -> None:
        """Read the configuration and set up the chains.

        Raises:
            CorefileError: as CoreDNS says it when it does not start.
        """
        self.corefile = corefiles.parse(corefile) if isinstance(corefile, str) else corefile
        self.context = context
        self._chains = [(block, _chain(self._at(block.port), block)) for block in self.corefile.blocks]

    def _at(self, port: str) -> Context:
        """Return the context of a server block: whatever it asks itself, it asks at its own port."""
        return replace(self.context, lookup=lambda question: self.resolve(question, port))

    def resolve(self, question: Question, port: str = corefiles.DEFAULT_PORT) -> Steps:
        """Answer a question that came to a port; yields what has to be asked of servers outside."""
        block = self.corefile.block_for(question.name, port)
        if block is None:
            return Answer(question, REFUSED, source="no server block has this zone")
        chain = next(chain for candidate, chain in self._chains if candidate is block)
        return (yield from chain(question))


def _check(context: Context, block: ServerBlock) -> None:
    """Refuse a server block that CoreDNS would refuse, or that has a plugin which is not simulated."""
    seen: set[str] = set()
    for directive in block.plugins:
        name = directive.name
        if name not in PLUGINS and name not in SILENT:
            raise CorefileError(
                f"{corefiles.FILE}:{directive.line} - the plugin {name!r} is CoreDNS's, but not simulated; "
                f"simulated are {', '.join(sorted({*PLUGINS, *SILENT}))}"
            )
        if name in ONCE and name in seen:
            raise corefiles.plugin_error(name, "this plugin can only be used once per Server Block")
        seen.add(name)
    if "loop" in seen:
        _check_loop(context, block)


def _check_loop(context: Context, block: ServerBlock) -> None:
    """Find a server that forwards to itself, as the ``loop`` plugin does with a question that comes back."""
    own = {*context.addresses, "127.0.0.1", "::1"}
    for directive in block.plugins:
        if directive.name != "forward":
            continue
        for server in forward.servers(context, directive):
            host, _, port = server.rpartition(":")
            if host in own and port == block.port:
                query = f"HINFO {context.random.getrandbits(62)}.{context.random.getrandbits(62)}."
                client = f"{host}:{context.random.randrange(32768, 61000)}"
                raise corefiles.plugin_error(
                    "loop",
                    f'Loop ({client} -> :{port}) detected for zone "{block.zones[0]}", '
                    f'see https://coredns.io/plugins/loop#troubleshooting. Query: "{query}"',
                )


def _chain(context: Context, block: ServerBlock) -> Next:
    """Return the handlers of a server block as one, each given the next."""
    _check(context, block)
    chain = _end(block)
    for name in reversed(list(PLUGINS)):
        lines = [plugin for plugin in block.plugins if plugin.name == name]
        if name == "rewrite" and lines:
            chain = _link(rewrite.make_all(context, lines, block.zones), chain)
            continue
        for directive in reversed(lines):
            chain = _link(PLUGINS[name](context, directive, block.zones), chain)
    return chain


def _link(handler: Handler, following: Next) -> Next:
    return lambda question: handler(question, following)


def _end(block: ServerBlock) -> Next:
    """Return the answer of a chain in which no plugin knew the name."""
    last = next((name for name in reversed(list(PLUGINS)) if block.plugin(name)), "")

    def answer_nothing(question: Question) -> Steps:
        yield from ()
        source = "no plugin answers for this name"
        return Answer(question, SERVFAIL, source=source, error=f"plugin/{last}: no next plugin found")

    return answer_nothing


def answer(
    view: View,
    question: Question,
    *,
    options: ClusterOptions,
    corefile: str | Corefile = corefiles.DEFAULT,
    context: Context | None = None,
    forward: Callable[[Forwarded], Answer | None] = lambda _: None,
) -> Answer:
    """Answer one question as CoreDNS with this Corefile would.

    Args:
        view: the cluster's objects.
        question: the question.
        options: the cluster's ranges and domain.
        corefile: the configuration, by default kubeadm's.
        context: the server's own addresses, clock and log; by default one behind the Service ``kube-system/kube-dns``.
        forward: asks the servers outside; None for no answer, which is the default.
    """
    context = context or Context(
        view, options, addresses=_dns_addresses(view), resolv_conf="nameserver 192.0.2.53", random=randomness.Random(0)
    )
    return drive(Server(corefile, context).resolve(question), forward)


def drive(steps: Generator[Forwarded, Answer | None, Answer], forward: Callable[[Forwarded], Answer | None]) -> Answer:
    """Run a question to its answer, asking ``forward`` what has to be asked outside."""
    reply: Answer | None = None
    try:
        wanted = next(steps)
        while True:
            reply = forward(wanted)
            wanted = steps.send(reply)
    except StopIteration as stopped:
        found: Answer = stopped.value
        return found


def _dns_addresses(view: View) -> tuple[str, ...]:
    for endpoint_slice in view.lookup("slice-service", "kube-system/kube-dns"):
        for endpoint in endpoint_slice.get("endpoints") or ():
            return tuple(endpoint.get("addresses") or ())
    return ()
