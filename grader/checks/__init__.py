"""Checks of what a cluster does. Each function returns a :class:`grader.finding.Check` to hand to ``Task.check``."""

from __future__ import annotations

from grader.checks.incidents import contained, incident, settled
from grader.checks.names import finds, has_record, resolves
from grader.checks.objects import exists, ready, where
from grader.checks.services import balanced, cluster_ip, endpoints, pod_ips, sticky
from grader.checks.traffic import answers, blocked, exactly_flows, given, listening, reaches
from podwalk.facade.probes import Caller, like

__all__ = [
    "Caller",
    "answers",
    "balanced",
    "blocked",
    "cluster_ip",
    "contained",
    "endpoints",
    "exactly_flows",
    "exists",
    "finds",
    "given",
    "has_record",
    "incident",
    "like",
    "listening",
    "pod_ips",
    "reaches",
    "ready",
    "resolves",
    "settled",
    "sticky",
    "where",
]  # fmt: skip
