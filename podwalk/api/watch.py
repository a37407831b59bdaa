"""Watches: streams of what happens to the objects that a client chose.

A watch begins with what is there (no ``resourceVersion``, or ``0``), or with what happened since a revision. An object
that leaves the selection is
DELETED to this client, one that enters it ADDED. A list as a stream (``sendInitialEvents``) ends its first part with a
bookmark that says so.

Source: k8s.io/apiserver/pkg/storage/cacher, KEP-3157 (watch-list), KEP-956 (bookmarks).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from podwalk.api.negotiation import Representation, encode_event
from podwalk.api.options import Listing
from podwalk.api.selectors import Selector
from podwalk.errors import ApiError
from podwalk.simulation import Simulation
from podwalk.store import Expired, Store
from podwalk.types import Change, EventType, Object, Stream

INITIAL_EVENTS_END = "k8s.io/initial-events-end"
BOOKMARK_PERIOD_S = 60.0
"""How often a watch that asked for bookmarks gets one, as upstream about once a minute."""

DEFAULT_TIMEOUT_S = (1800.0, 3600.0)
"""Between which a watch without ``timeoutSeconds`` ends, as with the API server's ``--min-request-timeout``."""


@dataclass(frozen=True)
class Subject:
    """What a watch is about.

    Attributes:
        resource: the key under which the store keeps the objects.
        namespace: None for all.
        selector: which objects.
        render: the object of an event as this client wants it; the second argument says whether it is the stream's
        first.
        bookmark: the object of a bookmark, given its metadata.
        wanted: the form of the events.
    """

    resource: str
    namespace: str | None
    selector: Selector
    render: Callable[[Object, bool], Object]
    bookmark: Callable[[Object], Object]
    wanted: Representation


@dataclass
class Watch:
    """One open stream."""

    subject: Subject
    floor: int = 0
    stream: Stream = field(default_factory=Stream)
    started: bool = False

    def pass_on(self, change: Change) -> None:
        """Write the event that a change is to this client, if it is one."""
        subject = self.subject
        if change.revision <= self.floor:
            return
        if subject.namespace is not None and change.object["metadata"].get("namespace", "") != subject.namespace:
            return
        kind = self._kind(change)
        if kind is None:
            return
        obj = change.object
        if kind == "DELETED" and change.type == "MODIFIED" and change.old is not None:
            version = change.object["metadata"]["resourceVersion"]
            obj = {**change.old, "metadata": {**change.old["metadata"], "resourceVersion": version}}
        self.emit(kind, obj)

    def _kind(self, change: Change) -> EventType | None:
        chosen = self.subject.selector
        if chosen.everything:
            return change.type
        now = change.type != "DELETED" and chosen.matches(change.object)
        before = change.old is not None and chosen.matches(change.old)
        if now:
            return "MODIFIED" if before else "ADDED"
        return "DELETED" if before else None

    def emit(self, kind: str, obj: Object) -> None:
        """Write one event."""
        self._write(kind, self.subject.render(obj, not self.started))
        self.started = True

    def emit_bookmark(self, revision: int, *, initial_events_end: bool = False) -> None:
        """Write a bookmark: everything up to a revision has been sent."""
        metadata: Object = {"resourceVersion": str(revision)}
        if initial_events_end:
            metadata["annotations"] = {INITIAL_EVENTS_END: "true"}
        self._write("BOOKMARK", self.subject.bookmark(metadata))

    def fail(self, error: ApiError) -> None:
        """Write an ERROR event and end."""
        self._write("ERROR", error.status())
        self.stream.close()

    def _write(self, kind: str, obj: Object) -> None:
        self.stream.write(encode_event(kind, obj, self.subject.wanted))


def parse_watch_version(text: str) -> int:
    """Return the ``resourceVersion`` of a watch as a number; 0 if it is empty.

    Raises:
        ApiError: 500 without a reason when it is none, as upstream.
    """
    if text and not (text.isascii() and text.isdigit()):
        why = f'Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'
        raise ApiError(500, "", f"resourceVersion: {why}")
    return int(text or "0")


class Watches:
    """All open streams of one cluster, found by resource so that a write wakes only those it may concern."""

    def __init__(self, store: Store, simulation: Simulation) -> None:
        """Listen to every write."""
        self._store = store
        self._simulation = simulation
        self._open: dict[str, dict[int, Watch]] = {}
        store.subscribe(self._dispatch)

    def open(self, subject: Subject, listing: Listing) -> Stream:
        """Start a watch.

        Raises:
            ApiError: for a ``resourceVersion`` that is none.
        """
        revision = parse_watch_version(listing.version)
        watch = Watch(subject, floor=revision)
        if listing.initial_events or (listing.initial_events is None and revision == 0):
            self._send_initial(watch, listing)
        elif not self._replay(watch, revision or self._store.revision):
            return watch.stream
        self._enlist(watch, listing)
        return watch.stream

    def count(self) -> int:
        """Return how many streams are open."""
        return sum(len(watches) for watches in self._open.values())

    def _send_initial(self, watch: Watch, listing: Listing) -> None:
        subject = watch.subject
        for obj in self._store.list(subject.resource, subject.namespace, subject.selector.equal_labels or None):
            if subject.selector.matches(obj):
                watch.emit("ADDED", obj)
        if listing.initial_events and listing.bookmarks:
            watch.emit_bookmark(self._store.revision, initial_events_end=True)

    def _replay(self, watch: Watch, revision: int) -> bool:
        try:
            changes = self._store.since(revision)
        except Expired:
            message = f"too old resource version: {revision} ({self._store.revision})"
            watch.fail(ApiError(410, "Expired", message))
            return False
        for change in changes:
            if change.resource == watch.subject.resource:
                watch.pass_on(change)
        return True

    def _enlist(self, watch: Watch, listing: Listing) -> None:
        watches = self._open.setdefault(watch.subject.resource, {})
        watches[id(watch)] = watch
        watch.stream.on_cancel = lambda: self._leave(watch)
        timeout_s = listing.timeout_s or self._simulation.random.uniform(*DEFAULT_TIMEOUT_S)
        self._simulation.call(lambda: self._end(watch), timeout_s)
        if listing.bookmarks:
            self._simulation.call(lambda: self._send_bookmark(watch), BOOKMARK_PERIOD_S)

    def _leave(self, watch: Watch) -> None:
        self._open.get(watch.subject.resource, {}).pop(id(watch), None)

    def _end(self, watch: Watch) -> None:
        self._leave(watch)
        watch.stream.close()

    def _send_bookmark(self, watch: Watch) -> None:
        if id(watch) in self._open.get(watch.subject.resource, {}):
            watch.emit_bookmark(self._store.revision)
            self._simulation.call(lambda: self._send_bookmark(watch), BOOKMARK_PERIOD_S)

    def _dispatch(self, change: Change) -> None:
        watches = self._open.get(change.resource)
        if watches:
            for watch in tuple(watches.values()):
                watch.pass_on(change)
