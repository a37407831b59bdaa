"""A learner's desk: JupyterLab on loopback, behind a token, with a copy of the labs, and a browser to sit before it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from podwalk.labs.lab import Step
from podwalk.labs.source import read
from podwalk.serve import control
from podwalk.serve.place import Place

WAIT_MS = 120_000
CELL_MS = 400_000
"""How long a cell may take: an autoscaler waits minutes before it takes a Pod away."""
expect.set_options(timeout=WAIT_MS)
CLUSTER = "browser"
CHROMIUM = os.environ.get("PODWALK_CHROMIUM") or shutil.which("chromium") or ""
RAN = re.compile(r"\[\d+\]|Step \d+ of|\d+ steps")
"""What a cell shows once it ran: its number, or the panel of a step or of a lab whose input is folded away."""
FAILED = '[data-mime-type="application/vnd.jupyter.error"], [data-mime-type="application/vnd.jupyter.stderr"]'
BEGUN = """cancel => {
  window.podwalkBegun = false;
  new MutationObserver(() => { window.podwalkBegun = true; }).observe(cancel, {attributes: true});
}"""
"""Notes when a Cancel button comes or goes, be it for a moment: the sign that a card's work began."""

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]


class Card:
    """The control of one step, as a learner uses it."""

    def __init__(self, found: Locator) -> None:
        self.root = found

    def button(self, name: str) -> Locator:
        return self.root.get_by_role("button", name=name)

    def press(self, name: str) -> None:
        """Press a button, and wait until what it began is over."""
        self.begin(name)
        self.settle()

    def begin(self, name: str) -> None:
        """Press a button, and wait until its work begins."""
        self.watch()
        self.button(name).click(timeout=WAIT_MS)
        self.await_begin()

    def watch(self) -> None:
        """Look from now on for work that begins."""
        self.root.locator("button", has_text="Cancel").evaluate(BEGUN)

    def await_begin(self) -> None:
        """Wait until work has begun since :meth:`watch`."""
        self.root.page.wait_for_function("window.podwalkBegun", timeout=WAIT_MS)

    def settle(self) -> None:
        """Wait until nothing is under way: then, and only then, is there nothing to cancel."""
        expect(self.root.locator(".podwalk-spin")).to_have_count(0, timeout=WAIT_MS)
        expect(self.button("Cancel")).to_be_hidden(timeout=WAIT_MS)

    def predict(self, number: int) -> None:
        """Choose a prediction, counted from 0, if the step asks for one."""
        choices = self.root.get_by_role("radio")
        if choices.count():
            choices.nth(number).check(timeout=WAIT_MS)

    def do(self, step: Step) -> None:
        """Predict, apply and verify; where the manifest is to be mended, by hints and then the solution."""
        if step.prediction:
            self.predict(0)
        self.press("Apply" if step.manifest or step.run else "Look")
        if step.solution:
            self._err(step)
            self.button("Solution").click()
            expect(self.root).to_contain_text("The solution is in the editor.")
            assert self.manifest.input_value().strip() == step.solution.strip()
            self.press("Apply")
        assert self.problems.all_inner_texts() == []
        if step.prediction:
            expect(self.root).to_contain_text("Your prediction")
        self.press("Verify")
        expect(self.root, str(self.claims.all_inner_texts())).to_contain_text("Done.")
        expect(self.root.locator(".podwalk-claims li.bad")).to_have_count(0)

    def _err(self, step: Step) -> None:
        """See why the manifest as it stands is wrong, from the cluster or from the claims, and take every hint."""
        if not self.problems.count():
            self.press("Verify")
            expect(self.root).to_contain_text("Not yet.")
            expect(self.root.locator(".podwalk-claims li.bad small").first).not_to_be_empty()
        if step.hints:
            expect(self.button("Solution")).to_be_disabled()
        for number in range(1, len(step.hints) + 1):
            self.button(f"Hint {number} of {len(step.hints)}").click()
            expect(self.root).to_contain_text(f"Hint {number}. ")

    @property
    def problems(self) -> Locator:
        return self.root.locator(".podwalk-note.bad")

    @property
    def manifest(self) -> Locator:
        return self.root.get_by_role("textbox", name="Manifest")

    @property
    def claims(self) -> Locator:
        return self.root.locator(".podwalk-claims li")

    @property
    def notes(self) -> Locator:
        return self.root.locator(".podwalk-note")


class Desk:
    """A notebook open in JupyterLab.

    Attributes:
        page: the browser's.
        jupyter: the server.
        folder: where the notebooks are.
    """

    def __init__(self, page: Page, jupyter: Jupyter, folder: Path) -> None:
        self.page, self.jupyter, self.folder = page, jupyter, folder

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the server and its kernels."""
        return self.jupyter.environment

    def open(self, notebook: str, front_end: str = "lab/tree") -> None:
        """Open a notebook in JupyterLab, or with ``notebooks`` in Notebook 7, and wait until its kernel is idle."""
        path = f"{self.folder.name}/{notebook}"
        self.page.goto(f"{self.jupyter.url}/{front_end}/{path}?token={self.jupyter.token}&reset")
        self.page.locator(".jp-NotebookPanel-toolbar").wait_for(timeout=WAIT_MS)
        self.jupyter.await_kernel(path)

    def menu(self, name: str, item: str) -> None:
        self.page.get_by_role("menuitem", name=name, exact=True).click()
        self.page.locator(".lm-Menu-itemLabel").filter(has_text=re.compile(f"^{re.escape(item)}$")).click()

    def theme(self, name: str) -> None:
        """Choose a theme, and wait until it is there."""
        self.page.get_by_role("menuitem", name="Settings", exact=True).click()
        self.page.locator(".lm-Menu-itemLabel").filter(has_text=re.compile("^Theme$")).hover()
        self.page.locator(".lm-Menu-itemLabel").filter(has_text=re.compile(f"^{re.escape(name)}$")).click()
        light = str("Light" in name).lower()
        self.page.locator(f'body[data-jp-theme-light="{light}"][data-jp-theme-name="{name}"]').wait_for(
            state="attached", timeout=WAIT_MS
        )

    def restart(self) -> None:
        """Restart the kernel and run every cell, and wait for the first panel of the new kernel."""
        self.page.evaluate("document.querySelectorAll('.podwalk-card').forEach(card => card.classList.add('old'))")
        self.menu("Kernel", "Restart Kernel and Run All Cells…")
        self.page.get_by_role("button", name="Confirm Kernel Restart").click()
        self.page.locator(".podwalk-card:not(.old)").first.wait_for(state="attached", timeout=WAIT_MS)
        expect(self.page.locator(".podwalk-card.old")).to_have_count(0, timeout=WAIT_MS)

    def run_cell(self, number: int, *, fails: bool = False) -> Locator:
        """Run a cell, counted from 0, as Shift+Enter does, and wait until it ran: well, unless it ``fails``."""
        cell = self.page.locator(f'.jp-Notebook-cell[data-windowed-list-index="{number}"]')
        cell.focus(timeout=WAIT_MS)
        self.page.keyboard.press("Shift+Enter")
        if "jp-CodeCell" in (cell.get_attribute("class") or ""):
            # A cell whose source is hidden shows no number: its card, or its drawing, says that it ran.
            shown = cell.locator(".jp-InputPrompt, .podwalk-card").filter(has_text=RAN)
            shown = shown.or_(cell.locator(".podwalk-diagram"))
            shown.first.wait_for(state="attached", timeout=CELL_MS)
            if not fails:
                expect(cell.locator(FAILED), "an error below the cell").to_have_count(0)
        return cell

    def run_all(self) -> None:
        self.menu("Run", "Run All Cells")

    def card(self, title: str) -> Card:
        """Find the control of a step by its title, and scroll to it."""
        heading = self.page.get_by_role("heading", name=title, exact=True)
        found = self.page.locator(".podwalk-card").filter(has=heading)
        found.wait_for(timeout=WAIT_MS)
        found.scroll_into_view_if_needed(timeout=WAIT_MS)
        return Card(found)

    def steps(self, notebook: str) -> tuple[Step, ...]:
        return read(self.folder / notebook).steps


@pytest.fixture
def backend() -> str:
    """Name the backend of the desk's kernels; a test may choose another."""
    return f"embedded:{CLUSTER}"


@dataclass(frozen=True)
class Jupyter:
    """A JupyterLab that serves a folder.

    Attributes:
        url: without the path.
        token: what opens it.
        folder: what it serves.
        environment: of the server and its kernels.
    """

    url: str
    token: str
    folder: Path
    environment: dict[str, str]

    def await_kernel(self, path: str) -> None:
        """Wait until a notebook's kernel is idle and a page listens to it: a page says idle before it has one."""
        deadline = time.monotonic() + WAIT_MS / 1000
        while time.monotonic() < deadline:
            kernels = [session["kernel"] for session in self._sessions() if session["path"] == path]
            if any(kernel["execution_state"] == "idle" and kernel["connections"] for kernel in kernels):
                return
            time.sleep(0.2)
        raise AssertionError(f"the kernel of {path} did not become idle")

    def _sessions(self) -> list[Any]:
        return list(json.loads(self._ask("GET", "sessions")))

    def end_kernels(self) -> None:
        for session in self._sessions():
            self._ask("DELETE", f"sessions/{session['id']}")

    def _ask(self, method: str, path: str) -> bytes:
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(f"{self.url}/api/{path}", method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())


@pytest.fixture(scope="session")
def jupyters(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Jupyter]]:
    """Return what gives the JupyterLab of a backend, which is started once."""
    with contextlib.ExitStack() as stack:
        started: dict[str, Jupyter] = {}

        def jupyter(backend: str) -> Jupyter:
            if backend not in started:
                started[backend] = stack.enter_context(served(root, tmp_path_factory.mktemp("jupyter"), backend))
            return started[backend]

        yield jupyter


@contextlib.contextmanager
def served(root: Path, folder: Path, backend: str) -> Iterator[Jupyter]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    settings = {"PODWALK_HOME": str(folder / "home"), "PODWALK_BACKEND": backend, "PYTHONPATH": str(root)}
    # The token is not among the arguments, which every user of the machine can read.
    environment = {**os.environ, **settings, "JUPYTER_CONFIG_DIR": str(folder / "config"), "JUPYTER_TOKEN": token}
    environment["JUPYTER_CONFIG_PATH"] = str(root)
    (folder / "desks").mkdir()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1"]
    command += [f"--ServerApp.root_dir={folder / 'desks'}"]
    with (folder / "jupyter.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_served(f"{url}/api?token={token}", process)
        yield Jupyter(url, token, folder / "desks", environment)
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture
def desk(root: Path, tmp_path: Path, backend: str, jupyters: Callable[[str], Jupyter]) -> Iterator[Desk]:
    """JupyterLab with a copy of the labs, a cluster of the test's own, and Chromium before it."""
    if not CHROMIUM:
        pytest.skip("there is no Chromium: name one in PODWALK_CHROMIUM")
    jupyter = jupyters(backend)
    folder = jupyter.folder / tmp_path.name
    shutil.copytree(root / "notebooks" / "labs", folder, ignore=shutil.ignore_patterns(".*"))
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.set_default_timeout(WAIT_MS)
            try:
                yield Desk(page, jupyter, folder)
            finally:
                page.screenshot(path=tmp_path / "last.png")
                browser.close()
    finally:
        jupyter.end_kernels()
        if backend.startswith("embedded:"):
            control.stop(Place(CLUSTER, Path(jupyter.environment["PODWALK_HOME"]) / "clusters" / CLUSTER))


def wait_until_served(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, "JupyterLab ended; see jupyter.log"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError("JupyterLab did not begin to serve")
