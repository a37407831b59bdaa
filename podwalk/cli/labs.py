"""``podwalk lab``: the course's labs without a browser."""

from __future__ import annotations

from pathlib import Path

import click

from podwalk.cli.chosen import cluster_options


@click.group("lab")
def lab_command() -> None:
    """Run the labs' steps from the command line, as tests and the book's build do."""


@lab_command.command("run")
@click.argument("notebook", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@cluster_options
def run_command(notebook: Path, backend: str | None) -> None:
    """Run every step of NOTEBOOK and verify it, printing a line a step."""
    from podwalk.labs import run

    run(notebook, backend)
