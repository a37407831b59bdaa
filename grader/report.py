"""How results read: the report under a test cell, and back again from a graded notebook."""

from __future__ import annotations

from collections.abc import Sequence

from grader.finding import Result

EVIDENCE_LINES = 6


def text(results: Sequence[Result], earned: float, points: float) -> str:
    """Render a task's results: a line a check, and below a failed one why and what was seen."""
    lines = [f"{number(earned)} of {number(points)} points"]
    for result in results:
        mark = "✓" if result.finding.passed else "◐" if result.finding.share > 0 else "✗"
        lines.append(f"{mark} {result.claim}")
        if not result.finding.passed:
            lines.append(f"    why: {result.finding.reason}")
            lines += [f"    saw: {line}" for line in result.finding.evidence.strip().splitlines()[:EVIDENCE_LINES]]
    return "\n".join(lines)


def reasons(printed: str) -> list[str]:
    """Return why points were lost, from a report's text: each failed claim with its reason."""
    found, claim = [], ""
    for line in printed.splitlines():
        if line[:1] in {"✗", "◐"}:
            claim = line[2:]
        elif line.startswith("    why: ") and claim:
            found.append(f"{claim}: {line.removeprefix('    why: ')}")
            claim = ""
    return found


def number(value: float) -> str:
    """Render points without a needless ``.0``."""
    return f"{value:g}"
