"""The course's commands: each a table of steps, each step one process in the course's environment."""

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts import environment, progress
from scripts.environment import Environment
from scripts.exclusive import only_run
from scripts.failure import CourseError, disk_full, is_disk_full

ROOT = Path(__file__).resolve().parent.parent
FIRST_LAB = "notebooks/labs/01-first-service.ipynb"
BOOK = ROOT / "_build" / "html" / "index.html"
ALL_TESTS = ("-m", "not slow", "--numprocesses", "2", "--dist", "loadfile", "tests", "--ignore=tests/browser")
INTERRUPTED = 130
LAST_LINES = 15
ALMOST_NOTHING_MB = 20
MADE_BY_THE_COURSE = ("_build", ".course", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".import_linter_cache")


@dataclass(frozen=True)
class Step:
    """One process of a command: name, arguments, whether its output is for the reader, and what a line of it tells."""

    label: str
    arguments: tuple[str, ...]
    shown: bool = False
    detail: Callable[[str], str | None] = str.strip


STAGE = re.compile(r"(?P<doing>[a-z]+ \w+)\.\.\. \[ *(?P<percent>\d+%)\] (?P<page>\S+)")


def stage(line: str) -> str | None:
    """Read from a line of Sphinx's what it does and to which page; what kernels and notebooks say is not that."""
    found = STAGE.search(re.sub(r"\x1b\[[\d;]*m", "", line))
    return found and "{percent} {doing} {page}".format(**found.groupdict())


UP = Step("Starting the embedded cluster", ("-m", "podwalk", "up"))
LAB = Step("Running the first lab", ("-m", "podwalk", "lab", "run", FIRST_LAB), shown=True)
SAMPLE = Step("Grading the sample class", ("-m", "grader", "sample"), shown=True)
JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"
BUILD = Step("Building the book", ("-c", JUPYTER_BOOK, "build", "-W", "--keep-going", "."), detail=stage)
LINKS = Step("Asking every link", ("-c", JUPYTER_BOOK, "build", "--builder", "linkcheck", "."), detail=stage)
COURSE = (UP, LAB, SAMPLE, BUILD)


def run_steps(place: Environment, steps: Sequence[Step]) -> None:
    """Run steps one after the other, and stop at the first that fails.

    Raises:
        CourseError: a step failed; its last lines have been printed.
    """
    for number, step in enumerate(steps, 1):
        log = ROOT / ".course" / f"{step.label.lower().replace(' ', '-')}.log"
        outcome = progress.run(
            f"[{number}/{len(steps)}] {step.label}",
            [str(place.python), *step.arguments],
            cwd=ROOT,
            env=place.variables(),
            log=log,
            detail=step.detail,
        )
        if outcome.code != 0:
            print("\n".join(f"    {line}" for line in outcome.lines[-LAST_LINES:]))
            if shutil.disk_usage(ROOT).free < ALMOST_NOTHING_MB * 1_000_000:
                raise disk_full(ROOT)
            raise CourseError(f"{step.label.lower()} failed: its whole output is in {log.relative_to(ROOT)}")
        if step.shown:
            print("\n".join(f"    {line}" for line in outcome.lines))


def attach(place: Environment, *arguments: str, **variables: str) -> int:
    """Run a command whose screen and keyboard are the reader's own, Ctrl-C included, and return its exit code."""
    before = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    process = subprocess.Popen([place.python, *arguments], cwd=ROOT, env=place.variables() | variables)
    try:
        code = process.wait()
    except KeyboardInterrupt:
        # SIGTERM, to this process alone.
        process.terminate()
        process.wait()
        raise
    finally:
        signal.signal(signal.SIGINT, before)
    return code if code >= 0 else 128 - code


def course(place: Environment, _extra: Sequence[str]) -> int:
    """install, start a cluster, run the first lab, grade a sample class, build the book"""
    forget_interrupted(BOOK.parent.parent)
    run_steps(place, COURSE)
    return _say_where_the_book_is()


def forget_interrupted(build: Path) -> None:
    """Let Sphinx read every page again where a build was stopped: it would index those alone that it had not read.

    What the pages' cells printed is kept beside it, so this takes seconds.
    """
    if not (build / "html" / "searchindex.js").exists():
        shutil.rmtree(build / ".doctrees", ignore_errors=True)


def book(place: Environment, _extra: Sequence[str]) -> int:
    """build the book with every output in it"""
    forget_interrupted(BOOK.parent.parent)
    run_steps(place, (BUILD,))
    return _say_where_the_book_is()


def links(place: Environment, _extra: Sequence[str]) -> int:
    """ask every link of the book whether it still leads somewhere (needs a network)"""
    run_steps(place, (LINKS,))
    return 0


def grade(place: Environment, _extra: Sequence[str]) -> int:
    """grade a sample class with nbgrader and print its marks"""
    run_steps(place, (SAMPLE,))
    return 0


def lab(place: Environment, extra: Sequence[str]) -> int:
    """open JupyterLab on the first lab (--port N to choose its port, --no-browser to print the address)"""
    parser = argparse.ArgumentParser(prog="course.py lab", add_help=False)
    parser.add_argument("--port", type=int)
    options, rest = parser.parse_known_args(extra)
    port: list[str] = []
    if options.port is not None:
        _check_port(options.port)
        port = [f"--port={options.port}", "--ServerApp.port_retries=0"]
    # Its folder labconfig/ says that a chapter, which is text, opens as a notebook.
    configured = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("JUPYTER_CONFIG_PATH")]))
    return attach(place, "-m", "jupyterlab", FIRST_LAB, *port, *rest, JUPYTER_CONFIG_PATH=configured)


def up(place: Environment, extra: Sequence[str]) -> int:
    """start the embedded cluster, and leave it running for kubectl (podwalk up)"""
    return attach(place, "-m", "podwalk", "up", *extra)


def test(place: Environment, extra: Sequence[str]) -> int:
    """run the tests (more arguments go to pytest)"""
    return attach(place, "-m", "pytest", "-q", *(extra or ALL_TESTS))


def slow(place: Environment, extra: Sequence[str]) -> int:
    """run the tests that take long: attacks on the grader, tables compared with a real cluster, benchmarks"""
    return attach(place, "-m", "pytest", "-q", "-m", "slow", *(extra or ["tests", "--ignore=tests/browser"]))


def browser(place: Environment, extra: Sequence[str]) -> int:
    """run a lab in a real browser (needs Chromium)"""
    if not (ROOT / "tests" / "browser").is_dir():
        print("There are no browser tests in this clone (tests/browser): nothing was run.")
        return 0
    return attach(place, "-m", "pytest", "-q", *(extra or ["-m", "not slow", "tests/browser"]))


def browser_all(place: Environment, extra: Sequence[str]) -> int:
    """go through every lab in a real browser, step by step (needs Chromium)"""
    if not (ROOT / "tests" / "browser").is_dir():
        print("There are no browser tests in this clone (tests/browser): nothing was run.")
        return 0
    return attach(place, "-m", "pytest", "-q", "-m", "slow", *(extra or ["tests/browser"]))


def check(place: Environment, extra: Sequence[str]) -> int:
    """lint, format, types, import contracts, dependencies"""
    return attach(place, "scripts/check", *extra)


def upstream(place: Environment, extra: Sequence[str]) -> int:
    """run Kubernetes' own end-to-end tests on the embedded cluster (where the rig is there)"""
    return attach(place, "-m", "tests.upstream.run", *extra)


def install(_place: Environment, _extra: Sequence[str]) -> int:
    """make or repair the environment, and nothing else"""
    print("The environment is complete.")
    return 0


def clean(place: Environment, extra: Sequence[str]) -> int:
    """stop the cluster and remove what the course made; with --all the environment too"""
    if environment.is_complete(place):
        attach(place, "-m", "podwalk", "down")
    for name in MADE_BY_THE_COURSE:
        shutil.rmtree(ROOT / name, ignore_errors=True)
    if "--all" in extra and place.owned:
        shutil.rmtree(place.prefix, ignore_errors=True)
    return 0


def show_help(_place: Environment, _extra: Sequence[str]) -> int:
    """this list"""
    print("python3 course.py COMMAND  (or: make COMMAND)\n")
    for name, command in COMMANDS.items():
        print(f"  {name:<11} {command.run.__doc__}")
    return 0


@dataclass(frozen=True)
class Command:
    """A command: what it runs, whether it needs the environment, and whether it keeps every other run out."""

    run: Callable[[Environment, Sequence[str]], int]
    installs: bool = True
    alone: bool = False


COMMANDS = {
    "course": Command(course, alone=True),
    "lab": Command(lab),
    "book": Command(book, alone=True),
    "links": Command(links, alone=True),
    "grade": Command(grade, alone=True),
    "up": Command(up),
    "test": Command(test),
    "slow": Command(slow),
    "browser": Command(browser),
    "browser-all": Command(browser_all),
    "check": Command(check),
    "upstream": Command(upstream),
    "install": Command(install),
    "clean": Command(clean, installs=False, alone=True),
    "help": Command(show_help, installs=False),
}


def main(arguments: Sequence[str]) -> int:
    """Run a command of the course and return its exit code; a failure is one line on standard error."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    name, *extra = arguments or ["help"]
    if name in {"-h", "--help"}:
        name = "help"
    try:
        if name not in COMMANDS:
            raise CourseError(f"there is no command {name!r}: python3 course.py help lists them")
        return _run(COMMANDS[name], extra)
    except CourseError as error:
        return _fail(str(error), 1)
    except KeyboardInterrupt:
        return _fail("stopped; run the same command again and it goes on", INTERRUPTED)
    except OSError as error:
        if is_disk_full(error):
            return _fail(str(disk_full(ROOT)), 1)
        raise


def _run(command: Command, extra: Sequence[str]) -> int:
    """Run a command with the locks and the environment that it asks for."""
    place = environment.locate(ROOT)
    lock = ROOT / ".course.lock"
    if command.alone:
        with only_run(lock):
            if command.installs:
                environment.ensure(place)
            return command.run(place, extra)
    if command.installs and not environment.is_complete(place):
        with only_run(lock):
            environment.ensure(place)
    return command.run(place, extra)


def _fail(sentence: str, code: int) -> int:
    """Print the one line that says what went wrong."""
    print(f"course: {sentence}", file=sys.stderr)
    return code


def _check_port(port: int) -> None:
    """Refuse a port that another program listens on."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CourseError(
                f"port {port} cannot be used ({error.strerror}): "
                f"choose another, e.g. python3 course.py lab --port {port + 1}"
            ) from error


def _say_where_the_book_is() -> int:
    """Print what to open."""
    print(f"\nThe book:  {BOOK.as_uri()}\nThe lab:   python3 course.py lab")
    return 0
