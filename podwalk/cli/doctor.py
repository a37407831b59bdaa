"""``podwalk doctor``: what stands in the way of a real cluster, and what to do about it."""

from __future__ import annotations

import os

import click


@click.command("doctor")
@click.option("--context", default="", help="The context to try.  [default: the current one]")
@click.option("--namespace", default="default", show_default=True, help="Where labs are to run on it.")
@click.option("--yes-really", is_flag=True, help="Look at a context although it looks like production.")
def doctor_command(context: str, namespace: str, yes_really: bool) -> None:
    """Look at what a real cluster needs: Docker, kind, kubectl, ports, proxies, the kubeconfig, your rights.

    The embedded cluster needs none of it. Exit code 1 if something is wrong.
    """
    from podwalk.backends import doctor, production

    if yes_really:
        os.environ[production.VARIABLE] = production.ANY
    wrong = 0
    for finding in doctor.examine(context, namespace):
        wrong += not finding.good
        click.echo(f"{'ok   ' if finding.good else 'WRONG'} {finding.subject:<11} {finding.said}")
        if finding.remedy:
            click.echo(f"      {'':<11} → {finding.remedy}")
    if wrong:
        click.echo(
            f"\n{wrong} {'thing is' if wrong == 1 else 'things are'} wrong; the embedded cluster needs none of it."
        )
        raise click.exceptions.Exit(1)
