"""What every object's metadata must be.

Source: k8s.io/apimachinery/pkg/api/validation/objectmeta.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podwalk.api.validation import names
from podwalk.api.validation.causes import Causes, each, forbidden, immutable, invalid, required, too_long
from podwalk.types import Object

ANNOTATIONS_LIMIT = 256 * 1024
STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")


def create(metadata: Object, *, namespaced: bool, check: names.Check) -> Causes:
    """Check the metadata of a new object."""
    if stem := metadata.get("generateName"):
        yield from each("metadata.generateName", stem, check(_masked(stem)))
    name = metadata.get("name")
    if not name:
        yield required("metadata.name", "name or generateName is required")
    else:
        yield from each("metadata.name", name, check(name))
    namespace = metadata.get("namespace")
    if namespaced and not namespace:
        yield required("metadata.namespace")
    elif namespaced:
        yield from each("metadata.namespace", namespace, names.dns_label(str(namespace)))
    elif namespace:
        yield forbidden("metadata.namespace", "not allowed on this type")
    yield from _common(metadata)
    yield from _finalizers(metadata.get("finalizers") or [])


def update(metadata: Object, old: Object) -> Causes:
    """Check the metadata of an object that is written again."""
    if old.get("deletionTimestamp"):
        added = sorted(set(metadata.get("finalizers") or ()) - set(old.get("finalizers") or ()))
        if added:
            shown = ", ".join(f'"{name}"' for name in added)
            yield forbidden(
                "metadata.finalizers",
                "no new finalizers can be added if the object is being deleted, "
                f"found new finalizers []string{{{shown}}}",
            )
    for field in ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
        yield from immutable(f"metadata.{field}", metadata.get(field), old.get(field))
    yield from _common(metadata)


def labels(path: str, values: Mapping[str, str] | None) -> Causes:
    """Check labels, or the labels of a selector."""
    for key, value in (values or {}).items():
        yield from each(path, key, names.label_key(key))
        yield from each(path, value, names.label_value(value))


def notes(path: str, values: Mapping[str, str] | None) -> Causes:
    """Check annotations."""
    size = 0
    for key, value in (values or {}).items():
        yield from each(path, key, names.label_key(key.lower()))
        size += len(key.encode()) + len(value.encode())
    if size > ANNOTATIONS_LIMIT:
        yield too_long(path, ANNOTATIONS_LIMIT)


def selector(path: str, value: Object | None) -> Causes:
    """Check a LabelSelector."""
    yield from labels(f"{path}.matchLabels", (value or {}).get("matchLabels"))
    for index, requirement in enumerate((value or {}).get("matchExpressions") or ()):
        yield from _requirement(f"{path}.matchExpressions[{index}]", requirement)


def shown(value: Object | None) -> Object | None:
    """Return a LabelSelector with its fields in the order in which messages print them."""
    if value is None:
        return None
    result: Object = {}
    if value.get("matchLabels"):
        result["matchLabels"] = dict(sorted(value["matchLabels"].items()))
    if value.get("matchExpressions"):
        result["matchExpressions"] = [
            {name: requirement[name] for name in ("key", "operator", "values") if name in requirement}
            for requirement in value["matchExpressions"]
        ]
    return result


def _requirement(path: str, requirement: Object) -> Causes:
    operator, values = requirement.get("operator", ""), requirement.get("values") or []
    if operator in ("In", "NotIn"):
        if not values:
            yield required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            yield forbidden(f"{path}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
    else:
        yield invalid(f"{path}.operator", operator, "not a valid selector operator")
    key = requirement.get("key", "")
    yield from each(f"{path}.key", key, names.label_key(key))
    for index, value in enumerate(values):
        yield from each(f"{path}.values[{index}]", value, names.label_value(value))


def _common(metadata: Object) -> Causes:
    yield from labels("metadata.labels", metadata.get("labels"))
    yield from notes("metadata.annotations", metadata.get("annotations"))
    yield from _owners("metadata.ownerReferences", metadata.get("ownerReferences") or [])


def _owners(path: str, owners: list[Any]) -> Causes:
    controller = ""
    for index, owner in enumerate(owners):
        at = f"{path}[{index}]"
        version = owner.get("apiVersion") or ""
        if version.count("/") > 1 or version.endswith("/"):
            yield invalid(f"{at}.apiVersion", version, "must be <group>/<version> or <version>")
        if version == "v1" and owner.get("kind") == "Event":
            yield invalid(at, owner, "/v1, Kind=Event is disallowed from being an owner")
        if owner.get("controller"):
            this = f"{owner.get('kind', '')}/{owner.get('name', '')}"
            if controller:
                yield invalid(
                    path,
                    owners,
                    "Only one reference can have Controller set to true. "
                    f'Found "true" in references for {controller} and {this}',
                )
            controller = controller or this
    for index, owner in enumerate(owners):
        for field in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(field):
                yield required(f"{path}[{index}].{field}", "must not be empty")


def finalizer_names(values: list[str]) -> Causes:
    """Check that each finalizer is a standard one, or its name fully qualified; custom resources' may be neither.

    Source: ``ValidateObjectMetaUpdate`` of kubernetes/pkg/apis/core/validation.
    """
    for index, value in enumerate(values):
        if "/" not in value and value not in STANDARD_FINALIZERS:
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            yield invalid(f"metadata.finalizers[{index}]", value, detail)


def _finalizers(values: list[str]) -> Causes:
    for value in values:
        yield from each("metadata.finalizers", value, names.label_key(value))
    yield from finalizer_names(values)
    if "orphan" in values and "foregroundDeletion" in values:
        detail = "finalizer orphan and foregroundDeletion cannot be both set"
        yield invalid("metadata.finalizers", values, detail)


def _masked(stem: str) -> str:
    """Return a prefix as if it were a name: a dash at its end is allowed, for more will follow."""
    return stem[:-2] + "a" if len(stem) > 1 and stem.endswith("-") else stem
