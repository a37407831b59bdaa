"""Redirections: which stream each descriptor of a command is.

Source: POSIX.1-2024, Shell Command Language, 2.7 Redirection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from podwalk.containers.files import FileError
from podwalk.containers.process import Pipe
from podwalk.containers.shell import expansion
from podwalk.containers.shell.state import ShellError
from podwalk.containers.shell.syntax import Heredoc, Redirection
from podwalk.containers.shell.tasks import Step
from podwalk.containers.streams import open_to_read, open_to_write

if TYPE_CHECKING:
    from podwalk.containers.shell.interpreter import Shell


def redirect(shell: Shell, redirections: Sequence[Redirection]) -> Step:
    """Return the streams that a command has after its redirections."""
    if not redirections:
        return shell.state.streams
    streams = dict(shell.state.streams)
    for redirection in redirections:
        if isinstance(redirection.target, Heredoc):
            streams[redirection.descriptor] = _text(shell, (yield expansion.text(shell, redirection.target.body)))
            continue
        target: str = yield expansion.text(shell, redirection.target)
        if redirection.operator == "<<<":
            streams[redirection.descriptor] = _text(shell, target + "\n")
        elif redirection.operator in (">&", "<&") and (target == "-" or target.isdigit()):
            _duplicate(streams, redirection.descriptor, target)
        elif redirection.operator in ("&>", "&>>", ">&"):
            streams[1] = streams[2] = _opened(shell, redirection.operator, target)
        else:
            streams[redirection.descriptor] = _opened(shell, redirection.operator, target)
    return streams


def _text(shell: Shell, text: str) -> Pipe:
    pipe = Pipe(shell.process.simulation)
    pipe.write(text.encode(errors="surrogateescape"))
    pipe.close()
    return pipe


def _duplicate(streams: dict[int, Pipe], descriptor: int, target: str) -> None:
    if target == "-":
        streams.pop(descriptor, None)
        return
    source = streams.get(int(target))
    if source is None:
        raise ShellError(f"dup2({target},{descriptor}): Bad file descriptor", 1, fatal=False)
    streams[descriptor] = source


def _opened(shell: Shell, operator: str, name: str) -> Pipe:
    """Open a file, or say why it cannot be, in ash's words."""
    writing = operator not in ("<", "<>")
    try:
        if not writing:
            return open_to_read(shell.process, name)
        exclusive = "C" in shell.state.options and operator in (">", "&>")
        return open_to_write(shell.process, name, append=operator in (">>", "&>>"), exclusive=exclusive)
    except FileError as error:
        reason = error.reason
        if shell.dialect.bash:
            message = f"{name}: {'cannot overwrite existing file' if error.name == 'EEXIST' else reason}"
        else:
            if error.name == "ENOENT":
                reason = "nonexistent directory" if writing else "no such file"
            elif shell.dialect.name == "dash" and error.name == "ENOTDIR":
                reason = "Directory nonexistent"
            message = f"can't {'create' if writing else 'open'} {name}: {reason}"
        raise ShellError(message, 1, fatal=False) from error
