"""What other projects hold to be right about Ingress: conformance scenarios, and the documentation's paths."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from podwalk.network.ingress import Decision, HttpRequest, route
from podwalk.store import Store
from podwalk.types import Object

PEERS = Path(os.environ.get("PODWALK_PEERS", Path(__file__).parents[4] / "shared" / "peers"))
FILE = PEERS / "ingress_conformance.json"
DIALECTS = ("plain", "nginx")
CONTROLLERS = {"plain": "podwalk.dev/ingress-controller", "nginx": "k8s.io/ingress-nginx"}

needs_peers = pytest.mark.skipif(not FILE.is_file(), reason=f"the peers' answers are not there: {FILE}")


class World:
    """One class, and Services with one endpoint each."""

    def __init__(self, dialect: str) -> None:
        self.store, self.dialect = Store(), dialect
        self.store.put(
            "ingressclasses.networking.k8s.io",
            {"metadata": {"name": "test"}, "spec": {"controller": CONTROLLERS[dialect]}},
        )

    def service(self, name: str, count: int = 1) -> None:
        ports = [{"name": "http", "port": 8080, "protocol": "TCP", "targetPort": 3000}]
        self.store.put("services", {"metadata": {"name": name, "namespace": "default"}, "spec": {"ports": ports}})
        labels = {"kubernetes.io/service-name": name}
        endpoints = [
            {"addresses": [f"10.244.1.{number + 1}"], "conditions": {"ready": True}} for number in range(count)
        ]
        self.store.put(
            "endpointslices.discovery.k8s.io",
            {
                "metadata": {"name": name, "namespace": "default", "labels": labels},
                "ports": [{"name": "http", "port": 3000, "protocol": "TCP"}],
                "endpoints": endpoints,
            },
        )

    def ingress(self, obj: Object, name: str = "web") -> None:
        obj = {"metadata": {"name": name}, **obj}
        obj["metadata"] = {"namespace": "default", **obj["metadata"]}
        obj.setdefault("spec", {}).setdefault("ingressClassName", "test")
        self.store.put("ingresses.networking.k8s.io", obj)

    def ask(self, url: str, method: str = "GET", **more: Any) -> Decision:
        parts = urlsplit(url)
        request = HttpRequest(parts.hostname or "", parts.path or "/", parts.query, method, parts.scheme, **more)
        return route(self.store, request, dialect=self.dialect)


def scenarios() -> list[Any]:
    if not FILE.is_file():
        return []
    return [
        pytest.param(dialect, case, id=f"{dialect}-{index}-{case['scenario']}")
        for dialect in DIALECTS
        for index, case in enumerate(json.loads(FILE.read_text()))
    ]


def _names(ingress: Object) -> set[str]:
    spec = ingress["spec"]
    entries = [path["backend"] for rule in spec.get("rules") or () for path in rule["http"]["paths"]]
    entries += [spec["defaultBackend"]] if "defaultBackend" in spec else []
    return {entry["service"]["name"] for entry in entries}


@needs_peers
@pytest.mark.parametrize(("dialect", "case"), scenarios())
def test_a_conformance_scenario_reaches_its_backend(dialect: str, case: dict[str, Any]) -> None:
    ingress = yaml.safe_load(case["ingress"])
    if "spec" not in ingress:
        ingress = {"spec": ingress}
    world = World(dialect)
    for name in _names(ingress):
        world.service(name, 10 if case["feature"] == "load_balancing" else 1)
    world.ingress(ingress)
    if case["feature"] == "load_balancing":
        reached = {world_ask.endpoints[0].ip for world_ask in _hundred(world)}
        assert len(reached) == 10, "requests must be spread over all endpoints"
        return
    if case["feature"] == "ingress_class":
        assert world.ask("http://ingress-class/").status == 404
        return
    decision = world.ask(case["url"], case["method"])
    if decision.status == 308:
        assert dialect == "nginx" or "ssl-redirect" in str(ingress)
        decision = world.ask(dict(decision.headers)["Location"], case["method"])
    assert (decision.status or 200) == case["status"], decision.reason
    assert (decision.service.name if decision.service else None) == case["backend"]


def _hundred(world: World) -> list[Decision]:
    import random

    from podwalk.network.ingress import Memory

    memory, chance = Memory(), random.Random(1)
    request = HttpRequest("load-balancing")
    return [route(world.store, request, dialect=world.dialect, memory=memory, random=chance) for _ in range(100)]


TABLE = [
    ("Prefix", ["/"], "/any/path", "/"),
    ("Exact", ["/foo"], "/foo", "/foo"),
    ("Exact", ["/foo"], "/bar", None),
    ("Exact", ["/foo"], "/foo/", None),
    ("Exact", ["/foo/"], "/foo", None),
    ("Prefix", ["/foo"], "/foo", "/foo"),
    ("Prefix", ["/foo"], "/foo/", "/foo"),
    ("Prefix", ["/foo/"], "/foo", "/foo/"),
    ("Prefix", ["/foo/"], "/foo/", "/foo/"),
    ("Prefix", ["/aaa/bb"], "/aaa/bbb", None),
    ("Prefix", ["/aaa/bbb"], "/aaa/bbb", "/aaa/bbb"),
    ("Prefix", ["/aaa/bbb/"], "/aaa/bbb", "/aaa/bbb/"),
    ("Prefix", ["/aaa/bbb"], "/aaa/bbb/", "/aaa/bbb"),
    ("Prefix", ["/aaa/bbb"], "/aaa/bbb/ccc", "/aaa/bbb"),
    ("Prefix", ["/aaa/bbb"], "/aaa/bbbxyz", None),
    ("Prefix", ["/", "/aaa"], "/aaa/ccc", "/aaa"),
    ("Prefix", ["/", "/aaa", "/aaa/bbb"], "/aaa/bbb", "/aaa/bbb"),
    ("Prefix", ["/", "/aaa", "/aaa/bbb"], "/ccc", "/"),
    ("Prefix", ["/aaa"], "/ccc", "default"),
    ("Mixed", ["/foo"], "/foo", "exact"),
]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("kind", "paths", "asked", "expected"), TABLE)
def test_a_path_type_matches_as_the_documentation_has_it(
    dialect: str, kind: str, paths: list[str], asked: str, expected: str | None
) -> None:
    world = World(dialect)
    world.service("any")

    def entry(path: str, type_: str) -> Object:
        return {"path": path, "pathType": type_, "backend": {"service": {"name": "any", "port": {"number": 8080}}}}

    if kind == "Mixed":
        listed = [entry(path, type_) for path in paths for type_ in ("Prefix", "Exact")]
    else:
        listed = [entry(path, kind) for path in paths]
    spec: Object = {"rules": [{"host": "h", "http": {"paths": listed}}]}
    if expected == "default":
        spec["defaultBackend"] = {"service": {"name": "any", "port": {"name": "http"}}}
    world.ingress({"spec": spec})
    decision = world.ask(f"http://h{asked}")
    if expected is None:
        assert decision.status == 404
        return
    assert decision.rule is not None
    assert decision.proxied
    if expected == "default":
        assert decision.rule.is_default
    elif expected == "exact":
        assert decision.rule.field == "spec.rules[0].http.paths[1]"
    else:
        assert decision.rule.field == f"spec.rules[0].http.paths[{paths.index(expected)}]"
