"""The commands of kubectl that change an object where it is: scale, label, annotate, patch, set image, rollout restart.

Each reads the object, patches it, and says in kubectl's words what came of it.

Source: kubernetes.io/docs/reference/kubectl/generated/.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import yaml

from podwalk.api import goyaml
from podwalk.facade import wire
from podwalk.facade.application import Applied, Changes
from podwalk.facade.cluster import Cluster
from podwalk.facade.errors import LearnerError, NotFoundError
from podwalk.types import Object

TYPES = {"strategic": wire.STRATEGIC_PATCH, "merge": wire.MERGE_PATCH, "json": wire.JSON_PATCH}
RESTARTED = "kubectl.kubernetes.io/restartedAt"

Body = Callable[[Object], Any]


def patch(
    cluster: Cluster,
    names: Sequence[str],
    namespace: str,
    body: Body,
    done: str | Callable[[Object, Object], str],
    *,
    form: str = wire.MERGE_PATCH,
) -> Changes:
    """Patch objects.

    Args:
        cluster: where.
        names: ``KIND/NAME`` each.
        namespace: of all of them.
        body: makes the patch from the object as it is.
        done: what to say of it, e.g. ``scaled``; or makes that from the object before and after.
        form: the patch's media type.

    Raises:
        LearnerError: when an object has no name, or the cluster refuses it.
    """
    entries = []
    for name in names:
        word, _, target = name.partition("/")
        kind = cluster.kinds.find(word)
        if not target:
            raise LearnerError(f"which {kind.singular}?", hint=f"name it: {kind.singular}/NAME")
        path = kind.path(namespace, target)
        try:
            before = wire.call(cluster.api, "GET", path)
            after = wire.call(cluster.api, "PATCH", path, body=body(before), content_type=form)
        except wire.StatusError as error:
            raise wire.explain(error, namespace=namespace) from error
        said = done if isinstance(done, str) else done(before, after)
        entries.append(Applied(f"{kind.label}/{target}", said, after, before, kind))
    return Changes(tuple(entries))


def mark(
    cluster: Cluster, names: Sequence[str], namespace: str, field: str, pairs: Sequence[str], *, overwrite: bool
) -> Changes:
    """Set and take away labels or annotations.

    Args:
        cluster: where.
        names: ``KIND/NAME`` each.
        namespace: of all of them.
        field: ``labels`` or ``annotations``.
        pairs: ``KEY=VALUE``, or ``KEY-`` to take one away.
        overwrite: whether a key may get another value.

    Raises:
        LearnerError: when a key has another value and may not be overwritten, or the cluster refuses it.
    """
    wanted: dict[str, str | None] = {word.removesuffix("-"): None for word in pairs if "=" not in word}
    wanted |= {key: value for key, sign, value in (word.partition("=") for word in pairs) if sign}
    done = {"labels": "labeled", "annotations": "annotated"}[field]

    def body(before: Object) -> Object:
        now = before["metadata"].get(field) or {}
        for key, value in wanted.items():
            if not overwrite and value is not None and now.get(key, value) != value:
                raise LearnerError(f"'{key}' already has a value ({now[key]}), and --overwrite is false")
        return {"metadata": {field: wanted}}

    def said(before: Object, after: Object) -> str:
        if before["metadata"].get(field) == after["metadata"].get(field) and field == "labels":
            return f"not {done}"
        return f"un{done}" if field == "labels" and all(value is None for value in wanted.values()) else done

    return patch(cluster, names, namespace, body, said)


def apply_patch(cluster: Cluster, names: Sequence[str], namespace: str, text: str, kind: str) -> Changes:
    """Patch objects as the learner says.

    Args:
        cluster: where.
        names: ``KIND/NAME`` each.
        namespace: of all of them.
        text: the patch, in JSON or YAML.
        kind: ``strategic``, ``merge`` or ``json``.

    Raises:
        LearnerError: when the patch is neither, or the cluster refuses it.
    """
    try:
        given = yaml.load(text, Loader=goyaml.Loader)
    except yaml.YAMLError as error:
        raise LearnerError(f"the patch is neither JSON nor YAML: {text}") from error
    return patch(cluster, names, namespace, lambda before: given, _patched, form=TYPES[kind])


def set_image(cluster: Cluster, names: Sequence[str], namespace: str, images: Sequence[str]) -> Changes:
    """Give containers other images.

    Args:
        cluster: where.
        names: ``KIND/NAME`` each.
        namespace: of all of them.
        images: ``CONTAINER=IMAGE``; ``*`` means every container.

    Raises:
        NotFoundError: when there is no such container.
        LearnerError: when the cluster refuses it.
    """
    wanted = dict(word.split("=", 1) for word in images)

    def body(before: Object) -> Object:
        pod = before["spec"] if before["kind"] == "Pod" else before["spec"]["template"]["spec"]
        there = [one["name"] for one in pod["containers"]]
        for name in wanted:
            if name not in {*there, "*"}:
                raise NotFoundError(f'unable to find container named "{name}"', hint=f"there are: {', '.join(there)}")
        images = {name: wanted.get(name) or wanted.get("*") for name in there}
        spec = {"containers": [{"name": name, "image": image} for name, image in images.items() if image]}
        return {"spec": spec if before["kind"] == "Pod" else {"template": {"spec": spec}}}

    return patch(cluster, names, namespace, body, "image updated", form=wire.STRATEGIC_PATCH)


def restart(cluster: Cluster, names: Sequence[str], namespace: str) -> Changes:
    """Roll new Pods out, of the same template but for a stamp."""

    def body(before: Object) -> Object:
        # The number of the generation: the cluster's own clock may be a simulated one.
        stamp = {RESTARTED: str(before["metadata"].get("generation", 0) + 1)}
        return {"spec": {"template": {"metadata": {"annotations": stamp}}}}

    return patch(cluster, names, namespace, body, "restarted")


def _patched(before: Object, after: Object) -> str:
    same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
    return "patched (no change)" if same else "patched"
