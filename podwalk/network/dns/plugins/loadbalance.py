"""The ``loadbalance`` plugin: the order of addresses is shuffled in every answer.

Source: CoreDNS, plugin/loadbalance. Of its policies, ``round_robin``, the default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from podwalk.network.dns.corefile import Directive, plugin_error
from podwalk.network.dns.messages import NOERROR, Question, Record
from podwalk.network.dns.plugins import Context, Handler, Next, Steps


def make(context: Context, directive: Directive, _zones: Sequence[str]) -> Handler:
    """Make the handler of one line."""
    if directive.arguments not in ((), ("round_robin",)):
        raise plugin_error("loadbalance", f"unknown policy: {directive.arguments[0]}")

    def shuffle(records: tuple[Record, ...]) -> tuple[Record, ...]:
        """CNAMEs first, then the rest, addresses, mail exchangers: the last two shuffled."""
        addresses = [record for record in records if record.type in ("A", "AAAA")]
        exchangers = [record for record in records if record.type == "MX"]
        context.random.shuffle(addresses)
        context.random.shuffle(exchangers)
        names = [record for record in records if record.type == "CNAME"]
        rest = [record for record in records if record.type not in ("CNAME", "A", "AAAA", "MX")]
        return (*names, *rest, *addresses, *exchangers)

    def handle(question: Question, following: Next) -> Steps:
        answer = yield from following(question)
        if answer.rcode != NOERROR:
            return answer
        return replace(answer, answers=shuffle(answer.answers), additional=shuffle(answer.additional))

    return handle
