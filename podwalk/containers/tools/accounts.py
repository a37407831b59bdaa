"""Users and groups by name and number, from the container's ``/etc/passwd`` and ``/etc/group``."""

from __future__ import annotations

from podwalk.containers.files import FileError
from podwalk.containers.process import Process


def entries(process: Process, path: str) -> list[list[str]]:
    """Return the rows of a table such as ``/etc/passwd``; none if it is not there."""
    try:
        text = process.container.files.read(path).decode(errors="replace")
    except FileError:
        return []
    return [row for line in text.splitlines() if len(row := line.split(":")) > 2]


def user_name(process: Process, uid: int) -> str:
    """Return the name of a user, or the number if it has none."""
    return next((row[0] for row in entries(process, "/etc/passwd") if row[2] == str(uid)), str(uid))


def group_name(process: Process, gid: int) -> str:
    """Return the name of a group, or the number if it has none."""
    return next((row[0] for row in entries(process, "/etc/group") if row[2] == str(gid)), str(gid))


def user_id(process: Process, name: str) -> int | None:
    """Return the number of a user by name or number; None if there is none."""
    known = next((int(row[2]) for row in entries(process, "/etc/passwd") if row[0] == name), None)
    return known if known is not None else int(name) if name.isdigit() else None


def group_id(process: Process, name: str) -> int | None:
    """Return the number of a group by name or number; None if there is none."""
    known = next((int(row[2]) for row in entries(process, "/etc/group") if row[0] == name), None)
    return known if known is not None else int(name) if name.isdigit() else None
