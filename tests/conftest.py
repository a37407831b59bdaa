"""What every test shares: the folder of the clone, and that no fault of ours in the simulation goes unseen."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from podwalk.simulation import Simulation

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the clone."""
    return ROOT


@pytest.fixture(autouse=True)
def no_faults(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Exception]]:
    """Fail a test that leaves a fault in a simulation of this process; one that makes a fault takes it away."""
    faults: list[Exception] = []
    begin = Simulation.__init__

    def begin_watched(self: Simulation, **options: object) -> None:
        begin(self, **options)  # type: ignore[arg-type]  # its own options, handed on
        self.faults = faults

    monkeypatch.setattr(Simulation, "__init__", begin_watched)
    yield faults
    assert faults == []
