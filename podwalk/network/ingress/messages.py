"""A request as an Ingress controller sees it."""

from __future__ import annotations

from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class HttpRequest:
    """An HTTP request at the controller's door.

    Attributes:
        host: the ``Host`` header without a port, in lower case.
        path: the path, percent-decoded as the controller matches it.
        query: what follows the question mark.
        method: the method.
        scheme: ``http`` or ``https``.
        headers: the headers as sent.
        client_ip: whom the controller sees.
        body_size: bytes of the body.
        certificate: the client certificate that was verified: its subject; empty for none.
    """

    host: str = ""
    path: str = "/"
    query: str = ""
    method: str = "GET"
    scheme: str = "http"
    headers: Headers = ()
    client_ip: str = ""
    body_size: int = 0
    certificate: str = ""

    def header(self, name: str) -> str | None:
        """Return the first header of a name, whatever its case; None if it was not sent."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def cookie(self, name: str) -> str | None:
        """Return a cookie; None if it was not sent."""
        try:
            jar = SimpleCookie(self.header("cookie") or "")
        except CookieError:
            return None
        return jar[name].value if name in jar else None

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path
