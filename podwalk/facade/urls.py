"""Where this machine reaches an application of a cluster: the URL for a browser, and the address for anything else.

The embedded cluster says which of its addresses is which of this machine; a real cluster's are what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podwalk.facade import gateways, wire
from podwalk.facade.doors import GATEWAYS
from podwalk.facade.doors import find as find_controller
from podwalk.facade.errors import LearnerError
from podwalk.facade.snapshot import Snapshot
from podwalk.network import endpoints
from podwalk.network.doors import Door, Way, host_ports, node_addresses, of_service
from podwalk.serve.outside import OUTSIDE_PATH
from podwalk.types import Object, View
from podwalk.walks import controllers

if TYPE_CHECKING:
    from podwalk.facade.cluster import Cluster

KINDS = ("service", "ingress", "pod", "gateway", "httproute")
HTTP, HTTPS = 80, 443


class Url(str):
    """A URL of an application, as text.

    Attributes:
        address: ``IP:PORT``, for a client that speaks no HTTP.
        curl: the command that asks for it; for a host of an Ingress, it says where that host is.
        note: what to know about it; may be empty.
    """

    address: str
    curl: str
    note: str

    def __new__(cls, scheme: str, address: str, *, host: str = "", path: str = "", note: str = "") -> Url:
        """Make the URL of an address, by another host's name if one is given."""
        ip, _, port = address.rpartition(":")
        shown = "" if {"http": HTTP, "https": HTTPS}.get(scheme) == int(port) else f":{port}"
        made = super().__new__(cls, f"{scheme}://{host or ip}{shown}{path}")
        made.address, made.note = address, note
        made.curl = f"curl --resolve {host}:{port}:{ip} {made}" if host else f"curl {made}"
        return made

    def __repr__(self) -> str:
        """Show the URL, the command where it takes more than the URL, and the note."""
        lines = [str(self)]
        if "--resolve" in self.curl:
            lines.append(f"  {self.curl}")
        return "\n".join([*lines, *([f"  {self.note}"] if self.note else [])])


@dataclass(frozen=True)
class Machine:
    """What this machine has for the addresses of an embedded cluster; None for a real one's, which are their own.

    Attributes:
        rows: the rows of its table, by address, port and protocol.
    """

    rows: dict[tuple[str, int, str], Object] | None

    def address(self, door: Door) -> tuple[str, str]:
        """Return where a door is, empty if it is not open, and what is said of it."""
        if self.rows is None:
            return f"{door.ip}:{door.port}", ""
        row = self.rows.get((door.ip, door.port, door.protocol))
        return (row["here"], row["note"]) if row else ("", "it is not open yet")


def find(cluster: Cluster, what: str, *, namespace: str, port: str | int = "") -> Url:
    """Return the URL of a Service, an Ingress, a Gateway, an HTTPRoute or a Pod with a hostPort.

    Raises:
        LearnerError: when it is not there, or nothing outside the cluster reaches it.
    """
    kind, _, name = what.partition("/")
    resource = cluster.kinds.find(kind)
    if resource.kind.lower() not in KINDS or not name:
        raise LearnerError(f"{what} has no URL", hint=f"say one of {', '.join(f'{word}/NAME' for word in KINDS)}")
    obj = cluster.get(resource.plural, name, namespace=namespace).object
    machine, view = _machine(cluster), Snapshot(cluster.api, cluster.kinds)
    if resource.kind == "Ingress":
        return _of_ingress(machine, view, obj)
    if resource.kind == "Gateway":
        return _of_gateway(cluster, machine, view, gateways.of_gateway(view, obj, str(port)))
    if resource.kind == "HTTPRoute":
        return _of_gateway(cluster, machine, view, gateways.of_route(view, obj, str(port)))
    nodes = node_addresses(view)
    found = list(of_service(obj, nodes) if resource.kind == "Service" else host_ports(obj, nodes))
    if not found:
        raise _unreachable(obj, resource.kind)
    return _of_doors(machine, view, obj, _with_port(obj, found, str(port)))


def _machine(cluster: Cluster) -> Machine:
    """Ask an embedded cluster for its table.

    Raises:
        LearnerError: when nothing of it listens on this machine.
    """
    if cluster.backend == "in-process":
        hint = 'use podwalk.cluster("embedded"), or call it from a Pod: cluster.exec(…)'
        raise LearnerError("a cluster inside this process listens nowhere on this machine", hint=hint)
    try:
        table = wire.call(cluster.api, "GET", OUTSIDE_PATH)
    except wire.StatusError:
        return Machine(None)
    if not table:
        hint = "podwalk down --keep, then podwalk up --loopback own"
        raise LearnerError("this cluster's applications listen nowhere on this machine (--loopback none)", hint=hint)
    return Machine({(row["ip"], row["port"], row["protocol"]): row for row in table["doors"]})


def _unreachable(obj: Object, kind: str) -> LearnerError:
    name = obj["metadata"]["name"]
    if kind == "Pod":
        return LearnerError(f"pod/{name} has no hostPort", hint=f"kubectl port-forward pod/{name} 8080:PORT")
    kind = "headless" if obj["spec"].get("clusterIP") == "None" else obj["spec"].get("type", "ClusterIP")
    return LearnerError(
        f"service/{name} has an address inside the cluster only ({kind})",
        hint=f"kubectl port-forward service/{name} 8080:PORT, or make it a NodePort",
    )


def _with_port(service: Object, doors: Sequence[Door], port: str) -> list[Door]:
    """Return the doors of one port: the one named by name or number, else the first."""
    entries = service["spec"].get("ports") or ()
    names = [entry.get("name") or "" for entry in entries if port in (entry.get("name"), str(entry["port"]))]
    chosen = [door for door in doors if not port or port == str(door.port) or door.name in names]
    if not chosen:
        known = ", ".join(dict.fromkeys(door.name or str(door.port) for door in doors))
        raise LearnerError(f"{service['metadata']['name']} has no port {port}", hint=f"there are: {known}")
    return [door for door in chosen if (door.name, door.protocol) == (chosen[0].name, chosen[0].protocol)]


def _of_doors(machine: Machine, view: View, obj: Object, doors: Iterable[Door]) -> Url:
    """Return the URL of the best of some doors: a load balancer before a node, a node with an endpoint first."""
    spec = obj["spec"]
    entry: Object = next(
        (one for one in spec.get("ports") or () for door in doors if (one.get("name") or "") == door.name), {}
    )
    local = spec.get("externalTrafficPolicy") == "Local"
    here = {one.node for one in endpoints.behind(view, obj, entry)} if local else set()
    order = list(Way)
    order.sort(key=lambda way: way is Way.NODE_PORT)
    best = sorted(doors, key=lambda door: (order.index(door.way), local and door.node not in here))
    notes = []
    for door in best:
        address, note = machine.address(door)
        if address:
            return Url(_scheme(door, entry), address, note=note)
        notes.append(note)
    raise LearnerError(f"{obj['metadata']['name']} cannot be reached from this machine", where=notes[0])


def _scheme(door: Door, entry: Object) -> str:
    if door.protocol != "TCP":
        return door.protocol.lower()
    words = {door.name, entry.get("appProtocol") or ""}
    secure = HTTPS in (door.port, entry.get("port")) or any(word.startswith("https") for word in words)
    return "https" if secure else "http"


def _of_ingress(machine: Machine, view: View, ingress: Object) -> Url:
    """Return the URL of an Ingress's first rule, at the address that its controller published."""
    spec, name = ingress["spec"], ingress["metadata"]["name"]
    rule: Object = next(iter(spec.get("rules") or ()), {})
    host = str(rule.get("host") or "").replace("*", "www", 1)
    secure = any(not tls.get("hosts") or rule.get("host") in tls["hosts"] for tls in spec.get("tls") or ())
    published = (ingress.get("status") or {}).get("loadBalancer", {}).get("ingress") or ()
    if not published:
        hint = (
            "is there a controller for its class? cluster.addon('ingress') installs one; cluster.events() may say more"
        )
        raise LearnerError(f"no controller has published an address for ingress/{name}", hint=hint)
    path = next((str(one.get("path") or "/") for one in (rule.get("http") or {}).get("paths") or ()), "/")
    scheme, port = ("https", HTTPS) if secure else ("http", HTTP)
    for entry in published:
        for address, note in _published(machine, view, entry, port):
            return Url(scheme, address, host=host, path=path, note=note)
    raise LearnerError(f"ingress/{name} cannot be reached from this machine", hint="podwalk status shows what can")


def _of_gateway(cluster: Cluster, machine: Machine, view: View, entrance: gateways.Entrance) -> Url:
    """Return the URL of a listener, at the address of its Gateway, or else at the ports of its controller."""
    port = entrance.listener["port"]
    for entry in entrance.addresses:
        for address, note in _published(machine, view, entry, port) if entry != {"hostname": "localhost"} else ():
            return Url(entrance.scheme, address, host=entrance.host, path=entrance.path, note=note)
    # Traefik leaves the addresses out unless it is told them, and its ports are open all the same: first its node's.
    nodes = node_addresses(view)
    for pod in view.list("pods"):
        controller = controllers.find(pod)
        for door in host_ports(pod, nodes) if controller and controllers.GATEWAY_API in controller.reads else ():
            address, note = machine.address(door)
            if address and door.port == port:
                return Url(entrance.scheme, address, host=entrance.host, path=entrance.path, note=note)
    service = find_controller(cluster, GATEWAYS)
    obj = view.get(service.resource, service.namespace, service.name) if service else None
    names = [one.get("name") or "" for one in (obj or {}).get("spec", {}).get("ports") or () if one["port"] == port]
    for door in of_service(obj, nodes) if obj else ():
        address, note = machine.address(door)
        if address and door.name in names:
            return Url(entrance.scheme, address, host=entrance.host, path=entrance.path, note=note)
    name = entrance.gateway["metadata"]["name"]
    hint = "kubectl port-forward to its controller's Service; podwalk status shows what listens here"
    raise LearnerError(f"gateway/{name} cannot be reached from this machine", hint=hint)


def _published(machine: Machine, view: View, entry: Object, port: int) -> Iterable[tuple[str, str]]:
    """Yield where an address that a controller published is on this machine."""
    if entry.get("ip"):
        ips = [entry["ip"]]
    elif machine.rows is not None or entry.get("hostname") == "localhost":
        # So do controllers that hold ports 80 and 443 of a node, as on kind.
        nodes = node_addresses(view)
        ips = [door.ip for pod in view.list("pods") for door in host_ports(pod, nodes) if door.port == port]
    else:
        ips = [str(entry.get("hostname"))]
    for ip in ips:
        if machine.rows is None:
            yield f"{ip}:{port}", ""
        elif (row := machine.rows.get((ip, port, "TCP"))) and row["here"]:
            yield row["here"], row["note"]
