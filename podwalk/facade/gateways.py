"""Which address of a Gateway a client asks: one of its listeners, and the host and path of a route through it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from podwalk.facade.errors import LearnerError
from podwalk.network.ingress.gateway.attachment import GATEWAYS, ROUTES
from podwalk.types import Object, View

SCHEMES = {"HTTP": "http", "HTTPS": "https", "TLS": "https", "TCP": "tcp", "UDP": "udp"}
"""What a client speaks to a listener, by its protocol."""


@dataclass(frozen=True)
class Entrance:
    """What a client asks for.

    Attributes:
        gateway: the Gateway.
        listener: the entry of its ``spec.listeners``.
        host: the host of a route or listener; empty for any.
        path: the first path of the route.
    """

    gateway: Object
    listener: Object
    host: str
    path: str

    @property
    def scheme(self) -> str:
        """The scheme of a URL."""
        return SCHEMES.get(self.listener["protocol"], "tcp")

    @property
    def addresses(self) -> list[Object]:
        """The addresses that a controller published, in the form in which an Ingress has them."""
        found = (self.gateway.get("status") or {}).get("addresses") or ()
        return [{"hostname" if one.get("type") == "Hostname" else "ip": one["value"]} for one in found]


def of_gateway(view: View, gateway: Object, port: str) -> Entrance:
    """Return where a Gateway is asked: for the host of a route through it, if it has one.

    Raises:
        LearnerError: when it has no such listener, or no controller took it.
    """
    listener = _listener(gateway, port, "")
    routes = [route for route in view.list(ROUTES) for parent in _parents(route, gateway) if _may(parent, listener)]
    return _entrance(gateway, listener, routes[0] if routes else {})


def of_route(view: View, route: Object, port: str) -> Entrance:
    """Return where an HTTPRoute is asked: at the first of its parents that is there.

    Raises:
        LearnerError: when none of its Gateways is there, or no controller took it.
    """
    name = route["metadata"]["name"]
    for parent in route["spec"].get("parentRefs") or ():
        space = parent.get("namespace") or route["metadata"]["namespace"]
        gateway = view.get(GATEWAYS, space, parent["name"])
        if gateway is not None:
            wanted = port or str(parent.get("port") or "")
            return _entrance(gateway, _listener(gateway, wanted, parent.get("sectionName") or ""), route)
    raise LearnerError(f"no Gateway of httproute/{name} is there", hint="look at its parentRefs: kubectl get gateways")


def _listener(gateway: Object, port: str, section: str) -> Object:
    entries = gateway["spec"].get("listeners") or ()
    found = [
        one
        for one in entries
        if section in ("", one["name"]) and port in ("", one["name"], str(one["port"])) and _works(gateway, one)
    ]
    if found:
        return dict(found[0])
    name = gateway["metadata"]["name"]
    named = [one for one in entries if section in ("", one["name"]) and port in ("", one["name"], str(one["port"]))]
    if not named:
        known = ", ".join(f"{one['name']} ({one['port']})" for one in entries)
        raise LearnerError(f"gateway/{name} has no listener {section or port}", hint=f"there are: {known}")
    hint = "is there a controller for its class? cluster.addon('gateway') installs one"
    raise LearnerError(f"no controller serves gateway/{name}: {_why(gateway, named[0])}", hint=hint)


def _conditions(gateway: Object, listener: Object) -> Iterator[Object]:
    for entry in (gateway.get("status") or {}).get("listeners") or ():
        if entry["name"] == listener["name"]:
            yield from entry.get("conditions") or ()


def _works(gateway: Object, listener: Object) -> bool:
    said = {one["type"]: one["status"] for one in _conditions(gateway, listener)}
    return said.get("Accepted") == "True" and said.get("Programmed", "True") == "True"


def _why(gateway: Object, listener: Object) -> str:
    wrong = [one["message"] for one in _conditions(gateway, listener) if one["status"] != "True"]
    return wrong[0] if wrong else f"its listener {listener['name']} has no status yet"


def _parents(route: Object, gateway: Object) -> Iterator[Object]:
    wanted = gateway["metadata"]["namespace"], gateway["metadata"]["name"]
    for parent in route["spec"].get("parentRefs") or ():
        if (parent.get("namespace") or route["metadata"]["namespace"], parent["name"]) == wanted:
            yield parent


def _may(parent: Object, listener: Object) -> bool:
    return parent.get("sectionName") in (None, listener["name"]) and parent.get("port") in (None, listener["port"])


def _entrance(gateway: Object, listener: Object, route: Object) -> Entrance:
    spec: Object = route.get("spec") or {}
    host = next(iter(spec.get("hostnames") or ()), "") or listener.get("hostname") or ""
    matches = (match for rule in spec.get("rules") or () for match in rule.get("matches") or ())
    path = next((str((match.get("path") or {}).get("value") or "/") for match in matches), "/")
    return Entrance(gateway, listener, str(host).replace("*", "www", 1), path)
