"""The query parameters of reads and writes, checked.

Source: k8s.io/apimachinery/pkg/apis/meta/v1/validation and internalversion/validation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from podwalk.api import failures
from podwalk.api.failures import bad_request
from podwalk.api.routes import flag
from podwalk.errors import ApiError, Cause
from podwalk.types import Request

FieldValidation = Literal["Ignore", "Warn", "Strict"]
_PRINTABLE_LIMIT = 128


@dataclass(frozen=True)
class Write:
    """How a write was asked for.

    Attributes:
        manager: who owns the fields that it sets.
        operation: ``Apply`` for server-side apply.
        subresource: the one written through, empty for the object itself.
        dry_run: whether nothing is stored.
        force: whether an apply takes fields over.
        field_validation: what happens to unknown fields.
        warnings: filled while the write is worked on.
        trusted: whether the body comes from a component of the cluster, so that it need not be decoded.
    """

    manager: str
    operation: Literal["Update", "Apply"] = "Update"
    subresource: str = ""
    dry_run: bool = False
    force: bool = False
    field_validation: FieldValidation = "Warn"
    warnings: list[str] = field(default_factory=list)
    trusted: bool = False

    def warn(self, *messages: str) -> None:
        """Add to the Warning headers of the answer."""
        self.warnings.extend(messages)

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Let a refusal carry what was warned of before it began: a body is warned of even if it is refused."""
        told = tuple(self.warnings)
        try:
            yield
        except ApiError as error:
            error.warnings = told
            raise


def write_options(request: Request, kind: str, subresource: str = "", *, apply: bool = False) -> Write:
    """Read the options of a create, update or patch.

    Args:
        request: what was asked.
        kind: ``CreateOptions``, ``UpdateOptions`` or ``PatchOptions``, for the message.
        subresource: what is written through.
        apply: whether it is a server-side apply.

    Raises:
        ApiError: 422 for values that do not exist.
    """
    causes = [*_dry_run_causes(request), *_apply_causes(request, kind, apply)]
    manager = request.param("fieldManager")
    if len(manager) > _PRINTABLE_LIMIT:
        causes.append(Cause("FieldValueTooLong", "fieldManager", "Too long: may not be more than 128 bytes"))
    elif not manager.isprintable():
        bad = f'Invalid value: "{manager}": should only contain printable characters'
        causes.append(Cause("FieldValueInvalid", "fieldManager", bad))
    validation = request.param("fieldValidation")
    if validation not in ("", "Ignore", "Warn", "Strict"):
        text = f'Unsupported value: "{validation}": supported values: "", "Ignore", "Strict", "Warn"'
        causes.append(Cause("FieldValueNotSupported", "fieldValidation", text))
    if causes:
        raise failures.invalid("meta.k8s.io", kind, "", causes)
    return Write(
        manager=manager or _user_agent(request),
        operation="Apply" if apply else "Update",
        subresource=subresource,
        dry_run=bool(request.params("dryRun")) and request.param("dryRun") != "",
        force=flag(request, "force"),
        field_validation=cast("FieldValidation", validation or "Warn"),
    )


def _user_agent(request: Request) -> str:
    return request.header("user-agent").split("/")[0][:_PRINTABLE_LIMIT] or "unknown"


def _dry_run_causes(request: Request) -> list[Cause]:
    values = [value for value in request.params("dryRun") if value]
    return _dry_run_problem(values)


def _dry_run_problem(values: list[str]) -> list[Cause]:
    if all(value == "All" for value in values):
        return []
    shown = ", ".join(f'"{value}"' for value in values)
    return [Cause("FieldValueNotSupported", "dryRun", f'Unsupported value: [{shown}]: supported values: "All"')]


def _apply_causes(request: Request, kind: str, apply: bool) -> list[Cause]:
    if kind != "PatchOptions":
        return []
    if apply and not request.param("fieldManager"):
        return [Cause("FieldValueRequired", "fieldManager", "Required value: is required for apply patch")]
    if not apply and request.params("force"):
        return [Cause("FieldValueForbidden", "force", "Forbidden: may not be specified for non-apply patch")]
    return []


@dataclass(frozen=True)
class Listing:
    """The options of a list or a watch."""

    labels: str = ""
    fields: str = ""
    limit: int = 0
    token: str = ""
    version: str = ""
    match: str = ""
    timeout_s: float | None = None
    bookmarks: bool = False
    initial_events: bool | None = None


def list_options(request: Request, *, watch: bool = False) -> Listing:
    """Read the options of a list or a watch.

    Raises:
        ApiError: 400 for numbers that are none, 422 for combinations that are not allowed.
    """
    listing = Listing(
        labels=request.param("labelSelector"),
        fields=request.param("fieldSelector"),
        limit=max(0, _integer(request.param("limit"))),
        token=request.param("continue"),
        version=request.param("resourceVersion"),
        match=request.param("resourceVersionMatch"),
        timeout_s=float(_integer(request.param("timeoutSeconds"))) or None,
        bookmarks=flag(request, "allowWatchBookmarks"),
        initial_events=flag(request, "sendInitialEvents") if request.params("sendInitialEvents") else None,
    )
    causes = _initial_events_causes(listing, watch) if watch or listing.initial_events is not None else []
    causes += [] if watch else _match_causes(listing)
    if causes:
        raise failures.invalid("meta.k8s.io", "ListOptions", "", causes)
    return listing


def _integer(text: str) -> int:
    if not text:
        return 0
    try:
        return int(text)
    except ValueError as error:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def _match_causes(listing: Listing) -> list[Cause]:
    causes = []
    if listing.match and listing.version == "":
        text = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
        causes.append(Cause("FieldValueForbidden", "resourceVersionMatch", text))
    if listing.match and listing.token:
        text = "Forbidden: resourceVersionMatch is forbidden when continue is provided"
        causes.append(Cause("FieldValueForbidden", "resourceVersionMatch", text))
    if listing.match not in ("", "Exact", "NotOlderThan"):
        text = f'Unsupported value: "{listing.match}": supported values: "Exact", "NotOlderThan", ""'
        causes.append(Cause("FieldValueNotSupported", "resourceVersionMatch", text))
    if listing.match == "Exact" and listing.version == "0":
        text = 'Forbidden: resourceVersionMatch "Exact" is forbidden for resourceVersion "0"'
        causes.append(Cause("FieldValueForbidden", "resourceVersionMatch", text))
    return causes


def _initial_events_causes(listing: Listing, watch: bool) -> list[Cause]:
    field_path = "resourceVersionMatch"
    if listing.initial_events is None:
        if listing.match:
            text = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            return [Cause("FieldValueForbidden", field_path, text)]
        return []
    if not watch:
        text = "Forbidden: sendInitialEvents is forbidden for list"
        return [Cause("FieldValueForbidden", "sendInitialEvents", text)]
    if listing.match != "NotOlderThan":
        text = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        causes = [Cause("FieldValueForbidden", field_path, text)]
        if listing.match:
            shown = f'Unsupported value: "{listing.match}": supported values: "NotOlderThan"'
            causes.append(Cause("FieldValueNotSupported", field_path, shown))
        return causes
    return []


@dataclass(frozen=True)
class Deletion:
    """How a delete was asked for; see ``DeleteOptions``."""

    grace_s: int | None = None
    propagation: str | None = None
    uid: str | None = None
    version: str | None = None
    dry_run: bool = False


def check_delete_body(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a delete if its values are of the right types.

    Raises:
        ApiError: 400.
    """
    types: dict[str, type | tuple[type, ...]] = {
        "gracePeriodSeconds": int,
        "propagationPolicy": str,
        "orphanDependents": bool,
        "preconditions": dict,
        "dryRun": list,
    }
    for name, wanted in types.items():
        value = body.get(name)
        if value is not None and (not isinstance(value, wanted) or (wanted is int and isinstance(value, bool))):
            raise bad_request(
                f'DeleteOptions in version "v1" cannot be handled as a DeleteOptions: json: cannot unmarshal '
                f"{_json_kind(value)} into Go struct field DeleteOptions.{name} of type {_GO_TYPES[name]}"
            )
    return body


_GO_TYPES = {
    "gracePeriodSeconds": "int64",
    "propagationPolicy": "v1.DeletionPropagation",
    "orphanDependents": "bool",
    "preconditions": "v1.Preconditions",
    "dryRun": "[]string",
}


def _json_kind(value: Any) -> str:
    names = {str: "string", bool: "bool", list: "array", dict: "object"}
    return names.get(type(value), "number")


def delete_options(request: Request, body: dict[str, Any]) -> Deletion:
    """Read ``DeleteOptions`` from the body, or from the query if there is no body.

    Raises:
        ApiError: 422 for values that do not exist.
    """
    preconditions = body.get("preconditions") or {}
    grace = body.get("gracePeriodSeconds")
    propagation = body.get("propagationPolicy")
    orphan = body.get("orphanDependents")
    dry_run = list(body.get("dryRun") or ())
    if not body:
        grace = _integer(request.param("gracePeriodSeconds")) if request.params("gracePeriodSeconds") else None
        propagation = request.param("propagationPolicy") or None
        orphan = flag(request, "orphanDependents") if request.params("orphanDependents") else None
        dry_run = [value for value in request.params("dryRun") if value]
    causes = [*_dry_run_problem(dry_run), *_propagation_causes(propagation, orphan)]
    if causes:
        raise failures.invalid("meta.k8s.io", "DeleteOptions", "", causes)
    if orphan is not None:
        propagation = "Orphan" if orphan else "Background"
    deletion = Deletion(grace, propagation, preconditions.get("uid"), preconditions.get("resourceVersion"))
    return dataclasses.replace(deletion, dry_run=bool(dry_run))


def _propagation_causes(propagation: str | None, orphan: bool | None) -> list[Cause]:
    if propagation is not None and orphan is not None:
        text = f'Invalid value: "{propagation}": orphanDependents and deletionPropagation cannot be both set'
        return [Cause("FieldValueInvalid", "propagationPolicy", text)]
    if propagation not in (None, "Foreground", "Background", "Orphan"):
        text = f'Unsupported value: "{propagation}": supported values: "Foreground", "Background", "Orphan", "nil"'
        return [Cause("FieldValueNotSupported", "propagationPolicy", text)]
    return []
