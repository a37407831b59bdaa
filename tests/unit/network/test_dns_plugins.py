"""CoreDNS's plugins: what a real CoreDNS 1.14.6 answered, and wrote, with the same Corefile and the same questions."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from podwalk.network import dns
from podwalk.network.dns import Answer, Context, Forwarded, Question, Record, Server
from podwalk.network.dns.corefile import CorefileError, parse
from tests.unit.network.worlds import World

COREFILE = r"""
.:53 {
    errors
    log
    health
    ready
    cache 30 {
        disable success cluster.local
        disable denial cluster.local
    }
    hosts {
        192.0.2.1 gate.example gate
        192.0.2.2 gate.example
        2001:db8::1 six.example
        ttl 77
        fallthrough
    }
    rewrite name exact shop.test kubernetes.default.svc.cluster.local
    rewrite name suffix .apps.test .default.svc.cluster.local answer auto
    rewrite name prefix old- new-
    rewrite name prefix kube. kubernetes.
    rewrite name substring middle centre
    rewrite name regex (.*)\.rx\.test {1}.default.svc.cluster.local answer auto
    rewrite name regex (.*)\.noauto\.test {1}.default.svc.cluster.local
    rewrite name suffix .sfx.test .default.svc.cluster.local
    rewrite continue name exact c1.test c2.test
    rewrite name exact c2.test kubernetes.default.svc.cluster.local
    rewrite name suffix .val.test .default.svc.cluster.local answer value (.*)\.default\.svc.* {1}.val.test
    rewrite stop {
        name regex (.*)\.ra\.test {1}.default.svc.cluster.local
        answer name (.*)\.default\.svc\.cluster\.local {1}.ra.test
    }
    rewrite type MX A
    rewrite continue ttl exact gate.example 5
    template IN A tmpl.test {
        match "^(?P<a>[0-9]+)-(?P<b>[0-9]+)\.tmpl\.test\.$"
        answer "{{ .Name }} 60 IN A 10.0.{{ .Group.a }}.{{ .Group.b }}"
        additional "x.tmpl.test. 60 IN TXT \"{{ index .Match 1 }}\""
        fallthrough
    }
    template ANY ANY gone.test {
        rcode NXDOMAIN
    }
    template IN ANY zz.test {
        answer "{{ .Zone }} 20 IN TXT \"{{ .Type }} {{ .Class }} {{ .Remote }}\""
    }
    template IN A nodata.test {
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods verified
        fallthrough in-addr.arpa ip6.arpa
    }
    forward example 192.0.2.53
    loadbalance
}
"""
API = "kubernetes.default.svc.cluster.local."


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 0.0


class Dns:
    """A server with a Corefile, its log, and the servers outside that it asks."""

    def __init__(self, world: World, corefile: str) -> None:
        self.clock, self.lines, self.asked = Clock(), list[str](), list[Forwarded]()
        world.service("kubernetes", "10.96.0.1", ports=[{"name": "https", "port": 443, "protocol": "TCP"}])
        self.context = Context(
            world.store,
            world.options,
            addresses=("10.244.0.6",),
            resolv_conf="nameserver 10.96.0.10\n",
            random=random.Random(1),
            now=lambda: self.clock.now_s,
            serial=lambda: 17,
            log=self.lines.append,
        )
        self.server = Server(corefile, self.context)
        self.outside: Callable[[Forwarded], Answer | None] = lambda _: None

    def ask(self, name: str, kind: str = "A", **more: str | int) -> Answer:
        question = replace(Question(name, kind, client="10.244.0.4:33835", size=41, buffer=1232, id=7), **more)  # type: ignore[arg-type]  # fields by name

        def forward(forwarded: Forwarded) -> Answer | None:
            self.asked.append(forwarded)
            return self.outside(forwarded)

        answer = dns.drive(self.server.resolve(question), forward)
        assert answer.question == question
        return answer

    def data(self, name: str, kind: str = "A") -> list[str]:
        return sorted(f"{record.name} {record.ttl} {record.data}" for record in self.ask(name, kind).answers)


@pytest.fixture
def coredns(world: World) -> Dns:
    return Dns(world, COREFILE)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("gate.example.", "A", ["gate.example. 5 192.0.2.1", "gate.example. 5 192.0.2.2"]),
        ("gate.example.", "MX", ["gate.example. 30 192.0.2.1", "gate.example. 30 192.0.2.2"]),
        ("gate.", "A", ["gate. 30 192.0.2.1"]),
        ("six.example.", "AAAA", ["six.example. 30 2001:db8::1"]),
        (
            "1.2.0.192.in-addr.arpa.",
            "PTR",
            ["1.2.0.192.in-addr.arpa. 30 gate.", "1.2.0.192.in-addr.arpa. 30 gate.example."],
        ),
        ("shop.test.", "A", ["shop.test. 5 10.96.0.1"]),
        ("SHOP.test.", "A", ["shop.test. 5 10.96.0.1"]),
        ("shop.test.", "SRV", ["shop.test. 5 0 100 443 shop.test."]),
        ("kubernetes.apps.test.", "A", ["kubernetes.apps.test. 5 10.96.0.1"]),
        ("kubernetes.apps.test.", "SRV", ["kubernetes.apps.test. 5 0 100 443 kubernetes.apps.test."]),
        ("kubernetes.rx.test.", "A", ["kubernetes.rx.test. 5 10.96.0.1"]),
        ("kubernetes.ra.test.", "A", ["kubernetes.ra.test. 5 10.96.0.1"]),
        ("kubernetes.noauto.test.", "A", [f"{API} 5 10.96.0.1"]),
        ("kubernetes.sfx.test.", "A", [f"{API} 5 10.96.0.1"]),
        ("kubernetes.sfx.test.", "SRV", [f"{API} 5 0 100 443 {API}"]),
        ("kube.default.svc.cluster.local.", "A", [f"{API} 5 10.96.0.1"]),
        ("c1.test.", "A", ["c1.test. 5 10.96.0.1"]),
        ("kubernetes.val.test.", "SRV", [f"{API} 5 0 100 443 kubernetes.val.test."]),
        ("1-2.tmpl.test.", "A", ["1-2.tmpl.test. 30 10.0.1.2"]),
        ("q.zz.test.", "A", ['zz.test. 20 "A IN 10.244.0.4"']),
        (API, "A", [f"{API} 5 10.96.0.1"]),
    ],
)
def test_answers(coredns: Dns, name: str, kind: str, expected: list[str]) -> None:
    assert coredns.data(name, kind) == expected


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "authority"),
    [
        ("gate.example.", "AAAA", "NOERROR", []),
        ("none.example.", "A", "SERVFAIL", []),
        ("nothing.apps.test.", "A", "NXDOMAIN", ["cluster.local."]),
        ("x-2.tmpl.test.", "A", "SERVFAIL", []),
        ("1-2.tmpl.test.", "AAAA", "SERVFAIL", []),
        ("foo.gone.test.", "A", "NXDOMAIN", []),
        ("foo.gone.test.", "TXT", "NXDOMAIN", []),
        ("q.nodata.test.", "A", "NOERROR", []),
        ("nothing.default.svc.cluster.local.", "A", "NXDOMAIN", ["cluster.local."]),
        ("www.nowhere.zone.", "A", "SERVFAIL", []),
    ],
)
def test_names_without_records(coredns: Dns, name: str, kind: str, rcode: str, authority: list[str]) -> None:
    answer = coredns.ask(name, kind)
    assert answer.rcode == rcode
    assert answer.answers == ()
    assert [record.name for record in answer.authority] == authority
    assert answer.authoritative == (rcode != "SERVFAIL")


def test_a_prefix_is_whole_labels(coredns: Dns) -> None:
    coredns.ask("old-thing.example.")
    coredns.ask("a-middle-b.example.")
    assert [forwarded.question.name for forwarded in coredns.asked] == ["old-thing.example.", "a-middle-b.example."]


@pytest.mark.parametrize(
    ("name", "kind", "line"),
    [
        ("gate.example.", "A", '10.244.0.4:33835 - 7 "A IN gate.example. udp 41 false 1232" NOERROR qr,aa,rd 86 0s'),
        (
            "gate.example.",
            "AAAA",
            '10.244.0.4:33835 - 7 "AAAA IN gate.example. udp 41 false 1232" NOERROR qr,aa,rd 30 0s',
        ),
        ("gate.", "A", '10.244.0.4:33835 - 7 "A IN gate. udp 41 false 1232" NOERROR qr,aa,rd 42 0s'),
        (
            "six.example.",
            "AAAA",
            '10.244.0.4:33835 - 7 "AAAA IN six.example. udp 41 false 1232" NOERROR qr,aa,rd 68 0s',
        ),
        (
            "1.2.0.192.in-addr.arpa.",
            "PTR",
            '10.244.0.4:33835 - 7 "PTR IN 1.2.0.192.in-addr.arpa. udp 41 false 1232" NOERROR qr,aa,rd 128 0s',
        ),
        ("none.example.", "A", '10.244.0.4:33835 - 7 "A IN none.example. udp 41 false 1232" SERVFAIL qr,rd 30 0s'),
        ("1-2.tmpl.test.", "A", '10.244.0.4:33835 - 7 "A IN 1-2.tmpl.test. udp 41 false 1232" NOERROR qr,aa,rd 85 0s'),
        (
            "nothing.default.svc.cluster.local.",
            "A",
            '10.244.0.4:33835 - 7 "A IN nothing.default.svc.cluster.local. udp 41 false 1232" NXDOMAIN qr,aa,rd 144 0s',
        ),
    ],
)
def test_log_lines_have_the_real_lengths_and_flags(coredns: Dns, name: str, kind: str, line: str) -> None:
    coredns.ask(name, kind)
    assert coredns.lines[0] == f"[INFO] {line}"


def test_errors_say_what_no_plugin_answers(coredns: Dns) -> None:
    coredns.ask("x-2.tmpl.test.")
    assert coredns.lines[1] == "[ERROR] plugin/errors: 2 x-2.tmpl.test. A: plugin/forward: no next plugin found"


def test_errors_say_which_server_did_not_answer(coredns: Dns) -> None:
    coredns.ask("www.example.")
    assert coredns.lines[1].startswith("[ERROR] plugin/errors: 2 www.example. A: read udp 10.244.0.6:")
    assert coredns.lines[1].endswith("->192.0.2.53:53: i/o timeout")


def test_the_log_takes_names_a_format_and_classes(world: World) -> None:
    layout = "{name} {type} {class} {rcode} {local} {>opcode} {nonsense}"
    coredns = Dns(
        world, f'. {{\n log cluster.local "{layout}" {{\n class denial error\n }}\n kubernetes cluster.local\n}}'
    )
    for name in (API, "no.default.svc.cluster.local.", "elsewhere."):
        coredns.ask(name)
    assert coredns.lines == ["[INFO] no.default.svc.cluster.local. A IN NXDOMAIN [::] 0 -"]


def upstream(ttl: int = 120, rcode: str = "NOERROR") -> Callable[[Forwarded], Answer | None]:
    def reply(forwarded: Forwarded) -> Answer:
        name = forwarded.question.name
        if rcode == "NOERROR":
            return Answer(forwarded.question, answers=(Record(name, "A", ttl, "203.0.113.99"),))
        soa = Record("example.", "SOA", 300, "ns.example. h.example. 1 7200 1800 86400 20")
        return Answer(forwarded.question, rcode, authority=(soa,))

    return reply


def test_the_cache_answers_again_with_what_is_left_of_the_ttl(coredns: Dns) -> None:
    coredns.outside = upstream(120)
    assert coredns.data("www.example.") == ["www.example. 30 203.0.113.99"]
    coredns.clock.now_s = 12.7
    assert coredns.data("WWW.example.") == ["www.example. 18 203.0.113.99"]
    assert len(coredns.asked) == 1
    coredns.clock.now_s = 30
    assert coredns.data("www.example.") == ["www.example. 30 203.0.113.99"]
    assert len(coredns.asked) == 2
    assert [(cache.hits, cache.misses) for cache in coredns.context.caches] == [(1, 2)]


def test_the_cache_keeps_answers_five_seconds_at_least(coredns: Dns) -> None:
    coredns.outside = upstream(1)
    assert coredns.data("www.example.") == ["www.example. 5 203.0.113.99"]
    coredns.clock.now_s = 4
    assert coredns.ask("www.example.").source == "cache"


def test_the_cache_keeps_denials_and_failures_apart(coredns: Dns) -> None:
    coredns.outside = upstream(rcode="NXDOMAIN")
    assert [record.ttl for record in coredns.ask("no.example.").authority] == [30]
    coredns.clock.now_s = 29
    assert coredns.ask("no.example.").rcode == "NXDOMAIN"
    assert len(coredns.asked) == 1
    coredns.outside = lambda _: None
    coredns.ask("dead.example.")
    coredns.clock.now_s = 33
    assert coredns.ask("dead.example.").source == "cache"
    coredns.clock.now_s = 34
    coredns.ask("dead.example.")
    assert len(coredns.asked) == 3


def test_the_cluster_zone_is_not_cached_where_it_is_disabled(coredns: Dns) -> None:
    assert coredns.ask(API).source == "kubernetes"
    assert coredns.ask(API).source == "kubernetes"
    assert coredns.ask("dns-version.cluster.local.", "TXT").answers[0].ttl == 30


def test_a_stub_domain_is_forwarded_to_its_own_server(world: World) -> None:
    stub = "corp.test:53 {\n forward . 192.0.2.10 192.0.2.11:5353 {\n force_tcp\n}\n}"
    text = ".:53 {\n forward . /etc/resolv.conf\n}\n" + stub
    coredns = Dns(world, text)
    coredns.ask("db.corp.test.")
    coredns.ask("example.com.")
    assert set(coredns.asked[0].servers) == {"192.0.2.10:53", "192.0.2.11:5353"}
    assert coredns.asked[0].protocol == "tcp"
    assert coredns.asked[1].servers == ("10.96.0.10:53",)


def test_forward_leaves_out_what_it_excepts(world: World) -> None:
    coredns = Dns(world, ".:53 {\n forward . 192.0.2.10 {\n except internal.test\n}\n}")
    assert coredns.ask("a.internal.test.").rcode == "SERVFAIL"
    assert coredns.asked == []


def test_a_zone_that_no_block_serves_is_refused(world: World) -> None:
    assert Dns(world, "corp.test {\n forward . 192.0.2.10\n}").ask("example.com.").rcode == "REFUSED"


def test_hosts_without_fallthrough_is_a_failure(world: World) -> None:
    coredns = Dns(world, ".:53 {\n hosts {\n 192.0.2.1 gate.hosts\n 1.2.3 bad.hosts\n}\n kubernetes cluster.local\n}")
    assert coredns.data("gate.hosts.") == ["gate.hosts. 3600 192.0.2.1"]
    assert coredns.ask("bad.hosts.").rcode == "SERVFAIL"
    assert coredns.ask(API).rcode == "SERVFAIL"


def test_templates_are_tried_in_turn(world: World) -> None:
    first = 'template IN A tm.test {\n match ^a\\.tm\\.test\\.$\n answer "{{ .Name }} A 10.0.0.1"\n fallthrough\n}'
    second = 'template IN A tm.test {\n match ^b\\.tm\\.test\\.$\n answer "{{ .Name }} 33 IN A 10.0.0.2"\n}'
    coredns = Dns(world, f".:53 {{\n{first}\n{second}\n}}")
    assert coredns.data("a.tm.test.") == ["a.tm.test. 3600 10.0.0.1"]
    assert coredns.data("b.tm.test.") == ["b.tm.test. 33 10.0.0.2"]
    assert coredns.ask("c.tm.test.").rcode == "SERVFAIL"


def test_a_name_below_a_rewritten_one_is_given_back_too(world: World) -> None:
    made = 'template IN SRV . {\n answer "{{ .Name }} 60 IN SRV 0 100 80 web-0.{{ .Name }}"\n }'
    coredns = Dns(world, f". {{\n rewrite name exact old.test new.test\n {made}\n}}")
    assert coredns.data("old.test.", "SRV") == ["old.test. 60 0 100 80 web-0.old.test."]


def test_loadbalance_shuffles_addresses(world: World) -> None:
    lines = "\n".join(f"192.0.2.{number} many.test" for number in range(1, 6))
    coredns = Dns(world, f".:53 {{\n loadbalance\n hosts {{\n{lines}\n}}\n}}")
    orders = {coredns.ask("many.test.").addresses() for _ in range(30)}
    assert len(orders) > 5
    assert {frozenset(order) for order in orders} == {frozenset(f"192.0.2.{number}" for number in range(1, 6))}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            ".:53 {\n    errrors\n    kubernetes cluster.local\n}",
            "/etc/coredns/Corefile:2 - Error during parsing: Unknown directive 'errrors'",
        ),
        (
            ".:53 {\n    forward .\n}",
            (
                "plugin/forward: /etc/coredns/Corefile:2 - Error during parsing: "
                "Wrong argument count or unexpected line ending after '.'"
            ),
        ),
        (
            ".:53 {\n    kubernetes cluster.local {\n        pods maybe\n    }\n}",
            "plugin/kubernetes: wrong value for pods: maybe,  must be one of: disabled, verified, insecure",
        ),
        (
            ".:53 {\n    kubernetes cluster.local {\n        ponds insecure\n    }\n}",
            "plugin/kubernetes: /etc/coredns/Corefile:3 - Error during parsing: unknown property 'ponds'",
        ),
        (
            ".:53 {\n    cache 30 {\n        nosuch 4\n    }\n}",
            (
                "plugin/cache: /etc/coredns/Corefile:3 - Error during parsing: "
                "Wrong argument count or unexpected line ending after 'nosuch'"
            ),
        ),
        (
            ".:53 {\n    forward . not-an-ip\n}",
            'plugin/forward: failed to resolve "not-an-ip": lookup not-an-ip on 10.96.0.10:53: no such host',
        ),
        (
            ".:53 {\n    cache 30\n",
            "/etc/coredns/Corefile:2 - Syntax error: Unexpected token '30', expecting '}'",
        ),
        (
            ".:53 {\n    cache 30\n}\n.:53 {\n    errors\n}",
            "cannot serve dns://.:53 - it is already defined",
        ),
        (
            ".:53 {\n    import other\n}",
            "/etc/coredns/Corefile:2 - Error during parsing: File to import not found: other",
        ),
        (".:53 {\n    rewrite name regex ([ x\n}", "plugin/rewrite: invalid regex matching pattern: (["),
        (
            '.:53 {\n    template IN A x {\n        answer "{{ .Nope"\n    }\n}',
            (
                "plugin/template: /etc/coredns/Corefile:3 - Error during parsing: "
                "could not compile template: {{ .Nope, template: answer:1: unclosed action"
            ),
        ),
        (".:53 {\n    cache 30\n    cache 40\n}", "plugin/cache: this plugin can only be used once per Server Block"),
    ],
)
def test_a_wrong_corefile_is_refused_in_coredns_words(world: World, text: str, message: str) -> None:
    with pytest.raises(CorefileError) as caught:
        Dns(world, text)
    assert str(caught.value) == message


def test_a_plugin_that_is_not_simulated_is_named(world: World) -> None:
    with pytest.raises(CorefileError, match=r"'autopath' is CoreDNS's, but not simulated"):
        Dns(world, ".:53 {\n autopath @kubernetes\n}")


def test_a_server_that_forwards_to_itself_is_found(world: World) -> None:
    with pytest.raises(CorefileError, match=r'plugin/loop: Loop \(10\.244\.0\.6:\d+ -> :53\) detected for zone "\."'):
        Dns(world, ".:53 {\n loop\n forward . 10.244.0.6\n}")


def test_snippets_quotes_comments_and_the_environment_are_read() -> None:
    snippet = "(common) {\n errors # said once\n cache {$TTL}\n}\n# nothing\n"
    text = snippet + '.:53 example.org\n{\n import common\n log . "{name} x"\n}'
    parsed = parse(text, {"TTL": "17"})
    (block,) = parsed.blocks
    assert block.zones == (".", "example.org.")
    assert [plugin.name for plugin in block.plugins] == ["errors", "cache", "log"]
    assert block.plugins[1].arguments == ("17",)
    assert block.plugins[2].arguments == (".", "{name} x")


def test_the_reverse_zone_of_a_range_can_be_written_as_the_range() -> None:
    parsed = parse("10.96.0.0/16 {\n whoami\n}")
    assert parsed.blocks[0].zones == ("96.10.in-addr.arpa.",)
