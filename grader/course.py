"""A course's folder as nbgrader has it: source, release, submitted, autograded, feedback, and the gradebook."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from grader import scope
from grader.conversion.configuration import configure
from grader.scope import Scope
from podwalk.errors import PodwalkError


class CourseError(PodwalkError):
    """nbgrader could not do a step; its log says why."""


class Course:
    """A course's folder.

    Attributes:
        folder: its root.
        api: nbgrader's own API on it.
    """

    def __init__(self, folder: Path, config: Config | None = None) -> None:
        """Open a course; nothing is made yet."""
        self.folder = folder.resolve()
        _put_own_programs_on_path()
        config = _configured(self.folder) if config is None else configure(config)
        config.CourseDirectory.root = str(self.folder)
        config.CourseDirectory.setdefault("db_url", f"sqlite:///{self.folder / 'gradebook.db'}")
        self.api = NbGraderAPI(CourseDirectory(config=config), config=config)

    def add(self, source: Path) -> str:
        """Copy an assignment's source folder into the course and return its name."""
        shutil.copytree(source, self.folder / "source" / source.name, dirs_exist_ok=True)
        return source.name

    def scope(self, assignment: str) -> Scope:
        """Return what an assignment says that it is about."""
        return scope.read(self.folder / "source" / assignment / f"{assignment}.ipynb")

    def release(self, assignment: str) -> Path:
        """Make the student's version and return its notebook.

        Raises:
            CourseError: when nbgrader cannot.
        """
        self._do(lambda: self.api.generate_assignment(assignment))
        return self.folder / "release" / assignment / f"{assignment}.ipynb"

    def submit(self, student: str, assignment: str, notebook: str) -> None:
        """Place a notebook's text as a student's submission."""
        place = self.folder / "submitted" / student / assignment / f"{assignment}.ipynb"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(notebook, encoding="utf-8")

    def autograde(self, assignment: str, student: str) -> None:
        """Autograde one submission the way nbgrader does.

        Raises:
            CourseError: when it could not be graded.
        """
        self._do(lambda: self.api.autograde(assignment, student))

    def feedback(self, assignment: str) -> None:
        """Make the HTML feedback of everybody who was graded.

        Raises:
            CourseError: when nbgrader cannot.
        """
        self._do(lambda: self.api.generate_feedback(assignment))

    def graded(self, assignment: str, student: str) -> Path:
        """Return the graded notebook of a student."""
        return self.folder / "autograded" / student / assignment / f"{assignment}.ipynb"

    def _do(self, step: Callable[[], dict[str, object]]) -> None:
        with warnings.catch_warnings():
            # SQLAlchemy's, about how nbgrader uses it.
            warnings.simplefilter("ignore")
            outcome = step()
        if not outcome["success"]:
            raise CourseError(str(outcome.get("log") or outcome.get("error") or "nbgrader failed").strip())


def _configured(folder: Path) -> Config:
    """Return what grading needs, with what the course's ``nbgrader_config.py`` says beside it.

    Raises:
        CourseError: when that file is broken.
    """
    made = configure(Config())
    file = folder / "nbgrader_config.py"
    if file.exists():
        try:
            made.merge(PyFileConfigLoader(file.name, str(folder)).load_config())
        except Exception as error:
            raise CourseError(f"{file} cannot be read: {type(error).__name__}: {error}") from error
    return made


def _put_own_programs_on_path() -> None:
    """Let nbgrader find ``alembic``, which it calls by name, also where the environment is not activated."""
    own, path = str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)
    if own not in path.split(os.pathsep):
        os.environ["PATH"] = own + os.pathsep + path
