"""What the admission plugins add and refuse."""

from __future__ import annotations

from tests.unit.api.calls import PODS, Caller, pod

TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount"


def test_a_pod_gets_its_service_account_and_token(call: Caller) -> None:
    spec = call.created(PODS, pod())["spec"]
    assert (spec["serviceAccountName"], spec["serviceAccount"]) == ("default", "default")
    (volume,) = spec["volumes"]
    (mount,) = spec["containers"][0]["volumeMounts"]
    assert volume["name"].startswith("kube-api-access-")
    assert mount == {"name": volume["name"], "readOnly": True, "mountPath": TOKENS}
    sources = [next(iter(source)) for source in volume["projected"]["sources"]]
    assert sources == ["serviceAccountToken", "configMap", "downwardAPI"]


def test_a_pod_may_go_without_a_token(call: Caller) -> None:
    spec = call.created(PODS, pod(automountServiceAccountToken=False))["spec"]
    assert "volumes" not in spec
    call.created(
        "/api/v1/namespaces/default/serviceaccounts",
        {"metadata": {"name": "shy"}, "automountServiceAccountToken": False},
    )
    assert "volumes" not in call.created(PODS, pod("other", serviceAccountName="shy"))["spec"]


def test_a_pod_without_its_service_account_is_forbidden(call: Caller) -> None:
    answer = call("POST", PODS, pod(serviceAccountName="nosuch"))
    assert answer.status == 403
    assert answer.message == (
        'pods "web" is forbidden: error looking up service account default/nosuch: serviceaccount "nosuch" not found'
    )


def test_a_pod_tolerates_a_short_absence_of_its_node(call: Caller) -> None:
    tolerations = call.created(PODS, pod())["spec"]["tolerations"]
    assert [(one["key"], one["effect"], one["tolerationSeconds"]) for one in tolerations] == [
        ("node.kubernetes.io/not-ready", "NoExecute", 300),
        ("node.kubernetes.io/unreachable", "NoExecute", 300),
    ]


def test_a_pod_that_tolerates_everything_gets_no_more(call: Caller) -> None:
    tolerations = call.created(PODS, pod(tolerations=[{"operator": "Exists"}]))["spec"]["tolerations"]
    assert tolerations == [{"operator": "Exists"}]


def test_priority_comes_from_the_class(call: Caller) -> None:
    call.created("/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": "high"}, "value": 1000})
    assert call.created(PODS, pod(priorityClassName="high"))["spec"]["priority"] == 1000
    assert call.created(PODS, pod("low"))["spec"]["priority"] == 0
    missing = call("POST", PODS, pod("x", priorityClassName="nosuch"))
    assert missing.message == 'pods "x" is forbidden: no PriorityClass with name nosuch was found'
    own = call("POST", PODS, pod("y", priority=7))
    assert own.message == (
        'pods "y" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission '
        "controller computed 0 from the given PriorityClass name"
    )


def test_a_namespace_that_is_going_takes_nothing_new(call: Caller) -> None:
    call.created("/api/v1/namespaces", {"metadata": {"name": "old"}})
    call("DELETE", "/api/v1/namespaces/old")
    answer = call("POST", "/api/v1/namespaces/old/configmaps", {"metadata": {"name": "c"}})
    assert answer.status == 403
    assert answer.message == (
        'configmaps "c" is forbidden: unable to create new content in namespace old because it is being terminated'
    )
    assert answer.body["details"]["causes"] == [
        {
            "reason": "NamespaceTerminating",
            "message": "namespace old is being terminated",
            "field": "metadata.namespace",
        }
    ]


def test_an_ingress_gets_the_default_class(call: Caller) -> None:
    annotations = {"ingressclass.kubernetes.io/is-default-class": "true"}
    classes = "/apis/networking.k8s.io/v1/ingressclasses"
    call.created(classes, {"metadata": {"name": "main", "annotations": annotations}, "spec": {"controller": "e.com/c"}})
    backend = {"service": {"name": "s", "port": {"number": 80}}}
    ingresses = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
    made = call.created(ingresses, {"metadata": {"name": "i"}, "spec": {"defaultBackend": backend}})
    assert made["spec"]["ingressClassName"] == "main"


def test_of_two_default_classes_made_in_one_second_the_lower_name_counts(call: Caller) -> None:
    annotations = {"ingressclass.kubernetes.io/is-default-class": "true"}
    classes = "/apis/networking.k8s.io/v1/ingressclasses"
    times = {
        call.created(
            classes, {"metadata": {"name": name, "annotations": annotations}, "spec": {"controller": "e.com/c"}}
        )["metadata"]["creationTimestamp"]
        for name in ("one", "two")
    }
    assert len(times) == 1
    backend = {"service": {"name": "s", "port": {"number": 80}}}
    ingresses = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
    made = call.created(ingresses, {"metadata": {"name": "i"}, "spec": {"defaultBackend": backend}})
    assert made["spec"]["ingressClassName"] == "one"


def test_endpoints_are_deprecated(call: Caller) -> None:
    warning = '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"'
    path = "/api/v1/namespaces/default/endpoints"
    assert call("GET", path).headers["warning"] == warning
    assert call("POST", path, {"metadata": {"name": "e"}}).headers["warning"] == warning


def test_what_is_stored_without_effect_says_so(call: Caller) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claims = "/api/v1/namespaces/default/persistentvolumeclaims"
    answer = call("POST", claims, {"metadata": {"name": "c"}, "spec": spec})
    assert answer.status == 201
    assert "provisions no volumes" in answer.headers["warning"]
