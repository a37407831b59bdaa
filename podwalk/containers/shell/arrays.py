"""bash's arrays: by number, and by name after ``declare -A``.

An array is a variable with elements; its plain value is element 0. Left out: references, and ``declare -p``.

Source: Bash Reference Manual, 6.7 Arrays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from podwalk.containers.shell import expansion
from podwalk.containers.shell.state import ShellError, Variable
from podwalk.containers.shell.syntax import Assignment, Literal, Parameter, Word, divide
from podwalk.containers.shell.tasks import Step

if TYPE_CHECKING:
    from podwalk.containers.shell.interpreter import Shell

Items = dict[int | str, str]
ELEMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\[(.*)\]", re.DOTALL)


def assign(shell: Shell, one: Assignment) -> Step:
    """Set an element, a whole array, or add to a value or an array."""
    variable = shell.state.variables.setdefault(one.name, Variable())
    if variable.readonly:
        raise ShellError(f"{one.name}: readonly variable", 1)
    if one.items is not None:
        yield _fill(shell, variable, one)
        return
    text = yield expansion.text(shell, one.value, assignment=True)
    if one.index is None:
        key: int | str = 0
    else:
        key = yield _key(shell, variable, one.index)
        if variable.items is None:
            variable.items = {} if variable.value is None else {0: variable.value}
    if variable.items is None:
        variable.value = (variable.value or "") + text
        return
    variable.items[key] = variable.items.get(key, "") + text if one.append else text
    variable.value = variable.items.get(0)


def _fill(shell: Shell, variable: Variable, one: Assignment) -> Step:
    """Give an array the elements in parentheses, after those it has if it is added to."""
    items: Items = dict(variable.items or {}) if one.append else {}
    if one.append and variable.items is None and variable.value is not None:
        items[0] = variable.value
    for word in one.items or ():
        named = split_element(word)
        if named is not None and one.items:
            key = yield _key(shell, variable, named[0])
            items[key] = yield expansion.text(shell, named[1], assignment=True)
            continue
        for value in (yield expansion.fields(shell, [word])):
            items[1 + max((key for key in items if isinstance(key, int)), default=-1)] = value
    variable.items, variable.value = items, items.get(0)


def split_element(word: Word) -> tuple[Word, Word] | None:
    """Return index and value of ``[index]=value``, as it may stand inside the parentheses."""
    first = word.parts[0] if word.parts else None
    if not isinstance(first, Literal) or first.quoted or not first.text.startswith("["):
        return None
    return divide(Word((Literal(first.text[1:]), *word.parts[1:])), "]=")


def _key(shell: Shell, variable: Variable, index: Word) -> Step:
    """Return what an index means: a name in an array by name, else a number, from the end if it is negative."""
    text = yield expansion.text(shell, index)
    if variable.by_name:
        return text
    number = expansion.calculate(shell, text)
    if number < 0:
        number += 1 + max((key for key in variable.items or {} if isinstance(key, int)), default=-1)
    if number < 0:
        raise ShellError(f"[{text}]: bad array subscript", 1, fatal=False)
    return number


def element(shell: Shell, part: Parameter) -> Step:
    """Return one element's value; None if there is none."""
    variable = shell.state.variables.get(part.name)
    if variable is None or not isinstance(part.index, Word):
        return None
    key = yield _key(shell, variable, part.index)
    if variable.items is None:
        return variable.value if key == 0 else None
    return variable.items.get(key)


def items_of(shell: Shell, name: str) -> Items:
    """Return the elements of an array, or of a plain variable the one it has."""
    variable = shell.state.variables.get(name)
    if variable is None:
        return {}
    if variable.items is None:
        return {} if variable.value is None else {0: variable.value}
    keys = variable.items if variable.by_name else sorted(variable.items, key=lambda key: (str(type(key)), key))
    return {key: variable.items[key] for key in keys}


def declare(shell: Shell, name: str, *, by_name: bool) -> None:
    """Make a variable an array."""
    variable = shell.state.variables.setdefault(name, Variable())
    if variable.items is None:
        variable.items = {} if variable.value is None else {0: variable.value}
    variable.by_name = variable.by_name or by_name


def fill(shell: Shell, name: str, values: list[str]) -> None:
    """Give an array these elements, as ``read -a`` and ``mapfile`` do."""
    variable = shell.state.variables.setdefault(name, Variable())
    variable.items = dict(enumerate(values))
    variable.value = variable.items.get(0)


def unset(shell: Shell, word: str) -> bool:
    """Forget an element that a word such as ``a[1]`` names; whether the word is of that kind."""
    match = ELEMENT.fullmatch(word)
    variable = shell.state.variables.get(match[1]) if match else None
    if match is None:
        return False
    if variable is not None and variable.items is not None:
        key: int | str = match[2].strip("\"'") if variable.by_name else expansion.calculate(shell, match[2])
        variable.items.pop(key, None)
        variable.value = variable.items.get(0)
    return True
