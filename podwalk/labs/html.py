"""The parts of a step as HTML, for its control and for the book."""

from __future__ import annotations

import re
from html import escape
from importlib.resources import files

from markdown_it import MarkdownIt
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.data import YamlLexer

from podwalk.labs import show
from podwalk.labs.check import CheckResult
from podwalk.labs.lab import Prediction
from podwalk.labs.session import Sight

CODE = re.compile(r"`([^`]+)`")


def markdown(text: str) -> str:
    """Turn a step's Markdown into HTML."""
    return str(MarkdownIt().render(text))


def manifest(text: str) -> str:
    """Return a manifest in the colours of the page that it stands on."""
    return str(highlight(text.strip(), YamlLexer(), HtmlFormatter()))


def diagram(svg: str) -> str:
    """Return a drawing that a keyboard can move sideways where it is wider than the page."""
    style = files(__package__).joinpath("diagram.css").read_text(encoding="utf-8")
    return f'<style>{style}</style><div class="podwalk-diagram" tabindex="0">{svg}</div>'


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
    return CODE.sub(r"<code>\1</code>", escape(text))


def plain(text: str) -> str:
    """Return text without the backticks around its code, for where a widget shows text as it is."""
    return CODE.sub(r"\1", text)


def question(prediction: Prediction) -> str:
    """Return a prediction as a box of the book."""
    choices = "".join(f"<li>{code(choice.text)}</li>" for choice in prediction.choices)
    title = '<p class="admonition-title">Predict</p>'
    return f'<div class="admonition predict">{title}<p>{code(prediction.question)}</p><ol>{choices}</ol></div>'


def answer(prediction: Prediction) -> str:
    """Return what happens and why, folded away."""
    number, choice = next((number, choice) for number, choice in enumerate(prediction.choices, 1) if choice.right)
    happens = f"{number}. {code(choice.text)} {code(choice.why)}"
    return f"<details><summary>What happens</summary><p>{happens}</p></details>"
