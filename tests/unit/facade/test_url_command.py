"""``podwalk url`` asks the cluster that was chosen, as every other command does."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from podwalk import facade
from podwalk.cli import podwalk as command


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The backends that were asked for; none answers."""
    names: list[str | None] = []

    def connect(name: str | None, *, quiet: bool) -> None:
        assert quiet
        names.append(name)
        raise SystemExit(9)

    monkeypatch.setattr(facade, "connect", connect)
    return names


@pytest.mark.parametrize(
    ("options", "backend"),
    [((), None), (("--name", "mine"), "embedded:mine"), (("--backend", "kind", "--name", "mine"), "kind")],
)
def test_cluster_is_the_named_one_or_as_everywhere(
    asked: list[str | None], options: tuple[str, ...], backend: str | None
) -> None:
    assert CliRunner().invoke(command, ["url", "service/web", *options]).exit_code == 9
    assert asked == [backend]


def test_environment_chooses_the_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODWALK_BACKEND", "nonsense")
    found = CliRunner().invoke(command, ["url", "service/web"])
    assert found.exit_code
    assert "nonsense" in found.output + str(found.exception)
