"""A lab is YAML in cells, and a teacher's typo is told by line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from podwalk.labs import notebook
from podwalk.labs.source import LabError, assemble, parse_step, read

STEP = """\
title: One address
manifest: |
  apiVersion: v1
  kind: Service
predict:
  question: Who answers?
  choices:
  - One Pod.
  - text: All three.
    right: true
    why: At random.
wait:
- kubectl wait pod/client --for=condition=Ready
look:
- kubectl get service backend
- command: kubectl exec client -- wget -qO- http://backend
  tally: true
verify:
- claim: it answers
  command: kubectl exec client -- wget -qO- http://backend
  matches: Hello
hints:
- Look at the selector.
"""
HEAD = "%%lab first\ntitle: First\nnamespace: networking-lab\n"


def test_a_step_is_read_whole() -> None:
    step = parse_step("service", STEP)
    assert step.manifest.startswith("apiVersion: v1\nkind: Service")
    assert step.prediction is not None
    assert [choice.right for choice in step.prediction.choices] == [False, True]
    assert [look.tally for look in step.look] == [False, True]
    assert step.verify[0].matches == "Hello"
    assert step.wait == ("kubectl wait pod/client --for=condition=Ready",)
    assert step.answer == step.manifest


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("verify:", "verfy:", "did you mean verify?"),
        ("  matches: Hello", "  prints: 3", '"prints" must be text'),
        ("title: One address\n", "", 'the field "title" is missing'),
        ("    right: true\n", "", "exactly one choice"),
        ("- Look at the selector.", "- a\n- b\n- c\n- d", "at most three hints"),
        ("title: One address", "title: one: two", "line 2 of the cell"),
        ("- claim: it answers", "- clam: it answers", "did you mean claim?"),
    ],
)
def test_a_typo_is_told_with_its_place(old: str, new: str, says: str) -> None:
    assert old in STEP
    with pytest.raises(LabError) as caught:
        parse_step("service", STEP.replace(old, new))
    assert says in str(caught.value)
    assert "%%step service" in str(caught.value)


def test_a_lab_has_one_head_and_steps_of_different_names() -> None:
    lab = assemble([HEAD, f"%%step a\n{STEP}", f"%%step b\n{STEP}"], "here")
    assert [step.name for step in lab.steps] == ["a", "b"]
    with pytest.raises(LabError, match="two steps have the name a"):
        assemble([HEAD, f"%%step a\n{STEP}", f"%%step a\n{STEP}"], "here")
    with pytest.raises(LabError, match="one %%lab cell, and here are 0"):
        assemble([f"%%step a\n{STEP}"], "here")


def test_a_file_that_is_no_notebook_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lab.ipynb"
    path.write_text("not json")
    with pytest.raises(LabError, match="is not a notebook"):
        read(path)
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": ["print(1)"]}]}))
    with pytest.raises(LabError, match="here are 0"):
        read(path)


def test_a_chapter_is_a_notebook_too_and_its_steps_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "chapter.md"
    option = "---\njupyter:\n  source_hidden: true\ntags: [remove-input]\n---\n"
    cells = [f"{option}{HEAD}", f"{option}%%step service\n{STEP}"]
    kernel = "---\nkernelspec:\n  name: python3\n  display_name: Python 3\n  language: python\n---\n"
    path.write_text(kernel + "".join(f"\n```{{code-cell}} ipython3\n{cell}```\n" for cell in cells))
    assert [step.title for step in read(path).steps] == ["One address"]
    monkeypatch.setenv("JPY_SESSION_NAME", str(path))
    lab = notebook.find("first", {})
    assert lab is not None
    assert [step.name for step in lab.steps] == ["service"]


def test_a_lab_names_the_add_ons_it_needs() -> None:
    assert assemble([HEAD + "needs: [ingress]\n"], "here").needs == ("ingress",)
    with pytest.raises(LabError, match="cannot be needed"):
        assemble([HEAD + "needs: [egress]\n"], "here")
