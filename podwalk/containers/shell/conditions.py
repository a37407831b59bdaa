"""``test``, ``[`` and ``[[``.

Source: POSIX.1-2024, test; BusyBox coreutils/test.c for ``-a``, ``-o``, ``==`` and the words of errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from podwalk.containers.files import Device, Directory, File, FileError, Node, Symlink
from podwalk.containers.process import Process
from podwalk.containers.shell import expansion, patterns
from podwalk.containers.shell.state import ShellError
from podwalk.containers.shell.syntax import Word
from podwalk.containers.shell.tasks import Step

if TYPE_CHECKING:
    from podwalk.containers.shell.interpreter import Shell


class ConditionError(Exception):
    """The condition makes no sense; the text is the shell's."""


UNARY = frozenset(f"-{letter}" for letter in "bcdefghkLnOprSstuwxzGN")
NUMERIC: Mapping[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
}
BINARY = frozenset({"=", "==", "!=", "<", ">", "=~", "-nt", "-ot", "-ef", *NUMERIC})


class _Condition:
    """Reads a condition by recursive descent; ``double`` for ``[[``, where the right side is a pattern."""

    def __init__(self, process: Process, words: Sequence[str], patterns_: Sequence[str] | None = None) -> None:
        self.process, self.words, self.patterns = process, list(words), patterns_
        self.at = 0

    def run(self) -> bool:
        if not self.words:
            return False
        if len(self.words) == 1:
            return bool(self.words[0])
        value = self.either()
        if self.at < len(self.words):
            raise ConditionError(f"{self.words[self.at]}: unknown operand")
        return value

    def peek(self, ahead: int = 0) -> str | None:
        return self.words[self.at + ahead] if self.at + ahead < len(self.words) else None

    def take(self) -> str:
        word = self.peek()
        if word is None:
            raise ConditionError("argument expected")
        self.at += 1
        return word

    def either(self) -> bool:
        value = self.both()
        while self.peek() == ("||" if self.patterns is not None else "-o"):
            self.at += 1
            value = self.both() or value
        return value

    def both(self) -> bool:
        value = self.negation()
        while self.peek() == ("&&" if self.patterns is not None else "-a"):
            self.at += 1
            value = self.negation() and value
        return value

    def negation(self) -> bool:
        if self.peek() == "!" and self.peek(1) not in (None, *BINARY):
            self.at += 1
            return not self.negation()
        return self.primary()

    def primary(self) -> bool:
        word = self.take()
        operator = self.peek()
        if operator in BINARY and self.peek(1) is not None:
            self.at += 2
            pattern = self.patterns[self.at - 1] if self.patterns is not None else None
            return self.compare(word, operator or "", self.words[self.at - 1], pattern)
        if word == "(":
            value = self.either()
            if self.take() != ")":
                raise ConditionError("closing paren expected")
            return value
        if word in UNARY and operator is not None:
            return self.examine(word, self.take())
        return bool(word)

    def compare(self, left: str, operator: str, right: str, pattern: str | None) -> bool:
        if operator in NUMERIC:
            return NUMERIC[operator](_number(left), _number(right))
        if operator in ("=", "==", "!="):
            equal = left == right if pattern is None else patterns.matches(pattern, left)
            return equal != (operator == "!=")
        if operator == "=~":
            try:
                return re.search(right, left) is not None
            except re.error as error:
                raise ConditionError(f"{right}: {error}") from error
        if operator in ("<", ">"):
            return left < right if operator == "<" else left > right
        first, second = self.node(left), self.node(right)
        if operator == "-ef":
            return first is not None and first is second
        if operator == "-nt":
            return first is not None and (second is None or first.mtime > second.mtime)
        return second is not None and (first is None or first.mtime < second.mtime)

    def node(self, path: str, *, follow: bool = True) -> Node | None:
        try:
            return self.process.container.files.find(self.process.path(path), follow=follow).node if path else None
        except FileError:
            return None

    def examine(self, operator: str, operand: str) -> bool:
        if operator == "-n":
            return bool(operand)
        if operator == "-z":
            return not operand
        if operator == "-t":
            return self.process.tty and operand in ("0", "1", "2")
        if operator in ("-h", "-L"):
            return isinstance(self.node(operand, follow=False), Symlink)
        node = self.node(operand)
        if node is None:
            return False
        allowed = self.process.container.files.allowed
        answers: Mapping[str, Callable[[], bool]] = {
            "-e": lambda: True,
            "-f": lambda: isinstance(node, File),
            "-d": lambda: isinstance(node, Directory),
            "-c": lambda: isinstance(node, Device),
            "-s": lambda: node.size > 0,
            "-r": lambda: allowed(node, 4),
            "-w": lambda: allowed(node, 2),
            "-x": lambda: allowed(node, 1),
            "-u": lambda: bool(node.mode & 0o4000),
            "-g": lambda: bool(node.mode & 0o2000),
            "-k": lambda: bool(node.mode & 0o1000),
            "-O": lambda: node.uid == self.process.container.files.uid,
            "-G": lambda: node.gid == self.process.container.files.gid,
            "-N": lambda: True,
        }
        return answers.get(operator, lambda: False)()


def check(process: Process, words: Sequence[str]) -> bool:
    """Return whether a condition, as ``test`` takes it, holds.

    Raises:
        ConditionError: when it makes no sense.
    """
    return _Condition(process, words).run()


def double_brackets(shell: Shell, words: Sequence[Word]) -> Step:
    """Run ``[[ … ]]``: words are not split, and the right side of ``==`` is a pattern."""
    yield shell.process.simulation.sleep(0)
    if not words or words[-1].plain != "]]":
        raise ShellError("missing ]]")
    texts, forms = [], []
    for word in words[:-1]:
        texts.append((yield expansion.text(shell, word)))
        # ash forgets what was quoted: its pattern is one all the same.
        forms.append((yield expansion.pattern(shell, word)) if shell.dialect.bash else texts[-1])
    try:
        return int(not _Condition(shell.process, texts, forms).run())
    except ConditionError as error:
        shell.write(f"{shell.state.name}: {error}\n", 2)
        return 2


def _number(text: str) -> int:
    if not re.fullmatch(r"\s*[-+]?\d+\s*", text):
        raise ConditionError(f"{text}: bad number")
    return int(text)
