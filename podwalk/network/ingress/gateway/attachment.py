"""Which listeners of which Gateways an HTTPRoute belongs to, and why not to others.

**Source**: gateway-api.sigs.k8s.io, API specification v1 (Gateway, HTTPRoute, ReferenceGrant); the reasons as Traefik
3.6 reports them. Left out: TLSRoute and the other kinds, listeners of ListenerSets, conflicts of listeners.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from podwalk.network.selectors import matches
from podwalk.types import Object, Ref, View

GROUP = "gateway.networking.k8s.io"
CLASSES, GATEWAYS, ROUTES = (f"{kind}.{GROUP}" for kind in ("gatewayclasses", "gateways", "httproutes"))
GRANTS = f"referencegrants.{GROUP}"
CONTROLLER = "traefik.io/gateway-controller"
PORTS = {(80, "HTTP"), (443, "HTTPS")}
"""Ports and protocols that the controller listens on."""


@dataclass(frozen=True)
class Listener:
    """A listener of a Gateway.

    Attributes:
        gateway: the Gateway.
        entry: the entry of ``spec.listeners``.
        index: its place there.
        reason: why it is not accepted; empty if it is.
        message: the same in words.
        unresolved: why its certificate cannot be had; empty if it can, or if it needs none.
    """

    gateway: Object
    entry: Object
    index: int
    reason: str = ""
    message: str = ""
    unresolved: str = ""

    @property
    def ok(self) -> bool:
        """Whether requests are taken."""
        return not self.reason and not self.unresolved

    @property
    def tls(self) -> bool:
        """Whether it speaks TLS."""
        return bool(self.entry["protocol"] == "HTTPS")


@dataclass(frozen=True)
class Attachment:
    """A parent that a route names, and what came of it.

    Attributes:
        parent: the entry of ``spec.parentRefs``.
        reason: ``Accepted``, or why it is not.
        hosts: for each listener that takes the route, the hosts it does so for; an empty host is every host.
    """

    parent: Object
    reason: str
    hosts: tuple[tuple[Listener, tuple[str, ...]], ...] = field(default=())


def class_names(view: View) -> set[str]:
    """Return the GatewayClasses of the controller."""
    return {one["metadata"]["name"] for one in view.list(CLASSES) if one["spec"].get("controllerName") == CONTROLLER}


def gateways(view: View) -> list[Object]:
    """Return the Gateways of the controller."""
    names = class_names(view)
    return [one for one in view.list(GATEWAYS) if one["spec"].get("gatewayClassName") in names]


def listeners(view: View, gateway: Object) -> list[Listener]:
    """Return the listeners of a Gateway, and what is wrong with each."""
    return [
        _listener(view, gateway, entry, index) for index, entry in enumerate(gateway["spec"].get("listeners") or ())
    ]


def _listener(view: View, gateway: Object, entry: Object, index: int) -> Listener:
    port, protocol = entry["port"], entry["protocol"]
    if (port, protocol) not in PORTS:
        message = (
            f'Cannot find entryPoint for Gateway: no matching entryPoint for port {port} and protocol "{protocol}"'
        )
        return Listener(gateway, entry, index, "PortUnavailable", message)
    missing = _missing_certificate(view, gateway, entry) if protocol == "HTTPS" else ""
    return Listener(gateway, entry, index, unresolved=missing)


def certificates(view: View, gateway: Object, entry: Object) -> Iterator[tuple[Ref, Object | None]]:
    """Yield the Secrets that a listener names, and what is there."""
    own = gateway["metadata"]["namespace"]
    for ref in (entry.get("tls") or {}).get("certificateRefs") or ():
        where = Ref("secrets", ref.get("namespace") or own, ref["name"])
        allowed = where.namespace == own or granted(view, "Gateway", own, "", "Secret", where)
        yield where, view.get("secrets", where.namespace, where.name) if allowed else None


def _missing_certificate(view: View, gateway: Object, entry: Object) -> str:
    for where, secret in certificates(view, gateway, entry):
        if secret is None:
            return f'Error while retrieving certificate: getting secret: secret "{where.name}" not found'
    return ""


def granted(view: View, kind: str, namespace: str, group: str, to_kind: str, target: Ref) -> bool:
    """Whether a ReferenceGrant lets an object of a namespace name a target in another."""
    for grant in view.list(GRANTS, target.namespace):
        spec = grant["spec"]
        from_here = any(
            one["group"] == GROUP and one["kind"] == kind and one["namespace"] == namespace for one in spec["from"]
        )
        to_there = any(
            one["group"] == group and one["kind"] == to_kind and one.get("name", target.name) == target.name
            for one in spec["to"]
        )
        if from_here and to_there:
            return True
    return False


def attachments(view: View, route: Object) -> list[Attachment]:
    """Return what came of each parent of a route that is the controller's; others are somebody else's."""
    mine = {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in gateways(view)}
    found = []
    for parent in route["spec"].get("parentRefs") or ():
        key = (parent.get("namespace") or route["metadata"]["namespace"], parent["name"])
        if parent.get("kind", "Gateway") == "Gateway" and key in mine:
            found.append(_attach(view, route, parent, mine[key]))
    return found


def _attach(view: View, route: Object, parent: Object, gateway: Object) -> Attachment:
    named = [one for one in listeners(view, gateway) if _is_named(one, parent)]
    if not named:
        return Attachment(parent, "NoMatchingParent")
    allowed = [one for one in named if _allows(view, one, route)]
    if not allowed:
        return Attachment(parent, "NotAllowedByListeners")
    hosts = [
        (one, common_hosts(one.entry.get("hostname") or "", route["spec"].get("hostnames") or ())) for one in allowed
    ]
    taken = tuple((one, names) for one, names in hosts if names)
    if not taken:
        return Attachment(parent, "NoMatchingListenerHostname")
    return Attachment(parent, "Accepted", taken)


def _is_named(listener: Listener, parent: Object) -> bool:
    section, port = parent.get("sectionName"), parent.get("port")
    return section in (None, listener.entry["name"]) and port in (None, listener.entry["port"]) and not listener.reason


def _allows(view: View, listener: Listener, route: Object) -> bool:
    allowed = listener.entry.get("allowedRoutes") or {}
    kinds = allowed.get("kinds")
    if kinds and not any(one["kind"] == "HTTPRoute" for one in kinds):
        return False
    namespaces = allowed.get("namespaces") or {}
    own = route["metadata"]["namespace"]
    match namespaces.get("from", "Same"):
        case "All":
            return True
        case "Selector":
            namespace = view.get("namespaces", "", own) or {"metadata": {}}
            return matches(namespaces.get("selector") or {}, namespace["metadata"].get("labels") or {})
    return bool(own == listener.gateway["metadata"]["namespace"])


def common_hosts(listener: str, route: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """Return the hosts that both a listener and a route are for; the narrower where one is a wildcard."""
    if not route:
        return (listener,)
    if not listener:
        return tuple(route)
    found = [name for name in route if _within(name, listener)]
    return tuple(found) or ((listener,) if any(_within(listener, name) for name in route) else ())


def _within(name: str, other: str) -> bool:
    """Whether a host, or every host of a wildcard, is meant by another; here a wildcard is of any depth."""
    return name == other or (other.startswith("*.") and name.endswith(other[1:]) and name != other[1:])
