"""Faults of names: who may ask DNS, and what a name leads to."""

from __future__ import annotations

from podwalk.incidents.application import Application
from podwalk.incidents.fault import Fault
from podwalk.incidents.objects import Objects

RUNG = "DNS"


def _no_dns(app: Application, objects: Objects) -> None:
    del objects["NetworkPolicy/names"]


def _udp_only(app: Application, objects: Objects) -> None:
    rule = objects["NetworkPolicy/names"]["spec"]["egress"][0]
    rule["ports"] = [port for port in rule["ports"] if port["protocol"] == "UDP"]


def _typo(app: Application, objects: Objects) -> None:
    spec = objects[f"Service/{app.partner}"]["spec"]
    spec["externalName"] = spec["externalName"].replace("-office", "-ofice")


FAULTS = (
    Fault(
        "no-dns", RUNG, _no_dns,
        lambda app: (
            f"Since the security team's change nothing in {app.theme} finds anything: “bad address”, “could not "
            f"resolve host”. Only the start page of {app.front} still works."
        ),
        lambda app: (
            "Read the error: did the connection fail, or did it fail before there was one?",
            "Whom must a Pod be allowed to call, before it can call anybody by name?",
            "The namespace is closed in both directions. DNS listens in kube-system, on port 53.",
        ),
        frozenset({"proxy", "api", "store", "members", "partner", "dns-tcp"}),
        # A cache is one more caller by name; an incident without one is hard enough.
        applies=lambda app: not app.cache,
    ),
    Fault(
        "dns-udp-only", RUNG, _udp_only,
        lambda app: (
            f"{app.api} fails now and then to resolve a name: only where the answer is a long one. Short answers "
            "always come."
        ),
        lambda app: (
            "An answer that does not fit into one datagram is asked for again, in another way.",
            "DNS speaks UDP and TCP. Which of them do the policies let out?",
        ),
        frozenset({"dns-tcp"}),
    ),
    Fault(
        "external-name", RUNG, _typo,
        lambda app: f"{app.api} cannot reach {app.partner}. Their side is up, they say, and sees no call.",
        lambda app: (
            f"What does the name {app.partner} resolve to in incident?",
            "A Service of type ExternalName is nothing but an alias. Does its target exist?",
        ),
        frozenset({"partner"}),
    ),
)  # fmt: skip
