"""Equal lines counted and drawn: which Pod answered how often."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

from podwalk.facade import display

WIDTH = 30
"""Characters of the longest bar in text."""


@dataclass(frozen=True)
class Tally:
    """Counts of equal lines, the most frequent first; equal counts in the order of the lines.

    Attributes:
        counts: how often each line came.
        what: the heading of the lines.
    """

    counts: Mapping[str, int]
    what: str = "ANSWER"

    @property
    def total(self) -> int:
        """How many lines there were."""
        return sum(self.counts.values())

    def __repr__(self) -> str:
        """Draw the bars in text."""
        longest = max(self.counts.values(), default=1)
        rows = [(line, str(count), "█" * round(WIDTH * count / longest)) for line, count in self.counts.items()]
        return display.columns((self.what, "COUNT", ""), rows) if rows else "no answers"

    def _repr_html_(self) -> str:
        longest = max(self.counts.values(), default=1)
        rows = "".join(
            f'<tr><td>{escape(line)}</td><td>{count}</td><td class="podwalk-wide">'
            f'<span class="podwalk-bar" style="width:{100 * count / longest:.0f}%"></span></td></tr>'
            for line, count in self.counts.items()
        )
        head = f'<th scope="col">{escape(self.what)}</th><th scope="col">COUNT</th><td></td>'
        return (
            f'<style>{display.CSS}</style><div class="podwalk-scroll" tabindex="0">'
            f'<table class="podwalk" style="width:100%">'
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        )


def tally(lines: Iterable[str], what: str = "ANSWER") -> Tally:
    """Count equal lines; empty ones are left out."""
    counts = Counter(line.strip() for line in lines if line.strip())
    return Tally(dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))), what)
