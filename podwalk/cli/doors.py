"""The table of ``podwalk status``: which address of the cluster is which of this machine."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.table import Table

from podwalk.types import Object

SINGULAR = {"services": "service", "pods": "pod"}
WIDTH = 1000
"""Wider than any row: a terminal wraps a line better than a table cuts a name."""


def render(table: Object) -> str:
    """Return the table as text.

    Args:
        table: the answer of :data:`podwalk.serve.outside.OUTSIDE_PATH`.
    """
    host, _, port = table["dns"].partition(":")
    lines = [f"  DNS         dig @{host} -p {port} kubernetes.default.svc.cluster.local"]
    if not table["shared"]:
        lines += [f"  node        {node['here']:<16} is {node['ip']}, {node['name']}" for node in table["nodes"]]
    if table["doors"]:
        lines += ["", *_rows(table["doors"])]
    else:
        lines.append("  from here   nothing yet: a NodePort, a load balancer or a hostPort opens a way in")
    return "\n".join(lines)


def _gathered(doors: Iterable[Object]) -> Iterator[tuple[Object, int]]:
    """Yield the rows in order, with how many nodes each stands for: a NodePort that is the same on all is one row."""
    groups: dict[tuple[str, ...], list[Object]] = {}
    for door in sorted(doors, key=lambda row: (row["namespace"], row["resource"] != "services", row["name"])):
        port = door["here"].rpartition(":")[2]
        where = "" if port == str(door["port"]) and door["way"] == "NodePort" else door["here"] or door["ip"]
        key = (door["namespace"], door["name"], door["way"], str(door["port"]), door["protocol"], where, door["note"])
        groups.setdefault(key, []).append(door)
    for alike in groups.values():
        yield alike[0], len(alike)


def _rows(doors: Iterable[Object]) -> Iterator[str]:
    grid = Table(box=None, pad_edge=False, header_style="")
    for heading in ("NAMESPACE", "SERVICE", "BY", "CLUSTER ADDRESS", "FROM THIS MACHINE", ""):
        grid.add_column(heading, no_wrap=True)
    for door, alike in _gathered(doors):
        name = door["name"] if door["resource"] == "services" else f"pod/{door['name']}"
        at = f"{door['ip']}:{door['port']}" + (f"/{door['protocol']}" if door["protocol"] != "TCP" else "")
        note = "; ".join(part for part in ("each node" if alike > 1 else "", door["note"]) if part)
        grid.add_row(door["namespace"], name, door["way"], at, door["here"] or "-", note)
    console = Console(file=io.StringIO(), width=WIDTH, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(grid)
    for line in captured.get().splitlines():
        yield f"  {line}".rstrip()
