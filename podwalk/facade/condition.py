"""Waiting in kubectl's words: ``condition=Ready``, ``jsonpath={.status.phase}=Running``, ``delete``, ``create``.

Waiting is one list and one watch: nothing sleeps, so a simulated cluster can jump its clock to the moment that is
waited for.

Source: kubernetes.io/docs/reference/kubectl/generated/kubectl_wait/.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from kubernetes.client import ApiClient

from podwalk.facade import wire
from podwalk.facade.errors import LearnerError, NotFoundError, WaitError
from podwalk.facade.jsonpath import select
from podwalk.facade.kinds import Kind
from podwalk.types import Object

Test = Callable[[Object], bool]


def test(words: str) -> Test | None:
    """Turn the words into a test of an object; None for ``delete``, which is a test of its absence.

    Raises:
        LearnerError: when the words are not kubectl's.
    """
    if words == "delete":
        return None
    if words == "create":
        return lambda obj: True
    if words.startswith("condition="):
        name, _, value = words.removeprefix("condition=").partition("=")
        return lambda obj: condition(obj, name) == (value or "True").lower()
    found = re.fullmatch(r"jsonpath='?\{(.+)\}'?(?:=(.*))?", words)
    if found:
        path, wanted = found.group(1), found.group(2)
        return lambda obj: any(wanted is None or _plain(value) == wanted for value in select(obj, path))
    raise LearnerError(
        f'"{words}" is not a condition',
        hint="condition=Ready, condition=Available, jsonpath={.status.phase}=Running, delete or create",
    )


def condition(obj: Object, name: str) -> str:
    """Return the status of a condition in lower case; empty if it is absent or of an older generation."""
    status = obj.get("status", {})
    for entry in status.get("conditions", ()):
        if entry["type"].lower() == name.lower():
            observed = (
                entry.get("observedGeneration")
                or status.get("observedGeneration")
                or obj["metadata"].get("generation", 0)
            )
            return str(entry["status"]).lower() if observed >= obj["metadata"].get("generation", 0) else ""
    return ""


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def wait(
    api: ApiClient,
    kind: Kind,
    words: str,
    *,
    namespace: str,
    name: str = "",
    uid: str = "",
    selector: str = "",
    timeout_s: float = 60.0,
) -> tuple[Object, ...]:
    """Wait until every object named or selected meets a condition.

    For ``delete`` only those objects count that are there now, or the one of ``uid``: a controller that makes one anew
    under the same name does not keep them.

    Returns:
        The objects as they then were; none for ``delete``.

    Raises:
        NotFoundError: when there is nothing to wait for.
        WaitError: when the time is over, with what the objects say of themselves.
    """
    meets = test(words)
    query = {"fieldSelector": f"metadata.name={name}"} if name else ({"labelSelector": selector} if selector else {})
    listed = wire.call(api, "GET", kind.path(namespace), query=query)
    identity = {"apiVersion": kind.api_version, "kind": kind.kind}
    objects: dict[str, Object] = {
        obj["metadata"]["name"]: identity | obj
        for obj in listed.get("items") or ()
        if uid in {"", obj["metadata"]["uid"]}
    }
    if not objects and words not in {"delete", "create"}:
        raise NotFoundError(
            f"no {kind.plural} to wait for" + (f': "{name}" is not there' if name else ""),
            hint=f'cluster.get("{kind.plural}")',
        )
    if _done(objects, meets):
        return tuple(objects.values())
    for event in wire.watch(
        api,
        kind.path(namespace),
        query=query | {"resourceVersion": listed["metadata"]["resourceVersion"]},
        timeout_s=timeout_s,
    ):
        if meets is not None or event["type"] != "ADDED":
            _record(objects, event, identity)
        if _done(objects, meets):
            return tuple(objects.values())
        if not objects and meets is not None and words != "create":
            raise NotFoundError(f"{kind.singular}/{name} was deleted while it was waited for")
    raise _late(objects, kind, words, meets, timeout_s)


def _record(objects: dict[str, Object], event: Object, identity: Object) -> None:
    obj = event["object"]
    if event["type"] == "DELETED":
        objects.pop(obj["metadata"]["name"], None)
    elif event["type"] in {"ADDED", "MODIFIED"}:
        objects[obj["metadata"]["name"]] = identity | obj


def _done(objects: dict[str, Object], meets: Test | None) -> bool:
    return not objects if meets is None else bool(objects) and all(map(meets, objects.values()))


def _late(objects: dict[str, Object], kind: Kind, words: str, meets: Test | None, timeout_s: float) -> WaitError:
    lacking = [obj for obj in objects.values() if meets is None or not meets(obj)]
    names = ", ".join(f"{kind.singular}/{obj['metadata']['name']}" for obj in lacking)
    where = "\n".join(line for obj in lacking for line in _said(obj))
    return WaitError(
        f"{names or kind.plural}: {words} did not come within {timeout_s:g} s",
        where=where,
        hint="cluster.events() may say why",
    )


def _said(obj: Object) -> Iterator[str]:
    """Yield what an object says of why it is not ready."""
    for entry in obj.get("status", {}).get("conditions", ()):
        if entry.get("status") != "True" and entry.get("message"):
            yield f"{obj['metadata']['name']}: {entry['message']}"
    for entry in obj.get("status", {}).get("containerStatuses", ()):
        waiting = entry.get("state", {}).get("waiting", {})
        if waiting:
            why = f"{waiting.get('reason')} {waiting.get('message', '')}".rstrip()
            yield f"{obj['metadata']['name']}: container {entry['name']} waits: {why}"
