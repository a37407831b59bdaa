"""The seeds of a class: made from one secret of the course, given out a student each, computed again at grading.

See :mod:`podwalk.facade.seeds` for the student's side.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from grader.finding import NotGradableError
from podwalk.errors import PodwalkError
from podwalk.facade.seeds import KEY_FILE, derive, digest

SECRET_FILE = "seed.secret"
"""In the course's folder, for the teacher's eyes only."""

LEAST_CHARACTERS = 16


class Spawner(Protocol):
    """What is asked of JupyterHub's spawner."""

    user: User


class User(Protocol):
    """What is asked of JupyterHub's user."""

    name: str


def key(secret: str, student: str) -> str:
    """Return a student's key: it tells nothing of the secret, nor of anybody else's key."""
    return digest(secret, "student", student).hex()


def seed(secret: str, student: str, assignment: str) -> int:
    """Return the seed of a student's variant of an assignment.

    Args:
        secret: the course's.
        student: the id that nbgrader knows the student by.
        assignment: its name.
    """
    return derive(key(secret, student), assignment)


def seed_of(folder: Path, student: str, assignment: str) -> int:
    """Return the seed of a submission in a course's folder.

    Raises:
        NotGradableError: when the course's secret cannot be had.
    """
    try:
        return seed(secret(folder), student, assignment)
    except PodwalkError as error:
        raise NotGradableError(str(error)) from error


def secret(folder: Path, *, make: bool = False) -> str:
    """Return the secret of a course.

    Args:
        folder: the course's.
        make: whether to make one where there is none.

    Raises:
        PodwalkError: when there is none, or it is too short to be one.
    """
    path = folder / SECRET_FILE
    if make and not path.exists():
        # Nobody else may read it, not even for a moment.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
    try:
        found = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise PodwalkError(
            f"{path} cannot be read ({error.strerror}): it holds the secret that each student's seed is made from; "
            "`python -m grader seeds` makes it"
        ) from error
    if len(found) < LEAST_CHARACTERS:
        raise PodwalkError(f"the secret in {path} is too short: give it {LEAST_CHARACTERS} characters or more")
    return found


def write(folder: Path, students: Iterable[str]) -> list[Path]:
    """Write the key of each student to ``seeds/STUDENT``, and return the files.

    Raises:
        PodwalkError: when an id cannot be a folder's name.
    """
    known, written = secret(folder, make=True), []
    for student in students:
        if student in {"", ".", ".."} or "/" in student or "\0" in student:
            raise PodwalkError(f"{student!r} cannot be a student's id: it must be the name of a folder")
        path = folder / "seeds" / student / KEY_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(key(known, student) + "\n", encoding="utf-8")
        written.append(path)
    return written


def spawner_key(folder: Path) -> Callable[[Spawner], str]:
    """Return what JupyterHub's ``Spawner.environment`` takes as the value of a variable: each user's own key.

    Raises:
        PodwalkError: when the course has no secret.
    """
    known = secret(folder)
    return lambda spawner: key(known, spawner.user.name)
