"""``podwalk review``: what could be better in a namespace."""

from __future__ import annotations

import json

import click

from podwalk.cli.chosen import cluster_options


@click.command("review")
@click.argument("namespace", default="default")
@cluster_options
@click.option("--rule", "rules", multiple=True, help="Run this rule only; may be given several times.")
@click.option("--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def review_command(
    context: click.Context, namespace: str, backend: str | None, rules: tuple[str, ...], output: str
) -> None:
    """Review NAMESPACE: open doors, missing probes and TLS, rights too wide, policies without a reason.

    Exit code 0 if every rule holds, 1 if not.
    """
    from podwalk.facade import connect

    found = connect(backend, namespace=namespace, quiet=True).review(rules=rules)
    click.echo(json.dumps(found.data(), indent=2) if output == "json" else repr(found))
    context.exit(1 if found.findings else 0)
