"""``podwalk walk|matrix|map``: the explanations of a cluster's network in a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from podwalk.cli.chosen import cluster_options
from podwalk.errors import PodwalkError

Command = TypeVar("Command", bound=Callable[..., Any])
STOPPED = 3
"""The exit code of a walk that does not get through."""


def where_options(command: Command) -> Command:
    """Add the options that say which cluster and namespace, and in which form."""
    form = click.Choice(["text", "json", "svg"])
    for option in (
        click.option("-o", "--output", type=form, default="text", show_default=True, help="How to write it."),
        click.option("-n", "--namespace", default="default", show_default=True, help="The namespace."),
        cluster_options,
    ):
        command = option(command)
    return command


@click.command("walk")
@click.argument("source")
@click.argument("target")
@click.option("--host", default="", help="The Host header, where it is not the target's host.")
@click.option("--resolve", multiple=True, metavar="NAME=ADDRESS", help="Where a name outside the cluster leads.")
@click.option("--probe", is_flag=True, help="Make the connection too, and say whether it ends as predicted.")
@click.option("--steps", is_flag=True, help="Say what each component knew at each hop.")
@where_options
def walk_command(
    source: str,
    target: str,
    host: str,
    resolve: tuple[str, ...],
    probe: bool,
    steps: bool,
    backend: str | None,
    namespace: str,
    output: str,
) -> None:
    """Explain what becomes of a request from SOURCE to TARGET. Exit code 3 if it does not get through.

    \b
    podwalk walk frontend http://backend -n shop
    podwalk walk outside http://shop.example/cart
    podwalk walk node/podwalk-worker tcp://10.96.0.1:443
    """  # noqa: D301  # click's own mark for text that is not to be wrapped
    known = dict(_pair(word) for word in resolve)
    found = _cluster(backend, namespace).walk(source, target, host=host, resolve=known, probe=probe)
    if output == "text" and steps:
        click.echo(str(found.steps()))
    else:
        from podwalk.walks.picture import draw

        _write(found, output, draw)
    if not found.delivered:
        raise click.exceptions.Exit(STOPPED)


@click.command("matrix")
@click.argument("scopes", nargs=-1, metavar="[SCOPE]…")
@click.option("--port", type=int, default=None, help="Ask for this port at every Pod, not for those that it offers.")
@where_options
def matrix_command(scopes: tuple[str, ...], port: int | None, backend: str | None, namespace: str, output: str) -> None:
    """Show who may reach whom, on which port.

    A SCOPE is NAMESPACE, NAMESPACE/NAME or NAMESPACE/NAME:PORT; by default all Pods of the namespace.
    """
    from podwalk.walks.grid import picture

    _write(_cluster(backend, namespace).matrix(*scopes, port=port), output, picture)


@click.command("map")
@where_options
def map_command(backend: str | None, namespace: str, output: str) -> None:
    """Draw a namespace: the ways in, Services, endpoints and policies."""
    from podwalk.walks.atlas import draw

    _write(_cluster(backend, namespace).map(), output, draw)


def _cluster(backend: str | None, namespace: str) -> Any:
    from podwalk.facade import connect

    return connect(backend, namespace=namespace, quiet=True)


def _pair(word: str) -> tuple[str, str]:
    name, mark, address = word.partition("=")
    if not mark:
        raise PodwalkError(f"--resolve {word}: write NAME=ADDRESS, e.g. db.example.com=203.0.113.7")
    return name, address


def _write(found: Any, output: str, draw: Callable[[Any], str]) -> None:
    if output == "json":
        click.echo(json.dumps(found.data(), indent=2))
    else:
        click.echo(draw(found) if output == "svg" else str(found))
