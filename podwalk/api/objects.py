"""Reading and writing objects: the one path that every create, update and delete takes, a client's or a controller's.

A write is defaulted, admitted, prepared by its resource's strategy, validated, has its fields' owners noted, and is
stored. What comes
over HTTP was decoded before.

Source: k8s.io/apiserver/pkg/registry/generic/registry/store.go and registry/rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from podwalk.api import (
    admission,
    allocation,
    custom,
    defaults,
    deletion,
    establishment,
    failures,
    ownership,
    quotas,
    strategy,
    validation,
)
from podwalk.api.bodies import type_problem
from podwalk.api.decoding import decode
from podwalk.api.options import Deletion, Write
from podwalk.api.registry import RESOURCES, Resource, Typed
from podwalk.api.schema import FieldType
from podwalk.api.trees import clone, drop
from podwalk.errors import ApiError, Cause
from podwalk.simulation import Simulation
from podwalk.store import Store
from podwalk.types import Change, ClusterOptions, Object

_SUFFIX = "bcdfghjklmnpqrstvwxz2456789"
_GENERATED_NAME_LIMIT = 63
_SUFFIX_LENGTH = 5
_GENERATE_TRIES = 8


class StoredObjects:
    """The objects of one cluster behind the API's rules; implements :class:`podwalk.types.Objects`."""

    def __init__(self, store: Store, simulation: Simulation, options: ClusterOptions) -> None:
        """Serve the built-in resources and the custom ones whose definitions the store holds."""
        self.store = store
        self.simulation = simulation
        self.options = options
        self.definitions = custom.Definitions(store)
        establishment.follow(self)
        quotas.follow(self)

    @property
    def resources(self) -> Mapping[str, Resource]:
        """All resources that are served, by GroupResource string."""
        return self.definitions.resources

    def resource(self, key: str) -> Resource:
        """Return a resource.

        Raises:
            ApiError: 404 when no such resource is served.
        """
        resource = RESOURCES.get(key) or self.resources.get(key)
        if resource is None:
            raise failures.no_such_resource()
        return resource

    def strategy(self, resource: Resource) -> strategy.Strategy:
        """Return the rules by which a resource's objects are prepared."""
        return strategy.of(resource.storage_key) if resource.model else self.definitions.strategy(resource)

    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        """Return the object, or None."""
        return self.store.get(resource, namespace, name)

    def list(
        self, resource: str, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[Object]:
        """Return the objects in order of namespace and name; with ``labels``, those that carry all of them."""
        return self.store.list(resource, namespace, labels)

    def lookup(self, index: str, value: str) -> Sequence[Object]:
        """Return the objects an index names."""
        return self.store.lookup(index, value)

    def subscribe(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        """Call back after every write, in order; returns the function that ends it."""
        return self.store.subscribe(callback)

    def create(self, resource: str, obj: Object, *, manager: str = "podwalk") -> Object:
        """Default, admit, validate and store a new object; ``metadata.generateName`` is honoured."""
        write = Write(manager=manager, trusted=True)
        return self.insert(self.resource(resource), clone(obj), write)

    def update(self, resource: str, obj: Object, *, subresource: str = "", manager: str = "podwalk") -> Object:
        """Replace an object; 409 Conflict if ``metadata.resourceVersion`` is set and stale.

        A write that changes nothing is none.
        """
        write = Write(manager=manager, subresource=subresource, trusted=True)
        return self.replace(self.resource(resource), clone(obj), write)

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
        old = self.store.get(resource, namespace, name)
        if old is None:
            return None
        new = _copy(old)
        change(new)
        write = Write(manager=manager, subresource=subresource, trusted=True)
        return self.replace(self.resource(resource), new, write)

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
        try:
            self.remove(self.resource(resource), namespace, name, Deletion(grace_s, propagation, uid))
        except ApiError as error:
            if error.code != 404:
                raise

    def insert(self, resource: Resource, obj: Object, write: Write) -> Object:
        """Store a new object; the object given is changed and kept.

        Raises:
            ApiError: 409 if the name is taken, 404 or 403 if the namespace does not take it, 422 if it breaks the
            rules.
        """
        metadata = self._identify(resource, obj)
        self.default(resource, obj)
        self._track(resource, obj, None, write)
        metadata["uid"] = self.new_uid()
        metadata["creationTimestamp"] = self.simulation.timestamp()
        admission.admit_create(self, resource, obj, write)
        strategy.prepare_create(self.strategy(resource), obj)
        owned = allocation.allocate(self, resource, obj, None)
        self._check(resource, obj, None)
        if self.store.get(resource.storage_key, metadata.get("namespace", ""), metadata["name"]) is not None:
            raise failures.already_exists(resource, metadata["name"])
        write.warn(*_warnings(resource, obj, None))
        if write.dry_run:
            return obj
        allocation.claim(self, owned, obj)
        return self.store.put(resource.storage_key, in_order(obj))

    def replace(self, resource: Resource, obj: Object, write: Write) -> Object:
        """Store a new state of an object; the object given is changed and kept.

        Returns:
            What is stored now; the old state if nothing changed.

        Raises:
            ApiError: 404 if it is not there, 409 if it was changed meanwhile, 422 if it breaks the rules.
        """
        metadata = obj["metadata"]
        old = self.store.get(resource.storage_key, metadata.get("namespace", ""), metadata["name"])
        if old is None:
            raise failures.not_found(resource, metadata["name"])
        self._check_preconditions(resource, obj, old, write)
        self._keep_identity(obj, old)
        new = self._prepare(resource, obj, old, write)
        self._track(resource, new, old, write)
        owned = allocation.allocate(self, resource, new, old) if not write.subresource else allocation.NOTHING
        if not (write.trusted and write.subresource):
            self._check(resource, new, old)
        write.warn(*_warnings(resource, new, old))
        if new == old:
            return old
        return new if write.dry_run else self._store(resource, new, old, owned)

    def remove(self, resource: Resource, namespace: str, name: str, how: Deletion) -> tuple[Object, bool]:
        """Delete an object, or mark it as being deleted.

        Returns:
            Its last state, and whether it is gone.

        Raises:
            ApiError: 404 if it is not there, 409 if the preconditions do not hold, 403 if it may not be deleted.
        """
        return deletion.remove(self, resource, namespace, name, how)

    def default(self, resource: Resource, obj: Object) -> None:
        """Fill in what the client left out, in place."""
        if resource.model:
            defaults.default(resource, obj)
        else:
            self.definitions.default(resource, obj)

    def decoded(self, resource: Resource, body: Object, write: Write) -> Object:
        """Return the object of a request's body, typed; what is unknown is warned of or refused.

        Raises:
            ApiError: 400.
        """
        if problem := type_problem(body):
            raise failures.bad_request(problem)
        if resource.model:
            obj, warnings = decode(resource, body, write.field_validation)
        else:
            obj, warnings = self.definitions.decode(resource, body, write.field_validation)
        write.warn(*warnings)
        return obj

    def decode_as(self, of: Typed, body: Object, write: Write) -> Object:
        """Return the typed body of a subresource.

        Raises:
            ApiError: 400.
        """
        obj, warnings = decode(of, body, write.field_validation)
        write.warn(*warnings)
        return obj

    def root_type(self, resource: Resource) -> FieldType:
        """Return the schema of a resource's objects, for merging and for the owners of fields."""
        return self.definitions.root(resource)

    def take_out(self, resource: Resource, obj: Object) -> Object:
        """Remove an object for good, with what was allocated to it."""
        metadata = obj["metadata"]
        allocation.release(self, resource, obj)
        return self.store.remove(resource.storage_key, metadata.get("namespace", ""), metadata["name"])

    def new_uid(self) -> str:
        """Return a UUID drawn from the simulation's randomness."""
        return str(UUID(int=self.simulation.random.getrandbits(128), version=4))

    def _track(self, resource: Resource, new: Object, old: Object | None, write: Write) -> None:
        now, resets_status = self.simulation.timestamp(), self.strategy(resource).status
        ownership.track(self.root_type(resource), resource, new, old, write, now, resets_status=resets_status)

    def _identify(self, resource: Resource, obj: Object) -> Object:
        obj.setdefault("apiVersion", resource.api_version)
        obj.setdefault("kind", resource.kind)
        metadata: Object = obj.setdefault("metadata", {})
        version = str(metadata.pop("resourceVersion", None) or "")
        if version.isascii() and version.isdigit() and 0 < int(version) < 1 << 64:
            raise ApiError(500, "", "resourceVersion should not be set on objects to be created")
        if metadata.get("generateName") and not metadata.get("name"):
            metadata["name"] = self._generate(resource, metadata)
        metadata.setdefault("name", "")
        metadata.pop("uid", None)
        return metadata

    def _generate(self, resource: Resource, metadata: Object) -> str:
        stem = metadata["generateName"][: _GENERATED_NAME_LIMIT - _SUFFIX_LENGTH]
        name = ""
        for _ in range(_GENERATE_TRIES):
            name = stem + "".join(self.simulation.random.choices(_SUFFIX, k=_SUFFIX_LENGTH))
            if self.store.get(resource.storage_key, metadata.get("namespace", ""), name) is None:
                break
        return name

    def _check_preconditions(self, resource: Resource, obj: Object, old: Object, write: Write) -> None:
        metadata, before = obj["metadata"], old["metadata"]
        if (uid := metadata.get("uid")) and uid != before["uid"]:
            group = f"{resource.group}/" if resource.group else ""
            key = "/".join(part for part in (resource.plural, before.get("namespace", ""), before["name"]) if part)
            why = (
                f"StorageError: invalid object, Code: 4, Key: /registry/{group}{key}, ResourceVersion: 0, "
                f"AdditionalErrorMsg: "
                f"Precondition failed: UID in precondition: {uid}, UID in object meta: {before['uid']}"
            )
            raise failures.conflict(resource, before["name"], why)
        version = metadata.get("resourceVersion")
        if version and version != before["resourceVersion"]:
            if not str(version).isdecimal():
                raise ApiError(500, "", f'strconv.ParseUint: parsing "{version}": invalid syntax')
            raise failures.stale(resource, before["name"])
        if not version and not write.trusted and not self.strategy(resource).unconditional_update:
            cause = Cause(
                "FieldValueInvalid", "metadata.resourceVersion", "Invalid value: 0: must be specified for an update"
            )
            raise failures.invalid(resource.group, resource.plural, before["name"], [cause])

    @staticmethod
    def _keep_identity(obj: Object, old: Object) -> None:
        obj["apiVersion"], obj["kind"] = old["apiVersion"], old["kind"]
        metadata, before = obj["metadata"], old["metadata"]
        for key in ("uid", "creationTimestamp", "resourceVersion", "selfLink"):
            drop(metadata, key, before.get(key))
        for key in ("deletionTimestamp", "deletionGracePeriodSeconds"):
            if metadata.get(key) is None:
                drop(metadata, key, before.get(key))

    def _prepare(self, resource: Resource, obj: Object, old: Object, write: Write) -> Object:
        if write.subresource == "status":
            return strategy.prepare_status(resource.storage_key, obj, old, custom=not resource.model)
        if write.subresource == "finalize":
            spec = {**old.get("spec", {}), "finalizers": (obj.get("spec") or {}).get("finalizers") or []}
            return {**old, "metadata": obj["metadata"], "spec": {k: v for k, v in spec.items() if v}}
        if write.subresource == "ephemeralcontainers":
            obj = strategy.prepare_ephemeral_containers(obj, old)
        self.default(resource, obj)
        admission.admit_update(self, resource, obj, old, write)
        strategy.prepare_update(self.strategy(resource), obj, old, keep_status=write.subresource == "binding")
        return obj

    def _check(self, resource: Resource, new: Object, old: Object | None) -> None:
        causes = (
            validation.validate(resource, new, old) if resource.model else self.definitions.validate(resource, new, old)
        )
        if causes:
            kind = new.get("kind") or resource.kind
            raise failures.invalid(resource.group, kind, new["metadata"].get("name", ""), causes)

    def _store(self, resource: Resource, new: Object, old: Object, owned: allocation.Claims) -> Object:
        if deletion.finished(resource, new):
            new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
            return self.take_out(resource, new)
        allocation.claim(self, owned, new)
        return self.store.put(resource.storage_key, new)


def _copy(obj: Object) -> Object:
    """Copy an object all the way down, but for ``managedFields``, which nobody changes in place."""
    metadata = obj["metadata"]
    owners = metadata.get("managedFields")
    copied = {key: clone(value) for key, value in obj.items() if key != "metadata"}
    own = {key: value if value is owners else clone(value) for key, value in metadata.items()}
    return {key: own if key == "metadata" else copied[key] for key in obj}


def _warnings(resource: Resource, new: Object, old: Object | None) -> Sequence[str]:
    noticed = validation.warnings(resource, new, old) if resource.model else ()
    return [*noticed, *admission.warnings(resource, new, old)]


_METADATA_ORDER = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)


def in_order(obj: Object) -> Object:
    """Return an object with its type and metadata in front, as the API server writes it."""
    metadata = {"resourceVersion": "", **obj["metadata"]}
    ordered = {key: metadata[key] for key in _METADATA_ORDER if key in metadata}
    first = {"kind": obj["kind"], "apiVersion": obj["apiVersion"], "metadata": {**ordered, **metadata}}
    return {**obj, **first} if next(iter(obj)) == "kind" else {**first, **obj, "metadata": first["metadata"]}
