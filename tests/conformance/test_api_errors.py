"""A wrong request is refused with the same code, reason and message."""

from __future__ import annotations

from typing import Any

import pytest

from podwalk.facade import Cluster, wire
from podwalk.types import Object

CORE = "/api/v1/namespaces/{ns}"
APPS = "/apis/apps/v1/namespaces/{ns}"
NETWORKING = "/apis/networking.k8s.io/v1/namespaces/{ns}"
JSON, MERGE = "application/json", "application/merge-patch+json"
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def config(name: str, **fields: Any) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}} | fields


def pod(name: str, *containers: Object) -> Object:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [*containers]}}


def service(name: str, *ports: Object, **spec: Any) -> Object:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [*ports]} | spec}


def deployment(name: str, wants: str, has: str) -> Object:
    template = {"metadata": {"labels": {"app": has}}, "spec": {"containers": [{"name": "c", "image": "busybox:1.36"}]}}
    spec = {"selector": {"matchLabels": {"app": wants}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def networking(kind: str, spec: Object) -> Object:
    return {"apiVersion": "networking.k8s.io/v1", "kind": kind, "metadata": {"name": "a"}, "spec": spec}


def backend(path: str) -> Object:
    to = {"service": {"name": "web", "port": {"number": 80}}}
    return {"rules": [{"http": {"paths": [{"path": path, "pathType": "Prefix", "backend": to}]}}]}


WEB = {"name": "c", "image": "busybox:1.36"}
WRONG: tuple[tuple[str, str, str, Object | None, int, str, str], ...] = (
    ("nothing of that name", "GET", CORE + "/pods/ghost", None, 404, "NotFound", 'pods "ghost" not found'),
    (
        "a resource that there is not",
        "GET",
        CORE + "/gnomes",
        None,
        404,
        "NotFound",
        "the server could not find the requested resource",
    ),
    (
        "a namespace that there is not",
        "POST",
        "/api/v1/namespaces/{ns}-x/pods",
        pod("a", WEB),
        404,
        "NotFound",
        'namespaces "{ns}-x" not found',
    ),
    (
        "a name with a capital",
        "POST",
        CORE + "/configmaps",
        config("Web"),
        422,
        "Invalid",
        'ConfigMap "Web" is invalid: metadata.name: Invalid value: "Web": ' + SUBDOMAIN,
    ),
    (
        "no name",
        "POST",
        CORE + "/configmaps",
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}},
        422,
        "Invalid",
        'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    ),
    (
        "what is there already",
        "POST",
        CORE + "/serviceaccounts",
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}},
        409,
        "AlreadyExists",
        'serviceaccounts "default" already exists',
    ),
    (
        "an object of another kind",
        "POST",
        CORE + "/pods",
        service("a", {"port": 80}),
        400,
        "BadRequest",
        'Service in version "v1" cannot be handled as a Pod: converting (v1.Service) to (core.Pod): unknown conversion',
    ),
    (
        "an object of another namespace",
        "POST",
        CORE + "/configmaps",
        config("a", metadata={"name": "a", "namespace": "default"}),
        400,
        "BadRequest",
        "the namespace of the provided object does not match the namespace sent on the request",
    ),
    (
        "a Pod without containers",
        "POST",
        CORE + "/pods",
        pod("a"),
        422,
        "Invalid",
        'Pod "a" is invalid: spec.containers: Required value',
    ),
    (
        "a port that is too high",
        "POST",
        CORE + "/services",
        service("a", {"port": 70000}),
        422,
        "Invalid",
        (
            'Service "a" is invalid: [spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, '
            "inclusive, spec.ports[0].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive]"
        ),
    ),
    (
        "a node port out of range",
        "POST",
        CORE + "/services",
        service("a", {"port": 80, "nodePort": 80}, type="NodePort"),
        422,
        "Invalid",
        (
            'Service "a" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid '
            "range. The range of valid ports is 30000-32767"
        ),
    ),
    (
        "a cluster IP out of range",
        "POST",
        CORE + "/services",
        service("a", {"port": 80}, clusterIP="192.0.2.1"),
        422,
        "Invalid",
        (
            'Service "a" is invalid: spec.clusterIPs: Invalid value: ["192.0.2.1"]: failed to allocate IP 192.0.2.1: '
            "the provided network does not match the current range"
        ),
    ),
    (
        "a Service without ports",
        "POST",
        CORE + "/services",
        service("a"),
        422,
        "Invalid",
        'Service "a" is invalid: spec.ports: Required value',
    ),
    (
        "two ports without names",
        "POST",
        CORE + "/services",
        service("a", {"port": 80}, {"port": 81}),
        422,
        "Invalid",
        'Service "a" is invalid: [spec.ports[0].name: Required value, spec.ports[1].name: Required value]',
    ),
    (
        "a selector that misses its template",
        "POST",
        APPS + "/deployments",
        deployment("a", "web", "other"),
        422,
        "Invalid",
        (
            'Deployment.apps "a" is invalid: spec.template.metadata.labels: Invalid value: {"app":"other"}: '
            "`selector` does not match template `labels`"
        ),
    ),
    (
        "a wrong policy type",
        "POST",
        NETWORKING + "/networkpolicies",
        networking("NetworkPolicy", {"podSelector": {}, "policyTypes": ["Inwards"]}),
        422,
        "Invalid",
        (
            'NetworkPolicy.networking.k8s.io "a" is invalid: spec.policyTypes[0]: Unsupported value: "Inwards": '
            'supported values: "Ingress", "Egress"'
        ),
    ),
    (
        "a CIDR whose prefix is too long",
        "POST",
        NETWORKING + "/networkpolicies",
        networking("NetworkPolicy", {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/33"}}]}]}),
        422,
        "Invalid",
        (
            'NetworkPolicy.networking.k8s.io "a" is invalid: spec.ingress[0].from[0].ipBlock.cidr: Invalid value: '
            '"10.0.0.0/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'
        ),
    ),
    (
        "an Ingress path without its slash",
        "POST",
        NETWORKING + "/ingresses",
        networking("Ingress", backend("shop")),
        422,
        "Invalid",
        (
            'Ingress.networking.k8s.io "a" is invalid: spec.rules[0].http.paths[0].path: Invalid value: "shop": must '
            "be an absolute path"
        ),
    ),
    (
        "a stale version",
        "PUT",
        CORE + "/configmaps/held",
        config("held", metadata={"name": "held", "resourceVersion": "1"}),
        409,
        "Conflict",
        (
            'Operation cannot be fulfilled on configmaps "held": the object has been modified; please apply your '
            "changes to the latest version and try again"
        ),
    ),
    (
        "a name that changes",
        "PUT",
        CORE + "/configmaps/held",
        config("other"),
        400,
        "BadRequest",
        "the name of the object (other) does not match the name on the URL (held)",
    ),
    (
        "a label selector that is none",
        "GET",
        CORE + "/pods?labelSelector=a%3D%3D%3Db",
        None,
        400,
        "BadRequest",
        "unable to parse requirement: found '=', expected: identifier",
    ),
    (
        "a field that cannot be selected",
        "GET",
        CORE + "/pods?fieldSelector=spec.colour%3Dred",
        None,
        400,
        "BadRequest",
        "field label not supported: spec.colour",
    ),
    (
        "a list from a version that is none",
        "GET",
        CORE + "/pods?resourceVersion=old",
        None,
        400,
        "BadRequest",
        (
            'invalid resource version: resourceVersion: Invalid value: "old": strconv.ParseUint: parsing "old": '
            "invalid syntax"
        ),
    ),
    (
        "a patch of what is not there",
        "PATCH",
        CORE + "/configmaps/ghost",
        {"data": {"a": "b"}},
        404,
        "NotFound",
        'configmaps "ghost" not found',
    ),
    (
        "a label with a space",
        "PATCH",
        CORE + "/configmaps/held",
        {"metadata": {"labels": {"a": "b c"}}},
        422,
        "Invalid",
        'ConfigMap "held" is invalid: metadata.labels: Invalid value: "b c": ' + LABEL,
    ),
    (
        "a method that is not allowed",
        "PUT",
        CORE + "/pods",
        pod("a", WEB),
        405,
        "MethodNotAllowed",
        "the server does not allow this method on the requested resource",
    ),
    (
        "a field that there is not",
        "POST",
        CORE + "/configmaps?fieldValidation=Strict",
        config("a", colour="red"),
        400,
        "BadRequest",
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "colour"',
    ),
    (
        "a value that is not base64",
        "POST",
        CORE + "/secrets",
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"a": "%%"}},
        400,
        "BadRequest",
        'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0',
    ),
)


@pytest.fixture
def held(cluster: Cluster) -> Cluster:
    """A cluster with a ConfigMap to disagree about."""
    cluster.wait("serviceaccount/default", "create")
    cluster.apply(config("held"))
    return cluster


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "reason", "message"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_a_wrong_request_is_refused_in_the_same_words(
    held: Cluster, method: str, path: str, body: Object | None, code: int, reason: str, message: str
) -> None:
    content_type = MERGE if method == "PATCH" else JSON
    with pytest.raises(wire.StatusError) as caught:
        wire.call(held.api, method, path.format(ns=held.namespace), body=body, content_type=content_type)
    error = caught.value
    assert (error.code, error.reason, error.problem) == (code, reason, message.replace("{ns}", held.namespace))


@pytest.mark.parametrize(("version", "code"), [("0", 0), ("abc", 0), ("-1", 0), ("7", 500)])
def test_only_a_number_counts_as_the_version_of_what_is_not_there_yet(
    cluster: Cluster, version: str, code: int
) -> None:
    body = config("versioned") | {"metadata": {"name": "versioned", "resourceVersion": version}}
    path = f"/api/v1/namespaces/{cluster.namespace}/configmaps"
    try:
        made = wire.call(cluster.api, "POST", path, body=body)
    except wire.StatusError as error:
        said = error.status
        assert (said["code"], said["message"]) == (code, "resourceVersion should not be set on objects to be created")
    else:
        assert not code
        assert made["metadata"]["resourceVersion"] != version
