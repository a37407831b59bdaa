"""Canonical forms seen on a real cluster of v1.37 on 2026-11-21, as a Pod's CPU limit or an emptyDir's size."""

from __future__ import annotations

import pytest

from podwalk.api import quantities

CANONICAL = """
0.5=500m 1024Mi=1Gi 1.5=1500m 100000=100k 1500=1500 1e3=1e3 1E3=1E3 1E=1E 0.5Gi=512Mi 1.5Gi=1536Mi 0.1Ki=102400m
1.3Ki=1331200m 007=007 +5=+5 0100m=0100m 1000m=1 0=0 0.0=0 1n=1n 0.1n=1n 5u=5u 1500Mi=1500Mi 1.G=1.G .5=500m 5.=5.
2048=2048 2048Mi=2Gi 1000Ki=1000Ki 9223372036854775808=9223372036854775808 1e-3=1e-3 12e-1=1200e-3 100e1=1e3 1Pi=1Pi
10Ei=9223372036854775807 1Ki=1Ki 1000Mi=1000Mi -1=-1
"""


@pytest.mark.parametrize("pair", CANONICAL.split())
def test_canonical_form(pair: str) -> None:
    written, _, stored = pair.partition("=")
    assert quantities.canonical(written) == stored
    assert quantities.canonical(stored) == stored
    if "n" not in written:
        assert quantities.amount(written) == min(quantities.amount(stored), quantities.MAX + 1)


@pytest.mark.parametrize("text", ["", "abc", "1.5x", "1 Gi", "true", "--1"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(quantities.QuantityError):
        quantities.canonical(text)


def test_a_pods_resources_are_rounded_up_to_a_thousandth() -> None:
    assert quantities.round_up("1n", 3) == "1m"
    assert quantities.round_up("007", 3) == "007"
    assert quantities.round_up("1500u", 3) == "2m"
