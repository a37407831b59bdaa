"""``%kubectl`` is the real kubectl where it would look different, and works without one; nothing needs ``!kubectl``."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import podwalk
from podwalk.facade import Cluster
from podwalk.facade.kubectl import UsageError
from podwalk.labs import html
from podwalk.labs.lab import Lab, Step
from podwalk.labs.magics import PodwalkMagics
from podwalk.labs.progress import Progress
from podwalk.labs.session import Session


@pytest.fixture
def cluster() -> Cluster:
    return podwalk.cluster("in-process:1", quiet=True)


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> None:
    """A kubectl that says how it was called."""
    script = tmp_path / "kubectl"
    script.write_text('#!/bin/sh\necho "real: $*"\n', encoding="utf-8")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    cluster.kubectl = ("--kubeconfig", "here")


def kubectl(cluster: Cluster, line: str) -> Any:
    unbound: Any = PodwalkMagics.kubectl
    return unbound(SimpleNamespace(cluster=cluster), line)


@pytest.mark.usefixtures("real")
@pytest.mark.parametrize(
    "line", ["describe service/kubernetes", "version", "explain service.spec --recursive", "config view"]
)
def test_what_would_look_different_is_left_to_the_real_kubectl(cluster: Cluster, line: str) -> None:
    assert kubectl(cluster, line) == f"real: --kubeconfig here --namespace default {line}\n"


@pytest.mark.usefixtures("real")
def test_what_is_shown_as_a_table_is_not(cluster: Cluster) -> None:
    assert kubectl(cluster, "get services").names == ["kubernetes"]


def test_without_a_kubectl_the_common_ones_work_and_the_others_say_which_those_are(cluster: Cluster) -> None:
    assert "clusterIP: 10.96.0.1" in kubectl(cluster, "describe service/kubernetes")
    assert kubectl(cluster, "version").startswith("Server Version: v1.")
    with pytest.raises(UsageError, match="get, describe, explain, api-resources, version, exec, logs, events"):
        kubectl(cluster, "config view")


def test_no_page_and_no_notebook_needs_a_shell_for_kubectl(root: Path) -> None:
    pages = [*(root / "book").rglob("*.md"), *(root / "notebooks").rglob("*.ipynb")]
    texts = {page.relative_to(root): page.read_text(encoding="utf-8") for page in pages if "_build" not in page.parts}
    assert len(texts) > 50
    assert [page for page, text in texts.items() if "!kubectl" in text or "! kubectl" in text] == []


def test_a_drawing_is_shown_with_the_ink_that_its_classes_name(root: Path) -> None:
    drawn = html.diagram('<svg role="img"><rect class="box"/></svg>')
    assert '<svg role="img"><rect class="box"/></svg>' in drawn
    for page in (root / "book").rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        for _, svg in re.findall(r"^(%%diagram\n)?(<svg .*?</svg>)", text, re.MULTILINE | re.DOTALL):
            assert f"%%diagram\n{svg}" in text, f"{page}: JupyterLab shows a bare <svg> as text"
            used = set(re.findall(r'class="(\w+)"', svg))
            assert used <= set(re.findall(r"\.(\w+)\{", drawn)), page


def page(cluster: Cluster, *, done: bool, sits: bool) -> Any:
    """A page with one exercise, in whose namespace something is."""
    cluster.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
    step = Step("one", title="1. Another door")
    session = Session(cluster, Lab("doors", title="Exercises", namespace="shop", steps=(step,)), Progress())
    session.progress.step("one").done = done
    return SimpleNamespace(cluster=cluster, session=session, controls=object() if sits else None, warned=False)


def cleanup(at: Any, line: str) -> Any:
    unbound: Any = PodwalkMagics.cleanup
    return unbound(at, line)


def test_a_page_whose_exercises_wait_is_not_cleaned_up_before_it_is_asked_for_twice(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    at = page(cluster, done=False, sits=True)
    assert cleanup(at, "shop") is None
    assert "Markdown" in capsys.readouterr().out
    assert "shop" in cluster.get("namespaces").names
    assert str(cleanup(at, "shop")) == "namespace/shop deleted"
    assert "shop" not in cluster.get("namespaces").names


@pytest.mark.parametrize(("done", "sits"), [(True, True), (False, False)])
def test_a_page_is_cleaned_up_when_its_exercises_are_done_or_nobody_sits_there(
    cluster: Cluster, done: bool, sits: bool
) -> None:
    assert len(cleanup(page(cluster, done=done, sits=sits), "ingressclass/none shop none")) == 1
    assert "shop" not in cluster.get("namespaces").names
