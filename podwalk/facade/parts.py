"""Parts of a real cluster that come as somebody else's manifest: metrics-server, MetalLB.

The embedded cluster has both built in. On kind they are fetched from where their projects publish them, in the
version pinned here; without a network a file does, or an archive of images (``podwalk pull --from``). What a cluster
has already is used as it is.

cloud-provider-kind is a program beside the cluster: where it runs it is found by what it does, and used for load
balancers. Its Ingress and Gateway classes are not: the labs name ``nginx`` and ``traefik``.

Source: kubernetes-sigs/metrics-server, README; metallb.io, Installation; kind.sigs.k8s.io, LoadBalancer.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import urllib3
import yaml

from podwalk.backends import kind
from podwalk.facade import wire
from podwalk.facade.errors import LearnerError, RefusedError, WaitError
from podwalk.types import Object

if TYPE_CHECKING:
    from podwalk.facade.cluster import Cluster

READY_TIMEOUT_S = 240.0
FETCH_TIMEOUT_S = 20.0
METALLB = "metallb-system"
TRIED_IN = "default"
LOCAL_TIMEOUT_S, CLOUD_TIMEOUT_S = 15.0, 120.0
"""How long a load balancer may take for its address: a container on this machine, or a machine of a cloud's."""
POOL_SIZE = 51


@dataclass(frozen=True)
class Part:
    """Something that is installed from a manifest.

    Attributes:
        name: the add-on's.
        lacking: what a cluster without it is told.
        version: of its project.
        url: where the manifest of that version is published.
        images: what its Pods run, so that it can be fetched before.
        adapt: changes an object for kind.
        is_there: whether a cluster has it already, from whomever.
        finish: waits until it is ready, and adds what only this cluster can know; yields objects.
    """

    name: str
    lacking: str
    version: str
    url: str
    images: tuple[str, ...]
    adapt: Callable[[Object], Object]
    is_there: Callable[[Cluster], bool]
    finish: Callable[[Cluster], Iterator[Object]]


def fetch(part: Part, manifest: Path | None) -> list[Object]:
    """Return the objects of a part's manifest, from a file or from its project.

    Raises:
        LearnerError: when it cannot be had, with what to do without a network.
    """
    if manifest is not None:
        text = manifest.read_text(encoding="utf-8")
    else:
        hint = f"fetch {part.url} where there is a network, then `podwalk addon {part.name} --kind --manifest FILE`"
        try:
            answer = urllib3.request("GET", part.url, timeout=FETCH_TIMEOUT_S, retries=urllib3.Retry(3, connect=0))
        except urllib3.exceptions.HTTPError as error:
            problem = f"the manifest of {part.name} {part.version} cannot be fetched ({type(error).__name__})"
            raise LearnerError(problem, hint=hint) from error
        if answer.status != 200:
            raise LearnerError(f"{part.url} answered HTTP {answer.status}", hint=hint)
        text = answer.data.decode()
    try:
        return [part.adapt(obj) for obj in yaml.safe_load_all(text) if obj]
    except (yaml.YAMLError, TypeError, AttributeError) as error:
        raise LearnerError(f"{manifest or part.url} is not a manifest: {error}") from error


def _insecure_kubelets(obj: Object) -> Object:
    """Let metrics-server take kind's kubelets, whose certificates nobody signed."""
    if obj["kind"] == "Deployment":
        arguments = obj["spec"]["template"]["spec"]["containers"][0].setdefault("args", [])
        if "--kubelet-insecure-tls" not in arguments:
            arguments.append("--kubelet-insecure-tls")
    return obj


def _has_metrics(cluster: Cluster) -> bool:
    try:
        wire.call(cluster.api, "GET", "/apis/metrics.k8s.io/v1beta1/nodes")
    except wire.StatusError:
        return False
    return True


def _await_metrics(cluster: Cluster) -> Iterator[Object]:
    cluster.wait("deployment/metrics-server", "condition=Available", namespace="kube-system", timeout_s=READY_TIMEOUT_S)
    yield from ()


def _has_balancer(cluster: Cluster) -> bool:
    """Whether load balancers get addresses: one has one, MetalLB has a pool, or one that is made gets one."""
    services = cluster.get("services", all_namespaces=True)
    if any(service.get("status", {}).get("loadBalancer", {}).get("ingress") for service in services):
        return True
    try:
        if len(cluster.get("ipaddresspools.metallb.io", all_namespaces=True)) > 0:
            return True
    except LearnerError:
        pass
    return _gives_an_address(cluster)


def _gives_an_address(cluster: Cluster) -> bool:
    """Try it: cloud-provider-kind and the clouds' controllers run outside of the cluster, where no object is theirs."""
    name = f"podwalk-check-{secrets.token_hex(4)}"
    metadata = {"name": name, "namespace": TRIED_IN}
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    try:
        cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    except RefusedError:
        return False
    timeout_s = LOCAL_TIMEOUT_S if cluster.backend == "kind" else CLOUD_TIMEOUT_S
    try:
        cluster.wait(
            f"service/{name}", "jsonpath={.status.loadBalancer.ingress}", namespace=TRIED_IN, timeout_s=timeout_s
        )
    except WaitError:
        return False
    finally:
        cluster.delete(f"service/{name}", namespace=TRIED_IN)
    return True


def _pool(cluster: Cluster) -> Iterator[Object]:
    cluster.wait("deployment/controller", "condition=Available", namespace=METALLB, timeout_s=READY_TIMEOUT_S)
    network = docker_network()
    last = int(network.broadcast_address) - 5
    first = max(int(network.network_address) + 10, last - POOL_SIZE)
    addresses = f"{ipaddress.ip_address(first)}-{ipaddress.ip_address(last)}"
    metadata = {"name": "kind", "namespace": METALLB}
    group = "metallb.io/v1beta1"
    yield {"apiVersion": group, "kind": "IPAddressPool", "metadata": metadata, "spec": {"addresses": [addresses]}}
    yield {"apiVersion": group, "kind": "L2Advertisement", "metadata": metadata}


def docker_network() -> ipaddress.IPv4Network:
    """Return the IPv4 network that kind's nodes are in, on this machine.

    Raises:
        LearnerError: when Docker, or what stands for it, does not say.
    """
    done = subprocess.run(
        [kind.provider(), "network", "inspect", kind.NETWORK], capture_output=True, text=True, check=False
    )
    try:
        found = [network for network in _subnets(json.loads(done.stdout)) if network.version == 4]
    except ValueError:
        found = []
    if not found:
        raise LearnerError(f"the network of kind's nodes is not known: {done.stderr.strip() or 'none was listed'}")
    network = found[0]
    assert isinstance(network, ipaddress.IPv4Network)
    return network


def _subnets(value: Any) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Yield every subnet that Docker's or Podman's description names."""
    if isinstance(value, list):
        for item in value:
            yield from _subnets(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key.lower() == "subnet":
                yield ipaddress.ip_network(item)
            else:
                yield from _subnets(item)


def apply_when_taken(cluster: Cluster, objects: list[Object]) -> Any:
    """Apply objects that a webhook judges, as soon as it answers.

    Raises:
        LearnerError: what it said last, when it does not within the time.
    """
    deadline = time.monotonic() + READY_TIMEOUT_S
    while True:
        try:
            return cluster.apply(objects)
        except LearnerError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


METRICS = Part(
    "metrics-server",
    "this cluster serves no metrics",
    "v0.9.0",
    "https://github.com/kubernetes-sigs/metrics-server/releases/download/v0.9.0/components.yaml",
    ("registry.k8s.io/metrics-server/metrics-server:v0.9.0",),
    _insecure_kubelets,
    _has_metrics,
    _await_metrics,
)
LOAD_BALANCER = Part(
    "load-balancer",
    "nobody in this cluster gives out addresses to load balancers",
    "v0.15.2",
    "https://raw.githubusercontent.com/metallb/metallb/v0.15.2/config/manifests/metallb-native.yaml",
    ("quay.io/metallb/controller:v0.15.2", "quay.io/metallb/speaker:v0.15.2"),
    lambda obj: obj,
    _has_balancer,
    _pool,
)
GATEWAY_API = Part(
    "gateway",
    "this cluster does not have Gateway API",
    "v1.6.1",
    "https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.6.1/standard-install.yaml",
    (),
    lambda obj: obj,
    lambda cluster: False,
    lambda cluster: iter(()),
)
"""Only its definitions: whether a cluster has them and a controller, its add-on finds out."""
