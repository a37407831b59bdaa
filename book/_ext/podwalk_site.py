"""What makes the book a site: launch buttons for the repository that it is published from, and repairs of the theme.

Nothing here names a repository: ``podwalk_repository`` in _config.yml or PODWALK_REPOSITORY in the environment does.
Without either the pages have no launch buttons, rather than buttons that lead nowhere.
"""

from __future__ import annotations

import os
import posixpath
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.transforms.post_transforms import SphinxPostTransform

BRANCH = "main"
THEME_KNOWS = ("github", "gitlab", "bitbucket")
SETTINGS = {
    "podwalk_repository": "PODWALK_REPOSITORY",
    "podwalk_binderhub": "PODWALK_BINDERHUB",
    "podwalk_jupyterhub": "PODWALK_JUPYTERHUB",
}


def setting(config: Config, name: str) -> str:
    """Return a setting: the environment's, else that of _config.yml.

    Args:
        config: Sphinx's configuration.
        name: One of ``SETTINGS``.

    Returns:
        An https address without a slash at its end, or nothing.

    Raises:
        ExtensionError: the value is not an https address.
    """
    value = (os.environ.get(SETTINGS[name]) or getattr(config, name)).rstrip("/")
    if value and not value.startswith("https://"):
        raise ExtensionError(f"{name} ({SETTINGS[name]}) is {value!r}: give an address that begins with https://")
    return str(value)


def launch(_app: Sphinx, config: Config) -> None:
    """Give the theme the repository and the hubs, if the book is published from one."""
    repository = setting(config, "podwalk_repository")
    if not repository:
        return
    options = config.html_theme_options
    options |= {"repository_url": repository, "repository_branch": BRANCH, "use_repository_button": True}
    if not any(host in repository for host in THEME_KNOWS):
        # The theme ends the build at any other host unless it is told what the host is like.
        options["repository_provider"] = "github"
    options["launch_buttons"] = {
        "notebook_interface": "jupyterlab",
        "binderhub_url": setting(config, "podwalk_binderhub"),
        "jupyterhub_url": setting(config, "podwalk_jupyterhub"),
    }


def leave_thebe_out(_app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    """Drop the scripts of sphinx-thebe: Jupyter Book adds them unasked, and so twice that a browser complains."""
    for kind in ("script_files", "css_files"):
        context[kind] = [file for file in context[kind] if "thebe" not in f"{file.filename} {file.attributes}"]


class LeadToPages(SphinxPostTransform):
    """Let a link in a cell's output to a notebook, which JupyterLab opens, lead to the notebook's page."""

    # After an output is chosen, and before Sphinx collects the links that it is going to ask.
    default_priority = 700

    def run(self, **_: Any) -> None:
        """Change the links of a page."""
        page = self.env.docname
        for reference in self.document.findall(nodes.reference):
            path, mark, place = reference.get("refuri", "").partition("#")
            target, extension = posixpath.splitext(posixpath.normpath(posixpath.join(posixpath.dirname(page), path)))
            if extension in {".ipynb", ".md"} and target in self.env.found_docs:
                reference["refuri"] = self.app.builder.get_relative_uri(page, target) + mark + place


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the settings."""
    for name in SETTINGS:
        app.add_config_value(name, "", "html", types=frozenset({str}))
    app.connect("config-inited", launch)
    app.connect("html-page-context", leave_thebe_out)
    app.add_post_transform(LeadToPages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
