"""What ``podwalk up|down|status|list`` do with ``--kind``: a real cluster in Docker containers."""

from __future__ import annotations

from pathlib import Path

import click
import yaml

from podwalk.backends import kind
from podwalk.backends.kind import KindBackend
from podwalk.serve.place import merge_kubeconfig, unmerge_kubeconfig, write_kubeconfig


def up(name: str, *, image: str, workers: int, ports: bool, kubeconfig: Path | None, merge_into: Path | None) -> None:
    """Make a kind cluster and say how to reach it."""
    backend = KindBackend(name)
    made = backend.up(image=image, workers=workers, ports=ports)
    backend.connect()
    config = yaml.safe_load(backend.own_kubeconfig.read_text())
    if kubeconfig:
        write_kubeconfig(kubeconfig, config)
    if merge_into:
        merge_kubeconfig(merge_into, config)
    click.echo(f"{backend.describe()} {'is up' if made else 'was up already'}.".replace("kind cluster", "Kind cluster"))
    if merge_into:
        click.echo(f'{merge_into} now has the context "{backend.context}", and it is selected.')
    else:
        click.echo(f"\n  export KUBECONFIG={kubeconfig or backend.own_kubeconfig}\n  kubectl get nodes\n")
    if made and ports:
        nodeports = ", ".join(map(str, kind.NODE_PORTS))
        click.echo("http://localhost and https://localhost lead to the Ingress controller that `podwalk addon ingress")
        click.echo(f"--kind` installs, and the NodePorts {nodeports} to their Services.")
    click.echo("`podwalk pull` fetches the labs' images. Notebooks use this cluster from now on (if its name is one of")
    click.echo("your own, with PODWALK_BACKEND=kind:NAME); `podwalk down --kind` deletes it.")


def down(name: str, own: Path) -> None:
    """Delete a kind cluster of the course's."""
    backend = KindBackend(name)
    existed = backend.down()
    if existed and unmerge_kubeconfig(own, backend.context):
        click.echo(f'{own} no longer has the context "{backend.context}".')
    click.echo(f"Kind cluster {name} deleted." if existed else f"There is no kind cluster {name}.")


def status(name: str, *, only_kubeconfig: bool) -> None:
    """Say whether a kind cluster is up, where, and what is in it. Exit code 3 if it is down."""
    backend = KindBackend(name)
    if only_kubeconfig:
        click.echo(backend.own_kubeconfig)
        return
    if not backend.is_ours() or not backend.is_up():
        known = "does not answer; `podwalk up --kind` makes it anew" if backend.is_ours() else (
            "does not exist; `podwalk up --kind` makes it")  # fmt: skip
        click.echo(f"Kind cluster {name} {known}.")
        raise click.exceptions.Exit(3)
    from podwalk.facade import Cluster

    cluster = Cluster(backend.connect(), backend=backend.name)
    click.echo(f"Kind cluster {name} is up: {cluster.api.configuration.host}")
    click.echo(f"  version     {backend.describe().rpartition(' ')[2]}, nodes {', '.join(cluster.get('nodes').names)}")
    click.echo(f"  kubeconfig  {backend.own_kubeconfig}")
    kinds = {"namespaces": "namespaces", "pods": "Pods", "services": "Services"}
    counts = (f"{len(cluster.get(word, all_namespaces=True).objects)} {title}" for word, title in kinds.items())
    click.echo(f"  objects     {', '.join(counts)}")


def rows() -> list[str]:
    """Return a line for each kind cluster that the course made."""
    return [
        f"{name:<24} {'up' if KindBackend(name).is_up() else 'down':<6} kind, {KindBackend(name).own_kubeconfig}"
        for name in kind.made()
    ]
