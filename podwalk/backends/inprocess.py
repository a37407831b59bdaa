"""The embedded cluster inside this very process: the official client with its connection pool replaced.

Tests, grading and the book's build use it: there is no socket, no thread and no sleeping. Whatever a client would wait
for (a watch, ``logs -f``, an exec) makes
the cluster's clock jump to the next event instead. A client that polls the same thing again and again without writing
lets a second pass each time.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from podwalk.embedded import Cluster
from podwalk.errors import ApiError, PodwalkError
from podwalk.network.policy.plugins import plugin
from podwalk.types import ClusterOptions, Request, Response, Session, Stream

REQUEST_COST_S = 0.001
"""Simulated time that a request takes."""

POLL_S = 1.0
"""Simulated time that passes when a client asks the same again, having written nothing since."""

DEFAULT_TIMEOUT_S = 3600.0
"""Simulated time after which a stream without a time limit of its own ends: a client that waits for what never
comes."""


class InProcessResponse(urllib3.HTTPResponse):
    """An answer whose body may grow as the clock is moved."""

    def __init__(self, cluster: Cluster, response: Response, timeout_s: float) -> None:
        """Wrap an answer; a growing body is read until it ends or ``timeout_s`` of simulated time have passed."""
        # The parent reads an empty body while it is made, by our own method.
        self._cluster = cluster
        self._source = response.stream
        self._timeout_s = timeout_s
        reason = HTTPStatus(response.status).phrase
        super().__init__(
            body=response.body,
            headers=response.headers,
            status=response.status,
            reason=reason,
            preload_content=response.stream is None,
        )

    @property
    def data(self) -> bytes:
        """Return the whole body, waiting for its end."""
        return super().data or b"" if self._source is None else b"".join(self._chunks(self._source))

    def read(self, amt: int | None = None, decode_content: bool | None = None, cache_content: bool = False) -> bytes:
        """Return the whole body, or for a growing one what comes next; empty at the end."""
        if self._source is None:
            return super().read(amt, decode_content, cache_content)
        return next(self._chunks(self._source), b"")

    def stream(self, amt: int | None = None, decode_content: bool | None = None) -> Generator[bytes, None, None]:
        """Yield the parts of the body as they come."""
        if self._source is None:
            yield self.data
        else:
            yield from self._chunks(self._source)

    def close(self) -> None:
        """Go away: the cluster stops writing."""
        if getattr(self, "_source", None) is not None and self._source is not None:
            self._source.cancel()
        super().close()

    def release_conn(self) -> None:
        """Do nothing: there is no connection."""

    def _chunks(self, source: Stream) -> Iterator[bytes]:
        simulation = self._cluster.simulation
        deadline = simulation.now + self._timeout_s
        while True:
            if data := source.take():
                yield data
            elif source.closed or source.cancelled:
                return
            elif not simulation.jump_until(lambda: source.pending or source.closed, deadline - simulation.now):
                source.cancel()
                return


class InProcessPool:
    """What the official client takes for its urllib3 connection pool."""

    def __init__(self, cluster: Cluster) -> None:
        """Send every request to ``cluster``."""
        self.cluster = cluster
        self._last: tuple[str, int] | None = None

    def request(
        self,
        method: str,
        url: str,
        *,
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        fields: object = None,
        timeout: urllib3.Timeout | float | None = None,
        **_: object,
    ) -> urllib3.HTTPResponse:
        """Answer a request from the cluster; the parameters are those of :meth:`urllib3.PoolManager.request`."""
        data = body.encode() if isinstance(body, str) else body or b""
        request = make_request(method, url, headers or {}, data)
        self._pass_time(method, url)
        response = self.cluster.handle(request)
        limit = _seconds(timeout) or DEFAULT_TIMEOUT_S
        return InProcessResponse(self.cluster, response, limit)

    def clear(self) -> None:
        """Do nothing: there are no connections."""

    def _pass_time(self, method: str, url: str) -> None:
        simulation, now = self.cluster.simulation, (url, self.cluster.store.revision)
        polling = method == "GET" and now == self._last
        self._last = now if method == "GET" else None
        simulation.advance(simulation.now + (POLL_S if polling else REQUEST_COST_S))


class InProcessApiClient(client.ApiClient):
    """The official client's ``ApiClient`` on a cluster in this process.

    ``kubernetes.stream`` opens sockets of its own, so conversations go through :meth:`open_session`; the façade does
    that by itself.
    """

    def __init__(self, cluster: Cluster) -> None:
        """Speak to ``cluster``."""
        configuration = client.Configuration(host="https://in-process.podwalk.invalid")
        super().__init__(configuration)
        self.cluster = cluster
        self.rest_client.pool_manager = InProcessPool(cluster)  # type: ignore[assignment]  # it has what the client calls

    def open_session(self, path: str, query: Sequence[tuple[str, str]]) -> Session:
        """Open an exec, attach or port-forward conversation.

        Raises:
            kubernetes.client.exceptions.ApiException: when the API refuses it, as for any other call.
        """
        try:
            return self.cluster.connect(Request("GET", path, query, {"connection": "upgrade", "upgrade": "websocket"}))
        except ApiError as error:
            failure = ApiException(status=error.code, reason=error.reason)
            failure.body = json.dumps(error.status())
            raise failure from error

    def run_session(self, session: Session, timeout_s: float = DEFAULT_TIMEOUT_S) -> Iterator[tuple[int, bytes]]:
        """Yield what a conversation says, moving the clock until it is over.

        Raises:
            TimeoutError: when ``timeout_s`` of simulated time pass first; the conversation is then ended.
        """
        simulation = self.cluster.simulation
        deadline = simulation.now + timeout_s
        while True:
            said = session.take()
            yield from said
            if said:
                continue
            if session.closed:
                return
            if not simulation.jump_until(lambda: bool(session.outbox) or session.closed, deadline - simulation.now):
                session.disconnect()
                raise TimeoutError(f"not done after {timeout_s:g} s")


def make_request(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Request:
    """Build a request from what an HTTP client was given; the headers' names become lower case."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    return Request(method, unquote(parts.path), query, {name.lower(): value for name, value in headers.items()}, body)


def connect(options: ClusterOptions | None = None) -> InProcessApiClient:
    """Start a cluster in this process and return the client that speaks to it."""
    return InProcessApiClient(Cluster(options))


def _seconds(timeout: Any) -> float | None:
    if isinstance(timeout, urllib3.Timeout):
        total, read = timeout.total, timeout.read_timeout
        limits = [value for value in (total, read) if isinstance(value, int | float)]
        return min(limits, default=None)
    return float(timeout) if timeout else None


class InProcessBackend:
    """A fresh cluster in this process, for tests, grading and the book's build; the argument is a seed."""

    name = "in-process"

    def __init__(self, seed: str = "") -> None:
        self.options = ClusterOptions(seed=int(seed or 0))

    def configure(self, **options: Any) -> None:
        """Set up the cluster otherwise than by default.

        Raises:
            PodwalkError: when there is no such option, or no such CNI plugin.
        """
        known = {field.name for field in dataclasses.fields(ClusterOptions)}
        if unknown := sorted(options.keys() - known):
            raise PodwalkError(f"a cluster has no option {unknown[0]!r}; it has {', '.join(sorted(known))}")
        self.options = dataclasses.replace(self.options, **options)
        plugin(self.options.cni)

    def describe(self) -> str:
        """Say that the cluster lives and ends with this process."""
        return "embedded cluster in this process"

    def is_up(self) -> bool:
        """Always: it needs nothing."""
        return True

    def connect(self) -> client.ApiClient:
        """Start a cluster and return the client that speaks to it."""
        return connect(self.options)
