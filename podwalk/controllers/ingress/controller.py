"""What a running Ingress controller writes: ``status.loadBalancer`` of its Ingresses, and Events about them.

Requests are the business of the container (:mod:`podwalk.containers.images.ingress`); this is the rest of it. It does
nothing until the container is ready.

**Source**: ingress-nginx, internal/ingress/status and internal/ingress/controller/store (Event ``Sync``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from podwalk.controllers.controller import Context, Controller, itself, key_of
from podwalk.controllers.ingress.addon import DEPLOYMENTS, Site
from podwalk.controllers.queue import Key, Queue
from podwalk.controllers.recorder import Recorder
from podwalk.controllers.status import set_status
from podwalk.network.ingress import BY_CONTROLLER
from podwalk.network.ingress.classes import CLASSES, INGRESSES, class_of
from podwalk.network.ingress.dialects import Dialect
from podwalk.types import Change, Object

PUBLISHED = ("--publish-status-address=", "--providers.kubernetesingress.ingressendpoint.hostname=")
"""The flags of each controller that say which address it gives."""


@dataclass
class State:
    """What the controllers of one cluster remember: what they have announced, and who writes their Events."""

    seen: dict[Key, str] = field(default_factory=dict)
    recorders: dict[str, Recorder] = field(default_factory=dict)


_STATES: WeakKeyDictionary[Queue, State] = WeakKeyDictionary()


def reconcile(context: Context, key: Key) -> float | None:
    """Give an Ingress its address, and say what of it is not done."""
    ingress = context.objects.get(INGRESSES, *key)
    state = _STATES.setdefault(context.queue, State())
    if ingress is None:
        state.seen.pop(key, None)
        return None
    dialect = _dialect(context, ingress)
    found = _running(context, dialect) if dialect is not None else None
    if dialect is None or found is None:
        return None
    site, pod = found
    _announce(context, ingress, dialect, site, state)
    entries = [*_published(context, site, pod)]
    status = {"loadBalancer": {"ingress": entries} if entries else {}}
    set_status(context.objects, INGRESSES, ingress, status)
    return None


def _dialect(context: Context, ingress: Object) -> Dialect | None:
    named = context.objects.get(CLASSES, "", class_of(ingress)) if class_of(ingress) else None
    return BY_CONTROLLER.get(named["spec"].get("controller", "")) if named is not None else None


def _running(context: Context, dialect: Dialect) -> tuple[Site, Object] | None:
    """Return where a controller of a dialect is ready, if anywhere."""
    for site, _ in DEPLOYMENTS.values():
        if site.controller in dialect.controllers:
            for pod in context.objects.list("pods", site.namespace, site.labels):
                conditions = pod.get("status", {}).get("conditions") or ()
                if any(one["type"] == "Ready" and one["status"] == "True" for one in conditions):
                    return site, pod
    return None


def _announce(context: Context, ingress: Object, dialect: Dialect, site: Site, state: State) -> None:
    """Record one Event for each version of what is wanted, and a Warning for what of it is not done."""
    metadata, key = ingress["metadata"], key_of(ingress)
    version = json.dumps([metadata["uid"], metadata.get("annotations"), ingress.get("spec")], sort_keys=True)
    if state.seen.get(key) == version:
        return
    state.seen[key] = version
    recorder = state.recorders.get(site.name)
    if recorder is None:
        name = COMPONENTS.get(site.ingress_class, site.name)
        recorder = state.recorders[site.name] = Recorder(context.objects, context.simulation, name)
    if dialect.announces:
        recorder.event(ingress, "Normal", "Sync", "Scheduled for sync")
    for one in dialect.unsimulated(context.objects, ingress):
        recorder.event(
            ingress, "Warning", one.reason, f"{one.what} is not simulated and has no effect here: {one.advice}."
        )


COMPONENTS: Mapping[str, str] = {"nginx": "nginx-ingress-controller", "traefik": "traefik-ingress-controller"}
"""What each calls itself in Events."""


def _published(context: Context, site: Site, pod: Object) -> Iterable[Object]:
    """Return the addresses: the load balancer's of its Service, else what its command line says."""
    service = context.objects.get("services", site.namespace, site.name) or {}
    entries = service.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    if entries:
        return [{name: entry[name] for name in ("ip", "hostname") if entry.get(name)} for entry in entries]
    words = [word for container in pod["spec"]["containers"] for word in container.get("args") or ()]
    given = next((word.partition("=")[2] for word in words if word.startswith(PUBLISHED)), "")
    return [{"hostname": given}] if given else []


def _all(context: Context, change: Change) -> Iterable[Key]:
    return [key_of(ingress) for ingress in context.objects.list(INGRESSES)]


def _of_controllers(context: Context, change: Change) -> Iterable[Key]:
    """Look at every Ingress when a controller's own Pod or Service changed."""
    sites = {site.namespace for site, _ in DEPLOYMENTS.values()}
    return _all(context, change) if change.object["metadata"].get("namespace") in sites else ()


CONTROLLER = Controller(
    "ingress-status",
    reconcile,
    {INGRESSES: itself, CLASSES: _all, "pods": _of_controllers, "services": _of_controllers},
)
"""The entry in :data:`podwalk.controllers.CONTROLLERS`."""
