"""The wires between network namespaces: each new connection goes, or fails, as the network model says.

The model is :func:`podwalk.network.route`; here is only what a verdict costs in time and where the bytes go.
Established connections are not judged again, as conntrack has it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Generator, Mapping
from typing import Any

import simpy

from podwalk.containers.process import Pipe
from podwalk.containers.sockets import (
    TIMEOUTS_S,
    UDP_STREAM_S,
    Address,
    Connection,
    ConnectionRefused,
    ConnectionTimedOut,
    Datagrams,
    NetNs,
    Stream,
    Unreachable,
    Wire,
)
from podwalk.network import Affinity, route
from podwalk.network.addresses import node_ip
from podwalk.simulation import Simulation
from podwalk.types import ClusterOptions, Flow, Outcome, Peer, Request, Response, Verdict, View

LOOPBACK_S = 0.00001
SAME_NODE_S = 0.0001
ACROSS_S = 0.00025
OUTSIDE_S = 0.005
"""One way, in seconds: inside a namespace, inside a node, between nodes, to hosts outside the cluster."""

ARP_TIMEOUT_S = 3.0
"""After which the kernel gives up on a neighbour that does not answer."""


class Fabric:
    """All network namespaces of a cluster and the ways between them."""

    def __init__(self, objects: View, simulation: Simulation, options: ClusterOptions) -> None:
        """Start without namespaces."""
        self.view, self.simulation, self.options = objects, simulation, options
        self.on_request: Callable[[Mapping[str, Any], str], None] | None = None
        """Told of each HTTP request that a container serves: its Pod, and its name."""
        self.affinity = Affinity()
        self._namespaces: dict[str, NetNs] = {}
        self.outside: dict[str, NetNs] = {}
        self.api: Callable[[Request], Response] | None = None

    def pod(self, peer: Peer) -> NetNs:
        """Make the namespace of a Pod's sandbox."""
        namespace = self._namespaces[peer.ip] = NetNs(self, peer)
        return namespace

    def node(self, name: str, ip: str) -> NetNs:
        """Return the namespace of a node, made at the first call."""
        namespace = self._namespaces.get(ip)
        if namespace is None:
            namespace = self._namespaces[ip] = NetNs(self, Peer(ip, node=name))
        return namespace

    def external(self, ip: str = "", *, via: str = "") -> NetNs:
        """Return the namespace of a client outside the cluster, by default at the gateway of the nodes' network.

        One with a route to the Services' addresses ``via`` a node is made anew at each call.
        """
        ip = ip or str(next(ipaddress.ip_network(self.options.node_cidr).hosts()))
        if via:
            return NetNs(self, Peer(ip), via)
        namespace = self.outside.get(ip)
        if namespace is None:
            namespace = self.outside[ip] = NetNs(self, Peer(ip))
        return namespace

    def remove(self, namespace: NetNs) -> None:
        """Take a Pod's namespace down."""
        namespace.close()
        if self._namespaces.get(namespace.ip) is namespace:
            del self._namespaces[namespace.ip]

    def is_up(self, ip: str) -> bool:
        """Whether somebody is at an address, inside or outside."""
        namespace = self._namespaces.get(ip) or self.outside.get(ip)
        return namespace is not None and namespace.up

    def node_of(self, ip: str) -> str:
        """Return the name of the node where an address is; empty if it is outside."""
        namespace = self._namespaces.get(ip)
        return namespace.peer.node if namespace is not None else ""

    def address_of_node(self, name: str) -> str:
        """Return a node's address; empty if it has none."""
        return node_ip(self.view, name) if self.view.get("nodes", "", name) else ""

    def verdict(self, source: Peer, ip: str, port: int, protocol: str, via: str = "") -> Verdict:
        """Ask the network model what becomes of a new connection."""
        return route(
            self.view,
            Flow(source, ip, port, protocol, via),
            options=self.options,
            random=self.simulation.random,
            affinity=self.affinity,
            now_s=self.simulation.now,
        )

    def _beyond_loopback(self, source: NetNs, ip: str, port: int, protocol: str) -> Verdict | None:
        """Return what becomes of a connection; None for one to loopback that its node's rules leave there."""
        verdict = self.verdict(source.peer, ip, port, protocol, source.via)
        stays = verdict.delivered and verdict.target == source.peer
        return None if _is_loopback(ip) and stays else verdict

    def connect(
        self, source: NetNs, ip: str, port: int, protocol: str, timeout_s: float | None, source_port: int = 0
    ) -> Generator[simpy.Event, Any, Connection]:
        """Bring about a connection, or raise what the caller's ``connect`` fails with; see :meth:`NetNs.connect`."""
        patience_s = TIMEOUTS_S[protocol] if timeout_s is None else min(timeout_s, TIMEOUTS_S[protocol])
        where = f"{ip}:{port}"
        verdict = self._beyond_loopback(source, ip, port, protocol)
        if verdict is None:
            target, port_there, latency_s, seen_ip = source, port, LOOPBACK_S, "127.0.0.1"
        else:
            found = self._namespace(verdict)
            # SCTP hears an ICMP error and goes on trying: only the other end's ABORT refuses an association (net/sctp/
            # input.c, sctp_v4_err).
            gives_up = protocol != "SCTP"
            if verdict.outcome is Outcome.UNREACHABLE and gives_up and patience_s > ARP_TIMEOUT_S:
                yield self.simulation.sleep(ARP_TIMEOUT_S)
                raise Unreachable(where, verdict)
            if verdict.outcome is Outcome.REFUSED and gives_up:
                yield self.simulation.sleep(SAME_NODE_S)
                raise ConnectionRefused(where, verdict)
            if found is None or verdict.target is None:
                yield self.simulation.sleep(patience_s)
                raise ConnectionTimedOut(where, verdict)
            target, port_there = found, verdict.port
            latency_s, seen_ip = _latency(source.peer, verdict.target), verdict.source_ip or source.ip
        yield self.simulation.sleep(2 * latency_s)
        listener = target.listener(protocol, port_there, verdict.target.ip if verdict and verdict.target else ip)
        if listener is None or not target.up:
            raise ConnectionRefused(where, verdict)
        local = Address("127.0.0.1" if verdict is None else source.ip, source_port or source.ephemeral())
        near = self._join(source, target, latency_s, (local, Address(ip, port)), verdict, protocol)
        far = self._other(near, target, Address(seen_ip, local.port), port_there, verdict, protocol)
        listener.offer(far)
        return near

    def _join(
        self,
        source: NetNs,
        target: NetNs,
        latency_s: float,
        ends: tuple[Address, Address],
        verdict: Verdict | None,
        protocol: str,
    ) -> Connection:
        there = Pipe(self.simulation)
        near = Connection(
            self.simulation, Pipe(self.simulation), Wire(self.simulation, there, latency_s), *ends, verdict, protocol
        )
        near.namespace = source
        source.connections[near] = None
        return near

    def _other(
        self, near: Connection, target: NetNs, remote: Address, port: int, verdict: Verdict | None, protocol: str
    ) -> Connection:
        back = Wire(self.simulation, near.incoming, near.outgoing.latency_s)
        ip = near.remote.ip if verdict is None else target.ip
        far = Connection(self.simulation, near.outgoing.far, back, Address(ip, port), remote, verdict, protocol)
        far.namespace = target
        target.connections[far] = None
        return far

    def send(self, socket: Datagrams, data: bytes, ip: str, port: int) -> None:
        """Carry one datagram; a reply goes back the way the first one came, whatever policies say."""
        now_s = self.simulation.now
        stream = socket.streams.get((ip, port))
        if stream is None or stream.far.closed or now_s - stream.used_s > UDP_STREAM_S:
            stream = self._stream(socket, ip, port)
            if stream is None:
                return
            socket.remember(ip, port, stream)
        stream.used_s = now_s
        self.simulation.call(lambda: stream.far.deliver(data, stream.seen.ip, stream.seen.port), stream.latency_s)

    def _stream(self, socket: Datagrams, ip: str, port: int) -> Stream | None:
        source = socket.namespace
        verdict = self._beyond_loopback(source, ip, port, "UDP")
        if verdict is None:
            target, port_there, latency_s, seen_ip = source, port, LOOPBACK_S, "127.0.0.1"
        else:
            found = self._namespace(verdict)
            if verdict.outcome is Outcome.REFUSED:
                self.simulation.call(socket.refuse, SAME_NODE_S)
            if found is None or verdict.target is None:
                return None
            target, port_there = found, verdict.port
            latency_s, seen_ip = _latency(source.peer, verdict.target), verdict.source_ip or source.ip
        far = target.socket(port_there, verdict.target.ip if verdict and verdict.target else ip)
        if far is None:
            self.simulation.call(socket.refuse, 2 * latency_s)
            return None
        back = Stream(socket, Address(ip, port), latency_s, self.simulation.now)
        far.remember(seen_ip, socket.port, back)
        return Stream(far, Address(seen_ip, socket.port), latency_s, self.simulation.now)

    def _namespace(self, verdict: Verdict) -> NetNs | None:
        if not verdict.delivered or verdict.target is None:
            return None
        ip = verdict.target.ip
        return self._namespaces.get(ip) or (None if verdict.target.node else self.outside.get(ip))


def _is_loopback(ip: str) -> bool:
    return ip.startswith("127.") or ip in ("0.0.0.0", "::1", "::")


def _latency(source: Peer, target: Peer) -> float:
    if not source.node or not target.node:
        return OUTSIDE_S
    if source.ip == target.ip:
        return LOOPBACK_S
    return SAME_NODE_S if source.node == target.node else ACROSS_S
