"""``sed``: runs scripts over lines; see :mod:`podwalk.containers.tools.sed_script` for their grammar.

Source: POSIX.1-2024, sed; BusyBox editors/sed.c.
"""

from __future__ import annotations

import re

from podwalk.containers.files import FileError
from podwalk.containers.process import Pipe, Process
from podwalk.containers.streams import open_to_write
from podwalk.containers.tools.command import Input, Options, UsageError, decode, encode, tool
from podwalk.containers.tools.sed_script import Address, Script, Step
from podwalk.simulation import Task


@tool(
    "sed",
    "nrEe:f:si",
    ["in-place", "quiet", "silent", "expression=", "regexp-extended"],
    usage="[-i] [-nrE] {SCRIPT | -e SCRIPT | -f FILE}... [FILE]...",
)
def sed(process: Process, options: Options, words: list[str]) -> Task:
    """Edit lines by a script."""
    scripts = [value for flag, value in options.pairs if flag in ("e", "expression")]
    files = process.container.files
    scripts += [decode(files.read(process.path(name))).rstrip("\n") for name in options.all("f")]
    if not scripts:
        if not words:
            raise UsageError
        scripts, words = words[:1], words[1:]
    quiet = options.has("n", "quiet", "silent")
    text = "\n".join(scripts)
    extended = options.has("r", "E", "regexp-extended")
    Script(text, extended=extended)
    if not options.has("i", "in-place"):
        editor = Editor(process, Script(text, extended=extended), quiet)
        return (yield from editor.run(words, process.stdout))
    status = 0
    for name in words:
        out = bytearray()
        pipe = Pipe(process.simulation)
        pipe.on_write = out.extend
        status |= yield from Editor(process, Script(text, extended=extended), quiet).run([name], pipe)
        if process.container.files.exists(process.path(name)):
            process.container.files.write(process.path(name), bytes(out))
    return status


class Editor:
    """The pattern space, the hold space, and the lines to come."""

    def __init__(self, process: Process, script: Script, quiet: bool) -> None:
        """Prepare to run a script; ``quiet`` prints only what it says."""
        self.process, self.steps, self.quiet = process, script.steps, quiet
        self.space, self.hold, self.number = "", "", 0
        self.appended: list[str] = []
        self.substituted = False
        self.ahead: bytes | None = None
        self.files: dict[str, Pipe] = {
            step.file: open_to_write(process, step.file) for step in script.steps if step.file and step.name in "ws"
        }

    def run(self, names: list[str], output: Pipe) -> Task:
        """Edit files, or standard input; returns the exit code."""
        self.source, self.output = Input(self.process, names), output
        self.ahead = yield from self.source.line()
        while self.ahead is not None:
            yield from self._take()
            ended = yield from self._cycle()
            if ended is not None:
                return ended
        return int(self.source.failed)

    def _take(self) -> Task:
        """Move the next line into the pattern space."""
        line = self.ahead or b""
        self.ending = "\n" if line.endswith(b"\n") else ""
        self.space = decode(line.removesuffix(b"\n"))
        self.number += 1
        self.ahead = yield from self.source.line()

    def _write(self, text: str, ending: str | None = None) -> None:
        self.output.write(encode(text + (self.ending if ending is None else ending)))

    def _finish(self, *, silent: bool = False) -> Task:
        if not self.quiet and not silent:
            self._write(self.space)
        for text in self.appended:
            self._write(text, "")
        self.appended.clear()
        yield self.process.sleep(0.0001)
        yield from self.output.drain()

    def _cycle(self) -> Task:
        """Run the script over the pattern space; returns an exit code to stop with, or None."""
        place, self.substituted = 0, False
        while place < len(self.steps):
            step = self.steps[place]
            place += 1
            if self._selected(step) == step.negated:
                place = step.target if step.name == "{" else place
                continue
            if step.name == "d" or (step.name == "D" and "\n" not in self.space):
                yield from self._finish(silent=True)
                return None
            if step.name == "D":
                yield from self._finish(silent=True)
                self.space, place = self.space.partition("\n")[2], 0
            elif step.name in "qQ":
                yield from self._finish(silent=step.name == "Q")
                return step.occurrence
            elif step.name == "c":
                if not step.last or not step.active or step.negated:
                    self._write(step.text, "\n")
                yield from self._finish(silent=True)
                return None
            elif step.name in "nN":
                ended = yield from self._next(step.name)
                if ended:
                    return 0
            elif (
                step.name == "b"
                or (step.name == "t" and self.substituted)
                or (step.name == "T" and not self.substituted)
            ):
                self.substituted, place = False, step.target
                yield self.process.sleep(0.0001)
            else:
                self._simple(step)
        yield from self._finish()
        return None

    def _next(self, name: str) -> Task:
        """``n`` and ``N``; returns whether there was no further line."""
        if self.ahead is None:
            yield from self._finish(silent=False)
            return True
        if name == "n":
            yield from self._finish()
            yield from self._take()
        else:
            space = self.space
            yield from self._take()
            self.space = f"{space}\n{self.space}"
        return False

    def _simple(self, step: Step) -> None:
        if step.name == "s":
            self._substitute(step)
        elif step.name == "y":
            source, _, target = step.text.partition("\0")
            self.space = self.space.translate(str.maketrans(source, target))
        elif step.name == "p":
            self._write(self.space, "\n")
        elif step.name == "P":
            self._write(self.space.partition("\n")[0], "\n")
        elif step.name == "=":
            self._write(str(self.number), "\n")
        elif step.name == "i":
            self._write(step.text, "\n")
        elif step.name == "a":
            self.appended.append(step.text + "\n")
        elif step.name == "r":
            try:
                self.appended.append(decode(self.process.container.files.read(self.process.path(step.file))))
            except FileError:
                return
        elif step.name == "w":
            self.files[step.file].write(encode(self.space + "\n"))
        elif step.name == "l":
            self._write(self.space.encode("unicode_escape").decode() + "$", "\n")
        elif step.name in "hHgGx":
            self._exchange(step.name)

    def _exchange(self, name: str) -> None:
        if name == "x":
            self.space, self.hold = self.hold, self.space
        elif name in "hH":
            self.hold = self.space if name == "h" else f"{self.hold}\n{self.space}"
        else:
            self.space = self.hold if name == "g" else f"{self.space}\n{self.hold}"

    def _substitute(self, step: Step) -> None:
        seen = 0

        def replace(match: re.Match[str]) -> str:
            nonlocal seen
            seen += 1
            wanted = seen >= step.occurrence if step.everywhere else seen == step.occurrence
            return _replacement(step.text, match) if wanted else match.group()

        assert step.pattern is not None
        changed = step.pattern.sub(replace, self.space)
        if seen >= step.occurrence:
            self.space, self.substituted = changed, True
            if step.prints:
                self._write(self.space, "\n")
            if step.file:
                self.files[step.file].write(encode(self.space + "\n"))

    def _matches(self, address: Address) -> bool:
        if address.pattern is not None:
            return address.pattern.search(self.space) is not None
        return self.ahead is None if address.line == -1 else address.line == self.number

    def _selected(self, step: Step) -> bool:
        if step.first is None:
            return True
        if step.last is None:
            return self._matches(step.first)
        if not step.active:
            if not self._matches(step.first):
                return False
            if step.last.relative:
                step.until = self.number + (step.last.line or 0)
            step.active = not (
                (step.last.relative and not step.last.line)
                or (
                    step.last.line is not None
                    and step.last.line != -1
                    and not step.last.relative
                    and step.last.line <= self.number
                )
                or (step.last.line == -1 and self.ahead is None)
            )
            return True
        if step.last.relative:
            step.active = self.number < step.until
        elif step.last.line is not None and step.last.line != -1:
            step.active = self.number < step.last.line
            return self.number <= step.last.line
        else:
            step.active = not self._matches(step.last)
        return True


def _replacement(form: str, match: re.Match[str]) -> str:
    r"""Return what replaces a match: ``&`` and ``\1`` … are parts of it."""

    def part(found: re.Match[str]) -> str:
        token = found.group()
        if token == "&":
            return match.group()
        if token[1].isdigit():
            return (match.group(int(token[1])) or "") if int(token[1]) <= (match.re.groups or 0) else ""
        return {"n": "\n", "t": "\t"}.get(token[1], token[1])

    return re.sub(r"\\.|&", part, form, flags=re.DOTALL)
