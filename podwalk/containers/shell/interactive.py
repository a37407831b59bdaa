"""A shell that reads its commands from standard input: with a prompt if that is a terminal.

The terminal edits and echoes lines; see :mod:`podwalk.containers.terminal`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from podwalk.containers.shell.parser import Parser
from podwalk.containers.shell.state import Cancelled, LeaveLoop, ReturnFrom, ShellError
from podwalk.containers.shell.syntax import ParseError
from podwalk.containers.shell.tasks import Step

if TYPE_CHECKING:
    from podwalk.containers.shell.interpreter import Shell


def converse(shell: Shell, *, interactive: bool) -> Step:
    """Run commands as they come, until the input ends."""
    shell.interactive = interactive
    if interactive:
        shell.state.options.add("i")
        shell.process.handles_signals = frozenset({2})
        if shell.process.terminal is not None:
            shell.process.terminal.foreground = (shell.process,)
    text = ""
    while True:
        try:
            if interactive:
                _ask(shell, prompt(shell, continued=bool(text)))
            line: bytes = yield shell.state.streams[0].read_line()
            _answered(shell)
            text += line.decode(errors="surrogateescape")
            if not text:
                if interactive:
                    shell.write("\n", 2)
                return shell.state.status
            if (yield _run(shell, text, last=not line)):
                text = ""
        except Cancelled as cancelled:
            _answered(shell)
            text = ""
            shell.write("\n", 2)
            shell.state.status = cancelled.status
        except (LeaveLoop, ReturnFrom):
            text = ""
        except ShellError as error:
            text = ""
            shell.complain(error)
            if not interactive:
                return error.code


def _ask(shell: Shell, words: str) -> None:
    """Prompt; a shell that edits its line has the terminal draw it anew when the window changes."""
    shell.write(words, 2)
    if shell.process.terminal is not None and shell.dialect.name != "dash":
        shell.process.terminal.ask(words)


def _answered(shell: Shell) -> None:
    if shell.process.terminal is not None:
        shell.process.terminal.answered()


def _run(shell: Shell, text: str, *, last: bool) -> Step:
    """Run what the text holds; False if it is not complete."""
    try:
        commands = Parser(text, bash=shell.dialect.bash).whole()
    except ParseError as error:
        if (error.incomplete or text.endswith("\\\n")) and not last:
            return False
        raise ShellError(f"syntax error: {error.message}") from error
    if _awaits_heredoc(text) and not last:
        return False
    for command in commands.commands:
        yield shell.execute(command)
    return True


def _awaits_heredoc(text: str) -> bool:
    """Whether a here-document is named whose end has not come."""
    names = re.findall(r"<<-?\s*(['\"]?)(\w+)\1", re.sub(r"<<<", "", text.split("\n", 1)[0]))
    return any(not re.search(rf"^\t*{name}$", text, re.MULTILINE) for _, name in names)


def prompt(shell: Shell, *, continued: bool) -> str:
    """Return the prompt: ``PS1``, or ``PS2`` within a command."""
    if continued:
        return shell.state.get("PS2") or "> "
    form = shell.state.get("PS1") or shell.dialect.prompt
    home, path = shell.state.get("HOME") or "", shell.process.cwd
    short = "~" + path[len(home) :] if home not in ("", "/") and (path + "/").startswith(home + "/") else path
    root = shell.process.container.files.uid == 0
    values = {
        "w": short,
        "W": short.rpartition("/")[2] or "/",
        "h": shell.process.container.hostname,
        "u": "root" if root else "I have no name!",
        "$": "#" if root else "$",
        "n": "\n",
        "s": shell.dialect.name,
        "v": "5.2",
        "\\": "\\",
        "[": "",
        "]": "",
    }
    return re.sub(r"\\(.)", lambda match: values.get(match.group(1), match.group()), form)
