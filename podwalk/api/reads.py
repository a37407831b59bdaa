"""GET: one object, a list, or a watch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from podwalk.api import admission, failures, lists, negotiation, protobuf, selectors
from podwalk.api.failures import bad_request
from podwalk.api.negotiation import Representation, answer
from podwalk.api.options import Listing, list_options
from podwalk.api.ownership import zero_object
from podwalk.api.rendering import INCLUDE_OBJECT, Renderer
from podwalk.api.routes import Route
from podwalk.api.watch import Subject
from podwalk.types import Object, Request, Response

if TYPE_CHECKING:
    from podwalk.api.server import Api


def renderer(api: Api, route: Route, request: Request, wanted: Representation) -> Renderer:
    """Return what turns objects into the form that the client asked for.

    Raises:
        ApiError: 400 for an ``includeObject`` that does not exist.
    """
    include = request.param("includeObject")
    if include not in INCLUDE_OBJECT:
        raise bad_request(f'unrecognized includeObject value: "{include}"')
    zero = zero_object(api.objects.root_type(route.resource))
    return Renderer(route.resource, wanted, api.table(route.resource), zero, include)


def find(api: Api, route: Route) -> Object:
    """Return the object of a route.

    Raises:
        ApiError: 404.
    """
    obj = api.objects.get(route.resource.storage_key, route.namespace, route.name)
    if obj is None:
        raise failures.not_found(route.resource, route.name)
    return obj


def get(api: Api, route: Route, request: Request) -> Response:
    """Answer with one object."""
    wanted = negotiation.representation(request)
    render = renderer(api, route, request, wanted)
    listing = Listing(version=request.param("resourceVersion"))
    lists.check_reached(api.objects.store, lists.parse_version(listing.version))
    return answer(render.one(find(api, route)), wanted, warnings=admission.read_warnings(route.resource))


def list_objects(api: Api, route: Route, request: Request) -> Response:
    """Answer with a list."""
    wanted = negotiation.representation(request)
    listing = list_options(request)
    chosen = _selector(api, route, listing)
    page = lists.page(api.objects.store, route.resource.storage_key, _namespace(route), chosen, listing)
    render = renderer(api, route, request, wanted)
    return answer(render.list(page), wanted, warnings=admission.read_warnings(route.resource))


def watch(api: Api, route: Route, request: Request) -> Response:
    """Answer with a stream of events."""
    wanted = negotiation.representation(request)
    listing = list_options(request, watch=True)
    render = renderer(api, route, request, wanted)
    chosen = _selector(api, route, listing)
    subject = Subject(
        resource=route.resource.storage_key,
        namespace=_namespace(route),
        selector=chosen,
        render=lambda obj, first: render.one(obj, headed=first),
        bookmark=render.bookmark,
        wanted=wanted,
    )
    response = answer({}, Representation(), warnings=admission.read_warnings(route.resource))
    if wanted.media_type == protobuf.MEDIA_TYPE:
        response.headers["content-type"] = protobuf.WATCH_MEDIA_TYPE
    stream = api.watches.open(subject, listing)
    return Response(200, response.headers, stream=stream)


def _namespace(route: Route) -> str | None:
    return route.namespace or None


def _selector(api: Api, route: Route, listing: Listing) -> selectors.Selector:
    fields = listing.fields
    if route.name:
        fields = f"metadata.name={route.name}" + (f",{fields}" if fields else "")
    return selectors.selector(
        route.resource.key,
        listing.labels,
        fields,
        custom_fields=api.objects.definitions.selectable_fields(route.resource),
    )
