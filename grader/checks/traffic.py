"""Checks of traffic: who gets an answer from whom, and who must not.

"Blocked" alone proves nothing: a name misspelt is blocked too. So every such check has a positive control, a connection
from the target to itself that must succeed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

from grader.checks.services import pod_ips
from grader.finding import PASSED, Check, Finding, failed, partly
from podwalk.facade import Cluster
from podwalk.facade.probes import Caller, Probe, Reply, as_caller, call, like, probe
from podwalk.facade.probes.script import classify

TIMEOUT_S = 2
SOME_FLOWS = 3
ANYBODY = like()
REMEDIES = {
    Reply.UNRESOLVED: "is there a Service of that name, and may the caller ask DNS?",
    Reply.REFUSED: "nobody listens there: look at the Service's endpoints and its targetPort",
}


def answers(
    caller: Caller | str, url: str, *, body: str = "", headers: Mapping[str, str] | None = None, claim: str = ""
) -> Check:
    """Check that a GET from a Pod succeeds, with a body that a regular expression finds.

    Args:
        caller: who calls: one of the student's Pods, or ``like("app=frontend")``.
        url: as a program there would write it.
        body: a regular expression; empty for any.
        headers: of the request.
        claim: what must hold, in words.
    """
    flags = " ".join(f"--header '{name}: {value}'" for name, value in (headers or {}).items())

    def attempt(cluster: Cluster) -> Finding:
        output = call(cluster, caller, f"wget -qO- -T {TIMEOUT_S} {flags} '{url}'")
        if not output.ok:
            return failed(f"{as_caller(caller)} gets no answer from {url}: {_why(output.stderr)}")
        if body and not re.search(body, output.stdout):
            return failed(f"{url} answers, but not with what was asked for", output.stdout)
        return PASSED

    return Check(claim or f"{as_caller(caller)} gets an answer from {url}", attempt)


def reaches(caller: Caller | str, host: str, port: int) -> Check:
    """Check that a TCP connection from a Pod to a name or address succeeds."""

    def attempt(cluster: Cluster) -> Finding:
        (flow,) = _connect(cluster, [(caller, host, port)])
        return PASSED if flow.open else failed(f"{as_caller(caller)} cannot connect to {host}:{port}: {_said(flow)}")

    return Check(f"{as_caller(caller)} reaches {host}:{port}", attempt)


def blocked(caller: Caller | str, host: str, port: int, *, control: Caller | str) -> Check:
    """Check that a TCP connection from a Pod does not succeed, although the target is there.

    Args:
        caller: who must not get through.
        host: the name or address.
        port: the port.
        control: who must get through at the same time: without that, nothing is proved.
    """

    def attempt(cluster: Cluster) -> Finding:
        proof, flow = _connect(cluster, [(control, host, port), (caller, host, port)])
        if not proof.open:
            return failed(f"not even {as_caller(control)} can connect to {host}:{port}: {_said(proof)}")
        if not flow.open:
            return PASSED
        return failed(f"{as_caller(caller)} can connect to {host}:{port}, and should not")

    return Check(f"{as_caller(caller)} is kept from {host}:{port}", attempt)


def on_nodes(caller: Caller | str, port: int, *, body: str = "") -> Check:
    """Check that every node answers a GET on a port, as a NodePort makes it; each node earns its share.

    Args:
        caller: who calls.
        port: of the nodes.
        body: a regular expression that each answer must match.
    """

    def attempt(cluster: Cluster) -> Finding:
        urls = [f"http://{address}:{port}/" for address in _node_addresses(cluster)]
        findings = [answers(caller, url, body=body).attempt(cluster) for url in urls]
        wrong = [finding for finding in findings if not finding.passed]
        return partly(len(urls) - len(wrong), len(urls), wrong[0].reason) if wrong else PASSED

    return Check(f"every node answers on port {port}", attempt)


def _node_addresses(cluster: Cluster) -> list[str]:
    addresses = [address for node in cluster.get("nodes") for address in node["status"]["addresses"]]
    return [address["address"] for address in addresses if address["type"] == "InternalIP"]


def listening(selector: str, port: int, *, pods: int, body: str = "", caller: Caller | str = ANYBODY) -> Check:
    """Check that Pods with these labels answer a GET on a port, each by itself.

    Args:
        selector: their labels.
        port: where they listen.
        pods: how many there should be; each earns its share.
        body: a regular expression that the answer must match.
        caller: who asks them, where not just anybody may.
    """
    addresses = pod_ips(selector)

    def attempt(cluster: Cluster) -> Finding:
        found = addresses(cluster)
        right, evidence = 0, ""
        for address in found[:pods]:
            output = call(cluster, caller, f"wget -qO- -T {TIMEOUT_S} http://{address}:{port}")
            met = output.ok and (not body or re.search(body, output.stdout) is not None)
            right += met
            evidence = evidence if met else output.stdout or output.stderr
        if not found:
            return failed(f"there is no ready Pod with {selector}")
        return partly(right, pods, f"{right} of {pods} Pods with {selector} answer on port {port} as asked", evidence)

    return Check(f"{pods} Pods with {selector} answer on port {port}", attempt)


def within(deadline_s: float, check: Check) -> Check:
    """Let a check be tried for longer than others: what it waits for takes its time on a real cluster too.

    Args:
        deadline_s: how long; a changed ConfigMap needs up to 90 s to reach a Pod's files, a CoreDNS up to 45 s more to
            look at them, and a name that was asked for too early is denied from the cache for 30 s.
        check: the check.
    """
    return dataclasses.replace(check, deadline_s=deadline_s)


def given(earned: bool, check: Check) -> Check:
    """Let a check count only if something else holds: what works in an untouched cluster anyway is no merit by itself.

    Args:
        earned: whether it does, e.g. ``task.check(…).passed``.
        check: the check.
    """
    if earned:
        return check
    return Check(
        check.claim, lambda cluster: Finding(0.0, "it counts only together with the check before it", final=True)
    )


Flow = tuple[Caller | str, str, int]


def exactly_flows(
    allowed: Iterable[Flow], *, callers: Sequence[Caller | str], targets: Sequence[tuple[str, int]], claim: str = ""
) -> Check:
    """Check that of all flows from callers to targets exactly these are allowed.

    Flows that should work and do not, and flows that work and should not, weigh the same; a flow too many is shown. If
    nothing is allowed through at all, there are no points for blocking.

    Args:
        allowed: caller, host and port of each flow that must succeed.
        callers: the rows of the matrix.
        targets: the columns, host and port.
        claim: what must hold, in words.
    """
    wanted = {(as_caller(caller), host, port) for caller, host, port in allowed}
    flows = [(as_caller(caller), host, port) for caller in callers for host, port in targets]
    forbidden = [flow for flow in flows if flow not in wanted]

    def attempt(cluster: Cluster) -> Finding:
        open_flows = let_through(cluster, flows)
        missing = [flow for flow in flows if flow in wanted and flow not in open_flows]
        extra = [flow for flow in forbidden if flow in open_flows]
        if not missing and not extra:
            return PASSED
        reason = _flow_reason(missing, extra)
        if len(missing) == len(wanted):
            return failed(reason)
        share = (1 - len(missing) / max(1, len(wanted))) * 0.5 + (1 - len(extra) / max(1, len(forbidden))) * 0.5
        untouched = len(extra) == len(forbidden)
        return Finding(0.0 if untouched else share, reason)

    return Check(claim or f"exactly {len(wanted)} of {len(flows)} flows are allowed", attempt)


def let_through(cluster: Cluster, flows: Sequence[Flow]) -> list[Flow]:
    """Return those flows that are open; all are tried side by side, so that what is silent costs one time-out."""
    return [flow for flow, found in zip(flows, _connect(cluster, flows), strict=True) if found.open]


def _flow_reason(missing: Sequence[tuple[Caller, str, int]], extra: Sequence[tuple[Caller, str, int]]) -> str:
    parts = []
    for label, flows in (("allowed but should not be", extra), ("blocked but should be allowed", missing)):
        if flows:
            shown = "; ".join(f"{caller} → {host}:{port}" for caller, host, port in flows[:SOME_FLOWS])
            more = f" and {len(flows) - SOME_FLOWS} more" if len(flows) > SOME_FLOWS else ""
            parts.append(f"{label}: {shown}{more}")
    return "; ".join(parts)


def _connect(cluster: Cluster, flows: Sequence[Flow]) -> list[Probe]:
    """Try flows, each caller in one exec; the stand-ins stay, for the next try. A check has controls of its own."""
    callers = list(dict.fromkeys(as_caller(caller) for caller, _, _ in flows))
    targets = list(dict.fromkeys(f"tcp://{host}:{port}" for _, host, port in flows))
    found = probe(cluster, callers, targets, controlled=False, keep=True)
    return [found[as_caller(caller), f"tcp://{host}:{port}"] for caller, host, port in flows]


def _said(flow: Probe) -> str:
    return flow.said or flow.reply.value


def _why(stderr: str) -> str:
    """Return what a tool said last, and what to look at."""
    line = (stderr.strip().splitlines()[-1:] or ["no answer"])[0].removeprefix("wget: ").removeprefix("nc: ")
    remedy = REMEDIES.get(classify(line), "")
    return f"{line} ({remedy})" if remedy else line
