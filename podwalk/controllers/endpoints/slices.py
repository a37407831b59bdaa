"""EndpointSlice: the Pods behind a Service, at most a hundred a slice, one set of slices for each set of port numbers.

Source: k8s.io/endpointslice, Reconciler.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from podwalk.controllers import pods
from podwalk.controllers.controller import Context, Controller, itself, key_of
from podwalk.controllers.endpoints import members, topology
from podwalk.controllers.endpoints.packing import Plan, plan
from podwalk.controllers.owners import owner_reference
from podwalk.controllers.queue import Key
from podwalk.types import Change, Object

RESOURCE = "endpointslices.discovery.k8s.io"
MANAGED_BY, SERVICE_NAME = "endpointslice.kubernetes.io/managed-by", "kubernetes.io/service-name"
OWN = "endpointslice-controller.k8s.io"


def reconcile(context: Context, key: Key) -> float | None:
    """Make a Service's slices say who is behind it."""
    service = context.objects.get("services", *key)
    if service is None:
        context.cache.slice_times.forget(key)
        context.cache.zoned.pop(key, None)
        return None
    spec = service["spec"]
    if not spec.get("selector") or spec.get("type") == "ExternalName" or "deletionTimestamp" in service["metadata"]:
        return None
    selected = members.select(context, service)
    at = context.cache.slice_times.compute(service, selected)
    existing = [entry for entry in context.objects.lookup("slice-service", "/".join(key)) if _is_own(entry)]
    families = spec.get("ipFamilies") or ["IPv4"]
    for entry in existing:
        if entry["addressType"] not in families:
            context.objects.delete(RESOURCE, *key_of(entry))
    for family in families:
        present = [entry for entry in existing if entry["addressType"] == family]
        desired = _desired(context, service, selected, family)
        if topology.is_asked_for(service):
            todo = plan(desired, [topology.without_hints(entry) for entry in present])
            topology.add(context, service, family, todo, present)
        else:
            topology.forget(context, service, family)
            for endpoints in desired.values():
                _hint(service, endpoints)
            todo = plan(desired, present)
        _write(context, service, family, at, todo)
    return None


def _is_own(entry: Object) -> bool:
    return (entry["metadata"].get("labels") or {}).get(MANAGED_BY) == OWN and "deletionTimestamp" not in entry[
        "metadata"
    ]


def _desired(context: Context, service: Object, selected: list[Object], family: str) -> dict[str, list[Object]]:
    """Return the endpoints by their ports, the ports as JSON text."""
    wanted: dict[str, list[Object]] = {}
    for pod in selected:
        ips = [ip for ip in members.addresses(pod) if (":" in ip) == (family == "IPv6")]
        if ips:
            ports = json.dumps(members.ports(service, pod) or None)
            wanted.setdefault(ports, []).append(_endpoint(context, service, pod, ips[0]))
    return wanted or {"null": []}


def _endpoint(context: Context, service: Object, pod: Object, ip: str) -> Object:
    serving, terminating = pods.is_ready(pod), pods.is_terminating(pod)
    ready = bool(service["spec"].get("publishNotReadyAddresses")) or (serving and not terminating)
    endpoint: Object = {
        "addresses": [ip],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "targetRef": members.target(pod),
    }
    if name := members.hostname(service, pod):
        endpoint["hostname"] = name
    if node_name := pod["spec"].get("nodeName"):
        endpoint["nodeName"] = node_name
        node = context.objects.get("nodes", "", node_name)
        if node is not None and (zone := (node["metadata"].get("labels") or {}).get(topology.ZONE)):
            endpoint["zone"] = zone
    return endpoint


def _hint(service: Object, endpoints: list[Object]) -> None:
    """Set hints as ``trafficDistribution`` wants them.

    Source: k8s.io/endpointslice/trafficdist.
    """
    wish = service["spec"].get("trafficDistribution")
    if wish not in ("PreferClose", "PreferSameZone", "PreferSameNode"):
        return
    for endpoint in endpoints:
        hints: Object = {}
        if "zone" in endpoint:
            hints["forZones"] = [{"name": endpoint["zone"]}]
        if wish == "PreferSameNode" and "nodeName" in endpoint:
            hints["forNodes"] = [{"name": endpoint["nodeName"]}]
        if hints and endpoint["conditions"]["ready"]:
            endpoint["hints"] = hints


def _write(context: Context, service: Object, family: str, at: str, todo: Plan) -> None:
    labels = members.labels(service, {SERVICE_NAME: service["metadata"]["name"], MANAGED_BY: OWN})
    for ports, endpoints in todo.create:
        context.objects.create(RESOURCE, _slice(service, family, labels, at, ports, endpoints), manager=members.MANAGER)
    for entry, kept in todo.keep:
        if kept is not None or (entry["metadata"].get("labels") or {}) != labels:
            _update(context, entry, labels, at, kept)
    for entry in todo.delete:
        context.objects.delete(RESOURCE, *key_of(entry))


def _slice(
    service: Object,
    family: str,
    labels: Mapping[str, str],
    at: str,
    ports: list[Object] | None,
    endpoints: list[Object],
) -> Object:
    metadata = service["metadata"]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "labels": dict(labels),
            **({"annotations": {members.TRIGGER_TIME: at}} if at else {}),
            "ownerReferences": [owner_reference(service, "v1", "Service")],
        },
        "addressType": family,
        "endpoints": endpoints or None,
        "ports": ports or None,
    }


def _update(
    context: Context, entry: Object, labels: Mapping[str, str], at: str, endpoints: list[Object] | None
) -> None:
    def change(latest: Object) -> None:
        metadata = latest["metadata"]
        metadata["labels"] = dict(labels)
        annotations = dict(metadata.get("annotations") or {})
        annotations.pop(members.TRIGGER_TIME, None)
        if at:
            annotations[members.TRIGGER_TIME] = at
        metadata["annotations"] = annotations
        if not annotations:
            del metadata["annotations"]
        if endpoints is not None:
            latest["endpoints"] = endpoints or None

    context.objects.modify(RESOURCE, *key_of(entry), change, manager=members.MANAGER)


def _service_of(context: Context, change: Change) -> list[Key]:
    """Find the Service of a slice that somebody else changed or deleted."""
    metadata = change.object["metadata"]
    labels = metadata.get("labels") or {}
    return (
        [(metadata["namespace"], labels[SERVICE_NAME])]
        if labels.get(MANAGED_BY) == OWN and SERVICE_NAME in labels
        else []
    )


CONTROLLER = Controller(
    "endpoint-slice-controller",
    reconcile,
    {"services": itself, "pods": members.affected, RESOURCE: _service_of, "nodes": topology.overloaded},
)
