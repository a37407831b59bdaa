"""The errors that every part of the API answers with, in the API server's words.

Source: k8s.io/apimachinery/pkg/api/errors/errors.go.
"""

from __future__ import annotations

from collections.abc import Sequence

from podwalk.api.registry import Resource
from podwalk.errors import ApiError, Cause


def details(resource: Resource, name: str = "", **more: object) -> dict[str, object]:
    """Return ``Status.details`` that names an object by its resource."""
    named = {"name": name, "group": resource.group, "kind": resource.plural, **more}
    return {key: value for key, value in named.items() if value not in ("", None)}


def bad_request(message: str) -> ApiError:
    """Return the 400 for a request that makes no sense."""
    return ApiError(400, "BadRequest", message)


def internal_error(message: str) -> ApiError:
    """Return the 500 that the API server gives where it fails to foresee a client's mistake."""
    return ApiError(
        500, "InternalError", f"Internal error occurred: {message}", details={"causes": [{"message": message}]}
    )


def not_found(resource: Resource, name: str) -> ApiError:
    """Return the 404 for an object that is not there."""
    return ApiError(404, "NotFound", f'{resource.key} "{name}" not found', details=details(resource, name))


def no_such_resource() -> ApiError:
    """Return the 404 for a path that no resource serves."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", details={})


def method_not_allowed() -> ApiError:
    """Return the 405 for a verb that a resource does not have."""
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message, details={})


def already_exists(resource: Resource, name: str) -> ApiError:
    """Return the 409 for a name that is taken."""
    return ApiError(409, "AlreadyExists", f'{resource.key} "{name}" already exists', details=details(resource, name))


def conflict(resource: Resource, name: str, why: str) -> ApiError:
    """Return the 409 for a write that another write overtook."""
    message = f'Operation cannot be fulfilled on {resource.key} "{name}": {why}'
    return ApiError(409, "Conflict", message, details=details(resource, name))


def stale(resource: Resource, name: str) -> ApiError:
    """Return the 409 for a ``resourceVersion`` that is no longer the object's."""
    return conflict(
        resource,
        name,
        "the object has been modified; please apply your changes to the latest version and try again",
    )


def forbidden(resource: Resource, name: str, why: str, *, causes: tuple[Cause, ...] = ()) -> ApiError:
    """Return the 403 of an admission plugin."""
    subject = f'{resource.key} "{name}"' if name else resource.key
    message = f"{subject} is forbidden: {why}"
    return ApiError(403, "Forbidden", message, details=details(resource, name), causes=causes)


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """Return the 422 for an object whose fields break the rules, one cause each."""
    texts = list(dict.fromkeys(str(cause) for cause in causes))
    errors = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    kind_name = f"{kind}.{group}" if group else kind
    named = {key: value for key, value in {"name": name, "group": group, "kind": kind}.items() if value}
    return ApiError(422, "Invalid", f'{kind_name} "{name}" is invalid: {errors}', details=named, causes=tuple(causes))


def expired(message: str) -> ApiError:
    """Return the 410 for a revision that is no longer kept."""
    return ApiError(410, "Expired", message)


def unprocessable(message: str = "the server rejected our request due to an error in our request") -> ApiError:
    """Return the 422 for a patch that cannot be carried out."""
    return ApiError(422, "Invalid", message, details={})
