"""The endpoints of the Service that a rule names: controllers send to Pods themselves, past the Service's address."""

from __future__ import annotations

from dataclasses import dataclass

from podwalk.network import endpoints
from podwalk.network.endpoints import Endpoint
from podwalk.network.ingress.rules import Backend
from podwalk.types import Object, Ref, View


@dataclass(frozen=True)
class Target:
    """What a backend leads to.

    Attributes:
        backend: the backend.
        service: the Service, None if there is none.
        port: the entry of its ``spec.ports``, None if it has no such port.
        endpoints: those that take traffic.
        external_name: of a Service that is only a name.
    """

    backend: Backend
    service: Object | None
    port: Object | None
    endpoints: tuple[Endpoint, ...]
    external_name: str = ""

    @property
    def problem(self) -> str:
        """Why it leads nowhere; empty if it leads somewhere."""
        where = f"{self.backend.namespace}/{self.backend.name}"
        if self.backend.problem:
            return self.backend.problem
        if self.service is None:
            return f"There is no Service {where}."
        if self.port is None:
            ports = ", ".join(_named(port) for port in self.service["spec"].get("ports") or ()) or "none"
            return f"Service {where} has no port {self.backend.port} (it has {ports})."
        if not self.endpoints and not self.external_name:
            return f"Service {where} has no ready endpoint."
        return ""

    @property
    def ref(self) -> Ref:
        """Where the Service is, or would be."""
        return Ref("services", self.backend.namespace, self.backend.name)


def resolve(view: View, backend: Backend) -> Target:
    """Return what a backend leads to."""
    service = None if backend.problem else view.get("services", backend.namespace, backend.name)
    port = find_port(service, backend.port) if service is not None else None
    if service is None or port is None:
        return Target(backend, service, port, ())
    if service["spec"].get("type") == "ExternalName":
        return Target(backend, service, port, (), str(service["spec"].get("externalName", "")))
    ready = tuple(endpoint for endpoint in endpoints.behind(view, service, port) if endpoint.ready)
    return Target(backend, service, port, ready)


def find_port(service: Object, wanted: int | str) -> Object | None:
    """Return the entry of ``spec.ports`` that a number or a name means; an ExternalName may have none."""
    ports = service["spec"].get("ports") or ()
    found = next((port for port in ports if wanted in (port.get("name"), port.get("port"))), None)
    if found is None and service["spec"].get("type") == "ExternalName" and isinstance(wanted, int):
        return {"port": wanted, "protocol": "TCP"}
    return found or (next(iter(ports), None) if wanted == 0 else None)


def _named(port: Object) -> str:
    return f"{port['name']}={port['port']}" if port.get("name") else str(port["port"])
