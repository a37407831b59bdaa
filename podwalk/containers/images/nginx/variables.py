"""nginx's variables, and their place in a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def substitute(text: str, value: Callable[[str], str]) -> str:
    """Replace every ``$name`` and ``${name}``."""
    return _VARIABLE.sub(lambda match: value(match[1] or match[2]), text) if "$" in text else text


def argument(query: str, name: str) -> str:
    """Return ``$arg_name``."""
    return parse_qs(query, keep_blank_values=True).get(name, [""])[0]


def find(name: str, known: Mapping[str, str], header: Callable[[str], str], query: str) -> str:
    """Return a variable: a known one, a header (``http_…``), an argument (``arg_…``) or a cookie (``cookie_…``)."""
    if name in known:
        return known[name]
    if name.startswith("http_"):
        return header(name[5:].replace("_", "-"))
    if name.startswith("arg_"):
        return argument(query, name[4:])
    if name.startswith("cookie_"):
        cookies = (part.strip().partition("=") for part in header("cookie").split(";"))
        return next((value for key, _, value in cookies if key == name[7:]), "")
    return ""
