"""A cluster of plain objects to ask the network about: three nodes, their Pods and Services."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from podwalk.network import Affinity, route
from podwalk.network.addresses import peer_of
from podwalk.store import Store
from podwalk.types import ClusterOptions, Flow, Object, Peer, Verdict

OPTIONS = ClusterOptions()
NODES = {"control": ("172.18.0.2", ""), "worker": ("172.18.0.3", "a"), "worker2": ("172.18.0.4", "b")}


class World:
    """Objects in a store, and short words to add more."""

    def __init__(self, options: ClusterOptions = OPTIONS) -> None:
        self.store = Store()
        self.options = options
        self.affinity = Affinity()
        self.random = random.Random(7)
        self._next_ip = 10
        for name, (ip, zone) in NODES.items():
            labels = {"kubernetes.io/hostname": name} | ({"topology.kubernetes.io/zone": zone} if zone else {})
            self.put(
                "nodes",
                {
                    "metadata": {"name": name, "labels": labels},
                    "status": {"addresses": [{"type": "InternalIP", "address": ip}]},
                },
            )
        self.namespace("default")
        self.namespace("kube-system")

    def put(self, resource: str, obj: Object) -> Object:
        return self.store.put(resource, obj)

    def namespace(self, name: str, **labels: str) -> Object:
        named = {"kubernetes.io/metadata.name": name, **labels}
        return self.put("namespaces", {"metadata": {"name": name, "labels": named}})

    def pod(
        self,
        name: str,
        labels: Mapping[str, str] | None = None,
        *,
        namespace: str = "default",
        node: str = "worker",
        ip: str = "",
        ports: Sequence[Object] = (),
        host: bool = False,
    ) -> Object:
        self._next_ip += 1
        address = NODES[node][0] if host else ip or f"10.244.{self._next_ip // 250 + 1}.{self._next_ip % 250}"
        spec: Object = {"nodeName": node, "containers": [{"name": "c", "ports": list(ports)}]}
        if host:
            spec["hostNetwork"] = True
        status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}
        metadata = {"name": name, "namespace": namespace, "labels": dict(labels or {})}
        return self.put("pods", {"metadata": metadata, "spec": spec, "status": status})

    def service(
        self,
        name: str,
        ip: str = "10.96.0.100",
        *,
        namespace: str = "default",
        ports: Sequence[Object] = (),
        **spec: Any,
    ) -> Object:
        ports = ports or [{"port": 80, "protocol": "TCP", "targetPort": 8080}]
        return self.put(
            "services",
            {
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"type": "ClusterIP", "clusterIP": ip, "clusterIPs": [ip], "ports": list(ports), **spec},
            },
        )

    def slice(
        self,
        service: str,
        endpoints: Sequence[Object],
        *,
        namespace: str = "default",
        ports: Sequence[Object] = ({"port": 8080, "protocol": "TCP", "name": ""},),
        name: str = "",
    ) -> Object:
        metadata = {
            "name": name or f"{service}-x",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": service},
        }
        return self.put(
            "endpointslices.discovery.k8s.io",
            {"metadata": metadata, "addressType": "IPv4", "endpoints": list(endpoints), "ports": list(ports)},
        )

    def policy(self, name: str, spec: Object, *, namespace: str = "default") -> Object:
        return self.put(
            "networkpolicies.networking.k8s.io", {"metadata": {"name": name, "namespace": namespace}, "spec": spec}
        )

    def peer(self, what: Object | str) -> Peer:
        if isinstance(what, str):
            return Peer(NODES[what][0], None, what) if what in NODES else Peer(what)
        return peer_of(what)

    def route(self, source: Object | str, ip: str, port: int, protocol: str = "TCP", *, now_s: float = 0.0) -> Verdict:
        flow = Flow(self.peer(source), ip, port, protocol)
        return route(self.store, flow, options=self.options, random=self.random, affinity=self.affinity, now_s=now_s)


def endpoint(pod: Object, **conditions: bool) -> Object:
    """The endpoint of a Pod, ready unless told otherwise."""
    metadata = pod["metadata"]
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": True, "serving": True, "terminating": False, **conditions},
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {"kind": "Pod", "name": metadata["name"], "namespace": metadata["namespace"]},
    }
