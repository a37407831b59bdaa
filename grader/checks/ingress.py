"""Checks of the way in from outside: what an Ingress controller or a Gateway does with a request.

A request is made from a probe, at the address of each controller that the cluster has, as DNS would lead it there. So
it does not matter with what a student makes it work: an Ingress, its annotations, or an HTTPRoute. Of several doors the
one that does best counts.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from grader.checks.services import pods
from grader.finding import PASSED, Check, Finding, failed
from podwalk.facade import Cluster, doors
from podwalk.facade.errors import NotFoundError
from podwalk.facade.probes import Caller, call
from podwalk.types import Object

IMAGE = "nicolaka/netshoot:v0.13"
TIMEOUT_S = 5
DOORS = {"ingress": doors.INGRESS_CLASSES["nginx"], "gateway": doors.GATEWAYS}
ROUTES = "httproutes.gateway.networking.k8s.io"
REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Reply:
    """What came back from a door.

    Attributes:
        status: of HTTP; 0 if nothing came.
        headers: in small letters.
        body: what whoami says: the Pod, and the request as it arrived there.
        problem: why nothing came.
    """

    status: int
    headers: Mapping[str, str]
    body: str
    problem: str = ""

    @property
    def pod(self) -> str:
        """The Pod that answered; empty if it does not say."""
        found = re.search(r"^Hostname: (\S+)", self.body, re.MULTILINE)
        return found[1] if found else ""

    @property
    def evidence(self) -> str:
        """What the application said; a controller's own error page says no more than its status."""
        return self.body if self.pod else ""

    def __str__(self) -> str:
        """Render its first line, and where it sends the client."""
        where = f" to {self.headers['location']}" if "location" in self.headers else ""
        return f"{self.status}{where}" if self.status else self.problem


def routes(
    url: str,
    to: str,
    *,
    path: str = "",
    headers: Mapping[str, str] | None = None,
    user: str = "",
    door: str = "",
    claim: str = "",
    namespace: str = "",
) -> Check:
    """Check that a request reaches a Pod with these labels; a redirect on the way, as to HTTPS, is followed.

    Args:
        url: what is asked for.
        to: the labels of the Pods that should answer, e.g. ``app=web``; they run whoami.
        path: what the Pod must be asked for, if it is to differ; reaching the Pod with another is worth half.
        headers: what the Pod must get, as regular expressions by name; the same holds.
        user: ``NAME:PASSWORD``.
        door: ``ingress`` or ``gateway``; by default either will do.
        claim: what must hold, in words.
        namespace: of the Pods, by default the task's.
    """
    options = f"--location-trusted -u {shlex.quote(user)}" if user else "-L"
    find = pods(to, namespace)

    def attempt(cluster: Cluster) -> Finding:
        names = {pod["metadata"]["name"] for pod in find(cluster)}
        if not names:
            return failed(f"there are no ready Pods with {to}")

        def judge(reply: Reply) -> Finding:
            if reply.status != 200:
                return failed(f"{url} is answered with {reply}, not by a Pod with {to}", reply.evidence)
            if reply.pod not in names:
                return failed(
                    f"{url} is answered by {reply.pod or 'something else'}, not by a Pod with {to}", reply.evidence
                )
            return _arrived(url, reply.body, path, headers or {})

        return _best(cluster, url, options, judge, door)

    asked = f", asked for {path}" if path else ""
    told = f", told {', '.join(headers)}" if headers else ""
    return Check(claim or f"{url} leads to a Pod with {to}{asked}{told}", attempt)


def _arrived(url: str, body: str, path: str, headers: Mapping[str, str]) -> Finding:
    """Compare a request as it arrived with what was wanted."""
    found = re.search(r"^[A-Z]+ (\S+) HTTP/", body, re.MULTILINE)
    if path and (found is None or found[1] != path):
        got = found[1] if found else "something else"
        return Finding(0.5, f"{url} reaches the Pod, which is asked for {got}, not for {path}", body)
    for name, pattern in headers.items():
        values = re.findall(rf"^{re.escape(name)}: (.*)$", body, re.MULTILINE | re.IGNORECASE)
        if not any(re.search(pattern, value) for value in values):
            got = ", ".join(values) or "nothing"
            return Finding(0.5, f"{url} reaches the Pod, but its header {name} says {got}", body)
    return PASSED


def unrouted(url: str, *, claim: str = "") -> Check:
    """Check that no door has a rule for a URL: it is answered with 404. Give it a check that must succeed beside it."""

    def attempt(cluster: Cluster) -> Finding:
        for name, reply in _ask(cluster, url, "").items():
            if reply.status != 404:
                return failed(
                    f"{url} is answered with {reply} by the {name}, and should not be served (404)", reply.evidence
                )
        return PASSED

    return Check(claim or f"{url} is not served", attempt)


def redirects(url: str, to: str) -> Check:
    """Check that a client is sent on from one address to another.

    Args:
        url: what is asked for.
        to: the address, whole.
    """

    def judge(reply: Reply) -> Finding:
        if reply.status not in REDIRECTS:
            return failed(f"{url} is answered with {reply}, not redirected", reply.evidence)
        where = reply.headers.get("location", "")
        return PASSED if where == to else Finding(0.5, f"{url} is redirected to {where}, and should be to {to}")

    return Check(f"{url} is redirected to {to}", lambda cluster: _best(cluster, url, "", judge))


def certificate(host: str, secret: str, *, namespace: str = "") -> Check:
    """Check that clients who ask for a host over TLS are shown the certificate of a Secret.

    Args:
        host: the server name that the client gives.
        secret: of type ``kubernetes.io/tls``.
        namespace: of the Secret, by default the task's.
    """

    def attempt(cluster: Cluster) -> Finding:
        wanted = _first_certificate(_decoded(cluster.get("secrets", secret, namespace=namespace).object, "tls.crt"))
        seen = []
        for address in open_doors(cluster).values():
            command = f"echo | openssl s_client -connect {address}:443 -servername {shlex.quote(host)} 2>&1"
            output = call(cluster, prober(), command)
            if _first_certificate(output.stdout) == wanted:
                return PASSED
            subject = re.search(r"^subject=\s*(.*)$", output.stdout, re.MULTILINE)
            seen.append(subject[1] if subject else "none at all")
        return failed(f"for {host} the certificate of {' and of '.join(seen)} is shown, not that of Secret {secret}")

    return Check(f"the certificate of Secret {secret} is shown for {host}", attempt)


def protected(url: str, to: str, *, user: str) -> Check:
    """Check that a request is let through with a name and password, and refused with 401 without and with a wrong one.

    Args:
        url: what is asked for.
        to: the labels of the Pods that should answer.
        user: ``NAME:PASSWORD``.
    """
    name, _, password = user.partition(":")
    wrong = f"--location-trusted -u {shlex.quote(f'{name}:not-{password}')}"

    def attempt(cluster: Cluster) -> Finding:
        admitted = routes(url, to, user=user).attempt(cluster)
        if not admitted.passed:
            return admitted
        for options, who in (("-L", "without a password"), (wrong, "with a wrong password")):
            for reply in _ask(cluster, url, options).values():
                if reply.status not in (401, 404):
                    share = 0.5 if options == wrong else 0.0
                    return Finding(
                        share, f"{url} is answered with {reply} {who}, and should be with 401", reply.evidence
                    )
        return PASSED

    return Check(f"{url} asks for {name}'s password", attempt)


def shares(url: str, parts: Mapping[str, int], *, requests: int = 60, off: float = 0.12, namespace: str = "") -> Check:
    """Check that requests are shared out among Pods by weight.

    All shares right are a pass; each kind of Pod that answers at all with a wrong share earns half of its part.

    Args:
        url: what is asked for.
        parts: the weight of each, by the labels of its Pods.
        requests: how many are made.
        off: by how much a share may be off, of 1.
        namespace: of the Pods, by default the task's.
    """
    total = sum(parts.values())

    def attempt(cluster: Cluster) -> Finding:
        kinds = {pod["metadata"]["name"]: labels for labels in parts for pod in pods(labels, namespace)(cluster)}
        best = failed(f"{url} is not answered by any of the Pods")
        for address in open_doors(cluster).values():
            loop = f"for i in $(seq {requests}); do {curl(address, url, '-L')} | grep ^Hostname || echo; done"
            lines = call(cluster, prober(), loop, timeout_s=60).lines
            counts = Counter(kinds.get(line.rpartition(" ")[2], "") for line in lines)
            found = _shared(url, counts, {labels: weight / total for labels, weight in parts.items()}, requests, off)
            best = max(best, found, key=lambda one: one.share)
        return best

    words = ", ".join(f"{weight * 100 // total} % {labels}" for labels, weight in parts.items())
    return Check(f"{url} is answered by {words}", attempt)


def _shared(url: str, counts: Counter[str], wanted: Mapping[str, float], requests: int, off: float) -> Finding:
    answered = sum(counts[labels] for labels in wanted)
    right = [labels for labels, share in wanted.items() if abs(counts[labels] / requests - share) <= off]
    if len(right) == len(wanted):
        return PASSED
    seen = ", ".join(f"{counts[labels]} by {labels}" for labels in wanted)
    reason = f"of {requests} requests for {url} were answered: {seen}"
    if not all(counts[labels] for labels in wanted) or answered < requests * (1 - off):
        return failed(reason)
    return Finding(0.5, reason)


def attached(host: str, *, namespace: str = "") -> Check:
    """Check that an HTTPRoute for a host was taken by a Gateway, and that its backends are there.

    A route is worth a quarter, one that a Gateway takes half, one whose backends are found all.
    """

    def attempt(cluster: Cluster) -> Finding:
        own = [route for route in _list(cluster, ROUTES, namespace) if host in (route["spec"].get("hostnames") or ())]
        if not own:
            return failed(f"there is no HTTPRoute whose hostnames have {host}")
        return max((_taken(route) for route in own), key=lambda finding: finding.share)

    return Check(f"an HTTPRoute for {host} is attached to a Gateway", attempt)


def _taken(route: Object) -> Finding:
    name = route["metadata"]["name"]
    parents = (route.get("status") or {}).get("parents") or ()
    taken = [one for one in parents if _holds(one, "Accepted")]
    if not taken:
        why = "; ".join(_messages(parents, "Accepted")) or "no Gateway has looked at it: see spec.parentRefs"
        return Finding(0.25, f"HTTPRoute {name} is not attached: {why}")
    if not any(_holds(one, "ResolvedRefs") for one in taken):
        return Finding(0.5, f"HTTPRoute {name} is attached, but: {'; '.join(_messages(taken, 'ResolvedRefs'))}")
    return PASSED


def _holds(parent: Object, kind: str) -> bool:
    return any(one["type"] == kind and one["status"] == "True" for one in parent.get("conditions") or ())


def _messages(parents: object, kind: str) -> list[str]:
    entries = parents if isinstance(parents, (list, tuple)) else ()
    found = [one for parent in entries for one in parent.get("conditions") or () if one["type"] == kind]
    return [one.get("message") or one["reason"] for one in found if one["status"] != "True"]


def without_ingress(host: str, *, namespace: str = "") -> Check:
    """Check that no Ingress has a rule for a host any more."""

    def attempt(cluster: Cluster) -> Finding:
        left = [
            ingress["metadata"]["name"]
            for ingress in cluster.get("ingresses", namespace=namespace)
            for rule in ingress["spec"].get("rules") or ()
            if rule.get("host") == host
        ]
        return failed(f"Ingress {', '.join(left)} still has a rule for {host}") if left else PASSED

    return Check(f"no Ingress has a rule for {host}", attempt)


def _best(cluster: Cluster, url: str, options: str, judge: Callable[[Reply], Finding], door: str = "") -> Finding:
    """Return the best finding of all doors; of equal ones that of a door that has a rule for the request."""
    replies = _ask(cluster, url, options, door)
    if not replies:
        return failed(f"there is no {door or 'controller'} in the cluster: has the setup cell run?")
    judged = sorted(replies.values(), key=lambda reply: reply.status in (0, 404))
    return max((judge(reply) for reply in judged), key=lambda finding: finding.share)


def _ask(cluster: Cluster, url: str, options: str, door: str = "") -> dict[str, Reply]:
    places = {name: address for name, address in open_doors(cluster).items() if door in ("", name)}
    return {name: parsed(call(cluster, prober(), curl(place, url, f"-i {options}"))) for name, place in places.items()}


def open_doors(cluster: Cluster) -> dict[str, str]:
    """Return the address of each controller, by what it serves; two that are the same Service count once each."""
    found = {name: doors.find(cluster, serving) for name, serving in DOORS.items()}
    return {
        name: str(cluster.get("services", service.name, namespace=service.namespace).object["spec"]["clusterIP"])
        for name, service in found.items()
        if service is not None
    }


def curl(address: str, url: str, options: str) -> str:
    """Return the command that asks for a URL at an address."""
    # Whose certificate it is has a check of its own.
    return f"curl -sS -k -m {TIMEOUT_S} --connect-to ::{address} {options} {shlex.quote(url)}"


def parsed(output: object) -> Reply:
    """Read what ``curl -i`` printed; of several answers, as after a redirect, the last."""
    text, problem = str(getattr(output, "stdout", "")), str(getattr(output, "stderr", "")).strip()
    status, headers = 0, dict[str, str]()
    while found := re.match(r"HTTP/\S+ (\d+)[^\n]*\n(.*?)\r?\n\r?\n", text, re.DOTALL):
        status, text = int(found[1]), text[found.end() :]
        pairs = (line.partition(":") for line in found[2].splitlines())
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Reply(status, headers, text.replace("\r\n", "\n"), problem or "no answer")


def prober() -> Caller:
    """Return who asks: a Pod with curl and openssl."""
    return Caller(image=IMAGE)


def _list(cluster: Cluster, kind: str, namespace: str) -> list[Object]:
    try:
        return list(cluster.get(kind, namespace=namespace))
    except NotFoundError:
        return []


def _decoded(secret: Object, key: str) -> str:
    import base64

    return base64.b64decode((secret.get("data") or {}).get(key, "")).decode("utf-8", "replace")


def _first_certificate(text: str) -> str:
    """Return the first certificate in a text, without white space; empty if there is none."""
    found = re.search(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", text, re.DOTALL)
    return "".join(found[1].split()) if found else ""
