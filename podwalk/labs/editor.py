"""The editor of a manifest: a text area with line numbers, whose YAML is checked as it is typed."""

from __future__ import annotations

from html import escape

import ipywidgets as widgets

from podwalk.facade.errors import ManifestError
from podwalk.facade.manifest import parse


class Editor:
    """A manifest with its YAML checked as it is typed."""

    def __init__(self, text: str) -> None:
        self.area = widgets.Textarea(
            value=text,
            description="Manifest",
            layout={"width": "100%", "height": "auto"},
            rows=min(24, max(4, text.count("\n") + 1)),
            continuous_update=True,
        )
        self.area.add_class("podwalk-editor")
        self._check = widgets.HTML()
        self.box = widgets.VBox([self.area, self._check], layout={"overflow": "visible"})
        self.area.observe(lambda change: self.check(), names="value")
        if text:
            self.check()

    @property
    def text(self) -> str:
        """The manifest as it stands."""
        return str(self.area.value)

    def check(self) -> None:
        """Say whether the text is a manifest, and if not, at which line."""
        try:
            documents = parse(self.text)
        except ManifestError as error:
            self.area.add_class("podwalk-wrong")
            where = f"Line {error.line}: " if error.line else ""
            self._say("✗", "bad", where + error.problem)
            return
        self.area.remove_class("podwalk-wrong")
        names = ", ".join(
            f"{document.value['kind']} {document.value['metadata'].get('name', '')}" for document in documents
        )
        self._say("✓", "good", f"YAML: {names}")

    def _say(self, sign: str, kind: str, text: str) -> None:
        words = f'<span class="podwalk-{kind}">{sign}</span> {escape(text)}'
        self._check.value = f'<div class="podwalk-say" role="status">{words}</div>'
