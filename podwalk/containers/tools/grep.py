"""``grep``, ``egrep`` and ``fgrep``.

Source: POSIX.1-2024, grep; BusyBox findutils/grep.c.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from podwalk.containers.files import FileError
from podwalk.containers.process import Pipe, Process
from podwalk.containers.tools.command import Input, Options, ToolError, UsageError, decode, encode, open_input, tool
from podwalk.containers.tools.regex import RegexError, compile_regex
from podwalk.simulation import Task

FLAGS = "HhnlLoqvsrRiwxFEGzm:A:B:C:e:f:ca"


@dataclass
class Search:
    """What to look for and how to print it."""

    pattern: re.Pattern[str]
    options: Options
    names: bool
    before: int
    after: int
    limit: int

    def found(self, line: str) -> bool:
        """Whether a line is selected."""
        match = self.pattern.fullmatch(line) if "x" in self.options else self.pattern.search(line)
        return (match is not None) != ("v" in self.options)


@tool(
    "grep egrep fgrep",
    FLAGS,
    ["color=", "colour=", "include=", "exclude="],
    usage="[-HhnlLoqvsrRiwxFEz] [-m N] [-A|B|C N] {PATTERN | -e PATTERN... | -f FILE...} [FILE]...",
    code=2,
)
def grep(process: Process, options: Options, words: list[str]) -> Task:
    """Print the lines that match."""
    patterns = options.all("e")
    for name in options.all("f"):
        patterns += decode((yield from open_input(process, name).read_all())).splitlines()
    if not options.has("e", "f"):
        if not words:
            raise UsageError(code=2)
        patterns, words = words[0].split("\n"), words[1:]
    recursive = options.has("r", "R")
    names = list(_walk(process, words or ["."], options)) if recursive else words
    around = options.number("C")
    search = Search(
        _compiled(process, options, patterns),
        options,
        "h" not in options and ("H" in options or len(names) > 1 or recursive),
        options.number("B", around),
        options.number("A", around),
        options.number("m", -1),
    )
    names = [name for name in names if name == "-" or not process.container.files.is_dir(process.path(name))]
    readable = bool(names) or not (words or recursive)
    source, selected = Input(process, names), False
    source.quiet = "s" in options
    while (pipe := source.next_pipe() if readable else None) is not None:
        selected |= yield from _search(process, search, pipe, source.name if source.name != "-" else "(standard input)")
        if selected and "q" in options:
            return 0
    return 2 if source.failed else int(not selected)


def _compiled(process: Process, options: Options, patterns: list[str]) -> re.Pattern[str]:
    name = process.argv[0].rpartition("/")[2]
    extended, fixed = "E" in options or name == "egrep", "F" in options or name == "fgrep"
    try:
        parts = [
            re.escape(pattern) if fixed else compile_regex(pattern, extended=extended).pattern for pattern in patterns
        ]
    except RegexError as error:
        raise ToolError(f"bad regex '{patterns[0]}'", 2) from error
    joined = "|".join(f"(?:{part})" for part in parts) if len(parts) != 1 else parts[0]
    if "w" in options:
        joined = rf"(?<!\w)(?:{joined})(?!\w)"
    return re.compile(joined if parts else r"(?!)", re.IGNORECASE if "i" in options else 0)


def _walk(process: Process, words: list[str], options: Options) -> Iterator[str]:
    files = process.container.files
    for word in words:
        try:
            names = files.list(process.path(word))
        except FileError:
            if not options.has("include") or _included(word, options):
                yield word
            continue
        yield from _walk(process, [f"{word.rstrip('/')}/{name}" for name in names], options)


def _included(name: str, options: Options) -> bool:
    from podwalk.containers.shell.patterns import matches

    last = name.rpartition("/")[2]
    return any(matches(form, last) for form in options.all("include"))


def _search(process: Process, search: Search, pipe: Pipe, name: str) -> Task:
    """Print what one file has; returns whether a line was selected."""
    options, count, number, printed, trailing = search.options, 0, 0, 0, 0
    held: deque[tuple[int, str]] = deque(maxlen=search.before) if search.before else deque(maxlen=0)
    quiet = options.has("q", "l", "L", "c")
    while search.limit < 0 or count < search.limit or trailing:
        data = yield from pipe.read_line()
        if not data:
            break
        number += 1
        line = decode(data.rstrip(b"\n"))
        if (search.limit < 0 or count < search.limit) and search.found(line):
            count += 1
            if options.has("q", "l"):
                break
            if quiet:
                continue
            if (search.before or search.after) and printed and number - len(held) > printed + 1:
                process.write("--\n")
            for earlier, text in held:
                yield from process.emit(encode(_prefix(search, name, earlier, "-") + text + "\n"))
            held.clear()
            yield from _print(process, search, name, number, line)
            printed, trailing = number, search.after
        elif trailing and not quiet:
            yield from process.emit(encode(_prefix(search, name, number, "-") + line + "\n"))
            printed, trailing = number, trailing - 1
        else:
            held.append((number, line))
    if "c" in options and "q" not in options:
        process.write(f"{name + ':' if search.names else ''}{count}\n")
    if ("l" in options and count) or ("L" in options and not count):
        process.write(f"{name}\n")
    return count > 0 if "L" not in options else not count


def _print(process: Process, search: Search, name: str, number: int, line: str) -> Task:
    prefix = _prefix(search, name, number, ":")
    if "o" not in search.options:
        yield from process.emit(encode(f"{prefix}{line}\n"))
    elif "v" not in search.options:
        for match in search.pattern.finditer(line):
            if match.group():
                yield from process.emit(encode(f"{prefix}{match.group()}\n"))


def _prefix(search: Search, name: str, number: int, separator: str) -> str:
    shown = f"{name}{separator}" if search.names else ""
    return shown + (f"{number}{separator}" if "n" in search.options else "")
