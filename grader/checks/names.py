"""Checks of DNS: what a name resolves to, asked from inside a Pod."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable

from grader.finding import PASSED, Check, Finding, failed, partly
from podwalk.facade import Cluster, Output, resolving
from podwalk.facade.probes import Caller, as_caller, call

Addresses = Iterable[str] | Callable[[Cluster], Iterable[str]]


def resolves(caller: Caller | str, name: str, to: Addresses | None = None, *, namespace: str = "") -> Check:
    """Check that a name resolves in a Pod, to exactly these addresses if given.

    Args:
        caller: who asks.
        name: as a program in the Pod would write it.
        to: addresses, or a function of the cluster that gives them.
        namespace: of the caller, by default the task's.
    """

    def attempt(cluster: Cluster) -> Finding:
        found = addresses(call(cluster, caller, f"nslookup {name}"))
        if not found:
            return failed(f"{name} does not resolve in {as_caller(caller)}")
        if to is None:
            return PASSED
        wanted = set(to(cluster) if callable(to) else to)
        if not wanted:
            return failed(f"{name} resolves, but there is nothing yet that it should resolve to")
        reason = f"{name} resolves to {_list(found)}, and should to {_list(wanted)}"
        return partly(len(wanted & found) - len(found - wanted), len(wanted), reason)

    return Check(f"{name} resolves in {as_caller(caller)}", attempt)


def finds(caller: Caller | str, name: str, to: Callable[[Cluster], Iterable[str]]) -> Check:
    """Check that a program in a Pod which looks a name up, search list and all, gets one of these addresses."""

    def attempt(cluster: Cluster) -> Finding:
        output = call(cluster, caller, f"ping -c 1 -W 1 {name}")
        found = re.search(r"^PING [^(]*\(([^)]+)\)", output.stdout, re.MULTILINE)
        if found is None:
            return failed(f"{name} is not found in {as_caller(caller)}", output.stderr)
        wanted = set(to(cluster))
        if found[1] in wanted:
            return PASSED
        return failed(f"{name} is {found[1]} in {as_caller(caller)}, and should be {_list(wanted) or 'a Pod'}")

    return Check(f"{name} is found in {as_caller(caller)}", attempt)


def asks_first(caller: Caller | str, name: str) -> Check:
    """Check that a lookup in a Pod sends a name as it stands first, before any entry of the search list."""

    def attempt(cluster: Cluster) -> Finding:
        output = call(cluster, caller, "cat /etc/resolv.conf")
        asked = resolving.names(output.stdout, name)
        if output.ok and asked[0] == f"{name}.":
            return PASSED
        return failed(f"{as_caller(caller)} asks for {asked[0]} first, not for {name}", output.stdout or output.stderr)

    return Check(f"{as_caller(caller)} asks for {name} as it stands first", attempt)


def has_record(caller: Caller | str, name: str, record: str, pattern: str) -> Check:
    """Check that a query for a record (``CNAME``, ``SRV``, ``PTR``…) is answered with something that matches."""

    def attempt(cluster: Cluster) -> Finding:
        output = call(cluster, caller, f"nslookup -type={record} {name}")
        if re.search(pattern, output.stdout):
            return PASSED
        return failed(f"{name} has no {record} record of the form asked for", output.stdout or output.stderr)

    return Check(f"{name} has the right {record} record", attempt)


def addresses(output: Output) -> set[str]:
    """Return the addresses in BusyBox nslookup's answer, without the server's own."""
    _, _, answer = output.stdout.partition("\n\n")
    return {found for found in re.findall(r"^Address(?: \d+)?:\s*(\S+)", answer, re.MULTILINE) if _is_address(found)}


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _list(found: Iterable[str]) -> str:
    return ", ".join(sorted(found))
