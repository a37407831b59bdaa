"""Lists: selected, cut into pages, and read at the revision that the client asks for.

An old revision is read by undoing the changes since, so a ``continue`` sees the cluster as it was when the list began,
until the log
no longer reaches back: then the client gets 410 and starts again.

Source: k8s.io/apiserver/pkg/storage/etcd3/store.go (GetList), storage/continue.go.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass

from podwalk.api import failures
from podwalk.api.failures import bad_request
from podwalk.api.options import Listing
from podwalk.api.selectors import Selector
from podwalk.errors import ApiError, Cause
from podwalk.store import Expired, Store
from podwalk.types import Object

_EXPIRED_LIST = "The resourceVersion for the provided list is too old."
_EXPIRED_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted "
    "between the time the first chunk was returned and now may show up in the list."
)


@dataclass(frozen=True)
class Page:
    """A part of a list.

    Attributes:
        items: the objects, in order of namespace and name.
        revision: at which they were read.
        token: for the next part, empty at the end.
        remaining: how many follow; None if that is not known because a selector was given.
    """

    items: Sequence[Object]
    revision: int
    token: str = ""
    remaining: int | None = None


def page(store: Store, resource: str, namespace: str | None, chosen: Selector, listing: Listing) -> Page:
    """Return the part of a list that was asked for.

    Raises:
        ApiError: 400 for a bad token or version, 410 for one that is too old, 504 for one that is yet to come.
    """
    revision, start = _position(store, listing)
    exact = bool(listing.token) or listing.match == "Exact" or (bool(listing.limit) and _is_past(listing))
    objects = _read(store, resource, namespace, chosen, revision if exact else None, start_token=bool(listing.token))
    at = revision if exact else store.revision
    if start is not None:
        objects = [obj for obj in objects if _key(obj) > start]
    items = objects if chosen.everything else [obj for obj in objects if chosen.matches(obj)]
    if not listing.limit or len(items) <= listing.limit:
        return Page(items, at)
    kept = items[: listing.limit]
    remaining = len(items) - listing.limit if chosen.everything else None
    return Page(kept, at, _token(at, _key(kept[-1])), remaining)


def _is_past(listing: Listing) -> bool:
    return listing.match == "" and listing.version not in ("", "0")


def _key(obj: Object) -> tuple[str, str]:
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _position(store: Store, listing: Listing) -> tuple[int, tuple[str, str] | None]:
    if listing.token:
        if listing.version not in ("", "0"):
            raise bad_request("specifying resource version is not allowed when using continue")
        revision, key = _parse_token(listing.token)
        return (revision if revision > 0 else store.revision), key
    revision = parse_version(listing.version)
    check_reached(store, revision)
    return revision or store.revision, None


def parse_version(text: str) -> int:
    """Return a ``resourceVersion`` as a number; 0 if it is empty.

    Raises:
        ApiError: 400 when it is none.
    """
    if text == "":
        return 0
    if not (text.isascii() and text.isdigit()):
        why = f'strconv.ParseUint: parsing "{text}": invalid syntax'
        raise bad_request(f'invalid resource version: resourceVersion: Invalid value: "{text}": {why}')
    return int(text)


def check_reached(store: Store, revision: int) -> None:
    """Refuse a revision that is yet to come.

    Raises:
        ApiError: 504.
    """
    if revision > store.revision:
        details = {"retryAfterSeconds": 1}
        cause = Cause("ResourceVersionTooLarge", "", "Too large resource version")
        error = ApiError(
            504,
            "Timeout",
            f"Timeout: Too large resource version: {revision}, current: {store.revision}",
            details=details,
        )
        error.details = {"causes": [{"reason": cause.reason, "message": cause.message}], **details}
        raise error


def _read(
    store: Store, resource: str, namespace: str | None, chosen: Selector, revision: int | None, *, start_token: bool
) -> Sequence[Object]:
    if revision is None or revision == store.revision:
        return store.list(resource, namespace, chosen.equal_labels or None)
    try:
        changes = [change for change in store.since(revision) if change.resource == resource]
    except Expired as error:
        message = _EXPIRED_CONTINUE if start_token else _EXPIRED_LIST
        raise failures.expired(message) from error
    objects = {_key(obj): obj for obj in store.list(resource, namespace)}
    for change in reversed(changes):
        key = _key(change.object)
        if namespace is not None and key[0] != namespace:
            continue
        if change.old is None:
            objects.pop(key, None)
        else:
            objects[key] = change.old
    return [objects[key] for key in sorted(objects)]


def _token(revision: int, key: tuple[str, str]) -> str:
    value = {"v": "meta.k8s.io/v1", "rv": revision, "start": f"{key[0]}/{key[1]}\0"}
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def _parse_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        value = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        if value["v"] != "meta.k8s.io/v1":
            raise ValueError(f'server does not recognize this encoded version "{value["v"]}"')
        namespace, _, name = value["start"].rstrip("\0").rpartition("/")
        return int(value["rv"]), (namespace, name)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise bad_request(f"invalid continue token: continue key is not valid: {error}") from error
