"""What the network model needs of a cluster, read through the API when it asks: the embedded one and a real one alike.

A walk touches a few objects, a cluster has thousands. So nothing is read before the model wants it, Pods are found by
the API's own field selectors, and what was read once is not read again: a view is of one moment, and made anew for
each question.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable, Mapping, Sequence

from kubernetes.client import ApiClient

from podwalk.controllers.bootstrap.nodes import CNI_ANNOTATION
from podwalk.facade import wire
from podwalk.facade.errors import NotFoundError
from podwalk.facade.kinds import Kind, Kinds
from podwalk.store import INDEXES
from podwalk.types import ClusterOptions, Object, View

MAY_BE_CLOSED = frozenset(
    {
        "nodes", "namespaces", "configmaps", "secrets", "servicecidrs.networking.k8s.io",
        "clusternetworkpolicies.policy.networking.k8s.io",
    }
)  # fmt: skip
"""Resources without which the model still works, if the user has no right to read them."""

REVIEWED = frozenset(
    {
        "deployments.apps", "statefulsets.apps", "daemonsets.apps", "ingresses.networking.k8s.io",
        "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io",
        "clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io",
    }
)  # fmt: skip
"""Resources besides without which a review still finds something."""

FIELDS = {"pod-ip": "status.podIP", "pod-node": "spec.nodeName"}
"""The indexes that a field selector stands for."""

CNI_DAEMONSETS = {
    "calico-node": "calico",
    "canal": "canal",
    "cilium": "cilium",
    "kindnet": "kindnet",
    "kube-flannel-ds": "flannel",
    "weave-net": "weave",
    "antrea-agent": "antrea",
}
"""By which DaemonSet a CNI plugin is known."""


class Snapshot:
    """The objects of a cluster as a :class:`podwalk.types.View`, each read when it is first asked for.

    Every method raises :class:`~podwalk.facade.wire.StatusError` when the user may not read what the model cannot do
    without.

    Attributes:
        unread: the resources that the user may not read, in the order in which they were asked for.
    """

    def __init__(self, api: ApiClient, kinds: Kinds, may_be_closed: Collection[str] = MAY_BE_CLOSED) -> None:
        self.unread: list[str] = []
        self._api, self._kinds, self._may_be_closed = api, kinds, may_be_closed
        self._served: dict[str, Kind | None] = {}
        self._lists: dict[tuple[str, str, str], Sequence[Object]] = {}
        self._objects: dict[tuple[str, str, str], Object | None] = {}

    def get(self, resource: str, namespace: str, name: str) -> Object | None:
        """Return the object, or None."""
        for known in ((resource, namespace, ""), (resource, "", "")):
            if known in self._lists:
                return next((one for one in self._lists[known] if _key(one) == (namespace, name)), None)
        if (resource, namespace, name) not in self._objects:
            kind = self._kind(resource)
            found = None if kind is None else self._read(resource, kind.path(namespace, name), "")
            self._objects[resource, namespace, name] = found
        return self._objects[resource, namespace, name]

    def list(
        self, resource: str, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Sequence[Object]:
        """Return the objects in order of namespace and name; with ``labels``, those that carry all of them."""
        selector = ",".join(f"{key}={value}" for key, value in (labels or {}).items())
        return self._list(resource, namespace or "", f"labelSelector={selector}" if selector else "")

    def lookup(self, index: str, value: str) -> Sequence[Object]:
        """Return the objects that an index of :data:`podwalk.store.INDEXES` names."""
        resource, values = INDEXES[index]
        if index == "slice-service":
            namespace, _, name = value.partition("/")
            return self.list(resource, namespace, {"kubernetes.io/service-name": name})
        query = f"fieldSelector={FIELDS[index]}={value}" if index in FIELDS else ""
        # The selector knows the first address only, and a name of one family; the index decides.
        return [one for one in self._list(resource, "", query) if value in values(one)]

    def _kind(self, resource: str) -> Kind | None:
        """Return what serves a resource; None where its definition is not installed."""
        if resource not in self._served:
            try:
                self._served[resource] = self._kinds.find(resource)
            except NotFoundError:
                self._served[resource] = None
        return self._served[resource]

    def _list(self, resource: str, namespace: str, query: str) -> Sequence[Object]:
        key = (resource, namespace, query)
        if key not in self._lists:
            kind = self._kind(resource)
            found = None if kind is None else self._read(resource, kind.path(namespace), query)
            self._lists[key] = sorted((found or {}).get("items") or (), key=_key)
        return self._lists[key]

    def _read(self, resource: str, path: str, query: str) -> Object | None:
        name, _, value = query.partition("=")
        try:
            return wire.call(self._api, "GET", path, query={name: value} if query else {})
        except wire.StatusError as error:
            if error.code == 403 and resource in self._may_be_closed:
                self.unread += [resource] if resource not in self.unread else []
                return None
            if error.code == 404:
                return None
            raise


def _key(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def options(view: View) -> ClusterOptions:
    """Return the cluster's ranges and CNI plugin, as far as its objects tell."""
    defaults = ClusterOptions()
    services = [cidr for obj in view.list("servicecidrs.networking.k8s.io") for cidr in obj["spec"]["cidrs"]]
    pods = [node["spec"]["podCIDR"] for node in view.list("nodes") if node["spec"].get("podCIDR")]
    nodes = [
        address["address"]
        for node in view.list("nodes")
        for address in node["status"].get("addresses") or ()
        if address["type"] == "InternalIP"
    ]
    return ClusterOptions(
        pod_cidr=_cover(pods, 16) or defaults.pod_cidr,
        service_cidr=next((cidr for cidr in services if "." in cidr), defaults.service_cidr),
        node_cidr=_cover(nodes, 16) or defaults.node_cidr,
        cni=imitated(view) or cni(view) or defaults.cni,
    )


def imitated(view: View) -> str:
    """Return the CNI plugin that an embedded cluster imitates; empty for a real one."""
    nodes = (node["metadata"].get("annotations") or {} for node in view.list("nodes"))
    return next((found[CNI_ANNOTATION] for found in nodes if CNI_ANNOTATION in found), "")


def cni(view: View) -> str:
    """Return the CNI plugin whose DaemonSet is there; empty if none is known, or may be read."""
    try:
        found = view.list("daemonsets.apps")
    except wire.StatusError:
        return ""
    names = (obj["metadata"]["name"] for obj in found)
    return next((CNI_DAEMONSETS[name] for name in names if name in CNI_DAEMONSETS), "")


def _cover(addresses: Iterable[str], longest: int) -> str:
    """Return the smallest IPv4 network, no longer a prefix than ``longest``, that holds all the addresses."""
    networks = [ipaddress.ip_network(text) for text in addresses if ":" not in text]
    if not networks:
        return ""
    cover = networks[0]
    while cover.prefixlen > longest or not all(other.subnet_of(cover) for other in networks):  # type: ignore[arg-type]  # all are IPv4
        cover = cover.supernet()
    return str(cover)
