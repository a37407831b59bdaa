"""Making an object unless it is there."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from podwalk.controllers.trees import clone
from podwalk.simulation import Simulation
from podwalk.types import ClusterOptions, Object, Objects


@dataclass(frozen=True)
class Maker:
    """What the makers of the first objects have at hand."""

    objects: Objects
    simulation: Simulation
    options: ClusterOptions

    def ensure(self, resource: str, obj: Object, *, manager: str = "kubeadm") -> Object:
        """Create an object, with its status, unless one of its name is there; return what is there."""
        metadata = obj["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        present = self.objects.get(resource, *key)
        if present is not None:
            return present
        created = self.objects.create(resource, obj, manager=manager)
        if not obj.get("status") or created.get("status") == obj["status"]:
            return created

        def change(latest: Object) -> None:
            latest["status"] = clone(obj["status"])

        return self.objects.modify(resource, *key, change, subresource="status", manager=manager) or created

    def node_ip(self, number: int) -> str:
        """Return the address of a node: the first is number 0, after Docker's gateway."""
        return str(ipaddress.ip_network(self.options.node_cidr)[2 + number])

    def service_ip(self, number: int) -> str:
        """Return an address of the Service range: number 1 is the API's, 10 is DNS's."""
        return str(ipaddress.ip_network(self.options.service_cidr)[number])

    def pod_cidr(self, number: int) -> str:
        """Return the /24 of Pod addresses that a node gives out."""
        first = ipaddress.ip_network(self.options.pod_cidr)[256 * number]
        return f"{first}/24"

    @property
    def control_plane(self) -> str:
        """The name of the control-plane node."""
        return f"{self.options.name}-control-plane"
