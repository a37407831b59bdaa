"""The shell text of probes and what is read from it; the table of many."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from podwalk.facade.probes import Caller, Probe, Probes, Reply, like, script
from podwalk.walks.walk import Target

NC = """#!/bin/sh
case "$*" in
  -h) echo "usage: nc";;
  *" 80") exit 0;;
  *" 81") echo "nc: connect to x port 81 (tcp) failed: Connection refused" >&2; exit 1;;
  *) echo 'nc: getaddrinfo for host "x" port 82: Name or service not known' >&2; exit 1;;
esac
"""


def test_a_shell_runs_the_text_and_each_target_gets_its_line(tmp_path: Path) -> None:
    nc = tmp_path / "nc"
    nc.write_text(NC)
    nc.chmod(0o755)
    targets = [(number, Target("x", port, "TCP", "")) for number, port in enumerate((80, 81, 82))]
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["sh", "-c", script.write(targets)], env=path, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    found = {number: reply for number, reply, _ in script.read(done.stdout)}
    assert found == {0: Reply.OPEN, 1: Reply.REFUSED, 2: Reply.UNRESOLVED}


def test_a_host_cannot_break_out_of_the_text() -> None:
    text = script.write([(0, Target("x; touch /tmp/y", 80, "TCP", ""))])
    assert "tcp 'x; touch /tmp/y' 80" in text


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("nc: can't connect to remote host (10.0.0.1): Connection refused", Reply.REFUSED),
        ("nc: bad address 'nobody'", Reply.UNRESOLVED),
        ("nc: timed out", Reply.SILENT),
        ("nc: connect to 10.0.0.1 port 80 (tcp) timed out: Operation now in progress", Reply.SILENT),
        ("nc: can't connect to remote host (10.0.0.1): No route to host", Reply.UNREACHABLE),
        ("", Reply.SILENT),
    ],
)
def test_the_tools_words_are_understood(said: str, reply: Reply) -> None:
    assert script.classify(said) is reply


def test_only_a_control_that_succeeds_proves_a_block() -> None:
    flow = Caller("client"), "backend:80"
    controls = {True: "blocked", False: "broken", None: "unproved"}
    for control, verdict in controls.items():
        found = Probe(*flow, Reply.SILENT, control)
        assert (found.verdict, found.blocked) == (verdict, control is True)
    assert Probe(*flow, Reply.OPEN).verdict == "open"


def test_the_table_says_it_in_words_too() -> None:
    callers = Caller("client"), like("app=web,tier=front", "other")
    found = Probes(
        (
            Probe(callers[0], "a:80", Reply.OPEN),
            Probe(callers[0], "b:80", Reply.SILENT, True),
            Probe(callers[1], "a:80", Reply.SILENT, False),
            Probe(callers[1], "b:80", Reply.SILENT),
        )
    )
    rows = [" ".join(line.split()) for line in repr(found).splitlines()]
    assert rows == [
        "FROM a:80 b:80",
        "client ✓ open ✗ blocked",
        "app=web,tier=front (other) ! broken ? no answer",
    ]
    assert found[callers[1], "a:80"].verdict == "broken"
    with pytest.raises(KeyError):
        found["nobody", "a:80"]
