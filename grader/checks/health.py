"""A check of readiness: a Pod that says that it is ill gets no more requests."""

from __future__ import annotations

import contextlib

from grader.finding import PASSED, Check, Finding, failed
from podwalk.facade import Cluster, wire
from podwalk.facade.errors import LearnerError
from podwalk.facade.probes import Caller, call
from podwalk.types import Object

BESIDE = "grader"
IMAGE = "nicolaka/netshoot:v0.13"
START_TIMEOUT_S = 30.0


def heeds_health(service: str, selector: str, caller: Caller | str, *, port: int = 80, namespace: str = "") -> Check:
    """Check that a Service passes over a Pod that reports itself ill, and takes it back in the end.

    The Pods run whoami: what is posted to its ``/health`` is the status that ``/health`` answers from then on. An image
    that takes no notice is made ill in another way, where the cluster can: nobody gets through to it any more.

    Args:
        service: its name.
        selector: the labels of its Pods.
        caller: who may call the Pods.
        port: where the Pods listen.
        namespace: by default the task's.
    """

    def attempt(cluster: Cluster) -> Finding:
        pods = sorted(
            cluster.get("pods", namespace=namespace, selector=selector), key=lambda pod: str(pod["metadata"]["name"])
        )
        addresses = [pod["status"]["podIP"] for pod in pods if pod["status"].get("podIP")]
        if len(addresses) < 2:
            return failed(f"{len(addresses)} Pods with {selector} run: with fewer than two nobody could take over")
        ill, well = pods[0], addresses[1]
        address = addresses[0]
        call(cluster, caller, _post(address, port, 500))
        if call(cluster, caller, _health(address, port)).ok and not _silence(cluster, ill, port):
            return failed(f"a Pod with {selector} still answers 200 at /health, whatever it is told: is it whoami?")
        serving = _serving(cluster, service, namespace)
        if well not in serving:
            return failed(f"no Pod with {selector} stands behind {service}")
        if address in serving:
            return failed(f"a Pod whose /health does not answer 200 is still behind {service}: who asks it?")
        _unsilence(cluster, ill, port)
        call(cluster, caller, _post(address, port, 200))
        return PASSED

    return Check(f"Service {service} passes over a Pod that is ill", attempt, START_TIMEOUT_S)


def unrestarted(selector: str, *, namespace: str = "") -> Check:
    """Check that no container of the Pods with these labels was ever restarted."""

    def attempt(cluster: Cluster) -> Finding:
        pods = list(cluster.get("pods", namespace=namespace, selector=selector))
        counts = [status["restartCount"] for pod in pods for status in pod["status"].get("containerStatuses") or ()]
        if not counts:
            return failed(f"there are no Pods with {selector}")
        again = sum(counts)
        return failed(f"containers of Pods with {selector} were restarted {again} times") if again else PASSED

    return Check(f"no Pod with {selector} was restarted", attempt)


def _health(address: str, port: int) -> str:
    return f"wget -qO- -T 2 http://{address}:{port}/health"


def _silence(cluster: Cluster, pod: Object, port: int) -> bool:
    """Let nobody get through to a Pod's port, from a container beside its own; False where that cannot be done."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    container = {
        "name": BESIDE,
        "image": IMAGE,
        "command": ["sleep", "infinity"],
        "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{name}"
    try:
        if BESIDE not in [one["name"] for one in pod["spec"].get("ephemeralContainers") or ()]:
            body = {"spec": {"ephemeralContainers": [container]}}
            wire.call(cluster.api, "PATCH", f"{path}/ephemeralcontainers", body=body, content_type=wire.STRATEGIC_PATCH)
        shut = cluster.exec(name, _rule("I", port), namespace=namespace, container=BESIDE)
    except LearnerError:
        # It may only be starting: the check is tried again.
        return False
    return shut.ok


def _unsilence(cluster: Cluster, pod: Object, port: int) -> None:
    with contextlib.suppress(LearnerError):
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        if cluster.get("pods", name, namespace=namespace).object["spec"].get("ephemeralContainers"):
            cluster.exec(name, _rule("D", port), namespace=namespace, container=BESIDE)


def _rule(action: str, port: int) -> str:
    return f"iptables -{action} INPUT -p tcp --dport {port} -j DROP"


def _post(address: str, port: int, status: int) -> str:
    return f"wget -qO- -T 2 --post-data {status} http://{address}:{port}/health"


def _serving(cluster: Cluster, service: str, namespace: str) -> set[str]:
    selector = f"kubernetes.io/service-name={service}"
    return {
        address
        for part in cluster.get("endpointslices", namespace=namespace, selector=selector)
        for entry in part.get("endpoints") or ()
        if (entry.get("conditions") or {}).get("ready") is not False
        for address in entry["addresses"]
    }
