"""The notebook that runs us: whether somebody sits before it, and which file it is."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from podwalk.labs.lab import Lab
from podwalk.labs.source import LabError, read

MODE_VARIABLE = "PODWALK_LAB"
"""``headless`` performs steps, ``interactive`` shows their control; unset, it depends on the front end."""

KINDS = (".ipynb", ".md")
"""How the files end that are opened as notebooks: the chapters are MyST text, which jupytext opens."""


def interactive(user_namespace: dict[str, object]) -> bool:
    """Whether a learner sits before the notebook, in JupyterLab, VS Code or a browser: not nbclient, not a build."""
    mode = os.environ.get(MODE_VARIABLE)
    if mode:
        return mode != "headless"
    known = "__vsc_ipynb_file__" in user_namespace or bool(os.environ.get("JPY_SESSION_NAME"))
    return known or sys.platform == "emscripten"


def find(name: str, user_namespace: dict[str, object]) -> Lab | None:
    """Read the whole lab from the notebook file, to know the steps ahead; None if the file cannot be found."""
    named = [str(user_namespace.get("__vsc_ipynb_file__") or ""), os.environ.get("JPY_SESSION_NAME", "")]
    candidates = [Path(path) for path in named if path.endswith(KINDS)] + sorted(Path().glob("*.ipynb"))
    for path in candidates:
        with contextlib.suppress(LabError):
            lab = read(path)
            if lab.name == name:
                return lab
    return None
