"""``ip``, of iproute2 and of BusyBox: what a container sees of its interfaces, addresses, routes, rules and neighbours.

What would change them is refused, as to a container that has no right to. Traffic is not counted, so ``-s`` is refused.

Source: iproute2 6.1 and BusyBox 1.38, networking/libiproute; outputs as a real Pod prints them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from podwalk.containers.process import Process, Program
from podwalk.containers.sockets import NetNs
from podwalk.containers.tools.interfaces import GATEWAY, GATEWAY_MAC, gateway_of, interface, is_pod
from podwalk.simulation import Task

USAGE = """\
Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }
       ip [ -force ] -batch filename
where  OBJECT := { address | addrlabel | amt | fou | help | ila | ioam | l2tp |
                   link | macsec | maddress | monitor | mptcp | mroute | mrule |
                   neighbor | neighbour | netconf | netns | nexthop | ntable |
                   ntbl | route | rule | sr | tap | tcpmetrics |
                   token | tunnel | tuntap | vrf | xfrm }
       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -r[esolve] |
                    -h[uman-readable] | -iec | -j[son] | -p[retty] |
                    -f[amily] { inet | inet6 | mpls | bridge | link } |
                    -4 | -6 | -M | -B | -0 |
                    -l[oops] { maximum-addr-flush-attempts } | -br[ief] |
                    -o[neline] | -t[imestamp] | -ts[hort] | -b[atch] [filename] |
                    -rc[vbuf] [size] | -n[etns] name | -N[umeric] | -a[ll] |
                    -c[olor]}"""
BUSYBOX_USAGE = """\
BusyBox v1.38.0 (Debian 1:1.38.0-3+b1) multi-call binary.

Usage: ip [OPTIONS] address|route|link|tunnel|neigh|rule [ARGS]

OPTIONS := -f[amily] inet|inet6|link | -o[neline]

ip addr add|del IFADDR dev IFACE | show|flush [dev IFACE] [to PREFIX]
ip route list|flush|add|del|change|append|replace|test ROUTE
ip link set IFACE [up|down] [arp on|off] [multicast on|off]
	[promisc on|off] [mtu NUM] [name NAME] [qlen NUM] [address MAC]
	[master IFACE | nomaster] [netns PID] [type TYPE ARGS]
ip tunnel add|change|del|show [NAME]
	[mode ipip|gre|sit] [remote ADDR] [local ADDR] [ttl TTL]
ip neigh show|flush [to PREFIX] [dev DEV] [nud STATE]
ip rule [list] | add|del SELECTOR ACTION"""
SHOWS = ("show", "list", "lst", "ls")
CHANGES = ("add", "append", "change", "delete", "flush", "replace", "set", "test")
EMPTY = ("netns", "tunnel", "mroute", "tap", "tuntap", "vrf", "nexthop")
LASTING = "       valid_lft forever preferred_lft forever"


class _Refused(Exception):
    """What ip says instead of an answer, with its exit code."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Address:
    """An address of an interface, and what stands behind it."""

    family: str
    prefix: str
    scope: str
    label: str

    def __str__(self) -> str:
        """Return it as ``ip addr`` has it."""
        return f"{'inet' if self.family == '4' else 'inet6'} {self.prefix} scope {self.scope} {self.label}"


@dataclass(frozen=True)
class Link:
    """An interface as the kernel tells of it."""

    index: int
    name: str
    shown: str
    flags: str
    mtu: int
    state: str
    kind: str
    mac: str
    broadcast: str
    netns: str
    addresses: tuple[Address, ...]


@dataclass(frozen=True)
class Query:
    """What was asked: the options before the object, and the words after it."""

    busybox: bool
    family: str = ""
    oneline: bool = False
    brief: bool = False
    subject: str = ""
    words: tuple[str, ...] = ()
    filters: dict[str, str] = field(default_factory=dict)


def links(network: NetNs, *, busybox: bool) -> tuple[Link, Link]:
    """Return the two interfaces of a namespace."""
    eth = interface(network)
    return (
        Link(
            1,
            "lo",
            "lo",
            "LOOPBACK,UP,LOWER_UP",
            65536,
            "UNKNOWN",
            "loopback",
            "00:00:00:00:00:00",
            "00:00:00:00:00:00",
            "",
            (Address("4", "127.0.0.1/8", "host", "lo"), Address("6", "::1/128", "host", "")),
        ),
        Link(
            2,
            "eth0",
            f"eth0@if{eth.peer}",
            "BROADCAST,MULTICAST,UP,LOWER_UP" + (",M-DOWN" if busybox else ""),
            1500,
            "UP",
            "ether",
            eth.mac,
            "ff:ff:ff:ff:ff:ff",
            "" if busybox else " link-netnsid 0",
            (
                Address("4", f"{eth.address}/{eth.prefix}", "global", "eth0"),
                Address("6", f"{eth.link_local}/64", "link", ""),
            ),
        ),
    )


def ip_of(busybox: bool) -> Program:
    """Return the ``ip`` of BusyBox, or that of iproute2."""

    def run(process: Process) -> Task:
        yield process.sleep(0)
        try:
            process.write(_answer(process, _query(process.argv[1:], busybox)))
        except _Refused as refused:
            if not refused.code:
                process.write(f"{refused}\n")
                return 0
            return process.fail(str(refused), refused.code)
        return 0

    return run


def _query(argv: list[str], busybox: bool) -> Query:
    query, rest = Query(busybox), list(argv)
    while rest and rest[0].startswith("-"):
        query = _option(query, rest.pop(0), rest)
    if not rest:
        raise _usage(query)
    return replace(query, subject=rest[0], words=tuple(rest[1:]))


def _option(query: Query, word: str, rest: list[str]) -> Query:
    name = word.lstrip("-")
    if name in ("4", "6", "0"):
        return replace(query, family=name)
    if name and "family".startswith(name) and rest:
        families = {"inet": "4", "inet6": "6", "link": "0"}
        return replace(query, family=families.get(rest.pop(0), ""))
    if name and "oneline".startswith(name):
        return replace(query, oneline=True)
    if query.busybox:
        raise _usage(query)
    if name.startswith("br") and "brief".startswith(name):
        return replace(query, brief=True)
    if name.partition("=")[0] in ("c", "color", "N", "Numeric", "r", "resolve"):
        return query  # output that is no terminal's has no colours
    if name in ("V", "Version"):
        raise _Refused("ip utility, iproute2-6.1.0, libbpf 1.1.0", 0)
    if name in ("h", "help"):
        raise _usage(query)
    if any(known.startswith(name) for known in ("statistics", "details", "json", "pretty", "netns", "all", "batch")):
        raise _Refused(f"ip: the option {word} is ip's, but Podwalk does not simulate it", 2)
    raise _Refused(f'Option "{word}" is unknown, try "ip -help".', 255)


def _usage(query: Query) -> _Refused:
    return _Refused(BUSYBOX_USAGE, 1) if query.busybox else _Refused(USAGE, 255)


def _answer(process: Process, query: Query) -> str:
    shows: dict[str, Callable[[Process, Query], str]] = {
        "address": _addresses, "link": _links, "neighbour": _neighbours, "neighbor": _neighbours, "route": _routes,
        "rule": _rules,
    }  # fmt: skip
    for name, show in shows.items():
        if name.startswith(query.subject):
            return show(process, _command(name, query))
    if query.subject == "help" or query.busybox:
        if query.subject == "tunnel":
            return ""
        raise _usage(query)
    if query.subject in EMPTY:
        return ""
    raise _Refused(f'Object "{query.subject}" is unknown, try "ip help".')


def _command(name: str, query: Query) -> Query:
    """Return the query with what it asks for; refuse what would change something."""
    command = query.words[0] if query.words else "show"
    if name == "route" and command == "get":
        return query
    if any(known.startswith(command) for known in SHOWS):
        return _filtered(query, list(query.words[1:]), name)
    if any(known.startswith(command) for known in CHANGES):
        raise _not_permitted(name, command, query)
    if query.busybox:
        raise _Refused(f"ip: invalid argument '{command}' to 'ip'", 2 if name == "link" else 1)
    if command == "help":
        raise _Refused(f"ip: Podwalk does not simulate the help of ip {name}; see `ip help`", 255)
    raise _Refused(f'Command "{command}" is unknown, try "ip {name} help".', 255)


def _not_permitted(name: str, command: str, query: Query) -> _Refused:
    if name == "address" and "dev" not in query.words:
        lacking = 'ip: need "dev IFACE"' if query.busybox else 'Not enough information: "dev" argument is required.'
        return _Refused(lacking)
    call = "SIOCSIFFLAGS" if query.busybox and (name, command) == ("link", "set") else "RTNETLINK answers"
    return _Refused(f"{'ip: ' if query.busybox else ''}{call}: Operation not permitted", 2)


def _filtered(query: Query, words: list[str], name: str) -> Query:
    filters: dict[str, str] = {}
    unnamed = "to" if name == "route" else "dev"
    while words:
        word = words.pop(0)
        if word == "up":
            continue
        key = word if word in ("dev", "scope", "to", "type", "table", "via", "proto", "root") else unnamed
        if key == word and not words:
            raise _Refused(
                'ip: command line is not complete, try "help"'
                if query.busybox
                else 'Command line is not complete. Try option "help"',
                1 if query.busybox else 255,
            )
        value = words.pop(0) if key == word else word
        if key in filters:
            said = 'ip: either "dev" is duplicate, or "{}" is garbage'
            if not query.busybox:
                said = 'Error: either "dev" is duplicate, or "{}" is a garbage.'
            raise _Refused(said.format(value), 1 if query.busybox else 255)
        filters[key] = value
    return replace(query, filters=filters)


def _chosen(process: Process, query: Query, missing_code: int) -> list[Link]:
    found = links(process.container.network, busybox=query.busybox)
    wanted = query.filters.get("dev", "")
    chosen = [link for link in found if wanted in ("", link.name)]
    if not chosen:
        if query.busybox:
            raise _Refused(f"ip: can't find device '{wanted}'", missing_code)
        raise _Refused(f'Device "{wanted}" does not exist.')
    return chosen


def _head(link: Link, query: Query, mode: str) -> str:
    start = f"{link.index}: {link.shown}: <{link.flags}> mtu {link.mtu}"
    if query.busybox:
        return f"{start}{'' if query.family == '6' else ' qdisc noqueue'} qlen 1000"
    if query.family == "6" and not mode and "dev" not in query.filters:
        return f"{start} state {link.state} qlen 1000"
    return f"{start} qdisc noqueue state {link.state} {mode}group default qlen 1000"


def _hardware(link: Link) -> str:
    return f"    link/{link.kind} {link.mac} brd {link.broadcast}{link.netns}"


def _addresses(process: Process, query: Query) -> str:
    lines: list[str] = []
    for link in _chosen(process, query, 1):
        shown = [
            address
            for address in link.addresses
            if query.family in ("", address.family) and query.filters.get("scope", address.scope) == address.scope
        ]
        if shown or query.family == "0" or (query.busybox and not query.family):
            lines += _of_link(link, shown, query)
    return "".join(f"{line}\n" for line in lines)


def _of_link(link: Link, shown: list[Address], query: Query) -> Iterator[str]:
    if query.brief:
        yield f"{link.shown:<16} {link.state:<14} " + "".join(f"{address.prefix} " for address in shown)
    elif query.oneline:
        yield from (f"{link.index}: {link.name}    {address}\\{LASTING}" for address in shown)
    else:
        yield _head(link, query, "") + (link.netns if query.family == "4" else "")
        if query.family in ("", "0"):
            yield _hardware(link)
        for address in shown:
            yield f"    {address}"
            yield LASTING


def _links(process: Process, query: Query) -> str:
    chosen = _chosen(process, query, 2)
    if query.brief:
        return "".join(f"{link.shown:<16} {link.state:<14} {link.mac} <{link.flags}> \n" for link in chosen)
    between = "\\" if query.oneline else "\n"
    query = replace(query, family="")
    return "".join(f"{_head(link, query, 'mode DEFAULT ')}{between}{_hardware(link)}\n" for link in chosen)


def _neighbours(process: Process, query: Query) -> str:
    state = "used 0/0/0 probes 1 STALE" if query.busybox else "REACHABLE "
    return f"{GATEWAY} dev eth0 lladdr {GATEWAY_MAC} {state}\n"


def _rules(process: Process, query: Query) -> str:
    end = " \n" if query.busybox else "\n"
    tables = ((0, "local"), (32766, "main"), (32767, "default"))
    return "".join(f"{number}:\tfrom all lookup {table}{end}" for number, table in tables)


def _routes(process: Process, query: Query) -> str:
    if query.words[:1] == ("get",):
        return _route_to(process, query)
    network = process.container.network
    if query.family == "6":
        rest = " metric 256 " if query.busybox else "proto kernel metric 256 pref medium"
        return f"fe80::/64 dev eth0 {rest}\n"
    rows = [("default", f"via {gateway_of(network)} ", "")]
    if is_pod(network):
        rows.append((GATEWAY, "", "scope link "))
    else:
        rows.append((network.fabric.options.node_cidr, "", f"scope link  src {network.ip} "))
    wanted, device = query.filters.get("to", ""), query.filters.get("dev", "")
    if device not in ("", "eth0", "lo"):
        raise _Refused(f'{"ip: c" if query.busybox else "C"}annot find device "{device}"')
    on = "" if device else "dev eth0 "
    if device == "lo":
        return ""
    return "".join(
        f"{target} {via}{on}{scope}\n" for target, via, scope in rows if query.busybox or wanted in ("", target)
    )


def _route_to(process: Process, query: Query) -> str:
    network = process.container.network
    try:
        target = ipaddress.ip_address(query.words[1].partition("/")[0])
    except (IndexError, ValueError) as error:
        if query.busybox:
            raise _Refused("ip: need at least destination address") from error
        if len(query.words) < 2:
            raise _Refused("need at least a destination address") from error
        raise _Refused(f'Error: any valid prefix is expected rather than "{query.words[1]}".') from error
    end = (" ", "") if query.busybox else ("", "uid 0 ")
    if str(target) == network.ip or target.is_loopback:
        cache = "cache \n" if query.busybox else "cache <local> \n"
        return f"local {target} dev lo {end[0]}src {target} {end[1]}\n    {cache}"
    direct = not is_pod(network) and target in ipaddress.ip_network(network.fabric.options.node_cidr)
    via = "" if direct else f"via {gateway_of(network)} "
    return f"{target} {via}dev eth0 {end[0]}src {network.ip} {end[1]}\n    cache \n"
