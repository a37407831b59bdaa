"""CoreDNS's configuration: server blocks, their zones and their plugins.

The grammar is the Caddyfile's: tokens on lines, quotes, braces, comments, ``{$NAME}`` for the environment,
``(snippet)`` and ``import``. No Python library parses it, and it is small. Left out: ``import`` of other files, which
a ConfigMap with one key has none of.

Source: github.com/coredns/caddy, caddyfile/lexer.go and parse.go; core/dnsserver/register.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from podwalk.errors import PodwalkError
from podwalk.network.addresses import network

FILE = "/etc/coredns/Corefile"
DEFAULT_PORT = "53"

DIRECTIVES = frozenset(
    [
        "root",
        "metadata",
        "geoip",
        "cancel",
        "tls",
        "quic",
        "grpc_server",
        "https",
        "https3",
        "timeouts",
        "multisocket",
        "reload",
        "nsid",
        "bufsize",
        "bind",
        "debug",
        "trace",
        "ready",
        "health",
        "pprof",
        "prometheus",
        "errors",
        "log",
        "dnstap",
        "local",
        "dns64",
        "any",
        "chaos",
        "loadbalance",
        "tsig",
        "cache",
        "rewrite",
        "header",
        "dnssec",
        "autopath",
        "minimal",
        "template",
        "transfer",
        "hosts",
        "route53",
        "azure",
        "clouddns",
        "k8s_external",
        "kubernetes",
        "file",
        "auto",
        "secondary",
        "etcd",
        "loop",
        "forward",
        "grpc",
        "erratic",
        "whoami",
        "on",
        "sign",
        "view",
        "nomad",
        "acl",
    ]
)
"""The plugins that are compiled into CoreDNS."""

DEFAULT = """.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
"""
"""What kubeadm, and so kind, puts into the ConfigMap ``kube-system/coredns``."""


class CorefileError(PodwalkError):
    """A Corefile that CoreDNS does not start with; the text is CoreDNS's own."""


def plugin_error(plugin: str, text: str) -> CorefileError:
    """Return what CoreDNS says when a plugin refuses its configuration."""
    return CorefileError(f"plugin/{plugin}: {text}")


def parsing_error(plugin: str, directive: Directive, text: str) -> CorefileError:
    """Return what CoreDNS says when a plugin cannot read a line."""
    return plugin_error(plugin, f"{FILE}:{directive.line} - Error during parsing: {text}")


def argument_error(plugin: str, directive: Directive, after: str) -> CorefileError:
    """Return what CoreDNS says of a line with too few or too many words."""
    return parsing_error(plugin, directive, f"Wrong argument count or unexpected line ending after '{after}'")


@dataclass(frozen=True)
class Directive:
    """A plugin's line, or a line of the block behind it.

    Attributes:
        name: the first word.
        arguments: the words behind it.
        block: the lines between its braces.
        line: where it stands, from 1.
    """

    name: str
    arguments: tuple[str, ...] = ()
    block: tuple[Directive, ...] = ()
    line: int = 0

    def option(self, name: str) -> tuple[str, ...] | None:
        """Return the arguments of the block's last line of that name, or None if there is none."""
        return next((entry.arguments for entry in reversed(self.block) if entry.name == name), None)


@dataclass(frozen=True)
class ServerBlock:
    """The zones that a server answers for, its port, and its plugins in the order of the file."""

    zones: tuple[str, ...]
    port: str
    plugins: tuple[Directive, ...]

    def plugin(self, name: str) -> Directive | None:
        """Return the first line of a plugin, or None."""
        return next((plugin for plugin in self.plugins if plugin.name == name), None)


@dataclass(frozen=True)
class Corefile:
    """A whole configuration."""

    blocks: tuple[ServerBlock, ...]

    def block_for(self, name: str, port: str = DEFAULT_PORT) -> ServerBlock | None:
        """Return the server block whose zone is the longest suffix of a name, or None."""
        best: tuple[int, ServerBlock] | None = None
        name = name.lower() if name.endswith(".") else name.lower() + "."
        for block in self.blocks:
            for zone in block.zones:
                fits = block.port == port and (zone == "." or name == zone or name.endswith("." + zone))
                if fits and (best is None or len(zone) > best[0]):
                    best = (len(zone), block)
        return best[1] if best else None


@dataclass(frozen=True)
class _Token:
    text: str
    line: int
    quoted: bool = False


@dataclass
class _Reader:
    """The tokens, and how far they are read."""

    tokens: list[_Token]
    snippets: dict[str, tuple[Directive, ...]] = field(default_factory=dict)
    at: int = 0

    def peek(self) -> _Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def next(self) -> _Token:
        token = self.tokens[self.at]
        self.at += 1
        return token


def _tokens(text: str, environment: Mapping[str, str]) -> Iterator[_Token]:
    pattern = re.compile(r'"((?:[^"\\]|\\.)*)"|(#[^\n]*)|(\n)|([^\s]+)', re.DOTALL)
    line = 1
    for match in pattern.finditer(text):
        quoted, comment, newline, word = match.groups()
        if newline:
            line += 1
        elif quoted is not None:
            yield _Token(quoted.replace('\\"', '"'), line, quoted=True)
            line += quoted.count("\n")
        elif word and not comment:
            yield _Token(re.sub(r"\{[$%](\w+)[%]?\}", lambda found: environment.get(found[1], ""), word), line)


def parse(text: str, environment: Mapping[str, str] | None = None) -> Corefile:
    """Read a Corefile.

    Args:
        text: the file.
        environment: what ``{$NAME}`` stands for.

    Raises:
        CorefileError: as CoreDNS says it when it refuses to start, e.g. for a plugin that it does not have.
    """
    reader = _Reader(list(_tokens(text, environment or {})))
    blocks: list[ServerBlock] = []
    while reader.peek() is not None:
        blocks.extend(_server(reader))
    if not blocks:
        blocks.append(ServerBlock((".",), DEFAULT_PORT, (Directive("whoami"), Directive("log"))))
    _check_unique(blocks)
    return Corefile(tuple(blocks))


def _server(reader: _Reader) -> Iterator[ServerBlock]:
    keys: list[_Token] = []
    while (token := reader.peek()) is not None and (token.text != "{" or token.quoted):
        keys.append(reader.next())
    if reader.peek() is None:
        last = keys[-1]
        raise CorefileError(f"{FILE}:{last.line} - Error during parsing: Unexpected EOF")
    reader.next()
    plugins = tuple(_lines(reader))
    if len(keys) == 1 and re.fullmatch(r"\(.+\)", keys[0].text):
        reader.snippets[keys[0].text[1:-1]] = plugins
        return
    for plugin in plugins:
        if plugin.name not in DIRECTIVES:
            raise CorefileError(f"{FILE}:{plugin.line} - Error during parsing: Unknown directive '{plugin.name}'")
    by_port: dict[str, list[str]] = {}
    for key in keys:
        for zone, port in _addresses(key.text.rstrip(",")):
            by_port.setdefault(port, []).append(zone)
    for port, zones in by_port.items():
        yield ServerBlock(tuple(zones), port, plugins)


def _lines(reader: _Reader) -> Iterator[Directive]:
    while True:
        token = reader.peek()
        if token is None:
            last = reader.tokens[-1]
            raise CorefileError(f"{FILE}:{last.line} - Syntax error: Unexpected token '{last.text}', expecting '}}'")
        reader.next()
        if token.text == "}" and not token.quoted:
            return
        arguments: list[str] = []
        block: tuple[Directive, ...] = ()
        while (more := reader.peek()) is not None and more.line == token.line:
            if more.text == "}" and not more.quoted:
                break
            reader.next()
            if more.text == "{" and not more.quoted:
                block = tuple(_lines(reader))
                break
            arguments.append(more.text)
        if token.text == "import":
            yield from _imported(reader, token, arguments)
        else:
            yield Directive(token.text, tuple(arguments), block, token.line)


def _imported(reader: _Reader, token: _Token, arguments: list[str]) -> tuple[Directive, ...]:
    if arguments and arguments[0] in reader.snippets:
        return reader.snippets[arguments[0]]
    what = arguments[0] if arguments else ""
    raise CorefileError(f"{FILE}:{token.line} - Error during parsing: File to import not found: {what}")


def _addresses(key: str) -> Iterator[tuple[str, str]]:
    key = key.removeprefix("dns://")
    zone, _, port = key.rpartition(":") if re.search(r":\d+$", key) else (key, "", "")
    for name in zones_of(zone or "."):
        yield name, port or DEFAULT_PORT


def zones_of(text: str) -> tuple[str, ...]:
    """Return the zones a word names, absolute and in lower case: itself, or the reverse zones of a CIDR."""
    block = network(text) if "/" in text else None
    if block is None:
        return ((text if text.endswith(".") else text + ".").lower(),)
    step = 8 if block.version == 4 else 4
    whole = -(-block.prefixlen // step) * step
    labels = whole // step
    parts = block.subnets(new_prefix=whole)
    return tuple(".".join(part.network_address.reverse_pointer.split(".")[-labels - 2 :]) + "." for part in parts)


def _check_unique(blocks: list[ServerBlock]) -> None:
    seen: set[tuple[str, str]] = set()
    for block in blocks:
        for zone in block.zones:
            if (zone, block.port) in seen:
                raise CorefileError(f"cannot serve dns://{zone}:{block.port} - it is already defined")
            seen.add((zone, block.port))
