"""The columns of a Table and the cells under them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from podwalk.types import Object

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: the heading; ``kubectl`` prints it in capitals.
        cell: the value for an object at a time of day.
        priority: 0 for those always shown, 1 for ``-o wide``.
        type: ``string``, ``integer``, ``number``, ``boolean`` or ``date``.
        format: ``name`` for the column that names the object.
    """

    name: str
    cell: Callable[[Object, datetime], Any]
    priority: int = 0
    type: str = "string"
    format: str = ""

    def definition(self) -> Object:
        """Return the ``TableColumnDefinition``."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": "",
            "priority": self.priority,
        }


def _no_conditions(_obj: Object) -> list[Object]:
    return []


@dataclass(frozen=True)
class Table:
    """The columns of one resource, filled in at the clock's time."""

    columns: Sequence[Column]
    clock: Clock
    conditions: Callable[[Object], list[Object]] = field(default=_no_conditions)

    def cells(self, obj: Object) -> list[Any]:
        """Return the row of an object."""
        now = self.clock()
        return [column.cell(obj, now) for column in self.columns]


def duration(seconds: float) -> str:
    """Return a time span as ``kubectl`` prints an age.

    Source: k8s.io/apimachinery/pkg/util/duration.HumanDuration.
    """
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if hours < 24 * 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if hours < 24 * 365 * 2:
        return f"{days}d"
    years = hours // (24 * 365)
    rest = days % 365
    return f"{years}y{rest}d" if hours < 24 * 365 * 8 and rest else f"{years}y"


def since(text: str | None, now: datetime) -> str:
    """Return the time passed since a timestamp, or ``<unknown>``."""
    if not text:
        return "<unknown>"
    return duration((now - datetime.fromisoformat(text)).total_seconds())


def age(obj: Object, now: datetime) -> str:
    """Return the age of an object."""
    return since(obj["metadata"].get("creationTimestamp"), now)


def name(obj: Object, _now: datetime) -> str:
    """Return the name of an object."""
    return str(obj["metadata"].get("name", ""))


NAME = Column("Name", name, format="name")
AGE = Column("Age", age)
