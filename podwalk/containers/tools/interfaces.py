"""What a container sees of its network: its interface, ifconfig, route, arp, ss, netstat.

Source: iproute2, BusyBox 1.38 and net-tools; outputs as a real Pod prints them. Pods are wired as Calico does: one
interface with a /32 and a default route to 169.254.1.1.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from podwalk.containers.process import Process, Program
from podwalk.containers.sockets import Connection, NetNs
from podwalk.containers.tools import socket_filter
from podwalk.simulation import Task

GATEWAY = "169.254.1.1"
GATEWAY_MAC = "ee:ee:ee:ee:ee:ee"


@dataclass(frozen=True)
class Interface:
    """One interface of a namespace."""

    index: int
    name: str
    peer: int
    mac: str
    address: str
    prefix: int
    link_local: str


def mac_of(ip: str) -> str:
    """Return the hardware address of a Pod: locally administered, the same at each call."""
    digest = bytearray(hashlib.sha256(ip.encode()).digest()[:6])
    digest[0] = digest[0] & 0xFC | 0x02
    return ":".join(f"{byte:02x}" for byte in digest)


def link_local(ip: str) -> str:
    """Return the link-local IPv6 address that goes with the hardware address (RFC 4291, EUI-64)."""
    raw = bytes.fromhex(mac_of(ip).replace(":", ""))
    eui = bytes([raw[0] ^ 0x02]) + raw[1:3] + b"\xff\xfe" + raw[3:]
    return str(ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + eui))


def interface(network: NetNs) -> Interface:
    """Return ``eth0`` of a namespace."""
    ip = network.ip
    prefix = 32 if network.peer.pod is not None else 16
    return Interface(2, "eth0", int(ip.rpartition(".")[2]) + 4, mac_of(ip), ip, prefix, link_local(ip))


def is_pod(network: NetNs) -> bool:
    """Whether the namespace is a Pod's own."""
    return network.peer.pod is not None


def gateway_of(network: NetNs) -> str:
    """Return where a namespace sends what is not beside it."""
    if is_pod(network):
        return GATEWAY
    return str(next(ipaddress.ip_network(network.fabric.options.node_cidr).hosts()))


def ifconfig(process: Process) -> Task:
    """Show the interfaces, or those that are named, as BusyBox's ifconfig does; traffic is not counted."""
    yield process.sleep(0)
    shown = _configured(process.container.network)
    words = [word for word in process.argv[1:] if word != "-a"]
    if len(words) > 1:
        return process.fail("ifconfig: SIOCSIFADDR: Operation not permitted")
    if words and words[0] not in shown:
        return process.fail(f"ifconfig: {words[0]}: error fetching interface information: Device not found")
    process.write("".join(f"{text}\n" for name, text in shown.items() if words in ([], [name])))
    return 0


def _configured(network: NetNs) -> dict[str, str]:
    eth = interface(network)
    mask = str(ipaddress.ip_network(f"0.0.0.0/{eth.prefix}").netmask)
    counters = (
        "          RX packets:0 errors:0 dropped:0 overruns:0 frame:0\n"
        "          TX packets:0 errors:0 dropped:0 overruns:0 carrier:0\n"
        "          collisions:0 txqueuelen:1000 \n          RX bytes:0 (0.0 B)  TX bytes:0 (0.0 B)\n"
    )
    return {
        "eth0": (
            f"eth0      Link encap:Ethernet  HWaddr {eth.mac.upper()}  \n"
            f"          inet addr:{eth.address}  Bcast:0.0.0.0  Mask:{mask}\n"
            f"          inet6 addr: {eth.link_local}/64 Scope:Link\n"
            f"          UP BROADCAST RUNNING MULTICAST  MTU:1500  Metric:1\n{counters}"
        ),
        "lo": (
            "lo        Link encap:Local Loopback  \n          inet addr:127.0.0.1  Mask:255.0.0.0\n"
            "          inet6 addr: ::1/128 Scope:Host\n"
            f"          UP LOOPBACK RUNNING  MTU:65536  Metric:1\n{counters}"
        ),
    }


def route(process: Process) -> Task:
    """Show the routing table as BusyBox's route does."""
    yield process.sleep(0)
    network = process.container.network
    numeric = any("n" in word for word in process.argv[1:] if word.startswith("-"))
    rows = [("0.0.0.0" if numeric else "default", gateway_of(network), "0.0.0.0", "UG")]
    if is_pod(network):
        rows.append((GATEWAY, "0.0.0.0" if numeric else "*", "255.255.255.255", "UH"))
    else:
        block = ipaddress.ip_network(network.fabric.options.node_cidr)
        rows.append((str(block.network_address), "0.0.0.0" if numeric else "*", str(block.netmask), "U"))
    # netstat -r shows windows where route shows metrics.
    metrics = process.argv[0].rpartition("/")[2] == "route"
    title, width = ("Flags Metric Ref    Use", 5) if metrics else ("Flags   MSS Window  irtt", 7)
    numbers = "0      0        0" if metrics else "  0 0          0"
    process.write(f"Kernel IP routing table\nDestination     Gateway         Genmask         {title} Iface\n")
    for target, gateway, mask, flags in rows:
        process.write(f"{target:<15} {gateway:<15} {mask:<15} {flags:<{width}} {numbers} eth0\n")
    return 0


def arp(process: Process) -> Task:
    """Show the neighbours as BusyBox's arp does."""
    yield process.sleep(0)
    process.write(f"? ({GATEWAY}) at {GATEWAY_MAC} [ether]  on eth0\n")
    return 0


@dataclass(frozen=True)
class Entry:
    """One socket, as netstat and ss list it."""

    protocol: str
    state: str
    local: str
    remote: str
    owner: object = None


def entries(network: NetNs) -> Iterable[Entry]:
    """Return the open sockets of a namespace."""
    for (protocol, port, address), listener in sorted(network.listeners.items(), key=lambda item: item[0]):
        yield Entry(protocol.lower(), "LISTEN", f"{address or '0.0.0.0'}:{port}", "0.0.0.0:*", listener.owner)
    for port, address in sorted(network.sockets):
        yield Entry("udp", "UNCONN", f"{address or '0.0.0.0'}:{port}", "0.0.0.0:*")
    for connection in network.connections:
        if connection.protocol == "TCP":
            yield Entry("tcp", _state(connection), str(connection.local), str(connection.remote))


def _state(connection: Connection) -> str:
    if connection.outgoing.closed:
        return "FIN_WAIT2"
    return "CLOSE_WAIT" if connection.incoming.closed else "ESTABLISHED"


def _wanted(process: Process) -> tuple[str, bool, set[str]]:
    letters = "".join(word[1:] for word in process.argv[1:] if word.startswith("-") and not word.startswith("--"))
    long = {word for word in process.argv[1:] if word.startswith("--")}
    protocols = {
        name for name, letter in (("tcp", "t"), ("udp", "u"), ("sctp", "S")) if letter in letters or f"--{name}" in long
    }
    return letters, "l" in letters or "--listening" in long, protocols


NETSTAT_LETTERS = "raltuwxenp"
"""The options of netstat; -p adds nothing, since whose a socket is, is not simulated."""
NETSTAT_USAGE = """BusyBox v1.38.0 (Debian 1:1.38.0-3+b1) multi-call binary.

Usage: netstat [-ral] [-tuwx] [-en]

Display networking information

	-r	Routing table
	-a	All sockets
	-l	Listening sockets
		Else: connected sockets
	-t	TCP sockets
	-u	UDP sockets
	-w	Raw sockets
	-x	Unix sockets
		Else: all socket types
	-e	Other/more information
	-n	Don't resolve names"""
UNIX_TITLE = "Proto RefCnt Flags       Type       State         I-Node Path"


def netstat(process: Process) -> Task:
    """List sockets as BusyBox's netstat does."""
    yield process.sleep(0)
    letters, listening, protocols = _wanted(process)
    if unknown := next((letter for letter in letters if letter not in NETSTAT_LETTERS), ""):
        return process.fail(f"netstat: invalid option -- '{unknown}'\n{NETSTAT_USAGE}")
    if "r" in letters:
        return (yield from route(process))
    title = "only servers" if listening else "servers and established" if "a" in letters else "w/o servers"
    process.write(f"Active Internet connections ({title})\n")
    process.write("Proto Recv-Q Send-Q Local Address           Foreign Address         State       \n")
    for entry in entries(process.container.network):
        is_server = entry.state in ("LISTEN", "UNCONN")
        if (protocols and entry.protocol not in protocols) or (listening and not is_server):
            continue
        if is_server and not listening and "a" not in letters:
            continue
        state = "" if entry.state == "UNCONN" else entry.state
        process.write(f"{entry.protocol:<5}      0      0 {entry.local:<23} {entry.remote:<23} {state:<11} \n")
    if not set(letters) & set("tuw"):
        process.write(f"Active UNIX domain sockets ({title})\n{UNIX_TITLE}\n")
    return 0


SS_LETTERS = "alntupHSrO46"
"""The options of ss that are understood."""
SERVICES = {22: "ssh", 53: "domain", 80: "http", 443: "https", 5432: "postgresql", 6379: "redis", 8080: "http-alt"}


def ss(process: Process) -> Task:
    """List sockets as iproute2's ss does; memory, timers and the insides of TCP are not simulated."""
    yield process.sleep(0)
    letters, listening, protocols = _wanted(process)
    if unknown := next((letter for letter in letters if letter not in SS_LETTERS), ""):
        return process.fail(f"ss: -{unknown} is not simulated by Podwalk", 2)
    words = [word for word in process.argv[1:] if not word.startswith("-")]
    try:
        states = socket_filter.states(words)
        passes = socket_filter.read(words)
    except socket_filter.FilterError as error:
        return process.fail(str(error), error.code)
    rows = []
    for entry in entries(process.container.network):
        state = {"ESTABLISHED": "ESTAB"}.get(entry.state, entry.state.replace("_", "-"))
        is_server = state in ("LISTEN", "UNCONN")
        if (protocols and entry.protocol not in protocols) or not passes(entry.local, entry.remote):
            continue
        if state in states or (not states and ("a" in letters or listening == is_server)):
            rows.append(_ss_row(process, entry, state, letters))
    hidden = {0} if len(protocols) == 1 else set()
    hidden |= {1} if len(states) == 1 else set()
    process.write(_ss_table(rows, hidden, header="H" not in letters))
    return 0


def _ss_row(process: Process, entry: Entry, state: str, letters: str) -> list[str]:
    """Return the cells of one socket."""
    cells = [entry.protocol, state, "0", "4096" if state == "LISTEN" else "0"]
    for address in (entry.local, entry.remote):
        host, _, port = address.rpartition(":")
        named = "n" not in letters and port.isdigit()
        cells += [host, SERVICES.get(int(port), port) if named else port]
    return [*cells, _users(process, entry) if "p" in letters else ""]


def _users(process: Process, entry: Entry) -> str:
    """Return which process of the container a listening socket belongs to."""
    owner = next((one for one in process.container.processes.values() if one.runs(entry.owner)), None)
    if owner is None:
        return ""
    return f' users:(("{owner.argv[0].rpartition("/")[2].partition(":")[0]}",pid={owner.pid},fd={FIRST_FREE}))'


FIRST_FREE = 3
"""The first file descriptor after the standard ones; which of them a socket has is not simulated."""


def _ss_table(rows: list[list[str]], hidden: set[int], *, header: bool) -> str:
    """Lay the rows out: addresses to the right of their columns, ports to the left."""
    titles = ["Netid", "State", "Recv-Q", "Send-Q", "Local Address", "Port", "Peer Address", "Port", "Process"]
    shown = [titles, *rows] if header else rows
    widths = [max((len(row[column]) for row in shown), default=0) for column in range(len(titles))]
    widths[2], widths[3] = max(widths[2], 6), max(widths[3], 6)
    lines = []
    for row in shown:
        cells = [cell.rjust(width) if at in (4, 6) else cell.ljust(width)
                 for at, (cell, width) in enumerate(zip(row, widths, strict=True))]  # fmt: skip
        front = [cell for at, cell in enumerate(cells[:4]) if at not in hidden]
        lines.append(" ".join([*front, f"{cells[4]}:{cells[5]}", f"{cells[6]}:{cells[7]}{cells[8]}"]) + "\n")
    return "".join(lines)


BUSYBOX_INTERFACES: dict[str, Program] = {"ifconfig": ifconfig, "route": route, "arp": arp, "netstat": netstat}
