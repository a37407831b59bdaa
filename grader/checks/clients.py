"""Checks of mutual TLS: who shows a certificate of the right authority gets in, and nobody else.

It does not matter where TLS ends: a request is tried at each controller that the cluster has, and at a Service of the
student's own, behind which may stand a server that asks for certificates where the controller does not.
"""

from __future__ import annotations

import base64
import datetime as dt
import shlex
from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from grader.checks.ingress import Reply, curl, open_doors, parsed, prober
from grader.checks.services import pods
from grader.finding import PASSED, Check, Finding, failed
from podwalk.facade import Cluster
from podwalk.facade.errors import NotFoundError
from podwalk.facade.probes import call

OWN = "Service"
VALID = dt.timedelta(days=3650)
Pem = tuple[str, str]
"""A certificate and its key."""


def admits(url: str, to: str, *, client: str, at: str = "", namespace: str = "") -> Check:
    """Check that a client who shows a certificate reaches a Pod with these labels.

    Args:
        url: what is asked for, with ``https``.
        to: the labels of the Pods that should answer; they run whoami.
        client: the Secret with the client's ``tls.crt`` and ``tls.key``.
        at: a Service, behind which a server of the student's own may stand.
        namespace: of all of them, by default the task's.
    """
    return Check(
        f"{url} leads to a Pod with {to} for who shows the certificate of Secret {client}",
        lambda cluster: _admitted(cluster, url, to, client, at, namespace),
    )


def verifies(url: str, to: str, *, client: str, at: str = "", namespace: str = "") -> Check:
    """Check that nobody gets in without a certificate, with one of another authority, or in the clear; see `admits`.

    That the right client gets in is part of it. Letting in only a certificate of another authority is worth half.
    """

    def attempt(cluster: Cluster) -> Finding:
        admitted = _admitted(cluster, url, to, client, at, namespace)
        if not admitted.passed:
            return admitted
        names = _names(cluster, to, namespace)
        plain = url.replace("https://", "http://", 1)
        for asked, shown, who, share in (
            (url, None, "without a certificate", 0.0),
            (plain, None, "in the clear", 0.0),
            (url, _stranger(), "with a certificate of another authority", 0.5),
        ):
            for name, reply in _ask(cluster, asked, shown, at, namespace).items():
                if reply.pod in names:
                    return Finding(share, f"{asked} lets a client in {who}, at the {name}", reply.evidence)
        return PASSED

    return Check(f"{url} lets in nobody without a certificate of the right authority", attempt)


def _admitted(cluster: Cluster, url: str, to: str, client: str, at: str, namespace: str) -> Finding:
    data = cluster.get("secrets", client, namespace=namespace).object.get("data") or {}
    pem = base64.b64decode(data.get("tls.crt", "")).decode(), base64.b64decode(data.get("tls.key", "")).decode()
    names = _names(cluster, to, namespace)
    replies = _ask(cluster, url, pem, at, namespace)
    if any(reply.status == 200 and reply.pod in names for reply in replies.values()):
        return PASSED
    seen = "; ".join(f"the {name} answers {reply}" for name, reply in replies.items()) or "there is no door"
    return failed(f"{url} does not let the client of Secret {client} through to a Pod with {to}: {seen}")


def _names(cluster: Cluster, to: str, namespace: str) -> set[str]:
    return {pod["metadata"]["name"] for pod in pods(to, namespace)(cluster)}


def _ask(cluster: Cluster, url: str, shown: Pem | None, at: str, namespace: str) -> Mapping[str, Reply]:
    """Ask at each door; a client certificate is laid down in the probe for the length of one command."""
    before, flags, after = "", "", ""
    if shown is not None:
        texts = zip(("crt", "key"), shown, strict=True)
        before = "".join(f"cat > /tmp/client.{end} <<'PEM'\n{text.strip()}\nPEM\n" for end, text in texts)
        flags, after = "--cert /tmp/client.crt --key /tmp/client.key", "; rm -f /tmp/client.crt /tmp/client.key"
    return {
        name: parsed(call(cluster, prober(), f"{before}{curl(place, url, f'-i {flags}')}{after}"))
        for name, place in {**open_doors(cluster), **_own(cluster, url, at, namespace)}.items()
    }


def _own(cluster: Cluster, url: str, at: str, namespace: str) -> dict[str, str]:
    """Return the student's own door; none without an address, as a headless Service."""
    try:
        spec = cluster.get("services", at, namespace=namespace).object["spec"] if at else {}
    except NotFoundError:
        return {}
    port = 443 if urlsplit(url).scheme == "https" else 80
    address = spec.get("clusterIP", "None")
    served = any(entry["port"] == port for entry in spec.get("ports") or ())
    return {f"{OWN} {shlex.quote(at)}": address} if address != "None" and served else {}


@cache
def _stranger() -> Pem:
    """Return a certificate that nobody's authority has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stranger")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - VALID)
        .not_valid_after(now + VALID)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
