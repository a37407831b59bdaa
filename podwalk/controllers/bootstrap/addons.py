"""What kubeadm adds to the control plane: CoreDNS behind the Service ``kube-dns``, and kube-proxy on every node."""

from __future__ import annotations

from podwalk.controllers.bootstrap.ensure import Maker
from podwalk.types import Object

COREDNS_IMAGE = "registry.k8s.io/coredns/coredns:v1.14.6"
KUBE_PROXY_IMAGE = "registry.k8s.io/kube-proxy:v1.37.0"
_SYSTEM = "kube-system"
_DNS = {"k8s-app": "kube-dns"}
_PROXY = {"k8s-app": "kube-proxy"}


def make(maker: Maker) -> None:
    """Make CoreDNS and kube-proxy."""
    for name in ("coredns", "kube-proxy"):
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": _SYSTEM}}
        maker.ensure("serviceaccounts", account)
    _config_map(maker, "coredns", {"Corefile": corefile(maker.options.cluster_domain)}, {})
    _config_map(maker, "kube-proxy", {"config.conf": _proxy_configuration(maker)}, {"app": "kube-proxy"})
    maker.ensure("services", _dns_service(maker.service_ip(10)))
    maker.ensure("deployments.apps", _coredns())
    maker.ensure("daemonsets.apps", _kube_proxy())


def corefile(domain: str) -> str:
    """Return the Corefile that kubeadm writes for a cluster domain."""
    return f""".:53 {{
    errors
    health {{
       lameduck 5s
    }}
    ready
    kubernetes {domain} in-addr.arpa ip6.arpa {{
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }}
    prometheus :9153
    forward . /etc/resolv.conf {{
       max_concurrent 1000
    }}
    cache 30 {{
       disable success {domain}
       disable denial {domain}
    }}
    loop
    reload
    loadbalance
}}
"""


def _config_map(maker: Maker, name: str, data: dict[str, str], labels: dict[str, str]) -> None:
    metadata: Object = {"name": name, "namespace": _SYSTEM, **({"labels": labels} if labels else {})}
    maker.ensure("configmaps", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def _proxy_configuration(maker: Maker) -> str:
    return (
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1\n"
        "bindAddress: 0.0.0.0\n"
        f"clusterCIDR: {maker.options.pod_cidr}\n"
        "iptables:\n"
        "  masqueradeAll: false\n"
        "  minSyncPeriod: 1s\n"
        "kind: KubeProxyConfiguration\n"
        "mode: iptables\n"
        "nodePortAddresses: null\n"
    )


def _dns_service(address: str) -> Object:
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": 53},
        {"name": "metrics", "port": 9153, "protocol": "TCP", "targetPort": 9153},
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kube-dns",
            "namespace": _SYSTEM,
            "labels": {**_DNS, "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS"},
            "annotations": {"prometheus.io/port": "9153", "prometheus.io/scrape": "true"},
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": address,
            "clusterIPs": [address],
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
            "sessionAffinity": "None",
            "selector": dict(_DNS),
            "ports": ports,
        },
    }


def _coredns() -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "coredns", "namespace": _SYSTEM, "labels": dict(_DNS)},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": dict(_DNS)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 1}},
            "template": {
                "metadata": {"labels": dict(_DNS)},
                "spec": {
                    "affinity": _apart(),
                    "containers": [_coredns_container()],
                    "dnsPolicy": "Default",
                    "nodeSelector": {"kubernetes.io/os": "linux"},
                    "priorityClassName": "system-cluster-critical",
                    "serviceAccountName": "coredns",
                    "tolerations": [
                        {"key": "CriticalAddonsOnly", "operator": "Exists"},
                        {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
                    ],
                    "volumes": [
                        {
                            "name": "config-volume",
                            "configMap": {"name": "coredns", "items": [{"key": "Corefile", "path": "Corefile"}]},
                        }
                    ],
                },
            },
        },
    }


def _apart() -> Object:
    chosen = {"matchExpressions": [{"key": "k8s-app", "operator": "In", "values": ["kube-dns"]}]}
    term = {"labelSelector": chosen, "topologyKey": "kubernetes.io/hostname"}
    weighted = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": weighted}}


def _coredns_container() -> Object:
    ports = (("dns", 53, "UDP"), ("dns-tcp", 53, "TCP"), ("metrics", 9153, "TCP"))
    probes = (("liveness-probe", 8080, "TCP"), ("readiness-probe", 8181, "TCP"))
    return {
        "name": "coredns",
        "image": COREDNS_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [{"name": name, "containerPort": port, "protocol": kind} for name, port, kind in (*ports, *probes)],
        "livenessProbe": {
            "httpGet": {"path": "/health", "port": "liveness-probe", "scheme": "HTTP"},
            "initialDelaySeconds": 60,
            "timeoutSeconds": 5,
            "failureThreshold": 5,
        },
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "readiness-probe", "scheme": "HTTP"}},
        "resources": {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "config-volume", "mountPath": "/etc/coredns", "readOnly": True}],
    }


def _kube_proxy() -> Object:
    node_name = {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "spec.nodeName"}}}
    container = {
        "name": "kube-proxy",
        "image": KUBE_PROXY_IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": [
            "/usr/local/bin/kube-proxy",
            "--config=/var/lib/kube-proxy/config.conf",
            "--hostname-override=$(NODE_NAME)",
        ],
        "env": [node_name],
        "securityContext": {"privileged": True},
        "volumeMounts": [{"name": "kube-proxy", "mountPath": "/var/lib/kube-proxy"}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "kube-proxy", "namespace": _SYSTEM, "labels": dict(_PROXY)},
        "spec": {
            "selector": {"matchLabels": dict(_PROXY)},
            "template": {
                "metadata": {"labels": dict(_PROXY)},
                "spec": {
                    "containers": [container],
                    "hostNetwork": True,
                    "nodeSelector": {"kubernetes.io/os": "linux"},
                    "priorityClassName": "system-node-critical",
                    "serviceAccountName": "kube-proxy",
                    "tolerations": [{"operator": "Exists"}],
                    "volumes": [{"name": "kube-proxy", "configMap": {"name": "kube-proxy"}}],
                },
            },
        },
    }
