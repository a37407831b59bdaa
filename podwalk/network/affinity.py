"""The memory of session affinity: where a client was sent, kept per node as the kernel's ``recent`` lists are.

Source: pkg/proxy/iptables/proxier.go: ``-m recent --rcheck --seconds N --reap`` before the choice, ``--set`` at the
    endpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

from podwalk.network.endpoints import Endpoint


class Affinity:
    """A mutable table: node, Service port and client → endpoint and the moment of the last connection."""

    def __init__(self) -> None:
        """Start empty."""
        self._last: dict[tuple[str, str, str], tuple[tuple[str, int], float]] = {}

    def recall(
        self, node: str, service_port: str, client: str, candidates: Sequence[Endpoint], timeout_s: float, now_s: float
    ) -> Endpoint | None:
        """Return the endpoint a client was last sent to, if that is within the time-out and it is still a candidate."""
        remembered = self._last.get((node, service_port, client))
        if remembered is None or now_s - remembered[1] > timeout_s:
            return None
        return next((endpoint for endpoint in candidates if (endpoint.ip, endpoint.port) == remembered[0]), None)

    def remember(self, node: str, service_port: str, client: str, endpoint: Endpoint, now_s: float) -> None:
        """Keep where a client was sent; each new connection starts the time-out again."""
        self._last[node, service_port, client] = ((endpoint.ip, endpoint.port), now_s)
