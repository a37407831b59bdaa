"""What an application does in good health, one sentence each: what a fault breaks, and what a mend must bring back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from podwalk.incidents.application import NAMESPACE, OFFICE, Application

Kind = Literal["answers", "connects", "resolves", "nodes", "door", "closed"]


@dataclass(frozen=True)
class Side:
    """Where a call comes from: a Pod with these labels (``key=value,…``) in a namespace."""

    labels: str = ""
    namespace: str = NAMESPACE


@dataclass(frozen=True)
class Behaviour:
    """Something that must hold.

    Attributes:
        name: by which faults name it.
        claim: what must hold, as a sentence without its full stop.
        kind: how it is tried: ``answers`` a GET, ``connects`` by TCP, ``resolves`` to the Pods of ``selector``,
            answers a GET on all ``nodes``, or at the Ingress controller's ``door``, or is ``closed`` to ``flows``.
        caller: who tries.
        target: a URL, a host, or a host and port.
        body: what the answer holds.
        host: the Host header, for ``door``.
        selector: of the Pods that a name must resolve to.
        flows: who must not connect to what, for ``closed``.
    """

    name: str
    claim: str
    kind: Kind
    caller: Side = Side()
    target: str = ""
    body: str = ""
    host: str = ""
    selector: str = ""
    flows: tuple[tuple[Side, str, int], ...] = ()


def behaviours(app: Application) -> dict[str, Behaviour]:
    """Return everything that holds of an application in good health, by name."""
    front, api, store = (Side(f"{app.label}={tier}") for tier in (app.front, app.api, app.store))
    visitor, monitor = Side("", OFFICE), Side("=".join(app.monitor), OFFICE)
    place = f"{NAMESPACE}.svc.cluster.local"
    made = [
        Behaviour(
            "front", f"{app.front} answers visitors", "answers", visitor, f"http://{app.front}.{NAMESPACE}/",
            app.text(app.front),
        ),
        Behaviour(
            "proxy", f"{app.front} hands /{app.api} on to {app.api}", "answers", visitor,
            f"http://{app.front}.{NAMESPACE}/{app.api}", app.text(app.api),
        ),
        Behaviour(
            "api", f"{app.api} answers {app.front}", "answers", front, f"http://{app.api}:{app.api_port}/",
            app.text(app.api),
        ),
        Behaviour(
            "store", f"{app.store} answers {app.api}", "answers", api, f"http://{app.store}:{app.store_port}/",
            app.text(app.store),
        ),
        Behaviour(
            "members", f"{app.api} sees every Pod of {app.store} by name", "resolves", api, f"{app.store}.{place}",
            selector=f"{app.label}={app.store}",
        ),
        Behaviour(
            "monitor", f"the office's monitor gets an answer from {app.api}", "answers", monitor,
            f"http://{app.api}.{NAMESPACE}:{app.api_port}/", app.text(app.api),
        ),
        Behaviour(
            "partner", f"{app.api} gets an answer from {app.partner}", "answers", api,
            f"http://{app.partner}:8080/", app.text(app.partner),
        ),
        Behaviour("dns-tcp", f"{app.api} reaches DNS over TCP", "connects", api, "10.96.0.10:53"),
        Behaviour(
            "nodes", f"every node answers on port {app.node_port}", "nodes", visitor, str(app.node_port),
            app.text(app.front),
        ),
        Behaviour(
            "door", f"http://{app.host} leads to {app.front}, whatever the path", "door", visitor, "/news/today",
            app.text(app.front), host=app.host,
        ),
        Behaviour("closed", "nobody else gets in, or out", "closed", flows=_forbidden(app, front, api, store)),
    ]  # fmt: skip
    if app.cache:
        claim, url = f"{app.cache} answers {app.api}", f"http://{app.cache}:{app.store_port}/"
        made.append(Behaviour("cache", claim, "answers", api, url, app.text(app.cache)))
    return {one.name: one for one in made}


def _forbidden(app: Application, front: Side, api: Side, store: Side) -> tuple[tuple[Side, str, int], ...]:
    stranger, visitor = Side(), Side("", OFFICE)
    impostor = Side("=".join(app.monitor))
    to_api, to_store = (f"{app.api}.{NAMESPACE}", app.api_port), (f"{app.store}.{NAMESPACE}", app.store_port)
    to_front, to_partner = (f"{app.front}.{NAMESPACE}", 80), (f"{app.partner}.{OFFICE}", 8080)
    monitor = Side("=".join(app.monitor), OFFICE)
    flows = [(side, *to_api) for side in (store, stranger, visitor, impostor)]
    flows += [(side, *to_store) for side in (front, stranger, visitor, monitor)]
    flows += [(side, *to_front) for side in (api, store)]
    flows += [(side, *to_partner) for side in (front, store)]
    return tuple(flows)
