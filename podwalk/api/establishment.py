"""The life of a CustomResourceDefinition: its names are accepted, it is established, and its objects go with it.

Source: k8s.io/apiextensions-apiserver/pkg/controller/{status,establish,finalizer}.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from podwalk.api.custom import DEFINITIONS
from podwalk.api.options import Deletion
from podwalk.api.trees import dig
from podwalk.errors import ApiError
from podwalk.types import Change, Object

if TYPE_CHECKING:
    from podwalk.api.objects import StoredObjects

CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
_MANAGER = "kube-apiserver"


def follow(objects: StoredObjects) -> None:
    """Keep the status of every definition right from now on."""

    def see(change: Change) -> None:
        if change.resource == DEFINITIONS and change.type != "DELETED":
            name = change.object["metadata"]["name"]
            objects.simulation.call(lambda: settle(objects, name))
        elif change.type == "DELETED" and change.resource.count(".") >= 1:
            crd = objects.get(DEFINITIONS, "", change.resource)
            if crd is not None and crd["metadata"].get("deletionTimestamp"):
                objects.simulation.call(lambda: settle(objects, change.resource))

    objects.store.subscribe(see)


def settle(objects: StoredObjects, name: str) -> None:
    """Bring one definition's status up to date, or its deletion on."""
    crd = objects.get(DEFINITIONS, "", name)
    if crd is None:
        return
    if crd["metadata"].get("deletionTimestamp"):
        _clean_up(objects, crd)
        return
    problem = _name_conflict(objects, crd)
    accepted = (
        _accepted_names(crd) if not problem else dig(crd, "status", "acceptedNames") or {"plural": "", "kind": ""}
    )
    wanted = {"acceptedNames": accepted, "conditions": _conditions(objects, crd, problem)}

    def change(obj: Object) -> None:
        obj.setdefault("status", {}).update(wanted)

    objects.modify(DEFINITIONS, "", name, change, subresource="status", manager=_MANAGER)


def _accepted_names(crd: Object) -> Object:
    names = crd["spec"]["names"]
    return {
        key: names[key]
        for key in ("plural", "singular", "shortNames", "kind", "listKind", "categories")
        if names.get(key)
    }


def _name_conflict(objects: StoredObjects, crd: Object) -> tuple[str, str] | None:
    mine = crd["spec"]["names"]
    for other in objects.list(DEFINITIONS):
        if other["metadata"]["name"] == crd["metadata"]["name"] or other["spec"]["group"] != crd["spec"]["group"]:
            continue
        theirs = dig(other, "status", "acceptedNames") or {}
        taken = {theirs.get("plural"), theirs.get("singular"), *(theirs.get("shortNames") or ())} - {None, ""}
        for reason, value in (("PluralConflict", mine["plural"]), ("SingularConflict", mine.get("singular"))):
            if value in taken:
                return reason, f'"{value}" is already in use'
        if clash := [one for one in mine.get("shortNames") or () if one in taken]:
            return "ShortNamesConflict", f'"{clash[0]}" is already in use'
        if mine["kind"] in (theirs.get("kind"), theirs.get("listKind")):
            return "KindConflict", f'"{mine["kind"]}" is already in use'
    return None


def _conditions(objects: StoredObjects, crd: Object, problem: tuple[str, str] | None) -> list[Object]:
    before = {one["type"]: one for one in dig(crd, "status", "conditions") or ()}
    reason, message = problem or ("NoConflicts", "no conflicts found")
    accepted = _condition(objects, before, "NamesAccepted", not problem, reason, message)
    established = before.get("Established")
    if established is None or (established["status"] != "True" and not problem):
        text = "the initial names have been accepted" if not problem else "not all names are accepted"
        word = "InitialNamesAccepted" if not problem else "NotAccepted"
        established = _condition(objects, before, "Established", not problem, word, text)
    others = [one for kind, one in before.items() if kind not in ("NamesAccepted", "Established")]
    return [accepted, established, *others]


def _condition(
    objects: StoredObjects, before: dict[str, Object], kind: str, true: bool, reason: str, message: str
) -> Object:
    status = "True" if true else "False"
    old = before.get(kind)
    if old is not None and (old["status"], old.get("reason"), old.get("message")) == (status, reason, message):
        return old
    time = old["lastTransitionTime"] if old is not None and old["status"] == status else objects.simulation.timestamp()
    return {"type": kind, "status": status, "lastTransitionTime": time, "reason": reason, "message": message}


def _clean_up(objects: StoredObjects, crd: Object) -> None:
    """Delete the objects of a definition that is going; let it go when they are gone."""
    name = crd["metadata"]["name"]
    if CLEANUP not in (crd["metadata"].get("finalizers") or ()):
        return
    resource = objects.resources.get(name)
    for obj in list(objects.list(name)) if resource is not None else ():
        metadata = obj["metadata"]
        if resource is not None and not metadata.get("deletionTimestamp"):
            try:
                objects.remove(resource, metadata.get("namespace", ""), metadata["name"], Deletion())
            except ApiError as error:
                if error.code != 404:
                    raise
    if not objects.list(name):
        objects.modify(DEFINITIONS, "", name, _let_go, manager=_MANAGER)


def _let_go(crd: Object) -> None:
    finalizers = [one for one in crd["metadata"]["finalizers"] if one != CLEANUP]
    crd["metadata"]["finalizers"] = finalizers
