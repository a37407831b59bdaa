"""How a teacher writes a lab: cells ``%%lab`` and ``%%step`` whose bodies are YAML.

A step, with everything it may have but its name optional except ``title``::

    %%step service
    title: One address for three Pods
    text: |
      Markdown that says what this step is about.
    manifest: |
      apiVersion: v1
      kind: Service
      …
    predict:
      question: How many Pods answer thirty requests?
      choices:
        - One.
        - text: All three.
          right: true
          why: each connection picks a Pod at random.
    run:
      - kubectl scale deployment/backend --replicas=5
      - kubectl exec backend-0 -- touch /tmp/sick
    undo:
      - kubectl exec backend-0 -- rm -f /tmp/sick
    wait:
      - kubectl wait deployment/backend --for=condition=Available
    look:
      - kubectl get service backend
      - command: kubectl exec client -- sh -c 'for i in $(seq 30); do wget -qO- http://backend; done'
        title: Thirty requests
        tally: true
    explain: |
      Markdown that explains what was seen.
    verify:
      - claim: the Service answers
        command: kubectl exec client -- wget -qO- -T 3 http://backend
        matches: Hello
        otherwise: its selector must be the Pods' label.
    hints:
      - Compare the Service's selector with the Pods' labels.
    solution: |
      a manifest that passes, when the one above does not

Unknown words are refused, with the line: a typo must not silently drop a check.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from podwalk.facade.errors import LearnerError
from podwalk.labs.lab import Check, Choice, Lab, Look, Prediction, Step
from podwalk.labs.needs import NEEDS

LAB, STEP = "%%lab", "%%step"


class LabError(LearnerError):
    """A lab that is not written as :mod:`podwalk.labs.source` says."""


WORDS: Mapping[str, Mapping[str, type]] = {
    "lab": {
        "title": str, "namespace": str, "level": str, "minutes": int, "prerequisites": list, "goals": list,
        "needs": list,
    },
    "step": {
        "title": str, "text": str, "manifest": str, "predict": dict, "run": list, "undo": list, "wait": list,
        "look": list, "explain": str, "verify": list, "hints": list, "solution": str,
    },
    "predict": {"question": str, "choices": list},
    "choices": {"text": str, "right": bool, "why": str},
    "look": {"command": str, "title": str, "tally": bool},
    "verify": {"claim": str, "command": str, "prints": str, "matches": str, "fails": bool, "otherwise": str},
}  # fmt: skip
"""The words of each part, and the type of what follows them."""

LISTS = ("prerequisites", "goals", "needs")
REQUIRED = {
    "lab": ("title", "namespace"), "step": ("title",), "predict": ("question", "choices"), "choices": ("text",),
    "look": ("command",), "verify": ("claim", "command"),
}  # fmt: skip


def parse_lab(name: str, body: str) -> Lab:
    """Read the body of a ``%%lab`` cell.

    Raises:
        LabError: with the line, when it is not written as it should be.
    """
    part = _part("lab", _load(body, f"%%lab {name}"), f"%%lab {name}")
    for need in part.get("needs", ()):
        if need not in NEEDS:
            raise LabError(f'"{need}" cannot be needed', where=f"%%lab {name}", hint=f"there are: {', '.join(NEEDS)}")
    return Lab(_name(name, "%%lab"), **(part | {key: tuple(part[key]) for key in LISTS if key in part}))


def parse_step(name: str, body: str) -> Step:
    """Read the body of a ``%%step`` cell.

    Raises:
        LabError: with the line, when it is not written as it should be.
    """
    cell = f"%%step {name}"
    part = _part("step", _load(body, cell), cell)
    predict = part.pop("predict", None)
    if len(part.get("hints", ())) > 3:
        raise LabError("a step has at most three hints", where=cell)
    verify = tuple(
        Check(**_part("verify", item, f"{cell}, verify {number}"))
        for number, item in enumerate(part.pop("verify", ()), 1)
    )
    look = tuple(
        Look(**_part("look", {"command": item} if isinstance(item, str) else item, f"{cell}, look {number}"))
        for number, item in enumerate(part.pop("look", ()), 1)
    )
    part |= {key: tuple(map(str, part.pop(key))) for key in ("run", "undo", "wait", "hints") if key in part}
    return Step(_name(name, "%%step"), **part, prediction=_prediction(predict, cell), look=look, verify=verify)


def _prediction(predict: Any, cell: str) -> Prediction | None:
    if predict is None:
        return None
    part = _part("predict", predict, f"{cell}, predict")
    choices = tuple(
        Choice(**_part("choices", {"text": item} if isinstance(item, str) else item, f"{cell}, choice {number}"))
        for number, item in enumerate(part["choices"], 1)
    )
    if sum(choice.right for choice in choices) != 1:
        raise LabError("exactly one choice of a prediction must have `right: true`", where=f"{cell}, predict")
    return Prediction(part["question"], choices)


def _name(name: str, magic: str) -> str:
    name = name.strip()
    if not name or not all(character.isalnum() or character == "-" for character in name):
        raise LabError(f'"{name}" is not a name', hint=f"{magic} NAME, of letters, digits and hyphens")
    return name


def _load(body: str, cell: str) -> Any:
    try:
        return yaml.safe_load(body)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        # The magic is the cell's first line.
        where = f"{cell}, line {mark.line + 2} of the cell" if mark else cell
        raise LabError(f"this is not YAML: {error.problem}", where=where) from error


def _part(kind: str, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise LabError(f"this should be fields like `{next(iter(WORDS[kind]))}: …`", where=where)
    for word, content in value.items():
        if word not in WORDS[kind]:
            near = difflib.get_close_matches(str(word), WORDS[kind], n=1)
            raise LabError(
                f'there is no field "{word}" here',
                where=where,
                hint=f"did you mean {near[0]}?" if near else ", ".join(WORDS[kind]),
            )
        if not isinstance(content, WORDS[kind][word]):
            hint = "put it in quotes" if WORDS[kind][word] is str else ""
            raise LabError(f'"{word}" must be {_TYPES[WORDS[kind][word]]}', where=where, hint=hint)
    for word in REQUIRED[kind]:
        if word not in value:
            raise LabError(f'the field "{word}" is missing', where=where)
    return dict(value)


_TYPES = {str: "text", int: "a number", bool: "true or false", list: "a list", dict: "fields"}


def read(path: Path) -> Lab:
    """Read the lab of a notebook file, ``.ipynb`` or the MyST text of a chapter.

    Raises:
        LabError: when there is none, or it is not written as it should be.
    """
    sources = ["".join(cell["source"]) for cell in notebook(path).get("cells", ()) if cell["cell_type"] == "code"]
    return assemble([source for source in sources if source.startswith((LAB, STEP))], str(path))


def notebook(path: Path) -> Any:
    """Read a notebook file.

    Raises:
        LabError: when it cannot be read.
    """
    try:
        if path.suffix == ".ipynb":
            return json.loads(path.read_text(encoding="utf-8"))
        import jupytext

        return jupytext.read(path)
    except (OSError, ValueError) as error:
        raise LabError(f"{path} is not a notebook that can be read: {error}") from error


def assemble(sources: Sequence[str], where: str) -> Lab:
    """Put together the lab of cells.

    Raises:
        LabError: when there is not exactly one ``%%lab``, or two steps share a name.
    """
    cells = [(source.split("\n", 1)[0].split(maxsplit=1), source.partition("\n")[2]) for source in sources]
    heads = [parse_lab(words[-1] if len(words) > 1 else "", body) for words, body in cells if words[0] == LAB]
    steps = tuple(parse_step(words[-1] if len(words) > 1 else "", body) for words, body in cells if words[0] == STEP)
    if len(heads) != 1:
        raise LabError(f"a lab has one {LAB} cell, and here are {len(heads)}", where=where)
    names = [step.name for step in steps]
    if len(set(names)) != len(names):
        raise LabError(f"two steps have the name {max(names, key=names.count)}", where=where)
    head = heads[0]
    return dataclasses.replace(head, steps=steps)
