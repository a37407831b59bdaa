"""``--context`` and ``--yes-really`` are options of every command that takes a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from podwalk.backends.production import VARIABLE
from podwalk.cli import podwalk
from podwalk.facade import connect

COMMANDS = (
    ("walk", "a", "http://b"), ("matrix",), ("map",), ("review",), ("url", "service/web"), ("save", "{notebook}"),
    ("lab", "run", "{lab}"), ("doctor",),
)  # fmt: skip


@pytest.fixture
def lab(root: Path) -> Path:
    return root / "notebooks" / "labs" / "01-first-service.ipynb"


@pytest.fixture
def far(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kubeconfig whose one context looks like production and leads nowhere."""
    monkeypatch.setenv(VARIABLE, "")
    content = {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "eu-prod", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "eu-prod",
    }
    (place / "kubeconfig").write_text(yaml.safe_dump(content))


@pytest.mark.usefixtures("far")
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_context_that_looks_like_production_is_refused_until_it_is_meant(
    words: tuple[str, ...], lab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if words[0] == "lab":
        # Its kernel asks; here, who is asked is enough.
        monkeypatch.setattr("podwalk.labs.run", lambda path, backend: connect(backend))
    given = [word.format(notebook=lab, lab=lab) for word in words]
    refused = CliRunner().invoke(podwalk, [*given, "--context", "eu-prod"])
    assert "looks like production" in f"{refused.output}{refused.exception}"
    meant = CliRunner().invoke(podwalk, [*given, "--context", "eu-prod", "--yes-really"])
    assert "does not answer" in f"{meant.output}{meant.exception}"


def test_two_clusters_are_one_too_many() -> None:
    result = CliRunner().invoke(podwalk, ["matrix", "--backend", "kind", "--context", "mine"])
    assert result.exit_code == 2
    assert "name two clusters; give one" in result.output
