"""EndpointSlices for Endpoints that people write by hand, for a Service without a selector.

Source: k8s.io/kubernetes/pkg/controller/endpointslicemirroring.
"""

from __future__ import annotations

import json

from podwalk.controllers.controller import Context, Controller, itself, key_of
from podwalk.controllers.endpoints import members
from podwalk.controllers.endpoints.legacy import MANAGED_BY as ENDPOINTS_MANAGED_BY
from podwalk.controllers.endpoints.packing import Plan, plan
from podwalk.controllers.endpoints.slices import MANAGED_BY, RESOURCE, SERVICE_NAME
from podwalk.controllers.owners import owner_reference
from podwalk.controllers.queue import Key
from podwalk.types import Object

OWN = "endpointslicemirroring-controller.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
LEADER = "control-plane.alpha.kubernetes.io/leader"
NOT_MIRRORED = (members.TRIGGER_TIME, "kubectl.kubernetes.io/last-applied-configuration")


def reconcile(context: Context, key: Key) -> float | None:
    """Make the mirrored slices say what the Endpoints say; none if they are not to be mirrored."""
    endpoints = context.objects.get("endpoints", *key)
    service = context.objects.get("services", *key)
    existing = [
        entry
        for entry in context.objects.lookup("slice-service", "/".join(key))
        if (entry["metadata"].get("labels") or {}).get(MANAGED_BY) == OWN
    ]
    if endpoints is None or service is None or service["spec"].get("selector") or not _is_mirrored(endpoints):
        for entry in existing:
            context.objects.delete(RESOURCE, *key_of(entry))
        return None
    for family in ("IPv4", "IPv6"):
        present = [entry for entry in existing if entry["addressType"] == family]
        desired = _desired(endpoints, family)
        if desired or present:
            _write(context, endpoints, family, plan(desired, present))
    return None


def _is_mirrored(endpoints: Object) -> bool:
    metadata = endpoints["metadata"]
    labels = metadata.get("labels") or {}
    leader = LEADER in (metadata.get("annotations") or {})
    return labels.get(SKIP) != "true" and ENDPOINTS_MANAGED_BY not in labels and not leader


def _desired(endpoints: Object, family: str) -> dict[str, list[Object]]:
    wanted: dict[str, list[Object]] = {}
    for subset in endpoints.get("subsets") or ():
        ports = sorted(
            (_port(port) for port in subset.get("ports") or ()), key=lambda port: (port["name"], port["port"])
        )
        for field, ready in (("addresses", True), ("notReadyAddresses", False)):
            for address in subset.get(field) or ():
                if (":" in address["ip"]) == (family == "IPv6"):
                    wanted.setdefault(json.dumps(ports or None), []).append(_endpoint(address, ready))
    return wanted


def _port(port: Object) -> Object:
    out = {"name": port.get("name", ""), "port": port["port"], "protocol": port.get("protocol", "TCP")}
    return {**out, "appProtocol": port["appProtocol"]} if port.get("appProtocol") else out


def _endpoint(address: Object, ready: bool) -> Object:
    endpoint: Object = {"addresses": [address["ip"]], "conditions": {"ready": ready}}
    for field in ("hostname", "nodeName", "targetRef"):
        if address.get(field):
            endpoint[field] = address[field]
    return endpoint


def _write(context: Context, endpoints: Object, family: str, todo: Plan) -> None:
    metadata = endpoints["metadata"]
    own = {SERVICE_NAME: metadata["name"], MANAGED_BY: OWN}
    labels = {**(metadata.get("labels") or {}), **own}
    annotations = {key: text for key, text in (metadata.get("annotations") or {}).items() if key not in NOT_MIRRORED}
    head: Object = {
        "generateName": f"{metadata['name']}-",
        "namespace": metadata["namespace"],
        "labels": labels,
        **({"annotations": annotations} if annotations else {}),
        "ownerReferences": [owner_reference(endpoints, "v1", "Endpoints")],
    }
    for ports, entries in todo.create:
        body: Object = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": dict(head)}
        body |= {"addressType": family, "endpoints": entries, "ports": ports}
        context.objects.create(RESOURCE, body, manager=members.MANAGER)
    for entry, kept in todo.keep:
        if kept is not None or entry["metadata"].get("labels") != labels:
            _update(context, entry, labels, kept)
    for entry in todo.delete:
        context.objects.delete(RESOURCE, *key_of(entry))


def _update(context: Context, entry: Object, labels: dict[str, str], endpoints: list[Object] | None) -> None:
    def change(latest: Object) -> None:
        latest["metadata"]["labels"] = labels
        if endpoints is not None:
            latest["endpoints"] = endpoints

    context.objects.modify(RESOURCE, *key_of(entry), change, manager=members.MANAGER)


CONTROLLER = Controller("endpoint-slice-mirroring-controller", reconcile, {"endpoints": itself, "services": itself})
