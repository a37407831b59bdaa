"""Requests to the API through the official client's connection: plain JSON in and out, errors as :class:`LearnerError`.

The generated methods of the client know the built-in kinds only, and give model objects; the façade serves any kind,
custom ones too, and shows objects as they are. So it uses the client's configuration, credentials and pool, and
leaves its models out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes.client import ApiClient
from kubernetes.watch.watch import iter_resp_lines

from podwalk.facade.errors import LearnerError, NotFoundError, RefusedError, UnreachableError
from podwalk.types import Object

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 60.0

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


class StatusError(RefusedError):
    """An error answer whose ``Status`` object is kept, for those who can say more about it.

    Attributes:
        status: the ``Status`` object.
    """

    def __init__(self, code: int, status: Object) -> None:
        self.status = status
        message = str(status.get("message") or f"the API answered with HTTP {code}")
        super().__init__(message, code=code, reason=str(status.get("reason") or ""))


def call(
    api: ApiClient,
    method: str,
    path: str,
    *,
    query: Mapping[str, Any] | None = None,
    body: Object | None = None,
    content_type: str = "application/json",
    accept: str = "application/json",
) -> Object:
    """Send a request and return the JSON object of the answer.

    Raises:
        StatusError: when the API answers with an error.
        UnreachableError: when it does not answer.
    """
    response = _send(api, method, path, query or {}, body, content_type, accept, READ_TIMEOUT_S)
    answer = _decode(response.data)
    if response.status >= 400:
        raise StatusError(response.status, answer)
    return answer


def text(api: ApiClient, path: str, *, query: Mapping[str, Any] | None = None) -> str:
    """Return the text of an answer that is not JSON, such as a log.

    Raises:
        StatusError: when the API answers with an error.
    """
    response = _send(api, "GET", path, query or {}, None, "", "text/plain,*/*", READ_TIMEOUT_S)
    if response.status >= 400:
        raise StatusError(response.status, _decode(response.data))
    return bytes(response.data).decode("utf-8", "replace")


def watch(api: ApiClient, path: str, *, query: Mapping[str, Any], timeout_s: float) -> Iterator[Object]:
    """Yield the events of a watch until the server ends it after ``timeout_s``.

    Raises:
        StatusError: when the API refuses the watch, or ends it with an error event.
    """
    asked = {**query, "watch": "true", "timeoutSeconds": max(1, round(timeout_s)), "allowWatchBookmarks": "true"}
    response = _send(api, "GET", path, asked, None, "", "application/json", timeout_s + READ_TIMEOUT_S)
    if response.status >= 400:
        raise StatusError(response.status, _decode(response.data))
    try:
        for line in iter_resp_lines(response):
            event: Object = json.loads(line)
            if event["type"] == "ERROR":
                raise StatusError(int(event["object"].get("code", 500)), event["object"])
            yield event
    finally:
        response.close()
        response.release_conn()


def _send(
    api: ApiClient,
    method: str,
    path: str,
    query: Mapping[str, Any],
    body: Object | None,
    content_type: str,
    accept: str,
    timeout_s: float,
) -> Any:
    url = api.configuration.host + path + ("?" + urlencode(query) if query else "")
    headers = {**api.default_headers, "Accept": accept, **_credentials(api)}
    if body is not None:
        headers["Content-Type"] = content_type
    try:
        return api.rest_client.pool_manager.request(
            method,
            url,
            body=None if body is None else json.dumps(body),
            headers=headers,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=timeout_s),
            preload_content=False,
        )
    except urllib3.exceptions.HTTPError as error:
        raise UnreachableError(
            f"the cluster does not answer at {api.configuration.host}",
            hint="look whether it is still running (`podwalk status`), then run the first cell again",
        ) from error


def _credentials(api: ApiClient) -> dict[str, str]:
    return {
        setting["key"]: setting["value"]
        for setting in api.configuration.auth_settings().values()
        if setting["in"] == "header" and setting["value"]
    }


def _decode(data: bytes) -> Object:
    try:
        answer = json.loads(data)
    except ValueError:
        return {"message": data.decode("utf-8", "replace").strip()}
    return answer if isinstance(answer, dict) else {"message": str(answer)}


def explain(error: StatusError, *, namespace: str = "", hint: str = "") -> LearnerError:
    """Turn an error of the API into what a learner can act on."""
    if error.code == 404:
        return NotFoundError(
            error.problem, hint=hint or f"`cluster.get(…)` lists what is there in namespace {namespace or 'default'}"
        )
    if error.code == 403:
        return RefusedError(
            error.problem,
            code=403,
            reason=error.reason,
            hint=hint or "this user may not do that; is it the right namespace?",
        )
    return RefusedError(error.problem, code=error.code, reason=error.reason, hint=hint)
