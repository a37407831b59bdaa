"""The values and protocols that every layer shares. It imports nothing of Podwalk, so that anything may import it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

Object = dict[str, Any]
"""A Kubernetes object in its JSON form. Never changed once it is stored: copy first."""


@dataclass(frozen=True, order=True)
class Ref:
    """Where an object is: its GroupResource string, namespace (empty if cluster-wide) and name."""

    resource: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """Render as ``resource namespace/name``."""
        return f"{self.resource} {self.namespace}/{self.name}" if self.namespace else f"{self.resource} {self.name}"


class View(Protocol):
    """Read-only objects of one cluster. The store is one; so is a snapshot read from a real cluster."""

    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        """Return the object, or None."""

    def list(
        self, resource: str, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[Object]:
        """Return the objects in order of namespace and name; with ``labels``, those that carry all of them."""

    def lookup(self, index: str, value: str) -> Sequence[Object]:
        """Return the objects an index names; the indexes are in :data:`podwalk.store.INDEXES`."""


class Outcome(StrEnum):
    """How a flow ends."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    TIMED_OUT = "timed out"
    UNRESOLVED = "unresolved"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Peer:
    """One end of a flow: a Pod, a node, or an address outside the cluster.

    Attributes:
        ip: the address.
        pod: the Pod, if it is one. A hostNetwork Pod has ``pod`` and its node's address.
        node: the node's name: the Pod's, or the node itself; empty outside the cluster.
    """

    ip: str
    pod: Ref | None = None
    node: str = ""


@dataclass(frozen=True)
class Flow:
    """A connection that somebody tries: from whom, to which address and port, over what.

    Attributes:
        via: the node through which a client outside has a route to the Services' own addresses, as ``ip route add``
            gives it; empty: it has none.
    """

    source: Peer
    ip: str
    port: int
    protocol: str = "TCP"
    via: str = ""


class HopKind(StrEnum):
    """What decided at a hop."""

    NAME = "name"
    DNS = "dns"
    ENVIRONMENT = "environment"
    INGRESS_CONTROLLER = "ingress controller"
    SERVICE = "service"
    ENDPOINT = "endpoint"
    NODE = "node"
    EGRESS = "egress policy"
    INGRESS = "ingress policy"
    POD = "pod"
    CONTAINER = "container"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class Hop:
    """One decision on the way of a packet.

    Attributes:
        kind: what decided.
        title: a few words, e.g. ``Service shop/backend``.
        detail: one sentence that says what was decided and why.
        ok: whether the packet went on.
        objects: the objects that decided it.
        field: the path, in the first of ``objects``, of the clause that decided it.
        data: the numbers a drawing may want, JSON values only.
    """

    kind: HopKind
    title: str
    detail: str
    ok: bool = True
    objects: tuple[Ref, ...] = ()
    field: str = ""
    data: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What became of a flow, with its reasons.

    Attributes:
        flow: what was tried.
        outcome: how it ended.
        hops: the decisions, in order; the last one that is not ``ok`` is the reason of a failure.
        target: where the packet was delivered after every translation, if it was.
        port: the port at the target.
        source_ip: the address that the target sees.
    """

    flow: Flow
    outcome: Outcome
    hops: tuple[Hop, ...]
    target: Peer | None = None
    port: int = 0
    source_ip: str = ""

    @property
    def delivered(self) -> bool:
        """Whether the packet reached an address that takes it (whether anything listens there is the Pod's affair)."""
        return self.outcome is Outcome.DELIVERED


EventType = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True)
class Change:
    """One write to the store. ``object`` of a DELETED is the last state, at the revision of the deletion."""

    type: EventType
    resource: str
    object: Object
    old: Object | None
    revision: int


class Objects(View, Protocol):
    """The API as the cluster's own components use it: the same storage rules as over HTTP, without the wire.

    Every method raises :class:`podwalk.errors.ApiError` as the API would. Returned objects must be copied before a
    change.
    """

    def create(self, resource: str, obj: Object, *, manager: str = "podwalk") -> Object:
        """Default, admit, validate and store a new object; ``metadata.generateName`` is honoured."""

    def update(self, resource: str, obj: Object, *, subresource: str = "", manager: str = "podwalk") -> Object:
        """Replace an object; 409 Conflict if ``metadata.resourceVersion`` is set and stale.

        A write that changes nothing is none.
        """

    def modify(
        self,
        resource: str,
        namespace: str,
        name: str,
        change: Callable[[Object], None],
        *,
        subresource: str = "",
        manager: str = "podwalk",
    ) -> Object | None:
        """Copy the object, let ``change`` alter the copy in place, and store it; None if it is gone."""

    def delete(
        self,
        resource: str,
        namespace: str,
        name: str,
        *,
        grace_s: int | None = None,
        propagation: str | None = None,
        uid: str | None = None,
    ) -> None:
        """Delete as the API does: finalizers and the Pod's grace period first. Nothing happens if it is gone."""

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back after every write, in order; returns the function that ends it."""


@dataclass(frozen=True)
class Request:
    """An HTTP request to the API, whole."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""

    def param(self, name: str, default: str = "") -> str:
        """Return the first value of a query parameter."""
        return next((value for key, value in self.query if key == name), default)

    def params(self, name: str) -> list[str]:
        """Return every value of a query parameter."""
        return [value for key, value in self.query if key == name]

    def header(self, name: str, default: str = "") -> str:
        """Return a header; header names are stored in lower case."""
        return self.headers.get(name.lower(), default)


class Stream:
    """Bytes that appear over time: a watch, ``logs -f``, one channel of an exec.

    The writer calls :meth:`write` and :meth:`close`; the reader takes what is there, and is woken by ``on_data``. The
    reader that
    goes away calls :meth:`cancel`, which tells the writer through ``on_cancel``.
    """

    def __init__(self) -> None:
        """Start empty and open."""
        self._chunks: list[bytes] = []
        self.closed = False
        self.cancelled = False
        self.on_data: Callable[[], None] | None = None
        self.on_cancel: Callable[[], None] | None = None

    def write(self, data: bytes) -> None:
        """Add bytes; ignored once closed or cancelled."""
        if data and not self.closed and not self.cancelled:
            self._chunks.append(data)
            self._wake()

    def close(self) -> None:
        """Say that nothing more will come."""
        if not self.closed:
            self.closed = True
            self._wake()

    def take(self) -> bytes:
        """Return all that has come since the last call, possibly nothing."""
        data = b"".join(self._chunks)
        self._chunks.clear()
        return data

    def cancel(self) -> None:
        """Say that nobody reads any more."""
        if not self.cancelled:
            self.cancelled = True
            self._chunks.clear()
            if self.on_cancel is not None:
                self.on_cancel()

    @property
    def pending(self) -> bool:
        """Whether there is something to take."""
        return bool(self._chunks)

    def _wake(self) -> None:
        if self.on_data is not None:
            self.on_data()


@dataclass
class Response:
    """An HTTP answer: whole (``body``), or growing (``stream``)."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    stream: Stream | None = None


class Session:
    """A two-way conversation of numbered channels: exec, attach, port-forward.

    Channels are those of ``channel.k8s.io``: 0 stdin, 1 stdout, 2 stderr, 3 error (the closing ``Status`` in JSON), 4
    resize; port-forward uses
    2 i (data) and 2 i + 1 (error) for the i-th port. The cluster sends with :meth:`send` and ends with :meth:`close`;
    the front end sends what the
    client wrote with :meth:`receive` and :meth:`receive_close`.

    Source: k8s.io/apimachinery/pkg/util/remotecommand and k8s.io/kubelet/pkg/cri/streaming.
    """

    def __init__(self) -> None:
        """Start open, with nobody listening."""
        self.outbox: list[tuple[int, bytes]] = []
        self.closed = False
        self.on_output: Callable[[], None] | None = None
        self.on_input: Callable[[int, bytes], None] | None = None
        self.on_input_close: Callable[[int], None] | None = None
        self.on_disconnect: Callable[[], None] | None = None

    def send(self, channel: int, data: bytes) -> None:
        """Queue bytes for the client; ignored once closed."""
        if not self.closed:
            self.outbox.append((channel, data))
            self._wake()

    def close(self) -> None:
        """End the conversation after what is queued."""
        if not self.closed:
            self.closed = True
            self._wake()

    def take(self) -> list[tuple[int, bytes]]:
        """Return what is queued for the client, oldest first."""
        out, self.outbox = self.outbox, []
        return out

    def receive(self, channel: int, data: bytes) -> None:
        """Hand over what the client wrote on a channel."""
        if self.on_input is not None:
            self.on_input(channel, data)

    def receive_close(self, channel: int) -> None:
        """Say that the client closed its side of one channel (``v5``'s CLOSE signal)."""
        if self.on_input_close is not None:
            self.on_input_close(channel)

    def disconnect(self) -> None:
        """Say that the client went away."""
        if self.on_disconnect is not None:
            self.on_disconnect()

    def _wake(self) -> None:
        if self.on_output is not None:
            self.on_output()


@dataclass(frozen=True)
class LogOptions:
    """What ``GET …/log`` may ask for; see ``PodLogOptions``."""

    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    since_s: float | None = None
    since_time: str | None = None
    tail: int | None = None
    limit_bytes: int | None = None


class Runtime(Protocol):
    """What the API asks of the kubelets.

    Each raises :class:`podwalk.errors.ApiError` for a Pod or container that cannot do it.
    """

    def logs(self, pod: Object, container: str, options: LogOptions) -> Stream:
        """Return the container's log; closed at once unless ``follow``."""

    def exec(
        self, pod: Object, container: str, command: Sequence[str], *, stdin: bool, stdout: bool, stderr: bool, tty: bool
    ) -> Session:
        """Run a command in a container; the session ends with a ``Status`` on channel 3."""

    def attach(self, pod: Object, container: str, *, stdin: bool, stdout: bool, stderr: bool, tty: bool) -> Session:
        """Join the container's main process."""

    def port_forward(self, pod: Object, ports: Sequence[int]) -> Session:
        """Open a conversation with ports of the Pod."""

    def http(self, pod: Object, port: int, request: Request, *, tls: bool = False) -> Response:
        """Send an HTTP request, perhaps over TLS, to a port of the Pod from its node: the API's ``proxy``."""


@dataclass(frozen=True)
class ClusterOptions:
    """How the administrator of an embedded cluster set it up; the defaults are kind's.

    Attributes:
        name: the cluster's name; nodes are ``NAME-control-plane``, ``NAME-worker``, ``NAME-worker2``…
        pod_cidr: the addresses of Pods; each node has a /24 of it.
        service_cidr: the addresses of Services; the first is the API's, the tenth DNS's.
        node_cidr: the addresses of nodes, those of kind's Docker network.
        node_port_range: the lowest and the highest NodePort.
        cni: the CNI plugin it imitates: one that enforces NetworkPolicy (``calico``, ``cilium``, ``kindnet``…) or not
        (``flannel``).
        cluster_domain: the DNS domain of the cluster.
        workers: how many worker nodes, each for 110 Pods, in the zones ``zone-a`` and ``zone-b`` by turns.
        seed: of every random choice, so that a run can be repeated.
    """

    name: str = "podwalk"
    pod_cidr: str = "10.244.0.0/16"
    service_cidr: str = "10.96.0.0/16"
    node_cidr: str = "172.18.0.0/16"
    node_port_range: tuple[int, int] = (30000, 32767)
    cni: str = "calico"
    cluster_domain: str = "cluster.local"
    workers: int = 2
    seed: int = 0
