"""The CNI plugins a cluster may imitate: what each does with a NetworkPolicy.

The API server takes a policy whether or not anything enforces it, which is how beginners are bitten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from podwalk.errors import PodwalkError


@dataclass(frozen=True)
class Plugin:
    """A CNI plugin.

    Attributes:
        enforces: whether NetworkPolicies have any effect.
        guards_own_node: whether egress policies also stop a Pod on its way to its own node. Calico does
            (seen on a real one); plugins that only look at forwarded packets cannot.
        tiers: whether ClusterNetworkPolicies have any effect. Calico's have since 3.32 (network-policy-api, pull
            request 376); the definition is not part of a new cluster.
    """

    enforces: bool = True
    guards_own_node: bool = False
    tiers: bool = False


PLUGINS: Mapping[str, Plugin] = {
    "calico": Plugin(guards_own_node=True, tiers=True),
    "canal": Plugin(guards_own_node=True),
    "cilium": Plugin(),
    "kindnet": Plugin(),
    "antrea": Plugin(),
    "weave": Plugin(),
    "kube-router": Plugin(),
    "flannel": Plugin(enforces=False),
    "bridge": Plugin(enforces=False),
}
"""By the name that ``podwalk up --cni`` takes."""


def plugin(name: str) -> Plugin:
    """Return a CNI plugin.

    Raises:
        PodwalkError: when it is not known.
    """
    if name not in PLUGINS:
        raise PodwalkError(f"the CNI plugin {name!r} is not simulated; choose one of {', '.join(sorted(PLUGINS))}")
    return PLUGINS[name]
