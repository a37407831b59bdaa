"""What the step control shows, as HTML."""

from __future__ import annotations

import re
from html import escape

from markdown_it import MarkdownIt

from podwalk.labs import show
from podwalk.labs.check import CheckResult
from podwalk.labs.session import Sight


def markdown(text: str) -> str:
    """Turn a step's Markdown into HTML."""
    return str(MarkdownIt().render(text))


def note(text: str, kind: str) -> str:
    """Return a paragraph with a coloured edge."""
    return f'<div class="podwalk-note {kind}">{text}</div>'


def problem(error: Exception) -> str:
    """Return an error as a learner reads it."""
    return note(
        f'<strong>That did not work.</strong><pre style="white-space:pre-wrap">{escape(str(error))}</pre>', "bad"
    )


def seen(sight: Sight) -> str:
    """Return what a look showed as HTML."""
    result = show.result(sight)
    html = result._repr_html_() if hasattr(result, "_repr_html_") else f"<pre>{escape(str(result))}</pre>"
    title = f'<div class="podwalk-label">{escape(sight.look.title)}</div>' if sight.look.title else ""
    return f'{title}<div class="podwalk-command">{escape(sight.look.command.removeprefix("$ "))}</div>{html}'


def claims(results: list[CheckResult]) -> str:
    """Return the checks as a list; a failed one says why."""
    items = "".join(
        f'<li class="{"good" if result.passed else "bad"}">{code(result.check.claim)}'
        + (f"<small>{code(result.reason)}</small>" if result.reason else "")
        + "</li>"
        for result in results
    )
    return f'<ul class="podwalk-claims">{items}</ul>'


def inline(text: str) -> str:
    """Turn one line of Markdown into HTML without a paragraph."""
    return str(MarkdownIt().renderInline(text))


def code(text: str) -> str:
    """Return text of which what stands between backticks is code; nothing else in it is Markdown."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
