"""An API without a cluster around it, called by hand and through the official client."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import kubernetes.client
import pytest
import urllib3

from podwalk.api.server import Api
from podwalk.simulation import Simulation
from podwalk.store import Store
from podwalk.types import ClusterOptions, Request
from tests.unit.api.calls import Caller


@pytest.fixture
def api() -> Api:
    """An API with the namespace ``default`` and its ServiceAccount."""
    api = Api(Store(), Simulation(), ClusterOptions())
    api.objects.create("namespaces", {"metadata": {"name": "default"}})
    api.objects.create("serviceaccounts", {"metadata": {"name": "default", "namespace": "default"}})
    return api


@pytest.fixture
def call(api: Api) -> Caller:
    """Calls the API."""
    return Caller(api)


class _Pool:
    """Stands where the official client keeps its connections."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def request(self, method: str, url: str, **options: Any) -> urllib3.HTTPResponse:
        """Answer as a server would."""
        parts = urlsplit(url)
        body = options.get("body")
        data = body.encode() if isinstance(body, str) else body or b""
        headers = {key.lower(): value for key, value in (options.get("headers") or {}).items()}
        query = [*parse_qsl(parts.query, keep_blank_values=True), *(options.get("fields") or ())]
        response = self._api.handle(Request(method, parts.path, query, headers, data))
        self._api.simulation.settle()
        return urllib3.HTTPResponse(response.body, response.headers, response.status, preload_content=True)


@pytest.fixture
def client(api: Api) -> kubernetes.client.ApiClient:
    """The official client, speaking to the API without a socket."""
    client = kubernetes.client.ApiClient(kubernetes.client.Configuration(host="http://podwalk"))
    client.rest_client.pool_manager = _Pool(api)  # type: ignore[assignment]  # it has the one method that is called
    return client
