"""A lab that its cluster cannot run is refused before it touches anything, with all that is missing said at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

import podwalk
from podwalk.backends.rights import Right
from podwalk.facade import Cluster, addons
from podwalk.facade.errors import LearnerError
from podwalk.labs import rights, source
from podwalk.labs.lab import Lab, Step
from podwalk.labs.progress import Progress
from podwalk.labs.session import Session

MANIFEST = """
apiVersion: v1
kind: Namespace
metadata: {name: lab}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: notes, namespace: lab}
"""
ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route, namespace: lab}
"""
POLICY = "network-policy"


def refused(cluster: Cluster, manifest: str = MANIFEST, needs: tuple[str, ...] = ()) -> LearnerError:
    step = Step("notes", "Notes", manifest=manifest)
    with pytest.raises(LearnerError, match="this lab cannot run here, and nothing was touched") as caught:
        Session(cluster, Lab("l", "L", "lab", needs=needs, steps=(step,)), Progress()).apply(step, MANIFEST)
    assert "lab" not in cluster.get("namespaces").names
    return caught.value


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A cluster that is taken for somebody else's, without any add-on."""
    monkeypatch.setattr(addons, "is_embedded", lambda cluster: False)
    cluster = podwalk.cluster("in-process", quiet=True)
    cluster.backend = "context"
    return cluster


@pytest.fixture
def narrow(real: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Its user may do nothing outside of namespaces."""

    def lacking(_: object, wanted: Iterable[Right]) -> Iterator[Right]:
        yield from (right for right in wanted if not right.namespace)

    monkeypatch.setattr(rights, "lacking", lacking)
    return real


def test_without_the_rights_to_what_its_steps_make(narrow: Cluster) -> None:
    error = refused(narrow)
    assert "you may not create/delete/get/patch namespaces" in error.problem
    assert "ask whoever runs the cluster" in error.hint


@pytest.mark.parametrize(
    ("command", "right"),
    [
        ("kubectl delete networkpolicy nobody", "delete networkpolicies.networking.k8s.io in namespace lab"),
        ("kubectl delete namespace/lab", "delete namespaces"),
        ("kubectl rollout restart deployment/web", "patch deployments.apps in namespace lab"),
        ("kubectl scale deployment web --replicas=2", "patch deployments.apps in namespace lab"),
        ("kubectl label pod web ready=yes -n other", "patch pods in namespace other"),
        ("kubectl exec web -n other -- touch /tmp/sick", "create pods/exec in namespace other"),
    ],
)
def test_the_rights_of_a_steps_commands_are_asked_for_too(real: Cluster, command: str, right: str) -> None:
    for step in (Step("s", "S", run=(command,)), Step("s", "S", undo=(command,))):
        assert right in map(str, rights.wanted(real, Lab("l", "L", "lab", steps=(step,))))


@pytest.mark.parametrize("command", ["kubectl get nodes", "kubectl rollout status daemonset/web"])
def test_a_command_that_only_reads_asks_for_no_right(real: Cluster, command: str) -> None:
    step, bare = Step("s", "S", run=(command,)), Lab("l", "L", "lab")
    assert rights.wanted(real, Lab("l", "L", "lab", steps=(step,))) == rights.wanted(real, bare)


def test_what_a_lab_makes_it_must_be_allowed_to_take_back(real: Cluster) -> None:
    asked = set(map(str, rights.wanted(real, Lab("l", "L", "lab", steps=(Step("s", "S", manifest=MANIFEST),)))))
    assert {f"{verb} configmaps in namespace lab" for verb in ("create", "delete", "get", "patch")} <= asked
    assert {f"{verb} namespaces" for verb in ("create", "delete", "get", "patch")} <= asked


def test_everything_that_is_missing_is_said_at_once(real: Cluster) -> None:
    error = refused(real, needs=("ingress", "gateway", "metrics-server", "load-balancer", "cluster-network-policy"))
    for part in ("no Ingress controller for the class nginx", "no controller for Gateway API", "serves no metrics",
                 "nobody in this cluster gives out addresses", "does not have ClusterNetworkPolicy"):  # fmt: skip
        assert part in error.problem
    assert "install Gateway API's standard channel" in error.hint
    assert real.get("services", namespace="default").names == ["kubernetes"]


def test_a_kind_that_comes_with_a_missing_part_is_no_fault_of_the_lab(real: Cluster) -> None:
    assert "no controller for Gateway API" in refused(real, MANIFEST + "---" + ROUTE, needs=("gateway",)).problem


def test_who_may_not_look_for_a_part_is_not_told_that_it_is_not_there(narrow: Cluster) -> None:
    error = refused(narrow, needs=("ingress", "metrics-server"))
    assert "list ingressclasses.networking.k8s.io" in error.problem
    assert "list nodes.metrics.k8s.io" in error.problem
    assert "controller for the class" not in error.problem
    assert "serves no metrics" not in error.problem


def test_a_plugin_that_ignores_policies_is_named() -> None:
    error = refused(podwalk.cluster("in-process", quiet=True, cni="flannel"), needs=(POLICY,))
    assert "its CNI plugin (flannel) does not enforce them" in error.problem
    assert "podwalk.cluster('embedded')" in error.hint


def test_a_cluster_that_has_everything_is_given_the_lab() -> None:
    cluster = podwalk.cluster("in-process", quiet=True)
    step = Step("notes", "Notes", manifest=MANIFEST)
    lab = Lab("l", "L", "lab", needs=("ingress", POLICY), steps=(step,))
    said: list[str] = []
    session = Session(cluster, lab, Progress())
    session.report = said.append
    session.apply(step, MANIFEST)
    assert "ingress" in cluster.get("services", namespace="default").names
    assert "Looking whether the cluster has a CNI plugin that enforces NetworkPolicies" in said


def test_a_word_that_nobody_knows_cannot_be_needed() -> None:
    with pytest.raises(source.LabError, match='"networkpolicy" cannot be needed') as caught:
        source.parse_lab("l", "title: L\nnamespace: lab\nneeds: [networkpolicy]")
    assert POLICY in caught.value.hint
