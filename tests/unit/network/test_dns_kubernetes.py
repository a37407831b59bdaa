"""The cluster's zone: a table of our own from the specification, and what a real CoreDNS answered."""

import pytest

from podwalk.network import dns
from podwalk.network.dns import Answer, Question
from tests.unit.network.worlds import World, endpoint

ZONE = "svc.cluster.local."
INSECURE = "kubernetes cluster.local in-addr.arpa ip6.arpa {\n pods insecure\n fallthrough in-addr.arpa\n ttl 30\n}"


@pytest.fixture
def zone(world: World) -> World:
    world.namespace("shop")
    pods = [world.pod(f"db-{index}", namespace="shop", ip=f"10.244.1.{5 + index}") for index in range(2)]
    ports = [{"port": 80, "name": "http", "protocol": "TCP"}, {"port": 53, "name": "dns", "protocol": "UDP"}]
    world.service("web", "10.96.0.7", namespace="shop", ports=ports)
    world.slice("web", [endpoint(pods[0])], namespace="shop", ports=[{"port": 8080, "name": "http", "protocol": "TCP"}])
    world.service("db", "None", namespace="shop", ports=[{"port": 5432, "name": "sql", "protocol": "TCP"}])
    world.slice(
        "db",
        [{**endpoint(pods[0]), "hostname": "db-0"}, endpoint(pods[1])],
        namespace="shop",
        ports=[{"port": 5432, "name": "sql", "protocol": "TCP"}],
    )
    world.put(
        "services",
        {
            "metadata": {"name": "out", "namespace": "shop"},
            "spec": {"type": "ExternalName", "externalName": "db.example.com"},
        },
    )
    return world


def ask(world: World, name: str, kind: str = "A", corefile: str = "") -> Answer:
    question = Question(name, kind)
    text = ".:53 {\n" + (corefile or INSECURE) + "\n}"
    return dns.answer(world.store, question, options=world.options, corefile=text)


@pytest.mark.parametrize(
    ("name", "kind", "data"),
    [
        ("web.shop.svc.cluster.local.", "A", ["10.96.0.7"]),
        ("db.shop.svc.cluster.local.", "A", ["10.244.1.5", "10.244.1.6"]),
        ("db-0.db.shop.svc.cluster.local.", "A", ["10.244.1.5"]),
        ("10-244-1-6.db.shop.svc.cluster.local.", "A", ["10.244.1.6"]),
        ("10-244-1-5.web.shop.svc.cluster.local.", "A", ["10.244.1.5"]),
        ("10-1-2-3.shop.pod.cluster.local.", "A", ["10.1.2.3"]),
        ("foo.10-1-2-3.shop.pod.cluster.local.", "A", ["10.1.2.3"]),
        ("_http._tcp.web.shop.svc.cluster.local.", "A", ["10.96.0.7"]),
        ("_http._tcp.web.shop.svc.cluster.local.", "SRV", ["0 100 80 web.shop.svc.cluster.local."]),
        (
            "_sql._tcp.db.shop.svc.cluster.local.",
            "SRV",
            ["0 50 5432 db-0.db.shop.svc.cluster.local.", "0 50 5432 10-244-1-6.db.shop.svc.cluster.local."],
        ),
        (
            "web.shop.svc.cluster.local.",
            "SRV",
            ["0 50 80 web.shop.svc.cluster.local.", "0 50 53 web.shop.svc.cluster.local."],
        ),
        ("7.0.96.10.in-addr.arpa.", "PTR", ["web.shop.svc.cluster.local."]),
        (
            "5.1.244.10.in-addr.arpa.",
            "PTR",
            ["db-0.db.shop.svc.cluster.local.", "10-244-1-5.web.shop.svc.cluster.local."],
        ),
        ("out.shop.svc.cluster.local.", "CNAME", ["db.example.com."]),
        ("dns-version.cluster.local.", "TXT", ['"1.1.0"']),
    ],
)
def test_names_that_have_records(zone: World, name: str, kind: str, data: list[str]) -> None:
    answer = ask(zone, name, kind)
    assert answer.rcode == "NOERROR"
    assert [record.data for record in answer.answers] == data
    assert {record.name for record in answer.answers} == {name}
    assert answer.authoritative


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("web.shop.svc.cluster.local.", "AAAA"),
        ("web.shop.svc.cluster.local.", "MX"),
        ("web.shop.svc.cluster.local.", "CNAME"),
        ("web.shop.svc.cluster.local.", "TXT"),
        ("shop.svc.cluster.local.", "A"),
        ("svc.cluster.local.", "A"),
        ("cluster.local.", "A"),
        ("shop.pod.cluster.local.", "A"),
        ("out.shop.svc.cluster.local.", "SRV"),
    ],
)
def test_names_without_such_a_record_are_nodata_with_the_soa(zone: World, name: str, kind: str) -> None:
    answer = ask(zone, name, kind)
    assert answer.nodata
    assert [(record.type, record.ttl) for record in answer.authority] == [("SOA", 30)]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("nothing.shop.svc.cluster.local.", "A"),
        ("web.nowhere.svc.cluster.local.", "A"),
        ("nowhere.svc.cluster.local.", "A"),
        ("a.b.web.shop.svc.cluster.local.", "A"),
        ("a.b.c.web.shop.svc.cluster.local.", "A"),
        ("_nothing._tcp.web.shop.svc.cluster.local.", "SRV"),
        ("_http._udp.web.shop.svc.cluster.local.", "SRV"),
        ("db-9.db.shop.svc.cluster.local.", "A"),
        ("not-an-ip.shop.pod.cluster.local.", "A"),
        ("*.shop.svc.cluster.local.", "A"),
        ("web.cluster.local.", "A"),
        ("shop.svc.cluster.local.", "TXT"),
        ("_a._b.out.shop.svc.cluster.local.", "A"),
        ("x.out.shop.svc.cluster.local.", "A"),
    ],
)
def test_names_that_do_not_exist(zone: World, name: str, kind: str) -> None:
    assert ask(zone, name, kind).rcode == "NXDOMAIN"


def test_an_external_name_is_a_cname_that_is_followed_outside(zone: World) -> None:
    corefile = "kubernetes cluster.local\nforward . 192.0.2.1"

    def outside(forwarded: dns.Forwarded) -> Answer:
        assert forwarded.question.name == "db.example.com."
        assert forwarded.servers == ("192.0.2.1:53",)
        return Answer(forwarded.question, answers=(dns.Record("db.example.com.", "A", 60, "203.0.113.9"),))

    question = Question("out.shop.svc.cluster.local.")
    answer = dns.answer(
        zone.store, question, options=zone.options, corefile=".:53 {\n" + corefile + "\n}", forward=outside
    )
    assert [(record.type, record.data) for record in answer.answers] == [
        ("CNAME", "db.example.com."),
        ("A", "203.0.113.9"),
    ]


def test_the_case_of_the_question_is_kept(zone: World) -> None:
    answer = ask(zone, "WEB.Shop.svc.Cluster.local.")
    assert [str(record) for record in answer.answers] == ["WEB.Shop.svc.Cluster.local. 30 IN A 10.96.0.7"]


def test_pods_verified_knows_only_pods_that_are_there(zone: World) -> None:
    verified = "kubernetes cluster.local {\n pods verified\n}"
    assert ask(zone, "10-244-1-5.shop.pod.cluster.local.", corefile=verified).addresses() == ("10.244.1.5",)
    assert ask(zone, "10-1-2-3.shop.pod.cluster.local.", corefile=verified).rcode == "NXDOMAIN"
    assert ask(zone, "10-244-1-5.default.pod.cluster.local.", corefile=verified).rcode == "NXDOMAIN"


def test_without_pods_option_there_are_no_pod_names_and_the_ttl_is_five(zone: World) -> None:
    bare = "kubernetes cluster.local"
    assert ask(zone, "10-244-1-5.shop.pod.cluster.local.", corefile=bare).rcode == "NXDOMAIN"
    assert ask(zone, "web.shop.svc.cluster.local.", corefile=bare).answers[0].ttl == 5


def test_endpoints_that_are_not_ready_have_no_names(zone: World) -> None:
    pod = zone.pod("late", namespace="shop")
    zone.service("late", "None", namespace="shop")
    zone.slice("late", [endpoint(pod, ready=False)], namespace="shop")
    assert ask(zone, "late.shop.svc.cluster.local.").rcode == "NXDOMAIN"


def test_the_zones_server_is_the_service_that_coredns_stands_behind(zone: World) -> None:
    coredns = zone.pod("coredns", namespace="kube-system")
    zone.service("kube-dns", "10.96.0.10", namespace="kube-system", ports=[{"port": 53, "protocol": "UDP"}])
    zone.slice(
        "kube-dns", [endpoint(coredns)], namespace="kube-system", ports=[{"port": 53, "protocol": "UDP", "name": ""}]
    )
    answer = ask(zone, "cluster.local.", "NS")
    assert [record.data for record in answer.answers] == ["kube-dns.kube-system.svc.cluster.local."]
    assert [record.data for record in answer.additional] == ["10.96.0.10"]
