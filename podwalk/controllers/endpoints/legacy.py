"""Endpoints: the deprecated object that names all Pods behind a Service at once.

Source: k8s.io/kubernetes/pkg/controller/endpoint.
"""

from __future__ import annotations

import ipaddress
import json

from podwalk.controllers import pods
from podwalk.controllers.controller import Context, Controller, itself, key_of
from podwalk.controllers.endpoints import members
from podwalk.controllers.queue import Key
from podwalk.types import Object

RESOURCE = "endpoints"
MANAGED_BY, OWN = "endpoints.kubernetes.io/managed-by", "endpoint-controller"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
CAPACITY = 1000


def reconcile(context: Context, key: Key) -> float | None:
    """Make a Service's Endpoints say who is behind it."""
    service = context.objects.get("services", *key)
    if service is None:
        _remove(context, key)
        return None
    spec = service["spec"]
    if not spec.get("selector") or spec.get("type") == "ExternalName":
        return None
    selected = members.select(context, service)
    at = context.cache.endpoint_times.compute(service, selected)
    subsets = _subsets(service, [pod for pod in selected if not pods.is_terminating(pod)])
    labels = members.labels(service, {MANAGED_BY: OWN})
    present = context.objects.get(RESOURCE, *key)
    if present is None:
        context.objects.create(RESOURCE, _endpoints(key, labels, at, subsets), manager=members.MANAGER)
    elif present.get("subsets", []) != subsets or (present["metadata"].get("labels") or {}) != labels:
        _update(context, present, labels, at, subsets)
    return None


def _remove(context: Context, key: Key) -> None:
    context.cache.endpoint_times.forget(key)
    present = context.objects.get(RESOURCE, *key)
    # Those that people wrote by hand go too: Endpoints live and die with the Service of their name.
    if present is not None:
        context.objects.delete(RESOURCE, *key, uid=present["metadata"]["uid"])


def _subsets(service: Object, selected: list[Object]) -> list[Object]:
    """Return the addresses grouped by their ports; Pods beyond the capacity are left out."""
    grouped: dict[str, Object] = {}
    unready = bool(service["spec"].get("publishNotReadyAddresses"))
    for pod in selected[:CAPACITY]:
        ports = [_port(port) for port in members.ports(service, pod)]
        if not ports and service["spec"].get("ports"):
            continue
        family = (service["spec"].get("ipFamilies") or ["IPv4"])[0]
        ips = [ip for ip in members.addresses(pod) if (":" in ip) == (family == "IPv6")]
        if not ips:
            continue
        subset = grouped.setdefault(json.dumps(ports), {"ports": ports} if ports else {})
        field = "addresses" if unready or pods.is_ready(pod) else "notReadyAddresses"
        subset.setdefault(field, []).append(_address(service, pod, ips[0]))
    for subset in grouped.values():
        for field in ("addresses", "notReadyAddresses"):
            if field in subset:
                subset[field].sort(key=lambda entry: ipaddress.ip_address(entry["ip"]).packed)
    return [grouped[ports] for ports in sorted(grouped)]


def _address(service: Object, pod: Object, ip: str) -> Object:
    entry: Object = {"ip": ip, "targetRef": members.target(pod)}
    if node := pod["spec"].get("nodeName"):
        entry["nodeName"] = node
    if name := members.hostname(service, pod):
        entry["hostname"] = name
    return entry


def _port(port: Object) -> Object:
    return {field: value for field, value in port.items() if value != ""}


def _endpoints(key: Key, labels: dict[str, str], at: str, subsets: list[Object]) -> Object:
    annotations = {"annotations": {members.TRIGGER_TIME: at}} if at else {}
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": key[1], "namespace": key[0], "labels": labels, **annotations},
        **({"subsets": subsets} if subsets else {}),
    }


def _update(context: Context, present: Object, labels: dict[str, str], at: str, subsets: list[Object]) -> None:
    def change(latest: Object) -> None:
        metadata = latest["metadata"]
        metadata["labels"] = labels
        annotations = dict(metadata.get("annotations") or {})
        annotations.pop(members.TRIGGER_TIME, None)
        if at:
            annotations[members.TRIGGER_TIME] = at
        if annotations:
            metadata["annotations"] = annotations
        else:
            metadata.pop("annotations", None)
        latest.pop("subsets", None)
        if subsets:
            latest["subsets"] = subsets

    context.objects.modify(RESOURCE, *key_of(present), change, manager=members.MANAGER)


CONTROLLER = Controller("endpoint-controller", reconcile, {"services": itself, "pods": members.affected})
