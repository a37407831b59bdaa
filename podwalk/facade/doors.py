"""Where requests enter a cluster: the Service of its Ingress controller or Gateway, and one name for it everywhere.

Controllers are installed in as many ways as there are clusters. What they have in common is found here: a ready Pod
of a known image, started with the flag that makes it serve, and a Service before it with port 80. That Service gets a
second name in the namespace ``default``, so that a notebook's commands are the same on every cluster.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from podwalk.facade.condition import condition
from podwalk.types import Object, Ref

if TYPE_CHECKING:
    from podwalk.facade.cluster import Cluster

NAMESPACE = "default"


@dataclass(frozen=True)
class Serving:
    """What makes a container a controller of the kind that is sought.

    Attributes:
        image: its image's name, or the end of it.
        flag: the beginning of one of its arguments, without hyphens, in small letters; empty for any.
    """

    image: str
    flag: str = ""


INGRESS_CLASSES = {
    "nginx": (Serving("ingress-nginx/controller"), Serving("traefik", "providers.kubernetesingressnginx")),
    "traefik": (Serving("traefik", "providers.kubernetesingress"),),
}
"""Who serves the Ingresses of a class."""

GATEWAYS = (Serving("traefik", "providers.kubernetesgateway"),)
"""Who serves Gateways."""


def find(cluster: Cluster, wanted: tuple[Serving, ...]) -> Ref | None:
    """Return the Service of a controller that is ready; None if there is none."""
    pods = [pod for pod in cluster.get("pods", all_namespaces=True) if _serves(pod, wanted)]
    for pod in pods:
        for service in cluster.get("services", namespace=pod["metadata"]["namespace"]):
            if _leads_to(service, pod):
                return Ref("services", service["metadata"]["namespace"], service["metadata"]["name"])
    return None


def alias(name: str, service: Ref) -> Object:
    """Return a Service that is a second name, in ``default``, for another."""
    target = f"{service.name}.{service.namespace}.svc.cluster.local"
    metadata = {"name": name, "namespace": NAMESPACE}
    spec = {"type": "ExternalName", "externalName": target}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _serves(pod: Object, wanted: tuple[Serving, ...]) -> bool:
    if condition(pod, "Ready") != "true" or "deletionTimestamp" in pod["metadata"]:
        return False
    return any(_matches(container, one) for container in pod["spec"]["containers"] for one in wanted)


def _matches(container: Object, serving: Serving) -> bool:
    repository = container["image"].partition("@")[0].rpartition("/")
    image = f"/{repository[0]}/{repository[2].partition(':')[0]}"
    return image.endswith(f"/{serving.image}") and (
        not serving.flag or any(_is_flag(word, serving.flag) for word in _words(container))
    )


def _words(container: Object) -> Iterator[str]:
    for word in (*(container.get("command") or ()), *(container.get("args") or ())):
        yield word.lstrip("-").lower()


def _is_flag(word: str, flag: str) -> bool:
    """Whether a word sets this flag or one below it, and not another whose name begins alike."""
    name, _, value = word.partition("=")
    return (name == flag or name.startswith(f"{flag}.")) and value != "false"


def _leads_to(service: Object, pod: Object) -> bool:
    spec, labels = service["spec"], pod["metadata"].get("labels") or {}
    selector = spec.get("selector") or {}
    chosen = bool(selector) and all(labels.get(name) == value for name, value in selector.items())
    return chosen and any(port["port"] == 80 for port in spec.get("ports") or ())
