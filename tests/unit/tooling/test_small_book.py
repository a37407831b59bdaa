"""A book of three pages, made as the course's is: only what changed runs again, buttons and links lead somewhere."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import yaml

from scripts.commands import BUILD, LINKS, stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
LAB = "notebooks/labs/01-first-service"
HUB = "https://hub.example"
PAGE = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3 (ipykernel)
  language: python
  name: python3
---

# {title}

```{{code-cell}} ipython3
from IPython.display import Markdown

Markdown("[elsewhere]({leads_to}.md#a-place)")
```
{more}
"""


@dataclass(frozen=True)
class Book:
    """A folder with a book, and where it is said to be published from."""

    folder: Path
    repository: str = "https://git.example/class/podwalk"

    def build(self, *arguments: str) -> tuple[int, str]:
        """Build it as the command of the course does; return the exit code and the log."""
        settings = {"PODWALK_REPOSITORY": self.repository, "PODWALK_JUPYTERHUB": HUB}
        finished = subprocess.run(
            [sys.executable, *(arguments or BUILD.arguments)],
            cwd=self.folder,
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            check=False,
        )
        return finished.returncode, finished.stdout + finished.stderr

    def write(self, name: str, leads_to: str, more: str = "") -> None:
        page = PAGE.format(title=name.capitalize(), leads_to=leads_to, more=more)
        (self.folder / "book" / f"{name}.md").write_text(page, encoding="utf-8")

    def html(self, page: str) -> str:
        return (self.folder / "_build" / "html" / f"{page}.html").read_text(encoding="utf-8")


def ran(log: str) -> set[str]:
    """The pages that a build ran."""
    return set(re.findall(r"(\S+): Executed notebook", log))


@pytest.fixture
def book(root: Path, tmp_path: Path) -> Book:
    for part in ("book/_ext", "book/_static", "book/_templates", "book/_data"):
        shutil.copytree(root / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "_config.yml", tmp_path)
    (tmp_path / LAB).parent.mkdir(parents=True)
    shutil.copy(root / f"{LAB}.ipynb", tmp_path / f"{LAB}.ipynb")
    chapters = [{"file": "book/second"}, {"file": LAB}]
    toc = {"format": "jb-book", "root": "book/first", "parts": [{"caption": "All", "chapters": chapters}]}
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")
    made = Book(tmp_path)
    made.write("first", "second")
    made.write("second", "first", more="\n## A place\n")
    return made


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A web site on loopback that has one page, `there.html`."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "there.html").write_text("<html>there</html>", encoding="utf-8")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), lambda *all_: Quiet(*all_, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_only_the_page_that_changed_is_run_again_and_the_build_says_what_it_does(book: Book) -> None:
    code, log = book.build()
    assert code == 0, log
    assert {Path(page).stem for page in ran(log)} == {"first", "second", Path(LAB).name}
    assert any("reading sources book/second" in (stage(line) or "") for line in log.splitlines())
    code, log = book.build()
    assert (code, ran(log)) == (0, set())
    book.write("second", "first", more="\n## A place\n\n```{code-cell} ipython3\n1 + 1\n```\n")
    code, log = book.build()
    assert code == 0, log
    assert {Path(page).stem for page in ran(log)} == {"second"}


def test_a_change_of_the_code_that_the_cells_call_runs_every_page_again(book: Book) -> None:
    package = book.folder / "podwalk"
    package.mkdir()
    (package / "answer.py").write_text("ANSWER = 'one'\n", encoding="utf-8")
    # Sphinx has loaded the installed package by then; what a kernel of a page would import is asked for by its path.
    cell = "import runpy\n\nrunpy.run_path('../podwalk/answer.py')['ANSWER']"
    book.write("second", "first", more=f"\n## A place\n\n```{{code-cell}} ipython3\n{cell}\n```\n")
    shutil.rmtree(book.folder / "notebooks")
    toc = {"format": "jb-book", "root": "book/first", "chapters": [{"file": "book/second"}]}
    (book.folder / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")
    code, log = book.build()
    assert code == 0, log
    (package / "answer.py").write_text("ANSWER = 'two'\n", encoding="utf-8")
    code, log = book.build()
    assert (code, {Path(page).stem for page in ran(log)}) == (0, {"first", "second"}), log
    assert "two" in book.html("book/second")
    assert "one" not in re.sub("<[^>]*>", "", book.html("book/second").partition("A place")[2]).split()
    assert len(list((book.folder / "_build" / ".jupyter_cache").iterdir())) == 1


def test_the_date_of_a_fact_that_changes_is_told_anew_without_running_a_cell(book: Book) -> None:
    facts = book.folder / "book" / "_data" / "facts.yml"
    known = yaml.safe_load(facts.read_text(encoding="utf-8"))
    name = next(iter(known))
    book.write("second", "first", more=f"\n## A place\n\nSo it is. [source](reference/facts.md#fact-{name})\n")
    code, log = book.build()
    assert code == 0, log
    known[name]["checked"] = date(2031, 5, 4)
    facts.write_text(yaml.safe_dump(known), encoding="utf-8")
    code, log = book.build()
    assert (code, ran(log)) == (0, set())
    assert re.search(
        rf'<sup><a [^>]*href="reference/facts.html#fact-{name}">May 2031</a></sup>', book.html("book/second")
    )


def test_buttons_open_what_is_there_and_outputs_lead_to_pages(book: Book) -> None:
    book = Book(book.folder, "https://github.com/class/podwalk")
    cell = 'from IPython.display import HTML\n\nHTML("<a href=\'first.md#first\'>back</a>".replace("\'", chr(34)))'
    book.write("second", "first", more=f"\n## A place\n\n```{{code-cell}} ipython3\n{cell}\n```\n")
    code, log = book.build()
    assert code == 0, log
    for page, file in {"book/second": "book/second.md", LAB: f"{LAB}.ipynb"}.items():
        links = re.findall(r'href="([^"]*)"', book.html(page))
        binder, hub = (
            next(link for link in links if link.startswith(start)) for start in ("https://mybinder.org/", HUB)
        )
        assert binder.startswith(f"https://mybinder.org/v2/gh/class/podwalk/main?urlpath=lab/tree/{file}")
        asked = parse_qs(urlsplit(hub.replace("&amp;", "&")).query)
        assert asked["repo"] == [book.repository]
        assert unquote(asked["urlpath"][0]) == f"lab/tree/podwalk/{file}"
    assert 'href="second.html#a-place"' in book.html("book/first")
    assert '<a href="first.html#first">back</a>' in book.html("book/second")


def test_the_links_command_asks_and_names_the_link_that_leads_nowhere(book: Book, site: str) -> None:
    book.write("first", "second", more=f"\n[good]({site}/there.html) [bad]({site}/gone.html)\n")
    code, log = book.build(*LINKS.arguments)
    assert code != 0
    assert f"broken    {site}/gone.html" in re.sub(r"\x1b\[[\d;]*m", "", log)
    assert f"broken    {site}/there.html" not in re.sub(r"\x1b\[[\d;]*m", "", log)
    book.write("first", "second", more=f"\n[good]({site}/there.html)\n")
    code, log = book.build(*LINKS.arguments)
    assert code == 0, log
