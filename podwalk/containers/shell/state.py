"""What a shell remembers: variables, functions, options, traps.

And the exceptions by which commands leave their place.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field

from podwalk.containers.process import Pipe
from podwalk.containers.shell.syntax import Function


class ShellError(Exception):
    """A command cannot go on: the message is printed, and a shell that is not interactive ends.

    Attributes:
        message: the words after the shell's name and line.
        code: the exit code.
        fatal: whether it ends the shell even if a builtin that is not special raised it.
    """

    def __init__(self, message: str, code: int = 2, *, fatal: bool = True) -> None:
        """Keep the words and the code."""
        super().__init__(message)
        self.message, self.code, self.fatal = message, code, fatal


class Leave(Exception):
    """Leave what is being run, with a status."""

    def __init__(self, status: int = 0) -> None:
        """Keep the status."""
        super().__init__(status)
        self.status = status


class ExitShell(Leave):
    """``exit``."""


class ReturnFrom(Leave):
    """``return``."""


class LeaveLoop(Leave):
    """``break``, or ``continue`` if ``again``; ``status`` counts the loops."""

    def __init__(self, count: int, *, again: bool) -> None:
        """Keep how many loops to leave."""
        super().__init__(count)
        self.again = again


class Cancelled(Leave):
    """^C at an interactive shell."""


@dataclass
class Variable:
    """A variable.

    Attributes:
        value: None if it is only marked for export, read-only or local.
        items: the elements of bash's array, by number or, ``by_name``, by name; element 0 is its value.
    """

    value: str | None = None
    exported: bool = False
    readonly: bool = False
    items: dict[int | str, str] | None = None
    by_name: bool = False


@dataclass
class State:
    """Everything that a subshell inherits as a copy.

    Attributes:
        inherited: what children get of the environment although its name is no variable's, as ``my-key``.
    """

    name: str = "sh"
    args: list[str] = field(default_factory=list)
    variables: dict[str, Variable] = field(default_factory=dict)
    inherited: Mapping[str, str] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    options: set[str] = field(default_factory=set)
    traps: dict[int, str] = field(default_factory=dict)
    streams: dict[int, Pipe] = field(default_factory=dict)
    locals: list[dict[str, Variable | None]] = field(default_factory=list)
    status: int = 0
    line: int = 0
    first_line: int = 1
    loops: int = 0
    sourced: int = 0
    unchecked: int = 0
    last_background: int = 0

    def get(self, name: str) -> str | None:
        """Return a variable's value; None if it is not set."""
        variable = self.variables.get(name)
        return variable.value if variable is not None else None

    def set(self, name: str, value: str | None, *, exported: bool | None = None) -> None:
        """Set a variable.

        Raises:
            ShellError: when it is read-only.
        """
        variable = self.variables.setdefault(name, Variable())
        if variable.readonly:
            raise ShellError(f"{name}: is read only")
        variable.value = value if value is not None else variable.value
        if variable.items is not None and value is not None:
            variable.items[0] = value
        variable.exported = variable.exported or bool(exported) or "a" in self.options

    def unset(self, name: str) -> None:
        """Forget a variable.

        Raises:
            ShellError: when it is read-only.
        """
        if (variable := self.variables.get(name)) is not None:
            if variable.readonly:
                raise ShellError(f"{name}: is read only")
            del self.variables[name]

    def environment(self) -> dict[str, str]:
        """Return what children inherit."""
        own = {name: v.value for name, v in self.variables.items() if v.exported and v.value is not None}
        return {**self.inherited, **own}

    def localise(self, name: str) -> None:
        """Let the present function have a variable of its own; the old one comes back when it returns."""
        frame = self.locals[-1]
        if name not in frame:
            old = self.variables.get(name)
            frame[name] = old
            if old is not None:
                self.variables[name] = _copy(old)

    def leave_function(self) -> None:
        """Put back what the function that returns had made local."""
        for name, variable in self.locals.pop().items():
            if variable is None:
                self.variables.pop(name, None)
            else:
                self.variables[name] = variable

    def fork(self) -> State:
        """Return a copy for a subshell; traps are reset, but for what is ignored."""
        child = copy.copy(self)
        child.variables = {name: _copy(variable) for name, variable in self.variables.items()}
        child.functions, child.aliases = dict(self.functions), dict(self.aliases)
        child.options, child.args, child.streams = set(self.options), list(self.args), dict(self.streams)
        child.traps = {number: action for number, action in self.traps.items() if not action}
        child.locals = [dict(frame) for frame in self.locals]
        return child


def _copy(variable: Variable) -> Variable:
    items = None if variable.items is None else dict(variable.items)
    return Variable(variable.value, variable.exported, variable.readonly, items, variable.by_name)
