"""Incidents are drawn from a seed: the same for the same seed, another for another, and fit to be diagnosed."""

from __future__ import annotations

import json

import pytest

from podwalk.errors import PodwalkError
from podwalk.incidents import CATALOGUE, behaviours, design, draw, only
from podwalk.incidents.objects import healthy

SEEDS = range(200)


def test_a_seed_always_gives_the_same_incident() -> None:
    first, second = draw(7), draw(7)
    assert first.app == second.app
    assert [fault.name for fault in first.faults] == [fault.name for fault in second.faults]
    assert json.dumps(first.objects) == json.dumps(second.objects)


def test_what_a_seed_gives_is_the_same_on_every_machine() -> None:
    """Grading draws again what the student's machine drew: a change here changes every incident under way."""
    drawn = draw(2026)
    assert (drawn.app.front, drawn.app.api_port, [fault.name for fault in drawn.faults]) == SEED_2026


SEED_2026 = ("counter", 9000, ["no-dns", "pod-selector-alone", "node-port"])


def test_students_incidents_differ() -> None:
    incidents = [draw(seed) for seed in SEEDS]
    assert len({incident.app for incident in incidents}) > 190
    assert len({tuple(fault.name for fault in incident.faults) for incident in incidents}) > 180


def test_every_fault_of_the_catalogue_is_drawn() -> None:
    assert {fault.name for seed in SEEDS for fault in draw(seed).faults} == set(CATALOGUE)
    assert len(CATALOGUE) >= 15


@pytest.mark.parametrize("faults", [1, 2, 3])
def test_faults_of_an_incident_do_not_hide_each_other(faults: int) -> None:
    for seed in SEEDS:
        drawn = draw(seed, faults).faults
        assert len(drawn) == faults
        for one in drawn:
            others = frozenset().union(*(other.breaks for other in drawn if other is not one))
            assert not (one.breaks | one.needs) & others


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_fault_changes_the_objects_and_its_mend_undoes_it(name: str) -> None:
    fault = CATALOGUE[name]
    seed = next(seed for seed in SEEDS if fault.applies(design(seed)))
    incident = only(seed, name)
    broken = {_label(obj): obj for obj in incident.objects}
    whole = {_label(obj): obj for obj in healthy(incident.app).values()}
    assert broken != whole
    gone, right = incident.mend()
    mended = {label: obj for label, obj in broken.items() if label not in {_label(obj) for obj in gone}}
    mended |= {_label(obj): _without_restart(obj) for obj in right}
    assert mended == whole


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_ticket_is_a_users_and_hints_lead_to_the_cause(name: str) -> None:
    fault = CATALOGUE[name]
    seed = next(seed for seed in SEEDS if fault.applies(design(seed)))
    (ticket,) = only(seed, name).tickets
    for word in ("selector", "targetPort", "NetworkPolicy", "readiness", "pathType", "ingressClassName", "replicas"):
        assert word not in ticket.text
    assert 1 <= len(ticket.hints) <= 3
    assert {one.name for one in ticket.behaviours} == fault.breaks


def test_every_behaviour_is_broken_by_some_fault() -> None:
    names = {name for seed in range(20) for name in behaviours(design(seed))}
    assert names == frozenset().union(*(fault.breaks for fault in CATALOGUE.values()))


def test_more_faults_than_can_stand_apart_are_refused() -> None:
    with pytest.raises(PodwalkError, match="hide each other"):
        draw(1, 20)


def test_an_unknown_fault_is_refused_with_the_known_ones() -> None:
    with pytest.raises(PodwalkError, match="there are: replicas-zero"):
        only(1, "gremlins")


def _label(obj: dict[str, object]) -> str:
    metadata = obj["metadata"]
    assert isinstance(metadata, dict)
    return f"{obj['kind']} {metadata.get('namespace')}/{metadata['name']}"


def _without_restart(obj: dict[str, object]) -> dict[str, object]:
    copied: dict[str, object] = json.loads(json.dumps(obj))
    spec = copied.get("spec")
    if isinstance(spec, dict):
        spec.get("template", {}).get("metadata", {}).pop("annotations", None)
    return copied
