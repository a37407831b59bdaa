"""A shell over a terminal, as ``kubectl exec -it`` runs one."""

from __future__ import annotations

import pytest

from podwalk.containers.process import Process
from podwalk.containers.shell import sh
from podwalk.containers.terminal import Terminal
from tests.unit.shell.conftest import Box


class Screen:
    """What a client sees and types."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.shown = bytearray()
        self.terminal = Terminal(box.simulation, self.shown.extend)
        self.process = Process(
            box.container,
            ["sh"],
            stdin=self.terminal.stdin,
            stdout=self.terminal.stdout,
            stderr=self.terminal.stdout,
            tty=True,
        )
        self.process.terminal = self.terminal
        self.process.start(sh)
        self.wait(1)

    def wait(self, seconds: float) -> None:
        self.box.simulation.advance(self.box.simulation.now + seconds)

    def type(self, text: str) -> str:
        """Type, wait a second and return what is new on the screen."""
        before = len(self.shown)
        self.terminal.receive(text.encode())
        self.wait(1)
        return self.shown[before:].decode()


@pytest.fixture
def screen(box: Box) -> Screen:
    return Screen(box)


def test_a_shell_on_a_terminal_prompts_echoes_and_answers(screen: Screen) -> None:
    assert screen.shown == b"/ # "
    assert screen.type("echo hi\r") == "echo hi\r\nhi\r\n/ # "


def test_lines_that_are_pasted_are_shown_when_the_shell_comes_to_them(screen: Screen) -> None:
    """As on a real terminal with BusyBox's ash; seen on kind on 2026-11-28."""
    shown = screen.type("echo one\recho two\recho thr")
    assert shown == "echo one\r\none\r\n/ # echo two\r\ntwo\r\n/ # echo thr"
    assert screen.type("ee\r") == "ee\r\nthree\r\n/ # "


def test_what_is_typed_while_a_program_runs_is_echoed_then_and_by_the_shell_once_more(screen: Screen) -> None:
    screen.terminal.receive(b"sleep 3\r")
    screen.wait(0.5)
    before = len(screen.shown)
    assert screen.type("echo ahead\recho par") == "echo ahead\r\necho par"
    screen.wait(3)
    assert screen.shown[before:] == b"echo ahead\r\necho par/ # echo ahead\r\nahead\r\n/ # echo par"


def test_a_program_reads_what_was_pasted_after_its_command(screen: Screen) -> None:
    assert screen.type("cat\rhello\r") == "cat\r\nhello\r\n"
    assert screen.type("again\r") == "again\r\nagain\r\n"


def test_backspace_takes_back_a_character(screen: Screen) -> None:
    assert screen.type("echo ab\x7fc\r").endswith("\r\nac\r\n/ # ")


def test_the_prompt_and_what_was_typed_are_drawn_anew_when_the_window_changes(screen: Screen) -> None:
    screen.type("ec")
    before = len(screen.shown)
    screen.terminal.resize(101, 41)
    screen.terminal.resize(100, 40)
    screen.wait(1)
    assert screen.shown[before:] == b"\r/ # ec\x1b[J"
    screen.type("ho hi; sleep 3\r")
    screen.terminal.resize(120, 40)
    screen.wait(1)
    assert screen.shown.endswith(b"hi\r\n")


def test_an_unfinished_command_prompts_for_more(screen: Screen) -> None:
    assert screen.type("if true; then\r").endswith("\r\n> ")
    assert screen.type("echo yes; fi\r").endswith("\r\nyes\r\n/ # ")


def test_ctrl_c_ends_what_runs_and_not_the_shell(screen: Screen) -> None:
    screen.type("sleep 1000\r")
    assert screen.type("\x03").endswith("/ # ")
    assert screen.type("echo $?\r").endswith("\r\n130\r\n/ # ")


def test_ctrl_c_at_the_prompt_drops_the_line(screen: Screen) -> None:
    screen.type("echo nev")
    screen.type("\x03")
    assert screen.type("echo er\r").endswith("\r\ner\r\n/ # ")


def test_ctrl_c_ends_a_loop(screen: Screen) -> None:
    screen.type("while true; do echo x; sleep 1; done\r")
    screen.wait(3)
    screen.type("\x03")
    screen.wait(3)
    before = len(screen.shown)
    screen.wait(5)
    assert len(screen.shown) == before
    assert screen.type("echo alive\r").endswith("\r\nalive\r\n/ # ")


def test_ctrl_d_leaves_the_shell(screen: Screen) -> None:
    screen.type("false\r")
    screen.type("\x04")
    assert screen.process.exit_code == 1


def test_ctrl_d_ends_the_input_of_a_program_and_not_of_the_shell(screen: Screen) -> None:
    screen.type("cat\r")
    assert "line\r\nline\r\n" in screen.type("line\r")
    screen.type("\x04")
    assert screen.type("echo back\r").endswith("\r\nback\r\n/ # ")


def test_a_syntax_error_leaves_the_shell_running(screen: Screen) -> None:
    assert 'sh: syntax error: unexpected ")"' in screen.type("echo )\r")
    assert screen.type("exit 4\r").startswith("exit 4\r\n")
    assert screen.process.exit_code == 4


def test_the_prompt_shows_the_directory(screen: Screen) -> None:
    assert screen.type("cd /etc\r").endswith("/etc # ")
    assert screen.type("cd\r").endswith("~ # ")


def test_a_client_that_goes_away_ends_the_shell(screen: Screen) -> None:
    screen.type("sleep 1000\r")
    screen.terminal.hang_up()
    screen.wait(1)
    assert screen.process.exit_code is not None
    assert len(screen.box.container.processes) == 1
