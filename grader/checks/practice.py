"""Checks of good practice: what a review of the namespace finds, and whether a student's own test notices a fault.

A test that always passes proves nothing, so it is run twice: as the namespace is, when it must pass, and with something
broken, when it must fail. What was broken is mended again, whatever happens.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from kubernetes.client import CoreV1Api

from grader.finding import PASSED, Check, Finding, failed
from grader.patience import changes, pauses
from podwalk.facade import Cluster
from podwalk.facade.errors import NotReadyError
from podwalk.facade.probes import call, like
from podwalk.facade.probes.caller import OWNER
from podwalk.types import Object

END_TIMEOUT_S = 60.0
LIMIT_S = 45
NOBODY = {"grader/nobody": "here"}
OPEN = "grader-opens"
ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Damage:
    """Something that can be broken for a moment.

    Attributes:
        words: what is broken, in a clause after “when”.
        inflict: breaks it, and mends it when left.
    """

    words: str
    inflict: Callable[[Cluster], AbstractContextManager[None]]


def holds(rule: str, *, namespace: str = "") -> Check:
    """Check that a rule of ``podwalk.reviews`` finds nothing in a namespace.

    Args:
        rule: its name, e.g. ``readiness``.
        namespace: by default the task's.
    """

    def attempt(cluster: Cluster) -> Finding:
        found = cluster.review(namespace, rules=[rule])
        if not found.findings:
            return PASSED
        first = found.findings[0]
        return failed(f"{first.object}, {first.field}: {first.why}", "\n".join(map(str, found)))

    return Check(f"the rule {rule} holds", attempt)


def notices(job: str, damage: Damage) -> Check:
    """Check that the Pod of a Job succeeds as things are, and fails when something is broken.

    Args:
        job: the student's test, e.g. ``job/communication``; its Pod is run anew, by itself.
        damage: what is broken for its second run.
    """

    def attempt(cluster: Cluster) -> Finding:
        template = cluster.get(job).object["spec"]["template"]
        ended, log = _run(cluster, template)
        if ended != "Succeeded":
            return Finding(
                0.0, f"the test fails although nothing is broken: it ended as {ended or 'nothing'}", log, True
            )
        with damage.inflict(cluster):
            ended, log = _run(cluster, template)
        if ended == "Succeeded":
            return Finding(0.0, f"the test passes although {damage.words}", log, True)
        if not ended:
            return Finding(0.0, f"the test does not end when {damage.words}", log, True)
        return PASSED

    return Check(f"{job} fails when {damage.words}", attempt)


def nobody_behind(service: str, port: int) -> Damage:
    """Break a Service: its selector matches no Pod."""

    @contextmanager
    def inflict(cluster: Cluster) -> Iterator[None]:
        core = CoreV1Api(cluster.api)
        core.patch_namespaced_service(service, cluster.namespace, {"spec": {"selector": NOBODY}})
        try:
            _until(cluster, f"! nc -w 1 {service} {port} -e true")
            yield
        finally:
            gone = dict.fromkeys(NOBODY)
            core.patch_namespaced_service(service, cluster.namespace, {"spec": {"selector": gone}})
            _until(cluster, f"nc -w 1 {service} {port} -e true")

    return Damage(f"nobody is behind Service {service}", inflict)


def open_to_all(service: str, port: int) -> Damage:
    """Break a seal: one more policy lets everybody in to every Pod of the namespace."""

    @contextmanager
    def inflict(cluster: Cluster) -> Iterator[None]:
        cluster.apply(
            {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": OPEN},
                "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
            }
        )
        try:
            _until(cluster, f"nc -w 1 {service} {port} -e true")
            yield
        finally:
            cluster.delete(f"networkpolicy/{OPEN}")
            _until(cluster, f"! nc -w 1 {service} {port} -e true")

    return Damage(f"{service} is open to everybody", inflict)


def _until(cluster: Cluster, command: str) -> None:
    """Wait in a probe until a shell command succeeds: a real cluster's nodes follow a change a moment later."""
    call(cluster, like(), f"for i in $(seq 15); do {command} && break; sleep 1; done")


def _run(cluster: Cluster, template: Object) -> tuple[str, str]:
    """Run a Pod of a template to its end; return its phase, empty if it did not end, and its log."""
    name = f"grader-run-{secrets.token_hex(4)}"
    cluster.apply(_pod(cluster, name, template))
    try:
        return _ended(cluster, name), _log(cluster, name)
    finally:
        cluster.delete(f"pod/{name}")


def _ended(cluster: Cluster, name: str) -> str:
    """Wait until a Pod has ended, and return its phase; empty if it does not end in time."""

    def phase() -> str:
        found = str(cluster.get("pods", name).object.get("status", {}).get("phase", ""))
        return found if found in ENDED else ""

    for pause in pauses(END_TIMEOUT_S):
        if phase() or any(phase() for _ in changes(cluster, pause)):
            break
    return phase()


def _log(cluster: Cluster, name: str) -> str:
    try:
        return str(cluster.logs(name))
    except NotReadyError:
        return ""


def _pod(cluster: Cluster, name: str, template: Object) -> Object:
    """Return the Pod, with the labels that policies look at, and with an owner, so that no controller adopts it."""
    uid = cluster.get("configmaps", OWNER).object["metadata"]["uid"]
    controlled = ("controller-uid", "batch.kubernetes.io/", "job-name")
    labels = {
        key: value
        for key, value in (template.get("metadata", {}).get("labels") or {}).items()
        if not key.startswith(controlled)
    }
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": OWNER, "uid": uid, "controller": True}
    spec = {
        **template["spec"],
        "restartPolicy": "Never",
        "activeDeadlineSeconds": LIMIT_S,
        "terminationGracePeriodSeconds": 0,
        "readinessGates": [{"conditionType": "grader/never-ready"}],
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels, "ownerReferences": [owner]},
        "spec": spec,
    }
