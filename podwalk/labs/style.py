"""How the step control looks: the front end's own colours, in light and dark."""

from __future__ import annotations

from importlib.resources import files
from urllib.parse import quote

LINE_PX = 20
"""The height of a line in the editor, as in the style sheet."""

LINES = 200


def _line_numbers() -> str:
    """Draw the numbers beside the editor's lines: a picture that scrolls with the text, since a textarea has none."""
    numbers = "".join(f'<text x="26" y="{LINE_PX * number + 4}">{number}</text>' for number in range(1, LINES + 1))
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="34" height="{LINE_PX * LINES + 10}" font-family="monospace" '
        f'font-size="11" fill="#80868d" text-anchor="end">{numbers}</svg>'
    )
    return f'url("data:image/svg+xml,{quote(picture)}")'


CSS = (
    files(__package__).joinpath("control.css").read_text(encoding="utf-8")
    + ".podwalk-editor textarea{background-image:"
    + _line_numbers()
    + "!important;background-repeat:no-repeat!important;background-attachment:local!important}"
)
