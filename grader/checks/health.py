"""A check of readiness: a Pod that says that it is ill gets no more requests."""

from __future__ import annotations

from grader.finding import PASSED, Check, Finding, failed
from podwalk.facade import Cluster
from podwalk.facade.probes import Caller, call


def heeds_health(service: str, selector: str, caller: Caller | str, *, port: int = 80, namespace: str = "") -> Check:
    """Check that a Service passes over a Pod that reports itself ill, and takes it back in the end.

    The Pods run whoami: what is posted to its ``/health`` is the status that ``/health`` answers from then on.

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
        ill, well = addresses[0], addresses[1]
        call(cluster, caller, _post(ill, port, 500))
        asked = call(cluster, caller, f"wget -qO- -T 2 http://{ill}:{port}/health")
        serving = _serving(cluster, service, namespace)
        if asked.ok:
            return failed(f"a Pod with {selector} still answers 200 at /health, whatever it is told: is it whoami?")
        if well not in serving:
            return failed(f"no Pod with {selector} stands behind {service}")
        if ill in serving:
            return failed(
                f"a Pod whose /health answers 500 is still behind {service}: who asks it whether it is ready?"
            )
        call(cluster, caller, _post(ill, port, 200))
        return PASSED

    return Check(f"Service {service} passes over a Pod that is ill", attempt)


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
