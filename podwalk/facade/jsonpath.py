r"""kubectl's JSONPath: a path, and a template with quoted text and ``range`` … ``end``.

python-jsonpath finds the values. kubectl writes a dot inside a name as ``\.`` and lets a name hold any character, which
is put into the standard's quoted form before.

Source: kubernetes.io/docs/reference/kubectl/jsonpath/, RFC 9535.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from podwalk.facade.errors import LearnerError

if TYPE_CHECKING:
    import jsonpath

PART = re.compile(r"""\{((?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^{}"'])*)\}""")
NAME = re.compile(r"(\.\.?)((?:\\.|[^.\\])+)")
HINT = 'fields, [0], [*] and filters, e.g. {.status.conditions[?(@.type=="Ready")].status}'


def select(obj: Any, path: str) -> list[Any]:
    r"""Return the values at a path; none where a field is not there.

    Args:
        obj: where to look.
        path: without braces, e.g. ``.items[*].metadata.labels.app\.kubernetes\.io/name``.

    Raises:
        LearnerError: when the path is not understood.
    """
    return list(_compiled(path).findall(obj))


def render(template: str, obj: Any) -> str:
    r"""Fill a template in, e.g. ``{range .items[*]}{.metadata.name}{"\n"}{end}``.

    Raises:
        LearnerError: when a path is not understood, or ``range`` and ``end`` are no pair.
    """
    parts = PART.split(template)
    words = [part.strip() if number % 2 else json.dumps(part) for number, part in enumerate(parts)]
    if sum(word.startswith("range ") for word in words) != words.count("end"):
        raise LearnerError(f"{template} has not one {{end}} for each {{range …}}")
    return "".join(_part(part, obj) for part in _block(iter(words)))


def _block(words: Iterator[str]) -> list[Any]:
    """Take the words up to ``end``, or all: texts and paths, and a path with its block for each ``range``."""
    block: list[Any] = []
    for word in words:
        if word == "end":
            break
        block.append((word.removeprefix("range "), _block(words)) if word.startswith("range ") else word)
    return block


def _part(word: Any, obj: Any) -> str:
    if isinstance(word, tuple):
        path, inner = word
        return "".join(_part(one, item) for item in select(obj, path) for one in inner)
    if word.startswith(('"', "'")):
        return str(ast.literal_eval(word))
    return " ".join(
        item if isinstance(item, str) else json.dumps(item, separators=(",", ":"), sort_keys=True)
        for item in select(obj, word)
    )


@lru_cache(maxsize=256)
def _compiled(path: str) -> jsonpath.CompoundJSONPath | jsonpath.JSONPath:
    # Few commands have a path, and each would start later for the library.
    import jsonpath

    outside = re.split(r"(\[[^\]]*\])", re.sub(r"^[$@]", "", path.strip()))
    if outside[0][:1] not in {"", "."} or any(set(" []") & set(part) for part in outside[::2]):
        raise LearnerError(f"the path {{{path}}} is not understood", hint=HINT)
    words = [part if number % 2 else NAME.sub(_quoted, part) for number, part in enumerate(outside)]
    try:
        return jsonpath.compile("$" + ("" if words == ["."] else "".join(words)))
    except jsonpath.JSONPathError as error:
        raise LearnerError(f"the path {{{path}}} is not understood: {error}", hint=HINT) from error


def _quoted(found: re.Match[str]) -> str:
    name = re.sub(r"\\(.)", r"\1", found.group(2))
    return ("" if found.group(1) == "." else "..") + ("[*]" if name == "*" else f"[{json.dumps(name)}]")
