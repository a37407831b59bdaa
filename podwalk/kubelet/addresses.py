"""Addresses and names that a Pod gets: its IP, ``/etc/hosts``, ``/etc/resolv.conf``, its hostname.

Source: the host-local IPAM plugin (the next free address after the last one given); pkg/kubelet/kubelet_pods.go
(managedHostsFileContent, GeneratePodHostNameAndDomain); pkg/kubelet/network/dns/dns.go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from podwalk.errors import PodwalkError
from podwalk.types import ClusterOptions, Object

NODE_NAMESERVER = "192.0.2.53"
"""The name server of the nodes, outside the cluster."""

NODE_RESOLV_CONF = f"nameserver {NODE_NAMESERVER}\noptions ndots:0\n"
HOSTNAME_LIMIT = 63
LOCAL_HOSTS = """127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
fe00::0\tip6-mcastprefix
fe00::1\tip6-allnodes
fe00::2\tip6-allrouters
"""


class OutOfAddresses(PodwalkError):
    """A node's range has no free address."""


class Range:
    """The addresses of one node's Pods."""

    def __init__(self, cidr: str) -> None:
        """Start with the first address after the gateway's."""
        self.network = ipaddress.ip_network(cidr)
        self._used: set[str] = set()
        self._last = 1

    def take(self, wanted: str = "") -> str:
        """Return a free address, the one wanted if it is free.

        Raises:
            OutOfAddresses: when there is none.
        """
        if wanted and wanted not in self._used and ipaddress.ip_address(wanted) in self.network:
            self._used.add(wanted)
            self._last = max(self._last, int(ipaddress.ip_address(wanted)) - int(self.network.network_address))
            return wanted
        count = self.network.num_addresses - 3
        for step in range(1, count + 1):
            offset = 2 + (self._last - 2 + step) % count
            ip = str(self.network.network_address + offset)
            if ip not in self._used:
                self._used.add(ip)
                self._last = offset
                return ip
        raise OutOfAddresses(f"no IP addresses available in range set: {self.network[1]}-{self.network[-2]}")

    def release(self, ip: str) -> None:
        """Give an address back."""
        self._used.discard(ip)


def hostname_and_domain(pod: Object, options: ClusterOptions) -> tuple[str, str]:
    """Return the short hostname and, for a Pod with a subdomain, its full name."""
    spec, metadata = pod["spec"], pod["metadata"]
    hostname = spec.get("hostnameOverride") or spec.get("hostname") or metadata["name"][:HOSTNAME_LIMIT].rstrip("-.")
    if not spec.get("subdomain"):
        return hostname, ""
    return hostname, f"{hostname}.{spec['subdomain']}.{metadata['namespace']}.svc.{options.cluster_domain}"


def hosts_file(pod: Object, ip: str, options: ClusterOptions) -> str:
    """Return the content of ``/etc/hosts``."""
    aliases = _aliases(pod["spec"].get("hostAliases") or ())
    if pod["spec"].get("hostNetwork"):
        node = pod["spec"].get("nodeName", "")
        return (
            "# Kubernetes-managed hosts file (host network).\n"
            "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost"
            " ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\n"
            f"ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n{ip}\t{node}\n{aliases}"
        )
    hostname, full = hostname_and_domain(pod, options)
    own = f"{ip}\t{full}\t{hostname}\n" if full else f"{ip}\t{hostname}\n"
    return "# Kubernetes-managed hosts file.\n" + LOCAL_HOSTS + own + aliases


def _aliases(aliases: Sequence[Any]) -> str:
    if not aliases:
        return ""
    lines = [f"{alias['ip']}\t" + "\t".join(alias.get("hostnames") or ()) for alias in aliases]
    return "\n# Entries added by HostAliases.\n" + "\n".join(lines) + "\n"


def dns_ip(options: ClusterOptions) -> str:
    """Return the address of the cluster's DNS Service: the tenth of the Services' range."""
    return str(ipaddress.ip_network(options.service_cidr)[10])


def resolv_conf(pod: Object, options: ClusterOptions) -> str:
    """Return the content of ``/etc/resolv.conf`` by the Pod's dnsPolicy and dnsConfig."""
    spec, domain = pod["spec"], options.cluster_domain
    policy = spec.get("dnsPolicy", "ClusterFirst")
    if policy == "ClusterFirst" and spec.get("hostNetwork"):
        policy = "Default"
    servers: list[str] = []
    searches: list[str] = []
    settings: list[str] = []
    if policy in ("ClusterFirst", "ClusterFirstWithHostNet"):
        servers = [dns_ip(options)]
        searches = [f"{pod['metadata']['namespace']}.svc.{domain}", f"svc.{domain}", domain]
        settings = ["ndots:5"]
    elif policy == "Default":
        servers, settings = [NODE_NAMESERVER], ["ndots:0"]
    config = spec.get("dnsConfig") or {}
    servers = list(dict.fromkeys([*servers, *(config.get("nameservers") or ())]))
    searches = list(dict.fromkeys([*searches, *(config.get("searches") or ())]))
    settings = _merge_options(settings, config.get("options") or ())
    lines = [f"search {' '.join(searches)}"] if searches else []
    lines += [f"nameserver {server}" for server in servers]
    lines += [f"options {' '.join(settings)}"] if settings else []
    return "".join(line + "\n" for line in lines)


def _merge_options(settings: list[str], own: Sequence[Any]) -> list[str]:
    merged = {setting.partition(":")[0]: setting for setting in settings}
    for option in own:
        merged[option["name"]] = f"{option['name']}:{option['value']}" if option.get("value") else option["name"]
    return list(merged.values())
