"""A Deployment with its ReplicaSets: the new one, which has its template, and the old ones."""

from __future__ import annotations

from dataclasses import dataclass

from podwalk.controllers.controller import Context, key_of
from podwalk.controllers.labels import matches
from podwalk.controllers.owners import controller_of, is_controlled_by, owner_reference, set_owners
from podwalk.controllers.trees import clone
from podwalk.types import Object

HASH_LABEL = "pod-template-hash"


@dataclass
class Family:
    """What one reconcile works on; ``new`` and ``old`` follow the writes it makes."""

    deployment: Object
    replica_sets: list[Object]

    @property
    def new(self) -> Object | None:
        """The oldest ReplicaSet with the Deployment's template."""
        template = self.deployment["spec"]["template"]
        return next((entry for entry in self.replica_sets if is_same(entry["spec"]["template"], template)), None)

    @property
    def old(self) -> list[Object]:
        """All others, oldest first."""
        new = self.new
        return [entry for entry in self.replica_sets if entry is not new]

    @property
    def replicas(self) -> int:
        """How many Pods are wanted."""
        return int(self.deployment["spec"].get("replicas", 1))

    @property
    def max_surge(self) -> int:
        """How many Pods there may be above that."""
        return self._limits()[0]

    @property
    def max_unavailable(self) -> int:
        """How many may be missing."""
        return min(self._limits()[1], self.replicas)

    def _limits(self) -> tuple[int, int]:
        strategy = self.deployment["spec"].get("strategy") or {}
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            return 0, 0
        rolling = strategy.get("rollingUpdate") or {}
        surge = scaled(rolling.get("maxSurge", "25%"), self.replicas, up=True)
        unavailable = scaled(rolling.get("maxUnavailable", "25%"), self.replicas, up=False)
        return (surge, unavailable) if surge or unavailable else (surge, 1)

    def replace(self, replica_set: Object) -> None:
        """Put in a ReplicaSet's newer state, or a new ReplicaSet."""
        uid = replica_set["metadata"]["uid"]
        others = [entry for entry in self.replica_sets if entry["metadata"]["uid"] != uid]
        self.replica_sets = sorted([*others, replica_set], key=_age)


def read(context: Context, deployment: Object) -> Family:
    """Read a Deployment's ReplicaSets, adopting those without an owner and releasing those no longer selected."""
    uid = deployment["metadata"]["uid"]
    owned = [entry for entry in context.objects.lookup("owner", uid) if entry["kind"] == "ReplicaSet"]
    selector = deployment["spec"].get("selector")
    family = []
    for entry in [*owned, *_orphans(context, deployment)]:
        chosen = matches(selector, entry["metadata"].get("labels"))
        if chosen and not is_controlled_by(entry, deployment):
            family.append(_set_owner(context, deployment, entry, owned=True))
        elif chosen:
            family.append(entry)
        else:
            _set_owner(context, deployment, entry, owned=False)
    return Family(deployment, sorted((entry for entry in family if entry is not None), key=_age))


def _orphans(context: Context, deployment: Object) -> list[Object]:
    if deployment["metadata"].get("deletionTimestamp"):
        return []
    selector = deployment["spec"].get("selector") or {}
    namespace = deployment["metadata"]["namespace"]
    candidates = context.objects.list("replicasets.apps", namespace, selector.get("matchLabels") or None)
    return [
        entry
        for entry in candidates
        if controller_of(entry) is None
        and "deletionTimestamp" not in entry["metadata"]
        and matches(selector, entry["metadata"].get("labels"))
    ]


def _set_owner(context: Context, deployment: Object, replica_set: Object, *, owned: bool) -> Object | None:
    uid = deployment["metadata"]["uid"]
    reference = owner_reference(deployment, "apps/v1", "Deployment")

    def change(latest: Object) -> None:
        others = [entry for entry in latest["metadata"].get("ownerReferences") or () if entry["uid"] != uid]
        set_owners(latest, [*others, reference] if owned else others)

    return context.objects.modify("replicasets.apps", *key_of(replica_set), change, manager="kube-controller-manager")


def is_same(template: Object, other: Object) -> bool:
    """Tell whether two templates are equal but for the hash label."""
    return bool(template.get("spec") == other.get("spec") and _bare_metadata(template) == _bare_metadata(other))


def _bare_metadata(template: Object) -> Object:
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    return {**{key: value for key, value in metadata.items() if value}, "labels": labels}


def bare(template: Object) -> Object:
    """Return a template without the hash label."""
    labels = (template.get("metadata") or {}).get("labels") or {}
    if HASH_LABEL not in labels:
        return template
    out = clone(template)
    del out["metadata"]["labels"][HASH_LABEL]
    return out


def scaled(value: int | str, total: int, *, up: bool) -> int:
    """Return an int-or-percent of a total, rounded up or down."""
    if isinstance(value, int):
        return value
    if value.endswith("%"):
        product = int(value[:-1]) * total
        return -(-product // 100) if up else product // 100
    return int(value)


def size(replica_set: Object) -> int:
    """Return how many Pods a ReplicaSet shall have."""
    return int(replica_set["spec"].get("replicas", 1))


def _age(replica_set: Object) -> tuple[str, str]:
    return replica_set["metadata"]["creationTimestamp"], replica_set["metadata"]["name"]
