"""``podwalk save``: what a learner made in the cluster, kept in the submission."""

from __future__ import annotations

from pathlib import Path

import click

from podwalk.cli.chosen import cluster_options


@click.command("save")
@click.argument("notebook", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Save nothing; say what is not saved. Exit code 3 if there is something.")
@cluster_options
def save_command(notebook: Path | None, check: bool, backend: str | None) -> None:
    """Keep what you made in the cluster in the submission of NOTEBOOK, by default the assignment in this folder.

    Grading runs your notebook anew, in a fresh cluster. What you did by kubectl is in no cell: this writes it, as
    manifests, to NOTEBOOK.cluster.yaml beside the notebook. nbgrader submits that file, and grading applies it.
    """
    from podwalk.facade import connect
    from podwalk.labs import assignment

    place = notebook or assignment.find()
    cluster = connect(backend, quiet=True)
    if check:
        found = assignment.unsaved(cluster, place)
        click.echo("\n".join(found) if found else "Everything is saved.")
        raise click.exceptions.Exit(3 if found else 0)
    saved = assignment.save(cluster, place)
    click.echo(f"{assignment.count(saved)} objects saved in {saved}. Submit it together with the notebook.")
