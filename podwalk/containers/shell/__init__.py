"""A POSIX shell as a program of containers: ``sh`` of BusyBox (ash), ``sh`` of Debian (dash) and bash.

Scripts come from ``-c``, from a file, or from standard input; over a terminal it prompts. What a real shell has and
this one lacks is refused with words that say so: coprocesses, process substitution, job control with ^Z.
"""

from __future__ import annotations

import re

from podwalk.containers.files import FileError
from podwalk.containers.process import Process, Program
from podwalk.containers.shell.dialects import ASH, BASH, DASH, Dialect
from podwalk.containers.shell.interactive import converse
from podwalk.containers.shell.interpreter import Shell
from podwalk.containers.shell.state import ShellError, State, Variable
from podwalk.containers.shell.tasks import Step
from podwalk.containers.shell.variables import NAME

DEFAULT_PATH = "/sbin:/usr/sbin:/bin:/usr/bin"
"""The PATH that ash sets if there is none."""

__all__ = ["ash", "bash", "dash", "program", "sh"]


def program(dialect: Dialect) -> Program:
    """Return the program of a dialect."""

    def run(process: Process) -> Step:
        shell = Shell(process, _state(process, dialect), dialect)
        status: int = yield from shell.main(lambda: _start(shell))
        return status

    return run


def _state(process: Process, dialect: Dialect) -> State:
    state = State(name=process.argv[0].lstrip("-"))
    named = {name for name in process.env if NAME.fullmatch(name)}
    state.variables = {name: Variable(process.env[name], exported=True) for name in process.env if name in named}
    if dialect.odd_names:
        state.inherited = {name: value for name, value in process.env.items() if name not in named}
    state.variables["IFS"] = Variable(" \t\n")
    state.variables.setdefault("PATH", Variable(DEFAULT_PATH))
    state.variables["PWD"] = Variable(process.cwd, exported=True)
    level = state.get("SHLVL") or "0"
    state.variables["SHLVL"] = Variable(str(int(level) + 1 if level.isdigit() else 1), exported=True)
    state.variables["OPTIND"] = Variable("1")
    state.streams = process.descriptors
    return state


def _start(shell: Shell) -> Step:
    """Read the options of the command line and run what they name."""
    words = list(shell.process.argv[1:])
    text, from_stdin, interactive = False, False, False
    shell.state.first_line = shell.dialect.first_line
    while words and re.fullmatch(r"[-+][a-zA-Z]+|--\w[\w-]*", words[0]):
        option = words.pop(0)
        if option.startswith("--"):
            if option not in ("--login", "--norc", "--noprofile", "--posix"):
                raise ShellError(f"unrecognized option: {option}")
            continue
        for letter in option[1:]:
            if letter == "o" and words:
                shell.state.options.add({"errexit": "e", "nounset": "u", "xtrace": "x"}.get(words[0], words[0]))
                del words[0]
            text, from_stdin = text or letter == "c", from_stdin or letter == "s"
            interactive = interactive or letter == "i"
            if letter not in "cosil":
                (shell.state.options.add if option[0] == "-" else shell.state.options.discard)(letter)
    words = words[1:] if words[:1] in (["--"], ["-"]) else words
    if text:
        if not words:
            raise ShellError("-c requires an argument")
        shell.state.options.add("c")
        shell.state.name, shell.state.args = words[1] if len(words) > 1 else shell.state.name, words[2:]
        return (yield shell.run_text(words[0], last=True))
    if words and not from_stdin:
        return (yield _script(shell, words))
    shell.state.args, shell.state.first_line = words, 1
    return (yield converse(shell, interactive=interactive or shell.process.tty))


def _script(shell: Shell, words: list[str]) -> Step:
    try:
        content = shell.process.container.files.read(shell.process.path(words[0])).decode(errors="surrogateescape")
    except FileError as error:
        if shell.dialect.bash:
            shell.write(f"{shell.state.name}: {words[0]}: {error.reason}\n", 2)
            shell.state.status = 127
            return 127
        reason = "no such file" if error.name == "ENOENT" and shell.dialect.name == "ash" else error.reason
        raise ShellError(f"can't open {words[0]}: {reason}") from error
    shell.state.name, shell.state.args, shell.state.first_line = words[0], words[1:], 1
    return (yield shell.run_text(content))


ash: Program = program(ASH)
dash: Program = program(DASH)
bash: Program = program(BASH)
sh: Program = ash
"""The shell of busybox and alpine images."""
