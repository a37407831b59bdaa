"""Plain objects to ask an Ingress controller about."""

from __future__ import annotations

import base64
import random
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from podwalk.network.ingress import DIALECTS, Decision, HttpRequest, Memory, route
from podwalk.store import Store
from podwalk.types import Object

NGINX = "nginx.ingress.kubernetes.io/"


class World:
    """A class of one dialect, its Ingresses, and Services with endpoints."""

    def __init__(self, dialect: str = "nginx") -> None:
        self.store, self.dialect = Store(), dialect
        self.memory, self.random = Memory(), random.Random(7)
        self.now_s = 0.0
        spec = {"controller": DIALECTS[dialect].controllers[0]}
        self.store.put("ingressclasses.networking.k8s.io", {"metadata": {"name": "test"}, "spec": spec})
        self.service("web", 3)

    def service(self, name: str, count: int = 1, annotations: Mapping[str, str] | None = None) -> None:
        ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}]
        metadata: Object = {"name": name, "namespace": "shop", "annotations": dict(annotations or {})}
        address = f"10.96.0.{len(self.store.list('services')) + 1}"
        self.store.put("services", {"metadata": metadata, "spec": {"clusterIP": address, "ports": ports}})
        endpoints = [
            {"addresses": [f"10.244.{len(name)}.{number + 1}"], "conditions": {"ready": True}}
            for number in range(count)
        ]
        self.store.put(
            "endpointslices.discovery.k8s.io",
            {
                "metadata": {"name": name, "namespace": "shop", "labels": {"kubernetes.io/service-name": name}},
                "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
                "endpoints": endpoints,
            },
        )

    def secret(self, name: str, **data: str) -> None:
        encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
        self.store.put("secrets", {"metadata": {"name": name, "namespace": "shop"}, "data": encoded})

    def ingress(
        self,
        name: str = "web",
        path: str = "/",
        kind: str = "Prefix",
        *,
        host: str = "h",
        service: str = "web",
        tls: bool = False,
        created: str = "2026-01-01T00:00:00Z",
        annotations: Mapping[str, str] | None = None,
        **nginx: str,
    ) -> Object:
        """Make an Ingress of one path; keywords are nginx's annotations, with ``_`` for ``-``."""
        own = {f"{NGINX}{key.replace('_', '-')}": value for key, value in nginx.items()}
        metadata = {
            "name": name,
            "namespace": "shop",
            "creationTimestamp": created,
            "annotations": {**own, **(annotations or {})},
        }
        backend = {"service": {"name": service, "port": {"number": 80}}}
        rule: Object = {"http": {"paths": [{"path": path, "pathType": kind, "backend": backend}]}}
        spec: Object = {"ingressClassName": "test", "rules": [{"host": host, **rule} if host else rule]}
        if tls:
            spec["tls"] = [{"hosts": [host], "secretName": "tls"}]
        obj = {"metadata": metadata, "spec": spec}
        return self.store.put("ingresses.networking.k8s.io", obj)

    def ask(
        self, url: str = "http://h/", method: str = "GET", headers: Mapping[str, str] | None = None, **more: Any
    ) -> Decision:
        parts = urlsplit(url)
        request = HttpRequest(
            parts.hostname or "", parts.path or "/", parts.query, method, parts.scheme,
            tuple((headers or {}).items()), **{"client_ip": "203.0.113.9", **more},
        )  # fmt: skip
        return route(
            self.store, request, dialect=self.dialect, random=self.random, memory=self.memory, now_s=self.now_s
        )

    def warnings(self, obj: Object) -> list[str]:
        return [one.what for one in DIALECTS[self.dialect].unsimulated(self.store, obj)]


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def location(decision: Decision) -> str | None:
    return dict(decision.headers).get("Location")


def sent_back(decision: Decision) -> dict[str, str | None]:
    return {change.name: change.value for change in decision.response_headers}
