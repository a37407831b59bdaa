"""The resources that the embedded cluster serves: one row each, so that discovery, storage and documentation agree.

Resources that a real cluster has and this one does not are absent, so that a client gets the real 404. A few are stored
although nothing acts on them, because ``kubectl`` reads them on its way (``describe namespace`` lists quotas); their
:attr:`Resource.inert` says so to whoever creates one.

Source: the discovery documents of Kubernetes v1.37.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CREATE = ("create",)
READ_WRITE = ("get", "patch", "update")
PROXY = ("create", "delete", "get", "patch", "update")
CONNECT = ("create", "get")


class Typed(Protocol):
    """What is needed to decode a body: the type's names and its model."""

    @property
    def group(self) -> str:
        """The API group, empty for core."""

    @property
    def version(self) -> str:
        """The version within the group."""

    @property
    def kind(self) -> str:
        """The kind of the body."""

    @property
    def model(self) -> str:
        """The class in ``kubernetes.client.models``; empty if there is none."""


@dataclass(frozen=True)
class Subresource:
    """A path under an object, with the kind of the bodies that go there.

    Attributes:
        name: the last segment of the path, e.g. ``scale``.
        verbs: what discovery says can be done there.
        group, version, kind: the type of its body.
        model: the body's class in ``kubernetes.client.models``; empty for connections, which have no body.
    """

    name: str
    verbs: tuple[str, ...]
    group: str
    version: str
    kind: str
    model: str

    @property
    def api_version(self) -> str:
        """Return ``group/version``, or ``version`` for core."""
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True)
class Resource:
    """A kind of object that the API serves.

    Attributes:
        group, version, kind: the type's names; ``group`` is empty for core.
        plural, singular, short_names, categories: the names that ``kubectl`` accepts.
        namespaced: whether objects live in a namespace.
        verbs: what can be done, as discovery lists it.
        subresources: in the order of discovery.
        model: the class in ``kubernetes.client.models``; empty for custom resources, which have a schema of their own.
        stored_as: the key of the resource that holds the objects, if it is another one: both ``events`` are one.
        inert: why creating one has no effect, for a Warning; empty if it has.
    """

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    model: str = ""
    stored_as: str = ""
    inert: str = ""

    @property
    def key(self) -> str:
        """Return the GroupResource string, e.g. ``pods`` or ``deployments.apps``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        """Return ``group/version``, or ``version`` for core."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def storage_key(self) -> str:
        """Return the key under which the store keeps the objects."""
        return self.stored_as or self.key

    def subresource(self, name: str) -> Subresource | None:
        """Return a subresource by its name."""
        return next((subresource for subresource in self.subresources if subresource.name == name), None)


def _subresources(owner: tuple[str, str, str, str], names: str) -> tuple[Subresource, ...]:
    group, version, kind, model = owner
    rows = {
        "status": (READ_WRITE, group, version, kind, model),
        "finalize": (("update",), group, version, kind, model),
        "ephemeralcontainers": (READ_WRITE, group, version, kind, model),
        "resize": (READ_WRITE, group, version, kind, model),
        "log": (("get",), group, version, kind, ""),
        "scale": (READ_WRITE, "autoscaling", "v1", "Scale", "V1Scale"),
        "binding": (CREATE, "", "v1", "Binding", "V1Binding"),
        "eviction": (CREATE, "policy", "v1", "Eviction", "V1Eviction"),
        "token": (CREATE, "authentication.k8s.io", "v1", "TokenRequest", "AuthenticationV1TokenRequest"),
        "attach": (CONNECT, "", "v1", "PodAttachOptions", ""),
        "exec": (CONNECT, "", "v1", "PodExecOptions", ""),
        "portforward": (CONNECT, "", "v1", "PodPortForwardOptions", ""),
        "proxy": (PROXY, "", "v1", f"{kind}ProxyOptions", ""),
    }
    return tuple(Subresource(name, *rows[name]) for name in names.split())


def _row(
    api_version: str,
    kind: str,
    plural: str,
    *,
    namespaced: bool = True,
    short: str = "",
    categories: str = "",
    verbs: tuple[str, ...] = ALL_VERBS,
    sub: str = "",
    model: str = "",
    stored_as: str = "",
    inert: str = "",
) -> Resource:
    group, _, version = api_version.rpartition("/")
    model = model or version.capitalize() + kind
    return Resource(
        group,
        version,
        kind,
        plural,
        singular=kind.lower(),
        namespaced=namespaced,
        short_names=tuple(short.split()),
        categories=tuple(categories.split()),
        verbs=verbs,
        subresources=_subresources((group, version, kind, model), sub),
        model=model,
        stored_as=stored_as,
        inert=inert,
    )


_POD = "attach binding ephemeralcontainers eviction exec log portforward proxy resize status"
_NO_VOLUMES = "this cluster provisions no volumes: a claim stays Pending"

_ROWS = (
    _row("v1", "Binding", "bindings", verbs=CREATE),
    _row("v1", "ConfigMap", "configmaps", short="cm"),
    _row("v1", "Endpoints", "endpoints", short="ep"),
    _row("v1", "Event", "events", short="ev", model="CoreV1Event"),
    _row("v1", "LimitRange", "limitranges", short="limits"),
    _row(
        "v1",
        "Namespace",
        "namespaces",
        namespaced=False,
        short="ns",
        verbs=tuple(verb for verb in ALL_VERBS if verb != "deletecollection"),
        sub="finalize status",
    ),
    _row("v1", "Node", "nodes", namespaced=False, short="no", sub="proxy status"),
    _row("v1", "PersistentVolumeClaim", "persistentvolumeclaims", short="pvc", sub="status", inert=_NO_VOLUMES),
    _row("v1", "PersistentVolume", "persistentvolumes", namespaced=False, short="pv", sub="status", inert=_NO_VOLUMES),
    _row("v1", "Pod", "pods", short="po", categories="all", sub=_POD),
    _row("v1", "PodTemplate", "podtemplates"),
    _row("v1", "ResourceQuota", "resourcequotas", short="quota", sub="status"),
    _row("v1", "Secret", "secrets"),
    _row("v1", "ServiceAccount", "serviceaccounts", short="sa", sub="token"),
    _row("v1", "Service", "services", short="svc", categories="all", sub="proxy status"),
    _row("apps/v1", "ControllerRevision", "controllerrevisions"),
    _row("apps/v1", "DaemonSet", "daemonsets", short="ds", categories="all", sub="status"),
    _row("apps/v1", "Deployment", "deployments", short="deploy", categories="all", sub="scale status"),
    _row("apps/v1", "ReplicaSet", "replicasets", short="rs", categories="all", sub="scale status"),
    _row("apps/v1", "StatefulSet", "statefulsets", short="sts", categories="all", sub="scale status"),
    _row("events.k8s.io/v1", "Event", "events", short="ev", model="EventsV1Event", stored_as="events"),
    _row("authentication.k8s.io/v1", "SelfSubjectReview", "selfsubjectreviews", namespaced=False, verbs=CREATE),
    _row("authentication.k8s.io/v1", "TokenReview", "tokenreviews", namespaced=False, verbs=CREATE),
    _row("authorization.k8s.io/v1", "LocalSubjectAccessReview", "localsubjectaccessreviews", verbs=CREATE),
    _row(
        "authorization.k8s.io/v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False, verbs=CREATE
    ),
    _row(
        "authorization.k8s.io/v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", namespaced=False, verbs=CREATE
    ),
    _row("authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews", namespaced=False, verbs=CREATE),
    _row(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        short="hpa",
        categories="all",
        sub="status",
    ),
    _row("batch/v1", "CronJob", "cronjobs", short="cj", categories="all", sub="status"),
    _row("batch/v1", "Job", "jobs", categories="all", sub="status"),
    _row("networking.k8s.io/v1", "IngressClass", "ingressclasses", namespaced=False),
    _row("networking.k8s.io/v1", "Ingress", "ingresses", short="ing", sub="status"),
    _row("networking.k8s.io/v1", "IPAddress", "ipaddresses", namespaced=False, short="ip"),
    _row("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", short="netpol"),
    _row("networking.k8s.io/v1", "ServiceCIDR", "servicecidrs", namespaced=False, sub="status"),
    _row("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", short="pdb", sub="status"),
    _row("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", namespaced=False),
    _row("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", namespaced=False),
    _row("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
    _row("rbac.authorization.k8s.io/v1", "Role", "roles"),
    _row("storage.k8s.io/v1", "StorageClass", "storageclasses", namespaced=False, short="sc"),
    _row(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
        namespaced=False,
        short="crd crds",
        categories="api-extensions",
        sub="status",
    ),
    _row("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", namespaced=False, short="pc"),
    _row("coordination.k8s.io/v1", "Lease", "leases"),
    _row("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
)

RESOURCES: Mapping[str, Resource] = {row.key: row for row in _ROWS}
"""Key → built-in resource, in the order of discovery: groups as the API server orders them, names within a group."""


def by_kind(api_version: str, kind: str) -> Resource | None:
    """Return the built-in resource of a kind, as a manifest names it."""
    return _BY_KIND.get((api_version, kind))


_BY_KIND: Mapping[tuple[str, str], Resource] = {(row.api_version, row.kind): row for row in _ROWS}
