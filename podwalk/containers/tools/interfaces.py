"""What a container sees of its network: ip, ifconfig, route, arp, ss, netstat.

Source: iproute2, BusyBox 1.38 and net-tools; outputs as a real Pod prints them. Pods are wired as Calico does: one
interface with a /32 and a default route to 169.254.1.1.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from podwalk.containers.process import Process, Program
from podwalk.containers.sockets import Connection, NetNs
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


def ip_of(busybox: bool) -> Program:
    """Return the ``ip`` of BusyBox, or that of iproute2."""

    def run(process: Process) -> Task:
        yield process.sleep(0)
        words = [word for word in process.argv[1:] if word not in ("-4", "-6", "-o", "-c", "-color")]
        brief = any(word in ("-br", "-brief") for word in words)
        words = [word for word in words if not word.startswith("-")]
        if not words:
            return process.fail(
                "Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\nwhere  OBJECT := { address | link | neighbour | route"
                " | rule }",
                255,
            )
        subject = words[0]
        if len(words) > 1 and words[1] not in ("show", "list", "ls", "s", "l", "get", "dev"):
            return process.fail("RTNETLINK answers: Operation not permitted", 2)
        table: list[tuple[str, Callable[[], str | int]]] = [
            (
                "address",
                lambda: _brief(process.container.network) if brief else _addresses(process.container.network, busybox),
            ),
            ("link", lambda: _links(process.container.network, busybox)),
            ("neighbour", lambda: f"{GATEWAY} dev eth0 lladdr {GATEWAY_MAC} REACHABLE \n"),
            ("route", lambda: _route(process, words[1:])),
            (
                "rule",
                lambda: "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n32767:\tfrom all lookup default\n",
            ),
        ]
        for name, show in table:
            if name.startswith(subject) or (name == "neighbour" and subject == "neighbor"):
                shown = show()
                if isinstance(shown, int):
                    return shown
                process.write(shown)
                return 0
        return process.fail(f'Object "{subject}" is unknown, try "ip help".', 1)

    return run


def _brief(network: NetNs) -> str:
    eth = interface(network)
    return (
        f"{'lo':<16} {'UNKNOWN':<14} 127.0.0.1/8 ::1/128 \n"
        f"{f'eth0@if{eth.peer}':<16} {'UP':<14} {eth.address}/{eth.prefix} {eth.link_local}/64 \n"
    )


def _heads(network: NetNs, busybox: bool, mode: str) -> tuple[str, str]:
    eth = interface(network)
    if busybox:
        return (
            "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000\n",
            f"2: eth0@if{eth.peer}: <BROADCAST,MULTICAST,UP,LOWER_UP,M-DOWN> mtu 1500 qdisc noqueue qlen 1000\n",
        )
    return (
        f"1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN {mode}group default qlen 1000\n",
        (
            f"2: eth0@if{eth.peer}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP {mode}group"
            " default qlen 1000\n"
        ),
    )


def _addresses(network: NetNs, busybox: bool) -> str:
    eth = interface(network)
    lo, head = _heads(network, busybox, "")
    netns = "" if busybox else " link-netnsid 0"
    forever = "       valid_lft forever preferred_lft forever\n"
    return (
        f"{lo}    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n    inet 127.0.0.1/8 scope host lo\n{forever} "
        f"   inet6 ::1/128 scope host \n{forever}{head}    link/ether {eth.mac} brd ff:ff:ff:ff:ff:ff{netns}\n    inet"
        f" {eth.address}/{eth.prefix} scope global eth0\n{forever}    inet6 {eth.link_local}/64 scope link \n{forever}"
    )


def _links(network: NetNs, busybox: bool) -> str:
    eth = interface(network)
    lo, head = _heads(network, busybox, "mode DEFAULT ")
    netns = "" if busybox else " link-netnsid 0"
    return (
        f"{lo}    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
        f"{head}    link/ether {eth.mac} brd ff:ff:ff:ff:ff:ff{netns}\n"
    )


def _gateway(network: NetNs) -> str:
    if is_pod(network):
        return GATEWAY
    return str(next(ipaddress.ip_network(network.fabric.options.node_cidr).hosts()))


def _route(process: Process, words: list[str]) -> str | int:
    network = process.container.network
    if words[:1] == ["get"]:
        if len(words) < 2:
            return process.fail("need at least a destination address")
        target = words[1].partition("/")[0]
        if target == network.ip or target.startswith("127."):
            return f"local {target} dev lo src {network.ip} uid 0 \n    cache <local> \n"
        return f"{target} via {_gateway(network)} dev eth0 src {network.ip} uid 0 \n    cache \n"
    if is_pod(network):
        return f"default via {GATEWAY} dev eth0 \n{GATEWAY} dev eth0 scope link \n"
    return (
        f"default via {_gateway(network)} dev eth0 \n{network.fabric.options.node_cidr} dev eth0 scope link  src"
        f" {network.ip} \n"
    )


def ifconfig(process: Process) -> Task:
    """Show the interfaces as BusyBox's ifconfig does; traffic is not counted."""
    yield process.sleep(0)
    network = process.container.network
    eth = interface(network)
    mask = str(ipaddress.ip_network(f"0.0.0.0/{eth.prefix}").netmask)
    counters = (
        "          RX packets:0 errors:0 dropped:0 overruns:0 frame:0\n          TX packets:0 errors:0 dropped:0"
        " overruns:0 carrier:0\n          collisions:0 txqueuelen:1000 \n          RX bytes:0 (0.0 B)  TX bytes:0 (0.0"
        " B)\n\n"
    )
    process.write(
        f"eth0      Link encap:Ethernet  HWaddr {eth.mac.upper()}  \n          inet addr:{eth.address}  Bcast:0.0.0.0 "
        f" Mask:{mask}\n          inet6 addr: {eth.link_local}/64 Scope:Link\n          UP BROADCAST RUNNING MULTICAST "
        f" MTU:1500  Metric:1\n{counters}lo        Link encap:Local Loopback  \n          inet addr:127.0.0.1 "
        " Mask:255.0.0.0\n          inet6 addr: ::1/128 Scope:Host\n          UP LOOPBACK RUNNING  MTU:65536 "
        f" Metric:1\n{counters}"
    )
    return 0


def route(process: Process) -> Task:
    """Show the routing table as BusyBox's route does."""
    yield process.sleep(0)
    network = process.container.network
    numeric = any("n" in word for word in process.argv[1:] if word.startswith("-"))
    rows = [("0.0.0.0" if numeric else "default", _gateway(network), "0.0.0.0", "UG")]
    if is_pod(network):
        rows.append((GATEWAY, "0.0.0.0" if numeric else "*", "255.255.255.255", "UH"))
    else:
        block = ipaddress.ip_network(network.fabric.options.node_cidr)
        rows.append((str(block.network_address), "0.0.0.0" if numeric else "*", str(block.netmask), "U"))
    process.write(
        "Kernel IP routing table\nDestination     Gateway         Genmask         Flags Metric Ref    Use Iface\n"
    )
    for target, gateway, mask, flags in rows:
        process.write(f"{target:<15} {gateway:<15} {mask:<15} {flags:<5} 0      0        0 eth0\n")
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


def entries(network: NetNs) -> Iterable[Entry]:
    """Return the open sockets of a namespace."""
    for (protocol, port, address), _ in sorted(network.listeners.items(), key=lambda item: item[0]):
        yield Entry(protocol.lower(), "LISTEN", f"{address or '0.0.0.0'}:{port}", "0.0.0.0:*")
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


def netstat(process: Process) -> Task:
    """List sockets as BusyBox's netstat does."""
    yield process.sleep(0)
    letters, listening, protocols = _wanted(process)
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
    return 0


def ss(process: Process) -> Task:
    """List sockets as iproute2's ss does."""
    yield process.sleep(0)
    letters, listening, protocols = _wanted(process)
    rows = []
    for entry in entries(process.container.network):
        is_server = entry.state in ("LISTEN", "UNCONN")
        if (protocols and entry.protocol not in protocols) or ("a" not in letters and listening != is_server):
            continue
        rows.append((entry.protocol, {"ESTABLISHED": "ESTAB"}.get(entry.state, entry.state.replace("_", "-")), entry))
    with_protocol = len(protocols) != 1
    table = [["Netid"] * with_protocol + ["State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port"]]
    for protocol, state, entry in rows:
        backlog = "4096" if state == "LISTEN" else "0"
        table.append([protocol] * with_protocol + [state, "0", backlog, entry.local, entry.remote])
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for number, row in enumerate(table):
        cells = [
            cell.rjust(width) if title.endswith("Address:Port") and title.startswith("Local") else cell.ljust(width)
            for cell, width, title in zip(row, widths, table[0], strict=True)
        ]
        process.write(" ".join(cells) + ("Process" if number == 0 else "") + "\n")
    return 0


BUSYBOX_INTERFACES: dict[str, Program] = {
    "ip": ip_of(busybox=True), "ifconfig": ifconfig, "route": route, "arp": arp, "netstat": netstat,
}  # fmt: skip
DEBIAN_INTERFACES: dict[str, Program] = {"ip": ip_of(busybox=False), "ss": ss}
