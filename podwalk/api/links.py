"""Links of a page that came through the API's proxy, changed so that they lead through the proxy too.

The standard library's parser finds the tags; everything but a changed tag stays byte for byte. Left out: compressed
pages, which pass unchanged.

Source: k8s.io/apimachinery/pkg/util/proxy/transport.go.
"""

from __future__ import annotations

import html
import posixpath
from collections.abc import Callable, Collection, Mapping
from html.parser import HTMLParser
from urllib.parse import urlsplit, urlunsplit

from podwalk.types import Response

URLS: Mapping[str, Collection[str]] = {
    "a": ("href",), "applet": ("codebase",), "area": ("href",), "audio": ("src",), "base": ("href",),
    "blockquote": ("cite",), "body": ("background",), "button": ("formaction",), "command": ("icon",),
    "del": ("cite",), "embed": ("src",), "form": ("action",), "frame": ("longdesc", "src"), "head": ("profile",),
    "html": ("manifest",), "iframe": ("longdesc", "src"), "img": ("longdesc", "src", "usemap"),
    "input": ("src", "usemap", "formaction"), "ins": ("cite",), "link": ("href",),
    "object": ("classid", "codebase", "data", "usemap"), "q": ("cite",), "script": ("src",), "source": ("src",),
    "video": ("poster", "src"),
}  # fmt: skip
"""The attributes of each element that hold a URL."""


def rewrite(response: Response, prefix: str, hosts: Collection[str]) -> Response:
    """Return an answer whose redirect, or whose page's links, lead through the proxy.

    Args:
        response: what the Pod answered.
        prefix: the path of the proxy, without a slash at its end.
        hosts: the Pod's own ``address:port``, and the host that the client named: links to others stay.
    """
    headers = {name.lower(): value for name, value in response.headers.items()}
    if "location" in headers:
        return Response(
            response.status, {**headers, "location": through(headers["location"], prefix, hosts)}, response.body
        )
    kind = headers.get("content-type", "").partition(";")[0].strip()
    if kind != "text/html" or "content-encoding" in headers or not response.body:
        return response
    page = _Page(lambda url: through(url, prefix, hosts))
    body = page.changed(response.body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
    return Response(response.status, {**headers, "content-length": str(len(body))}, body)


def through(url: str, prefix: str, hosts: Collection[str]) -> str:
    """Return a URL that leads through the proxy, if it is one of the same host by an absolute path."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    if (parts.netloc and parts.netloc not in hosts) or not parts.path.startswith("/"):
        return url
    if parts.path.startswith(prefix):
        return urlunsplit(("", "", *parts[2:]))
    path = posixpath.normpath(prefix + parts.path)
    if parts.path.endswith("/"):
        path += "/"
    return urlunsplit(("", "", path, parts.query, parts.fragment))


class _Page(HTMLParser):
    """Finds the start tags of a page, and where they are in its text."""

    def __init__(self, change: Callable[[str], str]) -> None:
        super().__init__(convert_charrefs=False)
        self._change = change
        self._lines: list[int] = []
        self._tags: list[tuple[int, int, str]] = []

    def changed(self, text: str) -> str:
        """Return the page with its URLs changed."""
        self._lines = [0]
        for line in text.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)
        self.feed(text)
        self.close()
        parts, last = [], 0
        for start, end, tag in self._tags:
            parts += [text[last:start], tag]
            last = end
        return "".join([*parts, text[last:]])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._keep(tag, attrs, ">")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._keep(tag, attrs, "/>")

    def _keep(self, tag: str, attrs: list[tuple[str, str | None]], end: str) -> None:
        if not any(name in URLS.get(tag, ()) for name, _ in attrs):
            return
        line, column = self.getpos()
        start = self._lines[line - 1] + column
        words = [tag]
        for name, value in attrs:
            text = self._change(value or "") if name in URLS[tag] else value or ""
            words.append(f'{name}="{html.escape(text)}"')
        self._tags.append((start, start + len(self.get_starttag_text() or ""), f"<{' '.join(words)}{end}"))
