"""Which slices to make, change and delete, so that as few as possible change.

Source: k8s.io/endpointslice, reconcileByPortMapping.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from podwalk.types import Object

MAX_ENDPOINTS = 100


@dataclass
class Plan:
    """What to do with slices.

    Attributes:
        create: ports and endpoints of new slices.
        keep: slices that stay, with their new endpoints, None if these are as they were.
        delete: slices that go.
    """

    create: list[tuple[list[Object] | None, list[Object]]] = field(default_factory=list)
    keep: list[tuple[Object, list[Object] | None]] = field(default_factory=list)
    delete: list[Object] = field(default_factory=list)


def plan(desired: dict[str, list[Object]], existing: list[Object]) -> Plan:
    """Return how to get from the existing slices to the desired endpoints (by ports, as JSON text)."""
    todo = Plan()
    by_ports: dict[str, list[Object]] = {}
    for entry in existing:
        by_ports.setdefault(json.dumps(_sorted(entry.get("ports"))), []).append(entry)
    spare = [entry for ports, entries in by_ports.items() if ports not in desired for entry in entries]
    for ports, endpoints in desired.items():
        _fill(todo, json.loads(ports), endpoints, by_ports.get(ports, []))
    todo.delete.extend(spare)
    return todo


def _sorted(ports: list[Object] | None) -> list[Object] | None:
    plain = [{field: port[field] for field in _FIELDS if field in port} for port in ports or ()]
    return sorted(plain, key=lambda entry: (entry.get("name", ""), entry["port"])) or None


_FIELDS = ("name", "port", "protocol", "appProtocol")


def _fill(todo: Plan, ports: list[Object] | None, endpoints: list[Object], existing: list[Object]) -> None:
    left = {_identity(entry): entry for entry in endpoints}
    kept: list[tuple[Object, list[Object], bool]] = []
    for entry in existing:
        before = entry.get("endpoints") or []
        stays = [left.pop(_identity(old)) for old in before if _identity(old) in left]
        kept.append((entry, stays, stays != before))
    new = list(left.values())
    if not ports and not endpoints and kept:
        # One placeholder stays, so that a Service without endpoints has a slice to say so.
        first, *others = kept
        todo.keep.append((first[0], [] if first[0].get("endpoints") else None))
        todo.delete.extend(entry for entry, _, _ in others)
        return
    # Slices that change anyway are filled first; then the fullest that has room for all that is left.
    for index, (entry, stays, changed) in enumerate(kept):
        if changed and stays and new:
            room = MAX_ENDPOINTS - len(stays)
            kept[index] = (entry, [*stays, *new[:room]], True)
            new = new[room:]
    if new:
        new = _place(kept, new)
    for entry, stays, changed in kept:
        if not stays:
            todo.delete.append(entry)
        else:
            todo.keep.append((entry, stays if changed else None))
    for start in range(0, len(new), MAX_ENDPOINTS):
        todo.create.append((ports, new[start : start + MAX_ENDPOINTS]))
    if not endpoints and not existing:
        todo.create.append((ports, []))


def _place(kept: list[tuple[Object, list[Object], bool]], new: list[Object]) -> list[Object]:
    fitting = [index for index, (_, stays, _) in enumerate(kept) if len(stays) + len(new) <= MAX_ENDPOINTS]
    if not fitting:
        return new
    index = max(fitting, key=lambda candidate: len(kept[candidate][1]))
    entry, stays, _ = kept[index]
    kept[index] = (entry, [*stays, *new], True)
    return []


def _identity(endpoint: Object) -> tuple[str, str]:
    reference = endpoint.get("targetRef") or {}
    return str(reference.get("uid", "")), endpoint["addresses"][0]
