"""What a session knows of a step, what it forgets, and what it takes back."""

from __future__ import annotations

import dataclasses

import pytest

import podwalk
from podwalk.facade import Changes, Cluster
from podwalk.facade.errors import CancelledError, LearnerError, ManifestError
from podwalk.labs.changes import describe
from podwalk.labs.contents import doomed
from podwalk.labs.lab import Check, Lab, Step
from podwalk.labs.progress import Progress
from podwalk.labs.session import Session

POD = """
apiVersion: v1
kind: Pod
metadata: {name: patient, namespace: default}
spec:
  containers:
  - name: shell
    image: busybox:1.36
    command: [sleep, infinity]
"""
PATIENT = Step("patient", "A Pod", manifest=POD, wait=("kubectl wait pod/patient --for=condition=Ready",))
FEVER = Step(
    "fever",
    "Fever",
    run=("kubectl exec patient -- sh -c 'echo x >> /tmp/fever'",),
    undo=("kubectl exec patient -- rm -f /tmp/fever",),
    verify=(Check("it has fever, once", "kubectl exec patient -- cat /tmp/fever", prints="x"),),
)


def notes(value: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: notes}}\ndata: {{a: {value}}}\n"


READ = "kubectl get configmap notes -o jsonpath='{.data.a}'"
ONE = Step("one", "One", manifest=notes("one"), verify=(Check("it says one", READ, prints="one"),))
TWO = Step("two", "Two", manifest=notes("two"), verify=(Check("it says two", READ, prints="two"),))


def session(*steps: Step) -> Session:
    return Session(podwalk.cluster("in-process:1", quiet=True), Lab("l", "L", "default", steps=steps), Progress())


def do(here: Session, step: Step) -> bool:
    here.apply(step, step.manifest)
    here.settle(step)
    here.verify(step)
    return here.progress.step(step.name).done


def test_what_was_done_inside_a_container_is_taken_back_before_it_is_done_again_and_by_undo() -> None:
    here = session(PATIENT, FEVER)
    do(here, PATIENT)
    assert do(here, FEVER)
    assert do(here, FEVER)
    here.undo(FEVER)
    assert str(here.cluster.exec("patient", ["ls", "/tmp"])) == ""


def test_undo_goes_on_when_nothing_is_left_to_take_back_from() -> None:
    here = session(PATIENT, FEVER)
    do(here, PATIENT)
    do(here, FEVER)
    here.cluster.delete("pod/patient")
    here.reset()
    assert not here.progress.steps


def test_a_command_that_fails_fails_the_step() -> None:
    here = session(PATIENT, FEVER)
    do(here, PATIENT)
    with pytest.raises(LearnerError, match="failed"):
        here.apply(dataclasses.replace(FEVER, run=("kubectl exec patient -- cat /nothing",)), "")


def test_a_step_without_claims_is_done_when_it_is_applied() -> None:
    here = session(PATIENT)
    here.apply(PATIENT, POD)
    assert here.progress.step("patient").done


def test_a_step_applied_again_must_be_verified_again() -> None:
    here = session(ONE, TWO)
    assert do(here, ONE)
    here.apply(ONE, notes("three"))
    assert not here.progress.step("one").done


def test_a_step_stays_done_when_a_later_one_has_changed_what_it_claims() -> None:
    here = session(ONE, TWO)
    do(here, ONE)
    do(here, TWO)
    assert [result.passed for result in here.verify(ONE)] == [False]
    assert here.progress.step("one").done
    here.undo(TWO)
    assert [result.passed for result in here.verify(ONE)] == [True]


def test_a_namespace_that_a_step_deletes_comes_back_with_all_that_was_in_it() -> None:
    inside = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: [{port: 80}]}\n"
    make = Step("make", "Make", manifest="apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n" + inside)
    clean = Step("clean", "Clean", run=("kubectl delete namespace/shop",))
    here = session(make, clean)
    do(here, make)
    address = here.cluster.get("service/web", namespace="shop").object["spec"]["clusterIP"]
    do(here, clean)
    assert here.lost() == []
    here.undo(clean)
    assert here.cluster.get("service/web", namespace="shop").object["spec"]["clusterIP"] == address
    assert here.lost() == []


def job(command: str) -> str:
    container = f"{{name: test, image: 'busybox:1.36', command: {command}}}"
    return (
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: proof}\nspec:\n  backoffLimit: 0\n  template:\n    spec:\n"
        f"      restartPolicy: Never\n      containers: [{container}]\n"
    )


PROOF = Step("proof", "Proof", manifest=job("['false']"), wait=("kubectl wait job/proof --for=condition=Complete",))


def test_what_a_step_made_and_cannot_change_is_replaced_when_it_is_applied_again() -> None:
    here = session(PROOF)
    here.apply(PROOF, PROOF.manifest)
    (change,) = here.apply(PROOF, job("['true']"))
    assert change.change == "replaced"
    assert "kubectl replace --force" in describe(Changes((change,)))
    here.settle(PROOF)
    assert here.lost() == []
    here.undo(PROOF)
    assert here.cluster.get("jobs").names == []


def test_what_no_cluster_would_take_replaces_nothing() -> None:
    here = session(PROOF)
    (made,) = here.apply(PROOF, PROOF.manifest)
    with pytest.raises(ManifestError, match="restartPolicy"):
        here.apply(PROOF, job("['true']").replace("Never", "Always"))
    assert here.cluster.get("job/proof").object["metadata"]["uid"] == made.object["metadata"]["uid"]


def test_what_another_step_made_is_never_replaced() -> None:
    here = session(PROOF, ONE)
    here.apply(PROOF, PROOF.manifest)
    with pytest.raises(ManifestError, match="immutable"):
        here.apply(ONE, job("['true']"))


def test_a_real_cluster_gets_time_to_follow_what_was_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["", "one", ""])

    def ask(*_: object) -> str:
        answer = next(answers)
        if not answer:
            raise LearnerError("no answer yet")
        return answer

    here = session(ONE)
    monkeypatch.setattr("podwalk.labs.check.run", ask)
    monkeypatch.setattr("podwalk.labs.session.AGAIN_S", 0)
    monkeypatch.setattr("podwalk.labs.session.is_embedded", lambda _: False)
    assert [result.passed for result in here.verify(ONE)] == [True]
    here = session(ONE)
    monkeypatch.setattr("podwalk.labs.session.is_embedded", lambda _: True)
    assert [result.passed for result in here.verify(ONE)] == [False]


def test_which_kind_of_cluster_it_is_is_asked_once_for_each_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def ask(cluster: Cluster) -> bool:
        asked.append(cluster.api)
        return True

    here = session(ONE)
    monkeypatch.setattr("podwalk.labs.session.is_embedded", ask)
    for _ in range(2):
        assert do(here, ONE)
    assert len(asked) == 1
    first, here.cluster.api = here.cluster.api, podwalk.cluster("in-process:2", quiet=True).api
    assert do(here, ONE)
    assert asked == [first, here.cluster.api]


def test_cancel_ends_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    def given_up(*_: object) -> None:
        raise CancelledError("given up")

    here = session(ONE)
    here.apply(ONE, ONE.manifest)
    monkeypatch.setattr("podwalk.labs.check.run", given_up)
    with pytest.raises(CancelledError):
        here.verify(ONE)
    assert not here.progress.step("one").done


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("kubectl delete namespace/a ns/b service/c", ["a", "b"]),
        ("kubectl delete ns a b", ["a", "b"]),
        ("kubectl delete pods -n a", []),
        ("kubectl get namespace a", []),
    ],
)
def test_it_is_known_which_namespaces_a_command_deletes(command: str, names: list[str]) -> None:
    assert doomed(command) == names
