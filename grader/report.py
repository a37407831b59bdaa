"""How results read: the report under a test cell, and back again from a graded notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from grader.finding import Result

EVIDENCE_LINES = 6
MARKS = {"passed": "✓", "partly": "◐", "missed": "✗"}


@dataclass(frozen=True)
class CheckMark:
    """A line of a report.

    Attributes:
        claim: what had to hold.
        outcome: ``passed``, ``partly`` or ``missed``.
        reason: why it was not passed; empty if it was.
    """

    claim: str
    outcome: str
    reason: str = ""


def text(results: Sequence[Result], earned: float, points: float) -> str:
    """Render a task's results: a line a check, and below a failed one why and what was seen."""
    lines = [f"{number(earned)} of {number(points)} points"]
    for result in results:
        mark = MARKS["passed" if result.finding.passed else "partly" if result.finding.share > 0 else "missed"]
        lines.append(f"{mark} {result.claim}")
        if not result.finding.passed:
            lines.append(f"    why: {result.finding.reason}")
            lines += [f"    saw: {line}" for line in result.finding.evidence.strip().splitlines()[:EVIDENCE_LINES]]
    return "\n".join(lines)


def checks(printed: str) -> list[CheckMark]:
    """Read a report's text: each check with its outcome."""
    outcomes = {mark: outcome for outcome, mark in MARKS.items()}
    found: list[CheckMark] = []
    for line in printed.splitlines():
        if line[:1] in outcomes and line[1:2] == " ":
            found.append(CheckMark(line[2:], outcomes[line[0]]))
        elif line.startswith("    why: ") and found and not found[-1].reason:
            found[-1] = replace(found[-1], reason=line.removeprefix("    why: "))
    return found


def reasons(printed: str) -> list[str]:
    """Return why points were lost, from a report's text: each failed claim with its reason."""
    return [f"{check.claim}: {check.reason}" for check in checks(printed) if check.outcome != "passed"]


def number(value: float) -> str:
    """Render points without a needless ``.0``."""
    return f"{value:g}"
