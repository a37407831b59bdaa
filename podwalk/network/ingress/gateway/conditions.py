"""The status of Gateway API's objects, as Traefik 3.6 writes it."""

from __future__ import annotations

from dataclasses import dataclass

from podwalk.network.ingress.gateway.attachment import CONTROLLER, GROUP, ROUTES, Listener, attachments, listeners
from podwalk.network.ingress.gateway.rules import problem_of
from podwalk.types import Object, View

FEATURES = (
    "Gateway", "HTTPRoute", "HTTPRouteHostRewrite", "HTTPRouteMethodMatching", "HTTPRoutePathRedirect",
    "HTTPRoutePathRewrite", "HTTPRoutePortRedirect", "HTTPRouteQueryParamMatching",
    "HTTPRouteResponseHeaderModification", "HTTPRouteSchemeRedirect", "ReferenceGrant",
)  # fmt: skip
"""``status.supportedFeatures``: what is simulated, not all that Traefik has."""
NO_ERROR = "No error found"
ROUTE_KINDS = [{"group": GROUP, "kind": "HTTPRoute"}]


@dataclass(frozen=True)
class Condition:
    """One condition, without its times."""

    type: str
    ok: bool
    reason: str
    message: str

    def render(self, generation: int, before: Object | None, now: str) -> Object:
        """Return it as the API has it; its time changes only when its status does."""
        status = "True" if self.ok else "False"
        same = before is not None and before.get("status") == status
        return {
            "type": self.type,
            "status": status,
            "reason": self.reason,
            "message": self.message,
            "observedGeneration": generation,
            "lastTransitionTime": before["lastTransitionTime"] if before is not None and same else now,
        }


def _rendered(conditions: list[Condition], obj: Object, before: list[Object], now: str) -> list[Object]:
    old = {one["type"]: one for one in before}
    generation = obj["metadata"].get("generation", 1)
    return [one.render(generation, old.get(one.type), now) for one in conditions]


def of_class(gateway_class: Object, now: str) -> Object:
    """Return the status of a GatewayClass."""
    before = (gateway_class.get("status") or {}).get("conditions") or []
    accepted = [Condition("Accepted", True, "Handled", "Handled by Traefik controller")]
    conditions = _rendered(accepted, gateway_class, before, now)
    return {"conditions": conditions, "supportedFeatures": [{"name": name} for name in FEATURES]}


def of_gateway(view: View, gateway: Object, addresses: list[Object], now: str) -> Object:
    """Return the status of a Gateway."""
    status = gateway.get("status") or {}
    found = listeners(view, gateway)
    before = {one["name"]: one for one in status.get("listeners") or ()}
    if all(listener.ok for listener in found):
        words = "Gateway successfully scheduled"
        own = [Condition("Accepted", True, "Accepted", words), Condition("Programmed", True, "Programmed", words)]
    else:
        own = [Condition("Accepted", False, "ListenersNotValid", "All Listeners must be valid")]
    made: Object = {
        "conditions": _rendered(own, gateway, status.get("conditions") or [], now),
        "listeners": [_of_listener(view, one, before.get(one.entry["name"]) or {}, now) for one in found],
    }
    return {"addresses": addresses, **made} if addresses else made


def _of_listener(view: View, listener: Listener, before: Object, now: str) -> Object:
    if listener.reason:
        conditions = [Condition("Accepted", False, listener.reason, listener.message)]
    elif listener.unresolved:
        conditions = [
            Condition("ResolvedRefs", False, "InvalidCertificateRef", listener.unresolved),
            Condition("Programmed", False, "Invalid", listener.unresolved),
        ]
    else:
        conditions = [Condition(type_, True, type_, NO_ERROR) for type_ in ("Accepted", "ResolvedRefs", "Programmed")]
    return {
        "name": listener.entry["name"],
        "attachedRoutes": _attached(view, listener),
        "supportedKinds": [] if listener.reason else ROUTE_KINDS,
        "conditions": _rendered(conditions, listener.gateway, before.get("conditions") or [], now),
    }


def _attached(view: View, listener: Listener) -> int:
    where = (listener.gateway["metadata"]["namespace"], listener.gateway["metadata"]["name"], listener.entry["name"])
    count = 0
    for route in view.list(ROUTES):
        taken = {
            (one.gateway["metadata"]["namespace"], one.gateway["metadata"]["name"], one.entry["name"])
            for attachment in attachments(view, route)
            for one, _ in attachment.hosts
        }
        count += where in taken
    return count


def of_route(view: View, route: Object, now: str) -> Object | None:
    """Return the status of an HTTPRoute; None if none of its parents is the controller's."""
    present = (route.get("status") or {}).get("parents") or []
    others = [one for one in present if one.get("controllerName") != CONTROLLER]
    before = [one for one in present if one.get("controllerName") == CONTROLLER]
    found = attachments(view, route)
    if not found and not before:
        return None
    refs = [entry for rule in route["spec"].get("rules") or () for entry in rule.get("backendRefs") or ()]
    problems = [problem for entry in refs if (problem := problem_of(view, route, entry)) is not None]
    resolved = Condition("ResolvedRefs", True, "ResolvedRefs", "")
    if problems:
        resolved = Condition("ResolvedRefs", False, problems[-1].reason, problems[-1].message)
    parents = []
    for attachment in found:
        accepted = Condition("Accepted", attachment.reason == "Accepted", attachment.reason, "")
        old: list[Object] = next((one["conditions"] for one in before if one["parentRef"] == attachment.parent), [])
        parents.append(
            {
                "parentRef": attachment.parent,
                "controllerName": CONTROLLER,
                "conditions": _rendered([accepted, resolved], route, old, now),
            }
        )
    return {"parents": [*others, *parents]}
