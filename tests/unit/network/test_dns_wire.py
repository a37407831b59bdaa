"""Messages on the wire."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import pytest

from podwalk.network.dns import Answer, Record, wire


def reply(answer: Answer, request: bytes) -> dns.message.Message:
    return dns.message.from_wire(wire.message(answer, request))


def many(name: str = "many.test.") -> tuple[Record, ...]:
    return tuple(Record(name, "A", 30, f"192.0.2.{number}") for number in range(1, 120))


def test_a_question_is_read_with_what_the_log_needs() -> None:
    data = dns.message.make_query("Web.Shop.test", "SRV", use_edns=0, payload=1232, want_dnssec=True).to_wire()
    question = wire.question(data, client="10.0.0.1:5353", protocol="tcp")
    assert (question.name, question.type, question.client) == ("Web.Shop.test.", "SRV", "10.0.0.1:5353")
    assert (question.buffer, question.do, question.size) == (1232, True, len(data))
    assert question.key == "web.shop.test."


def test_bytes_that_are_no_question_are_refused() -> None:
    with pytest.raises(wire.MessageError, match="no DNS message"):
        wire.question(wire.query("web.test.")[:-3])


def test_what_is_too_short_or_an_answer_gets_no_reply() -> None:
    answer = dns.message.make_response(dns.message.make_query("a.test", "A")).to_wire()
    for data in (b"", b"GET / HTTP/", answer):
        with pytest.raises(wire.MessageError) as caught:
            wire.question(data)
        assert caught.value.reply == b""


@pytest.mark.parametrize(
    ("question", "rcode"),
    [
        (dns.message.make_query("version.bind", "TXT", "CH"), dns.rcode.REFUSED),
        (dns.message.make_query("a.test", "A", use_edns=1), dns.rcode.BADVERS),
    ],
)
def test_what_coredns_does_not_speak_it_says(question: dns.message.Message, rcode: dns.rcode.Rcode) -> None:
    with pytest.raises(wire.MessageError) as caught:
        wire.question(question.to_wire())
    reply = dns.message.from_wire(caught.value.reply)
    assert (reply.rcode(), reply.id, reply.question) == (rcode, question.id, question.question)


def test_an_answer_travels_there_and_back() -> None:
    request = wire.query("web.test.", "SRV", ident=77)
    question = wire.question(request)
    records = (Record("web.test.", "SRV", 30, "0 100 80 a.web.test."),)
    extra = (Record("a.web.test.", "A", 30, "192.0.2.1"),)
    sent = Answer(question, "NOERROR", records, (), extra, authoritative=True)
    data = wire.message(sent, request)
    assert dns.message.from_wire(data).id == 77
    received = wire.answer(data, question)
    assert (received.answers, received.additional) == (records, extra)
    assert received.authoritative
    assert not received.recursion_available


def test_edns_is_answered_with_the_clients_size_and_only_if_it_was_asked() -> None:
    request = wire.query("web.test.")
    assert reply(Answer(wire.question(request)), request).payload == 1232
    plain = wire.query("web.test.", edns=False)
    assert reply(Answer(wire.question(plain)), plain).edns == -1


def test_the_case_of_the_question_comes_back() -> None:
    request = wire.query("WeB.TeSt.")
    assert reply(Answer(wire.question(request)), request).question[0].name.to_text() == "WeB.TeSt."


@pytest.mark.parametrize(("edns", "limit"), [(True, 1232), (False, 512)])
def test_an_answer_too_long_for_udp_is_cut_and_says_so(edns: bool, limit: int) -> None:
    request = wire.query("many.test.", edns=edns)
    data = wire.message(Answer(wire.question(request), answers=many()), request)
    assert len(data) <= limit
    assert dns.message.from_wire(data).flags & dns.flags.TC


def test_over_tcp_everything_fits() -> None:
    request = wire.query("many.test.")
    whole = reply(Answer(wire.question(request, protocol="tcp"), answers=many()), request)
    assert not whole.flags & dns.flags.TC
    assert len(whole.answer[0]) == 119


def test_codes_are_written() -> None:
    request = wire.query("web.test.")
    assert reply(Answer(wire.question(request), "NXDOMAIN"), request).rcode() == dns.rcode.NXDOMAIN


def test_a_cookie_comes_back_as_it_went_and_an_option_that_is_not_known_does_not() -> None:
    options = [dns.edns.CookieOption(b"12345678", b""), dns.edns.GenericOption(dns.edns.OptionType.make(65001), b"own")]
    asked = dns.message.make_query("web.test", "A", use_edns=0, payload=4096, options=options).to_wire()
    reply = dns.message.from_wire(wire.message(Answer(wire.question(asked)), asked))
    assert [option.to_text() for option in reply.options] == [options[0].to_text()]
    assert reply.payload == 4096
