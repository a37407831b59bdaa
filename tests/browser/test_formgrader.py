"""Formgrader as a teacher meets it: its autograde button runs a submission in the sandbox, and shows the marks."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from playwright.sync_api import expect, sync_playwright

from grader import notebooks, sample
from grader.course import Course
from grader.isolation import sandbox
from tests.browser.conftest import CHROMIUM, WAIT_MS, wait_until_served

pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium: name one in PODWALK_CHROMIUM"),
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning"),
    pytest.mark.timeout(600),
]
CONFIG = "\nc = get_config()\nc.CourseDirectory.root = {root!r}\nc.IsolatedExecute.sandboxed = {sandboxed}\n"


@pytest.fixture
def course(tmp_path: Path, root: Path) -> Course:
    """A course with one submission, whose cell kills its kernel, and nbgrader's configuration of this repository."""
    made = Course(tmp_path / "course")
    assignment = made.add(root / "notebooks" / "source" / "services")
    answers = sample.students(made.folder / "source" / assignment / "services.ipynb")["emil-crash"]
    made.submit("emil", assignment, sample.submission(notebooks.read(made.release(assignment)), answers))
    config = (root / "nbgrader_config.py").read_text()
    config += CONFIG.format(root=str(made.folder), sandboxed=sandbox.works())
    (made.folder / "nbgrader_config.py").write_text(config)
    return made


@pytest.fixture
def jupyter(course: Course, root: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a JupyterLab in the course's folder, its token included."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PYTHONPATH": str(root), "PATH": path, "JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", "--ip=127.0.0.1"]
    command += [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={course.folder}"]
    with (tmp_path / "jupyter.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=course.folder)
    try:
        wait_until_served(f"http://127.0.0.1:{port}/api?token={token}", process)
        yield f"http://127.0.0.1:{port}/lab?token={token}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def test_the_autograde_button_takes_the_isolated_way(jupyter: str, course: Course, tmp_path: Path) -> None:
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_page(viewport={"width": 1400, "height": 800})
        page.goto(jupyter)
        page.get_by_role("menuitem", name="Nbgrader").click(timeout=WAIT_MS)
        page.get_by_role("menuitem", name="Formgrader").click(timeout=WAIT_MS)
        frame = page.frame_locator("iframe")
        frame.locator("td.num-submissions a").click(timeout=WAIT_MS)
        frame.locator("td.autograde a").click(timeout=WAIT_MS)
        expect(frame.locator(".modal-title", has_text="Success")).to_be_visible(timeout=3 * WAIT_MS)
        expect(frame.locator("td.score")).to_have_text("10 / 16", timeout=WAIT_MS)
        page.screenshot(path=tmp_path / "marks.png")
        browser.close()
    with Gradebook(course.api.coursedir.db_url) as gradebook:
        found = gradebook.find_submission_notebook("services", "services", "emil")
        scores = {grade.name: grade.auto_score for grade in found.grades}
    assert scores == {"backend": 3, "service": 4, "affinity": 0, "headless": 3, "why": None}
    graded = notebooks.text(notebooks.read(course.graded("services", "emil")))
    assert "the kernel died while it ran this cell" in graded, (
        "in the kernel of stock nbgrader, grading would have failed"
    )
