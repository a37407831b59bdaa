"""Unit tests do not see what the reader has configured."""

import pytest


@pytest.fixture(autouse=True)
def own_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the chosen backend and kubeconfig: a unit test names its own."""
    monkeypatch.delenv("PODWALK_BACKEND", raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
