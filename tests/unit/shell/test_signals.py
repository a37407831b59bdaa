"""Signals, traps and time, as a Pod's command line meets them."""

from collections.abc import Callable

import pytest

from podwalk.containers.process import SIGKILL, SIGTERM, Process
from podwalk.containers.shell import sh
from tests.unit.shell.conftest import Box


def shell_as_process_1(script: str) -> tuple[Box, Process]:
    box = Box()
    box.container.processes[1].kill(SIGKILL)
    box.simulation.settle()
    box.container.next_pid = 1
    process = Process(box.container, ["sh", "-c", script])
    process.start(sh)
    return box, process


def test_process_1_ignores_sigterm_without_a_trap() -> None:
    box, process = shell_as_process_1("while true; do :; done")
    box.simulation.advance(1)
    process.kill(SIGTERM)
    box.simulation.advance(2)
    assert process.exit_code is None


def test_process_1_runs_its_trap_and_exits_with_its_status() -> None:
    box, process = shell_as_process_1("trap 'exit 7' TERM; while true; do :; done")
    box.simulation.advance(1)
    process.kill(SIGTERM)
    box.simulation.advance(2)
    assert process.exit_code == 7


def test_a_loop_without_a_pause_lets_time_pass(box: Box) -> None:
    process, _, _ = box.start(["sh", "-c", "while :; do :; done"])
    box.simulation.advance(3)
    assert process.exit_code is None
    assert box.simulation.now == 3


def test_wait_ends_early_when_a_trapped_signal_comes(box: Box) -> None:
    process, out, _ = box.start(
        ["sh", "-c", "trap 'echo got it' TERM; (while :; do :; done) & wait; echo status $?; kill -9 $!"]
    )
    box.simulation.advance(1)
    process.kill(SIGTERM)
    box.simulation.advance(2)
    assert out == b"got it\nstatus 143\n"
    assert process.exit_code == 0


def test_a_writer_whose_reader_has_gone_ends_with_sigpipe(box: Box) -> None:
    outcome = box.sh("set -o pipefail; while :; do echo y; done | { read x; echo got $x; }; echo $?")
    assert outcome.stdout == "got y\n141\n"


def test_a_function_may_call_itself_deeper_than_python(box: Box) -> None:
    outcome = box.sh("f() { [ $1 -eq 0 ] && return 3; f $(($1-1)); }; f 1500; echo $?")
    assert outcome.stdout == "3\n"


def test_recursion_without_end_is_an_error(box: Box) -> None:
    outcome = box.sh("f() { f; }; f; echo not reached")
    assert outcome.exit_code == 2
    assert "deep" in outcome.stderr


@pytest.mark.parametrize(("signal", "code"), [(SIGTERM, 143), (SIGKILL, 137)])
def test_a_signal_ends_a_shell_that_is_not_process_1(box: Box, signal: int, code: int) -> None:
    process, _, _ = box.start(["sh", "-c", "while :; do :; done"])
    box.simulation.advance(1)
    process.kill(signal)
    box.simulation.advance(2)
    assert process.exit_code == code


def test_a_script_may_come_from_standard_input(box: Box) -> None:
    outcome = box.run(["sh"], stdin=b"x=1\nif [ $x = 1 ]; then\n  echo yes\nfi\necho $0\n")
    assert outcome.stdout == "yes\nsh\n"


def test_commands_before_a_syntax_error_are_run(make_box: Callable[..., Box]) -> None:
    outcome = make_box().run(["sh"], stdin=b"echo one\nfi\necho two\n")
    assert outcome.stdout == "one\n"
    assert 'unexpected "fi"' in outcome.stderr
    assert outcome.exit_code == 2


def test_a_writer_that_waits_goes_on_when_lines_are_read(box: Box) -> None:
    outcome = box.sh("seq 20000 | awk '{s+=$1} END{print s}'")
    assert outcome.stdout == "200010000\n"
