"""`podwalk save`: a learner's objects as manifests in a file beside the notebook, and back from it into a cluster.

A submission is graded by running its notebook anew, in a fresh cluster. What a learner did by `kubectl` or by a lab's
step control is in no cell, so it is kept in ``NOTEBOOK.cluster.yaml``. nbgrader submits and collects the whole folder
of an assignment; the notebook's own metadata was turned down, since JupyterLab holds the open notebook and would write
over what anybody else puts into its file. The file is what ``kubectl apply -f`` reads.

It begins with a line that says of which cells it was saved. If the notebook's cells are still those, what was saved is
what the learner had after them, and is put back once more after they have run; if not, they are newer, and count.

What is not in the file was deleted. Before the cells run this holds in the assignment's namespaces only: they may need
a namespace, or an object without one, that was deleted in the end. So those go after the cells, in the last restoring.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from podwalk.api import goyaml
from podwalk.facade import application, wire
from podwalk.facade.belongings import collect, essence, key, within
from podwalk.facade.cluster import Cluster
from podwalk.facade.errors import LearnerError, ManifestError
from podwalk.facade.manifest import Document, parse
from podwalk.facade.scope import Scope
from podwalk.types import Object

SUFFIX = ".cluster.yaml"
"""What follows the notebook's name."""

MAX_BYTES = 1_000_000
"""A larger file is not put back: no learner's work in one assignment comes near."""

HEAD = "# Saved by podwalk from the cells {digest}. Applied when this notebook is validated and graded."
HEAD_PATTERN = re.compile(r"# Saved by podwalk from the cells ([0-9a-f]+)\.")


@dataclass(frozen=True)
class Restored:
    """What putting back did; shows itself as lines.

    Attributes:
        changed: an entry for each object that was not as saved, e.g. ``service/backend configured``.
        problems: what could not be put back, and why.
        deleted: the objects that were there and are not in the file.
    """

    changed: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    deleted: tuple[Object, ...] = ()

    def __repr__(self) -> str:
        """Render a line an object."""
        return "\n".join((*self.changed, *self.problems)) or "everything is as it was saved"


def dump(objects: Sequence[Object], digest: str) -> str:
    """Return the text of the file."""
    body = goyaml.dump_all(objects)
    return HEAD.format(digest=digest) + "\n" + body


def objects(text: str) -> list[Object]:
    """Return the objects of a file's text.

    Raises:
        ManifestError: when it is not YAML, or holds something else.
    """
    return [document.value for document in _documents(text)]


def _documents(text: str) -> tuple[Document, ...]:
    """Read the file, which may hold nothing below its first line."""
    return parse(text) if any(line.strip() and not line.startswith("#") for line in text.splitlines()) else ()


def digest_of(text: str) -> str:
    """Return of which cells a file was saved; empty if it does not say."""
    found = HEAD_PATTERN.match(text)
    return found[1] if found else ""


def restore(cluster: Cluster, text: str, scope: Scope, *, last: bool = False) -> Restored:
    """Make the learner's objects in a cluster those that were saved: put them back, and delete the others.

    What the assignment is not about is passed over.

    Args:
        cluster: where.
        text: of the file.
        scope: what the assignment is about.
        last: whether no cell follows: then whole namespaces that are not in the file are deleted too, and objects
            without a namespace that the notebook has made.

    Raises:
        ManifestError: when the file is not YAML, or holds no objects.
    """
    if len(text) > MAX_BYTES:
        raise ManifestError(f"the saved file is larger than {MAX_BYTES} bytes", hint="save again: `podwalk save`")
    wanted = {key(document.value): document for document in _documents(text) if _concerns(cluster, document, scope)}
    others = [
        obj
        for obj in collect(cluster, scope)
        if key(obj) not in wanted and (_is_inside(obj, scope) or (last and _is_own(cluster, obj, scope)))
    ]
    # They go first: a port that they have may be asked for.
    deleted = [obj for obj in reversed(others) if len(cluster.delete([obj]))]
    put, problems = _put_all(cluster, wanted)
    return Restored((*(f"{key(obj)} deleted" for obj in deleted), *put), problems, tuple(reversed(deleted)))


def put_back(cluster: Cluster, deleted: Sequence[Object]) -> None:
    """Make again what a restoring has deleted."""
    _put_all(cluster, {key(obj): Document(obj) for obj in deleted})


def _put_all(cluster: Cluster, wanted: Mapping[str, Document]) -> tuple[list[str], tuple[str, ...]]:
    """Return what was changed, and what could not be put back."""
    changed, problems = list[str](), dict[str, str]()
    # What refers to something that comes later, or asks for a port that another still has, is tried once more.
    for attempt in range(2):
        for name in list(wanted if attempt == 0 else problems):
            problems.pop(name, None)
            try:
                changed += _put(cluster, wanted[name])
            except LearnerError as error:
                problems[name] = f"{name} not put back: {error.problem}"
            except (AttributeError, KeyError, TypeError) as error:
                problems[name] = f"{name} not put back: its manifest is not as it was saved ({error!r})"
    return changed, tuple(problems.values())


def load(name: str, cluster: Cluster, scope: Scope, *, last: bool = False) -> Restored:
    """Put back what was saved in a file; see :func:`restore`.

    Raises:
        LearnerError: when the file cannot be read.
    """
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LearnerError(f"{name} cannot be read: {error}", hint="save again: `podwalk save`") from error
    return restore(cluster, text, scope, last=last)


def differences(saved: Sequence[Object], there: Sequence[Object]) -> list[str]:
    """Name the objects that differ between two clusters, by their keys, each with how."""
    one, other = ({key(obj): _comparable(obj) for obj in objects} for objects in (saved, there))
    found = [f"{name}: not in your submission" for name in other if name not in one]
    found += [f"{name}: deleted from your cluster only" for name in one if name not in other]
    return found + [f"{name}: changed" for name in other if name in one and one[name] != other[name]]


def _comparable(obj: Object) -> Object:
    """Leave out what two clusters choose each for itself."""
    if obj["kind"] == "Service":
        ports = [{k: v for k, v in port.items() if k != "nodePort"} for port in obj["spec"].get("ports") or ()]
        return {**obj, "spec": {**obj["spec"], "ports": ports}}
    return obj


def _concerns(cluster: Cluster, document: Document, scope: Scope) -> bool:
    try:
        kind = cluster.kinds.of(document.value)
    except LearnerError:
        return False
    metadata = document.value["metadata"]
    return bool(metadata.get("name")) and within(document.value, kind, scope)


def _put(cluster: Cluster, document: Document) -> list[str]:
    """Make one object what was saved, by the mildest means that do it."""
    wanted = essence(document.value)
    kind = cluster.kinds.of(wanted)
    path = kind.path(wanted["metadata"].get("namespace", ""), wanted["metadata"]["name"])
    label = f"{kind.label}/{wanted['metadata']['name']}"
    before = application.find(cluster.api, path)
    if before is not None and _same(before, wanted):
        return []
    ways: tuple[Callable[[], object], ...] = (
        lambda: application.apply(cluster.api, cluster.kinds, Document(wanted), cluster.namespace),
        lambda: _replace(cluster, path, wanted),
        lambda: (cluster.delete([wanted]), cluster.apply(wanted)),
    )
    problem: LearnerError | None = None
    for way in ways:
        try:
            way()
        except LearnerError as error:
            problem = error
            continue
        now = application.find(cluster.api, path)
        if now is not None and _same(now, wanted):
            break
    else:
        if problem is not None and application.find(cluster.api, path) is None:
            raise problem
    return [f"{label} {'created' if before is None else 'configured'}"]


def _same(there: Object, wanted: Object) -> bool:
    return essence({**there, "apiVersion": wanted["apiVersion"], "kind": wanted["kind"]}) == wanted


def _replace(cluster: Cluster, path: str, wanted: Object) -> None:
    now = wire.call(cluster.api, "GET", path)
    metadata = wanted["metadata"] | {"resourceVersion": now["metadata"]["resourceVersion"]}
    wire.call(
        cluster.api, "PUT", path, query={"fieldManager": application.MANAGER}, body=wanted | {"metadata": metadata}
    )


def _is_inside(obj: Object, scope: Scope) -> bool:
    """Whether an object is in one of the assignment's namespaces; what is outside of them may be the cluster's own."""
    return obj["metadata"].get("namespace") in scope.namespaces


def _is_own(cluster: Cluster, obj: Object, scope: Scope) -> bool:
    """Whether an object without a namespace is the notebook's: a namespace of its, or what its cells have applied."""
    if obj["metadata"].get("namespace"):
        return False
    if obj["kind"] == "Namespace":
        return obj["metadata"]["name"] in scope.namespaces
    there = application.find(cluster.api, cluster.kinds.of(obj).path("", obj["metadata"]["name"])) or {}
    entries = there.get("metadata", {}).get("managedFields") or ()
    return any(entry.get("manager") == application.MANAGER for entry in entries)
