"""ClusterNetworkPolicy: tiers, priorities and actions, as its types say it (network-policy-api, v1beta1)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podwalk.network import allowances, policy
from podwalk.network.policy.tiers import CLUSTER_POLICIES
from podwalk.types import ClusterOptions, Flow, Object
from tests.unit.network.test_policy_properties import policies, put, selectors, worlds
from tests.unit.network.worlds import World

SHOP, BANK = ({"matchLabels": {"team": team}} for team in ("shop", "bank"))
ANY: Object = {}


def cluster_policy(tier: str, priority: int, subject: Object, **rules: list[Object]) -> Object:
    return {"spec": {"tier": tier, "priority": priority, "subject": subject, **rules}}


def ingress(action: str, *peers: Object, **more: Any) -> Object:
    return {"action": action, "from": list(peers) or [{"namespaces": ANY}], **more}


def egress(action: str, *peers: Object, **more: Any) -> Object:
    return {"action": action, "to": list(peers) or [{"namespaces": ANY}], **more}


def tcp(number: int) -> list[Object]:
    return [{"tcp": {"destinationPort": {"number": number}}}]


def world(*cluster_policies: Object, options: ClusterOptions | None = None, **network_policies: Object) -> World:
    """A shop's web server and a bank's database; the NetworkPolicies, by name, are the bank's."""
    made = World(options or ClusterOptions())
    made.namespace("shop", team="shop")
    made.namespace("bank", team="bank")
    made.pod("web", {"app": "web"}, namespace="shop")
    made.pod("db", {"app": "db"}, namespace="bank", node="worker2")
    made.pod("host", {"app": "web"}, namespace="shop", host=True)
    for index, obj in enumerate(cluster_policies):
        made.put(CLUSTER_POLICIES, {"metadata": {"name": f"c{index}"}, **obj})
    for name, spec in network_policies.items():
        made.policy(name, spec, namespace="bank")
    return made


def calls(
    made: World, source: str = "shop/web", target: str = "bank/db", port: int = 80, protocol: str = "TCP"
) -> bool:
    here, there = (made.store.get("pods", *name.split("/")) for name in (source, target))
    assert here is not None
    assert there is not None
    allowed, _ = policy.check(made.store, made.peer(here), made.peer(there), port, protocol, options=made.options)
    found = policy.matrix(made.store, port=port, protocol=protocol, options=made.options)
    a, b = made.peer(here).pod, made.peer(there).pod
    assert a is not None
    assert b is not None
    assert found.allowed(a, b) == allowed, "the matrix and the verdict differ"
    return allowed


DB = {"pods": {"namespaceSelector": BANK, "podSelector": {"matchLabels": {"app": "db"}}}}
CLOSED: Object = {"podSelector": {}, "policyTypes": ["Ingress"]}
OPEN: Object = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}
DENY = cluster_policy("Admin", 10, DB, ingress=[ingress("Deny")])
ACCEPT = cluster_policy("Admin", 10, DB, ingress=[ingress("Accept")])
PASS = cluster_policy("Admin", 5, DB, ingress=[ingress("Pass")])
BASELINE_DENY = cluster_policy("Baseline", 10, DB, ingress=[ingress("Deny")])
BASELINE_ACCEPT = cluster_policy("Baseline", 5, DB, ingress=[ingress("Accept")])

TIERS: dict[str, tuple[World, bool]] = {
    "without any policy everything is allowed": (world(), True),
    "Admin denies what no NetworkPolicy closes": (world(DENY), False),
    "Admin denies what a NetworkPolicy allows": (world(DENY, open=OPEN), False),
    "Admin accepts what a NetworkPolicy closes": (world(ACCEPT, shut=CLOSED), True),
    "Admin accepts what the Baseline denies": (world(ACCEPT, BASELINE_DENY), True),
    "after Pass the NetworkPolicy decides: closed": (world(PASS, ACCEPT, shut=CLOSED), False),
    "after Pass the NetworkPolicy decides: open": (world(PASS, DENY, open=OPEN), True),
    "after Pass and without a NetworkPolicy the Baseline decides": (world(PASS, ACCEPT, BASELINE_DENY), False),
    "after Pass and without more everything is allowed": (world(PASS, DENY), True),
    "Baseline denies where no NetworkPolicy selects the Pod": (world(BASELINE_DENY), False),
    "Baseline is not asked where a NetworkPolicy selects the Pod": (world(BASELINE_DENY, open=OPEN), True),
    "Baseline does not open what a NetworkPolicy closes": (world(BASELINE_ACCEPT, shut=CLOSED), False),
    "a NetworkPolicy of the other direction leaves ingress to the Baseline": (
        world(BASELINE_DENY, out={"podSelector": {}, "policyTypes": ["Egress"]}),
        False,
    ),
    "Baseline Pass leaves the default, which is allowed": (
        world(cluster_policy("Baseline", 1, DB, ingress=[ingress("Pass")]), BASELINE_DENY),
        True,
    ),
    "the lower priority value comes first": (
        world(DENY, cluster_policy("Admin", 9, DB, ingress=[ingress("Accept")])),
        True,
    ),
    "priorities of another tier do not matter": (
        world(
            cluster_policy("Baseline", 0, DB, ingress=[ingress("Accept")]),
            cluster_policy("Admin", 1000, DB, ingress=[ingress("Deny")]),
        ),
        False,
    ),
    "of two rules the upper one comes first": (
        world(cluster_policy("Admin", 1, DB, ingress=[ingress("Accept"), ingress("Deny")])),
        True,
    ),
    "a rule that does not match lets the next one decide": (
        world(cluster_policy("Admin", 1, DB, ingress=[ingress("Accept", {"namespaces": BANK}), ingress("Deny")])),
        False,
    ),
    "Accept at the source leaves the target's policies in force": (
        world(cluster_policy("Admin", 1, {"namespaces": SHOP}, egress=[egress("Accept")]), shut=CLOSED),
        False,
    ),
    "egress is denied at the source": (
        world(cluster_policy("Admin", 1, {"namespaces": SHOP}, egress=[egress("Deny")]), open=OPEN),
        False,
    ),
    "a policy without ingress rules does not affect ingress": (
        world(cluster_policy("Admin", 1, DB, egress=[egress("Deny")])),
        True,
    ),
}


@pytest.mark.parametrize("sentence", TIERS)
def test_tiers(sentence: str) -> None:
    made, allowed = TIERS[sentence]
    assert calls(made) == allowed


MATCHES: dict[str, tuple[Object, int, str, bool]] = {
    "every namespace": (ingress("Deny", {"namespaces": ANY}), 80, "TCP", True),
    "the namespace by its label": (ingress("Deny", {"namespaces": SHOP}), 80, "TCP", True),
    "another namespace": (ingress("Deny", {"namespaces": BANK}), 80, "TCP", False),
    "the Pod and its namespace": (
        ingress("Deny", {"pods": {"namespaceSelector": SHOP, "podSelector": {"matchLabels": {"app": "web"}}}}),
        80,
        "TCP",
        True,
    ),
    "the Pod's label in another namespace": (
        ingress("Deny", {"pods": {"namespaceSelector": BANK, "podSelector": {"matchLabels": {"app": "web"}}}}),
        80,
        "TCP",
        False,
    ),
    "the Pod's label in any namespace": (
        ingress("Deny", {"pods": {"namespaceSelector": ANY, "podSelector": {"matchLabels": {"app": "web"}}}}),
        80,
        "TCP",
        True,
    ),
    "one of two peers": (ingress("Deny", {"namespaces": BANK}, {"namespaces": SHOP}), 80, "TCP", True),
    "the port": (ingress("Deny", protocols=tcp(80)), 80, "TCP", True),
    "another port": (ingress("Deny", protocols=tcp(81)), 80, "TCP", False),
    "another protocol": (ingress("Deny", protocols=tcp(80)), 80, "UDP", False),
    "a range, its first port": (
        ingress("Deny", protocols=[{"tcp": {"destinationPort": {"range": {"start": 80, "end": 90}}}}]),
        80,
        "TCP",
        True,
    ),
    "a range, its last port": (
        ingress("Deny", protocols=[{"tcp": {"destinationPort": {"range": {"start": 70, "end": 80}}}}]),
        80,
        "TCP",
        True,
    ),
    "a range, one more": (
        ingress("Deny", protocols=[{"tcp": {"destinationPort": {"range": {"start": 70, "end": 79}}}}]),
        80,
        "TCP",
        False,
    ),
    "one of two protocols": (
        ingress("Deny", protocols=[*tcp(1), {"udp": {"destinationPort": {"number": 80}}}]),
        80,
        "UDP",
        True,
    ),
    "without protocols, every protocol": (ingress("Deny"), 80, "SCTP", True),
    "a peer of a kind that is not known, in a Deny rule": (ingress("Deny", {"constellations": ANY}), 80, "TCP", True),
    "a protocol of a kind that is not known, in a Deny rule": (
        ingress("Deny", protocols=[{"quic": {}}]),
        80,
        "TCP",
        True,
    ),
}


@pytest.mark.parametrize("rule", MATCHES)
def test_what_a_rule_matches(rule: str) -> None:
    text, port, protocol, matched = MATCHES[rule]
    assert calls(world(cluster_policy("Admin", 1, DB, ingress=[text])), port=port, protocol=protocol) != matched


def test_an_unknown_peer_matches_nothing_in_an_accept_rule_and_everything_in_a_pass_rule() -> None:
    unknown: Object = {"constellations": ANY}
    accept = cluster_policy("Admin", 1, DB, ingress=[ingress("Accept", unknown)])
    assert not calls(world(accept, shut=CLOSED))
    passes = cluster_policy("Admin", 1, DB, ingress=[ingress("Pass", unknown)])
    assert not calls(world(passes, open=OPEN))


def test_networks_are_egress_peers_that_take_in_the_clusters_own_pods() -> None:
    deny = egress("Deny", {"networks": ["0.0.0.0/0"]})
    assert not calls(world(cluster_policy("Admin", 1, {"namespaces": SHOP}, egress=[deny])))
    first = egress("Pass", {"namespaces": ANY})
    assert calls(world(cluster_policy("Admin", 1, {"namespaces": SHOP}, egress=[first, deny])))


def test_pods_on_a_nodes_network_are_neither_subjects_nor_peers() -> None:
    assert calls(world(DENY), source="shop/host")
    assert calls(world(cluster_policy("Admin", 1, {"namespaces": SHOP}, egress=[egress("Deny")])), source="shop/host")


def test_a_subject_may_be_whole_namespaces() -> None:
    closed = cluster_policy("Admin", 1, {"namespaces": BANK}, ingress=[ingress("Deny")])
    assert not calls(world(closed))
    assert calls(world(closed), source="bank/db", target="shop/web")


def test_a_plugin_that_does_not_know_the_kind_ignores_it() -> None:
    assert calls(world(DENY, options=ClusterOptions(cni="kindnet")))


def hop(made: World) -> policy.Judgement:
    found = policy.explain(
        made.store, made.peer(made.store.list("pods", "shop")[1]), made.peer(made.store.list("pods", "bank")[0]), 80,
        options=made.options,
    ).ingress  # fmt: skip
    assert found is not None
    return found


def test_the_hop_names_the_policy_the_tier_and_the_rule() -> None:
    rule = ingress("Deny", name="no-strangers")
    found = hop(world(cluster_policy("Admin", 7, DB, ingress=[rule]))).hop()
    assert not found.ok
    assert found.detail == (
        "ClusterNetworkPolicy c0 (Admin tier, priority 7) denies it by spec.ingress[0] (no-strangers)."
    )
    assert found.field == "spec.ingress[0]"
    assert found.objects[0].name == "c0"
    assert found.data["tiers"] == [
        {"tier": "Admin", "policy": "c0", "action": "Deny", "rule": "spec.ingress[0]", "final": True}
    ]


def test_after_pass_the_hop_tells_both() -> None:
    found = hop(world(PASS, shut=CLOSED)).hop()
    assert "(Admin tier, priority 5) passes it on to the next tier by spec.ingress[0]." in found.detail
    assert "bank/shut has no ingress rule" in found.detail


def test_no_networkpolicy_is_proposed_against_a_tier() -> None:
    made = world(DENY)
    source, target = made.store.list("pods", "shop")[1], made.store.list("pods", "bank")[0]
    flow = Flow(made.peer(source), target["status"]["podIP"], 80)
    assert allowances(made.store, flow, options=made.options) == ()


actions = st.sampled_from(["Accept", "Deny", "Pass"])
chosen = st.one_of(
    st.builds(lambda namespaces: {"namespaces": namespaces}, selectors),
    st.builds(lambda n, p: {"pods": {"namespaceSelector": n, "podSelector": p}}, selectors, selectors),
)
networks = st.builds(
    lambda cidr: {"networks": [cidr]}, st.sampled_from(["0.0.0.0/0", "10.244.1.12/30", "172.18.0.0/16"])
)
protocols = st.sampled_from([[], tcp(80), tcp(81), [{"udp": {"destinationPort": {"number": 80}}}], [{"quic": {}}]])


def _rule(side: str, action: str, found: list[Object], where: list[Object]) -> Object:
    return {"action": action, side: found, **({"protocols": where} if where else {})}


into = st.lists(
    st.builds(_rule, st.just("from"), actions, st.lists(chosen, min_size=1, max_size=2), protocols), max_size=2
)
out = st.lists(
    st.builds(_rule, st.just("to"), actions, st.lists(chosen | networks, min_size=1, max_size=2), protocols), max_size=2
)
tiered = st.lists(
    st.builds(
        lambda tier, priority, subject, i, o: cluster_policy(tier, priority, subject, ingress=i, egress=o),
        st.sampled_from(["Admin", "Baseline"]), st.integers(0, 3), chosen, into, out,
    ),
    max_size=4,
)  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), policies, tiered, st.sampled_from(["TCP", "UDP"]))
def test_the_matrix_says_what_each_verdict_says(
    made: World, given_policies: list[tuple[str, Object]], cluster_policies: list[Object], protocol: str
) -> None:
    put(made, given_policies)
    for index, obj in enumerate(cluster_policies):
        made.put(CLUSTER_POLICIES, {"metadata": {"name": f"c{index}"}, **obj})
    found = policy.matrix(made.store, port=80, protocol=protocol, options=made.options)
    for source in made.store.list("pods"):
        for target in made.store.list("pods"):
            here, there = made.peer(source), made.peer(target)
            assert here.pod is not None
            assert there.pod is not None
            allowed, _ = policy.check(made.store, here, there, 80, protocol, options=made.options)
            assert found.allowed(here.pod, there.pod) == allowed
