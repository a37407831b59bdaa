"""The builtins of the shell that change the shell itself: where it is, what it runs next, what it remembers.

Source: POSIX.1-2024, Shell Command Language, 2.15 Special Built-In Utilities; BusyBox shell/ash.c.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from podwalk.containers.files import FileError, normal
from podwalk.containers.process import CommandError
from podwalk.containers.shell import expansion, jobs, printing, reading, variables
from podwalk.containers.shell.conditions import ConditionError, check
from podwalk.containers.shell.parser import KEYWORDS
from podwalk.containers.shell.quoting import single
from podwalk.containers.shell.state import ExitShell, LeaveLoop, ReturnFrom, ShellError
from podwalk.containers.shell.tasks import Step

if TYPE_CHECKING:
    from podwalk.containers.shell.interpreter import Shell

Builtin = Callable[["Shell", list[str]], Step]

LETTERS = {
    "errexit": "e",
    "noglob": "f",
    "interactive": "i",
    "monitor": "m",
    "noexec": "n",
    "stdin": "s",
    "xtrace": "x",
    "verbose": "v",
    "noclobber": "C",
    "allexport": "a",
    "notify": "b",
    "nounset": "u",
    "pipefail": "pipefail",
}


def _plain(function: Callable[[Shell, list[str]], int]) -> Builtin:
    """Make a builtin of a function that waits for nothing."""

    def run(shell: Shell, argv: list[str]) -> Step:
        yield from ()
        return function(shell, argv)

    return run


def echo(shell: Shell, argv: list[str]) -> int:
    """Print words."""
    return _print(shell, printing.echo(argv[1:], always=shell.dialect.name == "dash"))


def printf(shell: Shell, argv: list[str]) -> int:
    """Print by a format; bash's ``-v`` sets a variable instead."""
    words = argv[1:]
    target = words[1] if shell.dialect.bash and len(words) > 2 and words[0] == "-v" else None
    words = words[2:] if target else words[1:] if words[:1] == ["--"] else words
    if not words:
        shell.write(f"{shell.state.name}: usage: printf FORMAT [ARGUMENT...]\n", 2)
        return 2
    text, errors = printing.printf(words, quoting=shell.dialect.bash)
    for error in errors:
        shell.write(f"{shell.state.name}: {error}\n", 2)
    if target is not None:
        shell.state.set(target, text)
        return int(bool(errors))
    return _print(shell, text) or int(bool(errors))


def _print(shell: Shell, text: str) -> int:
    if 1 not in shell.state.streams:
        shell.write(f"{shell.state.name}: write error: Bad file descriptor\n", 2)
        return 1
    shell.write(text)
    return 0


def test(shell: Shell, argv: list[str]) -> int:
    """Evaluate a condition."""
    words = argv[1:]
    try:
        if argv[0] == "[":
            if not words or words[-1] != "]":
                raise ConditionError("missing ]")
            words = words[:-1]
        return int(not check(shell.process, words))
    except ConditionError as error:
        if shell.dialect.name != "ash":
            return shell.complain(ShellError(str(error), 2), argv[0])
        shell.write(f"{shell.state.name}: {error}\n", 2)
        return 2


def cd(shell: Shell, argv: list[str]) -> int:
    """Change the directory."""
    words = [word for word in argv[1:] if word not in ("-P", "-L", "--")]
    target = words[0] if words else shell.state.get("HOME") or "/"
    if target == "-":
        target = shell.state.get("OLDPWD") or ""
        if not target:
            raise ShellError("OLDPWD not set", 2, fatal=False)
    path = normal(target, shell.process.cwd)
    try:
        shell.process.container.files.list(path)
    except FileError as error:
        if shell.dialect.bash:
            raise ShellError(f"{target}: {error.reason}", 1, fatal=False) from error
        reason = f": {error.reason}" if shell.dialect.name == "ash" else ""
        raise ShellError(f"can't cd to {target}{reason}", 2, fatal=False) from error
    shell.state.set("OLDPWD", shell.process.cwd)
    shell.process.cwd = path
    shell.state.set("PWD", path)
    return _print(shell, path + "\n") if words == ["-"] else 0


def pwd(shell: Shell, argv: list[str]) -> int:
    """Print the directory."""
    path = shell.process.cwd
    return _print(shell, (shell.process.container.files.resolve(path) if "-P" in argv else path) + "\n")


def leave(shell: Shell, argv: list[str]) -> int:
    """``exit`` and ``return``."""
    status = _count(argv[1], minimum=0) if len(argv) > 1 else shell.state.status
    if argv[0] == "return" and (shell.state.locals or shell.state.sourced):
        raise ReturnFrom(status & 0xFF)
    raise ExitShell(status & 0xFF)


def leave_loop(shell: Shell, argv: list[str]) -> int:
    """``break`` and ``continue``."""
    count = _count(argv[1], minimum=1) if len(argv) > 1 else 1
    if shell.state.loops:
        raise LeaveLoop(count, again=argv[0] == "continue")
    return 0


def _count(text: str, *, minimum: int) -> int:
    if not text.isdigit() or int(text) < minimum:
        raise ShellError(f"Illegal number: {text}")
    return int(text)


def shift(shell: Shell, argv: list[str]) -> int:
    """Drop positional parameters."""
    count = _count(argv[1], minimum=0) if len(argv) > 1 else 1
    if count > len(shell.state.args):
        if shell.dialect.name == "dash":
            raise ShellError("can't shift that many")
        return 1
    del shell.state.args[:count]
    return 0


def set_(shell: Shell, argv: list[str]) -> int:
    """Set options and positional parameters, or print the variables."""
    words = argv[1:]
    if not words:
        lines = [
            f"{name}={single(v.value)}\n" for name, v in sorted(shell.state.variables.items()) if v.value is not None
        ]
        return _print(shell, "".join(lines))
    while words and re.fullmatch(r"[-+][a-zA-Z]+", words[0]):
        letters = words.pop(0)
        for letter in letters[1:]:
            if letter == "o":
                if not words:
                    return _print_options(shell)
                _option(shell, LETTERS.get(words[0], ""), words.pop(0), on=letters[0] == "-")
            else:
                _option(shell, letter if letter in LETTERS.values() else "", letter, on=letters[0] == "-")
    if words[:1] in (["--"], ["-"]):
        shell.state.args = words[1:]
    elif words:
        shell.state.args = words
    return 0


def _option(shell: Shell, letter: str, name: str, *, on: bool) -> None:
    if not letter or (letter == "pipefail" and shell.dialect.name == "dash"):
        if len(name) > 1:
            raise ShellError(f"illegal option -o {name}", 1)
        raise ShellError(f"illegal option -{name}")
    (shell.state.options.add if on else shell.state.options.discard)(letter)


def _print_options(shell: Shell) -> int:
    lines = [f"{name:<16}{'on' if letter in shell.state.options else 'off'}\n" for name, letter in LETTERS.items()]
    return _print(shell, "Current option settings\n" + "".join(lines))


def evaluate(shell: Shell, argv: list[str]) -> Step:
    """``eval``."""
    shell.state.status = 0
    return (yield shell.run_text(" ".join(argv[1:]), line=shell.state.line))


def source(shell: Shell, argv: list[str]) -> Step:
    """``.``: run a file in this shell."""
    if len(argv) < 2:
        if shell.dialect.bash:
            raise ShellError("filename argument required")
        raise ExitShell(2)
    name = argv[1]
    try:
        text = shell.process.container.files.read(shell.process.path(name)).decode(errors="surrogateescape")
    except FileError as error:
        reason = "no such file" if error.name == "ENOENT" and shell.dialect.name == "ash" else error.reason
        raise ShellError(f"can't open {name}: {reason}" if not shell.dialect.bash else f"{name}: {reason}") from error
    args = shell.state.args
    if argv[2:]:
        shell.state.args = argv[2:]
    shell.state.sourced += 1
    first_line, shell.state.first_line = shell.state.first_line, 1
    try:
        return (yield shell.run_text(text))
    except ReturnFrom as leave_:
        shell.state.status = leave_.status
        return leave_.status
    finally:
        shell.state.sourced -= 1
        shell.state.first_line = first_line
        if argv[2:]:
            shell.state.args = args


def execute(shell: Shell, argv: list[str]) -> Step:
    """``exec``: become another program; without one, keep the redirections."""
    if len(argv) == 1:
        return 0
    environment = shell.state.environment()
    try:
        program = shell.child(argv[1:], {}, environment).find_program(argv[1])
    except CommandError as error:
        raise ShellError(f"{argv[1]}: {error}", error.code) from error
    raise ExitShell((yield shell.replace(program, argv[1:], environment)))


def command(shell: Shell, argv: list[str]) -> Step:
    """``command``: run without functions, or say what a name is."""
    words = argv[1:]
    if words[:1] in (["-v"], ["-V"]):
        found = True
        for name in words[1:]:
            text = describe(shell, name, verbose=words[0] == "-V")
            found = found and text is not None
            if text is not None:
                _print(shell, text + "\n")
            elif words[0] == "-V":
                _print(shell, f"{name}: not found\n")
        return 0 if found else 127
    words = words[1:] if words[:1] in (["-p"], ["--"]) else words
    if not words:
        return 0
    if words[0] in BUILTINS:
        return (yield shell.builtin(words))
    return (yield shell.external(words, {}))


def type_(shell: Shell, argv: list[str]) -> int:
    """Say what names are."""
    status = 0
    for name in argv[1:]:
        text = describe(shell, name, verbose=True)
        _print(shell, f"{text or f'{name}: not found'}\n")
        status = status if text else 127
    return status


def describe(shell: Shell, name: str, *, verbose: bool) -> str | None:
    """Return what a name is to the shell; None if it is nothing."""
    if name in shell.state.aliases:
        value = single(shell.state.aliases[name])
        return f"{name} is an alias for {shell.state.aliases[name]}" if verbose else f"alias {name}={value}"
    kinds = (
        ("a shell keyword", name in KEYWORDS),
        ("a function", name in shell.state.functions),
        ("a special shell builtin", name in SPECIAL - {"source"} and not shell.dialect.bash),
        ("a shell builtin", name in BUILTINS),
    )
    for words, is_it in kinds:
        if is_it:
            return f"{name} is {words}" if verbose else name
    path = jobs.locate(shell.process, name)
    if path is None:
        return None
    return f"{name} is {path}" if verbose else path


def let(shell: Shell, argv: list[str]) -> int:
    """Compute expressions."""
    value = 0
    if len(argv) == 1:
        raise ShellError("expression expected", 2, fatal=False)
    for word in argv[1:]:
        value = expansion.calculate(shell, word)
    return int(value == 0)


BUILTINS: Mapping[str, Builtin] = {
    "echo": _plain(echo),
    "printf": _plain(printf),
    "test": _plain(test),
    "[": _plain(test),
    "true": _plain(lambda _, __: 0),
    "false": _plain(lambda _, __: 1),
    ":": _plain(lambda _, __: 0),
    "cd": _plain(cd),
    "chdir": _plain(cd),
    "pwd": _plain(pwd),
    "exit": _plain(leave),
    "return": _plain(leave),
    "break": _plain(leave_loop),
    "continue": _plain(leave_loop),
    "shift": _plain(shift),
    "set": _plain(set_),
    "eval": evaluate,
    ".": source,
    "source": source,
    "exec": execute,
    "command": command,
    "type": _plain(type_),
    "let": _plain(let),
    "export": _plain(variables.export),
    "readonly": _plain(variables.export),
    "unset": _plain(variables.unset),
    "local": _plain(variables.local),
    "declare": _plain(variables.declare),
    "typeset": _plain(variables.declare),
    "mapfile": reading.mapfile,
    "readarray": reading.mapfile,
    "alias": _plain(variables.alias),
    "unalias": _plain(variables.unalias),
    "umask": _plain(variables.umask),
    "ulimit": _plain(variables.ulimit),
    "times": _plain(variables.times),
    "hash": _plain(lambda _, __: 0),
    "read": reading.read,
    "getopts": _plain(reading.getopts),
    "trap": _plain(jobs.trap),
    "kill": _plain(jobs.kill),
    "wait": jobs.wait,
    "jobs": _plain(jobs.list_jobs),
}

SPECIAL = frozenset(
    [
        ".",
        ":",
        "break",
        "continue",
        "eval",
        "exec",
        "exit",
        "export",
        "local",
        "readonly",
        "return",
        "set",
        "shift",
        "source",
        "times",
        "trap",
        "unset",
    ]
)
"""Builtins whose errors end the shell."""
