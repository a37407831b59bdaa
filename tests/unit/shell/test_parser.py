"""The shell's grammar: what is complete, what is not, and what is no command at all."""

import pytest

from podwalk.containers.shell.parser import Parser
from podwalk.containers.shell.syntax import ParseError


@pytest.mark.parametrize(
    "text",
    [
        "if true; then",
        "echo 'x",
        "while :; do echo",
        "echo $(ls",
        "f() {",
        "a |",
        "a &&",
        "case x in",
        "echo ${x",
        "echo `x",
    ],
)
def test_a_command_that_could_go_on_is_incomplete(text: str) -> None:
    with pytest.raises(ParseError) as error:
        Parser(text).whole()
    assert error.value.incomplete


@pytest.mark.parametrize("text", ["done", "echo )", "; a", "if true; done", "a; }", "for 1x in a; do b; done"])
def test_what_cannot_become_a_command_is_not_incomplete(text: str) -> None:
    with pytest.raises(ParseError) as error:
        Parser(text).whole()
    assert not error.value.incomplete


def test_an_error_names_the_line_it_is_on() -> None:
    parser = Parser("echo one\necho two\necho )\n")
    assert parser.next_command() is not None
    assert parser.next_command() is not None
    with pytest.raises(ParseError) as error:
        parser.next_command()
    assert error.value.line == 2


def test_bash_has_a_counted_loop_and_ash_has_not() -> None:
    text = "for ((i=0; i<3; i++)); do echo $i; done"
    assert Parser(text, bash=True).next_command() is not None
    with pytest.raises(ParseError, match="bad for loop variable"):
        Parser(text).next_command()
