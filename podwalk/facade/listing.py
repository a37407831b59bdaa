"""Objects together with the table the server prints of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kubernetes.client import ApiClient

from podwalk.facade import display, wire
from podwalk.facade.errors import AmbiguityError
from podwalk.facade.kinds import Kind
from podwalk.types import Object


@dataclass(frozen=True)
class Listing:
    """What ``get`` found: a sequence of objects that shows itself as kubectl's table.

    Attributes:
        objects: the objects, whole.
        header: the columns' names.
        rows: the columns' cells, a row for each object.
        empty: what to say when there is none.
    """

    objects: tuple[Object, ...]
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    empty: str = "No resources found"

    @property
    def object(self) -> Object:
        """The only object.

        Raises:
            AmbiguityError: when there are none or several.
        """
        if len(self.objects) != 1:
            raise AmbiguityError(
                f"one object was expected and there are {len(self.objects)}", hint="name it, or loop over the listing"
            )
        return self.objects[0]

    @property
    def names(self) -> list[str]:
        """The objects' names."""
        return [obj["metadata"]["name"] for obj in self.objects]

    def __len__(self) -> int:
        """Count the objects."""
        return len(self.objects)

    def __iter__(self) -> Iterator[Object]:
        """Go over the objects."""
        return iter(self.objects)

    def __getitem__(self, index: int) -> Object:
        """Return one of the objects."""
        return self.objects[index]

    def __repr__(self) -> str:
        """Render as kubectl's table."""
        return display.columns(self.header, self.rows) if self.rows else self.empty

    def _repr_html_(self) -> str:
        return display.table(self.header, self.rows) if self.rows else f"<p><em>{self.empty}</em></p>"


def read(
    api: ApiClient,
    kind: Kind,
    *,
    namespace: str = "",
    name: str = "",
    selector: str = "",
    fields: str = "",
    wide: bool = False,
) -> Listing:
    """Ask the server for objects and its table of them, in one request.

    Raises:
        StatusError: when the API answers with an error.
    """
    query = {"includeObject": "Object"}
    query |= {"labelSelector": selector} if selector else {}
    query |= {"fieldSelector": fields} if fields else {}
    answer = wire.call(api, "GET", kind.path(namespace, name), query=query, accept=wire.TABLE)
    where = f" in {namespace} namespace" if kind.namespaced and namespace else ""
    return _from_table(
        answer, kind, wide=wide, spread=kind.namespaced and not namespace, empty=f"No resources found{where}."
    )


def _from_table(answer: Object, kind: Kind, *, wide: bool, spread: bool, empty: str) -> Listing:
    shown = [number for number, column in enumerate(answer["columnDefinitions"]) if wide or not column.get("priority")]
    header = tuple(answer["columnDefinitions"][number]["name"].upper() for number in shown)
    rows = [tuple(_text(row["cells"][number]) for number in shown) for row in answer.get("rows") or ()]
    objects = tuple(_whole(row["object"], kind) for row in answer.get("rows") or ())
    if spread:
        header = ("NAMESPACE", *header)
        rows = [(obj["metadata"]["namespace"], *row) for obj, row in zip(objects, rows, strict=True)]
    return Listing(objects, header, tuple(rows), empty)


def _whole(obj: Object, kind: Kind) -> Object:
    return {"apiVersion": kind.api_version, "kind": kind.kind} | obj


def _text(cell: Any) -> str:
    return "<none>" if cell is None or cell == "" else str(cell)


def events(objects: Sequence[Object]) -> Listing:
    """Lay out Events oldest first, as ``kubectl get events`` does, without their age: it would differ at each run."""
    ordered = tuple(sorted(objects, key=_moment))
    rows = [
        (
            str(obj.get("type", "")),
            str(obj.get("reason", "")),
            f"{obj['involvedObject'].get('kind', '').lower()}/{obj['involvedObject'].get('name', '')}",
            str(obj.get("message", "")).strip(),
        )
        for obj in ordered
    ]
    return Listing(ordered, ("TYPE", "REASON", "OBJECT", "MESSAGE"), tuple(rows), "No events found.")


def _moment(event: Object) -> str:
    series = event.get("series") or {}
    moments = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event["metadata"].get("creationTimestamp"),
    )
    return next((str(moment)[:19] for moment in moments if moment), "")
