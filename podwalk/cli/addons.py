"""``podwalk addon``: what can be added to a cluster, and removed again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from podwalk.cli.clusters import kind_option, name_option

if TYPE_CHECKING:
    from podwalk.facade import Cluster

manifest_option = click.option(
    "--manifest", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --kind: its project's manifest, from a file instead of the network.",
)  # fmt: skip


@click.group("addon")
def addon_command() -> None:
    """Add what a new cluster does not have; with --kind, to the course's kind cluster."""


@addon_command.command("ingress")
@name_option
@kind_option
@click.option("--controller", default="nginx", show_default=True, help="Which Ingress controller.")
@click.option("--default", is_flag=True, help="Make its class the default for Ingresses that name none.")
def ingress_command(name: str, kind: bool, controller: str, default: bool) -> None:
    """Install an Ingress controller, and wait until it answers.

    It answers on ports 80 and 443 of the control-plane node, and through its Service. On kind, Traefik reads the
    class nginx and its annotations, since ingress-nginx is retired.
    """
    _add(name, kind, "ingress", controller=controller, default=default)


@addon_command.command("gateway")
@name_option
@kind_option
@manifest_option
def gateway_command(name: str, kind: bool, manifest: Path | None) -> None:
    """Install Gateway API: its definitions, a controller and the GatewayClass traefik, and wait until it answers.

    It answers through its Service only, so that it can stand beside an Ingress controller.
    """
    _add(name, kind, "gateway", manifest=manifest)


@addon_command.command("metrics-server")
@name_option
@kind_option
@manifest_option
def metrics_command(name: str, kind: bool, manifest: Path | None) -> None:
    """Install metrics-server, for `kubectl top` and HorizontalPodAutoscalers."""
    _add(name, kind, "metrics-server", manifest=manifest)


@addon_command.command("load-balancer")
@name_option
@kind_option
@manifest_option
def loadbalancer_command(name: str, kind: bool, manifest: Path | None) -> None:
    """Install MetalLB, which gives LoadBalancer Services addresses of Docker's network.

    Where somebody gives out addresses already, cloud-provider-kind for instance, nothing is installed. On macOS and
    Windows MetalLB's addresses are reached from inside the cluster only.
    """
    _add(name, kind, "load-balancer", manifest=manifest)


@addon_command.command("cluster-network-policy")
@name_option
@kind_option
def cluster_policy_command(name: str, kind: bool) -> None:
    """Install the definition of ClusterNetworkPolicy; the embedded cluster evaluates it when it imitates Calico."""
    _add(name, kind, "cluster-network-policy")


@addon_command.command("remove")
@click.argument("addon")
@name_option
@click.option(
    "--kind", is_flag=True, expose_value=False, help="May be left out: only the kind cluster has something to remove."
)
def remove_command(addon: str, name: str) -> None:
    """Remove what ADDON added to the kind cluster; what was there before stays."""
    from podwalk.facade.addons import remove

    click.echo(str(remove(_cluster(name, True), addon)))


def _add(name: str, kind: bool, addon: str, **options: Any) -> None:
    from podwalk.facade.addons import ADDONS, add

    if not kind and options.pop("manifest", None):
        raise click.UsageError("--manifest is for --kind: the embedded cluster needs nothing from elsewhere")
    changes = add(_cluster(name, kind), addon, **options)
    click.echo(str(changes) if len(changes) else f"The cluster has it already: {ADDONS[addon].title}.")


def _cluster(name: str, kind: bool) -> Cluster:
    from podwalk.facade import connect

    return connect(f"{'kind' if kind else 'embedded'}:{name}", quiet=True)
