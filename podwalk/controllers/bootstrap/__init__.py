"""The objects that a cluster begins with, as `kind create cluster` leaves them.

Making them is idempotent: what is there already stays as it is, so that a restored cluster keeps its changes.
"""

from __future__ import annotations

from podwalk.controllers.bootstrap import addons, controlplane, namespaces, nodes, policies, roles
from podwalk.controllers.bootstrap.ensure import Maker
from podwalk.simulation import Simulation
from podwalk.types import ClusterOptions, Objects

__all__ = ["bootstrap"]


def bootstrap(objects: Objects, simulation: Simulation, options: ClusterOptions) -> None:
    """Make the cluster's own objects, in the order in which kubeadm and kind make them.

    The workers join after CoreDNS is scheduled, so that it runs on the control plane as it does on kind.
    """
    maker = Maker(objects, simulation, options)
    namespaces.make(maker)
    policies.make(maker)
    roles.make(maker)
    nodes.make(maker, nodes.CONTROL_PLANE)
    controlplane.make(maker)
    addons.make(maker)
    simulation.settle()
    for node in nodes.workers(options.workers):
        nodes.make(maker, node)
    simulation.settle()
