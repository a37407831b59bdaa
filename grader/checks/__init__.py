"""Checks of what a cluster does. Each function returns a :class:`grader.finding.Check` to hand to ``Task.check``."""

from __future__ import annotations

from grader.checks.clients import admits, verifies
from grader.checks.health import heeds_health, unrestarted
from grader.checks.incidents import contained, incident, settled
from grader.checks.ingress import (
    attached,
    certificate,
    protected,
    redirects,
    routes,
    shares,
    unrouted,
    without_ingress,
)
from grader.checks.names import asks_first, finds, has_record, resolves
from grader.checks.objects import exists, gone, ready, where
from grader.checks.practice import holds, nobody_behind, notices, open_to_all
from grader.checks.readiness import follows
from grader.checks.services import balanced, cluster_ip, endpoints, pod_ips, service_ips, sticky
from grader.checks.traffic import answers, blocked, exactly_flows, given, listening, on_nodes, reaches, within
from podwalk.facade.probes import Caller, like

__all__ = [
    "Caller",
    "admits",
    "answers",
    "asks_first",
    "attached",
    "balanced",
    "blocked",
    "certificate",
    "cluster_ip",
    "contained",
    "endpoints",
    "exactly_flows",
    "exists",
    "finds",
    "follows",
    "given",
    "gone",
    "has_record",
    "heeds_health",
    "holds",
    "incident",
    "like",
    "listening",
    "nobody_behind",
    "notices",
    "on_nodes",
    "open_to_all",
    "pod_ips",
    "protected",
    "reaches",
    "ready",
    "redirects",
    "resolves",
    "routes",
    "service_ips",
    "settled",
    "shares",
    "sticky",
    "unrestarted",
    "unrouted",
    "verifies",
    "where",
    "within",
    "without_ingress",
]  # fmt: skip
