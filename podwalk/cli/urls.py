"""``podwalk url``: where this machine reaches an application."""

from __future__ import annotations

import click

from podwalk.cli.clusters import name_option


@click.command("url")
@click.argument("what")
@name_option
@click.option("-n", "--namespace", default="default", show_default=True, help="The namespace.")
@click.option("--port", default="", help="Which of a Service's ports, by name or number; by default the first.")
@click.option("--backend", default="", help="Another cluster than an embedded one, e.g. kind.")
def url_command(what: str, name: str, namespace: str, port: str, backend: str) -> None:
    """Print the URL at which this machine reaches a Service, an Ingress or a Pod with a hostPort.

    \b
    curl $(podwalk url service/web)
    podwalk url ingress/shop -n shop
    """  # noqa: D301  # click's own mark for text that is not to be wrapped
    from podwalk.facade import connect

    url = connect(backend or f"embedded:{name}", quiet=True).url(what, namespace=namespace, port=port)
    click.echo(url)
    for line in repr(url).splitlines()[1:]:
        click.echo(line, err=True)
