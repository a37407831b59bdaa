"""What one lookup sends."""

from podwalk.network.dns import search

POD = "search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"


def test_a_short_name_walks_the_search_list_and_is_last_tried_as_it_is() -> None:
    assert search.names(POD, "web") == (
        "web.shop.svc.cluster.local.",
        "web.svc.cluster.local.",
        "web.cluster.local.",
        "web.",
    )


def test_a_name_with_fewer_dots_than_ndots_walks_the_list_first() -> None:
    assert search.names(POD, "www.example.com")[0] == "www.example.com.shop.svc.cluster.local."
    assert search.names(POD, "www.example.com")[-1] == "www.example.com."


def test_a_name_with_ndots_dots_is_first_tried_as_it_is() -> None:
    assert search.names(POD, "a.b.c.d.e.f")[0] == "a.b.c.d.e.f."
    assert search.names("nameserver 1.1.1.1\nsearch x", "example.com")[0] == "example.com."


def test_a_final_dot_sends_one_query() -> None:
    assert search.names(POD, "web.") == ("web.",)


def test_the_last_search_line_wins_and_comments_are_skipped() -> None:
    conf = search.parse("# comment\nsearch a b\ndomain c\noptions ndots:2 timeout:1\nnameserver 1.1.1.1 # x\n")
    assert (conf.search, conf.ndots, conf.nameservers) == (("c",), 2, ("1.1.1.1",))
    assert conf.options == ("ndots:2", "timeout:1")
