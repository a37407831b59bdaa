"""What a controller does with a request, with its reasons."""

from __future__ import annotations

from dataclasses import dataclass

from podwalk.network.endpoints import Endpoint
from podwalk.network.ingress.messages import Headers
from podwalk.network.ingress.rules import ExternalAuth, HeaderChange, Rule
from podwalk.types import Hop, Ref


@dataclass(frozen=True)
class Decision:
    """What a controller does with a request.

    Attributes:
        hops: the decisions, in order; the last one that is not ``ok`` is the reason of a refusal.
        status: what the controller answers itself; 0 when it sends the request on.
        headers: of its own answer, e.g. ``Location``.
        rule: the rule that was met.
        service: the Service behind it.
        endpoints: where to send it: the first, and those that are tried after it.
        target: path and query as sent on.
        host: the ``Host`` as sent on.
        protocol: ``HTTP`` or ``HTTPS``, how endpoints are spoken to.
        external_name: a name to look up instead of ``endpoints``, and ``external_port``.
        request_headers: what is changed on the way there.
        response_headers: what is changed on the way back.
        ask: who is to be asked first; the request goes on when the answer is 2xx.
        connect_timeout_s: how long an endpoint may take to accept.
        read_timeout_s: how long it may be silent.
        tries: how many endpoints are tried in all.
        counted: the keys of ``Memory.open`` that this request holds until it is answered.
    """

    hops: tuple[Hop, ...]
    status: int = 0
    headers: Headers = ()
    rule: Rule | None = None
    service: Ref | None = None
    endpoints: tuple[Endpoint, ...] = ()
    target: str = ""
    host: str = ""
    protocol: str = "HTTP"
    external_name: str = ""
    external_port: int = 0
    request_headers: tuple[HeaderChange, ...] = ()
    response_headers: tuple[HeaderChange, ...] = ()
    ask: ExternalAuth | None = None
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 60.0
    tries: int = 1
    counted: tuple[tuple[str, ...], ...] = ()

    @property
    def proxied(self) -> bool:
        """Whether the request goes on to a backend."""
        return self.status == 0

    @property
    def reason(self) -> str:
        """The last decision in words."""
        return self.hops[-1].detail
