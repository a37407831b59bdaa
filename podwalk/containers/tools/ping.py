"""ping and traceroute: what the network model says of ICMP decides, and a Pod or node that is up answers.

Source: BusyBox 1.38 and iputils; outputs as a real Pod prints them. A Service's address does not answer, as
kube-proxy has no rule for ICMP.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import simpy

from podwalk.containers import resolver
from podwalk.containers.fabric import ACROSS_S, LOOPBACK_S, SAME_NODE_S
from podwalk.containers.process import SIGINT, Process, Program, Signal
from podwalk.containers.sockets import NetNs
from podwalk.containers.tools import lookup
from podwalk.simulation import Task
from podwalk.types import Outcome

ICMP = "ICMP"
TTL = 64
LOOPBACK_SIX = "::1"


@dataclass
class Options:
    """A command line, read."""

    host: str = ""
    count: int = 0
    wait_s: float = 10.0
    interval_s: float = 1.0
    deadline_s: float = 0.0
    size: int = 56
    ttl: int = TTL
    quiet: bool = False
    numeric: bool = False


BUSYBOX_USAGE = """BusyBox v1.38.0 (Debian 1:1.38.0-3+b1) multi-call binary.

Usage: ping [OPTIONS] HOST

Send ICMP ECHO_REQUESTs to HOST

	-4,-6		Force IP or IPv6 name resolution
	-c CNT		Send only CNT pings
	-s SIZE		Send SIZE data bytes in packets (default 56)
	-i SECS		Interval
	-A		Ping as soon as reply is received
	-t TTL		Set TTL
	-I IFACE/IP	Source interface or IP address
	-W SEC		Seconds to wait for the first response (default 10)
			(after all -c CNT packets are sent)
	-w SEC		Seconds until ping exits (default:infinite)
			(can exit earlier with -c CNT)
	-q		Quiet, only display output at start/finish
	-p HEXBYTE	Payload pattern"""
VALUED = {True: "csitIWwp", False: "cWiwsItmpMQTSleF"}
KNOWN = {True: "46Aq", False: "46qnDdfLORrUvVhAabB"}


def read(argv: list[str], *, busybox: bool) -> tuple[Options, str]:
    """Read a command line; returns what is wrong with it, if anything."""
    options, rest = Options(wait_s=10.0), list(argv)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            options.host = word
            continue
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in VALUED[busybox]:
                if not letters and not rest:
                    return options, f"ping: option requires an argument -- '{letter}'\n{_usage(busybox)}"
                value = letters or rest.pop(0)
                if not _valued(options, letter, value):
                    return options, f"ping: invalid {'number' if busybox else 'argument:'} '{value}'"
                break
            if letter not in KNOWN[busybox]:
                return options, f"ping: invalid option -- '{letter}'\n{_usage(busybox)}"
            options.quiet |= letter == "q"
            options.numeric |= letter == "n"
    if not options.host:
        return options, BUSYBOX_USAGE if busybox else "ping: usage error: Destination address required"
    return options, ""


def _usage(busybox: bool) -> str:
    return BUSYBOX_USAGE if busybox else "\nUsage\n  ping [options] <destination>"


def _valued(options: Options, letter: str, value: str) -> bool:
    """Apply an option with its value; whether the value is one."""
    try:
        if letter in "cst":
            name = {"c": "count", "s": "size", "t": "ttl"}[letter]
            setattr(options, name, int(value))
        elif letter in "Wiw":
            name = {"W": "wait_s", "i": "interval_s", "w": "deadline_s"}[letter]
            setattr(options, name, float(value))
    except ValueError:
        return False
    return True


def hops(network: NetNs, ip: str) -> tuple[bool, float, int]:
    """Return whether an address answers, the round trip in seconds, and the routers on the way."""
    if ip == network.ip or ip.startswith("127.") or ip == LOOPBACK_SIX:
        return True, 2 * LOOPBACK_S, 0
    verdict = network.fabric.verdict(network.peer, ip, 0, ICMP)
    if verdict.outcome is not Outcome.DELIVERED or verdict.target is None or verdict.target.ip != ip:
        return False, 0.0, 0
    if not network.fabric.is_up(ip):
        return False, 0.0, 0
    if network.peer.node == verdict.target.node:
        return True, 2 * SAME_NODE_S, 1 if verdict.target.pod is not None else 0
    return True, 2 * ACROSS_S, 2 if verdict.target.pod is not None else 1


def _round_trip(process: Process, ip: str) -> Generator[simpy.Event, Any, tuple[float, int] | None]:
    answers, seconds, routers = hops(process.container.network, ip)
    if not answers:
        return None
    jittered = seconds * (0.8 + 0.4 * process.simulation.random.random())
    yield process.sleep(jittered)
    return jittered * 1000, routers


def ping_of(busybox: bool) -> Program:
    """Return the ``ping`` of BusyBox, or that of iputils."""

    def run(process: Process) -> Task:
        yield process.sleep(0)
        if not busybox and "-V" in process.argv[1:]:
            process.write("ping from iputils 20221126\n")
            return 0
        options, problem = read(process.argv[1:], busybox=busybox)
        if problem:
            return process.fail(problem)
        try:
            found = yield from _find(process, options.host)
        except resolver.LookupFailed as error:
            if busybox:
                return process.fail(f"{process.argv[0].rpartition('/')[2]}: bad address '{options.host}'")
            return process.fail(f"ping: {options.host}: {error.words}", 2)
        ip = found.addresses[0]
        shown = options.host if busybox else found.name
        title = f"PING {shown} ({ip}): {options.size} data bytes"
        if not busybox:
            whole = f" {options.size}({options.size + 28}) bytes of data."
            title = f"PING {shown}({ip}) {options.size} data bytes" if ":" in ip else f"PING {shown} ({ip}){whole}"
        process.write(f"{title}\n")
        return (yield from _loop(process, options, shown, ip, busybox))

    return run


def _find(process: Process, host: str) -> Generator[simpy.Event, Any, resolver.Host]:
    """Resolve a name; of IPv6 a Pod has its own loopback alone."""
    six = process.argv[0].endswith("ping6") or "-6" in process.argv[1:]
    if host in ("::1", "localhost") and (six or host == "::1"):
        yield process.sleep(0)
        return resolver.Host(host, (LOOPBACK_SIX,))
    if six:
        raise resolver.LookupFailed(host)
    return (yield from resolver.lookup(process.container, host))


def _loop(process: Process, options: Options, shown: str, ip: str, busybox: bool) -> Task:
    times: list[float] = []
    errors = 0
    sent, started_s = 0, process.simulation.now
    process.handles_signals |= {SIGINT}
    try:
        while not options.count or sent < options.count:
            begun_s = process.simulation.now
            sent += 1
            got = yield from _round_trip(process, ip)
            if got is not None and options.ttl <= got[1]:
                errors += 1
                if not busybox:
                    router = _routers(process.container.network, ip)[options.ttl - 1]
                    process.write(f"From {router} icmp_seq={sent} Time to live exceeded\n")
            elif got is not None:
                milliseconds, routers = got
                times.append(milliseconds)
                if not options.quiet:
                    number = f"seq={sent - 1}" if busybox else f"icmp_seq={sent}"
                    time = f"{milliseconds:.3f}"
                    process.write(f"{options.size + 8} bytes from {ip}: {number} ttl={TTL - routers} time={time} ms\n")
            is_last = bool(options.count) and sent >= options.count
            if options.deadline_s and process.simulation.now - started_s >= options.deadline_s:
                break
            if is_last and (got is None or (busybox and options.ttl <= got[1])):
                yield process.sleep(options.wait_s)
            elif not is_last:
                yield process.sleep(max(0.0, begun_s + options.interval_s - process.simulation.now))
    except simpy.Interrupt as interrupt:
        if not (isinstance(interrupt.cause, Signal) and interrupt.cause.number == SIGINT):
            raise
    lost = 100 * (sent - len(times)) // max(sent, 1)
    process.write(f"\n--- {shown} ping statistics ---\n")
    if busybox:
        process.write(f"{sent} packets transmitted, {len(times)} packets received, {lost}% packet loss\n")
        if times:
            process.write(
                f"round-trip min/avg/max = {min(times):.3f}/{sum(times) / len(times):.3f}/{max(times):.3f} ms\n"
            )
    else:
        elapsed = int((process.simulation.now - started_s) * 1000)
        failed = f"+{errors} errors, " if errors else ""
        process.write(
            f"{sent} packets transmitted, {len(times)} received, {failed}{lost}% packet loss, time {elapsed}ms\n"
        )
        if times:
            mean = sum(times) / len(times)
            deviation = (sum((one - mean) ** 2 for one in times) / len(times)) ** 0.5
            process.write(f"rtt min/avg/max/mdev = {min(times):.3f}/{mean:.3f}/{max(times):.3f}/{deviation:.3f} ms\n")
        else:
            process.write("\n")
    return 0 if times else 1


@dataclass
class Trace:
    """A command line of traceroute, read."""

    words: list[str] = field(default_factory=list)
    limit: int = 30
    first: int = 1
    wait_s: float = 5.0
    probes: int = 3
    numeric: bool = False
    problem: str = ""


def _trace_options(argv: list[str], *, busybox: bool) -> Trace:
    trace, rest = Trace(wait_s=3.0 if busybox else 5.0), list(argv)
    valued, known = ("mwqpfsitgz", "nIrlFv46") if busybox else ("mwqpfNsigtzMO", "nITUdFrAe46")
    while rest:
        word = rest.pop(0)
        letter, value = word[1:2], word[2:]
        if not word.startswith("-") or word == "-":
            trace.words.append(word)
        elif letter in valued and (value or rest):
            value = value or rest.pop(0)
            name = {"m": "limit", "w": "wait_s", "q": "probes", "f": "first"}.get(letter)
            if name is not None and not re.fullmatch(r"\d+(\.\d+)?", value):
                trace.problem = f"traceroute: invalid number '{value}'"
            elif name is not None:
                setattr(trace, name, float(value) if name == "wait_s" else int(float(value)))
        elif set(word[1:]) <= set(known):
            trace.numeric |= "n" in word
        else:
            trace.problem = f"traceroute: invalid option -- '{letter}'"
    if not trace.words and not trace.problem:
        trace.problem = "Usage: traceroute [options] host"
    return trace


def traceroute_of(busybox: bool) -> Program:
    """Return the ``traceroute`` of BusyBox, or Debian's."""

    def run(process: Process) -> Task:
        yield process.sleep(0)
        trace = _trace_options(process.argv[1:], busybox=busybox)
        if trace.problem:
            return process.fail(trace.problem, 1 if busybox else 2)
        name = trace.words[0]
        try:
            found = yield from resolver.lookup(process.container, name)
        except resolver.LookupFailed as error:
            if busybox:
                return process.fail(f"traceroute: bad address '{name}'")
            why = f'{name}: {error.words}\nCannot handle "host" cmdline arg `{name}\' on position 1 (argc 1)'
            return process.fail(why, 2)
        ip = found.addresses[0]
        process.write(f"traceroute to {name} ({ip}), {trace.limit} hops max, {46 if busybox else 60} byte packets\n")
        yield from _trace(process, trace, ip, silence="  *" if busybox else " *")
        return 0

    return run


def _trace(process: Process, trace: Trace, ip: str, *, silence: str) -> Task:
    """Show the routers on the way, and the target if it answers."""
    network = process.container.network
    answers, seconds, _ = hops(network, ip)
    way = [*_routers(network, ip), ip] if answers else _routers(network, ip)[:1]
    for number in range(trace.first, trace.limit + 1):
        if number > len(way) and answers:
            break
        process.write(f"{number:>2}")
        if number > len(way):
            for _ in range(trace.probes):
                yield process.sleep(trace.wait_s)
                process.write(silence)
            process.write("\n")
            continue
        address = way[number - 1]
        shown = address if trace.numeric else f"{(yield from _name(process, address)) or address} ({address})"
        process.write(f"  {shown}")
        for _ in range(trace.probes):
            yield process.sleep(seconds / 3)
            process.write(f"  {seconds * 1000 * (0.8 + 0.4 * process.simulation.random.random()):.3f} ms")
        process.write("\n")


def _name(process: Process, ip: str) -> Generator[simpy.Event, Any, str]:
    """Return what an address is called; empty if nothing."""
    settings = resolver.conf(process.container.files)
    [answer] = yield from resolver.ask(process.container.network, settings, [(lookup.reverse(ip), "PTR")])
    records = answer.answers if answer is not None else ()
    return next((record.data.rstrip(".") for record in records if record.type == "PTR"), "")


def _routers(network: NetNs, ip: str) -> list[str]:
    """Return the nodes that a packet passes."""
    fabric = network.fabric
    if ip == network.ip or ip.startswith("127."):
        return []
    own = [] if network.peer.pod is None else [fabric.address_of_node(network.peer.node)]
    target = fabric.node_of(ip)
    if target and target != network.peer.node and fabric.address_of_node(target) != ip:
        own.append(fabric.address_of_node(target))
    return [router for router in own if router and router != ip]


BUSYBOX_PING: dict[str, Program] = {
    "ping": ping_of(busybox=True),
    "ping6": ping_of(busybox=True),
    "traceroute": traceroute_of(busybox=True),
}
DEBIAN_PING: dict[str, Program] = {
    "ping": ping_of(busybox=False),
    "ping6": ping_of(busybox=False),
    "traceroute": traceroute_of(busybox=False),
}
