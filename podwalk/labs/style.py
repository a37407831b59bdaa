"""How the step control looks: the front end's own colours, in light and dark."""

from __future__ import annotations

from importlib.resources import files

CSS = files(__package__).joinpath("control.css").read_text(encoding="utf-8")
