"""Which Secret's certificate a TLS client gets for the name it asks for (SNI)."""

from __future__ import annotations

from collections.abc import Sequence

from podwalk.network.ingress.dialects.translation import reference
from podwalk.network.ingress.matching import host_matches
from podwalk.types import Object, Ref


def secret_for(ingresses: Sequence[Object], name: str) -> Ref | None:
    """Return the Secret for a server name: of an exact host, then of a wildcard; None for the controller's own.

    Args:
        ingresses: those that the controller serves, the oldest first.
        name: what SNI says; empty if the client sent none.
    """
    if not name:
        return None
    for exact in (True, False):
        for ingress in ingresses:
            for entry in ingress.get("spec", {}).get("tls") or ():
                hosts = entry.get("hosts") or ()
                found = name.lower() in hosts if exact else any(host_matches(host, name) for host in hosts)
                if found and entry.get("secretName"):
                    return Ref("secrets", reference(ingress).namespace, entry["secretName"])
    return None
