"""Checks of an incident: that a ticket is settled, and that settling it neither broke nor opened anything else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial

import podwalk
from grader.checks.names import resolves
from grader.checks.services import pod_ips
from grader.checks.traffic import answers, let_through, on_nodes, reaches
from grader.finding import PASSED, Check, Finding, partly
from podwalk.facade import Cluster
from podwalk.facade.errors import LearnerError
from podwalk.facade.probes import Caller, like
from podwalk.incidents import Behaviour, Incident, Ticket, behaviours, draw
from podwalk.incidents.behaviours import Side

ASSIGNMENT = "incident"
DOOR = "http://ingress.default"
"""The Ingress controller, by the name that the add-on gives it on every cluster."""

DEADLINE_S = 10.0


def incident(seed: int | str | None = None) -> Incident:
    """Return the incident of a seed, by default of whoever is being graded."""
    return draw(podwalk.seed(ASSIGNMENT) if seed is None else seed)


def settled(ticket: Ticket) -> Check:
    """Check that what a ticket complains of works again; each behaviour earns its share."""

    def attempt(cluster: Cluster) -> Finding:
        met, reason = _count(cluster, ticket.behaviours)
        return partly(met, len(ticket.behaviours), reason)

    return Check(f"ticket {ticket.number} is settled", attempt, DEADLINE_S)


def contained(broken: Incident) -> Check:
    """Check that everything of the application works, and that nobody gets through who should not.

    As long as tickets are open it earns their part only: in an untouched cluster much works, which is nobody's merit.
    """
    known = behaviours(broken.app).values()

    def attempt(cluster: Cluster) -> Finding:
        tickets = [settled(ticket).attempt(cluster).passed for ticket in broken.tickets]
        others = [one for one in known if not any(one in ticket.behaviours for ticket in broken.tickets)]
        closed = next(one for one in known if one.kind == "closed")
        met, reason = _count(cluster, [one for one in others if one is not closed])
        guarded = behaviour(closed).attempt(cluster)
        health = met / max(1, sum(one is not closed for one in others))
        share = sum(tickets) / max(1, len(tickets)) * health * guarded.share
        waiting = "" if all(tickets) else f"{tickets.count(False)} of {len(tickets)} tickets are still open"
        reasons = "; ".join(filter(None, (guarded.reason, reason, waiting)))
        return Finding(share, reasons)

    return Check("all else works as before, and nobody else gets in, or out", attempt, DEADLINE_S)


def behaviour(one: Behaviour) -> Check:
    """Return the check of one behaviour."""
    caller = _caller(one.caller)
    attempts: dict[str, Callable[[], Check]] = {
        "answers": lambda: answers(caller, one.target, body=re.escape(one.body)),
        "connects": lambda: reaches(caller, one.target.partition(":")[0], int(one.target.partition(":")[2])),
        "resolves": lambda: resolves(caller, one.target, pod_ips(one.selector)),
        "nodes": lambda: on_nodes(caller, int(one.target), body=re.escape(one.body)),
        "door": lambda: answers(caller, DOOR + one.target, body=re.escape(one.body), headers={"Host": one.host}),
        "closed": lambda: Check("", partial(_closed, one)),
    }
    return Check(one.claim, attempts[one.kind]().attempt, DEADLINE_S)


def _count(cluster: Cluster, wanted: Iterable[Behaviour]) -> tuple[int, str]:
    """Return how many behaviours hold, and the first that does not, with the reason."""
    met, reason = 0, ""
    for one in wanted:
        finding = _finding(cluster, one)
        met += finding.passed
        reason = reason or ("" if finding.passed else f"not so: {one.claim} ({finding.reason})")
    return met, reason


def _finding(cluster: Cluster, one: Behaviour) -> Finding:
    try:
        return behaviour(one).attempt(cluster)
    except LearnerError as error:
        return Finding(0.0, str(error.problem))


def _closed(one: Behaviour, cluster: Cluster) -> Finding:
    flows = [(_caller(side), host, port) for side, host, port in one.flows]
    found = [f"{caller} → {host}:{port}" for caller, host, port in let_through(cluster, flows)]
    if not found:
        return PASSED
    return partly(len(one.flows) - len(found), len(one.flows), f"allowed but should not be: {'; '.join(found[:3])}")


def _caller(side: Side) -> Caller:
    return like(side.labels, side.namespace)
