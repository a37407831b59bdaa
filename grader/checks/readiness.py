"""Checks of readiness: whether a Service follows what its Pods say of themselves."""

from __future__ import annotations

from dataclasses import replace

from grader.checks.services import pods_behind
from grader.finding import Check, Finding, failed, partly
from grader.patience import changes
from podwalk.facade import Cluster

STEPS = 3
PATIENCE_S = 30


def follows(service: str, selector: str, *, open_: str, close: str, container: str = "") -> Check:
    """Check that a Pod stands behind a Service as long as it says that it can serve, and no longer.

    One Pod is told to open, and then to close. Earned in three parts: nobody is there before, only the Pod that opened
    is there afterwards, and nobody again in the end, with no container restarted for it. A Pod that never starts up,
    for its startup probe waits to be told, earns the first part: whether it could be told is a matter of the moment.

    Args:
        service: its name.
        selector: the labels of the Pods; none of them serves yet.
        open_: shell text that makes a Pod able to serve.
        close: shell text that undoes it.
        container: where it is run, by default the Pod's first.
    """

    def attempt(cluster: Cluster) -> Finding:
        pods = cluster.get("pods", selector=selector)
        if not pods.names:
            return failed(f"there are no Pods with {selector}")
        name, ip = pods[0]["metadata"]["name"], pods[0]["status"].get("podIP", "")
        cluster.get("services", service)
        if not _starts_up(cluster, name, container):
            why = f"{name} never starts up: its startup probe waits for what makes it ready, and restarts it meanwhile"
            return replace(partly(int(not pods_behind(cluster, service)), STEPS, why), final=True)
        met, reasons = 0, []
        for command, wanted, words in (
            (close, set(), "before any Pod can serve"),
            (open_, {ip}, f"when only {name} can serve"),
            (close, set(), f"when {name} can no longer serve"),
        ):
            cluster.exec(name, command, container=container)
            found = _settle(cluster, service, wanted)
            met += found == wanted
            if found != wanted:
                reasons.append(f"{words}, {len(found)} Pods get traffic and not {len(wanted)}")
        restarts = sum(
            status["restartCount"] for status in cluster.get("pods", name).object["status"].get("containerStatuses", [])
        )
        if met == STEPS and restarts:
            met, reasons = STEPS - 1, [f"{name} was restarted {restarts} times for it: that is a liveness probe's way"]
        return replace(partly(met, STEPS, "; ".join(reasons)), final=True)

    return Check(f"Service {service} follows the readiness of the Pods with {selector}", attempt)


def _starts_up(cluster: Cluster, pod: str, container: str) -> bool:
    """Wait until a Pod's container has started: without a startup probe it has as soon as it runs."""
    for _ in range(PATIENCE_S):
        found = cluster.get("pods", pod).object["status"].get("containerStatuses", [])
        if any(status.get("started") for status in found if status["name"] == (container or found[0]["name"])):
            return True
        for _ in changes(cluster, 1):
            pass
    return False


def _settle(cluster: Cluster, service: str, wanted: set[str]) -> set[str]:
    found = pods_behind(cluster, service)
    for _ in range(PATIENCE_S):
        if found == wanted:
            break
        for _ in changes(cluster, 1):
            pass
        found = pods_behind(cluster, service)
    return found
