"""The ``cache`` plugin: answers kept for a while, and their TTL counted down.

Left out: ``prefetch`` and ``serve_stale``, which are accepted and do nothing.

Source: CoreDNS, plugin/cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from podwalk.network.dns.corefile import Directive, argument_error, plugin_error
from podwalk.network.dns.messages import NOERROR, NXDOMAIN, SERVFAIL, Answer, Question, Record, absolute, is_under
from podwalk.network.dns.plugins import Context, Handler, Next, Steps

MAXIMUM_TTL, MAXIMUM_DENIAL_TTL, MINIMUM_TTL, SERVFAIL_TTL = 3600, 1800, 5, 5
SUCCESS, DENIAL, ERROR = "success", "denial", "error"


@dataclass(frozen=True)
class Limits:
    """What one category of answers is kept for.

    Attributes:
        ttl: the longest, in seconds.
        minimum: the shortest.
        capacity: how many.
        disabled: the zones whose answers are not kept.
    """

    ttl: int
    minimum: int = MINIMUM_TTL
    capacity: int = 9984
    disabled: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Item:
    answer: Answer
    stored_s: float
    ttl: int


@dataclass
class Cache:
    """The answers of one server block, with the counters that the metrics have.

    Attributes:
        hits: answers given from here.
        misses: questions handed on.
    """

    items: dict[tuple[str, str, bool], _Item]
    hits: int = 0
    misses: int = 0

    def recall(self, question: Question, now_s: float) -> Answer | None:
        """Return a kept answer with what is left of its TTL, or None."""
        item = self.items.get((question.key, question.type, question.do))
        left = item.ttl - int(now_s - item.stored_s) if item else 0
        if item is None or left <= 0:
            self.misses += 1
            return None
        self.hits += 1
        kept = with_ttl(item.answer, left)
        return replace(kept, question=question, authoritative=True, source="cache")

    def keep(self, answer: Answer, ttl: int, now_s: float, capacity: int) -> None:
        """Keep an answer, in place of the oldest if it is full."""
        question = answer.question
        if len(self.items) >= capacity:
            del self.items[next(iter(self.items))]
        self.items[question.key, question.type, question.do] = _Item(answer, now_s, ttl)


def with_ttl(answer: Answer, ttl: int) -> Answer:
    """Return an answer whose records all have one TTL."""

    def stamp(records: Sequence[Record]) -> tuple[Record, ...]:
        return tuple(replace(record, ttl=ttl) for record in records)

    return replace(
        answer,
        answers=stamp(answer.answers),
        authority=stamp(answer.authority),
        additional=stamp(answer.additional),
    )


def category(answer: Answer) -> str:
    """Return ``success``, ``denial`` or ``error``; empty for what is never kept."""
    if answer.truncated:
        return ""
    denied = any(record.type == "SOA" for record in answer.authority) and not answer.answers
    if answer.rcode in (NOERROR, NXDOMAIN) and denied:
        return DENIAL
    return {NOERROR: SUCCESS, SERVFAIL: ERROR}.get(answer.rcode, "")


def make(context: Context, directive: Directive, zones: Sequence[str]) -> Handler:
    """Make the handler of one line."""
    arguments = list(directive.arguments)
    given = 0
    if arguments and arguments[0].lstrip("-").isdigit():
        given = int(arguments.pop(0))
        if given <= 0:
            raise plugin_error("cache", f"cache TTL can not be zero or negative: {given}")
    limits = _limits(directive, given)
    own = tuple(absolute(zone).lower() for zone in arguments or zones)
    cache = Cache({})
    context.caches.append(cache)

    def handle(question: Question, following: Next) -> Steps:
        if not any(is_under(question.name, zone) for zone in own):
            return (yield from following(question))
        kept = cache.recall(question, context.now())
        if kept is not None:
            return kept
        answer = yield from following(question)
        return _store(cache, limits, answer, context.now())

    return handle


def _store(cache: Cache, limits: dict[str, Limits], answer: Answer, now_s: float) -> Answer:
    """Keep an answer if it may be, and return it with the TTL it is kept for; a disabled zone's is cut alike."""
    kind = category(answer)
    limit = limits.get(kind)
    if limit is None:
        return answer
    records = (*answer.answers, *answer.authority, *answer.additional)
    smallest = min((record.ttl for record in records), default=MINIMUM_TTL)
    ttl = limit.ttl if kind == ERROR else max(limit.minimum, min(limit.ttl, smallest))
    disabled = any(is_under(answer.question.name, zone) for zone in limit.disabled)
    if ttl > 0 and not disabled:
        cache.keep(answer, ttl, now_s, limit.capacity)
    return with_ttl(answer, ttl)


def _limits(directive: Directive, given: int) -> dict[str, Limits]:
    limits = {
        SUCCESS: Limits(given or MAXIMUM_TTL),
        DENIAL: Limits(given or MAXIMUM_DENIAL_TTL),
        ERROR: Limits(SERVFAIL_TTL),
    }
    for entry in directive.block:
        name, arguments = entry.name, entry.arguments
        if name in (SUCCESS, DENIAL) and arguments:
            numbers = [int(word) for word in arguments]
            old = limits[name]
            ttl = numbers[1] if len(numbers) > 1 else old.ttl
            minimum = numbers[2] if len(numbers) > 2 else old.minimum
            limits[name] = replace(old, capacity=max(1024, numbers[0]), ttl=ttl, minimum=minimum)
        elif name == "disable" and arguments and arguments[0] in (SUCCESS, DENIAL):
            disabled = tuple(absolute(zone) for zone in arguments[1:]) or (".",)
            limits[arguments[0]] = replace(limits[arguments[0]], disabled=disabled)
        elif name == "servfail" and arguments:
            limits[ERROR] = Limits(int(seconds(arguments[0])))
        elif name not in ("prefetch", "serve_stale", "keepttl"):
            raise argument_error("cache", entry, entry.name)
    return limits


def seconds(text: str) -> float:
    """Return a Go duration such as ``5s``, ``1m`` or ``100ms`` in seconds."""
    for unit, factor in (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    return float(text)
