"""Keep the outputs of pages for one state of the code: what another state printed is not shown as this one's.

jupyter-cache knows a page by its cells alone, and Sphinx by its file; the packages that the cells call may change.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

PACKAGES = ("podwalk", "grader")
CACHE = ".jupyter_cache"


def state(root: Path) -> str:
    """Return a short digest of everything that the cells of a page may call, and of the cluster they run on."""
    digest = hashlib.sha256(os.environ.get("PODWALK_BACKEND", "").encode())
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def choose(app: Sphinx, config: Config) -> None:
    """Give myst-nb a cache for this state, drop those of others, and have every page read anew when it changed."""
    mine = Path(app.outdir).parent / CACHE / state(Path(app.srcdir))
    for other in mine.parent.glob("*"):
        if other != mine:
            shutil.rmtree(other) if other.is_dir() else other.unlink()
    # A part of the configuration that every page depends on.
    config.nb_execution_cache_path = str(mine)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the choice."""
    app.connect("config-inited", choose)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
