"""What every test shares: the folder of the clone, and no leftovers of the reader's own configuration."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the clone."""
    return ROOT


@pytest.fixture(autouse=True)
def own_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the backend and the kubeconfig that the reader has chosen out of the tests, which choose their own."""
    monkeypatch.delenv("PODWALK_BACKEND", raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
