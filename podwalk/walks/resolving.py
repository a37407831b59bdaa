"""What a Pod's resolver is set up with, read from the objects: ``/etc/hosts`` and ``/etc/resolv.conf``.

Source: kubernetes.io, concepts/services-networking/dns-pod-service; the kubelet's GetPodDNS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from podwalk.network.dns import corefile as corefiles
from podwalk.network.dns.search import ResolvConf
from podwalk.types import ClusterOptions, Object, View

DNS_PORT = 53
CLUSTER_NDOTS = 5


@dataclass(frozen=True)
class Listed:
    """A line of a Pod's ``/etc/hosts``: the address of a name, where it comes from, and the field that says so."""

    address: str
    origin: str
    field: str


def in_hosts(pod: Object, host: str, options: ClusterOptions) -> Listed | None:
    """Return the line of the Pod's ``/etc/hosts`` that a name is found in: the first, as a resolver takes it."""
    name = host.lower()
    if name == "localhost":
        return Listed("127.0.0.1", "where the kubelet writes it for every Pod", "")
    spec, metadata = pod["spec"], pod["metadata"]
    if not spec.get("hostNetwork"):
        own = spec.get("hostname") or metadata["name"]
        whole = f"{own}.{spec.get('subdomain')}.{metadata['namespace']}.svc.{options.cluster_domain}"
        if name == own or (spec.get("subdomain") and name == whole):
            field = "spec.hostname" if spec.get("hostname") else "metadata.name"
            return Listed(pod["status"]["podIP"], "as it is the Pod's own host name", field)
    for alias in spec.get("hostAliases") or ():
        if name in (one.lower() for one in alias.get("hostnames") or ()):
            return Listed(str(alias["ip"]), "from its hostAliases", "spec.hostAliases")
    return None


def resolv_conf(view: View, pod: Object, options: ClusterOptions) -> ResolvConf:
    """Return what the kubelet writes into the Pod's ``/etc/resolv.conf``, by its ``dnsPolicy`` and ``dnsConfig``."""
    spec = pod["spec"]
    policy = spec.get("dnsPolicy", "ClusterFirst")
    host_network = bool(spec.get("hostNetwork"))
    in_cluster = policy == "ClusterFirstWithHostNet" or (policy == "ClusterFirst" and not host_network)
    servers: list[str] = []
    domains: list[str] = []
    ndots = 1
    if in_cluster:
        servers = [address] if (address := _dns_service(view)) else []
        domain = options.cluster_domain
        domains = [f"{pod['metadata']['namespace']}.svc.{domain}", f"svc.{domain}", domain]
        ndots = CLUSTER_NDOTS
    config: dict[str, Any] = spec.get("dnsConfig") or {}
    servers += [server for server in config.get("nameservers") or () if server not in servers]
    domains += [each for each in config.get("searches") or () if each not in domains]
    for option in config.get("options") or ():
        if option["name"] == "ndots" and str(option.get("value", "")).isdigit():
            ndots = int(option["value"])
    return ResolvConf(tuple(servers), tuple(domains), ndots)


def corefile(view: View) -> str:
    """Return CoreDNS's configuration: the ConfigMap ``kube-system/coredns``, or kubeadm's default without it."""
    config = view.get("configmaps", "kube-system", "coredns")
    return (config or {}).get("data", {}).get("Corefile") or corefiles.DEFAULT


def merge(policies: tuple[Object, ...]) -> tuple[Object, ...]:
    """Join policies that differ in their ports only, so that UDP and TCP 53 are one."""
    merged: dict[str, Object] = {}
    for policy in policies:
        spec = policy["spec"]
        rules = spec.get("egress") or spec.get("ingress") or [{}]
        key = repr(
            (spec.get("podSelector"), spec.get("policyTypes"), {k: v for k, v in rules[0].items() if k != "ports"})
        )
        if key not in merged:
            merged[key] = policy
            continue
        first = merged[key]["spec"].get("egress") or merged[key]["spec"].get("ingress")
        ports = [*first[0].get("ports", ()), *(port for port in rules[0].get("ports", ()))]
        side = "egress" if merged[key]["spec"].get("egress") else "ingress"
        unique = [port for index, port in enumerate(ports) if port not in ports[:index]]
        merged[key] = {**merged[key], "spec": {**merged[key]["spec"], side: [{**first[0], "ports": unique}]}}
    return tuple(merged.values())


def _dns_service(view: View) -> str:
    service = view.get("services", "kube-system", "kube-dns")
    return str((service or {}).get("spec", {}).get("clusterIP") or "")
