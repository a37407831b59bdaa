"""POST, PUT, PATCH and DELETE of objects.

Source: k8s.io/apiserver/pkg/endpoints/handlers/{create,update,patch,delete}.go.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from podwalk.api import admission, failures, lists, negotiation, options, patch, restoring, selectors
from podwalk.api import apply as server_side_apply
from podwalk.api.bodies import parse_json
from podwalk.api.conversion import to_served, to_stored
from podwalk.api.failures import bad_request
from podwalk.api.negotiation import answer
from podwalk.api.options import Write, delete_options, list_options, write_options
from podwalk.api.reads import find, renderer
from podwalk.api.registry import Resource
from podwalk.api.routes import Route
from podwalk.errors import ApiError, Cause
from podwalk.types import Object, Request, Response

if TYPE_CHECKING:
    from podwalk.api.server import Api


def create(api: Api, route: Route, request: Request) -> Response:
    """Store a new object."""
    wanted = negotiation.representation(request)
    write = write_options(request, "CreateOptions")
    obj = _decode(api, route, negotiation.read_body(request, route.resource.kind), write)
    with write.telling():
        _place(route, obj)
        stored = api.objects.insert(route.resource, obj, write)
    return _answer(api, route, request, stored, write, wanted, 201)


def update(api: Api, route: Route, request: Request) -> Response:
    """Replace an object, or create it where its kind allows that."""
    wanted = negotiation.representation(request)
    write = write_options(request, "UpdateOptions", route.subresource)
    obj = _decode(api, route, negotiation.read_body(request, route.resource.kind), write)
    with write.telling():
        _place(route, obj)
        stored, status = _replace_or_create(api, route, obj, write)
    return _answer(api, route, request, stored, write, wanted, status)


def _replace_or_create(api: Api, route: Route, obj: Object, write: Write) -> tuple[Object, int]:
    resource = route.resource
    may_create = not route.subresource and api.objects.strategy(resource).create_on_update
    if may_create and api.objects.get(resource.storage_key, route.namespace, route.name) is None:
        obj["metadata"].pop("resourceVersion", None)
        return api.objects.insert(resource, obj, write), 201
    return api.objects.replace(resource, obj, write), 200


def patch_object(api: Api, route: Route, request: Request) -> Response:
    """Change part of an object, or apply a configuration to it."""
    wanted = negotiation.representation(request)
    negotiation.check_size(request)
    patch_type = _patch_type(route, request)
    if patch_type == patch.APPLY_PATCH:
        write = write_options(request, "PatchOptions", route.subresource, apply=True)
        stored, status = server_side_apply.apply(api.objects, route, request.body, write)
    else:
        write = write_options(request, "PatchOptions", route.subresource)
        stored, status = _patched(api, route, request, patch_type, write), 200
    return _answer(api, route, request, stored, write, wanted, status)


_PATCH_TYPES = (patch.JSON_PATCH, patch.MERGE_PATCH, patch.STRATEGIC_PATCH, patch.APPLY_PATCH)


def _patch_type(route: Route, request: Request) -> str:
    patch_type = negotiation.content_type(request)
    known = patch_type in _PATCH_TYPES and not (patch_type == patch.STRATEGIC_PATCH and not route.resource.model)
    if known:
        return patch_type
    if not route.resource.model:
        supported = ", ".join(kind for kind in _PATCH_TYPES if kind != patch.STRATEGIC_PATCH)
        message = f"the body of the request was in an unknown format - accepted media types include: {supported}"
        raise ApiError(415, "UnsupportedMediaType", message)
    raise ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", details={})


def _patched(api: Api, route: Route, request: Request, patch_type: str, write: Write) -> Object:
    old = find(api, route)
    root = api.objects.root_type(route.resource)
    served = to_served(route.resource, old)
    new = patch.apply(patch_type, request.body, served, root)
    obj = _decode_patched(api, route, request, patch_type, new, write)
    if obj["metadata"].get("uid") not in ("", None, old["metadata"]["uid"]):
        text = f'Invalid value: "{obj["metadata"]["uid"]}": field is immutable'
        cause = Cause("FieldValueInvalid", "metadata.uid", text)
        raise failures.invalid(route.resource.group, route.resource.kind, route.name, [cause])
    _keep_absent(obj, served)
    with write.telling():
        _place(route, obj)
        return api.objects.replace(route.resource, obj, write)


def _decode_patched(api: Api, route: Route, request: Request, patch_type: str, new: Object, write: Write) -> Object:
    """Type a patched object; what is wrong with it is wrong with the patch."""
    try:
        return _decode(api, route, new, write)
    except ApiError as error:
        if patch_type == patch.STRATEGIC_PATCH:
            shown = patch.go_text(parse_json(request.body))
        else:
            shown = negotiation.dump({key: new[key] for key in sorted(new)}).decode()
        version = str(new.get("apiVersion", "")).rpartition("/")[2]
        head = f'{new.get("kind")} in version "{version}" cannot be handled as a {route.resource.kind}: '
        at = api.objects.root_type(route.resource)
        said = restoring.problem(new, at) if patch_type == patch.STRATEGIC_PATCH else ""
        said = said or error.message.removeprefix(head)
        text = f"Invalid value: {json.dumps(shown, ensure_ascii=False)}: {said}"
        raise failures.invalid("", "", "", [Cause("FieldValueInvalid", "patch", text)]) from error


def _keep_absent(obj: Object, old: Object) -> None:
    """Leave ``managedFields`` as they are unless the patch changed them."""
    if "managedFields" in old["metadata"]:
        obj["metadata"].setdefault("managedFields", old["metadata"]["managedFields"])


def delete(api: Api, route: Route, request: Request) -> Response:
    """Delete an object, or mark it as being deleted."""
    wanted = negotiation.representation(request)
    how = delete_options(request, _delete_body(request))
    obj, gone = api.objects.remove(route.resource, route.namespace, route.name, how)
    warnings = admission.delete_warnings(route.resource, how)
    if gone and not api.objects.strategy(route.resource).returns_deleted:
        return answer(_success(route.resource, obj), wanted, warnings=warnings)
    render = renderer(api, route, request, wanted)
    return answer(render.one(obj), wanted, warnings=warnings)


def delete_collection(api: Api, route: Route, request: Request) -> Response:
    """Delete all objects that are selected."""
    wanted = negotiation.representation(request)
    listing = list_options(request)
    how = delete_options(request, _delete_body(request))
    custom_fields = api.objects.definitions.selectable_fields(route.resource)
    chosen = selectors.selector(route.resource.key, listing.labels, listing.fields, custom_fields=custom_fields)
    page = lists.page(api.objects.store, route.resource.storage_key, route.namespace or None, chosen, listing)
    for obj in page.items:
        metadata = obj["metadata"]
        try:
            api.objects.remove(route.resource, metadata.get("namespace", ""), metadata["name"], how)
        except ApiError as error:
            if error.code != 404:
                raise
    warnings = admission.delete_warnings(route.resource, how)
    return answer(renderer(api, route, request, wanted).list(page), wanted, warnings=warnings)


def _delete_body(request: Request) -> Object:
    if not request.body.strip():
        return {}
    body = negotiation.read_body(request, "DeleteOptions")
    kind = body.get("kind", "DeleteOptions")
    if kind != "DeleteOptions":
        version = str(body.get("apiVersion", "v1")).rpartition("/")[2]
        raise bad_request(f'{kind} in version "{version}" cannot be handled as a DeleteOptions: unknown conversion')
    return options.check_delete_body(body)


def _success(resource: Resource, obj: Object) -> Object:
    metadata = obj["metadata"]
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": failures.details(resource, metadata["name"], uid=metadata["uid"]),
    }


def _decode(api: Api, route: Route, body: Object, write: Write) -> Object:
    return to_stored(route.resource, api.objects.decoded(route.resource, body, write))


def _place(route: Route, obj: Object) -> None:
    """Put the namespace and the name of the URL into the object.

    Raises:
        ApiError: 400 when the object says otherwise.
    """
    metadata = obj.setdefault("metadata", {})
    resource = route.resource
    if resource.namespaced:
        if metadata.get("namespace", route.namespace) not in ("", route.namespace):
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        metadata["namespace"] = route.namespace
    else:
        metadata.pop("namespace", None)
    if route.name:
        if metadata.get("name") and metadata["name"] != route.name:
            raise bad_request(
                f"the name of the object ({metadata['name']}) does not match the name on the URL ({route.name})"
            )
        if not metadata.get("name"):
            raise bad_request(
                f"the name of the object ({route.name} based on URL) was undeterminable: name must be provided"
            )


def _answer(
    api: Api,
    route: Route,
    request: Request,
    stored: Object,
    write: Write,
    wanted: negotiation.Representation,
    status: int,
) -> Response:
    render = renderer(api, route, request, wanted)
    return answer(render.one(stored), wanted, status=status, warnings=tuple(write.warnings))
