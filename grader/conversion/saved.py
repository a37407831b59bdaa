"""What a learner kept with ``podwalk save``: found beside the notebook, and put back by two cells of the notebook.

The cells run in the student's kernel, with the student's rights, like any other of the submission: whoever writes
something else into the file gains what a cell of the notebook could do anyway.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from nbformat.notebooknode import NotebookNode
from nbgrader import utils

from grader import notebooks
from grader.scope import Scope
from podwalk.facade.saving import MAX_BYTES, SUFFIX, digest_of
from podwalk.labs.assignment import digest

AFTER_SETUP = "# What podwalk save kept: the assignment's objects as you left them, before your cells run.\n"
AFTER_ANSWERS = "# And once more after your cells, which have not changed since.\n"


@dataclass(frozen=True)
class Saved:
    """A learner's saved file.

    Attributes:
        name: its name, beside the notebook; empty if there is none.
        text: what is in it.
        problem: why it is not put back; empty if it is.
    """

    name: str = ""
    text: str = ""
    problem: str = ""


NONE = Saved()


def read(folder: Path, notebook: str) -> Saved:
    """Read the file that was submitted together with a notebook.

    A link is not followed: it could name another student's work, or the tests.
    """
    name = notebook + SUFFIX
    try:
        text = read_own(folder / name, MAX_BYTES)
    except FileNotFoundError:
        return NONE
    except (OSError, UnicodeDecodeError) as error:
        return Saved(name, "", f"{name} was not put back: {error.strerror if isinstance(error, OSError) else error}")
    return Saved(name, text)


def read_own(path: Path, max_bytes: int) -> str:
    """Read a student's file, if it is one and no link, and not larger than that.

    Raises:
        OSError: when it is not there, or is something else.
        UnicodeDecodeError: when it is not text.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "it is not a file")
        if about.st_size > max_bytes:
            raise OSError(errno.EFBIG, f"it is larger than {max_bytes} bytes")
        return file.read(max_bytes + 1).decode()


def insert(cells: list[NotebookNode], saved: Saved, scope: Scope) -> list[NotebookNode]:
    """Return a restored submission's cells, and those that put back what was saved."""
    if not saved.name:
        return cells
    if saved.problem:
        return [*cells, notebooks.cell("markdown", saved.problem)]
    about = {"namespaces": scope.namespaces, "cluster": scope.cluster, "allowed": scope.allowed}
    words = "".join(f", {name}={list(value)!r}" for name, value in about.items() if value)
    call = f"import podwalk\npodwalk.restore({saved.name!r}{words}"
    place = _after_setup(cells)
    made = [*cells[:place], notebooks.cell("code", f"{AFTER_SETUP}{call})"), *cells[place:]]
    if digest_of(saved.text) == digest(notebooks.node({"cells": cells})):
        made.append(notebooks.cell("code", f"{AFTER_ANSWERS}{call}, last=True)"))
    return made


def _after_setup(cells: list[NotebookNode]) -> int:
    """Return the place after the assignment's own first cells: what they make, the learner may have changed."""
    place = 0
    for number, cell in enumerate(cells, 1):
        if cell.cell_type == "code" and utils.is_locked(cell) and not utils.is_grade(cell):
            place = number
        elif cell.cell_type == "code" and place:
            break
    return place
