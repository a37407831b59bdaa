"""How far a learner has come, kept in a file beside the notebook, so that a restarted kernel goes on where it was.

A file was chosen over a ConfigMap in the cluster: it outlives a lost cluster, which can then be rebuilt from it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from podwalk.types import Object

FOLDER_VARIABLE = "PODWALK_PROGRESS"
"""The environment variable that names the folder of the progress files; by default ``.podwalk`` beside the notebook."""


@dataclass
class StepProgress:
    """What a learner did in one step.

    Attributes:
        manifest: the text that was applied; None before.
        draft: the text in the editor, where it is neither the step's own nor what was applied; None otherwise.
        choice: the number of the prediction chosen; None before.
        applied: whether the manifest was applied.
        done: whether every check passed.
        hints: how many hints were asked for.
        solved: whether the solution was shown.
        before: what the step changed, oldest first: the URL path, the object as it was (None: it did not exist), and
            the uid it then had.
    """

    manifest: str | None = None
    draft: str | None = None
    choice: int | None = None
    applied: bool = False
    done: bool = False
    hints: int = 0
    solved: bool = False
    before: list[tuple[str, Object | None, str]] = field(default_factory=list)


@dataclass
class Progress:
    """What a learner did in a lab; saved at every change.

    Attributes:
        path: the file; None keeps it in memory.
        cluster: the uid of the cluster it was done on.
        steps: by name.
    """

    path: Path | None = None
    cluster: str = ""
    steps: dict[str, StepProgress] = field(default_factory=dict)

    def step(self, name: str) -> StepProgress:
        """Return the progress of a step, empty if it was not begun."""
        return self.steps.setdefault(name, StepProgress())

    def _begun(self) -> list[tuple[str, StepProgress]]:
        return [(name, step) for name, step in self.steps.items() if step != StepProgress()]

    def save(self) -> None:
        """Write the file whole, or not at all."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "cluster": self.cluster,
            "steps": {name: dataclasses.asdict(step) for name, step in self._begun()},
        }
        with tempfile.NamedTemporaryFile("w", dir=self.path.parent, delete=False, encoding="utf-8") as file:
            json.dump(content, file, indent=1)
        Path(file.name).replace(self.path)


def load(path: Path) -> Progress:
    """Read a progress file; a missing or damaged one counts as no progress."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        steps = {
            name: StepProgress(**step | {"before": [tuple(entry) for entry in step.get("before", ())]})
            for name, step in content["steps"].items()
        }
        return Progress(path, content["cluster"], steps)
    except (OSError, ValueError, KeyError, TypeError):
        return Progress(path)


def locate(lab: str) -> Path:
    """Return where the progress of a lab is kept."""
    return Path(os.environ.get(FOLDER_VARIABLE) or ".podwalk").absolute() / f"{lab}.json"
