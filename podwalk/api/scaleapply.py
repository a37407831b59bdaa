"""Server-side apply of a Scale: whoever owns the replicas of the workload owns those of its Scale, and back.

Source: k8s.io/apimachinery/pkg/util/managedfields/scalehandler.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from podwalk.api import apply, fieldsets, ownership, schema, typedpatch
from podwalk.api.fieldsets import Fields
from podwalk.api.options import Write
from podwalk.api.ownership import Entry
from podwalk.api.registry import Subresource
from podwalk.api.routes import Route
from podwalk.types import Object

_REPLICAS: Fields = {"f:spec": {"f:replicas": {}}}


def merged(
    route: Route, subresource: Subresource, body: bytes, scale: Object, owners: Sequence[Entry], write: Write
) -> tuple[Object, list[Entry]]:
    """Merge a configuration into a Scale.

    Args:
        route: where the Scale is.
        subresource: its kind.
        body: the configuration.
        scale: the Scale as it is.
        owners: who owns its fields; see :func:`owners_of`.
        write: by whom, and whether fields of others are taken over.

    Returns:
        The new Scale and who owns its fields then.

    Raises:
        ApiError: 400 or 500 for what is no Scale, 409 for a conflict.
    """
    at = schema.root(subresource)
    config = apply.read_configuration(route, body, subresource)
    typedpatch.check(config, at, subresource)
    mine = Entry(
        write.manager, "Apply", subresource.api_version, "", ownership.strip(fieldsets.of(config, at)), "scale"
    )
    try:
        return apply.merge_configuration(scale, config, at, list(owners), mine, force=write.force)
    except apply.Conflicts as conflicts:
        raise apply.conflict_error(conflicts.found) from conflicts


def owners_of(entries: Sequence[Entry], replicas: Sequence[str], version: str) -> list[Entry]:
    """Return the rows of a workload's owners of its replicas, as rows of its Scale.

    Args:
        entries: the rows of the workload.
        replicas: the path of its replicas.
        version: the API version of the Scale.
    """
    owning = [entry for entry in entries if fieldsets.intersection(entry.fields, _path(replicas))]
    return [replace(entry, fields=_REPLICAS, version=version) for entry in owning]


def returned(entries: Sequence[Entry], owners: Sequence[Entry], replicas: Sequence[str], version: str) -> list[Entry]:
    """Return the rows of a workload after a write to its Scale.

    Args:
        entries: its rows before.
        owners: the rows of the Scale after the write.
        replicas: the path of the workload's replicas.
        version: the API version of the workload.
    """
    path = _path(replicas)
    left = {_who(owner): owner for owner in owners if fieldsets.intersection(owner.fields, _REPLICAS)}
    kept = []
    for entry in entries:
        if fieldsets.intersection(entry.fields, path) and left.pop(_who(entry), None) is None:
            entry = replace(entry, fields=fieldsets.difference(entry.fields, path))
        kept.append(entry)
    return [*kept, *(replace(owner, fields=path, version=version) for owner in left.values())]


def _who(entry: Entry) -> tuple[str, str, str]:
    return entry.manager, entry.operation, entry.subresource


def _path(replicas: Sequence[str]) -> Fields:
    fields: Fields = {}
    for key in reversed(replicas):
        fields = {f"f:{key}": fields}
    return fields
