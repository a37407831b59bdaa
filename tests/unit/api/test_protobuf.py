"""Protobuf says what JSON says: bodies, answers, lists, watches."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from podwalk.api import protobuf
from podwalk.api.protobuf.messages import new, table
from podwalk.errors import ApiError
from podwalk.types import Object

POD: Object = {
    "kind": "Pod",
    "apiVersion": "v1",
    "metadata": {
        "name": "web",
        "labels": {"app": "web", "a": "b"},
        "creationTimestamp": "2026-11-02T09:00:00Z",
        "managedFields": [{"manager": "m", "operation": "Apply", "fieldsV1": {"f:spec": {".": {}}}}],
    },
    "spec": {
        "volumes": [{"name": "conf", "configMap": {"name": "conf", "items": [{"key": "k", "path": "p"}]}}],
        "containers": [
            {
                "name": "web",
                "image": "nginx",
                "env": [{"name": "K", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k", "optional": False}}}],
                "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}},
                "readinessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 5},
                "livenessProbe": {"tcpSocket": {"port": 80}},
            }
        ],
        "terminationGracePeriodSeconds": 0,
    },
}

INGRESS: Object = {
    "kind": "Ingress",
    "apiVersion": "networking.k8s.io/v1",
    "metadata": {"name": "web"},
    "spec": {
        "rules": [
            {
                "host": "a.example",
                "http": {
                    "paths": [
                        {
                            "path": "/",
                            "pathType": "Prefix",
                            "backend": {"service": {"name": "web", "port": {"number": 80}}},
                        }
                    ]
                },
            }
        ]
    },
}

OTHERS: list[Object] = [
    {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}, "data": {"k": "AAEC/w=="}, "type": "Opaque"},
    {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "c"},
        "data": {"k": "v"},
        "binaryData": {"b": "AA=="},
    },
    {
        "kind": "Event",
        "apiVersion": "events.k8s.io/v1",
        "metadata": {"name": "e"},
        "eventTime": "2026-11-02T09:00:00.123456Z",
    },
    {
        "kind": "Event",
        "apiVersion": "events.k8s.io/v1",
        "metadata": {"name": "old", "creationTimestamp": "0800-12-25T00:00:00Z"},
        "eventTime": "0800-12-25T00:00:00.000001Z",
    },
    {
        "kind": "TokenReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {},
        "status": {"user": {"username": "u", "uid": "1", "extra": {"k": ["a", "b"]}}},
    },
    {
        "kind": "IngressClass",
        "apiVersion": "networking.k8s.io/v1",
        "metadata": {"name": "c"},
        "spec": {"parameters": {"apiGroup": "x.example", "kind": "P", "name": "n"}},
    },
    {
        "kind": "ControllerRevision",
        "apiVersion": "apps/v1",
        "metadata": {"name": "r"},
        "data": {"spec": {"template": {"x": [1, "two", None]}}},
        "revision": 3,
    },
    {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "NotFound", "code": 404},
    {
        "kind": "PodList",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "7"},
        "items": [{"metadata": {"name": "a"}}],
    },
    {"kind": "DeleteOptions", "apiVersion": "apps/v1", "gracePeriodSeconds": 0, "propagationPolicy": "Orphan"},
    {
        "kind": "ClusterRole",
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": "r"},
        "rules": [{"verbs": ["*"]}],
    },
]


@pytest.mark.parametrize("obj", [POD, INGRESS, *OTHERS], ids=lambda obj: str(obj["kind"]))
def test_what_is_encoded_is_decoded(obj: Object) -> None:
    assert protobuf.decode(protobuf.encode(obj)) == obj


def test_zero_value_that_was_sent_is_kept_and_absence_too() -> None:
    deployment: Object = {"kind": "Deployment", "apiVersion": "apps/v1", "spec": {"replicas": 0}}
    assert protobuf.decode(protobuf.encode(deployment))["spec"] == {"replicas": 0}


def test_empty_time_is_null() -> None:
    message: Any = new("runtime.Unknown")
    message.typeMeta.apiVersion, message.typeMeta.kind = "v1", "Namespace"
    inner: Any = new("core.v1.Namespace")
    inner.metadata.creationTimestamp.SetInParent()
    message.raw = inner.SerializeToString()
    decoded = protobuf.decode(b"k8s\x00" + message.SerializeToString())
    assert decoded["metadata"] == {"creationTimestamp": None}


def test_event_of_a_watch_is_framed_by_its_length() -> None:
    frame = protobuf.encode_event("ADDED", POD)
    (length,) = struct.unpack_from(">I", frame)
    event: Any = new("meta.v1.WatchEvent")
    event.ParseFromString(frame[4:])
    assert length == len(frame) - 4
    assert event.type == "ADDED"
    assert protobuf.decode(event.object.raw) == POD


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "does not appear to be a protobuf message"),
        (b'{"kind":"Pod"}', "does not appear to be a protobuf message"),
        (b"k8s\x00\xff\xff\xff", "cannot be read"),
        (b"k8s\x00", 'no kind "" is registered'),
    ],
)
def test_body_that_is_no_protobuf_is_a_bad_request(body: bytes, words: str) -> None:
    with pytest.raises(ApiError, match=words) as caught:
        protobuf.decode(body)
    assert caught.value.code == 400


def test_custom_resource_has_no_protobuf() -> None:
    assert not protobuf.serves("/apis/gateway.networking.k8s.io/v1/gateways")
    assert protobuf.serves("/apis/networking.k8s.io/v1/ingresses")
    assert protobuf.serves("/api/v1/pods")
    with pytest.raises(ApiError) as caught:
        protobuf.encode({"kind": "Gateway", "apiVersion": "gateway.networking.k8s.io/v1", "metadata": {}})
    assert caught.value.code == 406


def test_every_type_of_the_table_is_in_it_or_a_scalar() -> None:
    scalars = {"string", "bool", "bytes", "double", "int32", "int64"}
    for name, fields in table().items():
        for _, field, kind in fields:
            assert kind.lstrip("[]{}") in table() or kind.lstrip("[]{}") in scalars, f"{name}.{field}: {kind}"
