"""curl's command line.

Source: curl 7.88, src/tool_getparam.c. An option that curl knows and this does not simulate is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from podwalk.errors import PodwalkError

VALUED: Mapping[str, str] = {
    "A": "user-agent", "b": "cookie", "c": "cookie-jar", "d": "data", "D": "dump-header", "e": "referer", "E": "cert",
    "F": "form",
    "H": "header", "K": "config", "m": "max-time", "o": "output", "r": "range", "T": "upload-file", "u": "user",
    "w": "write-out", "X": "request", "x": "proxy", "C": "continue-at", "P": "ftp-port", "Q": "quote", "t":
    "telnet-option", "U": "proxy-user", "y": "speed-time", "Y": "speed-limit", "z": "time-cond",
}  # fmt: skip
SWITCHES: Mapping[str, str] = {
    "f": "fail", "g": "globoff", "G": "get", "h": "help", "i": "include", "I": "head", "j": "junk-session-cookies",
    "k": "insecure",
    "L": "location", "N": "no-buffer", "O": "remote-name", "q": "disable", "s": "silent", "S": "show-error",
    "v": "verbose",
    "V": "version", "#": "progress-bar", "4": "ipv4", "6": "ipv6", "0": "http1.0", "1": "tlsv1", "2": "sslv2",
    "3": "sslv3", "a": "append", "B": "use-ascii", "J": "remote-header-name", "l": "list-only", "M": "manual",
    "n": "netrc", "p": "proxytunnel", "R": "remote-time", "Z": "parallel", ":": "next",
}  # fmt: skip
LONG_VALUED = frozenset(
    [
        *VALUED.values(), "cacert", "key", "connect-timeout", "connect-to", "data-ascii",
        "data-binary", "data-raw", "data-urlencode",
        "json", "max-redirs", "resolve", "retry", "retry-delay", "retry-max-time", "url", "interface", "local-port",
        "limit-rate",
        "noproxy", "oauth2-bearer", "ciphers", "range", "rate", "tls-max", "dns-servers", "unix-socket",
        "keepalive-time", "form-string", "output-dir", "url-query", "expect100-timeout", "happy-eyeballs-timeout-ms",
        "max-filesize", "proto", "proto-default", "proto-redir", "stderr", "trace", "trace-ascii", "doh-url",
    ]
)  # fmt: skip
LONG_SWITCHES = frozenset(
    [
        *SWITCHES.values(), "compressed", "fail-with-body", "http1.1", "http2", "no-progress-meter", "retry-all-errors",
        "retry-connrefused", "post301", "post302", "post303", "tlsv1.2", "tlsv1.3", "tcp-nodelay", "no-keepalive",
        "parallel", "next",
        "location-trusted", "basic", "raw", "path-as-is", "styled-output", "disable-eprt", "haproxy-protocol",
        "trace-time", "create-dirs",
        "no-sessionid", "no-alpn", "http0.9", "http2-prior-knowledge", "fail-early", "tcp-fastopen", "tr-encoding",
        "parallel-immediate", "negotiate", "ntlm", "digest", "anyauth", "remote-name-all",
    ]
)  # fmt: skip
REFUSED = frozenset(
    [
        "proxy", "proxy-user", "proxytunnel", "local-port", "limit-rate", "dns-servers", "unix-socket", "rate",
        "parallel", "parallel-immediate", "next", "haproxy-protocol", "disable-eprt", "ciphers", "http2",
        "http2-prior-knowledge", "continue-at", "ftp-port", "quote", "speed-time", "speed-limit", "time-cond",
        "tlsv1", "sslv2", "sslv3", "append", "use-ascii", "remote-header-name", "list-only", "manual", "netrc",
        "remote-time", "max-filesize", "proto", "proto-default", "proto-redir", "stderr", "trace", "trace-ascii",
        "doh-url", "negotiate", "ntlm", "digest", "anyauth", "http0.9",
    ]
)  # fmt: skip
REPEATED = frozenset(
    [
        "cookie",
        "header",
        "data",
        "data-ascii",
        "data-binary",
        "data-raw",
        "data-urlencode",
        "json",
        "resolve",
        "connect-to",
        "url",
        "output",
        "url-query",
    ]
)


class UsageError(PodwalkError):
    """A command line that curl does not take, and the exit code."""

    def __init__(self, message: str, code: int = 2) -> None:
        """Keep both."""
        super().__init__(message)
        self.code = code


@dataclass
class Options:
    """A command line, read."""

    values: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    switches: set[str] = field(default_factory=set)
    data: list[tuple[str, str]] = field(default_factory=list)
    forms: list[tuple[str, str]] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def has(self, name: str) -> bool:
        """Whether a switch is on."""
        return name in self.switches

    def seconds(self, name: str) -> float | None:
        """Return an option that is a time; None if it was not given.

        Raises:
            UsageError: when it is no number.
        """
        if name not in self.values:
            return None
        try:
            return float(self.values[name])
        except ValueError as error:
            raise UsageError(f"option --{name}: expected a proper numerical parameter") from error

    def number(self, name: str, default: int) -> int:
        """Return an option that is a whole number.

        Raises:
            UsageError: when it is none.
        """
        value = self.seconds(name)
        return default if value is None else int(value)


def read(argv: list[str]) -> Options:
    """Read a command line.

    Raises:
        UsageError: in curl's words, or naming an option that is not simulated.
    """
    options, rest = Options(), list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            options.urls += rest
            break
        if word.startswith("--"):
            _long(options, word, rest)
        elif word.startswith("-") and word != "-":
            _short(options, word, rest)
        else:
            options.urls.append(word)
    options.urls += options.lists.get("url", [])
    return options


def _long(options: Options, word: str, rest: list[str]) -> None:
    name = word[2:]
    plain = name.removeprefix("no-")
    if name in LONG_VALUED:
        _set(options, name, _argument(word, rest))
    elif name in LONG_SWITCHES:
        _switch(options, name, word)
    elif plain in LONG_SWITCHES:
        options.switches.discard(plain)
    else:
        raise UsageError(f"option {word}: is unknown")


def _short(options: Options, word: str, rest: list[str]) -> None:
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in VALUED:
            _set(options, VALUED[letter], letters or _argument(f"-{letter}", rest))
            return
        if letter not in SWITCHES:
            raise UsageError(f"option {word}: is unknown")
        _switch(options, SWITCHES[letter], f"-{letter}")


def _argument(word: str, rest: list[str]) -> str:
    if not rest:
        raise UsageError(f"option {word}: requires parameter")
    return rest.pop(0)


def _switch(options: Options, name: str, word: str) -> None:
    if name in REFUSED:
        raise UsageError(f"option {word}: is curl's, but podwalk does not simulate it")
    options.switches.add(name)


def _set(options: Options, name: str, value: str) -> None:
    if name in REFUSED:
        raise UsageError(f"option --{name}: is curl's, but podwalk does not simulate it")
    if name.startswith("data") or name == "json":
        options.data.append((name, value))
    elif name.startswith("form"):
        options.forms.append((name, value))
    elif name in REPEATED:
        options.lists.setdefault(name, []).append(value)
    else:
        options.values[name] = value


def configured(text: str) -> list[str]:
    """Return the command line that a file of ``-K`` stands for: an option a line, then its value.

    Source: curl 7.88, src/tool_parsecfg.c.
    """
    words = []
    for line in text.splitlines():
        name, _, value = re.sub(r"^\s*([^\s=:]+)\s*[=:]?\s*", r"\1 ", line.strip()).partition(" ")
        if not name or name.startswith("#"):
            continue
        words.append(name if name.startswith("-") else f"--{name}")
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:].rpartition('"')[0])
        words += [value.strip()] if value else []
    return words
