"""``podwalk up|down|status|list|reset``: the embedded clusters of this user, and with ``--kind`` the real ones."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from podwalk.cli import doors
from podwalk.errors import PodwalkError
from podwalk.serve import control
from podwalk.serve.outside import OUTSIDE_PATH
from podwalk.serve.outside.address import SHARED
from podwalk.serve.place import (
    NO_LOOPBACK,
    Place,
    Server,
    find,
    make_kubeconfig,
    merge_kubeconfig,
    names,
    unmerge_kubeconfig,
    write_kubeconfig,
)
from podwalk.types import ClusterOptions

ENFORCING = ("calico", "cilium", "kindnet", "antrea", "canal", "weave")
SILENT = ("flannel",)

name_option = click.option(
    "--name", default="podwalk", show_default=True, help="Which cluster; each has its own state and address."
)

kind_option = click.option("--kind", is_flag=True, help="A real cluster instead: kind, in Docker containers.")


class PortRange(click.ParamType[tuple[int, int]]):
    """A NodePort range as kube-apiserver's ``--service-node-port-range`` takes it."""

    name = "LOW-HIGH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return the two ends."""
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"(\d+)-(\d+)", str(value))
        if not match or not 1 <= int(match[1]) <= int(match[2]) <= 65535:
            self.fail(f"{value!r} is not a range of ports such as 30000-32767", param, ctx)
        return int(match[1]), int(match[2])


@click.command("up")
@name_option
@kind_option
@click.option(
    "--image",
    default="",
    help="With --kind: the node image.  [default: PODWALK_KIND_IMAGE, or kind v0.33.0's by digest]",
)
@click.option(
    "--no-ports", is_flag=True, help="With --kind: leave this machine's ports 80, 443 and the labs' NodePorts alone."
)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the kubeconfig here as well (mode 0600).",
)
@click.option(
    "--merge", is_flag=True, help="Add the cluster to your own kubeconfig (KUBECONFIG or ~/.kube/config) and select it."
)
@click.option(
    "--cni",
    type=click.Choice([*ENFORCING, *SILENT]),
    help="The network plugin to imitate. flannel enforces no NetworkPolicy, as on a real cluster.  [default: calico]",
)
@click.option("--node-port-range", type=PortRange(), help="Ports for NodePort Services.  [default: 30000-32767]")
@click.option("--workers", type=click.IntRange(1, 200), help="Worker nodes, each for 110 Pods.  [default: 2]")
@click.option("--seed", type=int, help="Of every random choice, so that a run can be repeated.  [default: 0]")
@click.option(
    "--loopback",
    type=click.Choice(["own", "shared", "none"]),
    help="Where this machine reaches the applications: at loopback addresses of the cluster's own, at 127.0.0.1 with "
    "ports moved where they are taken (what macOS and Windows can do), or nowhere.  [default: own]",
)
@click.option("--clock", type=click.Choice(["wall", "jump"]), default="wall", hidden=True)
def up_command(
    name: str,
    kind: bool,
    image: str,
    no_ports: bool,
    kubeconfig: Path | None,
    merge: bool,
    cni: str | None,
    node_port_range: tuple[int, int] | None,
    workers: int | None,
    seed: int | None,
    loopback: str | None,
    clock: str,
) -> None:
    """Start the embedded cluster in the background, or find it running; with --kind, a real one.

    It listens on loopback only, over TLS, and lets in whoever holds the token in its kubeconfig. What you apply
    survives a crash of the machine's power or of the server: `podwalk up` goes on where it was.

    NodePorts, load balancers, hostPorts and the cluster's DNS listen on loopback too, for your browser, curl and dig:
    `podwalk status` shows where, `podwalk url service/NAME` says it of one. Other users of this machine can open what
    listens on its loopback, as on any machine; the API asks them for the token, your applications ask what you make
    them ask.
    """
    place = find(name)
    if kind:
        _refuse({"--cni": cni, "--node-port-range": node_port_range, "--seed": seed, "--loopback": loopback}, "kind")
        from podwalk.cli import kinds

        merge_into = own_kubeconfig() if merge else None
        kinds.up(
            name, image=image, workers=workers or 2, ports=not no_ports, kubeconfig=kubeconfig, merge_into=merge_into
        )
        return
    _refuse({"--image": image, "--no-ports": no_ports}, "embedded")
    if loopback:
        _choose_loopback(place, loopback)
    asked = {"cni": cni, "node_port_range": node_port_range, "workers": workers, "seed": seed}
    given = {key: value for key, value in asked.items() if value is not None}
    options = ClusterOptions(name=name, **given) if given else None  # type: ignore[arg-type]  # each has its option's type
    with Console(stderr=True).status(f"Starting cluster {name} …"):
        server, started = control.start(place, options, clock=clock)
    config = make_kubeconfig(place, server)
    if kubeconfig:
        write_kubeconfig(kubeconfig, config)
    if merge:
        merge_kubeconfig(own_kubeconfig(), config)
    click.echo(f"Cluster {name} {'is up' if started else 'was up already'}: {server.url} (CNI {server.options.cni})")
    if merge:
        click.echo(f'{own_kubeconfig()} now has the context "{place.context}", and it is selected.')
    else:
        click.echo(f"\n  export KUBECONFIG={kubeconfig or place.kubeconfig}\n  kubectl get nodes\n")


@click.command("down")
@name_option
@kind_option
@click.option("--all", "everything", is_flag=True, help="Every cluster of its sort that `podwalk list` shows.")
@click.option("--keep", is_flag=True, help="Only stop it: `podwalk up` goes on where it was.")
def down_command(name: str, kind: bool, everything: bool, keep: bool) -> None:
    """Stop a cluster and delete it, with everything in it; of kind's, only one that the course made."""
    if kind:
        from podwalk.backends.kind import made
        from podwalk.cli import kinds

        _refuse({"--keep": keep}, "kind")
        for each in made() if everything else [name]:
            kinds.down(each, own_kubeconfig())
        return
    for each in names() if everything else [name]:
        place = find(each)
        existed = control.stop(place, keep=keep)
        if not keep and unmerge_kubeconfig(own_kubeconfig(), place.context):
            click.echo(f'{own_kubeconfig()} no longer has the context "{place.context}".')
        click.echo(f"Cluster {each} {'stopped' if keep else 'deleted'}." if existed else f"There is no cluster {each}.")


@click.command("status")
@name_option
@kind_option
@click.option("--kubeconfig", is_flag=True, help="Print only the path of the kubeconfig.")
def status_command(name: str, kind: bool, kubeconfig: bool) -> None:
    """Say whether a cluster is up, where, and what is in it. Exit code 3 if it is down."""
    if kind:
        from podwalk.cli import kinds

        kinds.status(name, only_kubeconfig=kubeconfig)
        return
    place = find(name)
    if kubeconfig:
        click.echo(place.kubeconfig)
        return
    server = control.alive(place)
    if server is None:
        known = (
            "is down; `podwalk up` goes on where it was"
            if place.folder.exists()
            else "does not exist; `podwalk up` makes it"
        )
        click.echo(f"Cluster {name} {known}.")
        raise click.exceptions.Exit(3)
    click.echo(f"Cluster {name} is up: {server.url}, process {server.pid}, since {server.started}")
    click.echo(f"  options     {control.describe(server.options)}")
    click.echo(f"  kubeconfig  {place.kubeconfig}")
    click.echo(f"  log         {place.log}")
    click.echo(f"  objects     {_count(place, server)}")
    if table := control.call_api(place, server, OUTSIDE_PATH):
        click.echo(doors.render(table))


@click.command("list")
def list_command() -> None:
    """List the clusters of this user: the embedded ones, and the kind clusters that the course made."""
    from podwalk.cli import kinds

    found, real = names(), kinds.rows()
    if not found and not real:
        click.echo("There is no cluster yet; `podwalk up` makes one.")
    for name in found:
        click.echo(_row(name))
    for row in real:
        click.echo(row)


def _row(name: str) -> str:
    try:
        server = control.alive(find(name))
    except PodwalkError as error:
        # The others are listed all the same.
        return f"{name:<24} {'late':<6} {error}"
    return f"{name:<24} {'up' if server else 'down':<6} {server.url if server else ''}".rstrip()


@click.command("reset")
@name_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def reset_command(name: str, yes: bool) -> None:
    """Put a cluster back to its first state: everything you applied is gone, its options and address stay."""
    place = find(name)
    server = control.alive(place) or place.read_server()
    if not place.folder.exists():
        raise PodwalkError(f"there is no cluster {name}; `podwalk up --name {name}` makes one")
    if not yes:
        click.confirm(f"Delete everything in cluster {name}?", abort=True)
    control.reset(place, server)
    click.echo(f"Cluster {name} is as new.")


def _choose_loopback(place: Place, choice: str) -> None:
    """Record where the applications are to listen, before the server starts.

    Raises:
        PodwalkError: when it is up with another choice.
    """
    recorded = place.read_loopback()
    wanted = {"shared": SHARED, "none": NO_LOOPBACK, "own": "" if recorded in (SHARED, NO_LOOPBACK) else recorded}
    if wanted[choice] == recorded and (recorded or choice == "own"):
        return
    if control.alive(place) is not None:
        raise PodwalkError(
            f"cluster {place.name} is up with other addresses ({recorded}); "
            f"`podwalk down --keep --name {place.name}` first: `podwalk up` then goes on with --loopback {choice}"
        )
    place.write_loopback(wanted[choice])


def _refuse(options: Mapping[str, object], sort: str) -> None:
    """Refuse options that the other sort of cluster has."""
    given = [option for option, value in options.items() if value not in (None, "", False)]
    if given:
        raise click.UsageError(f"{', '.join(given)}: not for a cluster of the sort {sort}")


def own_kubeconfig() -> Path:
    """Return the user's own kubeconfig: the first of ``KUBECONFIG``, or ``~/.kube/config``."""
    listed = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return Path(listed[0]) if listed else Path.home() / ".kube" / "config"


def _count(place: Place, server: Server) -> str:
    count: Callable[[str], int] = lambda path: len(control.call_api(place, server, path)["items"])  # noqa: E731
    kinds = {"namespaces": "/api/v1/namespaces", "Pods": "/api/v1/pods", "Services": "/api/v1/services"}
    return ", ".join(f"{count(path)} {kind}" for kind, path in kinds.items())
