"""What probes found: one connection, and a table of many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from podwalk.facade import display
from podwalk.facade.probes.caller import Caller


class Reply(Enum):
    """How a target replied to a connection."""

    OPEN = "open"
    REFUSED = "refused"
    SILENT = "no answer"
    UNRESOLVED = "name not found"
    UNREACHABLE = "no route"


@dataclass(frozen=True)
class Probe:
    """One connection that was tried.

    Attributes:
        caller: who called, as asked for.
        target: what was called, as written.
        reply: how it replied.
        control: whether the positive control got a connection at the same time; None if none was needed or possible.
        said: what the tool said; may be empty.
        control_by: who made the positive control, in words.
        stand_in: the Pod that called in the caller's place, since the caller's image has no tool for it; may be empty.
    """

    caller: Caller
    target: str
    reply: Reply
    control: bool | None = None
    said: str = ""
    control_by: str = ""
    stand_in: str = ""

    @property
    def open(self) -> bool:
        """Whether there was a connection."""
        return self.reply is Reply.OPEN

    @property
    def blocked(self) -> bool:
        """Whether there was none although the target was there: something on the way is against it."""
        return not self.open and self.control is True

    @property
    def verdict(self) -> str:
        """One word: ``open``, ``blocked``, ``broken`` (the control failed too) or ``unproved`` (there was none)."""
        if self.open:
            return "open"
        return {True: "blocked", False: "broken", None: "unproved"}[self.control]

    def __str__(self) -> str:
        """Say it in a sentence."""
        caller = f"{self.caller}" + (f" (by its stand-in {self.stand_in})" if self.stand_in else "")
        if self.open:
            return f"{caller} → {self.target}: open"
        said = f"{self.reply.value} ({self.said})" if self.said else self.reply.value
        meaning = {
            True: f"blocked, for {self.control_by} gets a connection",
            False: f"broken, for not even {self.control_by} gets a connection",
            None: "whether it is blocked or broken is unproved: there is no positive control",
        }[self.control]
        return f"{caller} → {self.target}: {said}; {meaning}"

    __repr__ = __str__


MARKS = {"open": "✓ open", "blocked": "✗ blocked", "broken": "! broken", "unproved": "? no answer"}


@dataclass(frozen=True)
class Probes:
    """Many connections that were tried, row by row: a caller is a row, a target a column."""

    probes: tuple[Probe, ...]

    def __iter__(self) -> Iterator[Probe]:
        """Yield each probe."""
        return iter(self.probes)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.probes)

    def __getitem__(self, flow: tuple[Caller | str, str]) -> Probe:
        """Return the probe of a caller and a target."""
        caller = Caller(name=flow[0]) if isinstance(flow[0], str) else flow[0]
        for probe in self.probes:
            if probe.caller == caller and probe.target == flow[1]:
                return probe
        raise KeyError(flow)

    def __repr__(self) -> str:
        """Lay the verdicts out as a table."""
        return display.columns(*self._table())

    def _repr_html_(self) -> str:
        header, rows = self._table()
        return display.table(header, rows, caption="who reaches whom")

    def _table(self) -> tuple[list[str], list[list[str]]]:
        targets = list(dict.fromkeys(probe.target for probe in self.probes))
        rows: dict[Caller, dict[str, str]] = {}
        for probe in self.probes:
            rows.setdefault(probe.caller, {})[probe.target] = MARKS[probe.verdict]
        cells = [[_short(caller), *(row.get(target, "") for target in targets)] for caller, row in rows.items()]
        return ["FROM", *targets], cells


def _short(caller: Caller) -> str:
    name = caller.name or ",".join(f"{key}={value}" for key, value in caller.labels) or "any Pod"
    return f"{name} ({caller.namespace})" if caller.namespace else name
