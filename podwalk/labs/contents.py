"""What goes with a namespace: the command that deletes one says no word of what was in it, and undo needs to know."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from podwalk.facade import Applied, Cluster, application
from podwalk.facade.belongings import collect
from podwalk.facade.scope import Scope
from podwalk.types import Object

WORDS = frozenset({"namespace", "namespaces", "ns"})


def of_namespaces(cluster: Cluster, command: str) -> Mapping[str, Sequence[Applied]]:
    """Return what is in each namespace that a command is going to delete, in the order in which it can be made anew.

    Args:
        cluster: where.
        command: in kubectl's words.

    Returns:
        By ``namespace/NAME``: an entry for each object that no controller makes, as it is now.

    Raises:
        LearnerError: when the cluster does not answer.
    """
    return {
        f"namespace/{name}": [_whole(cluster, obj) for obj in collect(cluster, Scope(namespaces=(name,)))[1:]]
        for name in doomed(command)
    }


def doomed(command: str) -> list[str]:
    """Return the names of the namespaces that a command deletes."""
    words = [word for word in shlex.split(command) if word != "kubectl" and not word.startswith("-")]
    if words[:1] != ["delete"]:
        return []
    if words[1:2] and words[1] in WORDS:
        return words[2:]
    return [name for kind, _, name in (word.partition("/") for word in words[1:]) if name and kind in WORDS]


def _whole(cluster: Cluster, obj: Object) -> Applied:
    kind = cluster.kinds.of(obj)
    metadata = obj["metadata"]
    whole = application.find(cluster.api, kind.path(metadata["namespace"], metadata["name"])) or obj
    return Applied(f"{kind.label}/{metadata['name']}", "deleted", whole, whole, kind)
