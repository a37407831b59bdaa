"""``podwalk lab``: the course's labs without a browser."""

from __future__ import annotations

import os
from pathlib import Path

import click

from podwalk.backends import production


@click.group("lab")
def lab_command() -> None:
    """Run the labs' steps from the command line, as tests and the book's build do."""


@lab_command.command("run")
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--backend",
    default=None,
    help="embedded, in-process, kind or context:NAME; by default as `podwalk.cluster()` chooses.",
)
@click.option("--yes-really", is_flag=True, help="Use a context although it looks like production.")
def run_command(notebook: Path, backend: str | None, yes_really: bool) -> None:
    """Run every step of NOTEBOOK and verify it, printing a line a step."""
    from podwalk.labs import run

    if yes_really:
        os.environ[production.VARIABLE] = production.ANY

    run(notebook, backend)
