from __future__ import annotations

from podwalk import controllers
from podwalk.api.server import Api
from podwalk.simulation import Simulation
from podwalk.store import Store
from podwalk.types import ClusterOptions
from tests.unit.controllers.conftest import Bench


def test_there_are_three_nodes_in_two_zones_with_their_ranges(bench: Bench) -> None:
    found = {
        node["metadata"]["name"]: (
            node["metadata"]["labels"]["topology.kubernetes.io/zone"],
            node["status"]["addresses"][0]["address"],
            node["spec"]["podCIDR"],
        )
        for node in bench.list("nodes", "")
    }
    assert found == {
        "lab-control-plane": ("zone-a", "172.18.0.2", "10.244.0.0/24"),
        "lab-worker": ("zone-a", "172.18.0.3", "10.244.1.0/24"),
        "lab-worker2": ("zone-b", "172.18.0.4", "10.244.2.0/24"),
    }
    (taint,) = bench.get("nodes", "lab-control-plane", "")["spec"]["taints"]
    assert taint == {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


def test_more_workers_are_named_and_placed_as_by_kind() -> None:
    simulation, options = Simulation(), ClusterOptions(name="lab", workers=4)
    api = Api(Store(), simulation, options)
    controllers.bootstrap(api.objects, simulation, options)
    zones = {node["metadata"]["name"]: node["metadata"]["labels"] for node in api.objects.list("nodes", "")}
    assert [zones[f"lab-worker{end}"]["topology.kubernetes.io/zone"] for end in ("", "2", "3", "4")] == [
        "zone-a",
        "zone-b",
        "zone-a",
        "zone-b",
    ]


def test_the_two_services_have_the_addresses_that_everybody_knows(bench: Bench) -> None:
    assert bench.get("services", "kubernetes", "default")["spec"]["clusterIP"] == "10.96.0.1"
    assert bench.get("services", "kube-dns", "kube-system")["spec"]["clusterIP"] == "10.96.0.10"
    slices = bench.list("endpointslices.discovery.k8s.io", "default")
    assert [entry["metadata"]["name"] for entry in slices] == ["kubernetes"]
    assert slices[0]["endpoints"][0]["addresses"] == ["172.18.0.2"]


def test_coredns_and_the_control_plane_are_on_the_control_plane_node(bench: Bench) -> None:
    dns = bench.list("pods", "kube-system", **{"k8s-app": "kube-dns"})
    mirrors = bench.list("pods", "kube-system", tier="control-plane")
    assert [pod["spec"]["nodeName"] for pod in dns] == ["lab-control-plane"] * 2
    assert [pod["metadata"]["name"] for pod in mirrors] == [
        "etcd-lab-control-plane",
        "kube-apiserver-lab-control-plane",
        "kube-controller-manager-lab-control-plane",
        "kube-scheduler-lab-control-plane",
    ]


def test_coredns_becomes_available_behind_its_service(bench: Bench) -> None:
    bench.run_all("kube-system")
    status = bench.get("deployments.apps", "coredns", "kube-system")["status"]
    assert status["availableReplicas"] == 2
    (found,) = bench.list("endpointslices.discovery.k8s.io", "kube-system")
    assert [port["name"] for port in found["ports"]] == ["dns", "dns-tcp", "metrics"]
    assert len(found["endpoints"]) == 2


def test_a_second_bootstrap_changes_nothing(bench: Bench) -> None:
    bench.run_all("kube-system")
    before = bench.store.revision
    controllers.bootstrap(bench.objects, bench.simulation, bench.options)
    bench.settle()
    assert bench.store.revision == before


def test_a_restored_cluster_goes_on_where_it_was(bench: Bench) -> None:
    bench.run_all("kube-system")
    simulation, store = Simulation(seed=2), Store()
    everything = [(name, obj) for name in bench.store.resources() for obj in bench.store.list(name)]
    store.restore(everything, bench.store.revision)
    objects = Api(store, simulation, bench.options).objects
    queues = controllers.start(objects, simulation, bench.options)
    controllers.bootstrap(objects, simulation, bench.options)
    simulation.settle()
    assert store.revision == bench.store.revision
    assert sum(queue.reconciles for queue in queues.values()) > 0
    pod = store.list("pods", "kube-system", {"k8s-app": "kube-dns"})[0]["metadata"]["name"]
    objects.delete("pods", "kube-system", pod, grace_s=0)
    simulation.settle()
    assert len(store.list("pods", "kube-system", {"k8s-app": "kube-dns"})) == 2
