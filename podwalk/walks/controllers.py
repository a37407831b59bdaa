"""Which Pods are Ingress controllers, and what such a Pod does with a request.

A controller is known by its image and its flags, on a real cluster as on the embedded one; its decision is that of
:mod:`podwalk.network.ingress`.
"""

from __future__ import annotations

import random as randomness
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from podwalk.network.ingress import DIALECTS, Decision, HttpRequest, gateway, route
from podwalk.network.ingress.certificates import secret_for
from podwalk.network.ingress.classes import served
from podwalk.types import Hop, HopKind, Object, Ref, View

HTTP_PORTS = {"http": "http", "web": "http", "https": "https", "websecure": "https"}
"""The names of container ports at which controllers take requests, and the scheme there."""

PROVIDERS = {
    "providers.kubernetesgateway": "gateway",
    "providers.kubernetesingress": "traefik",
    "providers.kubernetesingressnginx": "nginx",
}
"""Which objects a flag of Traefik's makes it read, in the order in which it looks."""

GATEWAY_API = "gateway"


@dataclass(frozen=True)
class Controller:
    """A Pod that is an Ingress controller.

    Attributes:
        pod: the Pod.
        reads: the names of the dialects that it reads, in its order; ``gateway`` is Gateway API.
        schemes: by port, whether it takes plain HTTP or TLS there.
    """

    pod: Ref
    reads: tuple[str, ...]
    schemes: dict[int, str]


def find(pod: Object) -> Controller | None:
    """Return what controller a Pod is; None if it is none."""
    for container in pod["spec"].get("containers") or ():
        image = str(container.get("image", "")).rpartition("@")[0] or str(container.get("image", ""))
        words = [word.lstrip("-") for word in (*(container.get("command") or ()), *(container.get("args") or ()))]
        reads = tuple(_reads(image, words))
        if reads:
            schemes = {
                port["containerPort"]: HTTP_PORTS[port["name"]]
                for port in container.get("ports") or ()
                if port.get("name") in HTTP_PORTS
            }
            where = Ref("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
            return Controller(where, reads, schemes)
    return None


def _reads(image: str, words: list[str]) -> Iterator[str]:
    if "ingress-nginx" in image or any(word.startswith("controller-class=") for word in words):
        yield "nginx"
        return
    if "traefik" not in image.rpartition("/")[2]:
        return
    given = {name.lower(): value for name, _, value in (word.partition("=") for word in words)}
    for flag, dialect in PROVIDERS.items():
        if given.get(flag, "false" if flag not in given else "") != "false":
            yield dialect


def decide(
    view: View, controller: Controller, request: HttpRequest, random: randomness.Random
) -> tuple[tuple[Hop, ...], Decision]:
    """Return what a controller does with a request: the hops, TLS first, and the decision."""
    hops = tuple(_tls(view, controller, request))
    found: Decision | None = None
    for name in controller.reads:
        if name == GATEWAY_API:
            decision = gateway.route(view, request, random=random)
        else:
            decision = route(view, request, dialect=DIALECTS[name], random=random)
        if found is None or decision.rule is not None:
            found = decision
        if decision.rule is not None:
            break
    assert found is not None, "a controller reads something"
    return (*hops, *found.hops), found


def _tls(view: View, controller: Controller, request: HttpRequest) -> Iterator[Hop]:
    if request.scheme != "https":
        return
    secret = gateway.secret_for(view, request.host) if GATEWAY_API in controller.reads else None
    for name in controller.reads if secret is None else ():
        if name != GATEWAY_API:
            secret = secret or secret_for(served(view, DIALECTS[name].controllers), request.host)
    title = "TLS ends here"
    if secret is None:
        detail = (
            f"No Ingress or Gateway has a certificate for {request.host or 'no name'}: the controller shows its own."
        )
        yield Hop(HopKind.INGRESS_CONTROLLER, title, detail)
        return
    detail = f"The certificate for {request.host} is in Secret {secret.namespace}/{secret.name}."
    yield Hop(HopKind.INGRESS_CONTROLLER, title, detail, objects=(secret,))


def answer(status: int) -> str:
    """Name a status that a controller answers with: ``404 Not Found``."""
    known = {each.value: each.phrase for each in HTTPStatus}
    return f"{status} {known[status]}" if status in known else str(status)
