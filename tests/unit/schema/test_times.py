from __future__ import annotations

import pytest

from podwalk.api import times


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("2026-11-21T02:59:36Z", "2026-11-21T02:59:36Z"),
        ("2026-11-21T02:59:36.789Z", "2026-11-21T02:59:36Z"),
        ("2026-11-21T02:59:36+02:00", "2026-11-21T00:59:36Z"),
    ],
)
def test_times_are_stored_in_utc_to_the_second(written: str, stored: str) -> None:
    assert times.canonical(written) == stored


def test_micro_times_keep_six_digits() -> None:
    assert times.canonical("2026-11-21T02:59:36.000001-01:00", micro=True) == "2026-11-21T03:59:36.000001Z"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", 'parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006"'),
        ("2026-13-01T00:00:00Z", 'parsing time "2026-13-01T00:00:00Z": month out of range'),
        ("2026-02-30T00:00:00Z", 'parsing time "2026-02-30T00:00:00Z": day out of range'),
        ("2026-02-01T00:00:00Zx", 'parsing time "2026-02-01T00:00:00Zx": extra text: "x"'),
    ],
)
def test_what_is_no_time_is_refused_in_gos_words(written: str, message: str) -> None:
    with pytest.raises(times.TimeError) as raised:
        times.canonical(written)
    assert str(raised.value) == message
