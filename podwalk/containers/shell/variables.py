"""The builtins for variables, aliases and the limits of the process.

Source: POSIX.1-2024, Shell Command Language, 2.15 Special Built-In Utilities; BusyBox shell/ash.c.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from podwalk.containers.shell import arrays
from podwalk.containers.shell.quoting import single
from podwalk.containers.shell.state import ShellError

if TYPE_CHECKING:
    from podwalk.containers.shell.interpreter import Shell

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def export(shell: Shell, argv: list[str]) -> int:
    """``export`` and ``readonly``: mark variables, with or without a value; print those that are marked."""
    readonly = argv[0] == "readonly"
    words = [word for word in argv[1:] if word not in ("-p", "--")]
    remove = words[:1] == ["-n"]
    if not words:
        for name, variable in sorted(shell.state.variables.items()):
            if variable.readonly if readonly else variable.exported:
                shown = f"={single(variable.value)}" if variable.value is not None else ""
                shell.write(f"{argv[0]} {name}{shown}\n")
        return 0
    for word in words[1:] if remove else words:
        name, value = assignment(word)
        shell.state.set(name, value)
        variable = shell.state.variables[name]
        if readonly:
            variable.readonly = True
        else:
            variable.exported = not remove
    return 0


def assignment(word: str) -> tuple[str, str | None]:
    """Return name and value of ``name=value``; no value if there is no equals sign.

    Raises:
        ShellError: when the name is none.
    """
    name, equals, value = word.partition("=")
    if not NAME.fullmatch(name):
        raise ShellError(f"{name}: bad variable name")
    return name, value if equals else None


def unset(shell: Shell, argv: list[str]) -> int:
    """Forget variables or functions."""
    words = [word for word in argv[1:] if word not in ("-v", "-f")]
    for name in words:
        if shell.dialect.bash and arrays.unset(shell, name):
            continue
        if "-f" in argv:
            shell.state.functions.pop(name, None)
            continue
        assignment(name)
        if "-v" not in argv and name not in shell.state.variables:
            shell.state.functions.pop(name, None)
        shell.state.unset(name)
    return 0


def local(shell: Shell, argv: list[str]) -> int:
    """Make variables of the present function."""
    if not shell.state.locals:
        raise ShellError("not in a function")
    flags = "".join(word[1:] for word in argv[1:] if word.startswith("-") and shell.dialect.bash)
    for word in [word for word in argv[1:] if not (flags and word.startswith("-"))]:
        name, value = assignment(word)
        shell.state.localise(name)
        if "a" in flags or "A" in flags:
            shell.state.unset(name)
            arrays.declare(shell, name, by_name="A" in flags)
        elif value is not None:
            shell.state.set(name, value)
        else:
            shell.state.unset(name)
    return 0


def declare(shell: Shell, argv: list[str]) -> int:
    """``declare`` of bash, for plain variables and arrays."""
    if any(re.fullmatch(r"-\w*[inp]\w*", word) for word in argv[1:]):
        raise ShellError("integers, references and -p are not simulated by Podwalk", 2, fatal=False)
    flags = "".join(word[1:] for word in argv[1:] if word.startswith("-"))
    for word in [word for word in argv[1:] if not word.startswith("-")]:
        name, value = assignment(word)
        if shell.state.locals and "g" not in flags:
            shell.state.localise(name)
        shell.state.set(name, value, exported="x" in flags)
        shell.state.variables[name].readonly = "r" in flags
        if "a" in flags or "A" in flags:
            arrays.declare(shell, name, by_name="A" in flags)
    return 0


def alias(shell: Shell, argv: list[str]) -> int:
    """Define or print aliases."""
    for word in argv[1:]:
        name, equals, value = word.partition("=")
        if equals:
            shell.state.aliases[name] = value
        elif name in shell.state.aliases:
            shell.write(f"{name}={single(shell.state.aliases[name])}\n")
        else:
            shell.write(f"alias: {name} not found\n", 2)
            return 1
    if len(argv) == 1:
        shell.write("".join(f"{name}={single(value)}\n" for name, value in sorted(shell.state.aliases.items())))
    return 0


def unalias(shell: Shell, argv: list[str]) -> int:
    """Forget aliases."""
    if "-a" in argv:
        shell.state.aliases.clear()
        return 0
    missing = [name for name in argv[1:] if shell.state.aliases.pop(name, None) is None]
    shell.write("".join(f"unalias: {name} not found\n" for name in missing), 2)
    return int(bool(missing))


def umask(shell: Shell, argv: list[str]) -> int:
    """Print or set the bits that new files do not get."""
    files = shell.process.container.files
    if len(argv) == 1:
        shell.write(f"{files.umask:04o}\n")
    elif re.fullmatch(r"[0-7]{1,4}", argv[1]):
        files.umask = int(argv[1], 8)
    else:
        raise ShellError(f"illegal mode: {argv[1]}")
    return 0


def ulimit(shell: Shell, argv: list[str]) -> int:
    """Print a limit; containers have none but that of open files."""
    if len(argv) > 2:
        raise ShellError("setting limits is not simulated by Podwalk", 2, fatal=False)
    shell.write("1048576\n" if argv[1:] == ["-n"] else "unlimited\n")
    return 0


def times(shell: Shell, argv: list[str]) -> int:
    """Print the time used; simulated commands use none of the processor's."""
    shell.write("0m0.000000s 0m0.000000s\n0m0.000000s 0m0.000000s\n")
    return 0
