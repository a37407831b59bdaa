"""What the book needs of Sphinx beyond Jupyter Book: a cluster, YAML colours in `%%apply` cells, the facts register.

Setting the environment here, where Sphinx loads us, keeps `jupyter-book build .` the only command: kernels inherit it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from IPython.lib.lexers import IPython3Lexer
from pygments.lexers.data import YamlLexer
from pygments.token import Comment, Token
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

ENVIRONMENT = {
    "PODWALK_BACKEND": "in-process",
    "PODWALK_LAB": "headless",
    "PODWALK_PROGRESS": "",
    # The book's pictures must not depend on who builds it.
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYTHONHASHSEED": "0",
    "COLUMNS": "100",
}

TO_A_FILE = re.compile(r'href="((?:\.\./)*[\w/-]+)\.md(#[\w-]+)?"')
YAML_MAGICS = ("%%apply", "%%lab", "%%step")


class CellLexer(IPython3Lexer):  # type: ignore[misc]  # IPython ships no types
    """Colours a code cell: Python, or the YAML under a magic that takes a manifest."""

    name = "Podwalk cell"
    aliases = ("ipython3", "ipython")

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, Any, str]]:
        """Yield the tokens of a cell."""
        if not text.startswith(YAML_MAGICS):
            yield from super().get_tokens_unprocessed(text)
            return
        head, newline, body = text.partition("\n")
        yield 0, Comment.Preproc, head
        yield len(head), Token.Text, newline
        for index, token, value in YamlLexer().get_tokens_unprocessed(body):
            yield len(head) + 1 + index, token, value


def register(app: Sphinx) -> Path:
    """Return the file of the facts register; a page that cites it is made again when it changes."""
    return Path(app.srcdir) / "book" / "_data" / "facts.yml"


def read_facts(path: Path) -> dict[str, dict[str, Any]]:
    """Read the facts register."""
    facts: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return facts


class FactMarks(SphinxTransform):
    """A link to an entry of the facts register becomes the date of its check, small and raised.

    Where the text is opened as a notebook, it is what is written: a link to the register's page.
    """

    # Before MyST looks for the place: the register's page makes it, and has no heading for it.
    default_priority = 5

    def apply(self, **_: Any) -> None:
        """Put the marks in."""
        for link in list(self.document.findall(addnodes.pending_xref)):
            # MyST keeps the place apart, unless there is no such page, as in a part of the book.
            place = link.get("reftargetid") or link.get("reftarget", "").partition("#")[2]
            name = place.removeprefix("fact-")
            if name == place:
                continue
            self.env.note_dependency(str(register(self.app)))
            facts = self.env.podwalk_facts  # type: ignore[attr-defined]  # set in `load`
            if name not in facts:
                raise ExtensionError(f"{self.env.docname}: there is no fact {name!r} in book/_data/facts.yml")
            page = self.app.builder.get_relative_uri(self.env.docname, "book/reference/facts")
            said = f"{facts[name]['checked']:%b %Y}"
            mark = nodes.reference("", said, refuri=f"{page}#fact-{name}", classes=["fact-mark"])
            link.replace_self(nodes.superscript("", "", mark))


class FactsDirective(SphinxDirective):
    """``{facts}``: the whole register as a definition list, each entry with its source and date."""

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        self.env.note_dependency(str(register(self.env.app)))
        entries = nodes.definition_list(classes=["facts"])
        for name, fact in sorted(self.env.podwalk_facts.items()):  # type: ignore[attr-defined]  # set in `load`
            term = nodes.term("", fact["subject"], ids=[f"fact-{name}"])
            source = nodes.reference("", fact["source"].removeprefix("https://"), refuri=fact["source"])
            said = nodes.paragraph("", fact["claim"])
            checked = nodes.Text(f"Checked {fact['checked'].isoformat()}: ")
            where = nodes.paragraph("", "", checked, source, classes=["fact-source"])
            entries += nodes.definition_list_item("", term, nodes.definition("", said, where))
        return [entries]


def lead_to_pages(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Let a link to a chapter's file, in HTML that a cell printed, lead to its page."""
    for raw in doctree.findall(nodes.raw):
        if raw.get("format") == "html":
            raw.children = [nodes.Text(TO_A_FILE.sub(r'href="\1.html\2"', raw.astext()))]


def load(app: Sphinx, env: Any, docnames: Any) -> None:
    """Read the register before any page."""
    env.podwalk_facts = read_facts(register(app))
    for name, fact in env.podwalk_facts.items():
        if not isinstance(fact.get("checked"), date):
            raise ExtensionError(f"book/_data/facts.yml: {name} has no date in `checked`")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register everything; what the caller's environment says of the backend stays."""
    for name, value in ENVIRONMENT.items():
        if value:
            os.environ.setdefault(name, value)
    # A kernel that is started for a page must find the package of this very tree.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(app.srcdir), os.environ.get("PYTHONPATH", "")]))
    app.add_lexer("ipython3", CellLexer)
    app.add_lexer("ipython", CellLexer)
    app.add_transform(FactMarks)
    app.add_directive("facts", FactsDirective)
    app.connect("env-before-read-docs", load)
    app.connect("doctree-resolved", lead_to_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
