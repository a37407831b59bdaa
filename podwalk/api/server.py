"""The API server without its sockets: a request in, a response out, a Status for whatever is wrong.

Source: k8s.io/apiserver/pkg/endpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from podwalk.api import documents, failures, negotiation, reads, streaming, subresources, tables, usage, writes
from podwalk.api.negotiation import Representation
from podwalk.api.objects import StoredObjects
from podwalk.api.openapi import OpenApi
from podwalk.api.registry import Resource
from podwalk.api.routes import Route, route
from podwalk.api.watch import Watches
from podwalk.errors import ApiError
from podwalk.simulation import Simulation
from podwalk.store import Store
from podwalk.types import ClusterOptions, Request, Response, Runtime, Session

Handler = Callable[["Api", Route, Request], Response]


class Api:
    """One cluster's API.

    Attributes:
        objects: the same objects for the cluster's own components, without the wire.
        runtime: the kubelets, to which logs, exec and the like are passed on; None until they are there.
        watches: the streams that are open.
        openapi: the documents of OpenAPI.
        token_key: what ServiceAccounts' tokens are signed with.
        measures: how to measure what Pods and nodes use, by resource; empty until somebody can.
    """

    def __init__(self, store: Store, simulation: Simulation, options: ClusterOptions) -> None:
        """Serve the objects of a store."""
        self.simulation = simulation
        self.options = options
        self.objects = StoredObjects(store, simulation, options)
        self.watches = Watches(store, simulation)
        self.openapi = OpenApi(self.objects.definitions.all, self.objects.definitions.schema)
        self.runtime: Runtime | None = None
        self.measures: Mapping[str, usage.Measure] = {}
        self.token_key = simulation.random.randbytes(32)

    def handle(self, request: Request) -> Response:
        """Answer a request; every mistake is answered with a ``Status``."""
        try:
            if (measured := usage.answer(self, request)) is not None:
                return measured
            found = route(request, self.objects.definitions.served)
            if found is None:
                return documents.answer(self, request)
            return _handler(found)(self, found, request)
        except ApiError as error:
            return refusal(error, request)
        except RecursionError:
            return refusal(failures.bad_request("the request is nested too deeply"), request)

    def connect(self, request: Request) -> Session:
        """Open an exec, attach or port-forward conversation.

        Raises:
            ApiError: when the Pod, the container or the port does not allow it.
        """
        return streaming.connect(self, request)

    def table(self, resource: Resource) -> tables.Table:
        """Return the columns in which a resource is printed."""
        return tables.table(resource, self.simulation.datetime, self.objects.definitions.columns(resource))


_VERBS: Mapping[str, Handler] = {
    "get": reads.get,
    "list": reads.list_objects,
    "watch": reads.watch,
    "create": writes.create,
    "update": writes.update,
    "patch": writes.patch_object,
    "delete": writes.delete,
    "deletecollection": writes.delete_collection,
}


def _handler(found: Route) -> Handler:
    special = subresources.handler(found)
    return special or _VERBS[found.verb]


def refusal(error: ApiError, request: Request) -> Response:
    """Return the answer to a request that went wrong."""
    pretty = negotiation.is_pretty(request)
    status = error.status()
    response = negotiation.answer(status, Representation(pretty=pretty), status=error.code, warnings=error.warnings)
    if "retryAfterSeconds" in error.details:
        response.headers["retry-after"] = str(error.details["retryAfterSeconds"])
    return response
