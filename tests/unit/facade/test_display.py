"""Results are kubectl's text, and HTML that escapes what a cluster said."""

from __future__ import annotations

from podwalk.facade.display import columns, table
from podwalk.facade.execution import Output
from podwalk.facade.listing import Listing
from podwalk.facade.tally import tally


def test_columns_are_three_spaces_apart() -> None:
    assert columns(("NAME", "AGE"), [("backend", "1s"), ("a", "20m")]) == "NAME      AGE\nbackend   1s\na         20m"


def test_html_is_escaped_and_states_are_coloured() -> None:
    html = table(("NAME", "STATUS"), [("<script>", "Running")])
    assert "&lt;script&gt;" in html
    assert 'class="podwalk-good">Running<' in html


def test_an_empty_listing_says_so() -> None:
    assert repr(Listing((), empty="No resources found in shop namespace.")) == "No resources found in shop namespace."


def test_a_failed_command_shows_its_exit_code() -> None:
    assert repr(Output("out\n", "err\n", 3)) == "out\nerr\ncommand terminated with exit code 3"


def test_equal_lines_are_counted_most_frequent_first() -> None:
    counted = tally(["b", "a", "", "b\n"])
    assert list(counted.counts.items()) == [("b", 2), ("a", 1)]
    assert counted.total == 3
    assert repr(counted).splitlines()[1].startswith("b        2       █")
