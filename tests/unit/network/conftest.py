"""The cluster that the network's tests ask about."""

import pytest

from tests.unit.network.worlds import World


@pytest.fixture
def world() -> World:
    """Return three nodes without Pods."""
    return World()
