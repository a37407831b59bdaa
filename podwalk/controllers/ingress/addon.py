"""The objects of an Ingress controller, as a learner finds them on a kind cluster set up for Ingress.

A new cluster has none: an Ingress then does nothing, as everywhere. The Deployment runs on the control-plane node,
whose ports 80 and 443 are its own, so that kind's port mappings lead there.

**Source**: ingress-nginx, deploy/static/provider/kind; kind.sigs.k8s.io, Ingress. The namespaces, names and labels are
theirs; the admission webhook is left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from podwalk.errors import ApiError
from podwalk.types import Object, Objects

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
RESOURCES = {
    "Namespace": "namespaces",
    "ServiceAccount": "serviceaccounts",
    "ConfigMap": "configmaps",
    "ClusterRole": "clusterroles.rbac.authorization.k8s.io",
    "ClusterRoleBinding": "clusterrolebindings.rbac.authorization.k8s.io",
    "Service": "services",
    "Deployment": "deployments.apps",
    "CustomResourceDefinition": "customresourcedefinitions.apiextensions.k8s.io",
    "IngressClass": "ingressclasses.networking.k8s.io",
}


@dataclass(frozen=True)
class Site:
    """Where a controller runs, and how it is recognised.

    Attributes:
        namespace: of its objects.
        name: of its Deployment and Service.
        labels: of its Pods.
        image: what they run.
        ingress_class: the class it comes with.
        controller: ``spec.controller`` of the class.
        account: its ServiceAccount and role.
    """

    namespace: str
    name: str
    labels: Mapping[str, str]
    image: str
    ingress_class: str
    controller: str
    account: str


NGINX = Site(
    "ingress-nginx",
    "ingress-nginx-controller",
    {
        "app.kubernetes.io/component": "controller",
        "app.kubernetes.io/instance": "ingress-nginx",
        "app.kubernetes.io/name": "ingress-nginx",
    },
    "registry.k8s.io/ingress-nginx/controller:v1.15.1",
    "nginx",
    "k8s.io/ingress-nginx",
    "ingress-nginx",
)


TRAEFIK = Site(
    "traefik",
    "traefik",
    {"app.kubernetes.io/instance": "traefik-traefik", "app.kubernetes.io/name": "traefik"},
    "docker.io/library/traefik:v3.6.12",
    "traefik",
    "traefik.io/ingress-controller",
    "traefik",
)

STAND_INS = ("docker.io/library/traefik:v3.7.12", TRAEFIK.image)
"""What stands in for ingress-nginx on a real cluster, the better first: Traefik 3.7 heeds ``rewrite-target``."""


def manifest(
    controller: str = "nginx",
    *,
    default: bool = False,
    real: bool = False,
    host_ports: bool = True,
    stand_in: str = STAND_INS[0],
) -> list[Object]:
    """Return the objects of an Ingress controller, in the order in which they can be applied.

    Args:
        controller: which: a key of :data:`DEPLOYMENTS`.
        default: whether its class is for Ingresses that name none.
        real: whether they are for a real cluster: ingress-nginx is retired, so Traefik stands in for it there, under
            its names and with its annotations.
        host_ports: whether it takes the ports 80 and 443 of its node; without, its Service is the only way in.
        stand_in: the image for a real cluster's ``nginx``.

    Raises:
        ApiError: when there is no such controller.
    """
    if controller not in DEPLOYMENTS:
        words = f"there is no Ingress controller {controller!r}; there are: {', '.join(DEPLOYMENTS)}"
        raise ApiError(400, "BadRequest", words)
    site, container = DEPLOYMENTS[controller]
    made = _traefik_as_nginx(site, stand_in) if real and site is NGINX else container(site)
    if not host_ports:
        made["ports"] = [{key: value for key, value in port.items() if key != "hostPort"} for port in made["ports"]]
    return [
        _object("v1", "Namespace", site.namespace, labels=_family(site)),
        _object("v1", "ServiceAccount", site.account, site, labels=_family(site)),
        _object("v1", "ConfigMap", site.name, site, labels=dict(site.labels), data={}),
        *_access(site),
        _object("v1", "Service", site.name, site, labels=dict(site.labels), spec=_service(site)),
        _object("apps/v1", "Deployment", site.name, site, labels=dict(site.labels), spec=_deployment(site, made)),
        _class(site, default),
        *(_middlewares() if site is TRAEFIK else ()),
    ]


def enable_ingress(objects: Objects, controller: str = "nginx", *, default: bool = False) -> None:
    """Switch an Ingress controller on: make its objects, unless they are there.

    Args:
        objects: the API.
        controller: which; see :func:`manifest`.
        default: whether its class is for Ingresses that name none.
    """
    for obj in manifest(controller, default=default):
        try:
            objects.create(RESOURCES[obj["kind"]], obj, manager="kubectl")
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise


def _family(site: Site) -> dict[str, str]:
    return {name: value for name, value in site.labels.items() if not name.endswith("component")}


def _object(
    api_version: str, kind: str, name: str, site: Site | None = None, *, labels: Mapping[str, str], **rest: object
) -> Object:
    metadata: Object = {"name": name, "labels": dict(labels)}
    if site is not None:
        metadata["namespace"] = site.namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


def _access(site: Site) -> list[Object]:
    group = "rbac.authorization.k8s.io"
    rules = [
        {
            "apiGroups": [""],
            "resources": ["configmaps", "endpoints", "nodes", "pods", "secrets", "namespaces", "services"],
            "verbs": ["get", "list", "watch"],
        },
        {
            "apiGroups": ["networking.k8s.io"],
            "resources": ["ingresses", "ingressclasses"],
            "verbs": ["get", "list", "watch"],
        },
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingresses/status"], "verbs": ["update"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
    ]
    subject = {"kind": "ServiceAccount", "name": site.account, "namespace": site.namespace}
    role = {"apiGroup": group, "kind": "ClusterRole", "name": site.account}
    return [
        _object(f"{group}/v1", "ClusterRole", site.account, labels=_family(site), rules=rules),
        _object(
            f"{group}/v1", "ClusterRoleBinding", site.account, labels=_family(site), roleRef=role, subjects=[subject]
        ),
    ]


def _service(site: Site) -> Object:
    ports = [
        {"name": name, "port": port, "protocol": "TCP", "targetPort": name, "appProtocol": name}
        for name, port in (("http", 80), ("https", 443))
    ]
    return {"type": "LoadBalancer", "selector": dict(site.labels), "ports": ports}


def _deployment(site: Site, container: Object) -> Object:
    return {
        "replicas": 1,
        "selector": {"matchLabels": dict(site.labels)},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        "template": {
            "metadata": {"labels": dict(site.labels)},
            "spec": {
                "containers": [container],
                "nodeSelector": {"kubernetes.io/os": "linux", CONTROL_PLANE: ""},
                "serviceAccountName": site.account,
                "terminationGracePeriodSeconds": 0,
                "tolerations": [{"key": CONTROL_PLANE, "operator": "Equal", "effect": "NoSchedule"}],
            },
        },
    }


def _nginx(site: Site) -> Object:
    probe = {"httpGet": {"path": "/healthz", "port": 10254}, "initialDelaySeconds": 10, "periodSeconds": 10}
    names = {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}
    return {
        "name": "controller",
        "image": site.image,
        "args": [
            "/nginx-ingress-controller",
            "--election-id=ingress-nginx-leader",
            f"--controller-class={site.controller}",
            f"--ingress-class={site.ingress_class}",
            f"--configmap=$(POD_NAMESPACE)/{site.name}",
            "--publish-status-address=localhost",
        ],
        "env": [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in names.items()],
        "livenessProbe": {**probe, "failureThreshold": 5},
        "readinessProbe": {**probe, "failureThreshold": 3},
        "ports": [
            {"name": "http", "containerPort": 80, "hostPort": 80, "protocol": "TCP"},
            {"name": "https", "containerPort": 443, "hostPort": 443, "protocol": "TCP"},
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "90Mi"}},
    }


def _traefik(site: Site) -> Object:
    ping = {"httpGet": {"path": "/ping", "port": 8080}, "periodSeconds": 10}
    return {
        "name": "traefik",
        "image": site.image,
        "args": [
            "--entryPoints.web.address=:80",
            "--entryPoints.websecure.address=:443",
            "--entryPoints.websecure.http.tls=true",
            "--ping=true",
            "--providers.kubernetescrd",
            "--providers.kubernetesingress",
            f"--providers.kubernetesingress.ingressclass={site.ingress_class}",
            "--providers.kubernetesingress.ingressendpoint.hostname=localhost",
            "--providers.kubernetesgateway",
            "--providers.kubernetesgateway.statusaddress.hostname=localhost",
        ],
        "readinessProbe": {**ping, "failureThreshold": 1},
        "livenessProbe": {**ping, "failureThreshold": 3},
        "ports": [
            {"name": "http", "containerPort": 80, "hostPort": 80, "protocol": "TCP"},
            {"name": "https", "containerPort": 443, "hostPort": 443, "protocol": "TCP"},
        ],
    }


def _traefik_as_nginx(site: Site, image: str) -> Object:
    """Return Traefik, reading the Ingresses of ingress-nginx."""
    container = _traefik(dataclasses.replace(site, image=image))
    own = ("--entryPoints", "--ping")
    container["args"] = [word for word in container["args"] if word.startswith(own)] + [
        "--providers.kubernetesingressnginx=true",
        f"--providers.kubernetesingressnginx.controllerclass={site.controller}",
        "--providers.kubernetesingressnginx.publishstatusaddress=localhost",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
    ]
    container["name"] = "controller"
    return container


def _middlewares() -> list[Object]:
    """Return the definition of Traefik's Middlewares, whose fields are not checked here."""
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": "Middleware", "listKind": "MiddlewareList", "plural": "middlewares", "singular": "middleware"}
    definition: Object = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "middlewares.traefik.io"},
        "spec": {"group": "traefik.io", "names": names, "scope": "Namespaced", "versions": [version]},
    }
    return [definition]


def _class(site: Site, default: bool) -> Object:
    made = _object(
        "networking.k8s.io/v1",
        "IngressClass",
        site.ingress_class,
        labels=site.labels,
        spec={"controller": site.controller},
    )
    if default:
        made["metadata"]["annotations"] = {"ingressclass.kubernetes.io/is-default-class": "true"}
    return made


DEPLOYMENTS: Mapping[str, tuple[Site, Callable[[Site], Object]]] = {
    "nginx": (NGINX, _nginx),
    "traefik": (TRAEFIK, _traefik),
}
"""Every controller that can be switched on: where it runs, and its container."""
