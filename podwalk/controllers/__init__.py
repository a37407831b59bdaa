"""The controllers, the scheduler, and the objects that a new cluster begins with.

Each controller is one entry of :data:`CONTROLLERS`: a reconcile function and the changes that concern it.
"""

from __future__ import annotations

from collections.abc import Callable

from podwalk.controllers import (
    cronjob,
    daemonset,
    disruption,
    expiry,
    garbage,
    ingress,
    loadbalancer,
    namespace,
    nodelife,
    replicaset,
    serviceaccounts,
    servicecidr,
    volumes,
)
from podwalk.controllers.autoscaler import CONTROLLER as AUTOSCALER
from podwalk.controllers.bootstrap import bootstrap
from podwalk.controllers.cache import Cache
from podwalk.controllers.controller import Context, Controller, Watch
from podwalk.controllers.deployment import CONTROLLER as DEPLOYMENT
from podwalk.controllers.endpoints import legacy, mirroring, slices
from podwalk.controllers.job import CONTROLLER as JOB
from podwalk.controllers.metrics import Usage
from podwalk.controllers.queue import Queue
from podwalk.controllers.recorder import Recorder
from podwalk.controllers.resources import all_resources
from podwalk.controllers.scheduler import CONTROLLER as SCHEDULER
from podwalk.controllers.statefulset import CONTROLLER as STATEFUL_SET
from podwalk.simulation import Simulation
from podwalk.types import Change, ClusterOptions, Objects

__all__ = ["CONTROLLERS", "Recorder", "bootstrap", "start"]

CONTROLLERS: tuple[Controller, ...] = (
    serviceaccounts.CONTROLLER,
    DEPLOYMENT,
    replicaset.CONTROLLER,
    STATEFUL_SET,
    daemonset.CONTROLLER,
    JOB,
    cronjob.CONTROLLER,
    SCHEDULER,
    volumes.CONTROLLER,
    slices.CONTROLLER,
    legacy.CONTROLLER,
    mirroring.CONTROLLER,
    garbage.CONTROLLER,
    namespace.CONTROLLER,
    AUTOSCALER,
    disruption.CONTROLLER,
    loadbalancer.CONTROLLER,
    *ingress.CONTROLLERS,
    nodelife.LIFECYCLE,
    nodelife.EVICTION,
    nodelife.GARBAGE,
    servicecidr.CONTROLLER,
    expiry.CONTROLLER,
)


def start(
    objects: Objects,
    simulation: Simulation,
    options: ClusterOptions,
    *,
    usage: Usage | None = None,
    metrics_served: Callable[[], bool] = lambda: True,
) -> dict[str, Queue]:
    """Begin to reconcile: what is there already, and every change from now on.

    Args:
        objects: the API.
        simulation: the clock that the work queues run on.
        options: how the cluster was set up.
        usage: what containers use, for autoscaling; None if nobody measures it.
        metrics_served: whether the metrics API is installed; a new kind cluster has none.

    Returns:
        The work queues by controller name, from which a test can read how much work was done.
    """
    cache = Cache()
    queues: dict[str, Queue] = {}
    watches: dict[str, list[tuple[Context, Watch]]] = {}
    for controller in CONTROLLERS:
        context = _context(controller, objects, simulation, options, cache, (usage, metrics_served))
        queues[controller.name] = context.queue
        for resource, watch in controller.watches.items():
            watches.setdefault(resource, []).append((context, watch))
    dispatch = _dispatcher(watches)
    there = [(resource, obj) for resource in all_resources(objects) for obj in objects.list(resource)]
    for resource, obj in there:
        cache.apply(Change("ADDED", resource, obj, None, 0))
    for resource, obj in there:
        dispatch(Change("ADDED", resource, obj, None, 0))

    def follow(change: Change) -> None:
        cache.apply(change)
        dispatch(change)

    objects.subscribe(follow)
    return queues


def _context(
    controller: Controller,
    objects: Objects,
    simulation: Simulation,
    options: ClusterOptions,
    cache: Cache,
    metrics: tuple[Usage | None, Callable[[], bool]],
) -> Context:
    def reconcile(key: tuple[str, str]) -> float | None:
        return controller.reconcile(context, key)

    queue = Queue(controller.name, simulation, reconcile)
    host = f"{controller.name}-{options.name}-control-plane" if controller.instance else ""
    recorder = Recorder(objects, simulation, controller.name, host)
    context = Context(objects, simulation, options, cache, recorder, queue, *metrics)
    return context


def _dispatcher(watches: dict[str, list[tuple[Context, Watch]]]) -> Callable[[Change], None]:
    def dispatch(change: Change) -> None:
        for context, watch in (*watches.get(change.resource, ()), *watches.get("*", ())):
            for key in watch(context, change):
                context.queue.add(key)

    return dispatch
