"""``podwalk pull``: the images of the labs and the add-ons, once, for a kind cluster."""

from __future__ import annotations

from pathlib import Path

import click

import podwalk
from podwalk.cli.clusters import name_option


@click.command("pull")
@click.argument("notebooks", nargs=-1, type=click.Path(exists=True, path_type=Path))
@name_option
@click.option("--save", type=click.Path(dir_okay=False, path_type=Path), help="Write the images into an archive too.")
@click.option(
    "--from", "archive", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Load such an archive."
)
def pull_command(notebooks: tuple[Path, ...], name: str, save: Path | None, archive: Path | None) -> None:
    """Fetch the images that NOTEBOOKS name, and the add-ons', and load them into every node of the kind cluster.

    By default the course's labs and assignments. What a node has already is left alone, so it needs a network only
    once. Exit code 1 if an image could not be had.
    """
    from podwalk.backends import images
    from podwalk.facade import addons
    from podwalk.facade.probes.caller import IMAGE

    if archive:
        images.load(name, archive)
        click.echo(f"Loaded {archive} into every node of {name}.")
    wanted = sorted({*images.named(_notebooks(notebooks)), *addons.images(), IMAGE})
    missing = []
    for found in images.fetch(name, wanted):
        click.echo(f"  {found.how:<8} {found.image}{f'  ({found.why})' if found.why else ''}")
        missing += [found.image] if found.how == "missing" else []
    if missing:
        click.echo(
            f"{len(missing)} of {len(wanted)} images could not be had: steps that need them will show ErrImagePull. Is "
            "there a network? An archive of another machine helps: `podwalk pull --save images.tar` there, "
            "`podwalk pull --from images.tar` here.",
            err=True,
        )
        raise click.exceptions.Exit(1)
    if save:
        images.save(wanted, save)
        click.echo(f"Saved {len(wanted)} images in {save}.")
    click.echo(f"All {len(wanted)} images are on every node of {name}.")


def _notebooks(given: tuple[Path, ...]) -> list[Path]:
    """Return the notebooks of files and folders; by default of the course."""
    course = Path(podwalk.__file__).resolve().parents[1] / "notebooks"
    roots = given or (Path("notebooks") if Path("notebooks").is_dir() else course,)
    return sorted({path for root in roots for path in (root.rglob("*.ipynb") if root.is_dir() else [root])})
