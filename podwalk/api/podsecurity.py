"""The admission plugin PodSecurity: what a namespace's labels say of the Pods that it takes.

``enforce`` refuses a Pod, ``warn`` warns of a Pod or of what makes Pods; ``audit`` would write to the audit log, which
this cluster has none of. Nothing is exempt.

Source: k8s.io/pod-security-admission/admission, release 1.37; messages as kind prints them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from podwalk.api import failures
from podwalk.api.options import Write
from podwalk.api.podstandards import LATEST, Violation, violations
from podwalk.api.registry import Resource
from podwalk.api.trees import dig
from podwalk.types import Object

if TYPE_CHECKING:
    from podwalk.api.objects import StoredObjects

PREFIX = "pod-security.kubernetes.io/"
_LEVELS = ("privileged", "baseline", "restricted")
_SPECS: dict[str, tuple[str, ...]] = {
    "pods": ("spec",),
    "podtemplates": ("template", "spec"),
    "replicationcontrollers": ("spec", "template", "spec"),
    "replicasets.apps": ("spec", "template", "spec"),
    "deployments.apps": ("spec", "template", "spec"),
    "statefulsets.apps": ("spec", "template", "spec"),
    "daemonsets.apps": ("spec", "template", "spec"),
    "jobs.batch": ("spec", "template", "spec"),
    "cronjobs.batch": ("spec", "jobTemplate", "spec", "template", "spec"),
}
_MOST_PODS = 3000


def admit(objects: StoredObjects, resource: Resource, obj: Object, write: Write) -> None:
    """Refuse a Pod that its namespace does not take, and warn of one that it should not.

    Raises:
        ApiError: 403, naming all that the level forbids.
    """
    path = _SPECS.get(resource.key)
    if path is None:
        return
    namespace = objects.get("namespaces", "", obj["metadata"].get("namespace", "")) or {}
    labels = dig(namespace, "metadata", "labels") or {}
    if not any(key.startswith(PREFIX) for key in labels):
        return
    spec = dig(obj, *path) or {}
    if resource.key == "pods" and (found := _found(labels, "enforce", spec)):
        why = f'violates PodSecurity "{_policy(labels, "enforce")}": {_told(found)}'
        raise failures.forbidden(resource, obj["metadata"].get("name", ""), why)
    if found := _found(labels, "warn", spec):
        write.warn(f'would violate PodSecurity "{_policy(labels, "warn")}": {_told(found)}')


def admit_update(objects: StoredObjects, resource: Resource, obj: Object, old: Object, write: Write) -> None:
    """Look at a change as at a new object, but at one of a Pod only where it gets another container.

    Raises:
        ApiError: 403, naming all that the level forbids.
    """
    if write.subresource not in ("", "ephemeralcontainers"):
        return
    containers = "ephemeralContainers"
    if resource.key != "pods" or obj["spec"].get(containers) != old["spec"].get(containers):
        admit(objects, resource, obj, write)


def namespace_warnings(objects: StoredObjects, new: Object, old: Object) -> Iterator[str]:
    """Yield which Pods of a namespace are not what its new level asks for."""
    labels, before = (dig(one, "metadata", "labels") or {} for one in (new, old))
    level, version = _read(labels, "enforce")
    old_level, old_version = _read(before, "enforce")
    milder = version == old_version and _LEVELS.index(level) <= _LEVELS.index(old_level)
    if level == "privileged" or milder:
        return
    groups: dict[str, list[str]] = {}
    pods = objects.list("pods", new["metadata"]["name"])
    for pod in sorted(pods, key=lambda one: str(one["metadata"]["name"]))[:_MOST_PODS]:
        if found := violations(level, _minor(version), pod["spec"]):
            groups.setdefault(", ".join(one.reason for one in found), []).append(pod["metadata"]["name"])
    if groups:
        name = new["metadata"]["name"]
        yield f'existing pods in namespace "{name}" violate the new PodSecurity enforce level "{level}:{version}"'
    for reasons, names in groups.items():
        others = len(names) - 1
        more = f" (and {others} other pod{'s' if others > 1 else ''})" if others else ""
        yield f"{names[0]}{more}: {reasons}"


def _read(labels: dict[str, str], mode: str) -> tuple[str, str]:
    level = labels.get(PREFIX + mode, "privileged")
    version = labels.get(f"{PREFIX}{mode}-version", "latest")
    return (level if level in _LEVELS else "restricted"), version


def _policy(labels: dict[str, str], mode: str) -> str:
    return ":".join(_read(labels, mode))


def _found(labels: dict[str, str], mode: str, spec: Object) -> list[Violation]:
    level, version = _read(labels, mode)
    return violations(level, _minor(version), spec)


def _minor(version: str) -> float:
    number = version.removeprefix("v1.")
    return int(number) if number.isdigit() else LATEST


def _told(found: Iterable[Violation]) -> str:
    return ", ".join(map(str, found))
