"""Faults of Services: whom they select, and which port they lead to."""

from __future__ import annotations

from typing import Any

from podwalk.incidents.application import OFFICE, Application
from podwalk.incidents.fault import Fault
from podwalk.incidents.faults.workloads import API
from podwalk.incidents.objects import Objects, key, service

RUNG = "Services"


def _spec(objects: Objects, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = objects[f"Service/{name}"]["spec"]
    return spec


def _wrong_selector(app: Application, objects: Objects) -> None:
    _spec(objects, app.front)["selector"] = app.labels(app.front[:-1])


def _selects_all(app: Application, objects: Objects) -> None:
    _spec(objects, app.cache)["selector"] = app.labels(app.api)


def _wrong_target_port(app: Application, objects: Objects) -> None:
    _spec(objects, app.api)["ports"][0]["targetPort"] = app.api_target + 1


def _wrong_port_name(app: Application, objects: Objects) -> None:
    _spec(objects, app.api)["ports"][0]["targetPort"] = f"{app.port_name}-api"


def _not_headless(app: Application, objects: Objects) -> None:
    del _spec(objects, app.store)["clusterIP"]


def _node_port_taken(app: Application, objects: Objects) -> None:
    mine = objects.pop(f"Service/{app.front}-nodes")
    ports = [{"port": 8080, "nodePort": app.node_port}]
    other = service("old-demo", OFFICE, type="NodePort", selector=app.labels("old-demo"), ports=ports)
    objects[key(other)] = other
    mine["spec"]["ports"][0]["nodePort"] = app.node_port + 1
    objects[key(mine)] = mine


FAULTS = (
    Fault(
        "wrong-selector", RUNG, _wrong_selector,
        lambda app: f"http://{app.host} answers “503” or nothing at all. Its Pods are all up, we checked.",
        lambda app: (
            f"Who stands behind the Service {app.front}?",
            "`kubectl get endpointslices -n incident`: which Service has no addresses?",
            "Hold the Service's selector against `kubectl get pods -n incident --show-labels`.",
        ),
        frozenset({"front", "proxy", "door"}),
    ),
    Fault(
        "selects-others", RUNG, _selects_all,
        lambda app: f"{app.api} logs that {app.cache} refuses it. {app.cache} has seen no request since yesterday.",
        lambda app: (
            f"Whose addresses stand behind the Service {app.cache}?",
            "`kubectl get endpointslices -n incident` beside `kubectl get pods -n incident -o wide`.",
        ),
        frozenset({"cache"}),
        applies=lambda app: bool(app.cache),
    ),
    Fault(
        "target-port", RUNG, _wrong_target_port,
        lambda app: f"Every call of {app.api} fails, from {app.front} and from the monitoring alike.",
        lambda app: (
            f"Has the Service {app.api} endpoints? And what happens to a connection to one of them?",
            f"On which port do the Pods of {app.api} listen, and to which does the Service lead?",
        ),
        API,
        applies=lambda app: not app.named,
    ),
    Fault(
        "port-name", RUNG, _wrong_port_name,
        lambda app: f"{app.api} cannot be reached by anybody, although every one of its Pods is ready.",
        lambda app: (
            f"Has the Service {app.api} endpoints, and with which port?",
            "A targetPort that is a name is looked up among the container's ports.",
        ),
        API,
        applies=lambda app: app.named,
    ),
    Fault(
        "not-headless", RUNG, _not_headless,
        lambda app: (
            f"{app.api} should see each Pod of {app.store}, and picks one itself. Since {app.store} was set up again, "
            "it finds a single address, which is none of theirs."
        ),
        lambda app: (
            f"What does the name {app.store}.incident.svc.cluster.local resolve to, and what should it?",
            "A Service without an address of its own is called headless.",
            "clusterIP cannot be changed: delete the Service and make it anew.",
        ),
        frozenset({"members"}),
    ),
    Fault(
        "node-port", RUNG, _node_port_taken,
        lambda app: (
            f"The load balancer in front of the nodes calls port {app.node_port}, as agreed, and reports every node as "
            "down."
        ),
        lambda app: (
            f"Which Service has port {app.node_port} of the nodes? `kubectl get services -A`.",
            "A port of the nodes is given out once in the cluster. The old demo in incident-office has no Pods now.",
        ),
        frozenset({"nodes"}),
    ),
)  # fmt: skip
