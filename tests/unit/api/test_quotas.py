"""ResourceQuotas and LimitRanges: what a namespace may use, and what a container gets and may not go beyond.

The words are those that a real cluster was seen to use.
"""

from __future__ import annotations

from typing import Any

import pytest

from podwalk.types import Object
from tests.unit.api.calls import MERGE, Caller

CORE = "/api/v1/namespaces/default"


def quota(call: Caller, name: str = "q", scopes: list[str] | None = None, **hard: str) -> None:
    names = {key: key.replace("count_", "count/").replace("_", ".") for key in hard}
    spec: Object = {"hard": {names[key]: value for key, value in hard.items()}}
    call.created(f"{CORE}/resourcequotas", {"metadata": {"name": name}, "spec": spec | {"scopes": scopes or []}})


def used(call: Caller, name: str = "q") -> Object:
    found: Object = call("GET", f"{CORE}/resourcequotas/{name}").body["status"]["used"]
    return found


def pod(name: str, *resources: Object, **spec: Any) -> Object:
    containers = [{"name": f"c{n}", "image": "busybox:1.36", "resources": one} for n, one in enumerate(resources)]
    return {"metadata": {"name": name}, "spec": {"containers": containers, **spec}}


def service(name: str, kind: str, *ports: int) -> Object:
    return {"metadata": {"name": name}, "spec": {"type": kind, "ports": [{"name": f"p{n}", "port": n} for n in ports]}}


def test_a_quota_counts_what_is_there_and_refuses_what_is_too_much(call: Caller) -> None:
    call.created(f"{CORE}/configmaps", {"metadata": {"name": "one"}})
    quota(call, count_configmaps="2", secrets="1")
    assert used(call) == {"count/configmaps": "1", "secrets": "0"}
    call.created(f"{CORE}/configmaps", {"metadata": {"name": "two"}})
    refused = call("POST", f"{CORE}/configmaps", {"metadata": {"name": "three"}})
    assert (refused.status, refused.body["reason"]) == (403, "Forbidden")
    assert refused.message == (
        'configmaps "three" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=2, '
        "limited: count/configmaps=2"
    )
    call("DELETE", f"{CORE}/configmaps/one")
    assert used(call)["count/configmaps"] == "1"
    call.created(f"{CORE}/configmaps", {"metadata": {"name": "three"}})


def test_every_container_must_state_what_a_quota_limits(call: Caller) -> None:
    quota(call, requests_cpu="1", limits_memory="1Gi", pods="5")
    refused = call("POST", f"{CORE}/pods", pod("a", {"requests": {"cpu": "1m"}}, {}))
    assert refused.message == (
        'pods "a" is forbidden: failed quota: q: must specify limits.memory for: c0,c1; requests.cpu for: c1'
    )


def test_what_pods_ask_for_adds_up_in_the_form_it_was_written_in(call: Caller) -> None:
    quota(call, requests_cpu="1", limits_memory="1Gi", pods="5")
    asked = {"requests": {"cpu": "600m"}, "limits": {"memory": "600Mi"}}
    call.created(f"{CORE}/pods", pod("a", asked))
    assert used(call) == {"limits.memory": "600Mi", "pods": "1", "requests.cpu": "600m"}
    assert call("POST", f"{CORE}/pods", pod("b", asked)).message == (
        'pods "b" is forbidden: exceeded quota: q, requested: limits.memory=600Mi,requests.cpu=600m, '
        "used: limits.memory=600Mi,requests.cpu=600m, limited: limits.memory=1Gi,requests.cpu=1"
    )
    call("PATCH", f"{CORE}/pods/a/status", {"status": {"phase": "Succeeded"}}, content_type=MERGE)
    assert used(call) == {"limits.memory": "0", "pods": "0", "requests.cpu": "0"}


def test_a_quota_of_services_holds_for_a_change_of_type_too(call: Caller) -> None:
    quota(call, services="3", services_nodeports="2", services_loadbalancers="0")
    call.created(f"{CORE}/services", service("a", "NodePort", 1, 2))
    call.created(f"{CORE}/services", service("b", "ClusterIP", 1))
    assert used(call) == {"services": "2", "services.loadbalancers": "0", "services.nodeports": "2"}
    changed = call("PATCH", f"{CORE}/services/b", {"spec": {"type": "LoadBalancer"}}, content_type=MERGE)
    assert changed.message == (
        'services "b" is forbidden: exceeded quota: q, requested: services.loadbalancers=1,services.nodeports=1, '
        "used: services.loadbalancers=0,services.nodeports=2, limited: services.loadbalancers=0,services.nodeports=2"
    )
    kept = call("PATCH", f"{CORE}/services/a", {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE)
    assert kept.status == 200


def test_a_quota_with_scopes_is_about_some_pods_only(call: Caller) -> None:
    quota(call, "best", ["BestEffort"], pods="1")
    quota(call, "ends", ["Terminating"], pods="1")
    call.created(f"{CORE}/pods", pod("a", {}))
    call.created(f"{CORE}/pods", pod("b", {"requests": {"cpu": "1"}}))
    call.created(f"{CORE}/pods", pod("c", {"requests": {"cpu": "1"}}, activeDeadlineSeconds=9))
    assert (used(call, "best"), used(call, "ends")) == ({"pods": "1"}, {"pods": "1"})
    assert "exceeded quota: best" in call("POST", f"{CORE}/pods", pod("d", {})).message
    assert call("POST", f"{CORE}/pods", pod("e", {"limits": {"cpu": "1"}})).status == 201


@pytest.mark.parametrize(
    ("spec", "causes"),
    [
        (
            {"hard": {"foo": "1", "pods": "-1"}, "scopes": ["Best"]},
            [
                'spec.hard[foo]: Invalid value: "foo": must be a standard resource type or fully qualified',
                'spec.hard[foo]: Invalid value: "foo": must be a standard resource for quota',
                'spec.hard[pods]: Invalid value: "-1": must be greater than or equal to 0',
                'spec.scopes: Invalid value: ["Best"]: unsupported scope',
            ],
        ),
        ({"hard": {"pods": "500m"}}, ['spec.hard[pods]: Invalid value: "500m": must be an integer']),
        (
            {"hard": {"services": "1"}, "scopes": ["BestEffort"]},
            ['spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource'],
        ),
    ],
)
def test_a_quota_that_is_wrong_is_invalid(call: Caller, spec: Object, causes: list[str]) -> None:
    refused = call("POST", f"{CORE}/resourcequotas", {"metadata": {"name": "q"}, "spec": spec})
    assert [f"{one['field']}: {one['message']}" for one in refused.body["details"]["causes"]] == causes


def ranges(call: Caller, *limits: Object) -> None:
    call.created(f"{CORE}/limitranges", {"metadata": {"name": "l"}, "spec": {"limits": [*limits]}})


def test_a_limit_range_fills_in_what_containers_leave_out(call: Caller) -> None:
    limit = {
        "type": "Container",
        "default": {"cpu": "500m"},
        "defaultRequest": {"cpu": "100m"},
        "max": {"memory": "1Gi"},
    }
    ranges(call, limit)
    made = call.created(f"{CORE}/pods", pod("a", {}))
    assert made["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "500m", "memory": "1Gi"},
        "requests": {"cpu": "100m", "memory": "1Gi"},
    }
    assert made["metadata"]["annotations"]["kubernetes.io/limit-ranger"] == (
        "LimitRanger plugin set: cpu, memory request for container c0; cpu, memory limit for container c0"
    )
    assert made["status"]["qosClass"] == "Burstable"


@pytest.mark.parametrize(
    ("limit", "resources", "said"),
    [
        (
            {"type": "Container", "min": {"cpu": "50m"}, "max": {"cpu": "800m"}, "maxLimitRequestRatio": {"cpu": "6"}},
            {"requests": {"cpu": "20m"}, "limits": {"cpu": "900m"}},
            (
                "[minimum cpu usage per Container is 50m, but request is 20m, maximum cpu usage per Container is 800m, "
                "but limit is 900m, cpu max limit to request ratio per Container is 6, but provided ratio is 45.000000]"
            ),
        ),
        (
            {"type": "Pod", "max": {"cpu": "1"}, "maxLimitRequestRatio": {"cpu": "2"}},
            {},
            (
                "[maximum cpu usage per Pod is 1.  No limit is specified, cpu max limit to request ratio per Pod is 2, "
                "but no request is specified or request is 0]"
            ),
        ),
        (
            {"type": "Pod", "max": {"cpu": "1"}},
            {"limits": {"cpu": "1400m"}},
            "maximum cpu usage per Pod is 1, but limit is 1400m",
        ),
    ],
)
def test_a_limit_range_refuses_what_goes_beyond(call: Caller, limit: Object, resources: Object, said: str) -> None:
    ranges(call, limit)
    assert call("POST", f"{CORE}/pods", pod("a", resources)).message == f'pods "a" is forbidden: {said}'


def test_a_limit_range_at_odds_with_itself_is_invalid(call: Caller) -> None:
    limit = {"type": "Container", "default": {"cpu": "1"}, "defaultRequest": {"cpu": "2"}, "min": {"cpu": "3"}}
    refused = call("POST", f"{CORE}/limitranges", {"metadata": {"name": "l"}, "spec": {"limits": [limit]}})
    assert [f"{one['field']}: {one['message']}" for one in refused.body["details"]["causes"]] == [
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": min value 3 is greater than default request value 2',
        (
            'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than default '
            "limit value 1"
        ),
        'spec.limits[0].default[cpu]: Invalid value: "3": min value 3 is greater than default value 1',
    ]


def test_a_level_of_pod_security_that_there_is_not_is_invalid(call: Caller) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "foo", "pod-security.kubernetes.io/enforce-version": "latest1"}
    refused = call("POST", "/api/v1/namespaces", {"metadata": {"name": "n", "labels": labels}})
    assert [one["message"] for one in refused.body["details"]["causes"]] == [
        'Invalid value: "foo": must be one of privileged, baseline, restricted',
        'Invalid value: "latest1": must be "latest" or "v1.x"',
    ]
    assert refused.body["details"]["causes"][0]["field"] == "metadata.labels[pod-security.kubernetes.io/enforce]"
