"""The columns that ``kubectl get`` prints, resource by resource.

Source: kubernetes/pkg/printers/internalversion/printers.go, release 1.37.
"""

from __future__ import annotations

from collections.abc import Sequence

from podwalk.api.registry import Resource
from podwalk.api.tables.column import AGE, NAME, Clock, Column, Table

__all__ = ["Column", "Table", "table"]


def table(resource: Resource, clock: Clock, custom: Sequence[Column] | None = None) -> Table:
    """Return the columns of a resource; ``custom`` are those of a custom one."""
    return Table(custom if custom is not None else (NAME, AGE), clock)
