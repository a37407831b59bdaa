"""What a packet walk is: from whom to what, the decisions on the way, and how it ends.

It is computed by :mod:`podwalk.walks.journey`, and drawn and written by the modules beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from podwalk.errors import PodwalkError
from podwalk.types import Hop, Object, Outcome, Ref, Verdict

if TYPE_CHECKING:
    from podwalk.walks.steps import Steps

SCHEME_PORTS: Mapping[str, int] = {"http": 80, "https": 443, "tcp": 0, "udp": 0, "sctp": 0}
PROTOCOLS: Mapping[str, str] = {"udp": "UDP", "sctp": "SCTP"}


class WalkError(PodwalkError):
    """A walk that cannot begin: the target cannot be read, or there is no such source."""


@dataclass(frozen=True)
class Target:
    """What a client was told to reach.

    Attributes:
        host: the name or address as typed.
        port: the port, by default the scheme's.
        protocol: TCP, UDP or SCTP.
        text: the whole as typed.
        header: the ``Host`` header that is sent, where it is not the host.
    """

    host: str
    port: int
    protocol: str
    text: str
    header: str = ""

    @property
    def scheme(self) -> str:
        """``http`` unless another was typed."""
        return urlsplit(self.text).scheme if "://" in self.text else "http"

    @property
    def path(self) -> str:
        """The path that is asked for."""
        return (urlsplit(self.text) if "://" in self.text else urlsplit(f"http://{self.text}")).path or "/"

    @classmethod
    def read(cls, text: str, header: str = "") -> Target:
        """Read ``http://backend/path``, ``backend:8080``, ``udp://10.96.0.10:53`` or a plain name (port 80).

        Args:
            text: what the client was given.
            header: the ``Host`` header, where it is not the host.

        Raises:
            WalkError: when it cannot be read.
        """
        url = text if "://" in text else f"http://{text}"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise WalkError(f"{text!r}: {error}; write e.g. http://backend:8080") from error
        if parts.scheme not in SCHEME_PORTS:
            raise WalkError(f"{text!r}: scheme {parts.scheme!r} is none of {', '.join(SCHEME_PORTS)}")
        port = port or SCHEME_PORTS[parts.scheme]
        if not host or not port:
            missing = "host" if not host else "port"
            raise WalkError(f"{text!r} names no {missing}; write e.g. {parts.scheme}://backend:5432")
        return cls(host, port, PROTOCOLS.get(parts.scheme, "TCP"), text, header)


@dataclass(frozen=True)
class Observation:
    """What really became of a request, beside what was predicted.

    Attributes:
        predicted: how the connection should end, in a few words.
        seen: how it did.
        agrees: whether the two are the same.
        reason: what may be the reason where they differ, or of an answer that can come from two places.
        answer: what the application answered, e.g. ``HTTP 200 OK``; empty if it was not asked.
    """

    predicted: str
    seen: str
    agrees: bool
    reason: str = ""
    answer: str = ""

    def __str__(self) -> str:
        """Say it in a sentence or two."""
        seen = f"{self.seen}, and the answer is {self.answer}" if self.answer else self.seen
        if self.agrees:
            return f"A probe agrees: {seen}. {self.reason}".rstrip()
        return f"A probe differs: predicted {self.predicted}, seen {seen}. {self.reason}".rstrip()


@dataclass(frozen=True)
class Walk:
    """What became of a request, hop by hop.

    Attributes:
        source: the Pod or node it comes from; or ``outside`` and an address.
        target: what it wants to reach.
        outcome: how it ends.
        hops: the decisions in order; the last that is not ``ok`` is the reason of a failure.
        verdict: the network's verdict; None if the name was not resolved.
        remedies: NetworkPolicies that, applied, would let exactly this request through; empty where no policy stops it.
        surplus: what the remedies would open beside this request, as they know Pods by their labels only; each entry
            is the source and the target.
        observation: what a real connection came to; None if none was made.
        status: the HTTP status with which an Ingress controller answers itself; 0 where none does.
    """

    source: Ref
    target: Target
    outcome: Outcome
    hops: tuple[Hop, ...]
    verdict: Verdict | None = None
    remedies: tuple[Object, ...] = ()
    status: int = 0
    surplus: tuple[tuple[Ref, Ref], ...] = ()
    observation: Observation | None = None

    @property
    def remedy(self) -> str:
        """What the remedies do, in a few words."""
        if not self.surplus:
            return "What would let exactly this request through"
        pairs = [f"{one.namespace}/{one.name} → {other.namespace}/{other.name}" for one, other in self.surplus]
        more = f" and {len(pairs) - 3} more" if len(pairs) > 3 else ""
        labels = "as these Pods carry the same labels"
        return f"What would let this request through, and {', '.join(pairs[:3])}{more} too, {labels}"

    @property
    def delivered(self) -> bool:
        """Whether the request reached a Pod, a node or the outside, and no Ingress controller refused it."""
        return self.outcome is Outcome.DELIVERED and self.status < 400

    @property
    def origin(self) -> str:
        """From whom it comes: ``shop/frontend``, ``node worker`` or ``outside (203.0.113.7)``."""
        match self.source.resource:
            case "outside":
                return f"outside ({self.source.name})"
            case "nodes":
                return f"node {self.source.name}"
        return f"{self.source.namespace}/{self.source.name}"

    @property
    def reason(self) -> Hop | None:
        """The hop at which it failed."""
        return next((hop for hop in reversed(self.hops) if not hop.ok), None)

    def data(self) -> dict[str, Any]:
        """Return the walk as JSON values."""
        return {
            "source": asdict(self.source),
            "target": asdict(self.target),
            "outcome": self.outcome.value,
            "status": self.status,
            "hops": [{**asdict(hop), "kind": hop.kind.value, "data": dict(hop.data)} for hop in self.hops],
            "observation": asdict(self.observation) if self.observation else None,
            "remedies": list(self.remedies),
            "surplus": [[asdict(one), asdict(other)] for one, other in self.surplus],
        }

    def steps(self) -> Steps:
        """Go through it hop by hop: a widget in JupyterLab, a list that unfolds elsewhere."""
        from podwalk.walks.steps import Steps

        return Steps(self)

    def __str__(self) -> str:
        """Render for a terminal."""
        from podwalk.walks.text import render

        return render(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from podwalk.walks.picture import render

        return render(self)
