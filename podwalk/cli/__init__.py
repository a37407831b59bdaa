"""The command ``podwalk``. Each group of commands is a module; an error of ours is one line, and exit code 1."""

from __future__ import annotations

import importlib
import sys

import click

from podwalk.errors import PodwalkError

COMMANDS = {
    "up": "podwalk.cli.clusters",
    "down": "podwalk.cli.clusters",
    "status": "podwalk.cli.clusters",
    "list": "podwalk.cli.clusters",
    "reset": "podwalk.cli.clusters",
    "url": "podwalk.cli.urls",
    "pull": "podwalk.cli.pull",
    "doctor": "podwalk.cli.doctor",
    "lab": "podwalk.cli.labs",
    "save": "podwalk.cli.saving",
    "addon": "podwalk.cli.addons",
    "review": "podwalk.cli.reviews",
    "walk": "podwalk.cli.walks",
    "matrix": "podwalk.cli.walks",
    "map": "podwalk.cli.walks",
}
"""Each command's module, imported when the command is asked for: ``podwalk up`` must not wait for Jupyter to load."""


class LazyGroup(click.Group):
    """A group whose commands are loaded one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name]), f"{cmd_name}_command")
        assert isinstance(command, click.Command), f"{COMMANDS[cmd_name]} defines {cmd_name}_command"
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="podwalk")
def podwalk() -> None:
    """Kubernetes networking, live: a cluster to learn on, and the course's labs.

    \b
    podwalk up                              start the embedded cluster
    export KUBECONFIG=$(podwalk status --kubeconfig)
    kubectl get nodes                       it is a Kubernetes cluster like any other
    podwalk down                            stop and delete it
    """  # noqa: D301  # click's own mark for text that is not to be wrapped


def main() -> None:
    """Run the command line."""
    try:
        podwalk()
    except PodwalkError as error:
        click.echo(f"podwalk: {error}", err=True)
        sys.exit(1)
