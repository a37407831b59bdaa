"""Requests made by hand, and the manifests they send."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podwalk.api.server import Api
from podwalk.types import Object, Request, Response

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@dataclass(frozen=True)
class Answer:
    """A response, read."""

    status: int
    body: Any
    headers: Mapping[str, str]
    response: Response

    @property
    def message(self) -> str:
        """Return the message of a Status."""
        return str(self.body["message"])


class Caller:
    """Calls an API with JSON."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def __call__(
        self,
        method: str,
        path: str,
        body: Object | list[Any] | bytes | None = None,
        *,
        content_type: str = "application/json",
        agent: str = "test/1.0",
        accept: str = "",
        **query: str,
    ) -> Answer:
        """Send one request; keyword arguments are query parameters."""
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = {"content-type": content_type, "user-agent": agent}
        if accept:
            headers["accept"] = accept
        response = self.api.handle(Request(method, path, tuple(query.items()), headers, data))
        self.api.simulation.settle()
        read = json.loads(response.body) if response.body.startswith((b"{", b"[")) else response.body
        return Answer(response.status, read, response.headers, response)

    def created(self, path: str, body: Object, **query: str) -> Object:
        """Create an object, which must succeed, and return it."""
        answer = self("POST", path, body, **query)
        assert answer.status == 201, answer.body
        result: Object = answer.body
        return result


def pod(name: str = "web", **spec: Any) -> Object:
    """Return the manifest of a small Pod."""
    containers = [{"name": "main", "image": "nginx:1.29"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": containers, **spec},
    }


def deployment(name: str = "shop", **spec: Any) -> Object:
    """Return the manifest of a small Deployment."""
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": "nginx:1.29"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


PODS = "/api/v1/namespaces/default/pods"
SERVICES = "/api/v1/namespaces/default/services"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
