"""Checks of Services: which Pods stand behind one, and how it spreads connections over them."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable

from grader.finding import PASSED, Check, Finding, failed, partly
from podwalk.facade import Cluster
from podwalk.facade.condition import condition
from podwalk.facade.probes import Caller, as_caller, call
from podwalk.types import Object

Pods = Callable[[Cluster], list[Object]]


def pods(selector: str, namespace: str = "") -> Pods:
    """Return a function that lists the ready Pods with these labels."""

    def find(cluster: Cluster) -> list[Object]:
        return [pod for pod in cluster.get("pods", namespace=namespace, selector=selector) if _is_ready(pod)]

    return find


def pod_ips(selector: str, namespace: str = "") -> Callable[[Cluster], list[str]]:
    """Return a function that gives the addresses of the ready Pods with these labels."""
    find = pods(selector, namespace)
    return lambda cluster: [pod["status"]["podIP"] for pod in find(cluster)]


def service_ips(service: str, namespace: str = "") -> Callable[[Cluster], list[str]]:
    """Return a function that gives the addresses of a Service."""
    return lambda cluster: list(cluster.get("services", service, namespace=namespace).object["spec"]["clusterIPs"])


def endpoints(service: str, selector: str, *, port: int = 0, namespace: str = "") -> Check:
    """Check that exactly the ready Pods with these labels stand behind a Service.

    Args:
        service: its name.
        selector: the labels of the Pods that should be there.
        port: the port of the Pods; 0 for any.
        namespace: by default the task's.
    """
    find = pod_ips(selector, namespace)

    def attempt(cluster: Cluster) -> Finding:
        cluster.get("services", service, namespace=namespace)
        wanted, found = set(find(cluster)), pods_behind(cluster, service, namespace)
        ports = {entry["port"] for part in _slices(cluster, service, namespace) for entry in part.get("ports") or ()}
        if not wanted:
            return failed(f"there are no ready Pods with {selector}")
        if port and port not in ports:
            return failed(f"behind {service} is port {_list(ports)}, not {port}: look at targetPort")
        extra = found - wanted
        if extra:
            return failed(f"{len(extra)} of the addresses behind {service} are not Pods with {selector}", _list(extra))
        return partly(
            len(found), len(wanted), f"{len(found)} of the {len(wanted)} Pods with {selector} are behind {service}"
        )

    return Check(f"the Pods with {selector} stand behind Service {service}", attempt)


def pods_behind(cluster: Cluster, service: str, namespace: str = "") -> set[str]:
    """Return the addresses behind a Service that get traffic."""
    return {
        address
        for part in _slices(cluster, service, namespace)
        for entry in part.get("endpoints") or ()
        if _serves(entry)
        for address in entry["addresses"]
    }


def cluster_ip(service: str, *, namespace: str = "") -> Check:
    """Check that a Service has an address of its own inside the cluster."""

    def attempt(cluster: Cluster) -> Finding:
        address = str(cluster.get("services", service, namespace=namespace).object["spec"].get("clusterIP", ""))
        try:
            ipaddress.ip_address(address)
        except ValueError:
            return failed(f"Service {service} has no cluster IP: it is {address or 'of type ExternalName'}")
        return PASSED

    return Check(f"Service {service} has a cluster IP", attempt)


def balanced(caller: Caller | str, url: str, *, over: int, requests: int = 15) -> Check:
    """Check that new connections to a URL are answered by so many different Pods.

    The answers must differ from Pod to Pod. Each one that takes part earns its share. One of three Pods is passed over
    by luck in one try of a hundred, and it is tried again to the deadline.
    """

    def attempt(cluster: Cluster) -> Finding:
        counts = _tally(cluster, caller, url, requests)
        if not counts:
            return failed(f"{as_caller(caller)} gets no answer from {url}")
        seen = "\n".join(f"{count} × {line}" for line, count in counts.most_common())
        return partly(len(counts), over, f"{requests} connections reached {len(counts)} of {over} Pods", seen)

    return Check(f"connections to {url} are spread over {over} Pods", attempt)


def sticky(caller: Caller | str, url: str, *, requests: int = 8, only: str = "") -> Check:
    """Check that all connections of one client reach the same Pod.

    Args:
        caller: the client.
        url: what it asks for.
        requests: how often.
        only: a regular expression of the lines of an answer that tell the Pods apart; by default all of them do.
    """

    def attempt(cluster: Cluster) -> Finding:
        counts = _tally(cluster, caller, url, requests, only)
        if not counts:
            return failed(f"{as_caller(caller)} gets no answer from {url}")
        if len(counts) == 1:
            return PASSED
        return failed(f"{requests} connections of one client were answered by {len(counts)} Pods, not by one")

    return Check(f"a client of {url} always gets the same Pod", attempt)


def _tally(cluster: Cluster, caller: Caller | str, url: str, requests: int, only: str = "") -> Counter[str]:
    output = call(cluster, caller, f"for i in $(seq {requests}); do wget -qO- -T 2 {url} || break; done")
    return Counter(line for line in output.lines if line and re.search(only, line))


def _slices(cluster: Cluster, service: str, namespace: str) -> list[Object]:
    return list(cluster.get("endpointslices", namespace=namespace, selector=f"kubernetes.io/service-name={service}"))


def _serves(entry: Object) -> bool:
    ready = entry.get("conditions", {}).get("ready")
    return ready is None or bool(ready)


def _is_ready(pod: Object) -> bool:
    return condition(pod, "Ready") == "true" and "deletionTimestamp" not in pod["metadata"]


def _list(values: set[str] | set[int]) -> str:
    return ", ".join(map(str, sorted(values))) or "none"
