"""A step shows that it is alive, in a terminal and in a log, and how it ended."""

import os
import sys
from pathlib import Path

import pytest

from scripts import commands, environment, progress
from scripts.commands import Step
from scripts.environment import Environment
from scripts.failure import CourseError


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setattr(commands, "ROOT", tmp_path)
    return Environment(tmp_path, tmp_path, Path(sys.executable), owned=False)


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (60, "1 min 0 s"), (80.6, "1 min 21 s")])
def test_a_time_is_written_as_people_read_it(seconds: float, text: str) -> None:
    assert progress.duration(seconds) == text


def test_without_a_terminal_a_step_is_two_plain_lines(place: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    commands.run_steps(place, [Step("Counting", ("-c", "print(6 * 7)"))])
    assert capsys.readouterr().out == "[1/1] Counting ...\n[1/1] Counting: done in 0 s\n"
    assert (place.root / ".course" / "counting.log").read_text(encoding="utf-8") == "42\n"


def test_a_step_whose_output_is_the_point_shows_it(place: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    commands.run_steps(place, [Step("Counting", ("-c", "print(6 * 7)"), shown=True)])
    assert capsys.readouterr().out.endswith("\n    42\n")


def test_the_first_failing_step_ends_the_command(place: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [Step("Failing", ("-c", "raise SystemExit('no such lab')")), Step("Never", ("-c", "print('reached')"))]
    with pytest.raises(CourseError, match=r"failing failed: its whole output is in \.course"):
        commands.run_steps(place, steps)
    shown = capsys.readouterr().out
    assert "    no such lab" in shown
    assert "Never" not in shown


def test_in_a_terminal_the_line_moves_and_ends_clean(
    place: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(os, "get_terminal_size", lambda _descriptor: os.terminal_size((40, 10)))
    monkeypatch.setattr(sys.stdout, "fileno", lambda: 1)
    line = progress.Line("Installing")
    line.tick("a-package-with-a-very-long-name-indeed-1.0")
    line.end("done")
    moving, final = capsys.readouterr().out.split("\r\x1b[K")[1:]
    assert moving.startswith("/ Installing (0 s) a-package")
    assert len(moving) == 39
    assert final == "Installing: done in 0 s\n"


@pytest.mark.skipif(sys.platform == "win32", reason="a named pipe holds the background process")
def test_a_step_that_leaves_a_background_process_behind_ends_with_its_own_process(place: Environment) -> None:
    held = place.root / "held"
    os.mkfifo(held)
    child = f"open({str(held)!r}).read()"
    program = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}]); print('up')"
    command = [sys.executable, "-W", "ignore", "-c", program]
    outcome = progress.run("Starting", command, cwd=place.root, env=place.variables(), log=place.root / "log")
    # The child has the step's output open until somebody writes here, so to return at all is what is tested.
    held.write_text("go", encoding="utf-8")
    assert (outcome.code, outcome.lines) == (0, ("up",))


@pytest.mark.parametrize(
    ("line", "package"),
    [
        ("Collecting numpy==2.4.6 (from -r requirements.lock (line 9))", "numpy==2.4.6"),
        ("  Downloading https://example.test/simple/numpy-2.4.6.whl (16 MB)", "numpy-2.4.6.whl"),
        ("Installing collected packages: a, b, c", "unpacking"),
        ("Requirement already satisfied: pip", None),
    ],
)
def test_pips_output_says_which_package_it_is_busy_with(line: str, package: str | None) -> None:
    assert environment._package(line) == package


@pytest.mark.parametrize(
    ("output", "remedy"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        ("Failed to resolve 'x' ([Errno -3] Temporary failure in name resolution)", "check the network"),
        ("something nobody has seen before", "pip could not install the packages: read .course"),
    ],
)
def test_each_failure_of_pip_has_its_remedy(place: Environment, output: str, remedy: str) -> None:
    assert remedy in str(environment.explain(output, place))
