"""What really becomes of a request, beside what the network model predicts: a connection that is made, and its answer.

The model knows objects. It does not know whether a process listens, whether the CNI plugin enforces policies of its
own kinds, or how far a node or an Ingress controller has followed a change. Where the two differ, a walk says so and
what may be the reason.
"""

from __future__ import annotations

import re
import shlex
import socket
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from podwalk.facade.errors import LearnerError
from podwalk.facade.probes import Probe, Reply
from podwalk.types import HopKind, Outcome
from podwalk.walks import Observation, Walk, controllers

if TYPE_CHECKING:
    from podwalk.facade.cluster import Cluster

DEADLINE_S = 6.0
TIMEOUT_S = 3
IN_PROCESS = ("in-process", "embedded")

REPLIES = {
    Outcome.DELIVERED: Reply.OPEN,
    Outcome.REFUSED: Reply.REFUSED,
    Outcome.TIMED_OUT: Reply.SILENT,
    Outcome.UNRESOLVED: Reply.UNRESOLVED,
    Outcome.UNREACHABLE: Reply.UNREACHABLE,
}

LISTENS = "No process listens there: the container's log may say why, and `ss -ltn` what does listen."
BEYOND = "Something drops it that these objects do not show: a policy of the CNI plugin's own kinds, or a firewall."
UNENFORCED = "Does the CNI plugin enforce NetworkPolicies, and has the node followed the last change yet?"
KNOWN = "The name is known where the cluster's objects do not reach: a forwarder of CoreDNS, or a hosts file."
BEHIND = "Has the controller followed the last change yet? Its log says what it made of the objects."
FORWARDED = "The controller did not get through to the Pod: does a process listen there, and what does its log say?"
EITHER = "The Pod has no such page; or the controller has not taken the rule yet, and this is its own answer."
GATEWAY_STATUSES = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
"""What a controller answers when it does not get through to a Pod."""

OTHER = "Look at the first hop at which the two can differ; the objects may have changed meanwhile."

REASONS = {
    (Reply.OPEN, Reply.REFUSED): LISTENS,
    (Reply.OPEN, Reply.SILENT): BEYOND,
    (Reply.SILENT, Reply.OPEN): UNENFORCED,
    (Reply.UNRESOLVED, Reply.OPEN): KNOWN,
    (Reply.UNRESOLVED, Reply.SILENT): KNOWN,
}
"""What may be the reason, by what was predicted and what came."""


def observe(cluster: Cluster, walk: Walk, target: str) -> Observation:
    """Make the connection that a walk is about, and compare.

    Args:
        cluster: where.
        walk: the prediction.
        target: to what, as typed.

    Raises:
        LearnerError: when the connection cannot be made from there.
    """
    predicted = _predicted(walk)
    if walk.source.resource == "pods":
        found = cluster.probe(
            walk.source.name,
            target,
            namespace=walk.source.namespace,
            expect=Reply.OPEN in predicted,
            deadline_s=DEADLINE_S,
        )
        answer = _answer(cluster, walk, found) if found.open else ""
        return _judged(walk, _compared(predicted, found.reply, answer))
    if walk.source.resource != "outside" or cluster.backend in IN_PROCESS:
        raise LearnerError(
            f"a connection from {walk.origin} cannot be tried on the cluster {cluster.backend!r}",
            hint="probe from a Pod, or on a kind cluster from outside",
        )
    return _compared(predicted, _from_here(walk), "")


def _predicted(walk: Walk) -> tuple[Reply, ...]:
    """Return what the first connection should come to; what an Ingress controller does later is its answer."""
    if walk.status:
        return (Reply.OPEN,)
    if walk.outcome is Outcome.UNRESOLVED and walk.reason and walk.reason.kind in (HopKind.EGRESS, HopKind.INGRESS):
        # The query itself is dropped: what a program says then, and how soon, is its own affair.
        return (Reply.SILENT, Reply.UNRESOLVED)
    return (REPLIES[walk.outcome],)


def _compared(predicted: tuple[Reply, ...], reply: Reply, answer: str) -> Observation:
    agrees = reply in predicted
    reason = "" if agrees else REASONS.get((predicted[0], reply), OTHER)
    return Observation(predicted[0].value, reply.value, agrees, reason, answer)


def _judged(walk: Walk, found: Observation) -> Observation:
    """Hold the answer against what the walk says of an Ingress controller: that it answers itself, or a Pod does."""
    if not found.answer or all(hop.kind is not HopKind.INGRESS_CONTROLLER for hop in walk.hops):
        return found
    status = int(found.answer.split()[1])
    if walk.status and status != walk.status:
        predicted = f"{found.predicted}, and the controller's own answer HTTP {controllers.answer(walk.status)}"
        return replace(found, predicted=predicted, agrees=False, reason=BEHIND)
    if not walk.status and status in GATEWAY_STATUSES:
        predicted = f"{found.predicted}, and an answer of the Pod"
        return replace(found, predicted=predicted, agrees=False, reason=FORWARDED)
    return replace(found, reason=EITHER) if status == HTTPStatus.NOT_FOUND and not walk.status else found


def _answer(cluster: Cluster, walk: Walk, found: Probe) -> str:
    """Ask for the page too, with what the Pod has: ``wget`` or ``curl``; empty without either."""
    if walk.target.scheme not in ("http", "https") or found.stand_in:
        return ""
    url, header = shlex.quote(walk.target.text), ""
    if walk.target.header:
        header = f"-H {shlex.quote('Host: ' + walk.target.header)}"
    wget = f"wget -q -S -O /dev/null -T {TIMEOUT_S} {header.replace('-H', '--header')} {url} 2>&1"
    script = f"if command -v curl >/dev/null; then curl -ksi -m {TIMEOUT_S} {header} {url}; else {wget}; fi | head -n 8"
    output = cluster.exec(walk.source.name, script, namespace=walk.source.namespace)
    told = re.search(r"HTTP/[\d.]+ (\d{3}[^\r\n]*)", output.stdout)
    return f"HTTP {told[1].strip()}" if told else ""


def _from_here(walk: Walk) -> Reply:
    """Connect from this machine to the address that the walk found."""
    address = next((hop.data["address"] for hop in walk.hops if "address" in hop.data), "")
    if not address:
        return Reply.UNRESOLVED
    try:
        socket.create_connection((address, walk.target.port), TIMEOUT_S).close()
    except ConnectionRefusedError:
        return Reply.REFUSED
    except TimeoutError:
        return Reply.SILENT
    except OSError:
        return Reply.UNREACHABLE
    return Reply.OPEN
