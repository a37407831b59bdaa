"""What a rule finds, and what rules share: the namespace they look at, and the Pods that its objects make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from podwalk.network.addresses import FINISHED
from podwalk.types import ClusterOptions, Object, View

WORKLOADS: Mapping[str, str] = {
    "deployments.apps": "deployment",
    "statefulsets.apps": "statefulset",
    "daemonsets.apps": "daemonset",
}
"""What makes Pods that serve, by resource."""


@dataclass(frozen=True)
class Finding:
    """One thing that could be better.

    Attributes:
        rule: which rule says so, a key of :data:`podwalk.reviews.RULES`.
        object: the object at fault as kubectl names it, e.g. ``service/records``.
        field: the path of the field to change, or to add.
        why: what can happen as it is.
        fix: what to write instead.
    """

    rule: str
    object: str
    field: str
    why: str
    fix: str

    def __str__(self) -> str:
        """Say it in two lines."""
        return f"{self.object}: {self.why}\n    {self.field}: {self.fix}"


@dataclass(frozen=True)
class Template:
    """Pods as an object makes them.

    Attributes:
        owner: the object as kubectl names it: a workload, or a Pod that nothing else made.
        path: where the Pod's spec stands in it.
        namespace: the Pods'.
        labels: the Pods' labels.
        spec: the Pods' spec.
    """

    owner: str
    path: str
    namespace: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """The namespace under review, with the cluster around it."""

    view: View
    namespace: str
    options: ClusterOptions

    def objects(self, resource: str) -> list[Object]:
        """Return the namespace's objects of a resource."""
        return list(self.view.list(resource, self.namespace))

    def pods(self) -> list[Object]:
        """Return the Pods that have an address and have not finished."""
        return [
            pod
            for pod in self.objects("pods")
            if pod.get("status", {}).get("podIP") and pod["status"].get("phase") not in FINISHED
        ]

    def templates(self) -> Iterator[Template]:
        """Yield what makes Pods: the workloads, and the Pods that no controller made."""
        for resource, kind in WORKLOADS.items():
            for obj in self.objects(resource):
                template = obj["spec"]["template"]
                labels = template.get("metadata", {}).get("labels") or {}
                yield Template(
                    f"{kind}/{obj['metadata']['name']}", "spec.template.spec", self.namespace, labels, template["spec"]
                )
        for pod in self.objects("pods"):
            metadata = pod["metadata"]
            if not any(owner.get("controller") for owner in metadata.get("ownerReferences") or ()):
                labels = metadata.get("labels") or {}
                yield Template(f"pod/{metadata['name']}", "spec", self.namespace, labels, pod["spec"])
