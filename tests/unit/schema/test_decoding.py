"""Messages seen on a real cluster of v1.37 on 2026-11-21."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podwalk.api import literals, schema
from podwalk.api.registry import RESOURCES
from podwalk.errors import ApiError

POD = '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"c","image":"i"%s}]%s}}'
PORT = "ContainerPort.spec.containers.ports.containerPort"
FIELD = "json: cannot unmarshal %s into Go struct field %s of type %s"
REGEX = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

WRONG_CONTAINERS = {
    '"env":[{"name":"A","value":1}]': FIELD % ("number", "EnvVar.spec.containers.env.value", "string"),
    '"env":{"a":"b"}': FIELD % ("object", "Container.spec.containers.env", "[]v1.EnvVar"),
    '"ports":[{"containerPort":"80"}]': FIELD % ("string", PORT, "int32"),
    '"ports":[{"containerPort":80.5}]': FIELD % ("number 80.5", PORT, "int32"),
    '"ports":[{"containerPort":80.0}]': FIELD % ("number 80.0", PORT, "int32"),
    '"ports":[{"containerPort":5000000000}]': FIELD % ("number 5000000000", PORT, "int32"),
    '"args":"x"': FIELD % ("string", "Container.spec.containers.args", "[]string"),
    '"args":[1]': FIELD % ("number", "Container.spec.containers.args", "string"),
    '"stdin":"true"': FIELD % ("string", "Container.spec.containers.stdin", "bool"),
    '"resources":{"limits":{"cpu":"abc"}}': REGEX,
    '"resources":{"limits":{"cpu":"1.5x"}}': REGEX,
    '"resources":{"limits":{"cpu":true}}': REGEX,
    '"resources":{"limits":{"cpu":5,"memory":[]}}': REGEX,
    '"resources":{"limits":[]}': FIELD
    % ("array", "ResourceRequirements.spec.containers.resources.limits", "v1.ResourceList"),
    '"livenessProbe":{"httpGet":{"port":1.5}}': FIELD
    % ("number 1.5", "HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port", "int32"),
    '"livenessProbe":{"httpGet":{"port":true}}': FIELD
    % ("bool", "HTTPGetAction.spec.containers.livenessProbe.ProbeHandler.httpGet.port", "int32"),
    '"livenessProbe":[]': FIELD % ("array", "Container.spec.containers.livenessProbe", "v1.Probe"),
    '"livenessProbe":{"periodSeconds":"x"}': FIELD
    % ("string", "Probe.spec.containers.livenessProbe.periodSeconds", "int32"),
    '"imagePullPolicy":5': FIELD % ("number", "Container.spec.containers.imagePullPolicy", "v1.PullPolicy"),
    '"securityContext":{"capabilities":{"add":["X",5]}}': FIELD
    % ("number", "Capabilities.spec.containers.securityContext.capabilities.add", "v1.Capability"),
    '"securityContext":{"capabilities":{"add":5}}': FIELD
    % ("number", "Capabilities.spec.containers.securityContext.capabilities.add", "[]v1.Capability"),
    '"env":[{"name":"A","valueFrom":{"configMapKeyRef":{"name":5}}}]': FIELD
    % (
        "number",
        "ConfigMapKeySelector.spec.containers.env.valueFrom.configMapKeyRef.LocalObjectReference.name",
        "string",
    ),
    '"foo":1': 'strict decoding error: unknown field "spec.containers[0].foo"',
}

WRONG_SPECS = {
    '"hostNetwork":1': FIELD % ("number", "PodSpec.spec.hostNetwork", "bool"),
    '"nodeSelector":{"a":1}': FIELD % ("number", "PodSpec.spec.nodeSelector", "string"),
    '"nodeSelector":[]': FIELD % ("array", "PodSpec.spec.nodeSelector", "map[string]string"),
    '"volumes":{"name":"a"}': FIELD % ("object", "PodSpec.spec.volumes", "[]v1.Volume"),
    '"volumes":[5]': FIELD % ("number", "PodSpec.spec.volumes", "v1.Volume"),
    '"volumes":[{"name":"a","emptyDir":5}]': FIELD
    % ("number", "Volume.spec.volumes.VolumeSource.emptyDir", "v1.EmptyDirVolumeSource"),
    '"volumes":[{"name":"a","emptyDir":{"sizeLimit":"x"}}]': REGEX,
    '"terminationGracePeriodSeconds":"x"': FIELD % ("string", "PodSpec.spec.terminationGracePeriodSeconds", "int64"),
    '"tolerations":[{"tolerationSeconds":1.0e1}]': FIELD
    % ("number 1.0e1", "Toleration.spec.tolerations.tolerationSeconds", "int64"),
    '"securityContext":"x"': FIELD % ("string", "PodSpec.spec.securityContext", "v1.PodSecurityContext"),
    '"ephemeralContainers":[{"image":5}]': FIELD
    % ("number", "EphemeralContainer.spec.ephemeralContainers.EphemeralContainerCommon.image", "string"),
    '"foo":1,"hostname":"a","foo":2,"hostname":"b","bar":3': (
        'strict decoding error: unknown field "spec.foo", duplicate field "spec.hostname", unknown field "spec.bar"'
    ),
    '"foo":1,"bar":2': 'strict decoding error: unknown field "spec.foo", unknown field "spec.bar"',
    '"nodeSelector":{"a":"1","a":"2"}': 'strict decoding error: duplicate field "spec.nodeSelector.a"',
    '"restartPolicy":"Always","restartPolicy":"Never"': 'strict decoding error: duplicate field "spec.restartPolicy"',
}

WRONG_BODIES = [("pods", POD % (text and f",{text}", ""), message) for text, message in WRONG_CONTAINERS.items()] + [
    ("pods", POD % ("", f",{text}"), message) for text, message in WRONG_SPECS.items()
]
WRONG_BODIES += [
    (
        "deployments.apps",
        '{"metadata":{"name":"a","foo":1,"labels":{"a":true}},"spec":{"replicas":"3"}}',
        FIELD % ("bool", "ObjectMeta.metadata.labels", "string"),
    ),
    (
        "deployments.apps",
        '{"metadata":{"name":"a","creationTimestamp":"x"},"spec":{"replicas":"3"}}',
        'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"',
    ),
    (
        "deployments.apps",
        '{"metadata":{"name":"a","creationTimestamp":5}}',
        FIELD % ("number", "ObjectMeta.metadata.creationTimestamp", "string"),
    ),
    ("deployments.apps", '{"metadata":"x"}', FIELD % ("string", "Deployment.metadata", "v1.ObjectMeta")),
    ("deployments.apps", '{"spec":[]}', FIELD % ("array", "Deployment.spec", "v1.DeploymentSpec")),
    (
        "deployments.apps",
        '{"spec":{"selector":{"matchLabels":{"a":5}}}}',
        FIELD % ("number", "LabelSelector.spec.selector.matchLabels", "string"),
    ),
    ("secrets", '{"data":{"a":"!!!"}}', "illegal base64 data at input byte 0"),
    ("secrets", '{"data":{"a":"aGVsbG8"}}', "illegal base64 data at input byte 4"),
    ("secrets", '{"data":{"a":5}}', FIELD % ("number", "Secret.data", "[]uint8")),
    (
        "leases.coordination.k8s.io",
        '{"spec":{"renewTime":"2020-01-01T00:00:00Z"}}',
        'parsing time "2020-01-01T00:00:00Z" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "Z" as ".000000"',
    ),
    (
        "leases.coordination.k8s.io",
        '{"spec":{"renewTime":"2020"}}',
        'parsing time "2020" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "" as "-"',
    ),
    (
        "customresourcedefinitions.apiextensions.k8s.io",
        '{"spec":{"foo":1,"versions":[{"name":5}]}}',
        FIELD % ("number", "CustomResourceDefinitionVersion.spec.versions.name", "string"),
    ),
]


def read(text: str) -> Any:
    return json.loads(text, **literals.HOOKS)


@pytest.mark.parametrize(("key", "body", "message"), WRONG_BODIES)
def test_a_wrong_body_is_refused_in_the_apis_words(key: str, body: str, message: str) -> None:
    resource = RESOURCES[key]
    with pytest.raises(ApiError) as raised:
        schema.decode(resource, read(body), "Strict")
    head = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
    assert (raised.value.code, raised.value.reason) == (400, "BadRequest")
    assert raised.value.message == head + message


@pytest.mark.parametrize(("key", "body", "message"), WRONG_BODIES)
def test_a_real_cluster_refuses_it_in_the_same_words(rig: Any, key: str, body: str, message: str) -> None:
    resource = RESOURCES[key]
    prefix = f"/apis/{resource.api_version}" if resource.group else "/api/v1"
    namespace = "/namespaces/default" if resource.namespaced else ""
    path = f"{prefix}{namespace}/{resource.plural}?dryRun=All&fieldValidation=Strict"
    code, answer, _ = rig.request("POST", path, body.encode())
    assert (code, answer["reason"]) == (400, "BadRequest")
    assert answer["message"].endswith(f"cannot be handled as a {resource.kind}: {message}")


def test_unknown_fields_warn_and_are_dropped() -> None:
    body = {"metadata": {"name": "a", "foo": 1}, "spec": {"ports": [{"port": 80, "bar": 1}]}, "status": {"x": 1}}
    value, warnings = schema.decode(RESOURCES["services"], body, "Warn")
    assert warnings == ['unknown field "metadata.foo"', 'unknown field "spec.ports[0].bar"', 'unknown field "status.x"']
    assert value["metadata"] == {"name": "a"}
    assert schema.decode(RESOURCES["services"], body, "Ignore") == (value, [])


def test_a_repeated_field_is_read_into_what_is_there() -> None:
    value, warnings = schema.decode(RESOURCES["configmaps"], read('{"data":{"a":"1","a":"2"},"data":{"b":"3"}}'))
    assert value["data"] == {"a": "2", "b": "3"}
    assert warnings == ['duplicate field "data.a"', 'duplicate field "data"']
    container = '"containers":[{"name":"c","image":"b","tty":true}],"containers":[{"name":"d","image":"e"}]'
    pod, warnings = schema.decode(RESOURCES["pods"], read(f'{{"spec":{{{container}}},"spec":{{"hostname":"h"}}}}'))
    (one,) = pod["spec"]["containers"]
    assert (one["name"], one["tty"], pod["spec"]["hostname"]) == ("d", True, "h")
    assert warnings == ['duplicate field "spec.containers"', 'duplicate field "spec"']


def test_nulls_are_dropped_or_become_zero() -> None:
    body = {"metadata": {"name": "a", "annotations": None, "labels": {"x": None}}, "data": {"b": None, "c": ""}}
    value, _ = schema.decode(RESOURCES["secrets"], body)
    assert value["metadata"] == {"name": "a", "labels": {"x": ""}}
    assert value["data"] == {"b": "", "c": ""}


def test_what_go_always_writes_appears_and_what_is_empty_goes() -> None:
    deployment, _ = schema.decode(RESOURCES["deployments.apps"], {"spec": {"replicas": 0, "paused": False}})
    assert deployment["spec"] == {
        "replicas": 0,
        "selector": None,
        "template": {"metadata": {}, "spec": {"containers": None}},
        "strategy": {},
    }
    assert deployment["status"] == {}
    service, _ = schema.decode(RESOURCES["services"], {"spec": {"selector": {}, "type": ""}})
    assert (service["spec"], service["status"]) == ({}, {"loadBalancer": {}})
    role, _ = schema.decode(RESOURCES["roles.rbac.authorization.k8s.io"], {"rules": []})
    assert role["rules"] is None


def test_pointers_keep_their_zero_values() -> None:
    body = {"spec": {"volumes": [{"name": "v", "emptyDir": {}}], "terminationGracePeriodSeconds": 0, "hostPID": False}}
    pod, _ = schema.decode(RESOURCES["pods"], body)
    assert pod["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]
    assert pod["spec"]["terminationGracePeriodSeconds"] == 0
    assert "hostPID" not in pod["spec"]


def test_an_events_empty_times_are_null() -> None:
    event, _ = schema.decode(RESOURCES["events"], {"involvedObject": {}})
    assert (event["eventTime"], event["firstTimestamp"]) == (None, None)


@pytest.mark.parametrize(
    ("kind", "version", "problem"),
    [
        ("Pod", "", 'no kind "Pod" is registered for version "apps/v1" in scheme "pkg/runtime/scheme.go:111"'),
        ("Pod", "v1", "converting (v1.Pod) to (apps.Deployment): unknown conversion"),
    ],
)
def test_another_kind_is_refused(kind: str, version: str, problem: str) -> None:
    with pytest.raises(ApiError) as raised:
        schema.decode(RESOURCES["deployments.apps"], {"kind": kind, "apiVersion": version})
    assert raised.value.message == f'Pod in version "v1" cannot be handled as a Deployment: {problem}'


def test_the_body_is_not_changed() -> None:
    body = {"metadata": {"labels": {"a": None}}, "spec": {"replicas": 1, "template": {"spec": {"containers": []}}}}
    before = json.dumps(body)
    schema.decode(RESOURCES["deployments.apps"], body)
    assert json.dumps(body) == before
