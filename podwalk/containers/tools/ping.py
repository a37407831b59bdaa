"""ping and traceroute: what the network model says of ICMP decides, and a Pod or node that is up answers.

Source: BusyBox 1.38 and iputils; outputs as a real Pod prints them. A Service's address does not answer, as
kube-proxy has no rule for ICMP.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import simpy

from podwalk.containers import resolver
from podwalk.containers.fabric import ACROSS_S, LOOPBACK_S, SAME_NODE_S
from podwalk.containers.process import SIGINT, Process, Program, Signal
from podwalk.containers.sockets import NetNs
from podwalk.simulation import Task
from podwalk.types import Outcome

ICMP = "ICMP"
TTL = 64


@dataclass
class Options:
    """A command line, read."""

    host: str = ""
    count: int = 0
    wait_s: float = 10.0
    interval_s: float = 1.0
    deadline_s: float = 0.0
    size: int = 56
    quiet: bool = False
    numeric: bool = False


def read(argv: list[str]) -> tuple[Options, str]:
    """Read a command line; returns what is wrong with it, if anything."""
    options, rest = Options(), list(argv)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            options.host = word
            continue
        letter, value = word[1:2], word[2:]
        if letter in "cWiwsItmp":
            value = value or (rest.pop(0) if rest else "")
        try:
            if letter == "c":
                options.count = int(value)
            elif letter == "W":
                options.wait_s = float(value)
            elif letter == "i":
                options.interval_s = float(value)
            elif letter == "w":
                options.deadline_s = float(value)
            elif letter == "s":
                options.size = int(value)
        except ValueError:
            return options, f"invalid argument: '{value}'"
        if letter == "q":
            options.quiet = True
        elif letter == "n":
            options.numeric = True
    return options, ""


def hops(network: NetNs, ip: str) -> tuple[bool, float, int]:
    """Return whether an address answers, the round trip in seconds, and the routers on the way."""
    if ip == network.ip or ip.startswith("127."):
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
        options, problem = read(process.argv[1:])
        if problem or not options.host:
            return process.fail(problem or "ping: usage error: Destination address required", 1 if busybox else 2)
        try:
            found = yield from resolver.lookup(process.container, options.host)
        except resolver.LookupFailed as error:
            if busybox:
                return process.fail(f"ping: bad address '{options.host}'")
            return process.fail(f"ping: {options.host}: {error.words}", 2)
        ip = found.addresses[0]
        shown = options.host if busybox else found.name
        title = (
            f"PING {shown} ({ip}): {options.size} data bytes"
            if busybox
            else f"PING {shown} ({ip}) {options.size}({options.size + 28}) bytes of data."
        )
        process.write(f"{title}\n")
        return (yield from _loop(process, options, shown, ip, busybox))

    return run


def _loop(process: Process, options: Options, shown: str, ip: str, busybox: bool) -> Task:
    times: list[float] = []
    sent, started_s = 0, process.simulation.now
    process.handles_signals |= {SIGINT}
    try:
        while not options.count or sent < options.count:
            begun_s = process.simulation.now
            sent += 1
            got = yield from _round_trip(process, ip)
            if got is not None:
                milliseconds, routers = got
                times.append(milliseconds)
                if not options.quiet:
                    number = f"seq={sent - 1}" if busybox else f"icmp_seq={sent}"
                    time = f"{milliseconds:.3f}"
                    process.write(f"{options.size + 8} bytes from {ip}: {number} ttl={TTL - routers} time={time} ms\n")
            is_last = bool(options.count) and sent >= options.count
            if options.deadline_s and process.simulation.now - started_s >= options.deadline_s:
                break
            if got is None and is_last:
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
        process.write(f"{sent} packets transmitted, {len(times)} received, {lost}% packet loss, time {elapsed}ms\n")
        if times:
            mean = sum(times) / len(times)
            deviation = (sum((one - mean) ** 2 for one in times) / len(times)) ** 0.5
            process.write(f"rtt min/avg/max/mdev = {min(times):.3f}/{mean:.3f}/{max(times):.3f}/{deviation:.3f} ms\n")
        else:
            process.write("\n")
    return 0 if times else 1


def traceroute_of(busybox: bool) -> Program:
    """Return the ``traceroute`` of BusyBox, or Debian's."""

    def run(process: Process) -> Task:
        yield process.sleep(0)
        limit, wait_s, words, rest = 30, 5.0 if not busybox else 3.0, [], process.argv[1:]
        while rest:
            word = rest.pop(0)
            if word == "-m" and rest:
                limit = int(rest.pop(0))
            elif word == "-w" and rest:
                wait_s = float(rest.pop(0))
            elif word == "-q" and rest:
                rest.pop(0)
            elif not word.startswith("-"):
                words.append(word)
        if not words:
            return process.fail("Usage: traceroute [options] host", 2)
        try:
            found = yield from resolver.lookup(process.container, words[0])
        except resolver.LookupFailed as error:
            return process.fail(
                (
                    f"traceroute: bad address '{words[0]}'"
                    if busybox
                    else (
                        f'{words[0]}: {error.words}\nCannot handle "host" cmdline arg `{words[0]}\' on position 1'
                        " (argc 1)"
                    )
                ),
                1 if busybox else 2,
            )
        ip, network = found.addresses[0], process.container.network
        process.write(f"traceroute to {words[0]} ({ip}), {limit} hops max, {46 if busybox else 60} byte packets\n")
        answers, seconds, _ = hops(network, ip)
        for number, address in enumerate(
            [*_routers(network, ip), ip][:limit] if answers else _routers(network, ip)[:1], 1
        ):
            times = [seconds * 1000 * (0.8 + 0.4 * process.simulation.random.random()) for _ in range(3)]
            yield process.sleep(seconds)
            process.write(f"{number:>2}  {address}  " + "  ".join(f"{time:.3f} ms" for time in times) + "\n")
        if not answers:
            for number in range(2, limit + 1):
                yield process.sleep(3 * wait_s)
                process.write(f"{number:>2}  *  *  *\n" if busybox else f"{number:>2}  * * *\n")
        return 0

    return run


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


BUSYBOX_PING: dict[str, Program] = {"ping": ping_of(busybox=True), "traceroute": traceroute_of(busybox=True)}
DEBIAN_PING: dict[str, Program] = {"ping": ping_of(busybox=False), "traceroute": traceroute_of(busybox=False)}
