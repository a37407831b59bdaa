"""The status of Gateway API's objects, once their definitions are installed and Traefik runs.

The definitions are not a part of the course: the Gateway API project publishes them (``standard-install.yaml``).
"""

from __future__ import annotations

from collections.abc import Iterable

from podwalk.controllers.controller import Context, Controller, Watch, key_of
from podwalk.controllers.ingress.addon import TRAEFIK
from podwalk.controllers.queue import Key
from podwalk.controllers.status import set_status
from podwalk.network.ingress.gateway import attachment, conditions
from podwalk.types import Change, Object

RESOURCES = (attachment.CLASSES, attachment.GATEWAYS, attachment.ROUTES)
OWN = "--providers.kubernetesgateway.statusaddress.hostname="


def reconcile_class(context: Context, key: Key) -> float | None:
    """Accept a GatewayClass that names the controller."""
    one = context.objects.get(attachment.CLASSES, *key)
    if one is not None and one["spec"].get("controllerName") == attachment.CONTROLLER and _pod(context) is not None:
        set_status(context.objects, attachment.CLASSES, one, conditions.of_class(one, context.simulation.timestamp()))
    return None


def reconcile_gateway(context: Context, key: Key) -> float | None:
    """Say of a Gateway which of its listeners work, and where it is reached."""
    gateway, pod = context.objects.get(attachment.GATEWAYS, *key), _pod(context)
    if gateway is None or pod is None:
        return None
    if gateway["spec"].get("gatewayClassName") in attachment.class_names(context.objects):
        now = context.simulation.timestamp()
        status = conditions.of_gateway(context.objects, gateway, _addresses(context, pod), now)
        set_status(context.objects, attachment.GATEWAYS, gateway, status)
    return None


def reconcile_route(context: Context, key: Key) -> float | None:
    """Say of an HTTPRoute which Gateways took it, and whether its backends are there."""
    route = context.objects.get(attachment.ROUTES, *key)
    if route is not None and _pod(context) is not None:
        status = conditions.of_route(context.objects, route, context.simulation.timestamp())
        if status is not None:
            set_status(context.objects, attachment.ROUTES, route, status)
    return None


def _pod(context: Context) -> Object | None:
    """Return a Pod of the controller that is ready."""
    for pod in context.objects.list("pods", TRAEFIK.namespace, TRAEFIK.labels):
        states = pod.get("status", {}).get("conditions") or ()
        if any(one["type"] == "Ready" and one["status"] == "True" for one in states):
            return pod
    return None


def _addresses(context: Context, pod: Object) -> list[Object]:
    service = context.objects.get("services", TRAEFIK.namespace, TRAEFIK.name) or {}
    entries = service.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    if entries:
        return [{"type": "IPAddress", "value": entry["ip"]} for entry in entries if entry.get("ip")]
    words = [word for container in pod["spec"]["containers"] for word in container.get("args") or ()]
    return [{"type": "Hostname", "value": word.removeprefix(OWN)} for word in words if word.startswith(OWN)]


def _every(resource: str) -> Watch:
    def keys(context: Context, change: Change) -> Iterable[Key]:
        return [key_of(one) for one in context.objects.list(resource)]

    return keys


def _watches(resource: str) -> dict[str, Watch]:
    every = _every(resource)

    def of_controller(context: Context, change: Change) -> Iterable[Key]:
        return every(context, change) if change.object["metadata"].get("namespace") == TRAEFIK.namespace else ()

    watched = {*RESOURCES, attachment.GRANTS, "services", "secrets", "namespaces"}
    return {"pods": of_controller, **dict.fromkeys(sorted(watched), every)}


CONTROLLERS = (
    Controller("gateway-class", reconcile_class, _watches(attachment.CLASSES)),
    Controller("gateway", reconcile_gateway, _watches(attachment.GATEWAYS)),
    Controller("http-route", reconcile_route, _watches(attachment.ROUTES)),
)
"""The entries in :data:`podwalk.controllers.CONTROLLERS`."""
