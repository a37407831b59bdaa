"""The ``rewrite`` plugin: a question is changed on its way in, and its answer on its way out.

Simulated are the fields ``name``, ``type`` and ``ttl``; ``class``, ``edns0``, ``rcode`` and ``cname`` are refused.

Source: CoreDNS, plugin/rewrite, held to the answers of a real one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from podwalk.network.dns.corefile import FILE, Directive, plugin_error
from podwalk.network.dns.messages import Answer, Question, Record, absolute
from podwalk.network.dns.plugins import Context, Handler, Next, Steps

MATCHES = ("exact", "prefix", "suffix", "substring", "regex")
TARGETS = frozenset({"CNAME", "MX", "NS", "PTR", "SRV"})
"""Record types whose data ends in a name."""

Text = Callable[[str], str | None]
"""A name changed, or None if it does not match."""


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        field: ``name``, ``type`` or ``ttl``.
        goes_on: whether later rules follow it.
        change: what it makes of the name (or of the type); for ``ttl``, which names it is about.
        names: what becomes of the owner names in the answer.
        values: what becomes of the names in the answer's data.
        ttl: the least and the greatest TTL, for ``ttl``.
        restores: whether the answer gets back the very name that was asked for.
    """

    field: str
    goes_on: bool
    change: Text
    names: tuple[Text, ...] = ()
    values: tuple[Text, ...] = ()
    ttl: tuple[int, int] = (0, 0)
    restores: bool = False


def make(context: Context, directive: Directive, zones: Sequence[str]) -> Handler:
    """Make the handler of one line; the rules of several lines are one list (see :func:`make_all`)."""
    return make_all(context, [directive], zones)


def make_all(_context: Context, directives: Sequence[Directive], _zones: Sequence[str]) -> Handler:
    """Make the handler of all of a server block's lines: the first rule that matches ends it, unless it continues."""
    rules = [rule for directive in directives for rule in read(directive)]

    def handle(question: Question, following: Next) -> Steps:
        asked, applied = _apply(rules, question)
        answer = yield from following(asked)
        for rule in reversed(applied):
            answer = _revert(rule, answer)
        return replace(answer, question=question)

    return handle


def _apply(rules: Sequence[Rule], question: Question) -> tuple[Question, list[Rule]]:
    """Return the question after every rule that matches, and those rules with what undoes them."""
    applied: list[Rule] = []
    for rule in rules:
        subject = question.type if rule.field == "type" else absolute(question.name).lower()
        changed = rule.change(subject)
        if changed is None:
            continue
        if rule.field == "type":
            question = replace(question, type=changed)
        elif rule.field == "name":
            applied.append(_restoring(rule, question.name, changed) if rule.restores else rule)
            question = replace(question, name=absolute(changed))
        else:
            applied.append(rule)
        if not rule.goes_on:
            break
    return question, applied


def _restoring(rule: Rule, original: str, changed: str) -> Rule:
    """Return a rule that gives the question's own name back to the answer."""
    back = _back(absolute(changed), absolute(original))
    return replace(rule, names=(back, *rule.names), values=(back, *rule.values))


def _revert(rule: Rule, answer: Answer) -> Answer:
    def each(records: tuple[Record, ...]) -> tuple[Record, ...]:
        return tuple(_record(rule, record) for record in records)

    answers, additional = each(answer.answers), each(answer.additional)
    return replace(answer, answers=answers, additional=additional)


def _record(rule: Rule, record: Record) -> Record:
    if rule.field == "ttl":
        low, high = rule.ttl
        return replace(record, ttl=min(max(record.ttl, low), high))
    record = replace(record, name=_first(rule.names, record.name))
    if record.type in TARGETS and rule.values:
        head, _, name = record.data.rpartition(" ")
        record = replace(record, data=f"{head} {_first(rule.values, name)}".strip())
    return record


def _first(changes: Sequence[Text], name: str) -> str:
    return next((absolute(new) for change in changes if (new := change(name)) is not None), name)


def read(directive: Directive) -> list[Rule]:
    """Read a ``rewrite`` line, or the rule in its braces.

    The texts of every match type but ``regex`` are taken for absolute names: a prefix matches whole labels only, as it
    does in CoreDNS 1.14.

    Raises:
        CorefileError: for a rule that CoreDNS would not take, or that is not simulated.
    """
    words = list(directive.arguments)
    goes_on = bool(words) and words[0] == "continue"
    if words and words[0] in ("continue", "stop"):
        words.pop(0)
    words += [word for entry in directive.block for word in (entry.name, *entry.arguments)]
    if len(words) < 3:
        raise plugin_error("rewrite", f"few rules provided: {FILE}:{directive.line}")
    field, *rest = words
    if field == "type" and len(rest) == 2:
        wanted, new = rest[0].upper(), rest[1].upper()
        return [Rule("type", goes_on, lambda kind: new if kind == wanted else None)]
    if field == "name":
        return [_name_rule(rest, goes_on=goes_on)]
    if field == "ttl":
        return [_ttl_rule(rest, goes_on=goes_on)]
    text = f"line {directive.line}: rewriting {field!r} is not simulated; name, type and ttl are"
    raise plugin_error("rewrite", text)


def _split(words: list[str]) -> tuple[str, list[str]]:
    return (words[0], words[1:]) if words[0] in MATCHES else ("exact", words)


def _name_rule(words: list[str], *, goes_on: bool) -> Rule:
    match, rest = _split(words)
    if len(rest) < 2:
        raise plugin_error("rewrite", f"{match} rewrite rule needs a FROM and a TO")
    old, new, *answer = rest
    if match != "regex":
        old, new = absolute(old), absolute(new)
    undone: list[Text] = []
    if match != "regex":
        undone = [_back(new, old.lower()) if match == "exact" else _change(match, new, old.lower())]
    names: list[Text] = list(undone) if match == "exact" else []
    values: list[Text] = list(undone) if match == "exact" else []
    restores = False
    while answer:
        if answer[:2] == ["answer", "auto"]:
            names, values, answer = [*names, *undone], [*values, *undone], answer[2:]
            restores = restores or match == "regex"
        elif answer[0] == "answer" and len(answer) >= 4 and answer[1] in ("name", "value"):
            change = _change("regex", answer[2], answer[3])
            (names if answer[1] == "name" else values).append(change)
            answer = answer[4:]
        else:
            raise plugin_error("rewrite", f"invalid response rewrite rule: {' '.join(answer)}")
    change = _change(match, old, new)
    return Rule("name", goes_on, change, tuple(names), tuple(values), restores=restores)


def _ttl_rule(words: list[str], *, goes_on: bool) -> Rule:
    match, rest = _split(words)
    if len(rest) != 2:
        raise plugin_error("rewrite", "ttl rewrite rule needs a name and a TTL")
    low, dash, high = rest[1].partition("-")
    limits = (int(low or 0), int(high or 2**31 - 1) if dash else int(low))
    name = rest[0] if match == "regex" else absolute(rest[0])
    return Rule("ttl", goes_on, _change(match, name, name), ttl=limits)


def _back(new: str, old: str) -> Text:
    """Return what gives an answer the name that was asked for, in place of the new one: a name under it has it too."""
    exact, below = _change("exact", new, old), _change("suffix", f".{new}", f".{old}")
    return lambda name: below(name) if (found := exact(name)) is None else found


def _change(match: str, old: str, new: str) -> Text:
    """Return the function of a match type, an old and a new text."""
    if match == "exact":
        old = absolute(old).lower()
        return lambda name: new if name.lower() == old else None
    if match == "prefix":
        return lambda name: new + name[len(old) :] if name.lower().startswith(old.lower()) else None
    if match == "suffix":
        return lambda name: name[: -len(old)] + new if name.lower().endswith(old.lower()) else None
    if match == "substring":
        return lambda name: name.replace(old, new) if old in name else None
    try:
        pattern = re.compile(old, re.IGNORECASE)
    except re.error as error:
        raise plugin_error("rewrite", f"invalid regex matching pattern: {old}") from error

    def replaced(name: str) -> str | None:
        found = pattern.fullmatch(name) or pattern.fullmatch(name.rstrip(".")) or pattern.search(name)
        if found is None:
            return None
        return re.sub(r"\{(\d+)\}", lambda group: found[int(group[1])] or "", new)

    return replaced
