"""Cluster IPs and IP families of Services where there is one family: what is filled in, refused, and may change."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest

from podwalk.facade import Cluster, wire
from podwalk.types import Object

SINGLE, PREFER, REQUIRE = "SingleStack", "PreferDualStack", "RequireDualStack"
V4, V6, BOTH = ["IPv4"], ["IPv6"], ["IPv4", "IPv6"]
EXTERNAL: Object = {"type": "ExternalName", "externalName": "a.example"}
NONE: Object = {"clusterIP": "None"}
ALONE: Object = {"clusterIP": "None", "selector": None}
"""Headless and without a selector."""

POLICY, FAMILIES, IPS = "spec.ipFamilyPolicy", "spec.ipFamilies", "spec.clusterIPs"
NO_DUAL = f'{POLICY}: Invalid value: "{REQUIRE}": this cluster is not configured for dual-stack services'
UNKNOWN = f'{POLICY}: Unsupported value: "Odd": supported values: "{PREFER}", "{REQUIRE}", "{SINGLE}"'
TWO = f"must be '{REQUIRE}' or '{PREFER}' when multiple IP families are specified"
RELEASE = f"{POLICY}: Invalid value: \"{REQUIRE}\": must be '{SINGLE}' to release the secondary IP family"
EMPTY = "must be empty when `clusterIP` is not specified"
NO_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def no_family(index: int) -> str:
    return f'{FAMILIES}[{index}]: Invalid value: "IPv6": not configured on this cluster'


def not_for(*names: str) -> str:
    return ", ".join(f"spec.{name}: Forbidden: may not be set for ExternalName services" for name in names)


MADE: list[tuple[Object, tuple[str, list[str]] | str]] = [
    ({}, (SINGLE, V4)),
    ({"ipFamilyPolicy": PREFER}, (PREFER, V4)),
    (NONE, (SINGLE, V4)),
    (ALONE, (REQUIRE, BOTH)),
    (ALONE | {"ipFamilies": V6}, (REQUIRE, ["IPv6", "IPv4"])),
    (ALONE | {"ipFamilies": V6, "ipFamilyPolicy": SINGLE}, (SINGLE, V6)),
    (ALONE | {"ipFamilies": BOTH, "ipFamilyPolicy": SINGLE}, f'{POLICY}: Invalid value: "{SINGLE}": {TWO}'),
    ({"ipFamilyPolicy": REQUIRE}, NO_DUAL),
    ({"ipFamilyPolicy": "Odd"}, UNKNOWN),
    ({"ipFamilies": V6}, no_family(0)),
    ({"ipFamilies": BOTH}, f'{POLICY}: Invalid value: "{SINGLE}": {TWO}'),
    ({"ipFamilies": BOTH, "ipFamilyPolicy": PREFER}, no_family(1)),
    ({"ipFamilies": BOTH, "ipFamilyPolicy": REQUIRE}, f"[{NO_DUAL}, {no_family(1)}]"),
    ({"ipFamilies": [*V4, *V4]}, f'{FAMILIES}[1]: Duplicate value: "IPv4"'),
    ({"clusterIPs": ["None"]}, f'{IPS}: Invalid value: ["None"]: {EMPTY}'),
    ({"clusterIP": "1.2.3"}, f'{IPS}[0]: Invalid value: "1.2.3": {NO_IP}'),
    ({"clusterIP": "fd00::1"}, f'{IPS}[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster'),
    ({"clusterIP": "fd00::1", "ipFamilyPolicy": "Odd"}, UNKNOWN),
    (
        {"clusterIP": "fd00::1", "ipFamilies": ["IPv5"]},
        f'{FAMILIES}[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
    ),
    (
        {"clusterIP": "fd00::1", "ipFamilies": V4},
        f'{IPS}[0]: Invalid value: "fd00::1": expected an IPv4 value as indicated by `ipFamilies[0]`',
    ),
    (
        {"clusterIP": "10.96.77.1", "clusterIPs": ["10.96.77.2"]},
        f'{IPS}: Invalid value: ["10.96.77.2"]: first value must match `clusterIP`',
    ),
    (
        {"clusterIP": "10.96.77.1", "clusterIPs": ["10.96.77.1", "10.96.77.2"]},
        f'{IPS}: Invalid value: ["10.96.77.1","10.96.77.2"]: may specify no more than one IP for each IP family',
    ),
    (EXTERNAL | NONE | {"ipFamilies": V4}, f"[{not_for('clusterIPs', 'ipFamilies')}]"),
    (EXTERNAL | {"ipFamilyPolicy": ""}, not_for("ipFamilyPolicy")),
]
"""What a client writes, and the policy and families it gets, or why it gets none."""

CHANGED: list[tuple[Object, Object, str]] = [
    ({}, {"ipFamilyPolicy": PREFER}, ""),
    ({}, {"ipFamilyPolicy": None, "ipFamilies": None}, ""),
    ({}, {"clusterIP": "", "clusterIPs": []}, ""),
    ({}, {"ipFamilyPolicy": REQUIRE}, NO_DUAL),
    ({}, {"ipFamilies": V6}, f'{IPS}[0]: Invalid value: "IP": expected an IPv6 value as indicated by `ipFamilies[0]`'),
    ({}, {"clusterIP": "10.97.7.9"}, f'{IPS}[0]: Invalid value: ["10.97.7.9"]: may not change once set'),
    ({}, {"clusterIPs": ["10.97.7.9"]}, f'{IPS}: Invalid value: ["10.97.7.9"]: first value must match `clusterIP`'),
    ({}, NONE, f'{IPS}[0]: Invalid value: ["None"]: may not change once set'),
    ({}, EXTERNAL, ""),
    (NONE, {"ipFamilies": V6}, no_family(0)),
    (ALONE, {"ipFamilies": V6}, RELEASE),
    (ALONE, {"ipFamilyPolicy": SINGLE}, ""),
    (ALONE, {"clusterIP": "10.97.7.9", "ipFamilies": BOTH}, f"[{NO_DUAL}, {no_family(1)}]"),
    (EXTERNAL, {"type": "ClusterIP", "clusterIP": "None"}, ""),
    (EXTERNAL, {"ipFamilyPolicy": SINGLE}, not_for("ipFamilyPolicy")),
]
"""What a Service was made with, what is changed, and why not."""


def spec_of(fields: Object) -> Object:
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}], **fields}
    return {key: value for key, value in spec.items() if value is not None}


def path(cluster: Cluster, name: str = "") -> str:
    return f"/api/v1/namespaces/{cluster.namespace}/services{name and '/'}{name}"


def made(cluster: Cluster, fields: Object) -> tuple[Object, str]:
    """Make a Service; return its spec, or why there is none."""
    name = f"families-{uuid.uuid4().hex[:6]}"
    body = {"metadata": {"name": name}, "spec": spec_of(fields)}
    return answered(cluster, "POST", path(cluster), body)


def answered(cluster: Cluster, method: str, where: str, body: Object, **options: Any) -> tuple[Object, str]:
    try:
        return wire.call(cluster.api, method, where, body=body, **options), ""
    except wire.StatusError as error:
        message = str(error.status["message"]).partition(" is invalid: ")[2]
        return {}, re.sub(r"10\.96\.(?!77)\d+\.\d+", "IP", message)


def test_families_are_filled_in_or_refused(cluster: Cluster) -> None:
    for fields, expected in MADE:
        service, refusal = made(cluster, fields)
        if isinstance(expected, str):
            assert refusal == expected, fields
        else:
            assert (service["spec"]["ipFamilyPolicy"], service["spec"]["ipFamilies"]) == expected, fields
            assert service["spec"]["clusterIPs"] == [service["spec"]["clusterIP"]], fields


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_families_change_only_as_they_may(cluster: Cluster, method: str) -> None:
    for fields, change, expected in CHANGED:
        service, _ = made(cluster, fields)
        name, version = service["metadata"]["name"], service["metadata"]["resourceVersion"]
        if method == "PATCH":
            body: Object = {"spec": change}
            options = {"content_type": "application/merge-patch+json"}
        else:
            body = {"metadata": {"name": name, "resourceVersion": version}, "spec": spec_of(fields | change)}
            options = {}
        after, refusal = answered(cluster, method, path(cluster, name), body, **options)
        assert refusal == expected, (fields, change)
        if not refusal and after["spec"]["type"] != "ExternalName":
            assert after["spec"]["clusterIPs"] == [after["spec"]["clusterIP"]], (fields, change)
