"""Faults of NetworkPolicies: too narrow, for the wrong port, or too wide."""

from __future__ import annotations

from typing import Any

from podwalk.incidents.application import OFFICE, Application
from podwalk.incidents.fault import Fault
from podwalk.incidents.objects import Objects, tcp

RUNG = "Policies"


def _spec(objects: Objects, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = objects[f"NetworkPolicy/{name}"]["spec"]
    return spec


def _service_port(app: Application, objects: Objects) -> None:
    _spec(objects, f"{app.api}-from-{app.front}")["ingress"][0]["ports"] = tcp(app.api_port)


def _no_label(app: Application, objects: Objects) -> None:
    del objects[f"Namespace/{OFFICE}"]["metadata"]["labels"]


def _too_many_items(app: Application, objects: Objects) -> None:
    rule = _spec(objects, f"{app.api}-from-monitors")["ingress"][0]
    peer = rule["from"][0]
    rule["from"] = [{"namespaceSelector": peer["namespaceSelector"]}, {"podSelector": peer["podSelector"]}]


def _everybody(app: Application, objects: Objects) -> None:
    _spec(objects, f"{app.store}-from-{app.api}")["ingress"][0]["from"] = [{"namespaceSelector": {}}]


def _wrong_tier(app: Application, objects: Objects) -> None:
    peer = _spec(objects, f"{app.store}-from-{app.api}")["ingress"][0]["from"][0]
    peer["podSelector"]["matchLabels"] = app.labels(f"{app.api}-v1")


def _one_end_only(app: Application, objects: Objects) -> None:
    del _spec(objects, f"{app.api}-calls")["egress"][-1]


def _same_namespace(app: Application, objects: Objects) -> None:
    del _spec(objects, f"{app.api}-from-monitors")["ingress"][0]["from"][0]["namespaceSelector"]


FAULTS = (
    Fault(
        "service-port", RUNG, _service_port,
        lambda app: (
            f"/{app.api} runs into a time-out. The monitoring in the office calls the very same Service and gets its "
            "answers."
        ),
        lambda app: (
            "Nobody refuses: the packets vanish. What drops packets without a word?",
            f"Which policy is for calls from {app.front} to {app.api}? Look at its port.",
            "A policy sees the packet at the Pod's door, after the Service has been taken away.",
        ),
        frozenset({"api", "proxy"}),
    ),
    Fault(
        "namespace-label", RUNG, _no_label,
        lambda app: f"The office's monitor reports {app.api} as dead. Users notice nothing.",
        lambda app: (
            f"Which policy lets the monitor into {app.api}, and by which labels?",
            "`kubectl get namespaces --show-labels`: does the selector find any?",
        ),
        frozenset({"monitor"}),
    ),
    Fault(
        "pod-selector-alone", RUNG, _same_namespace,
        lambda app: (
            f"The office's monitor has gone blind for {app.api}. Its Pods carry the label that was agreed, and so does "
            "the namespace; somebody tidied up the policies last night."
        ),
        lambda app: (
            "A podSelector without a namespaceSelector: whose Pods does it speak of?",
            f"Look at `from` in the policy that is for {app.api} and the monitors.",
        ),
        frozenset({"monitor"}),
    ),
    Fault(
        "and-or", RUNG, _too_many_items,
        lambda app: (
            f"An audit shows: any Pod of the office can call {app.api}. Only its monitors should. The policy names "
            "both the namespace and the Pods, as it was agreed."
        ),
        lambda app: (
            f"Read the policy for {app.api} and the monitors aloud: is it AND, or OR?",
            "How many list items does `from` have? Count the dashes.",
        ),
        frozenset({"closed"}),
        frozenset({"api", "monitor"}),
    ),
    Fault(
        "open-to-all", RUNG, _everybody,
        lambda app: f"An audit shows: Pods of the office can read {app.store}. Only {app.api} should.",
        lambda app: (
            f"Which policies select {app.store}, and whom do they let in?",
            "What does an empty selector select?",
        ),
        frozenset({"closed"}),
        frozenset({"store"}),
    ),
    Fault(
        "wrong-tier", RUNG, _wrong_tier,
        lambda app: f"{app.api} cannot read from {app.store} any more: every attempt ends in a time-out.",
        lambda app: (
            "A time-out, and no refusal: think of what drops packets.",
            f"Whom does the policy on {app.store} let in? Is there any such Pod?",
        ),
        frozenset({"store"}),
    ),
    Fault(
        "one-end-only", RUNG, _one_end_only,
        lambda app: (
            f"{app.api} cannot reach {app.partner}: time-outs. {app.partner} accepts calls from everywhere, and other "
            "teams get through."
        ),
        lambda app: (
            "A connection has two ends, and a policy may stop it at either.",
            f"What may {app.api} call? Look at the policies that select it, for Egress.",
        ),
        frozenset({"partner"}),
    ),
)  # fmt: skip
