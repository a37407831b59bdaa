"""Hints by the zones' CPU: what ``service.kubernetes.io/topology-mode: Auto`` makes of a Service's EndpointSlices.

Each zone shall have about as large a share of the endpoints as it has of the CPU. Where that cannot be, no endpoint has
a hint, and an event says why.

Source: k8s.io/endpointslice/topologycache.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from podwalk.controllers.controller import Context, key_of
from podwalk.controllers.endpoints.packing import Plan
from podwalk.controllers.pods import condition
from podwalk.controllers.quantities import milli
from podwalk.controllers.queue import Key
from podwalk.errors import PodwalkError
from podwalk.types import Change, Object

ANNOTATIONS = ("service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode")
ZONE = "topology.kubernetes.io/zone"
EXCLUDED = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
OVERLOAD = 0.2
"""By how much more than its share an endpoint may get."""


class NoHintsError(PodwalkError):
    """There can be no hints; the text is that of the event."""


@dataclass(frozen=True)
class Allocation:
    """How many endpoints a zone shall have."""

    minimum: int
    maximum: int
    desired: float


def is_asked_for(service: Object) -> bool:
    """Whether a Service's annotation asks for hints; the deprecated one comes first."""
    annotations = service["metadata"].get("annotations") or {}
    wish = next((annotations[name] for name in ANNOTATIONS if name in annotations), "")
    return wish in ("Auto", "auto")


def without_hints(entry: Object) -> Object:
    """Return a slice without its hints, to be compared with what is desired."""
    plain = [{key: value for key, value in endpoint.items() if key != "hints"} for endpoint in entry["endpoints"] or ()]
    return {**entry, "endpoints": plain}


def add(context: Context, service: Object, family: str, todo: Plan, present: Iterable[Object]) -> None:
    """Set the hints in a plan, or remove those that there are, and say so.

    Args:
        context: the controller's.
        service: the Service.
        family: the slices' address type.
        todo: what to do with the slices; changed in place.
        present: the slices as they are, with their hints.
    """
    before = {key_of(entry): entry for entry in present}
    changing = [endpoints for _, endpoints in todo.create] + [kept for _, kept in todo.keep if kept is not None]
    same = [before[key_of(entry)] for entry, kept in todo.keep if kept is None]
    try:
        ready = sum(len(_ready(entry.get("endpoints") or ())) for entry in same) + sum(len(_ready(e)) for e in changing)
        allocations = allocate(shares(context.objects.list("nodes")), ready)
        counted, changed = _take_over(same, allocations)
        _replace(todo, changed)
        _distribute([*changing, *changed.values()], allocations, counted)
    except NoHintsError as error:
        _replace(todo, {key_of(e): without_hints(e)["endpoints"] for e in same if _has_hints(e)})
        context.cache.zoned.get(key_of(service), {}).pop(family, None)
        _tell(context, service, "Warning", "TopologyAwareHintsDisabled", str(error), family)
        return
    was = bool(context.cache.zoned.get(key_of(service)))
    context.cache.zoned.setdefault(key_of(service), {})[family] = dict(counted)
    if not was:
        _tell(context, service, "Normal", "TopologyAwareHintsEnabled", "Topology Aware Hints has been enabled", family)


def forget(context: Context, service: Object, family: str) -> None:
    """Note that a Service asks for hints no more, and say so if it had some."""
    if context.cache.zoned.pop(key_of(service), None):
        message = "Topology Aware Hints has been disabled"
        _tell(context, service, "Warning", "TopologyAwareHintsDisabled", message, family)


def _tell(
    context: Context, service: Object, kind: Literal["Normal", "Warning"], reason: str, message: str, family: str
) -> None:
    context.recorder.event(service, kind, reason, f"{message}, addressType: {family}")


def shares(nodes: Iterable[Object]) -> dict[str, float]:
    """Return each zone's share of the CPU of all nodes that are ready and no control plane; nothing if one lacks it."""
    millicores: Counter[str] = Counter()
    for node in nodes:
        labels = node["metadata"].get("labels") or {}
        if any(name in labels for name in EXCLUDED) or (condition(node, "Ready") or {}).get("status") != "True":
            continue
        cpu = milli(((node.get("status") or {}).get("allocatable") or {}).get("cpu", "0"))
        if not labels.get(ZONE) or not cpu:
            return {}
        millicores[labels[ZONE]] += cpu
    total = millicores.total()
    return {zone: cpu / total for zone, cpu in sorted(millicores.items())} if len(millicores) > 1 else {}


def allocate(ratios: Mapping[str, float], count: int) -> dict[str, Allocation]:
    """Return how many of ``count`` endpoints each zone shall have.

    Raises:
        NoHintsError: when there are too few, or nothing is known of the zones.
    """
    if not ratios:
        raise NoHintsError("Insufficient Node information: allocatable CPU or zone not specified on one or more nodes")
    numbers = f"({count} endpoints, {len(ratios)} zones)"
    if len(ratios) > count:
        raise NoHintsError(f"Insufficient number of endpoints {numbers}")
    least = {zone: math.ceil(ratio * count * (1 / (1 + OVERLOAD))) for zone, ratio in ratios.items()}
    spare = count - sum(least.values())
    if spare < 0:
        raise NoHintsError(
            "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold " + numbers
        )
    return {
        zone: Allocation(least[zone], least[zone] + spare, max(ratio * count, float(least[zone])))
        for zone, ratio in ratios.items()
    }


def _take_over(
    same: list[Object], allocations: Mapping[str, Allocation]
) -> tuple[Counter[str], dict[Key, list[Object]]]:
    """Count the hints of slices that may stay as they are; the others' endpoints are to be hinted anew."""
    counted: Counter[str] = Counter()
    changed: dict[Key, list[Object]] = {}
    for entry in same:
        hints = Counter(_zones_hinted(entry))
        missing = "" in hints or any(zone not in allocations for zone in hints)
        if missing or any(hints[zone] + counted[zone] > allocations[zone].maximum for zone in hints):
            changed[key_of(entry)] = copy.deepcopy(without_hints(entry)["endpoints"])
        else:
            counted += hints
    return counted, changed


def _zones_hinted(entry: Object) -> Iterator[str]:
    for endpoint in _ready(entry.get("endpoints") or ()):
        zones = (endpoint.get("hints") or {}).get("forZones") or ({"name": ""},)
        yield from (zone["name"] for zone in zones)


def _replace(todo: Plan, changed: Mapping[Key, list[Object]]) -> None:
    todo.keep[:] = [(entry, changed.get(key_of(entry), kept)) for entry, kept in todo.keep]


def _distribute(slices: Iterable[list[Object]], allocations: Mapping[str, Allocation], counted: Counter[str]) -> None:
    """Hint each endpoint for its own zone, then some for another that has too few."""
    endpoints = [endpoint for entry in slices for endpoint in _ready(entry)]
    for endpoint in endpoints:
        if not endpoint.get("zone"):
            raise NoHintsError("One or more endpoints do not have a zone specified")
        endpoint["hints"] = {"forZones": [{"name": endpoint["zone"]}]}
        counted[endpoint["zone"]] += 1
    giving, receiving = _exchange(allocations, counted)
    for endpoint in endpoints:
        zone = endpoint["zone"]
        to = next((name for name in receiving if receiving[name] > 0), "")
        if to and giving[zone] > 0:
            endpoint["hints"] = {"forZones": [{"name": to}]}
            giving[zone] -= 1
            receiving[to] -= 1
            counted[zone] -= 1
            counted[to] += 1
    if not counted:
        raise NoHintsError("No hints allocated for zones")


def _exchange(allocations: Mapping[str, Allocation], counted: Mapping[str, int]) -> tuple[Counter[str], Counter[str]]:
    """Return how many endpoints each zone gives away, and how many each receives."""
    over = {zone: counted.get(zone, 0) - wanted.desired for zone, wanted in allocations.items()}
    giving: Counter[str] = Counter()
    receiving: Counter[str] = Counter()
    while True:
        giver, taker = max(over, key=lambda zone: over[zone]), min(over, key=lambda zone: over[zone])
        gives, takes = over[giver], -over[taker]
        if min(gives, takes) < 0.5 or max(gives, takes) < 1.0:
            return giving, receiving
        giving[giver] += 1
        receiving[taker] += 1
        over[giver] -= 1
        over[taker] += 1


def _ready(endpoints: Iterable[Object]) -> list[Object]:
    return [endpoint for endpoint in endpoints if endpoint["conditions"].get("ready")]


def _has_hints(entry: Object) -> bool:
    return any("hints" in endpoint for endpoint in entry.get("endpoints") or ())


def overloaded(context: Context, change: Change) -> Iterable[Key]:
    """Map a node's change to the Services with a zone that has too few endpoints for its CPU now."""
    if not context.cache.zoned or (change.old is not None and _facts(change.old) == _facts(change.object)):
        return ()
    ratios = shares(context.objects.list("nodes"))
    return [
        key
        for key, families in context.cache.zoned.items()
        if any(_is_overloaded(counted, ratios) for counted in families.values())
    ]


def _facts(node: Object) -> tuple[object, ...]:
    labels = node["metadata"].get("labels") or {}
    status = node.get("status") or {}
    ready = (condition(node, "Ready") or {}).get("status")
    return labels.get(ZONE), [name in labels for name in EXCLUDED], ready, status.get("allocatable")


def _is_overloaded(counted: Mapping[str, int], ratios: Mapping[str, float]) -> bool:
    total = sum(counted.values())
    if not counted:
        return False
    return not ratios or any(
        counted.get(zone, 0) < math.ceil(total * ratio * (1 / (1 + OVERLOAD))) for zone, ratio in ratios.items()
    )
