"""The ``log`` and ``errors`` plugins: one line for each question, and one for what went wrong.

Source: CoreDNS, plugin/log, plugin/errors, plugin/pkg/replacer. The duration is that of the clock in use.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import dns.rcode

from podwalk.network.dns import wire
from podwalk.network.dns.corefile import Directive
from podwalk.network.dns.messages import NOERROR, NXDOMAIN, Answer, Question, absolute, is_under
from podwalk.network.dns.plugins import Context, Handler, Next, Steps

COMMON = (
    '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" '
    "{rcode} {>rflags} {rsize} {duration}"
)
COMBINED = COMMON.replace("{>id}", "{>id} {>opcode}", 1)
FORMATS = {"{common}": COMMON, "{combined}": COMBINED}


def make_log(context: Context, directive: Directive, _zones: Sequence[str]) -> Handler:
    """Make the handler of one ``log`` line: ``log [NAMES...] [FORMAT]``."""
    arguments = list(directive.arguments)
    written = arguments.pop() if arguments and ("{" in arguments[-1] or "}" in arguments[-1]) else "{common}"
    layout = FORMATS.get(written, written)
    names = tuple(absolute(name) for name in arguments) or (".",)
    classes = {word for entry in directive.block if entry.name == "class" for word in entry.arguments} or {"all"}

    def handle(question: Question, following: Next) -> Steps:
        started = context.now()
        answer = yield from following(question)
        if any(is_under(question.name, name) for name in names) and not classes.isdisjoint({"all", _class(answer)}):
            values = _values(context, question, answer, context.now() - started)
            context.log("[INFO] " + re.sub(r"\{[^{}]+\}", lambda found: values.get(found[0], "-"), layout))
        return answer

    return handle


def make_errors(context: Context, _directive: Directive, _zones: Sequence[str]) -> Handler:
    """Make the handler of ``errors``."""

    def handle(question: Question, following: Next) -> Steps:
        answer = yield from following(question)
        if answer.error:
            code = int(dns.rcode.from_text(answer.rcode))
            context.log(f"[ERROR] plugin/errors: {code} {absolute(question.name)} {question.type}: {answer.error}")
        return answer

    return handle


def _class(answer: Answer) -> str:
    """Return the class of a response: ``success``, ``denial`` or ``error``."""
    if answer.rcode == NXDOMAIN or (answer.rcode == NOERROR and not answer.answers and answer.authority):
        return "denial"
    return "success" if answer.rcode == NOERROR else "error"


def _values(context: Context, question: Question, answer: Answer, duration_s: float) -> Mapping[str, str]:
    remote, _, port = question.client.rpartition(":")
    flags = ["qr", *(["aa"] if answer.authoritative else []), *(["tc"] if answer.truncated else []), "rd"]
    flags += ["ra"] if answer.recursion_available else []
    return {
        "{remote}": remote,
        "{port}": port,
        "{local}": "[::]",
        "{type}": question.type,
        "{class}": "IN",
        "{name}": absolute(question.name),
        "{proto}": question.protocol,
        "{size}": str(question.size),
        "{duration}": f"{duration_s:.9f}".rstrip("0").rstrip(".") + "s",
        "{rcode}": answer.rcode,
        "{rsize}": str(wire.length(answer)),
        "{>rflags}": ",".join(flags),
        "{>bufsize}": str(question.buffer),
        "{>do}": str(question.do).lower(),
        "{>id}": str(question.id),
        "{>opcode}": "0",
    }
