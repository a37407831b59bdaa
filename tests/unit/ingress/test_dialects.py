"""A controller that nobody has thought of yet is one more entry of the registry, and no change of anything else."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, cast

import pytest

import podwalk
from podwalk.controllers.ingress import addon
from podwalk.network.ingress.dialects import BY_CONTROLLER, DIALECTS, Dialect, plain
from podwalk.network.ingress.rules import HeaderChange, Intents, Redirect, Rule, Unsimulated
from podwalk.types import Object, View
from tests.unit.ingress.worlds import World, location

OWN = "acme.example/"


def rules(view: View, ingresses: Sequence[Object]) -> tuple[Rule, ...]:
    """Read Ingresses as the specification has it, and two annotations that no other controller knows."""
    found = []
    for one in ingresses:
        notes = one["metadata"].get("annotations") or {}
        away, mark = notes.get(f"{OWN}send-to"), notes.get(f"{OWN}mark")
        redirects = (Redirect(307, url=away),) if away else ()
        intents = Intents(redirects, request_headers=(HeaderChange("X-Mark", mark),) if mark else ())
        found += [dataclasses.replace(rule, intents=intents) for rule in plain.rules(view, [one])]
    return tuple(found)


def unsimulated(_: View, ingress: Object) -> tuple[Unsimulated, ...]:
    notes = ingress["metadata"].get("annotations") or {}
    odd = sorted(name for name in notes if name.startswith(OWN) and name.removeprefix(OWN) not in ("send-to", "mark"))
    return tuple(Unsimulated(ingress, name, "leave it out") for name in odd)


ACME = Dialect("acme", ("acme.example/ingress",), rules, unsimulated, (OWN,), empty_status=502)


@pytest.fixture(autouse=True)
def acme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast("dict[str, Dialect]", DIALECTS), ACME.name, ACME)
    monkeypatch.setitem(cast("dict[str, Dialect]", BY_CONTROLLER), ACME.controllers[0], ACME)


def test_its_annotations_count_and_those_of_others_do_not() -> None:
    world = World("acme")
    world.ingress(annotations={f"{OWN}mark": "blue"}, ssl_redirect="true", force_ssl_redirect="true")
    decision = world.ask()
    assert decision.status == 0
    assert [(change.name, change.value) for change in decision.request_headers] == [("X-Mark", "blue")]
    world.ingress(annotations={f"{OWN}send-to": "https://elsewhere.example/"})
    decision = world.ask()
    assert (decision.status, location(decision)) == (307, "https://elsewhere.example/")


def test_its_numbers_are_its_own() -> None:
    world = World("acme")
    world.service("empty", 0)
    world.ingress(service="empty")
    assert world.ask().status == 502


def test_what_of_it_is_not_simulated_is_named_in_an_event_of_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    site = dataclasses.replace(addon.DEPLOYMENTS["nginx"][0], controller=ACME.controllers[0], ingress_class="acme")
    monkeypatch.setitem(cast("dict[str, Any]", addon.DEPLOYMENTS), "acme", (site, addon.DEPLOYMENTS["nginx"][1]))
    cluster = podwalk.cluster("in-process", quiet=True)
    cluster.addon("ingress", controller="acme")
    paths = [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]
    metadata = {"name": "site", "annotations": {f"{OWN}mark": "blue", f"{OWN}shield": "up"}}
    spec = {"ingressClassName": "acme", "rules": [{"host": "h.example", "http": {"paths": paths}}]}
    cluster.apply({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec})
    said = [event["message"] for event in cluster.events(about="ingress/site")]
    assert said == [f"{OWN}shield is not simulated and has no effect here: leave it out."]
    assert cluster.get("ingress", "site").object["status"]["loadBalancer"]["ingress"] == [{"hostname": "localhost"}]
