"""Requests that schemathesis makes from the served OpenAPI: each gets an answer of the API's, never a 500.

The documents are what the cluster serves under ``/openapi/v3``; the requests go to it in-process.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.core.result import Ok
from schemathesis.generation.case import Case

from podwalk.embedded import Cluster
from podwalk.types import Request

pytestmark = pytest.mark.slow

DOCUMENTS = ("api/v1", "apis/apps/v1", "apis/networking.k8s.io/v1", "apis/discovery.k8s.io/v1", "apis/batch/v1")
STREAMS = ("watch", "exec", "attach", "portforward", "log", "proxy")
"""Parts of paths that hold a conversation or may not end: they have tests of their own."""

cluster = Cluster()


def document(path: str) -> dict[str, Any]:
    """Return a served OpenAPI document without what holds a conversation."""
    answer = cluster.handle(Request("GET", f"/openapi/v3/{path}", (), {"accept": "application/json"}, b""))
    assert answer.status == 200
    read: dict[str, Any] = json.loads(answer.body)
    read["paths"] = {
        path: methods for path, methods in read["paths"].items() if not set(STREAMS).intersection(path.split("/"))
    }
    return read


def send(case: Case[Any]) -> tuple[int, Any]:
    """Send a case in-process and return the status and the body."""
    call = case.as_transport_kwargs(base_url="http://cluster")
    data = call.get("data") or b""
    body = json.dumps(call["json"]).encode() if call.get("json") is not None else data
    body = body.encode() if isinstance(body, str) else body
    headers = {str(name).lower(): str(value) for name, value in (call.get("headers") or {}).items()}
    query = [(str(name), str(value)) for name, value in dict(call.get("params") or {}).items() if name != "watch"]
    parts = urlsplit(call["url"])
    request = Request(call["method"], parts.path, (*parse_qsl(parts.query), *query), headers, body)
    answer = cluster.handle(request)
    return answer.status, answer.body


@pytest.mark.parametrize("path", DOCUMENTS)
def test_no_request_of_the_openapi_breaks_the_api(path: str) -> None:
    schema = schemathesis.openapi.from_dict(document(path))
    tried = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()

        @settings(max_examples=5, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        def attempt(case: Case[Any]) -> None:
            status, body = send(case)
            # This one answer is the API server's own fault, and is given as it gives it.
            assert status < 500 or b"should not be set on objects to be created" in body, (
                f"{case.method} {case.path}: {body[:500]!r}"
            )
            if status >= 400:
                said = json.loads(body)
                assert (said["kind"], said["code"]) == ("Status", status)

        given(case=operation.as_strategy())(attempt)()
        tried += 1
    assert tried > 5
