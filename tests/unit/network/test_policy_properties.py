"""What must hold for every set of policies."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podwalk.network import allowances, policy, surplus
from podwalk.types import Flow, Object
from tests.unit.network.worlds import World

KEYS, VALUES = ("app", "tier"), ("a", "b", "c")
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])

labels = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=2)
operators = st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist"])


def _expression(key: str, operator: str, values: list[str]) -> Object:
    return {"key": key, "operator": operator, **({"values": values} if operator in ("In", "NotIn") else {})}


expressions = st.builds(
    _expression,
    st.sampled_from(KEYS),
    operators,
    st.lists(st.sampled_from(VALUES), min_size=1, max_size=2),
)
selectors = st.one_of(
    st.just({}),
    st.builds(lambda found: {"matchLabels": found}, labels),
    st.builds(lambda found: {"matchExpressions": [found]}, expressions),
)
blocks = st.sampled_from(
    [
        {"cidr": "10.244.0.0/16"},
        {"cidr": "10.244.1.12/30"},
        {"cidr": "0.0.0.0/0", "except": ["10.244.1.0/28"]},
        {"cidr": "172.18.0.4/32"},
    ]
)
peers = st.one_of(
    st.builds(lambda block: {"ipBlock": block}, blocks),
    st.builds(lambda pods: {"podSelector": pods}, selectors),
    st.builds(lambda namespaces: {"namespaceSelector": namespaces}, selectors),
    st.builds(lambda pods, namespaces: {"podSelector": pods, "namespaceSelector": namespaces}, selectors, selectors),
)
ports = st.sampled_from(
    [
        {"port": 80},
        {"port": "http"},
        {"protocol": "UDP"},
        {"port": 79, "endPort": 81},
        {"protocol": "TCP"},
        {"port": 443},
    ]
)


def _rules(field: str) -> st.SearchStrategy[list[Object]]:
    rule = st.builds(
        lambda found, where: {key: value for key, value in ((field, found), ("ports", where)) if value is not None},
        st.none() | st.lists(peers, max_size=2),
        st.none() | st.lists(ports, max_size=2),
    )
    return st.lists(rule, max_size=2)


types = st.sampled_from([None, ["Ingress"], ["Egress"], ["Ingress", "Egress"]])


def _spec(pods: Object, given_types: list[str] | None, into: list[Object], out: list[Object]) -> Object:
    spec: Object = {"podSelector": pods, "ingress": into, "egress": out}
    return spec | ({"policyTypes": given_types} if given_types else {})


specs = st.builds(_spec, selectors, types, _rules("from"), _rules("to"))
policies = st.lists(st.tuples(st.sampled_from(["default", "shop"]), specs), max_size=4)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    world = World()
    world.namespace("shop", app="a")
    for index in range(draw(st.integers(3, 6))):
        world.pod(
            f"p{index}",
            draw(labels),
            namespace=draw(st.sampled_from(["default", "shop"])),
            node=draw(st.sampled_from(["worker", "worker2"])),
            ports=draw(
                st.sampled_from([[], [{"containerPort": 80, "name": "http"}], [{"containerPort": 8, "name": "http"}]])
            ),
            host=draw(st.integers(0, 5)) == 0,
        )
    return world


def put(world: World, given_policies: list[tuple[str, Object]], prefix: str = "p") -> None:
    for index, (namespace, spec) in enumerate(given_policies):
        world.policy(f"{prefix}{index}", spec, namespace=namespace)


def rows(world: World, protocol: str = "TCP") -> tuple[int, ...]:
    return policy.matrix(world.store, port=80, protocol=protocol, options=world.options).rows


@quick
@given(worlds(), policies, st.sampled_from(["TCP", "UDP", "ICMP"]))
def test_the_matrix_says_what_each_verdict_says(
    world: World, given_policies: list[tuple[str, Object]], protocol: str
) -> None:
    put(world, given_policies)
    found = policy.matrix(world.store, port=80, protocol=protocol, options=world.options)
    for source in world.store.list("pods"):
        for target in world.store.list("pods"):
            here, there = world.peer(source), world.peer(target)
            assert here.pod is not None
            assert there.pod is not None
            allowed, _ = policy.check(world.store, here, there, 80, protocol, options=world.options)
            assert found.allowed(here.pod, there.pod) == allowed
            if not target["spec"].get("hostNetwork"):
                assert world.route(source, there.ip, 80, protocol).delivered == allowed


@quick
@given(worlds(), policies)
def test_the_order_of_policies_is_irrelevant(world: World, given_policies: list[tuple[str, Object]]) -> None:
    put(world, given_policies)
    first = rows(world)
    for index, (namespace, _) in enumerate(given_policies):
        world.store.remove("networkpolicies.networking.k8s.io", namespace, f"p{index}")
    put(world, given_policies[::-1], "q")
    assert rows(world) == first


@quick
@given(worlds(), policies, st.sampled_from(["default", "shop"]), specs)
def test_an_allow_for_pods_already_isolated_never_denies(
    world: World, given_policies: list[tuple[str, Object]], namespace: str, spec: Object
) -> None:
    put(world, [*given_policies, (namespace, {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})])
    before = rows(world)
    world.policy("more", spec, namespace=namespace)
    assert all(old & new == old for old, new in zip(before, rows(world), strict=True))


@quick
@given(worlds(), policies, specs)
def test_a_policy_that_selects_nothing_changes_nothing(
    world: World, given_policies: list[tuple[str, Object]], spec: Object
) -> None:
    put(world, given_policies)
    before = rows(world)
    world.policy("none", {**spec, "podSelector": {"matchLabels": {"no": "pod"}}})
    assert rows(world) == before


@quick
@given(worlds(), policies)
def test_one_more_policy_that_allows_all_undoes_the_others(
    world: World, given_policies: list[tuple[str, Object]]
) -> None:
    put(world, given_policies)
    everything: dict[str, Any] = {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{}],
        "egress": [{}],
    }
    for namespace in ("default", "shop"):
        world.policy("all", everything, namespace=namespace)
    assert set(rows(world)) == {(1 << len(world.store.list("pods"))) - 1}


@quick
@given(worlds(), policies, st.data())
def test_an_allowance_allows_and_takes_nothing_away(
    world: World, given_policies: list[tuple[str, Object]], data: st.DataObject
) -> None:
    put(world, given_policies)
    pods = world.store.list("pods")
    source, target = data.draw(st.sampled_from(pods)), data.draw(st.sampled_from(pods))
    flow = Flow(world.peer(source), target["status"]["podIP"], 80)
    before = rows(world)
    for manifest in allowances(world.store, flow, options=world.options):
        world.put("networkpolicies.networking.k8s.io", manifest)
    assert world.route(source, flow.ip, 80).delivered
    assert all(old & new == old for old, new in zip(before, rows(world), strict=True))


@quick
@given(worlds(), policies, st.data())
def test_an_allowance_opens_this_flow_and_nothing_but_what_it_owns_up_to(
    world: World, given_policies: list[tuple[str, Object]], data: st.DataObject
) -> None:
    put(world, given_policies)
    pods = world.store.list("pods")
    source, target = data.draw(st.sampled_from(pods)), data.draw(st.sampled_from(pods))
    flow = Flow(world.peer(source), target["status"]["podIP"], 80)
    found = allowances(world.store, flow, options=world.options)
    told = surplus(world.store, flow, found, options=world.options)
    asked = [(80, "TCP"), (81, "TCP"), (80, "UDP")]
    before = [policy.matrix(world.store, port=port, protocol=word, options=world.options) for port, word in asked]
    for manifest in found:
        world.put("networkpolicies.networking.k8s.io", manifest)
    after = [policy.matrix(world.store, port=port, protocol=word, options=world.options) for port, word in asked]
    opened = set(before[0].difference(after[0]))
    meant = {
        (policy.peer_of(one).pod, policy.peer_of(other).pod, True)
        for one in world.store.lookup("pod-ip", flow.source.ip)
        for other in world.store.lookup("pod-ip", flow.ip)
    }
    assert opened - meant == {(one, other, True) for one, other in told}
    assert before[1].rows == after[1].rows
    assert before[2].rows == after[2].rows
