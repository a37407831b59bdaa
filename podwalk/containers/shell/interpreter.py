"""Runs the shell's commands on the simulation: each is a step that yields what it waits for.

Every command takes simulated time, so that a loop without a pause lets time pass. A subshell, a part of a pipeline
and ``$(…)`` are processes of their own, as in a real container, and show in ``ps``.

Source: POSIX.1-2024, Shell Command Language; BusyBox shell/ash.c for messages and exit codes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import simpy

from podwalk.containers.files import FileError
from podwalk.containers.process import EXEC_COST_S, SIGINT, CommandError, Pipe, Process, Program, Signal
from podwalk.containers.shell import arrays, expansion, patterns, signals
from podwalk.containers.shell.builtins import BUILTINS, SPECIAL
from podwalk.containers.shell.conditions import double_brackets
from podwalk.containers.shell.dialects import Dialect
from podwalk.containers.shell.parser import Parser
from podwalk.containers.shell.phrases import phrase
from podwalk.containers.shell.quoting import quote
from podwalk.containers.shell.redirection import redirect
from podwalk.containers.shell.state import (
    Cancelled,
    ExitShell,
    Leave,
    LeaveLoop,
    ReturnFrom,
    ShellError,
    State,
    Variable,
)
from podwalk.containers.shell.syntax import (
    AndOr,
    Background,
    Case,
    Command,
    Compute,
    CountedFor,
    For,
    Function,
    If,
    Loop,
    ParseError,
    Pipeline,
    Sequence,
    Simple,
    Subshell,
)
from podwalk.containers.shell.tasks import Step, drive

COMMAND_COST_S = 0.0005
"""Simulated time that the shell takes over one command, even a builtin."""

FUNCTION_LIMIT = 2000
"""How deep functions may call each other; a real shell's stack ends too."""


def final(command: Command) -> Simple | None:
    """Return the command that a shell which ends with ``command`` runs in its own place; None if there is none."""
    if isinstance(command, Sequence) and command.commands:
        return final(command.commands[-1])
    if isinstance(command, AndOr):
        return final(command.right)
    return command if isinstance(command, Simple) else None


class Shell:
    """One shell process."""

    def __init__(self, process: Process, state: State, dialect: Dialect, *, main_pid: int | None = None) -> None:
        """Wrap a process that runs a shell.

        Args:
            process: the process.
            state: what the shell starts with.
            dialect: which shell it is.
            main_pid: ``$$``; subshells keep that of their shell.
        """
        self.process = process
        self.state = state
        self.dialect = dialect
        self.main_pid = process.pid if main_pid is None else main_pid
        self.interactive = False
        self.final: Simple | None = None
        self.replaceable = False
        self.jobs: dict[int, Process] = {}
        self.pending: list[int] = []
        self.substituted: int | None = None
        self.option_offset = 1
        self._signalled: simpy.Event | None = None

    def main(self, body: Callable[[], Step]) -> Step:
        """Run a step as this process: handle signals, ``exit`` and the EXIT trap; returns the exit code."""
        status: int = yield from drive(self._guarded(body), self._absorb)
        return status

    def _guarded(self, body: Callable[[], Step]) -> Step:
        """Turn what ends a shell into its status."""
        try:
            yield body()
            status = self.state.status
        except LeaveLoop:
            status = self.state.status
        except (ExitShell, ReturnFrom) as leave:
            status = leave.status
        except ShellError as error:
            status = self.complain(error)
        if 0 in self.state.traps:
            action = self.state.traps.pop(0)
            self.state.status = status
            try:
                yield self.run_text(action)
            except Leave as leave:
                status = leave.status
        return status & 0xFF

    def complain(self, error: ShellError, builtin: str = "") -> int:
        """Print an error and return its code."""
        message, error.code = phrase(self.dialect.name, error.message, error.code)
        if self.interactive:
            text = f"{self.state.name}: {f'{builtin}: ' if builtin else ''}{message}\n"
        else:
            text = self.dialect.complaint(self.state.name, self.state.line + self.state.first_line, message, builtin)
        self.write(text, 2)
        self.state.status = error.code
        return error.code

    def write(self, text: str, descriptor: int = 1) -> None:
        """Write to a descriptor of the present command; nothing happens if it is closed."""
        stream = self.state.streams.get(descriptor)
        if stream is not None:
            stream.write(text.encode(errors="surrogateescape"))

    def run_text(self, text: str, *, line: int = 0, last: bool = False) -> Step:
        """Run a text command by command, as ``eval``, ``.``, ``-c`` and traps do.

        Args:
            text: the text.
            line: the number of the line before it.
            last: whether the shell ends with the text: its last command then takes the shell's place.
        """
        parser = Parser(text, bash=self.dialect.bash)
        while True:
            try:
                command = parser.next_command()
            except ParseError as error:
                self.state.line = line + error.line
                raise ShellError(self._syntax_error(error, text)) from error
            if command is None:
                return self.state.status
            self.final = final(command) if last and parser.at_end else None
            yield self.execute(command)

    def _syntax_error(self, error: ParseError, text: str) -> str:
        """Return what is said of a text that is no command; bash quotes the token and the line."""
        token = re.fullmatch(r'unexpected "(.*?)".*', error.message)
        if self.dialect.name != "bash" or token is None:
            return f"syntax error: {error.message}"
        line = text.split("\n")[error.line]
        quoted = self.dialect.complaint(self.state.name, self.state.line + self.state.first_line, f"`{line}'").rstrip(
            "\n"
        )
        return f"syntax error near unexpected token `{token.group(1)}'\n{quoted}"

    def execute(self, command: Command) -> Step:
        """Run a command and return its status, which is then ``$?`` too."""
        runner = RUNNERS[type(command)]
        if not command.redirections or isinstance(command, Simple):
            return (yield runner(self, command))
        saved = dict(self.state.streams)
        try:
            self.state.streams = yield redirect(self, command.redirections)
            return (yield runner(self, command))
        except ShellError as error:
            if error.fatal:
                raise
            return self.complain(error)
        finally:
            self.state.streams = saved

    def parameter(self, name: str) -> str | None:
        """Return the value of any parameter but ``@`` and ``*``."""
        state = self.state
        if name.isdigit():
            number = int(name)
            return state.name if number == 0 else state.args[number - 1] if number <= len(state.args) else None
        special: Mapping[str, Callable[[], str]] = {
            "?": lambda: str(state.status),
            "$": lambda: str(self.main_pid),
            "!": lambda: str(state.last_background) if state.last_background else "",
            "#": lambda: str(len(state.args)),
            "-": lambda: "".join(sorted(o for o in state.options if len(o) == 1)),
            "RANDOM": lambda: str(self.process.simulation.random.randrange(32768)),
            "LINENO": lambda: str(state.line + state.first_line),
            "PPID": lambda: str(self.process.parent.pid if self.process.parent is not None else 0),
        }
        return special[name]() if name in special else state.get(name)

    def substitute(self, body: Sequence) -> Step:
        """Run ``$(…)`` and return its output without the newlines at the end."""
        pipe = Pipe(self.process.simulation, counted=True)
        child = self.fork(body, {**self.state.streams, 1: pipe})
        output = yield pipe.read_all()
        yield self.finish(child)
        self.substituted = self.state.status = child.exit_code or 0
        return output.replace(b"\0", b"").decode(errors="surrogateescape").rstrip("\n")

    def fork(self, body: Command, streams: dict[int, Pipe]) -> Process:
        """Start a process that runs a command in a copy of this shell."""
        child = self.child(self.process.argv, streams, self.state.environment())
        state = self.state.fork()
        state.streams, state.loops = streams, 0
        shell = Shell(child, state, self.dialect, main_pid=self.main_pid)
        shell.final = final(body)
        return child.start(lambda _: shell.main(lambda: shell.execute(body)))

    def child(self, argv: list[str], streams: Mapping[int, Pipe], env: Mapping[str, str]) -> Process:
        """Return a process of this shell's container that has not started."""
        return Process(
            self.process.container,
            argv,
            stdin=streams.get(0),
            stdout=streams.get(1),
            stderr=streams.get(2),
            env=env,
            cwd=self.process.cwd,
            tty=self.process.tty,
            parent=self.process,
        )

    def finish(self, *children: Process) -> Step:
        """Wait for processes in the foreground, and say so if a signal ended the last."""
        terminal = self.process.terminal
        if self.interactive and terminal is not None:
            terminal.foreground = children
        try:
            for child in children:
                if child.exit_code is None:
                    yield child.done
        finally:
            if self.interactive and terminal is not None:
                terminal.foreground = (self.process,)
        signals.report(self, children[-1])
        if self.interactive and children[-1].signal == SIGINT:
            raise Cancelled(128 + SIGINT)

    def signalled(self) -> simpy.Event:
        """Return an event that comes with the next trapped signal; what ``wait`` waits for besides."""
        if self._signalled is None or self._signalled.triggered:
            self._signalled = self.process.simulation.event()
        return self._signalled

    def _absorb(self, interrupt: simpy.Interrupt) -> BaseException | None:
        number = interrupt.cause.number if isinstance(interrupt.cause, Signal) else 0
        if number in self.state.traps:
            if self.state.traps[number]:
                self.pending.append(number)
                if self._signalled is not None and not self._signalled.triggered:
                    self._signalled.succeed()
            return None
        if self.interactive and number:
            return Cancelled(128 + number) if number == SIGINT else None
        return interrupt

    def run_traps(self) -> Step:
        """Run the actions of the signals that have come."""
        while self.pending:
            action = self.state.traps.get(self.pending.pop(0), "")
            status = self.state.status
            yield self.run_text(action)
            self.state.status = status

    def check(self, status: int) -> int:
        """Leave the shell if ``set -e`` says so."""
        if status and "e" in self.state.options and not self.state.unchecked:
            raise ExitShell(status)
        return status

    def _unchecked(self, command: Command) -> Step:
        """Run a command whose failure is looked at, so that ``set -e`` does not apply."""
        self.state.unchecked += 1
        try:
            return (yield self.execute(command))
        finally:
            self.state.unchecked -= 1

    def simple(self, command: Simple) -> Step:
        """Run assignments and words."""
        state = self.state
        state.line = command.line
        yield self.process.simulation.sleep(COMMAND_COST_S)
        if self.pending:
            yield self.run_traps()
        self.substituted = None
        argv: list[str] = yield expansion.fields(self, command.words)
        saved = state.streams
        try:
            state.streams = yield redirect(self, command.redirections)
        except ShellError as error:
            state.streams = saved
            if error.fatal or (argv and argv[0] in SPECIAL and not self.interactive):
                raise
            return self.check(self.complain(error))
        self.replaceable = self.final is command
        try:
            status = yield self._dispatch(command, argv)
            yield self._drain()
        finally:
            if not (argv == ["exec"] and "exec" not in state.functions):
                state.streams = saved
        state.status = status
        if self.pending:
            yield self.run_traps()
        return self.check(state.status)

    def _drain(self) -> Step:
        for number in (1, 2):
            if number in self.state.streams:
                yield self.state.streams[number].drain()

    def _dispatch(self, command: Simple, argv: list[str]) -> Step:
        state = self.state
        values = []
        for name, word in command.assignments:
            values.append((name, (yield expansion.text(self, word, assignment=True))))
            if not argv:
                state.set(*values[-1])
        if not argv:
            for one in command.arrays:
                yield arrays.assign(self, one)
        self._trace(values, argv)
        if not argv:
            return self.substituted or 0
        name = argv[0]
        if name in state.aliases and command.words[0].plain == name:
            text = " ".join([state.aliases[name], *map(quote, argv[1:])])
            return (yield self.run_text(text))
        if name in state.functions and name not in SPECIAL:
            return (yield self._with_values(values, lambda: self.call(state.functions[name], argv)))
        builtin = BUILTINS.get(name)
        if name == "[[" and (self.dialect.name != "dash"):
            return (yield double_brackets(self, command.words[1:]))
        if builtin is None or name in self.dialect_lacks():
            return (yield self.external(argv, dict(values)))
        if name in SPECIAL or command.arrays:
            for pair in values:
                state.set(*pair)
            status = yield self.builtin(argv)
            for one in command.arrays:
                yield arrays.assign(self, one)
            return status
        return (yield self._with_values(values, lambda: self.builtin(argv)))

    def dialect_lacks(self) -> frozenset[str]:
        """Return the builtins that this shell does not have."""
        if self.dialect.name == "dash":
            return frozenset({"let", "source", "declare", "typeset", "mapfile", "readarray", "[["})
        return frozenset() if self.dialect.bash else frozenset({"mapfile", "readarray"})

    def builtin(self, argv: list[str]) -> Step:
        """Run a builtin."""
        try:
            return (yield BUILTINS[argv[0]](self, argv))
        except ShellError as error:
            status = self.complain(error, argv[0])
            if argv[0] in SPECIAL and error.fatal and not self.interactive:
                raise ExitShell(status) from error
            return status
        except FileError as error:
            return self.complain(ShellError(f"write error: {error.reason}", 1))

    def _trace(self, values: list[tuple[str, str]], argv: list[str]) -> None:
        if "x" in self.state.options and (values or argv):
            shown = str if self.dialect.name == "dash" else quote
            words = [f"{name}={shown(value)}" for name, value in values] + [shown(word) for word in argv]
            self.write(f"{self.state.get('PS4') or '+ '}{' '.join(words)}\n", 2)

    def _with_values(self, values: list[tuple[str, str]], body: Callable[[], Step]) -> Step:
        """Run a builtin or function with assignments that last as long as it does."""
        old = {name: self.state.variables.get(name) for name, _ in values}
        for name, value in values:
            readonly = old[name] is not None and old[name].readonly  # type: ignore[union-attr]  # looked at before
            if readonly:
                raise ShellError(f"{name}: is read only")
            self.state.variables[name] = Variable(value, exported=True)
        try:
            return (yield body())
        finally:
            for name, variable in old.items():
                if variable is None:
                    self.state.variables.pop(name, None)
                else:
                    self.state.variables[name] = variable

    def call(self, function: Function, argv: list[str]) -> Step:
        """Call a function."""
        state = self.state
        if len(state.locals) >= FUNCTION_LIMIT:
            raise ShellError(f"{argv[0]}: functions call each other more than {FUNCTION_LIMIT} deep")
        args, state.args = state.args, argv[1:]
        loops, state.loops = state.loops, 0
        state.locals.append({})
        try:
            return (yield self.execute(function.body))
        except ReturnFrom as leave:
            state.status = leave.status
            return leave.status
        finally:
            state.args, state.loops = args, loops
            state.leave_function()

    def external(self, argv: list[str], values: Mapping[str, str]) -> Step:
        """Run a program and wait for it; in a process that has nothing else to do, in its place."""
        env = {**self.state.environment(), **values}
        try:
            program = self.child(argv, {}, env).find_program(argv[0])
        except CommandError as error:
            return self.not_found(argv[0], error)
        if self.replaceable and not self.state.traps:
            raise ExitShell((yield self.replace(program, argv, env)))
        child = self.child(argv, self.state.streams, env).start(program)
        yield self.finish(child)
        return child.exit_code or 0

    def not_found(self, name: str, error: CommandError) -> int:
        """Say that a command cannot be run, as this shell does."""
        message = str(error)
        if message == "not found":
            message = "No such file or directory" if "/" in name and self.dialect.bash else self.dialect.not_found
        return self.complain(ShellError(f"{name}: {message}", error.code))

    def replace(self, program: Program, argv: list[str], env: Mapping[str, str]) -> Step:
        """Run a program in this process, which is then no shell any more."""
        process = self.process
        process.argv, process.env = list(argv), dict(env)
        yield self.process.simulation.sleep(EXEC_COST_S)
        process.redirect(self.state.streams)
        self.state.traps = {number: action for number, action in self.state.traps.items() if not action and number}
        signals.update(self)
        return (yield program(process))

    def pipeline(self, command: Pipeline) -> Step:
        """Run commands at the same time, joined by pipes."""
        if len(command.commands) == 1:
            status: int = yield self._unchecked(command.commands[0])
            self.state.status = int(not status)
            return self.state.status
        children = []
        stdin = self.state.streams.get(0)
        for index, part in enumerate(command.commands):
            streams = dict(self.state.streams)
            if stdin is not None:
                streams[0] = stdin
            if index < len(command.commands) - 1:
                streams[1] = stdin = Pipe(self.process.simulation, counted=True)
            children.append(self.fork(part, streams))
        yield self.finish(*children)
        codes = [child.exit_code or 0 for child in children]
        self.pipe_status(codes)
        status = next((code for code in reversed(codes) if code), 0) if "pipefail" in self.state.options else codes[-1]
        self.state.status = int(not status) if command.negated else status
        return self.state.status if command.negated else self.check(status)

    def pipe_status(self, codes: list[int]) -> None:
        """Keep the exit codes of a pipeline where bash has them."""
        if self.dialect.bash:
            arrays.fill(self, "PIPESTATUS", [str(code) for code in codes])

    def and_or(self, command: AndOr) -> Step:
        """Run ``&&`` and ``||``."""
        status: int = yield self._unchecked(command.left)
        if bool(status) == (command.operator == "||"):
            return (yield self.execute(command.right))
        return status

    def background(self, command: Background) -> Step:
        """Start a command and go on."""
        stdin = Pipe(self.process.simulation)
        stdin.close()
        child = self.fork(command.body, {**self.state.streams, 0: stdin})
        self.jobs[child.pid] = child
        self.state.last_background, self.state.status = child.pid, 0
        if self.interactive:
            self.write(f"[{len(self.jobs)}] {child.pid}\n", 2)
        yield self.process.simulation.sleep(COMMAND_COST_S)
        return 0

    def sequence(self, command: Sequence) -> Step:
        """Run commands one after the other."""
        self.state.status = 0 if not command.commands else self.state.status
        for part in command.commands:
            yield self.execute(part)
        return self.state.status

    def subshell(self, command: Subshell) -> Step:
        """Run ``( … )``."""
        child = self.fork(command.body, self.state.streams)
        yield self.finish(child)
        self.state.status = child.exit_code or 0
        return self.check(self.state.status)

    def conditional(self, command: If) -> Step:
        """Run ``if``."""
        if (yield self._unchecked(command.condition)) == 0:
            return (yield self.execute(command.then))
        if command.otherwise is not None:
            return (yield self.execute(command.otherwise))
        self.state.status = 0
        return 0

    def loop(self, command: Loop) -> Step:
        """Run ``while`` and ``until``."""

        def test() -> Step:
            return ((yield self._unchecked(command.condition)) != 0) == command.negated

        return (yield self._repeat(test, command.body))

    def iterate(self, command: For) -> Step:
        """Run ``for``."""
        values: list[str] = list(self.state.args)
        if command.words is not None:
            values = yield expansion.fields(self, command.words)
        remaining = iter(values)

        def test() -> Step:
            yield self.process.simulation.sleep(COMMAND_COST_S)
            value = next(remaining, None)
            if value is not None:
                self.state.set(command.name, value)
            return value is not None

        return (yield self._repeat(test, command.body))

    def count(self, command: CountedFor) -> Step:
        """Run ``for ((…))``."""
        yield expansion.compute(self, command.start)
        first = True

        def test() -> Step:
            nonlocal first
            yield self.process.simulation.sleep(COMMAND_COST_S)
            if not first:
                yield expansion.compute(self, command.step)
            first = False
            return not command.condition.parts or (yield expansion.compute(self, command.condition)) != 0

        return (yield self._repeat(test, command.body))

    def _repeat(self, test: Callable[[], Step], body: Command) -> Step:
        """Run a body as long as a test holds; ``break`` and ``continue`` come here."""
        status = 0
        self.state.loops += 1
        try:
            while True:
                try:
                    if not (yield test()):
                        break
                    status = yield self.execute(body)
                except LeaveLoop as leave:
                    status = 0
                    if leave.status > 1 and self.state.loops > 1:
                        raise LeaveLoop(leave.status - 1, again=leave.again) from leave
                    if not leave.again:
                        break
        finally:
            self.state.loops -= 1
        self.state.status = status
        return status

    def case(self, command: Case) -> Step:
        """Run ``case``."""
        self.state.line = command.line
        yield self.process.simulation.sleep(COMMAND_COST_S)
        subject = yield expansion.text(self, command.word)
        for alternatives, body in command.items:
            for alternative in alternatives:
                if patterns.matches((yield expansion.pattern(self, alternative)), subject):
                    return (yield self.execute(body))
        self.state.status = 0
        return 0

    def define(self, command: Function) -> Step:
        """Define a function."""
        yield self.process.simulation.sleep(COMMAND_COST_S)
        self.state.functions[command.name] = command
        self.state.status = 0
        return 0

    def compute(self, command: Compute) -> Step:
        """Run ``((…))``."""
        yield self.process.simulation.sleep(COMMAND_COST_S)
        self.state.status = int((yield expansion.compute(self, command.expression)) == 0)
        return self.check(self.state.status)


RUNNERS: Mapping[type[Command], Callable[[Shell, Any], Step]] = {
    Simple: Shell.simple,
    Pipeline: Shell.pipeline,
    AndOr: Shell.and_or,
    Background: Shell.background,
    Sequence: Shell.sequence,
    Subshell: Shell.subshell,
    If: Shell.conditional,
    Loop: Shell.loop,
    For: Shell.iterate,
    CountedFor: Shell.count,
    Case: Shell.case,
    Function: Shell.define,
    Compute: Shell.compute,
}
