"""Times as the API reads and writes them, with the messages of Go's parser.

Source: Go's ``time.Parse`` with the layouts of metav1's ``Time`` and ``MicroTime``.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

LAYOUT = "2006-01-02T15:04:05Z07:00"
MICRO_LAYOUT = "2006-01-02T15:04:05.000000Z07:00"

_ELEMENT = re.compile(r"2006|01|02|15|04|05|\.000000|Z07:00|.")
_DIGITS = {"2006": 4, "01": 2, "02": 2, "15": 2, "04": 2, "05": 2}
_RANGES = {
    "01": ("month", 1, 12),
    "02": ("day", 1, 31),
    "15": ("hour", 0, 23),
    "04": ("minute", 0, 59),
    "05": ("second", 0, 59),
}
_ZONE = re.compile(r"Z|([+-])(\d\d):(\d\d)")


class TimeError(ValueError):
    """The text is no time; the message is the API's."""


def canonical(text: str, *, micro: bool = False) -> str:
    """Return a time as the API writes it: in UTC, to the second or the microsecond.

    Raises:
        TimeError: with the words of Go's parser.
    """
    moment = _parse(text, MICRO_LAYOUT if micro else LAYOUT)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{moment.microsecond:06}" if micro else "") + "Z"


def _parse(text: str, layout: str) -> datetime:
    rest, numbers, micros, offset = text, {}, 0, timedelta()
    for element in _ELEMENT.findall(layout):
        if element in _DIGITS:
            taken = rest[: _DIGITS[element]]
            if len(taken) < _DIGITS[element] or not taken.isdecimal():
                raise _mismatch(text, layout, rest, element)
            numbers[element] = _checked(text, element, int(taken))
        elif element == ".000000":
            taken = rest[:7]
            if not re.fullmatch(r"[.,]\d{6}", taken):
                raise _mismatch(text, layout, rest, element)
            micros = int(taken[1:])
        elif element == "Z07:00":
            zone = _ZONE.match(rest)
            if zone is None:
                raise _mismatch(text, layout, rest, element)
            taken = zone[0]
            if zone[1]:
                offset = timedelta(hours=int(zone[2]), minutes=int(zone[3])) * (-1 if zone[1] == "-" else 1)
        else:
            taken = rest[:1]
            if taken != element:
                raise _mismatch(text, layout, rest, element)
        rest = rest[len(taken) :]
        if element == "05" and (fraction := re.match(r"[.,](\d+)", rest)) and layout == LAYOUT:
            # Go takes a fraction after the seconds although the layout has none.
            micros, rest = int(fraction[1][:6].ljust(6, "0")), rest[len(fraction[0]) :]
    if rest:
        raise TimeError(f"parsing time {_quote(text)}: extra text: {_quote(rest)}")
    return _moment(text, numbers, micros, offset)


def _moment(text: str, numbers: dict[str, int], micros: int, offset: timedelta) -> datetime:
    year, month, day = max(numbers["2006"], 1), numbers["01"], numbers["02"]
    try:
        moment = datetime(year, month, day, numbers["15"], numbers["04"], numbers["05"], micros, UTC)
    except ValueError:
        raise TimeError(f"parsing time {_quote(text)}: day out of range") from None
    try:
        return moment - offset
    except OverflowError:
        return moment


def _checked(text: str, element: str, number: int) -> int:
    if element in _RANGES:
        name, low, high = _RANGES[element]
        if not low <= number <= high:
            raise TimeError(f"parsing time {_quote(text)}: {name} out of range")
    return number


def _mismatch(text: str, layout: str, rest: str, element: str) -> TimeError:
    return TimeError(
        f"parsing time {_quote(text)} as {_quote(layout)}: cannot parse {_quote(rest)} as {_quote(element)}"
    )


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
