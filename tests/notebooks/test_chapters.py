"""Every chapter has the form that readers rely on: a question before each answer, and what to do with it afterwards."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PARTS = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))["parts"]
CHAPTERS = [
    chapter["file"]
    for part in PARTS
    if part["caption"] not in {"Labs", "For instructors", "Reference"}
    for chapter in part["chapters"]
]
WALKS = re.compile(r"cluster\w*\.(walk|matrix|map|probes)\(|\]\.walk\(|<svg ")
"""A packet walk, another picture of who reaches whom, or a drawing."""
NO_WAY = {"book/services/scaling", "book/dns/coredns", "book/start/how-it-runs", "book/operating/best-practice"}
"""These are about numbers, a configuration, verbs and rules: no packet is on its way."""
FOR_THE_TERMINAL = "book/start/from-outside"
RUNNING = [chapter for chapter in CHAPTERS if chapter != FOR_THE_TERMINAL]
HEADINGS = ("The problem", "What can go wrong", "Exercises", "Further reading")


def text(chapter: str) -> str:
    return (ROOT / f"{chapter}.md").read_text(encoding="utf-8")


def missing(page: str) -> list[str]:
    """Return which parts of its form a chapter lacks."""
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
    found = [wanted for wanted in HEADINGS if not any(heading.startswith(wanted) for heading in headings)]
    found += [] if ":class: predict" in page else ["a prediction"]
    found += [] if ":::{admonition} What you can now do" in page else ["What you can now do"]
    found += [] if re.search(r"^\*About [\w-]+ minutes", page, re.MULTILINE) else ["how long it takes"]
    exercises = len(re.findall(r"^\d+\. ", page.partition("## Exercises")[2], re.MULTILINE))
    folded, steps = page.count("::::{dropdown} Solution"), page.count("\n%%step ")
    found += [] if exercises == folded and folded + steps else [f"solutions: {exercises} exercises, {folded} folded"]
    return found


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_poses_a_problem_asks_warns_and_lets_the_reader_try(chapter: str) -> None:
    assert missing(text(chapter)) == []


@pytest.mark.parametrize("chapter", RUNNING)
def test_a_chapter_has_cells_that_run(chapter: str) -> None:
    assert text(chapter).count("```{code-cell} ipython3") > 2


@pytest.mark.parametrize("chapter", RUNNING)
def test_a_chapter_has_exercises_that_are_done_on_the_cluster(chapter: str) -> None:
    page = text(chapter)
    assert "\n%%step " in page.partition("\n%%lab ")[2]
    assert re.search(r"^\*About [\w-]+ minutes, and [\w-]+ for the exercises\.", page, re.MULTILINE), (
        "how long they take"
    )
    assert "\n%cleanup " in page.partition("\n%%step ")[2], "the exercises need what is deleted before them"


@pytest.mark.parametrize("chapter", [chapter for chapter in RUNNING if chapter not in NO_WAY])
def test_a_chapter_shows_the_way_of_a_packet(chapter: str) -> None:
    assert WALKS.search(text(chapter)), "neither a walk nor a picture"


def test_a_page_without_its_form_is_noticed() -> None:
    assert missing("# A page\n\n## Exercises\n\n1. Do it.\n") == [
        "The problem", "What can go wrong", "Further reading",
        "a prediction", "What you can now do", "how long it takes", "solutions: 1 exercises, 0 folded",
    ]  # fmt: skip


def test_no_two_labs_have_one_name() -> None:
    """A reset deletes what has the label of the lab's name: it must not be another lab's, or another chapter's."""
    pages = [text(chapter) for chapter in CHAPTERS]
    labs = [path.read_text(encoding="utf-8") for path in (ROOT / "notebooks" / "labs").glob("*.ipynb")]
    names = [name for page in [*pages, *labs] for name in re.findall(r'^(?: *")?%%lab ([\w-]+)', page, re.MULTILINE)]
    assert len(names) > len(labs) > 0
    assert [name for name in names if names.count(name) > 1] == []
