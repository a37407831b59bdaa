"""binder/ as Binder uses it: prepared by postBuild, started by start, opened where the launch buttons lead.

That an image is made of these files is as far as a machine without a network gets: see `test_publishing`. Here their
scripts run on a copy of the repository, in a home and an environment of their own.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from podwalk.serve import control
from podwalk.serve.place import Place
from tests.browser.conftest import CHROMIUM, FLAGS, WAIT_MS, Jupyter, wait_until_served

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium: name one in PODWALK_CHROMIUM"),
    pytest.mark.skipif(sys.platform == "win32", reason="Binder's scripts are for a POSIX shell"),
]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is committed or about to be, as Binder clones it."""
    root = Path(__file__).resolve().parents[2]
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True).stdout.rstrip("\0").split("\0")
    copy = tmp_path_factory.mktemp("binder") / "checkout"
    for name in names:
        if (root / name).is_file():
            target = copy / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((root / name).read_bytes())
            target.chmod((root / name).stat().st_mode)
    return copy


@pytest.fixture(scope="module")
def prepared(checkout: Path) -> dict[str, str]:
    """The variables of a home in which postBuild has run; the packages of the lock are those of this environment."""
    home, made = checkout.parent / "home", checkout.parent / "env"
    venv.create(made, with_pip=True)
    ours = Path(sys.executable).parent
    packages = next((made / "lib").glob("python3.*/site-packages"))
    mine = next((ours.parent / "lib").glob("python3.*/site-packages"))
    # In front of what the environment brings along, as the lock's own setuptools would be.
    (packages / "lock.pth").write_text(f"import sys; sys.path.insert(0, {str(mine)!r})\n", encoding="utf-8")
    path = os.pathsep.join([str(made / "bin"), str(ours), os.environ["PATH"]])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PODWALK", "JUPYTER", "KUBE"))}
    variables = kept | {"HOME": str(home), "PATH": path, "PODWALK_HOME": str(home / "podwalk")}
    home.mkdir()
    finished = subprocess.run(
        ["binder/postBuild"], cwd=checkout, env=variables, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return variables


@pytest.fixture(scope="module")
def server(checkout: Path, prepared: dict[str, str]) -> Iterator[Jupyter]:
    """The server that `start` starts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    command = ["binder/start", "jupyter", "lab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    with (checkout.parent / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=checkout, env=prepared | {"JUPYTER_TOKEN": token}, stdout=log, stderr=log
        )
    try:
        wait_until_served(f"http://127.0.0.1:{port}/api?token={token}", process)
        yield Jupyter(f"http://127.0.0.1:{port}", token, checkout, prepared)
    finally:
        process.terminate()
        process.wait(timeout=60)
        clusters = Path(prepared["PODWALK_HOME"]) / "clusters"
        for folder in clusters.iterdir() if clusters.exists() else ():
            control.stop(Place(folder.name, folder))


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1400, "height": 1000})
        opened.set_default_timeout(WAIT_MS)
        try:
            yield opened
        finally:
            opened.screenshot(path=tmp_path / "last.png")
            browser.close()


def run_all(page: Page, server: Jupyter, document: str) -> None:
    """Open what a launch button opens (`urlpath=lab/tree/…`), and run it."""
    page.goto(f"{server.url}/lab/tree/{document}?token={server.token}&reset")
    page.locator(".jp-NotebookPanel-toolbar").wait_for()
    server.await_kernel(document)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()


def test_the_module_that_notebooks_import_is_the_checkout_itself(checkout: Path, prepared: dict[str, str]) -> None:
    asked = ["python", "-c", "import podwalk; print(podwalk.__file__)"]
    finished = subprocess.run(asked, cwd=checkout.parent, env=prepared, capture_output=True, text=True, check=True)
    assert Path(finished.stdout.strip()).parent == checkout / "podwalk"


def test_a_lab_opens_with_its_step_control_on_the_embedded_cluster(page: Page, server: Jupyter) -> None:
    run_all(page, server, "notebooks/labs/01-first-service.ipynb")
    expect(page.locator(".jp-OutputArea-output").first).to_contain_text("embedded")
    card = page.locator(".podwalk-card").filter(has_text="Step 1 of")
    card.get_by_role("radio").first.check()
    card.get_by_role("button", name="Apply").click()
    expect(card).to_contain_text("deployment.apps/backend")


def test_a_chapter_of_text_opens_as_a_notebook_that_runs(page: Page, server: Jupyter) -> None:
    run_all(page, server, "book/services/clusterip.md")
    outputs = page.locator(".jp-OutputArea-output")
    expect(outputs.first).to_contain_text("embedded")
    expect(outputs.filter(has_text="deployment.apps/backend").first).to_be_visible()
