"""The buttons of the step control."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets

Action = Callable[[], None]


class Confirmed:
    """A button that must be pressed twice."""

    def __init__(self, word: str, tip: str, action: Action) -> None:
        self.word, self.action, self._armed = word, action, False
        self.button = button(word, tip, self._press)

    def _press(self) -> None:
        self._armed = not self._armed
        self.button.description = f"{self.word}: sure?" if self._armed else self.word
        if not self._armed:
            self.action()


def button(word: str, tip: str, action: Action, *, primary: bool = False) -> widgets.Button:
    """Return a button; its tip is read aloud too."""
    made = widgets.Button(
        description=word, tooltip=tip, button_style="primary" if primary else "", layout={"width": "auto"}
    )
    made.on_click(lambda _: action())
    return made
