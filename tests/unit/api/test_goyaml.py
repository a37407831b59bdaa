"""Scalars of YAML are what a real cluster's kubectl reads; each line was seen there."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from podwalk.api import goyaml

READ: tuple[tuple[str, Any], ...] = (
    ("y", True), ("Y", True), ("n", False), ("yes", True), ("Off", False), ("on", True), ("TRUE", True),
    ("oFF", "oFF"), ("yEs", "yEs"), ("!!str on", "on"), ('"y"', "y"),
    ("0o17", 15), ("017", 15), ("-017", -15), ("+017", 15), ("0O17", 15), ("0o19", "0o19"), ("08", 8), ("00", 0),
    ("0x1F", 31), ("0X1f", 31), ("-0x1F", -31), ("0b11", 3), ("0B1", 1), ("+0b1", 1), ("+1", 1), ("0_1", 1),
    ("1_000", 1000), ("1_", 1), ("_1", "_1"), ("_", "_"), ("0xfffffffffffffffffff", "0xfffffffffffffffffff"),
    ("12:30:45", "12:30:45"), ("1:2", "1:2"), ("190:20:30.15", "190:20:30.15"),
    ("1e3", 1000), ("1e+3", 1000), ("1e400", "1e400"), (".5", 0.5), (".5e3", 500), ("1.", 1), ("5.e3", 5000),
    ("1_000.5", 1000.5), ("123.456e5_0", 1.23456e52), ("!!float 1", 1), ("18446744073709551615", 18446744073709551615),
    ("2020-01-01", "2020-01-01"), ("2020-01-01T10:00:00Z", "2020-01-01T10:00:00Z"), ("!!binary YQ==", "a"),
    ("~", None), ("Null", None), ("NULL", None), ("", None), ("=", "="), ("<<", "<<"), ("1.2.3", "1.2.3"),
)  # fmt: skip


@pytest.mark.parametrize(("written", "read"), READ)
def test_a_scalar_is_read_as_kubectl_reads_it(written: str, read: Any) -> None:
    (value,) = yaml.load(f"key: {written}\n", Loader=goyaml.Loader).values()
    assert (type(value), value) == (type(read), read)


@pytest.mark.parametrize(("written", "said"), [(".nan", "NaN"), (".inf", "+Inf"), ("+.inf", "+Inf"), ("-.INF", "-Inf")])
def test_a_number_that_json_lacks_is_refused(written: str, said: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError) as refused:
        yaml.load(f"key: {written}\n", Loader=goyaml.Loader)
    assert refused.value.problem == f"json: unsupported value: {said}"


def test_a_merge_key_still_merges() -> None:
    assert yaml.load("a: &a {x: 1}\nb:\n  <<: *a\n  y1: 2\n", Loader=goyaml.Loader)["b"] == {"x": 1, "y1": 2}


@pytest.mark.parametrize(
    "text", ["y", "N", "on", "1e3", "0o17", "017", "1_000", "~", "", "2026-01-01", "<<", "=", "08"]
)
def test_text_that_looks_like_something_else_is_written_in_quotes(text: str) -> None:
    written = goyaml.dump({"key": text})
    assert yaml.load(written, Loader=goyaml.Loader) == yaml.safe_load(written) == {"key": text}
