"""IPython's conveniences: ``%%lab`` and ``%%step``, ``%%apply``, ``%kubectl``, ``%%diagram``, ``%cleanup``.

:func:`register` is called by ``podwalk.cluster()``.
"""

from __future__ import annotations

import dataclasses
import os
import shlex
import shutil
import subprocess
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from podwalk.facade import Cluster
from podwalk.facade.application import Changes
from podwalk.facade.cluster import Text
from podwalk.facade.errors import LearnerError
from podwalk.facade.kubectl import UsageError, run
from podwalk.labs import html, notebook, show, source
from podwalk.labs.output import emit, emit_html, emit_markdown
from podwalk.labs.perform import perform
from podwalk.labs.progress import FOLDER_VARIABLE, Progress, load, locate
from podwalk.labs.session import Session

STILL_NEEDED = """\
Nothing was deleted yet, for exercises of this page still need what is here:

{}
To delete it all the same, run this cell once more.
"""


@magics_class
class PodwalkMagics(Magics):
    """The magics of one notebook, bound to its cluster."""

    def __init__(self, shell: InteractiveShell, cluster: Cluster) -> None:
        super().__init__(shell)
        self.cluster = cluster
        self.user_namespace: dict[str, object] = shell.user_ns
        self.session: Session | None = None
        self.controls: Any = None
        self.warned = False

    @cell_magic
    def lab(self, line: str, cell: str) -> None:
        """Begin a lab."""
        head = source.parse_lab(line, cell)
        interactive = notebook.interactive(self.user_namespace)
        whole = notebook.find(head.name, self.user_namespace) if interactive else None
        lab = dataclasses.replace(head, steps=whole.steps if whole else ())
        self.session = Session(
            self.cluster, lab, load(locate(lab.name)) if interactive or FOLDER_VARIABLE in os.environ else Progress()
        )
        if interactive:
            from podwalk.labs import assignment
            from podwalk.labs.control import Controls

            self.session.keep = assignment.keeper(self.cluster)
            self.controls = Controls(self.session)
            emit(self.controls.head())
        else:
            self.controls = None
            emit_markdown(show.head(lab))

    @cell_magic
    def step(self, line: str, cell: str) -> None:
        """Show the control of a step, or perform it where nobody sits."""
        if self.session is None:
            raise source.LabError("there is no lab yet", hint="run the %%lab cell first")
        step = source.parse_step(line, cell)
        self.session.replace(step)
        if self.controls is not None:
            emit(self.controls.step(step))
        else:
            perform(self.session, step)

    @cell_magic
    def apply(self, line: str, cell: str) -> Any:
        """Apply the cell's manifest; the line may name a namespace."""
        return self.cluster.apply(cell, namespace=line.strip())

    @cell_magic
    def diagram(self, _: str, cell: str) -> None:
        """Show the cell's ``<svg>`` in the ink of the page or of JupyterLab.

        Its classes ``box``, ``soft``, ``hot``, ``wire``, ``stop`` and ``dim`` have the course's colours.
        """
        emit_html(html.diagram(cell))

    @line_magic
    def cleanup(self, line: str) -> Any:
        """Delete what a page has made: namespaces by their names, other objects as ``KIND/NAME``.

        Where somebody sits and steps of the page are not done, it says so instead, once: whoever runs all cells wants
        to do the exercises then.
        """
        session = self.session
        if session is not None and self.controls is not None and not self.warned:
            waiting = [step.title for step in session.lab.steps if not session.progress.step(step.name).done]
            if waiting:
                self.warned = True
                emit_markdown(STILL_NEEDED.format("".join(f"* {title}\n" for title in waiting)))
                return None
        targets = [word if "/" in word else f"namespace/{word}" for word in line.split()]
        return Changes(tuple(entry for target in targets for entry in self.cluster.delete(target)))

    @line_magic
    def kubectl(self, line: str) -> Any:
        """Run a kubectl command; the real kubectl does, if it is installed, what would look different here."""
        if line.split()[:1] in (["describe"], ["version"]) and _real_kubectl(self.cluster):
            return _by_real_kubectl(self.cluster, line)
        try:
            return run(self.cluster, line)
        except UsageError:
            if not _real_kubectl(self.cluster):
                raise
            return _by_real_kubectl(self.cluster, line)


def _real_kubectl(cluster: Cluster) -> list[str]:
    """Return the real kubectl with the options that lead it to the same cluster; nothing if there is none."""
    kubectl = shutil.which("kubectl")
    if kubectl is None or cluster.kubectl is None:
        return []
    return [kubectl, *cluster.kubectl, "--namespace", cluster.namespace]


def _by_real_kubectl(cluster: Cluster, line: str) -> Text:
    command = [*_real_kubectl(cluster), *shlex.split(line)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise LearnerError(f"kubectl: {done.stderr.strip()}")
    return Text(done.stdout)


def register(cluster: Cluster, *, aside: bool = False) -> None:
    """Give the notebook that runs us, if any, the magics of a cluster.

    Args:
        cluster: theirs from now on.
        aside: leave them to the cluster that has them, if one has: this one is a second, to compare with.
    """
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is not None and not (aside and "apply" in shell.magics_manager.magics["cell"]):
        shell.register_magics(PodwalkMagics(shell, cluster))
