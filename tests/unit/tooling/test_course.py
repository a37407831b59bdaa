"""course.py in a clone of its own: what a reader meets when something is wrong, and that the next run works."""

import ast
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import commands
from tests.unit.tooling.conftest import Clone, SilentIndex, kill_group

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and /dev/full are POSIX")


def only_line(finished: subprocess.CompletedProcess[str]) -> str:
    """Return the one line of standard error."""
    lines = finished.stderr.splitlines()
    assert len(lines) == 1, finished.stderr
    assert lines[0].startswith("course: ")
    return lines[0]


def run_as_python(version: tuple[int, int], root: Path) -> subprocess.CompletedProcess[str]:
    pretend = f"import runpy, sys; sys.version_info = {(*version, 0, 'final', 0)}"
    program = f"{pretend}; runpy.run_path('course.py', run_name='__main__')"
    return subprocess.run([sys.executable, "-c", program, "lab"], cwd=root, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("version", [(2, 7), (3, 6), (3, 10), (3, 14)])
def test_a_wrong_python_is_told_which_to_use(version: tuple[int, int], root: Path) -> None:
    finished = run_as_python(version, root)
    assert finished.returncode == 1
    expected = f"this is Python {version[0]}.{version[1]}, and the course needs 3.11 to 3.13"
    assert expected in finished.stderr
    assert "python3.13 course.py" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_very_old_python_can_read_the_check(root: Path) -> None:
    source = (root / "course.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 4))
    assert not re.search(r"""\bf["']|:=|->|^\s*match """, source, re.MULTILINE)


def test_course_and_pyproject_agree_on_the_pythons(root: Path) -> None:
    source = (root / "course.py").read_text(encoding="utf-8")
    bounds = dict(re.findall(r"^(OLDEST|NEWEST) = \(3, (\d+)\)$", source, re.MULTILINE))
    oldest, newest = int(bounds["OLDEST"]), int(bounds["NEWEST"])
    declared = f'requires-python = ">=3.{oldest},<3.{newest + 1}"'
    assert declared in (root / "pyproject.toml").read_text(encoding="utf-8")


def test_an_installation_is_made_once_and_then_left_alone(clone: Clone, closed_port: int) -> None:
    first = clone.run("install")
    assert first.returncode == 0, first.stdout + first.stderr
    assert clone.has_tiny()
    assert re.search(r"^Installing packages: done in \d+ s$", first.stdout, re.MULTILINE)
    log = clone.folder / ".course" / "install.log"
    log.unlink()
    second = clone.run("install", PIP_INDEX_URL=f"http://127.0.0.1:{closed_port}/simple")
    assert (second.returncode, second.stdout, second.stderr) == (0, "The environment is complete.\n", "")
    assert not log.exists()


def test_a_changed_lock_is_installed(clone: Clone) -> None:
    assert clone.run("install").returncode == 0
    lock = clone.folder / "requirements.lock"
    lock.write_text("# changed\n" + lock.read_text(encoding="utf-8"), encoding="utf-8")
    assert "Installing packages: done" in clone.run("install").stdout


def test_no_network_is_one_line_and_the_next_run_works(clone: Clone, closed_port: int) -> None:
    address = f"http://127.0.0.1:{closed_port}/simple"
    finished = clone.run("install", PIP_INDEX_URL=address, PIP_CONFIG_FILE=os.devnull)
    assert finished.returncode == 1
    assert "check the network" in only_line(finished)
    assert clone.run("install").returncode == 0
    assert clone.has_tiny()


def test_a_package_without_a_file_for_this_system_is_named(clone: Clone, tmp_path: Path) -> None:
    finished = clone.run("install", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path), PIP_CONFIG_FILE=os.devnull)
    assert finished.returncode == 1
    assert "there is no ready-made tiny==1.0 for this Python and system" in only_line(finished)


def test_a_package_that_is_not_the_locked_one_is_refused(clone: Clone) -> None:
    lock = clone.folder / "requirements.lock"
    lock.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    finished = clone.run("install")
    assert finished.returncode == 1
    assert "is not the one in requirements.lock" in only_line(finished)
    assert not clone.has_tiny()


@posix
def test_a_full_disk_is_one_line_and_the_next_run_works(clone: Clone) -> None:
    log = clone.folder / ".course" / "install.log"
    log.parent.mkdir()
    log.symlink_to("/dev/full")
    finished = clone.run("install")
    assert finished.returncode == 1
    assert "the disk is full" in only_line(finished)
    log.unlink()
    assert clone.run("install").returncode == 0
    assert clone.has_tiny()


@posix
def test_ctrl_c_exits_130_and_the_next_run_works(clone: Clone, silent_index: SilentIndex) -> None:
    process = clone.start("install", **silent_index.pip)
    with silent_index.wait_for_a_question():
        os.killpg(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert error == "course: stopped; run the same command again and it goes on\n"
    assert not clone.has_tiny()
    assert clone.run("install").returncode == 0
    assert clone.has_tiny()


@posix
def test_a_signal_to_the_course_alone_stops_its_step_too(clone: Clone, silent_index: SilentIndex) -> None:
    process = clone.start("install", **silent_index.pip)
    with silent_index.wait_for_a_question() as connection:
        process.terminate()
        process.communicate(timeout=60)
        connection.settimeout(30)
        # The request's own bytes come first; the end of the stream says that pip is gone.
        while connection.recv(65536):
            pass
    assert process.returncode == 130


@posix
def test_a_second_run_is_turned_away_and_a_killed_one_leaves_no_lock(clone: Clone, silent_index: SilentIndex) -> None:
    process = clone.start("install", **silent_index.pip)
    with silent_index.wait_for_a_question():
        second = clone.run("install")
        kill_group(process)
    assert second.returncode == 1
    assert f"another run is under way here (process {process.pid})" in only_line(second)
    assert clone.run("install").returncode == 0
    assert clone.has_tiny()


def test_a_half_made_environment_is_made_anew(clone: Clone) -> None:
    assert clone.run("install").returncode == 0
    (clone.folder / ".venv" / "podwalk-installing").touch()
    (clone.folder / ".venv" / "podwalk-installed").unlink()
    module = next((clone.folder / ".venv").rglob("tiny.py"))
    module.write_text("", encoding="utf-8")
    assert clone.run("install").returncode == 0
    assert clone.has_tiny()


def test_a_port_in_use_is_one_line(clone: Clone) -> None:
    assert clone.run("install").returncode == 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        finished = clone.run("lab", "--port", str(port))
    assert finished.returncode == 1
    assert f"port {port} cannot be used" in only_line(finished)
    assert f"--port {port + 1}" in finished.stderr


ATTACHED = """
import signal, sys
try:
    print("ready", flush=True)
    signal.pause()
except KeyboardInterrupt:
    sys.exit(7)
"""


@posix
def test_ctrl_c_in_a_program_of_the_readers_own_is_that_programs_business(clone: Clone) -> None:
    attach = "import sys; from scripts import commands, environment; "
    attach += f"sys.exit(commands.attach(environment.locate(commands.ROOT), '-c', {ATTACHED!r}))"
    python = clone.folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    command = [sys.executable, "-c", attach]
    with subprocess.Popen(command, cwd=clone.folder, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.killpg(process.pid, signal.SIGINT)
    assert process.returncode == 7


def test_an_unknown_command_is_one_line(clone: Clone) -> None:
    finished = clone.run("deploy")
    assert finished.returncode == 1
    assert "there is no command 'deploy'" in only_line(finished)
    assert not (clone.folder / ".venv").exists()


def test_help_names_every_target_of_the_makefile(clone: Clone, root: Path) -> None:
    finished = clone.run("help")
    assert finished.returncode == 0
    targets = re.search(r"^\.PHONY: (.+)$", (root / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert targets is not None
    assert re.findall(r"^  ([\w-]+)", finished.stdout, re.MULTILINE) == targets[1].split()


def test_a_book_whose_build_was_stopped_is_indexed_whole_by_the_next(tmp_path: Path) -> None:
    read = tmp_path / ".doctrees" / "environment.pickle"
    index = tmp_path / "html" / "searchindex.js"
    for path in (read, index):
        path.parent.mkdir()
        path.touch()
    commands.forget_interrupted(tmp_path)
    assert read.exists(), "a build that came to its end is gone on with"
    index.unlink()
    commands.forget_interrupted(tmp_path)
    assert not read.exists()
