"""Faults of the Pods themselves: there are none, they do not start, they are not ready, or they are set up wrongly."""

from __future__ import annotations

from typing import Any

from podwalk.incidents.application import Application
from podwalk.incidents.fault import Fault
from podwalk.incidents.objects import Objects, upstream

RUNG = "Pods"
FRONT = frozenset({"front", "proxy", "nodes", "door"})
API = frozenset({"api", "proxy", "monitor"})


def _spec(objects: Objects, kind: str, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = objects[f"{kind}/{name}"]["spec"]
    return spec


def _pod(objects: Objects, name: str) -> dict[str, Any]:
    pod: dict[str, Any] = _spec(objects, "Deployment", name)["template"]["spec"]
    return pod


def _none_wanted(app: Application, objects: Objects) -> None:
    _spec(objects, "Deployment", app.api)["replicas"] = 0


def _no_such_image(app: Application, objects: Objects) -> None:
    _pod(objects, app.front)["containers"][0]["image"] = "nginx:1.72"


def _wrong_probe(app: Application, objects: Objects) -> None:
    _pod(objects, app.api)["containers"][0]["readinessProbe"]["httpGet"]["path"] = "/health"


def _wrong_probe_port(app: Application, objects: Objects) -> None:
    _pod(objects, app.front)["containers"][0]["readinessProbe"]["httpGet"]["port"] = 80


def _wrong_upstream(app: Application, objects: Objects) -> None:
    right = upstream(app)
    wrong = right.replace(f":{app.api_port}", f":{app.api_target}")
    data = objects[f"ConfigMap/{app.front}"]["data"]
    data["default.conf"] = data["default.conf"].replace(right, wrong)


def _no_such_node(app: Application, objects: Objects) -> None:
    _pod(objects, app.cache)["nodeSelector"] = {"disk": "fast"}


FAULTS = (
    Fault(
        "replicas-zero", RUNG, _none_wanted,
        lambda app: f"Since the clean-up on Friday the page /{app.api} shows an error. The start page is fine.",
        lambda app: (
            f"Who should answer for {app.api}, and how many of them are there?",
            f"`kubectl get deployments -n incident`: compare READY with what you would expect of {app.api}.",
        ),
        API,
    ),
    Fault(
        "no-such-image", RUNG, _no_such_image,
        lambda app: f"We upgraded {app.front} last night, and this morning http://{app.host} is down for everybody.",
        lambda app: (
            f"Do the Pods of {app.front} run?",
            "`kubectl get pods -n incident`, and then the events: what does the node say about the image?",
        ),
        FRONT,
    ),
    Fault(
        "readiness-path", RUNG, _wrong_probe,
        lambda app: f"/{app.api} gives errors, though the developers of {app.api} swear that their Pods are running.",
        lambda app: (
            "Running and ready are two things.",
            f"`kubectl describe pod -n incident` for a Pod of {app.api}: what does the readiness probe get?",
            f"Which paths does {app.api} answer? Its ConfigMap says so.",
        ),
        API,
    ),
    Fault(
        "readiness-port", RUNG, _wrong_probe_port,
        lambda app: f"Nobody can open http://{app.host}. A colleague looked: all Pods are Running, no restarts.",
        lambda app: (
            "Running and ready are two things.",
            f"What does the readiness probe of {app.front} call, and where does the container listen?",
        ),
        FRONT,
    ),
    Fault(
        "wrong-upstream", RUNG, _wrong_upstream,
        lambda app: (
            f"The start page works, but /{app.api} hangs or fails. The monitoring says that {app.api} itself is in "
            "perfect health."
        ),
        lambda app: (
            f"{app.front} answers, {app.api} answers. What lies between the two?",
            f"Which address does {app.front} call? Its configuration comes from a ConfigMap.",
            "nginx reads its configuration when it starts: after the change, `kubectl rollout restart`.",
        ),
        frozenset({"proxy"}),
    ),
    Fault(
        "node-selector", RUNG, _no_such_node,
        lambda app: f"{app.api} has become slow: its log says that it cannot reach {app.cache}, and does without.",
        lambda app: (
            f"Does {app.cache} run?",
            "A Pod that is Pending has been given no node. `kubectl describe pod` says why.",
        ),
        frozenset({"cache"}),
        applies=lambda app: bool(app.cache),
    ),
)  # fmt: skip
