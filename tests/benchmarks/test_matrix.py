"""The matrix of a large cluster, beside one made pair by pair. Run with ``-s`` to see the numbers."""

from __future__ import annotations

import random
import time

from podwalk.network import policy
from podwalk.store import Store
from podwalk.types import ClusterOptions, Object

PODS, POLICIES, NAMESPACES = 1000, 200, 20
SAMPLE = 3000
OPTIONS = ClusterOptions()


def large_cluster(seed: int = 1) -> Store:
    """Return 1,000 Pods of 20 namespaces and 200 policies of every kind of peer."""
    chance, store = random.Random(seed), Store()
    for number in range(NAMESPACES):
        labels = {"kubernetes.io/metadata.name": f"n{number}", "team": f"t{number % 4}"}
        store.put("namespaces", {"metadata": {"name": f"n{number}", "labels": labels}})
    for number in range(PODS):
        ip = f"10.244.{number // 250}.{number % 250 + 1}"
        labels = {"app": f"a{chance.randrange(10)}", "tier": chance.choice(["web", "api", "db"])}
        store.put(
            "pods",
            {
                "metadata": {"name": f"p{number}", "namespace": f"n{number % NAMESPACES}", "labels": labels},
                "spec": {"nodeName": "n", "containers": [{"ports": [{"name": "http", "containerPort": 80}]}]},
                "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]},
            },
        )
    for number in range(POLICIES):
        metadata = {"name": f"p{number}", "namespace": f"n{number % NAMESPACES}"}
        store.put("networkpolicies.networking.k8s.io", {"metadata": metadata, "spec": _spec(chance)})
    return store


def _spec(chance: random.Random) -> Object:
    peers: list[Object] = [
        {"podSelector": {"matchLabels": {"tier": chance.choice(["web", "api"])}}},
        {"namespaceSelector": {"matchLabels": {"team": f"t{chance.randrange(4)}"}}, "podSelector": {}},
        {"ipBlock": {"cidr": "10.244.0.0/16", "except": [f"10.244.{chance.randrange(4)}.0/24"]}},
        {"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["t1"]}]}},
    ]
    rule = {"ports": [chance.choice([{"port": 80}, {"port": "http"}, {"port": 1, "endPort": 100}])]}
    selector = chance.choice([{}, {"matchLabels": {"app": f"a{chance.randrange(10)}"}}])
    return {
        "podSelector": selector,
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{**rule, "from": chance.sample(peers, 2)}],
        "egress": [{**rule, "to": chance.sample(peers, 2)}, {"ports": [{"port": 53, "protocol": "UDP"}]}],
    }


def test_a_thousand_pods_and_two_hundred_policies() -> None:
    store = large_cluster()
    started = time.process_time()
    found = policy.matrix(store, port=80, options=OPTIONS)
    matrix_s = time.process_time() - started

    chance = random.Random(2)
    pods = store.list("pods")
    pairs = [(chance.choice(pods), chance.choice(pods)) for _ in range(SAMPLE)]
    peers = [(policy.peer_of(source), policy.peer_of(target)) for source, target in pairs]
    started = time.process_time()
    checked = [policy.check(store, source, target, 80, options=OPTIONS)[0] for source, target in peers]
    pair_s = (time.process_time() - started) / SAMPLE

    naive_s = pair_s * PODS * PODS
    print(
        f"\n{PODS} Pods, {POLICIES} policies: matrix {matrix_s:.3f} s; pair by pair {naive_s:.0f} s"
        f" ({SAMPLE} pairs measured); {naive_s / matrix_s:.0f} times"
    )
    assert [found.allowed(source.pod, target.pod) for source, target in peers if source.pod and target.pod] == checked
    assert naive_s / matrix_s > 20
    assert 0 < found.count < PODS * PODS
