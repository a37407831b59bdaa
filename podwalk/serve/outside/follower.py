"""The sockets of a cluster's doors, opened and closed as its objects come and go."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import Any

from podwalk.controllers.recorder import Recorder
from podwalk.kubelet.addresses import dns_ip
from podwalk.network.addresses import node_ip
from podwalk.network.doors import Door, Way, doors, refuses
from podwalk.serve.clock import Clock
from podwalk.serve.outside.address import Claim
from podwalk.serve.outside.openings import Opening, open_door
from podwalk.serve.outside.tcp import Relay
from podwalk.serve.outside.udp import UdpRelay
from podwalk.types import Change, Object, Ref

FOLLOWED = frozenset({"services", "endpointslices.discovery.k8s.io", "nodes"})
"""Resources whose changes may open or close a door; Pods only if they have a hostPort."""

RETRY_S = 5.0
"""How long until a port that somebody holds is tried again."""

Served = asyncio.Task[Any]


class Outside:
    """Every socket of this machine that leads into one cluster.

    It lives on the event loop's thread. :meth:`settle` is to be called whenever something may have been written.
    """

    def __init__(self, clock: Clock, claim: Claim) -> None:
        """Follow a cluster from now on, and serve its DNS once :meth:`settle` is called."""
        self._clock, self._cluster = clock, clock.cluster
        self.addresses = claim.addresses
        self._claim: Claim | None = claim
        self._openings: dict[Door, Opening] = {}
        self._served: dict[Door, Served] = {}
        self._relays: dict[Door, UdpRelay] = {}
        self._connections: set[Relay] = set()
        self._reported: dict[Door, str] = {}
        self._recorder = Recorder(self._cluster.api.objects, self._cluster.simulation, "podwalk")
        self._dirty, self._closed = True, False
        self._retry: asyncio.TimerHandle | None = None
        self._cluster.store.subscribe(self._note)

    def settle(self) -> None:
        """Open and close what the objects now ask for."""
        if not self._dirty or self._closed:
            return
        self._dirty = False
        if self._claim is not None:
            self._serve_dns(self._claim)
            self._claim = None
        wanted = doors(self._cluster.store)
        for door in self._openings.keys() - set(wanted):
            if door.way is not Way.DNS:
                self._close(door)
        for door in wanted:
            self._follow(door)
        self._try_again_later()

    def close(self) -> None:
        """Close every socket."""
        self._closed = True
        if self._retry is not None:
            self._retry.cancel()
        for door in list(self._openings):
            self._close(door)
        for relay in list(self._connections):
            relay.close()

    def table(self) -> Object:
        """Return what is open where, as JSON: what ``podwalk status`` shows."""
        view = self._cluster.store
        nodes = {name: node_ip(view, name) for name in (node["metadata"]["name"] for node in view.list("nodes"))}
        dns = next((opening.here for door, opening in self._openings.items() if door.way is Way.DNS), "")
        return {
            "address": self.addresses.own,
            "shared": not self.addresses.block,
            "dns": dns,
            "nodes": [{"name": name, "ip": ip, "here": self.addresses.of(ip)} for name, ip in nodes.items()],
            "doors": [_row(opening) for door, opening in self._openings.items() if door.way is not Way.DNS],
        }

    def _note(self, change: Change) -> None:
        if change.resource in FOLLOWED or (change.resource == "pods" and any(map(_has_host_port, _both(change)))):
            self._dirty = True

    def _follow(self, door: Door) -> None:
        refused, present = refuses(self._cluster.store, door), self._openings.get(door)
        if present is not None:
            if present.refuses == refused and not present.problem:
                return
            self._close(door)
        opening = self._openings[door] = open_door(door, self.addresses, refuses=refused)
        self._report(opening)
        if opening.socket is not None and not refused:
            self._serve(door, opening.socket)

    def _serve(self, door: Door, made: socket.socket, *, via: str = "") -> None:
        loop, client = asyncio.get_running_loop(), self._cluster.kubelets.fabric.external(via=via)
        if door.protocol == "TCP":
            clock, connections = self._clock, self._connections
            self._served[door] = loop.create_task(
                loop.create_server(lambda: Relay(clock, client, door, connections), sock=made)
            )
        else:
            relay = self._relays[door] = UdpRelay(self._clock, client, door)
            self._served[door] = loop.create_task(loop.create_datagram_endpoint(lambda: relay, sock=made))

    def _close(self, door: Door) -> None:
        """Stop listening at once. Connections that are open stay, as conntrack keeps them on a node."""
        opening, served = self._openings.pop(door), self._served.pop(door, None)
        if relay := self._relays.pop(door, None):
            relay.close()
        if served is not None and served.done() and door.protocol == "TCP":
            served.result().close()
        elif served is not None:
            served.cancel()
        if opening.socket is not None:
            opening.socket.close()

    def _serve_dns(self, claim: Claim) -> None:
        """Serve the cluster's DNS at its own address, to a client outside whose route leads by the control plane."""
        for protocol, made in (("UDP", claim.udp), ("TCP", claim.tcp)):
            service = Ref("services", "kube-system", "kube-dns")
            door = Door(service, Way.DNS, dns_ip(self._cluster.options), 53, protocol)
            self._openings[door] = Opening(door, self.addresses.own, made.getsockname()[1], socket=made)
            self._serve(door, made, via=f"{self._cluster.options.name}-control-plane")

    def _report(self, opening: Opening) -> None:
        """Say in an event what the learner could not see otherwise, once."""
        words, owner = opening.problem or opening.moved, opening.door.owner
        if not words or self._reported.get(opening.door) == words:
            return
        self._reported[opening.door] = words
        regarding = self._cluster.store.get(owner.resource, owner.namespace, owner.name)
        if regarding is None:
            return
        at = f"{opening.door.ip}:{opening.door.port}"
        if opening.problem:
            message = f"{at} cannot be reached from this machine: {opening.problem}"
            self._recorder.event(regarding, "Warning", "PortNotOpened", message)
        else:
            self._recorder.event(
                regarding, "Normal", "PortMoved", f"{at} is reached at {opening.here} of this machine: {words}"
            )

    def _try_again_later(self) -> None:
        held = any(opening.problem and opening.door.protocol != "SCTP" for opening in self._openings.values())
        if self._retry is not None:
            self._retry.cancel()
        self._retry = asyncio.get_running_loop().call_later(RETRY_S, self._try_again) if held else None

    def _try_again(self) -> None:
        self._dirty = True
        self.settle()
        self._clock.wake()


def _both(change: Change) -> Iterator[Object]:
    yield change.object
    if change.old is not None:
        yield change.old


def _has_host_port(pod: Object) -> bool:
    containers = pod["spec"].get("containers") or ()
    return any(port.get("hostPort") for container in containers for port in container.get("ports") or ())


def _row(opening: Opening) -> Object:
    door = opening.door
    note = opening.problem or opening.moved
    if not note and opening.refuses:
        note = "refuses connections: its Service has no endpoints"
    return {
        "resource": door.owner.resource,
        "namespace": door.owner.namespace,
        "name": door.owner.name,
        "way": str(door.way),
        "ip": door.ip,
        "port": door.port,
        "protocol": door.protocol,
        "node": door.node,
        "here": opening.here,
        "note": note,
    }
