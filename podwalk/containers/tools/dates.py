"""``date``, ``cal``, ``sleep`` and their kind: the simulation's time.

The time zone is UTC, as in containers without zone files.

Source: POSIX.1-2024, date and sleep; BusyBox coreutils/date.c for ``-d`` and ``-I``.
"""

from __future__ import annotations

import calendar
import math
import re
from datetime import UTC, datetime, timedelta

from podwalk.containers.process import Process
from podwalk.containers.tools.command import Options, ToolError, UsageError, tool
from podwalk.simulation import Task

FORMS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%H:%M:%S", "%H:%M",
    "%m%d%H%M%Y.%S", "%m%d%H%M%Y", "%m%d%H%M", "%Y%m%d%H%M.%S", "%Y%m%d%H%M",
)  # fmt: skip
SUFFIXES = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


@tool(
    "date",
    "ud:D:r:s:RI::",
    ["date=", "utc", "reference=", "rfc-2822", "iso-8601="],
    usage="[-uR] [-d TIME] [-r FILE] [-I SPEC] [+FMT]",
    raw=True,
)
def date(process: Process, options: Options, words: list[str]) -> int:
    """Print the time."""
    return tell(process, words)


def tell(process: Process, words: list[str], *, gnu: bool = False) -> int:
    """Print the time that a command line asks for; ``gnu`` for GNU's date, which knows parts of a second."""
    form, when, zone = "%a %b %e %H:%M:%S %Z %Y", None, "UTC"
    words = list(words)
    while words:
        word = words.pop(0)
        if word.startswith("+"):
            form = word[1:]
        elif word in ("-u", "--utc"):
            continue
        elif re.match(r"-u\w", word):
            words.insert(0, f"-{word[2:]}")
        elif word.startswith(("-d", "--date=")):
            text = (
                word[2:]
                if word.startswith("-d") and len(word) > 2
                else word[7:]
                if word.startswith("--")
                else _next(words)
            )
            when = moment(process, text)
            if when is None:
                raise ToolError(f"invalid date '{text}'")
        elif word == "-r":
            stamp = process.container.files.stat(process.path(_next(words))).mtime
            when = process.simulation.datetime(stamp)
        elif word in ("-R", "--rfc-2822"):
            form = "%a, %d %b %Y %H:%M:%S +0000"
        elif word.startswith(("-I", "--iso-8601")):
            spec = word[2:] if word.startswith("-I") else word.partition("=")[2]
            forms = {"": "%Y-%m-%d", "date": "%Y-%m-%d", "h": "%Y-%m-%dT%H+00:00", "hours": "%Y-%m-%dT%H+00:00"}
            forms |= dict.fromkeys(("m", "minutes"), "%Y-%m-%dT%H:%M+00:00")
            forms |= dict.fromkeys(("s", "seconds"), "%Y-%m-%dT%H:%M:%S+00:00")
            form = forms.get(spec, forms["s"])
        elif word == "-s" or not word.startswith("-"):
            raise ToolError("can't set date: Operation not permitted")
        else:
            raise UsageError(f"invalid option -- '{word[1:2]}'")
    process.write(show(when or process.simulation.datetime(), form.replace("%Z", zone), gnu=gnu) + "\n")
    return 0


def _next(words: list[str]) -> str:
    if not words:
        raise UsageError
    return words.pop(0)


def moment(process: Process, text: str) -> datetime | None:
    """Return the time that a text means; None if it means none."""
    text = text.strip()
    present = process.simulation.datetime().replace(tzinfo=UTC)
    if match := re.fullmatch(r"@(-?\d+)(\.\d+)?", text):
        return datetime.fromtimestamp(int(match.group(1)), UTC)
    if text in ("now", ""):
        return present
    for form in FORMS:
        try:
            found = datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        if "%d" not in form:
            found = found.replace(year=present.year, month=present.month, day=present.day)
        elif "%Y" not in form:
            found = found.replace(year=present.year)
        return found
    return None


def show(when: datetime, form: str, *, gnu: bool = False) -> str:
    """Return a time by a format, the same on every machine that Podwalk runs on.

    Args:
        when: the time.
        form: the format.
        gnu: whether parts of a second are told too: ``%N``, and ``%3N`` for milliseconds, as GNU's date has them.
    """
    when = when.replace(tzinfo=UTC)
    if gnu:
        nanoseconds = f"{when.microsecond * 1000:09}"
        form = re.sub(
            r"(?<!%)((?:%%)*)%([1-9]?)N",
            lambda m: m[1] + nanoseconds[: int(m[2] or 9)].ljust(int(m[2] or 9), "0"),
            form,
        )
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    values = {
        "A": days[when.weekday()],
        "a": days[when.weekday()][:3],
        "B": calendar.month_name[when.month],
        "b": calendar.month_abbr[when.month],
        "h": calendar.month_abbr[when.month],
        "C": f"{when.year // 100:02}",
        "c": f"{days[when.weekday()][:3]} {calendar.month_abbr[when.month]} {when.day:2} {when:%H:%M:%S} {when.year}",
        "D": f"{when:%m/%d/%y}",
        "e": f"{when.day:2}",
        "F": f"{when.year:04}-{when:%m-%d}",
        "I": f"{(when.hour + 11) % 12 + 1:02}",
        "k": f"{when.hour:2}",
        "l": f"{(when.hour + 11) % 12 + 1:2}",
        "n": "\n",
        "P": "am" if when.hour < 12 else "pm",
        "p": "AM" if when.hour < 12 else "PM",
        "R": f"{when:%H:%M}",
        "s": str(math.floor(when.timestamp())),
        "T": f"{when:%H:%M:%S}",
        "t": "\t",
        "u": str(when.isoweekday()),
        "X": f"{when:%H:%M:%S}",
        "x": f"{when:%m/%d/%y}",
        "Y": f"{when.year:04}",
        "Z": "UTC",
        "z": "+0000",
        "%": "%",
    }
    plain = "dHjMmSUVWwyGg"
    return re.sub(
        r"%-?([a-zA-Z%])",
        lambda m: values.get(m.group(1)) or (when.strftime(f"%{m.group(1)}") if m.group(1) in plain else m.group()),
        form,
    )


def seconds(text: str) -> float:
    """Return a time such as ``1.5``, ``2m`` or ``1h`` in seconds.

    Raises:
        ToolError: when it is none.
    """
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+)([smhd]?)", text)
    if match is None:
        raise ToolError(f"invalid number '{text}'")
    return float(match.group(1)) * SUFFIXES[match.group(2)]


@tool("sleep", usage="[N]...")
def sleep(process: Process, options: Options, words: list[str]) -> Task:
    """Wait."""
    if not words:
        raise UsageError
    if words == ["infinity"] or words == ["inf"]:
        while True:
            yield process.sleep(86_400)
    yield process.sleep(sum(map(seconds, words)))
    return 0


@tool("usleep", usage="N")
def usleep(process: Process, options: Options, words: list[str]) -> Task:
    """Wait for microseconds."""
    if not words or not words[0].isdigit():
        raise UsageError
    yield process.sleep(int(words[0]) / 1_000_000)
    return 0


@tool("cal", usage="[[MONTH] YEAR]")
def cal(process: Process, options: Options, words: list[str]) -> int:
    """Print a month."""
    present = process.simulation.datetime()
    year = int(words[-1]) if words and words[-1].isdigit() else present.year
    month = int(words[0]) if len(words) > 1 and words[0].isdigit() else present.month
    if len(words) == 1:
        raise ToolError("a whole year is not simulated by Podwalk", 2)
    lines = calendar.TextCalendar(6).formatmonth(year, month).split("\n")
    process.write("\n".join([lines[0].strip().center(20).rstrip(), *lines[1:]]))
    return 0


@tool("uptime", usage="")
def uptime(process: Process, options: Options, words: list[str]) -> int:
    """Print how long the node has been up; nothing loads it."""
    up = timedelta(seconds=int(process.simulation.now))
    minutes = up.seconds // 60
    length = f"{up.days} days, " if up.days else ""
    length += f"{minutes // 60:2}:{minutes % 60:02}" if minutes >= 60 else f"{minutes} min"
    process.write(f" {process.simulation.datetime():%H:%M:%S} up {length},  0 users,  load average: 0.00, 0.00, 0.00\n")
    return 0
