"""What all dialects share in reading an Ingress: its backends, and which of its hosts TLS is for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from podwalk.network.ingress.classes import INGRESSES
from podwalk.network.ingress.rules import Backend
from podwalk.types import Object, Ref


@dataclass(frozen=True)
class Path:
    """One path of an Ingress: its rule's host, the entry of ``http.paths``, and where it is."""

    host: str
    entry: Object
    field: str

    @property
    def value(self) -> str:
        """The path, ``/`` if none is named."""
        return self.entry.get("path") or "/"

    @property
    def type(self) -> str:
        """Its ``pathType``."""
        return self.entry.get("pathType") or "ImplementationSpecific"


def reference(ingress: Object) -> Ref:
    """Return where an Ingress is."""
    metadata = ingress["metadata"]
    return Ref(INGRESSES, metadata.get("namespace") or "default", metadata["name"])


def paths(ingress: Object) -> Iterator[Path]:
    """Yield every path of an Ingress."""
    for number, rule in enumerate(ingress.get("spec", {}).get("rules") or ()):
        for index, entry in enumerate((rule.get("http") or {}).get("paths") or ()):
            yield Path(rule.get("host") or "", entry, f"spec.rules[{number}].http.paths[{index}]")


def backend(ingress: Object, entry: Object, at: str) -> Backend:
    """Return the backend of an ``IngressBackend``."""
    where = reference(ingress)
    service = entry.get("service")
    if service is None:
        resource = entry.get("resource") or {}
        problem = f"The backend is a {resource.get('kind', 'resource')}; this controller sends to Services only."
        return Backend(where.namespace, resource.get("name", ""), 0, f"{at}.resource", where, problem=problem)
    port = service.get("port") or {}
    number: int | str = port.get("number") or port.get("name") or 0
    return Backend(where.namespace, service["name"], number, f"{at}.service", where)


def default_backend(ingress: Object) -> Backend | None:
    """Return ``spec.defaultBackend``."""
    entry = ingress.get("spec", {}).get("defaultBackend")
    return backend(ingress, entry, "spec.defaultBackend") if entry else None


def tls_hosts(ingress: Object) -> set[str]:
    """Return the hosts that ``spec.tls`` names."""
    return {host for entry in ingress.get("spec", {}).get("tls") or () for host in entry.get("hosts") or ()}


def annotations_of(ingress: Object) -> dict[str, str]:
    """Return the annotations."""
    return dict(ingress["metadata"].get("annotations") or {})
