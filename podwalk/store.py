"""The objects of one cluster, their revisions, and the log of changes.

The store knows nothing of schemas or controllers: it keeps objects by resource, namespace and name, stamps each write
with the next
revision, keeps the indexes that make a reconcile cost what the change costs, and tells its subscribers.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from podwalk.types import Change, EventType, Object, Ref

LOG_LENGTH = 5_000
"""Changes kept for watches that resume; older ones answer 410 Expired, as after etcd's compaction."""


def _pod_ips(obj: Object) -> Iterator[str]:
    for entry in obj.get("status", {}).get("podIPs") or ():
        yield entry["ip"]


def _pod_node(obj: Object) -> Iterator[str]:
    if node := obj.get("spec", {}).get("nodeName"):
        yield node


def _service_ips(obj: Object) -> Iterator[str]:
    spec = obj.get("spec", {})
    addresses = [*(spec.get("clusterIPs") or ()), *(spec.get("externalIPs") or ())]
    addresses += [entry.get("ip", "") for entry in obj.get("status", {}).get("loadBalancer", {}).get("ingress") or ()]
    yield from {address for address in addresses if address and address != "None"}


def _service_node_ports(obj: Object) -> Iterator[str]:
    spec = obj.get("spec", {})
    ports = {port.get("nodePort") for port in spec.get("ports") or ()} | {spec.get("healthCheckNodePort")}
    yield from (str(port) for port in ports if port)


def _owners(obj: Object) -> Iterator[str]:
    for owner in obj.get("metadata", {}).get("ownerReferences") or ():
        yield owner["uid"]


def _slice_service(obj: Object) -> Iterator[str]:
    metadata = obj["metadata"]
    if service := (metadata.get("labels") or {}).get("kubernetes.io/service-name"):
        yield f"{metadata.get('namespace', '')}/{service}"


def _node_ips(obj: Object) -> Iterator[str]:
    for address in obj.get("status", {}).get("addresses") or ():
        if address.get("type") in ("InternalIP", "ExternalIP"):
            yield address["address"]


def _events_regarding(obj: Object) -> Iterator[str]:
    if uid := (obj.get("involvedObject") or {}).get("uid"):
        yield uid


INDEXES: Mapping[str, tuple[str, Callable[[Object], Iterator[str]]]] = {
    "pod-ip": ("pods", _pod_ips),
    "pod-node": ("pods", _pod_node),
    "service-ip": ("services", _service_ips),
    "service-node-port": ("services", _service_node_ports),
    "slice-service": ("endpointslices.discovery.k8s.io", _slice_service),
    "node-ip": ("nodes", _node_ips),
    "event-regarding": ("events", _events_regarding),
    "owner": ("*", _owners),
}
"""Name → (resource, or ``*`` for all; the values under which an object is found). ``slice-service`` is
``namespace/service``."""


class Expired(LookupError):
    """The log no longer reaches back to the revision asked for."""


class Shelf:
    """The objects of one resource, sorted, with label and namespace lookups."""

    def __init__(self) -> None:
        """Start empty."""
        self.objects: dict[tuple[str, str], Object] = {}
        self.by_namespace: dict[str, list[str]] = {}
        self.by_label: dict[tuple[str, str], set[tuple[str, str]]] = {}

    def put(self, key: tuple[str, str], obj: Object, old: Object | None) -> None:
        """Insert or replace."""
        if old is None:
            insort(self.by_namespace.setdefault(key[0], []), key[1])
        else:
            self._unlabel(key, old)
        self.objects[key] = obj
        for pair in (obj["metadata"].get("labels") or {}).items():
            self.by_label.setdefault(pair, set()).add(key)

    def remove(self, key: tuple[str, str]) -> None:
        """Take out."""
        self._unlabel(key, self.objects.pop(key))
        names = self.by_namespace[key[0]]
        del names[bisect_right(names, key[1]) - 1]
        if not names:
            del self.by_namespace[key[0]]

    def _unlabel(self, key: tuple[str, str], obj: Object) -> None:
        for pair in (obj["metadata"].get("labels") or {}).items():
            keys = self.by_label[pair]
            keys.discard(key)
            if not keys:
                del self.by_label[pair]


class Store:
    """Objects by resource, namespace and name; see :class:`podwalk.types.View`."""

    def __init__(self) -> None:
        """Start empty, at revision 1."""
        self.revision = 1
        self._tables: dict[str, Shelf] = {}
        self._indexes: dict[str, dict[str, set[Ref]]] = {name: {} for name in INDEXES}
        self._log: deque[Change] = deque(maxlen=LOG_LENGTH)
        self._floor = 1
        self._subscribers: list[Callable[[Change], None]] = []

    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        """Return the object, or None."""
        table = self._tables.get(resource)
        return table.objects.get((namespace, name)) if table else None

    def list(
        self, resource: str, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[Object]:
        """Return the objects in order of namespace and name; with ``labels``, those that carry all of them."""
        table = self._tables.get(resource)
        if table is None:
            return []
        if labels:
            sets = sorted((table.by_label.get(pair, set()) for pair in labels.items()), key=len)
            keys = set.intersection(*sets) if sets else set()
            return [table.objects[key] for key in sorted(keys) if namespace is None or key[0] == namespace]
        if namespace is not None:
            return [table.objects[namespace, name] for name in table.by_namespace.get(namespace, ())]
        return [
            table.objects[space, name] for space in sorted(table.by_namespace) for name in table.by_namespace[space]
        ]

    def lookup(self, index: str, value: str) -> Sequence[Object]:
        """Return the objects that an index of :data:`INDEXES` names, in order of namespace and name."""
        found = (self.get(ref.resource, ref.namespace, ref.name) for ref in sorted(self._indexes[index].get(value, ())))
        return [obj for obj in found if obj is not None]

    def resources(self) -> Iterable[str]:
        """Return the resources that have ever had an object."""
        return tuple(self._tables)

    def count(self, resource: str) -> int:
        """Return how many objects of a resource there are."""
        table = self._tables.get(resource)
        return len(table.objects) if table else 0

    def put(self, resource: str, obj: Object) -> Object:
        """Insert or replace an object, stamping ``metadata.resourceVersion``; the object given is kept, not copied."""
        metadata = obj["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        table = self._tables.setdefault(resource, Shelf())
        old = table.objects.get(key)
        self.revision += 1
        metadata["resourceVersion"] = str(self.revision)
        table.put(key, obj, old)
        self._reindex(resource, key, old, obj)
        self._emit("ADDED" if old is None else "MODIFIED", resource, obj, old)
        return obj

    def remove(self, resource: str, namespace: str, name: str) -> Object:
        """Take an object out; returns its last state, at the revision of the deletion.

        Raises:
            KeyError: when it is not there.
        """
        table = self._tables[resource]
        old = table.objects[namespace, name]
        table.remove((namespace, name))
        self._reindex(resource, (namespace, name), old, None)
        self.revision += 1
        last = {**old, "metadata": {**old["metadata"], "resourceVersion": str(self.revision)}}
        self._emit("DELETED", resource, last, old)
        return last

    def restore(self, objects: Iterable[tuple[str, Object]], revision: int) -> None:
        """Fill an empty store from a journal, keeping each object's revision; nobody is told."""
        for resource, obj in objects:
            metadata = obj["metadata"]
            key = (metadata.get("namespace", ""), metadata["name"])
            self._tables.setdefault(resource, Shelf()).put(key, obj, None)
            self._reindex(resource, key, None, obj)
        self.revision = self._floor = max(revision, self.revision)

    def since(self, revision: int) -> Sequence[Change]:
        """Return the changes after a revision, oldest first.

        Raises:
            Expired: when the log no longer reaches back that far.
        """
        if revision < self._floor - 1 or (
            len(self._log) == self._log.maxlen and self._log and revision < self._log[0].revision - 1
        ):
            raise Expired(revision)
        newer: deque[Change] = deque()
        for change in reversed(self._log):
            if change.revision <= revision:
                break
            newer.appendleft(change)
        return tuple(newer)

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back after every write, in order; returns the function that ends it."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

    def _emit(self, kind: EventType, resource: str, obj: Object, old: Object | None) -> None:
        change = Change(kind, resource, obj, old, self.revision)
        self._log.append(change)
        for callback in tuple(self._subscribers):
            callback(change)

    def _reindex(self, resource: str, key: tuple[str, str], old: Object | None, new: Object | None) -> None:
        ref = Ref(resource, *key)
        for name, (of, values) in INDEXES.items():
            if of not in ("*", resource):
                continue
            index = self._indexes[name]
            before = set(values(old)) if old is not None else set()
            after = set(values(new)) if new is not None else set()
            for value in before - after:
                index[value].discard(ref)
                if not index[value]:
                    del index[value]
            for value in after - before:
                index.setdefault(value, set()).add(ref)
