"""The downward API: fields and resources of a Pod as text.

Source: pkg/fieldpath/fieldpath.go, pkg/api/v1/resource/helpers.go.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from podwalk.types import Object, View

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]")
_SUFFIXES: Mapping[str, Decimal] = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "": Decimal(1), "k": Decimal(1000),
    "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15), "E": Decimal(10**18),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40), "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}  # fmt: skip


def field_value(pod: Object, path: str, ip: str = "", host_ip: str = "") -> str:
    """Return a field of a Pod as the downward API writes it."""
    metadata = pod["metadata"]
    if match := _SUBSCRIPT.fullmatch(path):
        return str((metadata.get(match[1]) or {}).get(match[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        pairs = metadata.get(path.partition(".")[2]) or {}
        return "\n".join(f"{key}={_quote(value)}" for key, value in sorted(pairs.items()))
    values: dict[str, str] = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata.get("uid", ""),
        "spec.nodeName": pod["spec"].get("nodeName", ""),
        "spec.serviceAccountName": pod["spec"].get("serviceAccountName", ""),
        "status.hostIP": host_ip,
        "status.hostIPs": host_ip,
        "status.podIP": ip,
        "status.podIPs": ip,
    }
    return values.get(path, "")


def _quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def quantity(text: str | float) -> Decimal:
    """Return a Kubernetes quantity as a number."""
    match = re.fullmatch(r"([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)([a-zA-Z]*)", str(text))
    if match is None or match[2] not in _SUFFIXES:
        return Decimal(0)
    return Decimal(match[1]) * _SUFFIXES[match[2]]


def resource_value(view: View, pod: Object, container: Mapping[str, Any], reference: Mapping[str, Any]) -> str:
    """Return a request or limit of a container in units of the divisor; without a limit, what the node has."""
    spec = pod["spec"]
    if name := reference.get("containerName"):
        everyone = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
        container = next((other for other in everyone if other["name"] == name), container)
    kind, _, resource = reference["resource"].partition(".")
    found = ((container.get("resources") or {}).get(kind) or {}).get(resource)
    if found is None and kind == "limits" and resource in ("cpu", "memory"):
        node = view.get("nodes", "", spec.get("nodeName", "")) or {}
        found = (node.get("status", {}).get("allocatable") or {}).get(resource)
    divisor = quantity(reference.get("divisor") or "1") or Decimal(1)
    return str(math.ceil(quantity(found or "0") / divisor))
