"""``podwalk addon``: what can be added to an embedded cluster."""

from __future__ import annotations

import click

from podwalk.cli.clusters import name_option


@click.group("addon")
def addon_command() -> None:
    """Add what a new cluster does not have."""


@addon_command.command("ingress")
@name_option
@click.option("--controller", default="nginx", show_default=True, help="Which Ingress controller.")
@click.option("--default", is_flag=True, help="Make its class the default for Ingresses that name none.")
def ingress_command(name: str, controller: str, default: bool) -> None:
    """Install an Ingress controller, and wait until it answers.

    It answers on ports 80 and 443 of the control-plane node, and through its Service.
    """
    from podwalk.facade import connect
    from podwalk.facade.addons import add

    cluster = connect(f"embedded:{name}", quiet=True)
    click.echo(str(add(cluster, "ingress", controller=controller, default=default)))


@addon_command.command("gateway")
@name_option
def gateway_command(name: str) -> None:
    """Install Gateway API: its definitions, a controller and the GatewayClass traefik, and wait until it answers.

    It answers through its Service only, so that it can stand beside an Ingress controller.
    """
    from podwalk.facade import connect
    from podwalk.facade.addons import add

    cluster = connect(f"embedded:{name}", quiet=True)
    click.echo(str(add(cluster, "gateway")))


@addon_command.command("metrics-server")
@name_option
def metrics_server_command(name: str) -> None:
    """Install metrics-server, for `kubectl top` and for autoscalers."""
    from podwalk.facade import connect
    from podwalk.facade.addons import add

    click.echo(str(add(connect(f"embedded:{name}", quiet=True), "metrics-server")))


@addon_command.command("load-balancer")
@name_option
def load_balancer_command(name: str) -> None:
    """Let Services of type LoadBalancer have addresses, as cloud-provider-kind gives them."""
    from podwalk.facade import connect
    from podwalk.facade.addons import add

    click.echo(str(add(connect(f"embedded:{name}", quiet=True), "load-balancer")))


@addon_command.command("cluster-network-policy")
@name_option
def cluster_policy_command(name: str) -> None:
    """Install the definition of ClusterNetworkPolicy; the embedded cluster evaluates it when it imitates Calico."""
    from podwalk.facade import connect
    from podwalk.facade.addons import add

    click.echo(str(add(connect(f"embedded:{name}", quiet=True), "cluster-network-policy")))
