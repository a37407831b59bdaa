"""What a step's undo writes is whose it was before: a later apply may take it away again."""

from __future__ import annotations

from podwalk.facade import Cluster
from podwalk.labs.lab import Lab, Step
from podwalk.labs.progress import Progress
from podwalk.labs.session import Session

NOTED = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, annotations: {note: old}}\ndata: {a: one, b: two}\n"
)
BARE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: other}\n"


def test_what_undo_puts_back_a_later_apply_takes_away(cluster: Cluster) -> None:
    cluster.apply(NOTED)
    step = Step("bare", title="Less", manifest=BARE)
    session = Session(cluster, Lab("undo", title="Undo", namespace=cluster.namespace, steps=(step,)), Progress())
    session.apply(step, BARE)
    session.undo(step)
    restored = cluster.get("configmap/settings").object
    assert (restored["data"], restored["metadata"]["annotations"]) == ({"a": "one", "b": "two"}, {"note": "old"})
    session.apply(step, BARE)
    again = cluster.get("configmap/settings").object
    assert (again["data"], again["metadata"].get("annotations", {})) == ({"a": "other"}, {})


def test_what_undo_makes_anew_a_later_apply_takes_away(cluster: Cluster) -> None:
    cluster.apply(NOTED)
    step = Step("gone", title="Gone", run=("kubectl delete configmap settings",))
    session = Session(cluster, Lab("undo", title="Undo", namespace=cluster.namespace, steps=(step,)), Progress())
    session.apply(step, "")
    session.undo(step)
    assert cluster.get("configmap/settings").object["data"] == {"a": "one", "b": "two"}
    cluster.apply(BARE)
    assert cluster.get("configmap/settings").object["data"] == {"a": "other"}
