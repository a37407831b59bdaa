"""A review as HTML: a block a rule, so that sentences wrap and nothing scrolls at 390 pixels."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podwalk.reviews.finding import Finding
    from podwalk.reviews.review import Review

CSS = """\
.podwalk-review{max-width:60em;margin:.4em 0;font-size:14px;line-height:1.45}
.podwalk-review table{border-collapse:collapse;width:100%;margin:0;table-layout:fixed}
.podwalk-review th,.podwalk-review td{text-align:left!important;vertical-align:top;padding:.45em .8em .45em 0;
white-space:normal;overflow-wrap:anywhere;border:0;border-top:1px solid rgba(128,128,128,.35)}
.podwalk-review thead th{border-top:0;font-weight:600}
.podwalk-review tr{background:none!important}
.podwalk-review td:first-child,.podwalk-review th:first-child{width:34%}
.podwalk-review .rule{font-weight:600}
.podwalk-review .rule::before{content:"✗ ";color:#c4312b}
.podwalk-review .field{font-family:var(--jp-code-font-family,ui-monospace,monospace);font-size:12px}
.podwalk-review p{margin:.1em 0}
.podwalk-review .sum::before{content:"✓ ";color:#1a7f37}
[data-theme=dark] .podwalk-review .rule::before,[data-jp-theme-light=false] .podwalk-review .rule::before{color:#ff8b84}
[data-theme=dark] .podwalk-review .sum::before,[data-jp-theme-light=false] .podwalk-review .sum::before{color:#57d37a}
"""


def draw(review: Review) -> str:
    """Return a review's table, or a sentence if there is nothing to find."""
    rows = "".join(_rows(rule, list(found)) for rule, found in groupby(review.findings, lambda finding: finding.rule))
    head = '<thead><tr><th scope="col">Object, field</th><th scope="col">Why, and what to write</th></tr></thead>'
    table = (
        f'<table aria-label="Review of {escape(review.namespace)}">{head}<tbody>{rows}</tbody></table>' if rows else ""
    )
    return f'<style>{CSS}</style><div class="podwalk-review">{table}<p class="sum">{escape(review.summary)}</p></div>'


def _rows(rule: str, findings: list[Finding]) -> str:
    head = f'<tr><th class="rule" colspan="2" scope="rowgroup">{escape(rule)}</th></tr>'
    return head + "".join(
        f'<tr><td><p>{escape(finding.object)}</p><p class="field">{escape(finding.field)}</p></td>'
        f"<td><p>{escape(finding.why)}</p><p><strong>{escape(finding.fix)}</strong></p></td></tr>"
        for finding in findings
    )
