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


def test_a_long_message_is_broken_into_lines_and_a_short_one_is_not() -> None:
    assert table(("TYPE", "MESSAGE"), [("Warning", "m" * 61)]).count('class="podwalk-long"') == 1
    assert 'class="podwalk-long"' not in table(("NAME",), [("m" * 60,)])


def test_a_failed_command_shows_each_stream_on_lines_of_its_own_in_html() -> None:
    html = Output("<out>", "err\n", 3)._repr_html_()
    assert (
        '>&lt;out&gt;\n<span class="podwalk-bad">err</span>\n<em>command terminated with exit code 3</em></pre>' in html
    )
    assert Output("", "")._repr_html_() == "<p><em>(no output)</em></p>"


def test_an_empty_listing_says_so() -> None:
    assert repr(Listing((), empty="No resources found in shop namespace.")) == "No resources found in shop namespace."


def test_a_failed_command_shows_its_exit_code() -> None:
    assert repr(Output("out\n", "err\n", 3)) == "out\nerr\ncommand terminated with exit code 3"


def test_equal_lines_are_counted_most_frequent_first() -> None:
    counted = tally(["b", "a", "", "b\n"])
    assert list(counted.counts.items()) == [("b", 2), ("a", 1)]
    assert counted.total == 3
    assert repr(counted).splitlines()[1].startswith("b        2       █")
