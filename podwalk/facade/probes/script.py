"""The shell text that makes all connections of one Pod in one exec, and the reading of what it prints.

The connections run side by side, so that a Pod that may reach nobody costs one time-out and not one a target. BusyBox's
``nc`` connects and runs ``true``; every other ``nc`` knows ``-z``. A Pod without ``nc`` gets a stand-in.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from podwalk.facade.probes.result import Reply
from podwalk.walks.walk import Target

TIMEOUT_S = 2
AT_ONCE = 32
"""Connections that are under way at the same time in one Pod."""

NO_TOOL = "podwalk: no nc"
LOOKUP = "kubernetes.default.svc.cluster.local"

FUNCTIONS = f"""command -v nc >/dev/null || {{ echo '{NO_TOOL}'; exit 0; }}
case "$(nc -h 2>&1)" in *BusyBox*) busybox=1;; *) busybox=;; esac
tcp() {{ if [ $busybox ]; then nc -w {TIMEOUT_S} "$1" "$2" -e true; else nc -zvw {TIMEOUT_S} "$1" "$2"; fi; }}
dns() {{ nslookup -type=a {LOOKUP} "$1"; }}
try() {{ number=$1; shift; said=$("$@" 2>&1 </dev/null); code=$?; set -f; echo $number $code $said; }}
"""

WORDS = {
    Reply.REFUSED: ("refused",),
    Reply.UNRESOLVED: ("bad address", "getaddrinfo", "name or service not known", "name resolution"),
    Reply.SILENT: ("timed out", "timeout", "no servers could be reached"),
    Reply.UNREACHABLE: ("no route", "unreachable"),
}
"""What the tools say, in lower case, when a connection fails."""


def write(targets: Sequence[tuple[int, Target]], pause_s: float = 0.0) -> str:
    """Return shell text that tries every target and prints ``NUMBER EXIT-CODE WORDS`` for each.

    Args:
        targets: what to reach, each with its number.
        pause_s: how long to wait before, on the cluster's own clock.
    """
    lines = [f"sleep {pause_s:g}"] if pause_s else []
    for place, (number, target) in enumerate(targets, 1):
        host = shlex.quote(target.host)
        attempt = f"tcp {host} {target.port}" if target.protocol == "TCP" else f"dns {host}"
        lines.append(f"try {number} {attempt} &")
        if place % AT_ONCE == 0:
            lines.append("wait")
    return FUNCTIONS + "\n".join([*lines, "wait"])


def read(printed: str) -> Iterator[tuple[int, Reply, str]]:
    """Yield the number of each target, how it replied, and what was said."""
    for line in printed.splitlines():
        number, _, rest = line.partition(" ")
        code, _, said = rest.partition(" ")
        if number.isdecimal() and code.isdecimal():
            yield int(number), Reply.OPEN if code == "0" else classify(said), said.removeprefix("nc: ")


def classify(said: str) -> Reply:
    """Return what kind of failure a tool's words are; silence means that nobody answered."""
    words = said.lower()
    return next((reply for reply, known in WORDS.items() if any(word in words for word in known)), Reply.SILENT)
