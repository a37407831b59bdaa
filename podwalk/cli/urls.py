"""``podwalk url``: where this machine reaches an application, of whichever cluster is chosen."""

from __future__ import annotations

import click

from podwalk.cli.chosen import cluster_options


@click.command("url")
@click.argument("what")
@click.option("--name", default="", help="An embedded cluster, by its name.")
@click.option("-n", "--namespace", default="default", show_default=True, help="The namespace.")
@click.option(
    "--port", default="", help="Which port, or listener of a Gateway, by name or number; by default the first."
)
@cluster_options
def url_command(what: str, name: str, namespace: str, port: str, backend: str | None) -> None:
    """Print the URL at which this machine reaches a Service, an Ingress, a Gateway or a Pod with a hostPort.

    \b
    curl $(podwalk url service/web)
    podwalk url ingress/shop -n shop
    podwalk url httproute/shop -n shop
    """  # noqa: D301  # click's own mark for text that is not to be wrapped
    from podwalk.facade import connect

    chosen = backend or (f"embedded:{name}" if name else None)
    url = connect(chosen, quiet=True).url(what, namespace=namespace, port=port)
    click.echo(url)
    for line in repr(url).splitlines()[1:]:
        click.echo(line, err=True)
