"""``echo`` and ``printf``, which are builtins of the shell and programs of the images too.

Source: POSIX.1-2024, echo and printf; BusyBox coreutils/echo.c and printf.c for what they leave open.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

ECHO_ESCAPE = re.compile(r"\\(0[0-7]{0,3}|x[0-9a-fA-F]{1,2}|[abcefnrtv\\])")
FORMAT_ESCAPE = re.compile(r"\\([0-7]{1,3}|x[0-9a-fA-F]{1,2}|[abcefnrtv\\\"])")
SIMPLE = {
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
}
DIRECTIVE = re.compile(r"%([-+ #0]*)(\*|\d+)?(?:\.(\*|\d*))?([a-zA-Z%]?)")


def echo(words: Sequence[str], *, always: bool = False) -> str:
    """Return what ``echo`` prints for the words after its name; dash ``always`` reads escapes and knows only ``-n``."""
    newline, escapes, rest = True, always, list(words)
    while rest and re.fullmatch(r"-n" if always else r"-[neE]+", rest[0]):
        for letter in rest.pop(0)[1:]:
            newline = newline and letter != "n"
            escapes = letter == "e" if letter in "eE" else escapes
    text = " ".join(rest)
    if escapes:
        text, stopped = unescape(text, ECHO_ESCAPE)
        newline = newline and not stopped
    return text + ("\n" if newline else "")


def unescape(text: str, escape: re.Pattern[str] = ECHO_ESCAPE) -> tuple[str, bool]:
    r"""Replace backslash escapes; the second value says that ``\c`` cut the text off."""
    out, at = [], 0
    for match in escape.finditer(text):
        out.append(text[at : match.start()])
        at, code = match.end(), match.group(1)
        if code == "c":
            return "".join(out), True
        if code[0] == "x" and len(code) > 1:
            out.append(_byte(int(code[1:], 16)))
        elif code[0].isdigit():
            out.append(_byte(int(code, 8) & 0xFF))
        else:
            out.append(SIMPLE.get(code, match.group()))
    return "".join((*out, text[at:])), False


def printf(words: Sequence[str], *, quoting: bool = False) -> tuple[str, list[str]]:
    """Return what ``printf`` prints for a format and its arguments, and its complaints.

    The format is used again as long as there are arguments; ``quoting`` admits bash's ``%q``.
    """
    form, arguments, errors, out = words[0], list(words[1:]), list[str](), list[str]()
    while True:
        before = len(arguments)
        text, stop = _formatted(form, arguments, errors, "sbcdiouxXfeEgGq" if quoting else "sbcdiouxXfeEgG")
        out.append(text)
        if stop or not arguments or len(arguments) == before:
            return "".join(out), errors


def _formatted(form: str, arguments: list[str], errors: list[str], kinds: str) -> tuple[str, bool]:
    out, at = [], 0
    for match in DIRECTIVE.finditer(form):
        literal, stop = unescape(form[at : match.start()], FORMAT_ESCAPE)
        out.append(literal)
        at = match.end()
        if stop:
            return "".join(out), True
        flags, width, precision, kind = match.groups()
        if kind == "%":
            out.append("%")
            continue
        if kind not in tuple(kinds):
            errors.append(f"{form[match.start() :]}: invalid format")
            return "".join(out), True
        width = _integer(_next(arguments), errors) if width == "*" else int(width) if width else 0
        digits = (
            _integer(_next(arguments), errors)
            if precision == "*"
            else None
            if precision is None
            else int(precision or 0)
        )
        value, stop = _converted(kind, flags, digits, _next(arguments), errors)
        fill = "0" if "0" in flags and "-" not in flags and kind in "diouxXfeEgG" else " "
        out.append(_padded(value, width, fill, left="-" in flags))
        if stop:
            return "".join(out), True
    literal, stop = unescape(form[at:], FORMAT_ESCAPE)
    return "".join((*out, literal)), stop


def _converted(kind: str, flags: str, digits: int | None, value: str, errors: list[str]) -> tuple[str, bool]:
    if kind == "s":
        return value[:digits] if digits is not None else value, False
    if kind == "b":
        return unescape(value)
    if kind == "q":
        from podwalk.containers.shell.quoting import quote

        return quote(value), False
    if kind == "c":
        return value[:1], False
    signs = "".join(flag for flag in flags if flag in "+ #")
    if kind in "feEgG":
        return f"%{signs}.{6 if digits is None else digits}{kind}" % _float(value, errors), False
    number = _integer(value, errors)
    if kind in "ouxX" and number < 0:
        number += 1 << 64
    return f"%{signs}{'' if digits is None else f'.{digits}'}{'d' if kind in 'iu' else kind}" % number, False


def _padded(value: str, width: int, fill: str, *, left: bool) -> str:
    if left or width < 0:
        return value.ljust(abs(width))
    if fill == "0" and value[:1] in ("-", "+"):
        return value[0] + value[1:].rjust(width - 1, "0")
    return value.rjust(width, fill)


def _next(arguments: list[str]) -> str:
    return arguments.pop(0) if arguments else ""


def _integer(text: str, errors: list[str]) -> int:
    if text[:1] in ("'", '"') and len(text) > 1:
        return ord(text[1])
    try:
        stripped = text.strip()
        octal = re.fullmatch(r"[-+]?0[0-7]+", stripped)
        return int(stripped, 8 if octal else 0) if stripped else 0
    except ValueError:
        errors.append(f"invalid number '{text}'")
        leading = re.match(r"\s*[-+]?\d+", text)
        return int(leading.group()) if leading else 0


def _float(text: str, errors: list[str]) -> float:
    try:
        return float(text) if text else 0.0
    except ValueError:
        errors.append(f"invalid number '{text}'")
        return 0.0


def _byte(code: int) -> str:
    return chr(code) if code < 128 else bytes([code]).decode(errors="surrogateescape")
