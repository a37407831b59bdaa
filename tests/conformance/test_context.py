"""Somebody else's cluster, by its context: production is refused, and so is a lab that the user has no rights for."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import yaml
from kubernetes.client import AuthenticationV1TokenRequest, CoreV1Api, V1TokenRequestSpec

import podwalk
from podwalk.backends import doctor
from podwalk.backends.kind import KindBackend
from podwalk.backends.production import VARIABLE, ProductionError
from podwalk.facade import Cluster
from podwalk.facade.errors import LearnerError
from podwalk.labs.lab import Lab, Step
from podwalk.labs.mark import LABEL
from podwalk.labs.progress import Progress
from podwalk.labs.session import Session
from podwalk.types import Object

pytestmark = pytest.mark.parametrize("backend", ["kind"], indirect=True)

RIGHTS = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: learner}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: learner}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: ServiceAccount, name: learner}]
"""
NOTES = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: notes}\n"
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: podwalk-elsewhere}\n"


def written(path: Path, cluster: Cluster, context: str, user: Object) -> None:
    """Write a kubeconfig with one context for a user."""
    there = cluster.api.configuration
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": there.host, "certificate-authority": there.ssl_ca_cert}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
        "current-context": context,
    }
    path.write_text(yaml.safe_dump(content))


@pytest.fixture
def admin(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kubeconfig for the administrator, whose context looks like production."""
    there, file = cluster.api.configuration, tmp_path / "admin.kubeconfig"
    written(file, cluster, "eu-prod", {"client-certificate": there.cert_file, "client-key": there.key_file})
    monkeypatch.setenv("KUBECONFIG", str(file))
    monkeypatch.delenv(VARIABLE, raising=False)
    return file


@pytest.fixture
def learner(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """The cluster as a user has it who may work in one namespace and nowhere else."""
    namespace, spec = cluster.namespace, V1TokenRequestSpec(audiences=[])
    cluster.apply(RIGHTS.replace("name: learner}]", f"name: learner, namespace: {namespace}}}]"))
    answer = CoreV1Api(cluster.api).create_namespaced_service_account_token(
        "learner", namespace, AuthenticationV1TokenRequest(spec=spec)
    )
    assert answer.status is not None
    file = tmp_path / "learner.kubeconfig"
    written(file, cluster, "class", {"token": answer.status.token})
    monkeypatch.setenv("KUBECONFIG", str(file))
    return podwalk.cluster("context:class", namespace=namespace, quiet=True)


def lab(namespace: str, manifest: str, *needs: str) -> Lab:
    return Lab("elsewhere", "Elsewhere", namespace, needs=needs, steps=(Step("notes", "Notes", manifest=manifest),))


def refusal(cluster: Cluster, given: Lab) -> str:
    with pytest.raises(LearnerError, match="this lab cannot run here, and nothing was touched") as caught:
        Session(cluster, given, Progress()).apply(given.steps[0], given.steps[0].manifest)
    return str(caught.value)


def test_a_context_that_looks_like_production_is_refused_unless_it_is_meant(
    cluster: Cluster, admin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ProductionError, match=r"looks like production.*nothing was changed"):
        podwalk.cluster("context:eu-prod", quiet=True)
    monkeypatch.setenv(VARIABLE, "us-prod")
    with pytest.raises(ProductionError):
        podwalk.cluster("context:eu-prod", quiet=True)
    monkeypatch.setenv(VARIABLE, "eu-prod")
    assert podwalk.cluster("context:eu-prod", quiet=True).get("namespaces", cluster.namespace)


def test_a_lab_in_the_learners_own_namespace_runs_and_is_taken_back(learner: Cluster) -> None:
    session = Session(learner, lab(learner.namespace, NOTES), Progress())
    session.apply(session.lab.steps[0], NOTES)
    assert "notes" in learner.get("configmaps").names
    session.reset()
    assert "notes" not in learner.get("configmaps").names


def test_the_rights_that_are_lacking_are_named_and_nothing_is_touched(cluster: Cluster, learner: Cluster) -> None:
    said = refusal(learner, lab("podwalk-elsewhere", NAMESPACE + "---\n" + NOTES, "ingress", "load-balancer"))
    for right in ("create/delete/get/patch namespaces",
                  "create/delete/get/patch configmaps in namespace podwalk-elsewhere",
                  "list ingressclasses.networking.k8s.io", "list pods", "list services"):  # fmt: skip
        assert right in said
    assert "ask whoever runs the cluster for these rights" in said
    assert "podwalk-elsewhere" not in cluster.get("namespaces").names


def test_policies_are_tried_in_the_learners_own_namespace(learner: Cluster) -> None:
    given = lab(learner.namespace, NOTES, "network-policy")
    session = Session(learner, given, Progress())
    session.apply(given.steps[0], NOTES)
    assert "notes" in learner.get("configmaps").names
    assert learner.get("networkpolicies").names == []


def test_the_doctor_tells_a_learner_where_work_is_allowed(learner: Cluster) -> None:
    def rights(namespace: str) -> doctor.Finding:
        return next(finding for finding in doctor.cluster("class", namespace) if finding.subject == "rights")

    assert rights(learner.namespace).good
    assert "create pods in namespace default" in rights("default").said
    assert "--namespace" in rights("default").remedy


def test_a_reset_leaves_what_does_not_carry_the_courses_label(cluster: Cluster) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"podwalk-{cluster.namespace}"},
        "rules": [],
    }
    manifest = yaml.safe_dump(role)
    given = lab(cluster.namespace, manifest)
    session = Session(copy.copy(cluster), given, Progress())
    session.apply(given.steps[0], manifest)
    name = role["metadata"]["name"]  # type: ignore[index]  # it is the mapping above
    try:
        assert cluster.get("clusterroles", name).object["metadata"]["labels"] == {LABEL: "elsewhere"}
        cluster.delete(f"clusterrole/{name}")
        cluster.apply(role)
        session.reset()
        assert name in cluster.get("clusterroles").names
    finally:
        cluster.delete(f"clusterrole/{name}")


def test_a_kind_cluster_that_the_course_did_not_make_is_not_taken_down(backend: str) -> None:
    theirs = KindBackend(backend.partition(":")[2])
    if theirs.is_ours():
        pytest.skip("the course made this kind cluster")
    with pytest.raises(podwalk.errors.PodwalkError, match="the course did not make"):
        theirs.down()
    assert theirs.is_up()
