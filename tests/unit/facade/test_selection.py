"""Which backend is chosen: argument, environment, the course's kind cluster, embedded."""

from __future__ import annotations

import pytest

from podwalk.backends import selection
from podwalk.backends.kind import KindBackend, configuration


class Fake:
    def __init__(self, name: str, argument: str, up: bool = False) -> None:
        self.name, self.argument, self.up = name, argument, up

    def is_up(self) -> bool:
        return self.up


@pytest.fixture(params=[True, False], ids=["kind up", "kind down"])
def kind_up(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    def maker(name: str, up: bool) -> object:
        return lambda argument: Fake(name, argument, up)

    backends = {name: maker(name, name == "kind" and request.param) for name in selection.BACKENDS}
    monkeypatch.setattr(selection, "BACKENDS", backends)
    return bool(request.param)


def test_the_argument_comes_first(kind_up: bool) -> None:
    chosen = selection.select("context:demo", environ={"PODWALK_BACKEND": "kind"})
    assert isinstance(chosen, Fake)
    assert (chosen.name, chosen.argument) == ("context", "demo")


def test_the_environment_comes_second(kind_up: bool) -> None:
    assert selection.select(environ={"PODWALK_BACKEND": "in-process"}).name == "in-process"


def test_else_the_courses_kind_cluster_if_it_is_up_else_embedded(kind_up: bool) -> None:
    assert selection.select(environ={}).name == ("kind" if kind_up else "embedded")


def test_an_unknown_backend_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        selection.UnknownBackendError, match=r'no backend "minikube" \(from PODWALK_BACKEND\).*embedded'
    ):
        selection.select(environ={"PODWALK_BACKEND": "minikube"})


def test_the_kind_cluster_has_workers_in_two_zones() -> None:
    nodes = configuration(2)["nodes"]
    assert isinstance(nodes, list)
    assert [node.get("labels", {}).get("topology.kubernetes.io/zone") for node in nodes] == [
        "zone-a",
        "zone-a",
        "zone-b",
    ]


def test_a_context_that_is_not_there_is_down() -> None:
    assert not KindBackend("there-is-no-such-cluster").is_up()
