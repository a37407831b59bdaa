"""Faults of the Ingress: who reads it, for which host and path, and where it leads."""

from __future__ import annotations

from typing import Any

from podwalk.incidents.application import Application
from podwalk.incidents.fault import Fault
from podwalk.incidents.objects import Objects

RUNG = "Ingress"
DOOR = frozenset({"door"})


def _rule(app: Application, objects: Objects) -> dict[str, Any]:
    rule: dict[str, Any] = objects[f"Ingress/{app.theme}"]["spec"]["rules"][0]
    return rule


def _path(app: Application, objects: Objects) -> dict[str, Any]:
    path: dict[str, Any] = _rule(app, objects)["http"]["paths"][0]
    return path


def _no_class(app: Application, objects: Objects) -> None:
    objects[f"Ingress/{app.theme}"]["spec"]["ingressClassName"] = "nginx-public"


def _wrong_host(app: Application, objects: Objects) -> None:
    _rule(app, objects)["host"] = app.host.removesuffix(".example") + ".test"


def _exact(app: Application, objects: Objects) -> None:
    _path(app, objects)["pathType"] = "Exact"


def _sub_path(app: Application, objects: Objects) -> None:
    _path(app, objects)["path"] = f"/{app.theme}"


def _wrong_backend(app: Application, objects: Objects) -> None:
    _path(app, objects)["backend"]["service"]["port"] = {"number": 8443}


FAULTS = (
    Fault(
        "ingress-class", RUNG, _no_class,
        lambda app: f"http://{app.host} says “404 page not found”. Inside the cluster, {app.front} answers.",
        lambda app: (
            f"Has anybody taken the Ingress {app.theme} on? `kubectl get ingress -n incident`",
            "`kubectl get ingressclasses`: does the class exist?",
        ),
        DOOR,
    ),
    Fault(
        "ingress-host", RUNG, _wrong_host,
        lambda app: f"The customers' bookmark http://{app.host}/news/today ends in a 404; inside all is well.",
        lambda app: ("For which host is the rule of the Ingress, and which one is called?",),
        DOOR,
    ),
    Fault(
        "path-type", RUNG, _exact,
        lambda app: f"http://{app.host} works, but http://{app.host}/news/today is a 404. It worked last week.",
        lambda app: (
            "Which paths does the Ingress's rule fit?",
            "Prefix and Exact differ for everything but the path itself.",
        ),
        DOOR,
    ),
    Fault(
        "ingress-path", RUNG, _sub_path,
        lambda app: f"http://{app.host}/news/today is a 404, and so is the start page. It must be somewhere, surely?",
        lambda app: ("For which path is the rule of the Ingress?",),
        DOOR,
    ),
    Fault(
        "ingress-backend", RUNG, _wrong_backend,
        lambda app: f"http://{app.host} gives an error of the server's. {app.front}'s own log shows no request at all.",
        lambda app: (
            "The controller has the rule and finds nobody behind it.",
            f"To which port of the Service {app.front} does the Ingress lead? Has the Service one like that?",
        ),
        DOOR,
    ),
)  # fmt: skip
