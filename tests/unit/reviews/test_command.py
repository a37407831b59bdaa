"""The command ``podwalk review``: its text, its JSON, and the exit code that a script reads."""

from __future__ import annotations

import json

from click.testing import CliRunner, Result

from podwalk.cli import podwalk
from podwalk.errors import PodwalkError


def run(*words: str) -> Result:
    return CliRunner().invoke(podwalk, ["review", "--backend", "in-process", *words])


def test_a_namespace_with_findings_ends_in_1() -> None:
    result = run("default")
    assert result.exit_code == 1
    assert "✗ pod-security" in result.output


def test_a_rule_that_holds_ends_in_0() -> None:
    result = run("default", "--rule", "tls")
    assert result.exit_code == 0
    assert result.output == "1 of 1 rules hold in namespace default\n"


def test_json_holds_the_findings() -> None:
    findings = json.loads(run("default", "-o", "json").output)["findings"]
    assert findings[0]["object"] == "namespace/default"


def test_a_namespace_that_is_not_there_is_an_error_in_words() -> None:
    result = run("nowhere")
    assert isinstance(result.exception, PodwalkError)
    assert 'there is no namespace "nowhere"' in str(result.exception)
