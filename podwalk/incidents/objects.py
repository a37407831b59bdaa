"""The objects of an application in good health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from podwalk.incidents.application import NAMESPACE, OFFICE, Application
from podwalk.types import Object

Objects = dict[str, Object]
"""Objects by ``KIND/NAME``, with ``NAMESPACE:`` before it for the office's, in the order to apply them."""

DNS_IP = "10.96.0.10"
"""Of the cluster's DNS, on kind, with kubeadm and on the embedded cluster."""

FRONT_PORT = 8080
"""Where the front's Pods listen; the unprivileged port of an nginx of one's own configuration."""

NGINX, ECHO = "nginx:1.27", "hashicorp/http-echo:1.0"


def healthy(app: Application) -> Objects:
    """Return every object of the application."""
    made = [
        *_namespaces(app),
        *_policies(app),
        *_partner(app),
        *_store(app),
        *(_cache(app) if app.cache else ()),
        *_api(app),
        *_front(app),
        _ingress(app),
    ]
    return {key(obj): obj for obj in made}


def key(obj: Object) -> str:
    """Return what an object is called among the objects."""
    prefix = f"{OFFICE}:" if obj["metadata"].get("namespace") == OFFICE else ""
    return f"{prefix}{obj['kind']}/{obj['metadata']['name']}"


def make(kind: str, name: str, namespace: str = NAMESPACE, **parts: Any) -> Object:
    """Return an object of a kind."""
    group = {"Deployment": "apps/v1", "StatefulSet": "apps/v1"}.get(kind, "v1")
    group = "networking.k8s.io/v1" if kind in ("Ingress", "NetworkPolicy") else group
    return {"apiVersion": group, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **parts}


def service(name: str, namespace: str = NAMESPACE, **spec: Any) -> Object:
    """Return a Service."""
    return make("Service", name, namespace, spec=spec)


def policy(
    name: str,
    selects: Mapping[str, str],
    *,
    ingress: Sequence[Object] | None = None,
    egress: Sequence[Object] | None = None,
) -> Object:
    """Return a NetworkPolicy; a direction that is None is not its business."""
    rules = {"Ingress": ingress, "Egress": egress}
    spec: Object = {"podSelector": {"matchLabels": dict(selects)} if selects else {}}
    spec["policyTypes"] = [kind for kind, rule in rules.items() if rule is not None]
    spec |= {kind.lower(): list(rule) for kind, rule in rules.items() if rule}
    return make("NetworkPolicy", name, spec=spec)


def pods(labels: Mapping[str, str]) -> Object:
    """Return a peer: the Pods of the namespace with these labels."""
    return {"podSelector": {"matchLabels": dict(labels)}}


def tcp(port: int | str) -> list[Object]:
    """Return the ports of a rule."""
    return [{"protocol": "TCP", "port": port}]


def _namespaces(app: Application) -> list[Object]:
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OFFICE, "labels": dict([app.office])}},
    ]


def _policies(app: Application) -> list[Object]:
    dns: list[Object] = [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    office = {"kubernetes.io/metadata.name": OFFICE}
    front, api, store = (app.labels(tier) for tier in (app.front, app.api, app.store))
    watchers = {
        "namespaceSelector": {"matchLabels": dict([app.office])},
        "podSelector": {"matchLabels": dict([app.monitor])},
    }
    partner = {"namespaceSelector": {"matchLabels": office}, **pods(app.labels(app.partner))}
    to_store: list[Object] = [{"to": [pods(store)], "ports": tcp(app.store_port)}]
    if app.cache:
        to_store.append({"to": [pods(app.labels(app.cache))], "ports": tcp(app.store_port)})
    kube_system = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    made = [
        policy("default-deny", {}, ingress=[], egress=[]),
        policy("names", {}, egress=[{"to": [kube_system], "ports": dns}]),
        policy(f"{app.front}-for-all", front, ingress=[{"ports": tcp(FRONT_PORT)}]),
        policy(f"{app.front}-calls", front, egress=[{"to": [pods(api)], "ports": tcp(app.api_target)}]),
        policy(f"{app.api}-from-{app.front}", api, ingress=[{"from": [pods(front)], "ports": tcp(app.api_target)}]),
        policy(f"{app.api}-from-monitors", api, ingress=[{"from": [watchers], "ports": tcp(app.api_target)}]),
        policy(f"{app.api}-calls", api, egress=[*to_store, {"to": [partner], "ports": tcp(8080)}]),
        policy(f"{app.store}-from-{app.api}", store, ingress=[{"from": [pods(api)], "ports": tcp(app.store_port)}]),
    ]
    if app.cache:
        rule: Object = {"from": [pods(api)], "ports": tcp(app.store_port)}
        made.append(policy(f"{app.cache}-from-{app.api}", app.labels(app.cache), ingress=[rule]))
    return made


def _partner(app: Application) -> list[Object]:
    labels = app.labels(app.partner)
    target = f"{app.partner}.{OFFICE}.svc.cluster.local"
    return [
        _workload("Deployment", app, app.partner, 1, _echo(app, app.partner, 8080), namespace=OFFICE),
        service(app.partner, OFFICE, selector=labels, ports=[{"port": 8080}]),
        service(app.partner, type="ExternalName", externalName=target),
    ]


def _store(app: Application) -> list[Object]:
    ports: list[Object] = [{"name": "data", "port": app.store_port}]
    workload = _workload("StatefulSet", app, app.store, app.replicas[2], _echo(app, app.store, app.store_port))
    workload["spec"] |= {"serviceName": app.store, "podManagementPolicy": "Parallel"}
    return [service(app.store, clusterIP="None", selector=app.labels(app.store), ports=ports), workload]


def _cache(app: Application) -> list[Object]:
    container = _echo(app, app.cache, app.store_port)
    ports: list[Object] = [{"port": app.store_port}]
    return [
        _workload("Deployment", app, app.cache, 1, container),
        service(app.cache, selector=app.labels(app.cache), ports=ports),
    ]


def _api(app: Application) -> list[Object]:
    server = f"""\
server {{
  listen {app.api_target};
  location = /healthz {{ return 200 "ok\\n"; }}
  location = / {{ return 200 "{app.text(app.api)}\\n"; }}
}}
"""
    container = _nginx(app.port_name, app.api_target)
    target = app.port_name if app.named else app.api_target
    ports: list[Object] = [{"name": "http", "port": app.api_port, "targetPort": target}]
    return [
        make("ConfigMap", app.api, data={"default.conf": server}),
        _workload("Deployment", app, app.api, app.replicas[1], container, config=app.api),
        service(app.api, selector=app.labels(app.api), ports=ports),
    ]


def _front(app: Application) -> list[Object]:
    server = f"""\
resolver {DNS_IP} valid=2s;
server {{
  listen {FRONT_PORT};
  location = /healthz {{ return 200 "ok\\n"; }}
  location = /{app.api} {{
    set $upstream {upstream(app)};
    proxy_pass http://$upstream/;
    proxy_connect_timeout 2s;
  }}
  location / {{ return 200 "{app.text(app.front)}\\n"; }}
}}
"""
    ports: list[Object] = [{"name": "http", "port": 80, "targetPort": "http"}]
    nodes = [{**ports[0], "nodePort": app.node_port}]
    labels = app.labels(app.front)
    return [
        make("ConfigMap", app.front, data={"default.conf": server}),
        _workload("Deployment", app, app.front, app.replicas[0], _nginx("http", FRONT_PORT), config=app.front),
        service(app.front, selector=labels, ports=ports),
        service(f"{app.front}-nodes", type="NodePort", selector=labels, ports=nodes),
    ]


def upstream(app: Application) -> str:
    """Return where the front finds the API: nginx knows no search list, so the whole name."""
    return f"{app.api}.{NAMESPACE}.svc.cluster.local:{app.api_port}"


def _ingress(app: Application) -> Object:
    backend = {"service": {"name": app.front, "port": {"name": "http"}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    return make(
        "Ingress",
        app.theme,
        spec={"ingressClassName": "nginx", "rules": [{"host": app.host, "http": {"paths": paths}}]},
    )


def _workload(
    kind: str,
    app: Application,
    name: str,
    replicas: int,
    container: Object,
    *,
    namespace: str = NAMESPACE,
    config: str = "",
) -> Object:
    labels = app.labels(name)
    pod: Object = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    if config:
        pod["volumes"] = [{"name": "conf", "configMap": {"name": config}}]
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return make(kind, name, namespace, spec=spec)


def _nginx(port_name: str, port: int) -> Object:
    return {
        "name": "web",
        "image": NGINX,
        "ports": [{"name": port_name, "containerPort": port}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": port}, "periodSeconds": 2},
        "volumeMounts": [{"name": "conf", "mountPath": "/etc/nginx/conf.d"}],
    }


def _echo(app: Application, tier: str, port: int) -> Object:
    args = [f"-listen=:{port}", f"-text={app.text(tier)}"]
    return {"name": "server", "image": ECHO, "args": args, "ports": [{"name": "data", "containerPort": port}]}
