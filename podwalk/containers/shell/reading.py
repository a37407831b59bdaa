"""``read`` and ``getopts``.

Source: POSIX.1-2024, read and getopts; BusyBox shell/shell_common.c.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from podwalk.containers.process import Pipe
from podwalk.containers.shell import arrays, expansion
from podwalk.containers.shell.state import ShellError
from podwalk.containers.shell.tasks import Step
from podwalk.containers.shell.variables import NAME

if TYPE_CHECKING:
    from podwalk.containers.shell.interpreter import Shell

Character = tuple[str, bool]
"""A character, and whether a backslash before it keeps it from splitting."""


def read(shell: Shell, argv: list[str]) -> Step:
    """``read [-r] [-p prompt] [-t seconds] [-n count] [-d delimiter] [-u fd] [name…]``."""
    options, names = _options(argv[1:])
    names = names or ["REPLY"]
    for name in names:
        if not NAME.fullmatch(name):
            shell.write(f"{shell.state.name}: read: '{name}': bad variable name\n", 2)
            return 1
    stream = shell.state.streams.get(int(options.get("u", "0")))
    if stream is None:
        raise ShellError("read error: Bad file descriptor", 1, fatal=False)
    if "p" in options and shell.process.tty:
        shell.write(options["p"], 2)
    if "t" in options and not re.fullmatch(r"\d+(\.\d*)?|\.\d+", options["t"]):
        if shell.dialect.bash:
            raise ShellError(f"{options['t']}: invalid timeout specification", 1, fatal=False)
        raise ShellError("invalid timeout", 2, fatal=False)
    characters, ended = yield _gather(shell, stream, options)
    if "a" in options:
        text = "".join(character for character, _ in characters)
        arrays.fill(shell, options["a"], text.split())
    else:
        _assign(shell, names, characters)
    return int(ended)


def mapfile(shell: Shell, argv: list[str]) -> Step:
    """``mapfile [-t] [array]`` of bash: read lines into an array."""
    words = [word for word in argv[1:] if word != "-t"]
    if any(word.startswith("-") for word in words):
        raise ShellError("of its options Podwalk simulates -t", 2, fatal=False)
    stream = shell.state.streams.get(0)
    data = b"" if stream is None else (yield stream.read_all())
    lines = data.decode(errors="surrogateescape").splitlines(keepends="-t" not in argv)
    arrays.fill(shell, words[0] if words else "MAPFILE", lines)
    return 0


def _options(words: list[str]) -> tuple[dict[str, str], list[str]]:
    options: dict[str, str] = {}
    rest = list(words)
    while rest and re.fullmatch(r"-[a-zA-Z].*", rest[0]):
        letters = rest.pop(0)[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in "ptndua":
                if not letters and not rest:
                    raise ShellError(f"No arg for -{letter} option")
                options[letter], letters = letters or rest.pop(0), ""
            elif letter in "rs":
                options[letter] = ""
            else:
                raise ShellError(f"Illegal option -{letter}")
    return options, rest[1:] if rest[:1] == ["--"] else rest


def _gather(shell: Shell, stream: Pipe, options: dict[str, str]) -> Step:
    """Read characters up to the delimiter, a count or the time; the second value says whether the input ended first."""
    characters: list[Character] = []
    limit = int(options["n"]) if options.get("n", "").isdigit() else None
    delimiter = (options["d"][:1] or "\0") if "d" in options else "\n"
    simulation = shell.process.simulation
    late = simulation.sleep(float(options["t"])) if "t" in options else None
    buffer, escaped = bytearray(), False
    while limit is None or len(characters) < limit:
        if late is not None and not stream.ready:
            yield simulation.env.any_of([stream.changed(), late])
            if late.processed and not stream.ready:
                return characters, True
            continue
        byte = yield stream.read(1)
        if not byte:
            return characters, True
        buffer += byte
        try:
            character = buffer.decode()
        except UnicodeDecodeError:
            if len(buffer) < 4:
                continue
            character = buffer.decode(errors="surrogateescape")
        buffer.clear()
        if escaped:
            escaped = False
            if character != "\n":
                characters.append((character, True))
        elif character == "\\" and "r" not in options:
            escaped = True
        elif character == delimiter:
            return characters, False
        elif character != "\0":
            characters.append((character, False))
    return characters, False


def _assign(shell: Shell, names: list[str], characters: list[Character]) -> None:
    """Split what was read over the names; the last gets the rest."""
    separators = expansion.separators(shell)
    blanks = "".join(c for c in separators if c in expansion.BLANKS)
    rest = list(characters)

    def skip_blanks() -> None:
        while rest and not rest[0][1] and rest[0][0] in blanks:
            del rest[0]

    skip_blanks()
    for name in names[:-1]:
        value = []
        while rest and (rest[0][1] or rest[0][0] not in separators):
            value.append(rest.pop(0)[0])
        skip_blanks()
        if rest and not rest[0][1] and rest[0][0] in separators and rest[0][0] not in blanks:
            del rest[0]
            skip_blanks()
        shell.state.set(name, "".join(value))
    while rest and not rest[-1][1] and rest[-1][0] in blanks:
        del rest[-1]
    last = "".join(character for character, _ in rest)
    others = [c for c in separators if c not in blanks]
    if len(rest) > 1 and last[-1] in others and not any(c in last[:-1] for c in separators):
        last = last[:-1]
    shell.state.set(names[-1], last)


def getopts(shell: Shell, argv: list[str]) -> int:
    """Take the next option out of the arguments."""
    if len(argv) < 3:
        raise ShellError("usage: getopts optstring var [arg]")
    specification, name, words = argv[1], argv[2], argv[3:] or shell.state.args
    index, offset = _place(shell)
    shell.state.set("OPTARG", "")
    word = words[index - 1] if index <= len(words) else ""
    if offset == 1 and (not word.startswith("-") or word in ("-", "--")):
        shell.state.set("OPTIND", str(index + (word == "--")))
        shell.state.set(name, "?")
        shell.state.unset("OPTARG")
        return 1
    letter, found = word[offset], specification.find(word[offset])
    index, offset = (index + 1, 1) if offset + 1 >= len(word) else (index, offset + 1)
    if found < 0 or letter == ":":
        _bad_option(shell, specification, name, letter, f"Illegal option -{letter}\n")
    elif specification[found + 1 : found + 2] == ":":
        value = word[word.index(letter, 1) + 1 :] if offset > 1 else words[index - 1] if index <= len(words) else None
        index, offset = index + 1, 1
        if value is None:
            _bad_option(shell, specification, name, letter, f"No arg for -{letter} option\n", missing=True)
        else:
            shell.state.set(name, letter)
            shell.state.set("OPTARG", value)
    else:
        shell.state.set(name, letter)
    shell.option_offset = offset
    shell.state.set("OPTIND", str(index))
    return 0


def _place(shell: Shell) -> tuple[int, int]:
    index = int(shell.state.get("OPTIND") or "1")
    return (index, shell.option_offset) if shell.option_offset > 1 else (index, 1)


def _bad_option(
    shell: Shell, specification: str, name: str, letter: str, message: str, *, missing: bool = False
) -> None:
    if specification.startswith(":"):
        shell.state.set(name, ":" if missing else "?")
        shell.state.set("OPTARG", letter)
    else:
        shell.state.set(name, "?")
        shell.write(message, 2)
