"""Each rule finds its fault, names the field, and lets every good way of doing it pass."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from podwalk.errors import PodwalkError
from podwalk.reviews import RULES, Review, review
from podwalk.store import Store
from podwalk.types import ClusterOptions, Object

NAMESPACE = "clinic"
DESCRIBED = {"kubernetes.io/description": "The desk calls the records."}

GOOD = """
namespaces:
- metadata:
    name: clinic
    labels: {kubernetes.io/metadata.name: clinic, pod-security.kubernetes.io/enforce: restricted}
- metadata:
    name: kube-system
    labels: {kubernetes.io/metadata.name: kube-system}
deployments.apps:
- metadata: {name: desk, namespace: clinic}
  spec:
    template:
      metadata: {labels: {app: desk}}
      spec:
        containers:
        - name: web
          ports: [{name: http, containerPort: 8080}]
          readinessProbe: {httpGet: {path: /, port: http}}
pods:
- metadata:
    name: desk-1
    namespace: clinic
    labels: {app: desk}
    ownerReferences: [{kind: ReplicaSet, name: desk, uid: "1", controller: true}]
  spec: {nodeName: worker, containers: [{name: web}]}
  status: {phase: Running, podIP: 10.244.1.5, podIPs: [{ip: 10.244.1.5}]}
- metadata: {name: coredns-1, namespace: kube-system, labels: {k8s-app: kube-dns}}
  spec: {nodeName: worker, containers: [{name: coredns}]}
  status: {phase: Running, podIP: 10.244.1.2, podIPs: [{ip: 10.244.1.2}]}
services:
- metadata: {name: desk, namespace: clinic}
  spec: {type: ClusterIP, selector: {app: desk}, ports: [{port: 80, targetPort: http, protocol: TCP}]}
networkpolicies.networking.k8s.io:
- metadata:
    name: default-deny
    namespace: clinic
    annotations: {kubernetes.io/description: Nobody calls anybody unless another policy says so.}
  spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
- metadata:
    name: names
    namespace: clinic
    annotations: {kubernetes.io/description: Everybody looks names up.}
  spec:
    podSelector: {}
    policyTypes: [Egress]
    egress:
    - to:
      - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
        podSelector: {matchLabels: {k8s-app: kube-dns}}
      ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
ingresses.networking.k8s.io:
- metadata: {name: desk, namespace: clinic}
  spec:
    rules: [{host: clinic.example}]
    tls: [{hosts: [clinic.example], secretName: cert}]
secrets:
- {metadata: {name: cert, namespace: clinic}, type: kubernetes.io/tls}
roles.rbac.authorization.k8s.io:
- metadata: {name: reader, namespace: clinic}
  rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]
rolebindings.rbac.authorization.k8s.io:
- metadata: {name: desk, namespace: clinic}
  roleRef: {kind: Role, name: reader}
  subjects: [{kind: ServiceAccount, name: desk}]
clusterroles.rbac.authorization.k8s.io:
- metadata: {name: cluster-admin}
  rules: [{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}]
- metadata: {name: edit}
  rules: [{apiGroups: [networking.k8s.io], resources: [ingresses, networkpolicies], verbs: [create, delete]}]
- metadata: {name: view}
  rules: [{apiGroups: ["*"], resources: ["*"], verbs: [get]}]
clusterrolebindings.rbac.authorization.k8s.io:
- metadata: {name: cluster-admin}
  roleRef: {kind: ClusterRole, name: cluster-admin}
  subjects: [{kind: Group, name: system:masters}]
- metadata: {name: system:discovery}
  roleRef: {kind: ClusterRole, name: system:discovery}
  subjects: [{kind: Group, name: system:authenticated}]
"""

Objects = dict[str, list[Object]]


def reviewed(objects: Objects, *rules: str) -> Review:
    store = Store()
    store.restore(((resource, obj) for resource, found in objects.items() for obj in found), 1)
    return review(store, NAMESPACE, rules=rules, options=ClusterOptions())


def good() -> Objects:
    loaded: Objects = yaml.safe_load(GOOD)
    return loaded


def at(value: Any, path: str) -> tuple[Any, str | int]:
    """Return what holds the last part of a path such as ``services.0.spec.type``; ``~`` stands for a dot."""
    parts = [int(part) if part.isdigit() else part.replace("~", ".") for part in path.split(".")]
    for part in parts[:-1]:
        value = value[part]
    return value, parts[-1]


DELETE = object()


def changed(path: str, new: Any) -> Objects:
    objects = good()
    holder, key = at(objects, path)
    if new is DELETE:
        del holder[key]
    else:
        holder[key] = copy.deepcopy(new)
    return objects


def test_a_good_namespace_has_no_findings() -> None:
    found = reviewed(good())
    assert found.findings == ()
    assert found.summary == "10 of 10 rules hold in namespace clinic"


POLICIES = "networkpolicies~networking~k8s~io"
BINDING = "rolebindings~rbac~authorization~k8s~io.0"
BINDINGS = "clusterrolebindings~rbac~authorization~k8s~io.0"
INGRESS = "ingresses~networking~k8s~io.0.spec"
TEMPLATE = "deployments~apps.0.spec.template.spec"
PORTS = [{"port": 8080}]

FAULTS: dict[str, tuple[str, Any, str, str, str]] = {
    "no policy selects every Pod for ingress": (
        f"{POLICIES}.0.spec.podSelector",
        {"matchLabels": {"app": "desk"}},
        "default-deny",
        "namespace/clinic",
        "NetworkPolicy spec.policyTypes",
    ),
    "a rule that is empty": (
        f"{POLICIES}.0.spec.ingress",
        [{}],
        "open-rule",
        "networkpolicy/default-deny",
        "spec.ingress[0]",
    ),
    "everybody by his address": (
        f"{POLICIES}.1.spec.egress.0",
        {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]},
        "open-rule",
        "networkpolicy/names",
        "spec.egress[0].to[0]",
    ),
    "every Pod of every namespace": (
        f"{POLICIES}.0.spec.ingress",
        [{"from": [{"namespaceSelector": {}}]}],
        "open-rule",
        "networkpolicy/default-deny",
        "spec.ingress[0].from[0]",
    ),
    "names over UDP only": (
        f"{POLICIES}.1.spec.egress.0.ports",
        [{"protocol": "UDP", "port": 53}],
        "dns-egress",
        "networkpolicy/default-deny",
        "spec.egress",
    ),
    "calls without names": (
        f"{POLICIES}.1.spec.egress.0",
        {"to": [{"podSelector": {}}], "ports": PORTS},
        "dns-egress",
        "networkpolicy/default-deny",
        "spec.egress",
    ),
    "a policy without a reason": (
        f"{POLICIES}.0.metadata.annotations",
        {},
        "reason",
        "networkpolicy/default-deny",
        "metadata.annotations[kubernetes.io/description]",
    ),
    "a reason of blanks": (
        f"{POLICIES}.0.metadata.annotations",
        {"kubernetes.io/description": "  "},
        "reason",
        "networkpolicy/default-deny",
        "metadata.annotations[kubernetes.io/description]",
    ),
    "a NodePort": (
        "services.0.spec",
        {"type": "NodePort", "selector": {"app": "desk"}, "ports": [{"port": 80, "nodePort": 30080}]},
        "exposure",
        "service/desk",
        "spec.type",
    ),
    "a load balancer for everybody": (
        "services.0.spec.type",
        "LoadBalancer",
        "exposure",
        "service/desk",
        "spec.loadBalancerSourceRanges",
    ),
    "an external address": (
        "services.0.spec.externalIPs",
        ["192.0.2.1"],
        "exposure",
        "service/desk",
        "spec.externalIPs",
    ),
    "the node's network": (
        f"{TEMPLATE}.hostNetwork",
        True,
        "exposure",
        "deployment/desk",
        "spec.template.spec.hostNetwork",
    ),
    "a port of the node": (
        f"{TEMPLATE}.containers.0.ports.0.hostPort",
        80,
        "exposure",
        "deployment/desk",
        "spec.template.spec.containers[0].ports[0].hostPort",
    ),
    "no TLS": (f"{INGRESS}.tls", [], "tls", "ingress/desk", "spec.tls"),
    "TLS for another host": (f"{INGRESS}.tls.0.hosts", ["example.org"], "tls", "ingress/desk", "spec.tls"),
    "every host, in clear text": (f"{INGRESS}.rules.0", {}, "tls", "ingress/desk", "spec.rules[0].host"),
    "a certificate that is not there": (
        f"{INGRESS}.tls.0.secretName",
        "other",
        "tls",
        "ingress/desk",
        "spec.tls[0].secretName",
    ),
    "a Secret of another type": ("secrets.0.type", "Opaque", "tls", "ingress/desk", "spec.tls[0].secretName"),
    "no readiness probe": (
        f"{TEMPLATE}.containers.0.readinessProbe",
        DELETE,
        "readiness",
        "deployment/desk",
        "spec.template.spec.containers[0].readinessProbe",
    ),
    "a selector misspelt": ("services.0.spec.selector", {"app": "dsk"}, "endpoints", "service/desk", "spec.selector"),
    "a port that nobody has": (
        "services.0.spec.ports.0.targetPort",
        "web",
        "endpoints",
        "service/desk",
        "spec.ports[0].targetPort",
    ),
    "Pods that may do everything": (
        f"{BINDING}.roleRef",
        {"kind": "ClusterRole", "name": "cluster-admin"},
        "rbac",
        "rolebinding/desk",
        "roleRef",
    ),
    "Pods that may change the policies": (
        f"{BINDING}.roleRef",
        {"kind": "ClusterRole", "name": "edit"},
        "rbac",
        "rolebinding/desk",
        "roleRef",
    ),
    "a cluster-wide right for a Pod": (
        f"{BINDINGS}.subjects",
        [{"kind": "ServiceAccount", "name": "desk", "namespace": "clinic"}],
        "rbac",
        "clusterrolebinding/cluster-admin",
        "roleRef",
    ),
    "all Pods of the namespace": (
        f"{BINDINGS}.subjects",
        [{"kind": "Group", "name": "system:serviceaccounts:clinic"}],
        "rbac",
        "clusterrolebinding/cluster-admin",
        "roleRef",
    ),
    "everybody": (
        f"{BINDING}.subjects",
        [{"kind": "Group", "name": "system:authenticated"}],
        "rbac",
        "rolebinding/desk",
        "subjects[0]",
    ),
    "no level": (
        "namespaces.0.metadata.labels",
        {},
        "pod-security",
        "namespace/clinic",
        "metadata.labels[pod-security.kubernetes.io/enforce]",
    ),
    "the level that allows everything": (
        "namespaces.0.metadata.labels",
        {"pod-security.kubernetes.io/enforce": "privileged"},
        "pod-security",
        "namespace/clinic",
        "metadata.labels[pod-security.kubernetes.io/enforce]",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_by_its_rule_alone(fault: str) -> None:
    path, new, rule, label, field = FAULTS[fault]
    found = reviewed(changed(path, new))
    assert [(each.rule, each.object, each.field) for each in found] == [(rule, label, field)]
    assert found.findings[0].why
    assert found.findings[0].fix
    assert reviewed(changed(path, new), rule).findings == found.findings


FINE: dict[str, tuple[str, Any]] = {
    "each direction closed by a policy of its own": (f"{POLICIES}.0.spec.policyTypes", ["Ingress"]),
    "a wildcard for the host": (f"{INGRESS}.tls.0.hosts", ["*.example"]),
    "a certificate for whatever is asked": (f"{INGRESS}.tls.0.hosts", []),
    "the controller's default certificate, on purpose": (f"{INGRESS}.tls.0", {"hosts": ["clinic.example"]}),
    "a load balancer for some": (
        "services.0.spec",
        {
            "type": "LoadBalancer",
            "loadBalancerSourceRanges": ["192.0.2.0/24"],
            "selector": {"app": "desk"},
            "ports": [],
        },
    ),
    "a Service without a selector": ("services.0.spec", {"ports": [{"port": 80}]}),
    "a target port by number": ("services.0.spec.ports.0.targetPort", 8080),
    "a rule for everybody at one port": (f"{POLICIES}.0.spec.ingress", [{"ports": PORTS}]),
    "everybody but the cluster's own": (
        f"{POLICIES}.0.spec.ingress",
        [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]}],
    ),
    "Pods that call nobody, names neither": (f"{POLICIES}.1.spec.egress", []),
    "Pods of another namespace that may do everything": (
        f"{BINDINGS}.subjects",
        [{"kind": "ServiceAccount", "name": "desk", "namespace": "kube-system"}],
    ),
    "an administrator of the namespace": (
        f"{BINDING}",
        {
            "metadata": {"name": "admins", "namespace": "clinic"},
            "roleRef": {"kind": "ClusterRole", "name": "edit"},
            "subjects": [{"kind": "User", "name": "ada"}],
        },
    ),
    "Pods that may look at everything": (f"{BINDING}.roleRef", {"kind": "ClusterRole", "name": "view"}),
    "a milder level": ("namespaces.0.metadata.labels", {"pod-security.kubernetes.io/enforce": "baseline"}),
}


@pytest.mark.parametrize("way", FINE)
def test_another_good_way_has_no_findings(way: str) -> None:
    assert reviewed(changed(*FINE[way])).findings == ()


def test_a_pod_of_its_own_needs_a_probe_as_a_workload_does() -> None:
    objects = good()
    objects["pods"][0]["metadata"]["ownerReferences"] = []
    assert [(each.object, each.field) for each in reviewed(objects, "readiness")] == [
        ("pod/desk-1", "spec.containers[0].readinessProbe")
    ]


def test_open_pods_are_named() -> None:
    objects = good()
    del objects["networkpolicies.networking.k8s.io"]
    ingress, egress = reviewed(objects, "default-deny")
    assert "Pod desk-1 today, may be called by everybody" in ingress.why
    assert "may call everybody" in egress.why


def test_text_names_rule_object_and_field_and_counts_the_rules_that_hold() -> None:
    text = repr(reviewed(changed(f"{INGRESS}.tls", [])))
    assert "✗ tls\n  ingress/desk: clinic.example is served in clear text" in text
    assert "spec.tls: an entry with hosts: [clinic.example]" in text
    assert text.endswith("9 of 10 rules hold in namespace clinic")


def test_a_picture_escapes_what_objects_say() -> None:
    picture = reviewed(changed(f"{INGRESS}.rules.0.host", "<b>"))._repr_html_()
    assert "<b>" not in picture
    assert "&lt;b&gt;" in picture


def test_data_is_json() -> None:
    data = json.loads(json.dumps(reviewed(changed(f"{INGRESS}.tls", [])).data()))
    assert data["findings"][0]["rule"] == "tls"
    assert data["rules"] == list(RULES)


def test_what_could_not_be_read_is_said() -> None:
    assert "you may not read clusterroles" in replace(reviewed(good()), unread=("clusterroles",)).summary


def test_a_rule_that_is_not_there_is_refused() -> None:
    with pytest.raises(PodwalkError, match="there is no rule 'tsl'"):
        reviewed(good(), "tsl")
