"""The four namespaces, and what every cluster publishes in them."""

from __future__ import annotations

from podwalk.controllers.bootstrap.ensure import Maker

NAMES = ("kube-system", "kube-public", "kube-node-lease", "default")


def make(maker: Maker) -> None:
    """Make the namespaces, and the cluster's public configuration."""
    for name in NAMES:
        labels = {"kubernetes.io/metadata.name": name}
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        maker.ensure("namespaces", {**namespace, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}})
    _config_map(maker, "kube-system", "kubeadm-config", {"ClusterConfiguration": _configuration(maker)})
    server = f"https://{maker.control_plane}:6443"
    kubeconfig = f'apiVersion: v1\nclusters:\n- cluster:\n    server: {server}\n  name: ""\nkind: Config\n'
    _config_map(maker, "kube-public", "cluster-info", {"kubeconfig": kubeconfig})


def _config_map(maker: Maker, namespace: str, name: str, data: dict[str, str]) -> None:
    metadata = {"name": name, "namespace": namespace}
    maker.ensure("configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def _configuration(maker: Maker) -> str:
    options = maker.options
    return (
        "apiVersion: kubeadm.k8s.io/v1beta4\n"
        f"clusterName: {options.name}\n"
        f"controlPlaneEndpoint: {maker.control_plane}:6443\n"
        "kind: ClusterConfiguration\n"
        "kubernetesVersion: v1.37.0\n"
        "networking:\n"
        f"  dnsDomain: {options.cluster_domain}\n"
        f"  podSubnet: {options.pod_cidr}\n"
        f"  serviceSubnet: {options.service_cidr}\n"
    )
