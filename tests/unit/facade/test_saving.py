"""What a learner made, kept as manifests and put back: nothing of the cluster's own, nothing lost, nothing foreign."""

from __future__ import annotations

import pytest

import podwalk
from podwalk.facade import Cluster, saving, wire
from podwalk.facade.belongings import collect, key
from podwalk.facade.errors import ManifestError
from podwalk.facade.scope import Scope

SCOPE = Scope(namespaces=("shop",), cluster=("ingressclasses",), allowed=("configmaps/coredns",))
WORK = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {tier: one}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "hashicorp/http-echo:1.0", args: ["-listen=:8080", "-text=hi"]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {containers: [{name: shell, image: "busybox:1.36", command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Secret
metadata: {name: password, namespace: shop}
stringData: {password: hidden}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: mine}
spec: {controller: example.com/mine}
---
apiVersion: v1
kind: Secret
metadata: {name: token, namespace: shop, annotations: {kubernetes.io/service-account.name: default}}
type: kubernetes.io/service-account-token
"""
NAMES = {
    "Namespace/shop", "Deployment.apps/shop/web", "Service/shop/web", "Pod/shop/client", "Secret/shop/password",
    "IngressClass.networking.k8s.io/mine", "ConfigMap/kube-system/coredns",
}  # fmt: skip


def _cluster(manifest: str = WORK) -> Cluster:
    made = podwalk.cluster("in-process", quiet=True)
    made.apply(manifest)
    return made


def test_what_is_kept_is_the_learners_work_and_nothing_of_the_clusters() -> None:
    found = {key(obj): obj for obj in collect(_cluster(), SCOPE)}
    assert set(found) == NAMES, "no ReplicaSet, no EndpointSlice, no token, no certificate, nothing of kube-system else"
    for obj in found.values():
        assert "status" not in obj
        assert not {"uid", "resourceVersion", "managedFields", "creationTimestamp"} & set(obj["metadata"])
    assert "clusterIP" not in found["Service/shop/web"]["spec"]
    assert "nodeName" not in found["Pod/shop/client"]["spec"]


def test_what_was_kept_makes_the_same_in_a_fresh_cluster() -> None:
    one, other = _cluster(), podwalk.cluster("in-process", quiet=True)
    text = saving.dump(collect(one, SCOPE), "0" * 32)
    done = saving.restore(other, text, SCOPE)
    assert done.problems == ()
    assert saving.differences(collect(one, SCOPE), collect(other, SCOPE)) == []
    assert repr(saving.restore(other, text, SCOPE)) == "everything is as it was saved"
    other.wait("deployment/web", "condition=Available", namespace="shop")


def test_changed_deleted_and_immutable_things_are_as_they_were_saved() -> None:
    one, other = _cluster(), _cluster()
    one.delete("service/web", namespace="shop")
    one.apply(WORK.split("---")[2].replace("NodePort", "ClusterIP").replace(", nodePort: 30080", ""))
    one.delete("pod/client", namespace="shop")
    # What cannot change on the object that is there: a Deployment's selector.
    one.delete("deployment/web", namespace="shop")
    one.apply(WORK.split("---")[1].replace("app: web", "app: shop-web"))
    other.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra, namespace: shop}\n")

    done = saving.restore(other, saving.dump(collect(one, SCOPE), "0" * 32), SCOPE)

    assert done.problems == ()
    assert saving.differences(collect(one, SCOPE), collect(other, SCOPE)) == []


def test_a_deleted_namespace_and_a_deleted_object_without_one_go_when_no_cell_follows() -> None:
    one, other = _cluster(), _cluster()
    one.delete("namespace/shop")
    one.delete("ingressclass/mine")
    kept = saving.dump(collect(one, SCOPE), "0" * 32)

    saving.restore(other, kept, SCOPE)
    assert {"Namespace/shop", "IngressClass.networking.k8s.io/mine"} <= {key(obj) for obj in collect(other, SCOPE)}

    done = saving.restore(other, kept, SCOPE, last=True)
    assert {key(obj) for obj in collect(other, SCOPE)} == {key(obj) for obj in collect(one, SCOPE)}
    saving.put_back(other, done.deleted)
    assert {"Namespace/shop", "IngressClass.networking.k8s.io/mine"} <= {key(obj) for obj in collect(other, SCOPE)}


def test_what_somebody_else_has_made_without_a_namespace_is_left_alone() -> None:
    one, other = _cluster(), _cluster()
    one.delete("ingressclass/mine")
    theirs = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": "theirs"},
        "spec": {"controller": "example.com/theirs"},
    }
    wire.call(other.api, "POST", "/apis/networking.k8s.io/v1/ingressclasses", body=theirs)
    saving.restore(other, saving.dump(collect(one, SCOPE), "0" * 32), SCOPE, last=True)
    assert other.get("ingressclasses").names == ["theirs"]


def test_a_port_of_something_deleted_is_free_for_what_was_saved() -> None:
    one, other = _cluster(), _cluster()
    one.delete("service/web", namespace="shop")
    one.apply(WORK.split("---")[2].replace("name: web,", "name: new,"))
    done = saving.restore(other, saving.dump(collect(one, SCOPE), "0" * 32), SCOPE)
    assert done.problems == ()
    assert other.get("services", "new", namespace="shop").object["spec"]["ports"][0]["nodePort"] == 30080


def test_a_field_that_was_taken_away_stays_away() -> None:
    policy = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: only, namespace: shop, labels: {a: b}}
spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress, Egress], egress: [{ports: [{port: 53}]}]}
"""
    one, other = _cluster(), _cluster()
    other.apply(policy)
    one.apply(policy.replace(", labels: {a: b}", "").replace(", egress: [{ports: [{port: 53}]}]", ""))
    saving.restore(other, saving.dump(collect(one, SCOPE), "0" * 32), SCOPE)
    assert saving.differences(collect(one, SCOPE), collect(other, SCOPE)) == []


FOREIGN = """# Saved by podwalk from the cells 00.
apiVersion: v1
kind: ConfigMap
metadata: {name: taken, namespace: default}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kube-proxy, namespace: kube-system}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: all}
---
apiVersion: v1
kind: Namespace
metadata: {name: other}
---
apiVersion: example.com/v1
kind: Unknown
metadata: {name: unknown}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
"""


def test_what_the_assignment_is_not_about_is_passed_over() -> None:
    cluster = podwalk.cluster("in-process", quiet=True)
    before = cluster.get("configmaps", "kube-proxy", namespace="kube-system").object
    assert saving.restore(cluster, FOREIGN, SCOPE).changed == ("namespace/shop created",)
    assert cluster.get("configmaps", "kube-proxy", namespace="kube-system").object == before
    assert "other" not in cluster.get("namespaces").names
    assert "taken" not in cluster.get("configmaps", namespace="default").names


DAMAGED = {
    "no YAML": "# head\n\t- not yaml: [",
    "no object": "# head\n- a\n- list",
    "no name": "# head\nkind: Pod",
    "a Python object": "# head\n!!python/object:os.system {}",
    "too large": "x" * 1_000_001,
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ManifestError):
        saving.restore(podwalk.cluster("in-process", quiet=True), text, SCOPE)


def test_an_object_that_cannot_be_put_back_does_not_keep_the_others_away() -> None:
    cluster = podwalk.cluster("in-process", quiet=True)
    text = FOREIGN + "---\napiVersion: v1\nkind: Service\nmetadata: {name: broken, namespace: shop}\n"
    text += "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: whole, namespace: shop}\n"
    done = saving.restore(cluster, text, SCOPE)
    assert [problem.partition(" ")[0] for problem in done.problems] == ["Service/shop/broken"]
    assert "whole" in cluster.get("configmaps", namespace="shop").names
