"""The site can be published: the workflow, the citation, the launch buttons, and what Binder makes of binder/."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

from scripts.commands import stage

HUBS = {"podwalk_repository": "", "podwalk_binderhub": "https://binder.example", "podwalk_jupyterhub": ""}


@pytest.fixture
def site(root: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The extension, which Sphinx loads from a folder that is no package, and an environment that says nothing."""
    for variable in ("PODWALK_REPOSITORY", "PODWALK_BINDERHUB", "PODWALK_JUPYTERHUB"):
        monkeypatch.delenv(variable, raising=False)
    spec = importlib.util.spec_from_file_location("podwalk_site", root / "book" / "_ext" / "podwalk_site.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def options(site: ModuleType, **settings: str) -> dict[str, Any]:
    """What the theme is told under these settings of _config.yml."""
    told: dict[str, Any] = {}
    site.launch(None, SimpleNamespace(html_theme_options=told, **(HUBS | settings)))
    return told


def schema_errors(schema: str, file: Path) -> str:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(file)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    return finished.stdout + finished.stderr if finished.returncode else ""


def test_workflow_is_one_that_github_accepts(root: Path) -> None:
    assert not schema_errors("github-workflows", root / ".github" / "workflows" / "book.yml")


def test_a_workflow_with_a_wrong_key_is_noticed(root: Path, tmp_path: Path) -> None:
    text = (root / ".github" / "workflows" / "book.yml").read_text(encoding="utf-8")
    (tmp_path / "book.yml").write_text(text.replace("runs-on:", "runs_on:"), encoding="utf-8")
    assert "runs_on" in schema_errors("github-workflows", tmp_path / "book.yml")


def test_workflow_runs_commands_of_the_course_and_refers_only_to_its_own_jobs_and_steps(root: Path) -> None:
    jobs = yaml.safe_load((root / ".github" / "workflows" / "book.yml").read_text(encoding="utf-8"))["jobs"]
    for job in jobs.values():
        assert job.get("needs", "build") in jobs
        named = {step["id"] for step in job["steps"] if "id" in step}
        assert set(re.findall(r"steps\.(\w+)\.", yaml.safe_dump(job))) <= named
    commands = [step["run"] for step in jobs["build"]["steps"] if "run" in step]
    assert commands == ["python3 course.py book"]
    uploaded = [step["with"]["path"] for step in jobs["build"]["steps"] if "upload-pages" in step.get("uses", "")]
    assert uploaded == ["_build/html"]


def test_citation_is_valid_and_names_the_version_of_the_package(root: Path) -> None:
    assert not schema_errors("citation-file-format", root / "CITATION.cff")
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    assert f'version = "{citation["version"]}"' in (root / "pyproject.toml").read_text(encoding="utf-8")


def test_without_a_repository_there_are_no_launch_buttons(site: ModuleType) -> None:
    assert options(site) == {}


def test_the_repository_of_the_settings_gets_launch_buttons(site: ModuleType) -> None:
    told = options(site, podwalk_repository="https://git.example/class/podwalk/")
    assert told["repository_url"] == "https://git.example/class/podwalk"
    assert told["launch_buttons"]["binderhub_url"] == "https://binder.example"
    assert told["launch_buttons"]["jupyterhub_url"] == ""


def test_a_host_that_the_theme_does_not_know_is_taken_for_one_like_github(site: ModuleType) -> None:
    assert options(site, podwalk_repository="https://git.example/a/b")["repository_provider"] == "github"
    assert "repository_provider" not in options(site, podwalk_repository="https://gitlab.com/a/b")


def test_the_environment_overrides_the_settings(site: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODWALK_REPOSITORY", "https://git.example/fork/podwalk")
    monkeypatch.setenv("PODWALK_JUPYTERHUB", "https://hub.example")
    told = options(site, podwalk_repository="https://git.example/class/podwalk")
    assert told["repository_url"] == "https://git.example/fork/podwalk"
    assert told["launch_buttons"]["jupyterhub_url"] == "https://hub.example"


def test_an_address_that_a_browser_cannot_open_is_refused(site: ModuleType) -> None:
    with pytest.raises(site.ExtensionError, match=r"podwalk_repository .*git@git\.example.*https://"):
        options(site, podwalk_repository="git@git.example:class/podwalk")


def test_binder_takes_the_versions_of_the_lock(root: Path) -> None:
    lines = (root / "binder" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == ["--requirement ../requirements.lock"]


def test_repo2docker_plans_an_image_from_the_folder(root: Path) -> None:
    """What Binder runs reads binder/ and no other file: this is as far as it goes without building an image."""
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."]
    finished = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr[-2000:]
    plan = (finished.stdout + finished.stderr).splitlines()
    copied = plan.index("COPY --chown=0:0 src/ ${REPO_DIR}/")
    steps = [
        next(index for index, line in enumerate(plan) if line.startswith(wanted))
        for wanted in ("RUN ${KERNEL_PYTHON_PREFIX}/bin/pip install", "RUN ./binder/postBuild", "ENV R2D_ENTRYPOINT=")
    ]
    assert [copied, *steps] == sorted([copied, *steps]), "the lock is there before it is installed"
    assert "binder/requirements.txt" in plan[steps[0]]
    assert "binder/start" in plan[steps[2]]


def test_a_build_says_which_page_it_is_at_and_nothing_else() -> None:
    colours = "\x1b[01mreading sources... \x1b[39;49;00m[ 10%] \x1b[35mbook/ingress/gateway\x1b[39;49;00m"
    assert stage(colours) == "10% reading sources book/ingress/gateway"
    assert stage("[IPKernelApp] WARNING | Kernel is running over TCP without encryption.") is None
