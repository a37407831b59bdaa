"""The names of types in OpenAPI: ``V1Pod`` is ``io.k8s.api.core.v1.Pod``.

Source: the definitions of a real cluster's ``/openapi/v2``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

import kubernetes.client

from podwalk.api import fields
from podwalk.api.registry import RESOURCES, Resource

_META = (
    "V1APIResource",
    "V1APIResourceList",
    "V1Condition",
    "V1DeleteOptions",
    "V1FieldSelectorRequirement",
    "V1LabelSelector",
    "V1LabelSelectorRequirement",
    "V1ListMeta",
    "V1ManagedFieldsEntry",
    "V1ObjectMeta",
    "V1OwnerReference",
    "V1Preconditions",
    "V1ShardInfo",
    "V1Status",
    "V1StatusCause",
    "V1StatusDetails",
)
# Core's types that none of core's resources uses.
_CORE = ("TopologySelectorLabelRequirement", "TopologySelectorTerm")
_MODEL = re.compile(r"^\w*?V(\d+(?:alpha\d+|beta\d+)?)(?=[A-Z])")
META = "io.k8s.apimachinery.pkg.apis.meta.v1"
EXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1"
QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
RAW = "io.k8s.apimachinery.pkg.runtime.RawExtension"


def definition(model: str) -> str:
    """Return the name of a model's definition."""
    return _names()[model]


def list_model(resource: Resource) -> str:
    """Return the class of a resource's list; empty if it has none."""
    name = f"{resource.model}List"
    return name if resource.model and hasattr(kubernetes.client, name) else ""


def custom(resource: Resource) -> str:
    """Return the name of a custom resource's definition: its group backwards."""
    return ".".join([*reversed(resource.group.split(".")), resource.version, resource.kind])


def reachable(model: str) -> Iterator[str]:
    """Return a model and all those that its fields hold, once each."""
    seen, waiting = {model}, [model]
    while waiting:
        current = waiting.pop()
        yield current
        for field in fields.struct(current).values():
            inner = field
            while inner.item is not None:
                inner = inner.item
            if inner.model and inner.model not in seen:
                seen.add(inner.model)
                waiting.append(inner.model)


@cache
def _names() -> Mapping[str, str]:
    """Give each model to the first group that uses it, core first: types are shared in no other direction."""
    found = {f"V1{kind}": f"io.k8s.api.core.v1.{kind}" for kind in _CORE}
    found |= {model: f"{META}.{_kind(model)}" for model in _META}
    owned = [(resource.group, resource.model) for resource in RESOURCES.values()]
    owned += [(sub.group, sub.model) for resource in RESOURCES.values() for sub in resource.subresources if sub.model]
    owned += [(resource.group, list_model(resource)) for resource in RESOURCES.values() if list_model(resource)]
    for group, model in sorted(owned, key=lambda pair: bool(pair[0])):
        for one in reachable(model):
            # Types of an alpha version come from the scheduling group, which none of the resources is in.
            holder = "scheduling.k8s.io" if "alpha" in one else group
            found.setdefault(one, f"{_package(holder)}.{_version(one)}.{_kind(one)}")
    return found


def _package(group: str) -> str:
    if group == "apiextensions.k8s.io":
        return EXTENSIONS.rpartition(".")[0]
    return f"io.k8s.api.{group.split('.')[0] or 'core'}"


def _version(model: str) -> str:
    match = _MODEL.match(model)
    return f"v{match[1]}" if match else "v1"


def _kind(model: str) -> str:
    return _MODEL.sub("", model)
