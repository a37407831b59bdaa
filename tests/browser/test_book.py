"""The built book as a reader meets it: every page, light and dark, on a telephone, a tablet, a desk and paper.

The book is built first; what did not change is not run again. The browser has no network: whatever a page asks of
another host is a fault, for the book is read in schools that are closed to the outside.
"""

from __future__ import annotations

import contextlib
import mimetypes
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from scripts.commands import BUILD
from tests.browser.conftest import CHROMIUM, FLAGS

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
SHOTS = ROOT / "_build" / "screenshots"
SITE = "https://book.test"
WIDTHS = (390, 800, 1280)
THEMES = ("light", "dark")
MAIN_PAGES = (
    "book/index",
    "book/policies/default-deny",
    "book/policies/tiers-and-tenants",
    "book/services/clusterip",
    "book/services/scaling",
    "notebooks/labs/07-troubleshooting",
    "book/reference/cheat-sheet",
    "book/reference/coverage",
)
COLOURS = ("color-contrast", "link-in-text-block")
"""The rules whose outcome depends on the theme."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium: name one in PODWALK_CHROMIUM"),
]


def documents() -> list[str]:
    """Every page of the table of contents, and those that Sphinx adds."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    listed = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [toc["root"], *listed, "search", "genindex"]


@pytest.fixture(scope="module")
def built() -> Path:
    """The book's folder, built now, or what PODWALK_HTML names, built before."""
    if "PODWALK_HTML" in os.environ:
        return Path(os.environ["PODWALK_HTML"])
    command = [sys.executable, *BUILD.arguments]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout[-3000:] + finished.stderr[-3000:]
    return HTML


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def context(browser: Browser, built: Path) -> Iterator[BrowserContext]:
    """A browser for which the book is a site; anything that is not in the book's folder does not exist."""

    def serve(route: Route) -> None:
        address = urlsplit(route.request.url)
        file = built / unquote(address.path).lstrip("/")
        if f"{address.scheme}://{address.netloc}" != SITE or not file.is_file():
            route.abort()
            return
        route.fulfill(body=file.read_bytes(), content_type=mimetypes.guess_type(file.name)[0] or "text/plain")

    opened = browser.new_context(reduced_motion="reduce", viewport={"width": WIDTHS[-1], "height": 900})
    opened.grant_permissions(["clipboard-read", "clipboard-write"], origin=SITE)
    opened.route("**/*", serve)
    yield opened
    opened.close()


@pytest.fixture
def faults() -> list[str]:
    return []


@pytest.fixture
def page(context: BrowserContext, faults: list[str]) -> Page:
    """A page that notes in `faults` what the browser complains of, and what it asks for in vain."""
    opened = context.new_page()
    opened.set_default_timeout(120_000)
    opened.on("console", lambda said: faults.append(f"console: {said.text}") if said.type == "error" else None)
    opened.on("pageerror", lambda error: faults.append(f"script: {error}"))
    opened.on("requestfailed", lambda request: faults.append(f"not in the book: {request.url}"))
    return opened


def show(page: Page, document: str, theme: str = "light") -> None:
    page.goto(f"{SITE}/{document}.html")
    in_theme(page, theme)


def in_theme(page: Page, theme: str) -> None:
    page.evaluate(
        "t => { document.documentElement.dataset.theme = t; document.documentElement.dataset.mode = t; }", theme
    )


def violations(page: Page, *rules: str) -> list[str]:
    """What axe finds, one line for each element; by these rules only, or by all."""
    # `preload` would fetch each style sheet anew, into the page, where its relative addresses lead nowhere.
    options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    found: dict[str, Any] = Axe().run(page, options=options).response
    return [
        f"{violation['id']}: {' '.join(node['target'][0:1])}: {node['html'][:160]}: {node['failureSummary'][:200]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


SCROLLS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
WIDE = """() => [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 5).map(e => e.tagName + '.' + e.className)"""
BROKEN = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.currentSrc || i.src)"


TAB_STOPS = """[...document.querySelectorAll('pre, .pst-scrollable-table-container')]
    .every(e => e.scrollWidth <= e.clientWidth || e.tabIndex === 0)"""
STILL = "document.getAnimations().every(a => a.playState !== 'running')"


@pytest.mark.parametrize("document", documents())
def test_page_is_accessible_fits_every_screen_and_asks_nobody_else(
    page: Page, faults: list[str], document: str
) -> None:
    show(page, document)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    # What is unfolded fades in, and is faint meanwhile.
    page.wait_for_function(STILL)
    faults += violations(page)
    in_theme(page, "dark")
    faults += [f"dark: {fault}" for fault in violations(page, *COLOURS)]
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if page.evaluate(SCROLLS):
            faults.append(f"scrolls sideways at {width}: {page.evaluate(WIDE)}")
    page.set_viewport_size({"width": WIDTHS[0], "height": 900})
    with contextlib.suppress(PlaywrightTimeoutError):
        # The theme lets the keyboard into what scrolls a moment after the width changed; axe names what it left out.
        page.wait_for_function(TAB_STOPS, timeout=3000)
    faults += [f"at {WIDTHS[0]}: {fault}" for fault in violations(page, "scrollable-region-focusable")]
    faults += [f"broken image: {image}" for image in page.evaluate(BROKEN)]
    assert not faults, "\n".join(faults)


def test_axe_and_the_browser_notice_what_they_are_there_for(page: Page, faults: list[str]) -> None:
    show(page, "book/index")
    page.evaluate("""() => {
        const made = document.createElement('div');
        made.innerHTML = '<img src="https://elsewhere.test/x.png"><p>faint</p>';
        made.style = 'color: #ccc; background: #fff; width: 3000px';
        document.querySelector('article').append(made);
    }""")
    page.wait_for_function(f"({BROKEN}).length == 1")
    found = " ".join(violations(page))
    assert "image-alt" in found
    assert "color-contrast" in found
    assert page.evaluate(SCROLLS)
    assert "not in the book: https://elsewhere.test/x.png" in faults


def test_search_finds_the_page_that_has_the_word(page: Page, faults: list[str]) -> None:
    show(page, "book/index")
    page.keyboard.press("Control+k")
    page.keyboard.type("hairpin")
    page.keyboard.press("Enter")
    found = page.locator("#search-results li a").first
    expect(found).to_be_visible()
    found.click()
    expect(page.locator("article")).to_contain_text("hairpin", ignore_case=True)
    assert not faults


def test_copy_button_copies_the_cell_and_no_prompt(page: Page) -> None:
    show(page, "book/index")
    block = page.locator("div.highlight-console").first
    block.hover()
    block.locator("button.copybtn").click()
    expect(block.locator("button.copybtn.success")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines()[0].startswith("make course")


def test_next_leads_through_the_whole_book_and_previous_back(page: Page) -> None:
    order = documents()[:-2]
    show(page, order[0])
    for following in order[1:]:
        page.locator("a.right-next").click()
        page.wait_for_url(f"{SITE}/{following}.html")
    page.locator("a.left-prev").click()
    page.wait_for_url(f"{SITE}/{order[-2]}.html")


def test_solution_of_a_step_to_be_mended_is_folded_until_it_is_opened(page: Page) -> None:
    show(page, "notebooks/labs/07-troubleshooting")
    fold = page.locator("details").filter(has_text="A solution, and what comes of it").first
    expect(fold.locator(".highlight")).to_be_hidden()
    fold.locator("summary").press("Enter")
    expect(fold.locator(".highlight")).to_be_visible()


@pytest.mark.parametrize("document", MAIN_PAGES)
def test_main_page_is_photographed_at_three_widths_light_and_dark(page: Page, document: str) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    for theme in THEMES:
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            # Anew at each width: the sidebars of a page that grows or shrinks slide in and out.
            show(page, document, theme)
            target = SHOTS / f"{document.replace('/', '-')}-{width}-{theme}.png"
            page.screenshot(path=target, full_page=True)
            assert target.stat().st_size > 10_000, "the picture is empty"


def test_print_has_the_whole_code_the_addresses_of_links_and_no_sidebar(page: Page) -> None:
    show(page, "book/policies/default-deny")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 720, "height": 1000})
    for gone in (".bd-sidebar-primary", ".bd-sidebar-secondary", ".prev-next-area", ".copybtn", ".bd-header-article"):
        assert page.locator(f"{gone}:visible").count() == 0, f"{gone} is printed"
    cut = "[...document.querySelectorAll('.bd-article pre')].filter(e => e.scrollWidth > e.clientWidth + 1).length"
    assert page.evaluate(cut) == 0, "code is cut off at the right"
    link = "getComputedStyle(document.querySelector('.bd-article a.external[href^=http]'), '::after').content"
    # As written in the style sheet, or resolved: browsers differ.
    assert re.search(r"https://|attr\(href\)", page.evaluate(link)), "the address is not printed"
    SHOTS.mkdir(parents=True, exist_ok=True)
    sheets = page.pdf(path=SHOTS / "print.pdf", format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", sheets)) > 4, "most of the page is not on paper"


class Links(HTMLParser):
    """What a page leads to, and what can be led to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: set[str] = set()
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.names |= {name for name in (found.get("id"), found.get("name")) if name}
        self.targets |= {found[name] or "" for name in ("href", "src") if name in found}


def broken(folder: Path) -> list[str]:
    """The links within a site whose file or anchor is not there."""
    pages = {
        file: Links(file.read_text(encoding="utf-8")) for file in folder.rglob("*.html") if "_static" not in str(file)
    }
    found = []
    for file, links in pages.items():
        for target in links.targets:
            address = urlsplit(urljoin(f"{SITE}/{file.relative_to(folder).as_posix()}", target))
            if f"{address.scheme}://{address.netloc}" != SITE:
                continue
            leads_to = folder / unquote(address.path).lstrip("/")
            there = leads_to in pages and (not address.fragment or unquote(address.fragment) in pages[leads_to].names)
            if not there and not (leads_to.is_file() and not address.fragment):
                found.append(f"{file.relative_to(folder)}: {target}")
    return sorted(found)


def test_every_link_within_the_book_leads_to_a_page_and_a_place_in_it(built: Path) -> None:
    assert broken(built) == []


def test_a_link_to_no_page_or_to_no_place_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="#there" id="there"></a><a href="#here"></a><a href="b.html"></a>')
    assert broken(tmp_path) == ["a.html: #here", "a.html: b.html"]
