"""The definition of ClusterNetworkPolicy, so that no download is needed.

**Source**: kubernetes-sigs/network-policy-api v0.3.0, apis/v1beta1, standard channel: the experimental peers and named
ports are left out, so that the API refuses what the network would not evaluate. A network is checked to be one by its
form; that its host bits are zero is not.
"""

from __future__ import annotations

from typing import Any

from podwalk.types import Object

GROUP, PLURAL = "policy.networking.k8s.io", "clusternetworkpolicies"
NAME = f"{PLURAL}.{GROUP}"
MOST = 25
"""Most rules, peers, protocols or networks in a list."""

CIDR = r"^([0-9]{1,3}(\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)/[0-9]{1,3}$"


def definition() -> Object:
    """Return the CustomResourceDefinition."""
    columns = [("Tier", ".spec.tier", "string"), ("Priority", ".spec.priority", "string")]
    columns += [("Age", ".metadata.creationTimestamp", "date")]
    version = {
        "name": "v1beta1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [{"name": name, "jsonPath": path, "type": kind} for name, path, kind in columns],
        "schema": {"openAPIV3Schema": _object({"spec": _spec(), "status": _status()}, "spec", metadata=True)},
    }
    names = {"kind": "ClusterNetworkPolicy", "listKind": "ClusterNetworkPolicyList", "plural": PLURAL}
    names |= {"singular": "clusternetworkpolicy"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": NAME,
            "annotations": {
                "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/network-policy-api/pull/300",
                "policy.networking.k8s.io/bundle-version": "v0.3.0",
                "policy.networking.k8s.io/channel": "standard",
            },
        },
        "spec": {
            "group": GROUP,
            "scope": "Cluster",
            "names": {**names, "shortNames": ["cnp"]},
            "versions": [version],
        },
    }


def _spec() -> Object:
    pods = _object({"namespaceSelector": _selector(), "podSelector": _selector()}, "podSelector")
    peer = {"namespaces": _selector(), "pods": pods}
    networks = {**_list({"type": "string", "maxLength": 43, "pattern": CIDR}), "x-kubernetes-list-type": "set"}
    return _object(
        {
            "tier": {"type": "string", "enum": ["Admin", "Baseline"]},
            "priority": {"type": "integer", "format": "int32", "minimum": 0, "maximum": 1000},
            "subject": _one_of(peer),
            "ingress": _rules("from", _one_of(peer)),
            "egress": _rules("to", _one_of({**peer, "networks": networks})),
        },
        "priority", "subject", "tier",
    )  # fmt: skip


def _rules(side: str, peer: Object) -> Object:
    rule = _object(
        {
            "name": {"type": "string", "maxLength": 100},
            "action": {"type": "string", "enum": ["Accept", "Deny", "Pass"]},
            side: _list(peer),
            "protocols": _list(_one_of({name: _protocol() for name in ("tcp", "udp", "sctp")})),
        },
        "action", side,
    )  # fmt: skip
    return {"type": "array", "maxItems": MOST, "items": rule}


def _protocol() -> Object:
    number = {"type": "integer", "format": "int32", "minimum": 1, "maximum": 65535}
    span = _object({"start": number, "end": number}, "start", "end")
    span["x-kubernetes-validations"] = [
        {"rule": "self.start < self.end", "message": "Start port must be less than End port"}
    ]
    return {**_object({"destinationPort": _one_of({"number": number, "range": span})}), "minProperties": 1}


def _selector() -> Object:
    expression = _object(
        {
            "key": {"type": "string"},
            "operator": {"type": "string"},
            "values": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "atomic"},
        },
        "key", "operator",
    )  # fmt: skip
    return {
        **_object(
            {
                "matchLabels": {"type": "object", "additionalProperties": {"type": "string"}},
                "matchExpressions": {"type": "array", "items": expression, "x-kubernetes-list-type": "atomic"},
            }
        ),
        "x-kubernetes-map-type": "atomic",
    }


def _status() -> Object:
    text = {"type": "string"}
    condition = _object(
        {
            "type": text, "status": text, "reason": text, "message": text,
            "lastTransitionTime": {"type": "string", "format": "date-time"},
            "observedGeneration": {"type": "integer", "format": "int64"},
        },
        "type", "status", "reason", "message", "lastTransitionTime",
    )  # fmt: skip
    conditions = {"type": "array", "items": condition, "x-kubernetes-list-type": "map"}
    return _object({"conditions": {**conditions, "x-kubernetes-list-map-keys": ["type"]}}, "conditions")


def _list(items: Object) -> Object:
    return {"type": "array", "minItems": 1, "maxItems": MOST, "items": items}


def _one_of(properties: Object) -> Object:
    return {**_object(properties), "minProperties": 1, "maxProperties": 1}


def _object(properties: Object, *required: str, metadata: bool = False) -> Object:
    found: dict[str, Any] = {"type": "object", "properties": dict(properties)}
    if metadata:
        found["properties"] |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
        found["properties"]["metadata"] = {"type": "object"}
    return found | ({"required": list(required)} if required else {})
