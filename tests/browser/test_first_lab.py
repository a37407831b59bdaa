"""The first lab as a learner meets it: JupyterLab in a real browser, on a served embedded cluster."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from podwalk.serve import control
from podwalk.serve.place import Place

LAB = "01-first-service.ipynb"
WAIT_MS = 120_000
CHROMIUM = os.environ.get("PODWALK_CHROMIUM") or shutil.which("chromium") or ""

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium: name one in PODWALK_CHROMIUM")


@pytest.fixture
def jupyter(root: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a JupyterLab that has a copy of the lab, its token included."""
    shutil.copy(root / "notebooks" / "labs" / LAB, tmp_path / LAB)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    settings = {"PODWALK_HOME": str(tmp_path / "home"), "PODWALK_BACKEND": "embedded:browser"}
    environment = {**os.environ, **settings, "PYTHONPATH": str(root), "JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={tmp_path}"]
    with (tmp_path / "jupyter.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        wait_until_served(f"http://127.0.0.1:{port}/api?token={token}", process)
        yield f"http://127.0.0.1:{port}/lab/tree/{LAB}?token={token}"
    finally:
        process.terminate()
        process.wait(timeout=30)
        control.stop(Place("browser", tmp_path / "home" / "clusters" / "browser"))


def wait_until_served(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert process.poll() is None, "JupyterLab ended; see jupyter.log"
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError("JupyterLab did not begin to serve")


@pytest.fixture
def page(jupyter: str) -> Iterator[Page]:
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        opened = browser.new_page(viewport={"width": 1400, "height": 1000})
        opened.goto(jupyter)
        yield opened
        browser.close()


def test_learner_predicts_applies_verifies_and_goes_on(page: Page, tmp_path: Path) -> None:
    page.locator(".jp-Notebook").wait_for(timeout=WAIT_MS)
    page.locator(".jp-NotebookPanel-toolbar").wait_for(timeout=WAIT_MS)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    apply = page.get_by_role("button", name="Apply").first
    apply.wait_for(timeout=WAIT_MS)
    page.locator(".jp-OutputArea input[type=radio]").first.check()
    expect(apply).to_be_enabled(timeout=WAIT_MS)
    apply.click()
    expect(page.get_by_text("deployment.apps/backend").first).to_be_visible(timeout=WAIT_MS)
    page.get_by_role("button", name="Verify").first.click()
    following = page.get_by_role("button", name="Next ›").first
    expect(following).to_be_enabled(timeout=WAIT_MS)
    page.screenshot(path=tmp_path / "lab.png")
