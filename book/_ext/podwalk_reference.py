"""Reference pages that are made from the code and the course itself, so that they cannot say what is no longer true.

``{simulated}`` lists what the embedded cluster simulates; ``{comparison}`` says how it was compared with a real one,
and what differs; ``{coverage}`` says where each subject is taught, practised and graded, and how long its pages took
to run in this very build.
"""

from __future__ import annotations

import ast
import re
import runpy
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from myst_nb.core.execute import ExecutionResult
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

Lines = Iterator[str]
ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "book" / "_data"
NO_BREAK = "\N{NO-BREAK SPACE}"
LIMITS = re.compile(r"Not simulated: (.+?)(?:\n\n|\Z)", re.DOTALL)


class SimulatedDirective(SphinxDirective):
    """``{simulated} resources``: a table of what the code says it simulates."""

    required_arguments = 1

    def lists(self) -> Mapping[str, Callable[[], Lines]]:
        """Return the lists by their names."""
        return SIMULATED

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        # What is listed is code, and data that no page depends on: it is looked at in every build.
        self.env.note_reread()
        lists = self.lists()
        if self.arguments[0] not in lists:
            raise self.error(f"there is no list {self.arguments[0]!r}: choose one of {', '.join(lists)}")
        lines = list(lists[self.arguments[0]]())
        holder = nodes.container(classes=["reference-table"])
        self.state.nested_parse(StringList(lines, source="simulated"), self.content_offset, holder)
        return [holder]


class ComparisonDirective(SimulatedDirective):
    """``{comparison} modules``: a table of what was compared with a real cluster, or of what differs."""

    def lists(self) -> Mapping[str, Callable[[], Lines]]:
        """Return the lists by their names."""
        return COMPARISON


def resources() -> Lines:
    """Yield the resources that are served, a row each."""
    from podwalk.api.registry import RESOURCES

    yield from _head("API", "Resource", "Beside reading and writing")
    for row in sorted(RESOURCES.values(), key=lambda one: (one.group, one.plural)):
        more = ", ".join(f"`{part.name}`" for part in row.subresources)
        yield _row(f"`{row.api_version}`", f"{row.kind} (`{row.plural}`)", more)


def images() -> Lines:
    """Yield the images that containers can be made from."""
    from podwalk.containers.images import IMAGES

    yield from _head("Image", "Tags", "Its main program")
    for name, image in sorted(IMAGES.items()):
        short = name.removeprefix("docker.io/library/").removeprefix("docker.io/")
        yield _row(
            f"`{short}`", f"`{image.tags}`".replace("|", "\\|"), _code(" ".join([*image.entrypoint, *image.cmd]))
        )


def tools() -> Lines:
    """Yield the programs that are on the PATH of each image."""
    from podwalk.containers.images import IMAGES

    groups: dict[tuple[str, ...], list[str]] = {}
    for name, image in sorted(IMAGES.items()):
        short = name.removeprefix("docker.io/library/").removeprefix("docker.io/")
        groups.setdefault(tuple(sorted(image.programs)), []).append(short)
    yield from _head("In", "Programs")
    for programs, names in groups.items():
        if programs:
            yield _row(", ".join(f"`{name}`" for name in names), " ".join(f"`{name}`" for name in programs))


def dns() -> Lines:
    """Yield CoreDNS's plugins."""
    from podwalk.network.dns.server import PLUGINS, SILENT

    yield from _head("CoreDNS plugin", "Here")
    for name in PLUGINS:
        yield _row(f"`{name}`", "simulated")
    yield _row(", ".join(f"`{name}`" for name in sorted(SILENT)), "accepted; they have no part in an answer")


def ingress() -> Lines:
    """Yield the annotations of the Ingress dialects."""
    from podwalk.network.ingress.dialects import nginx_annotations, traefik, traefik_middlewares

    yield from _head("Annotation or kind", "What it does here")
    for row in nginx_annotations.TABLE:
        yield _row(f"`{nginx_annotations.PREFIX}{row.name}`", row.does or f"not simulated: {row.advice}")
    for name, does in {**traefik.ROUTER, **traefik.SERVICE}.items():
        yield _row(f"`{traefik.PREFIX}{name}`", does)
    for name in traefik_middlewares.KINDS:
        yield _row(f"Traefik Middleware `{name}`", "as in its documentation")


def cni() -> Lines:
    """Yield the CNI plugins."""
    from podwalk.network.policy.plugins import PLUGINS

    yield from _head(
        "`podwalk up --cni`", "NetworkPolicies", "Egress policies and a Pod's own node", "ClusterNetworkPolicies"
    )
    for name, plugin in PLUGINS.items():
        guards = "guarded too" if plugin.guards_own_node else "always reachable" if plugin.enforces else ""
        tiers = "evaluated" if plugin.tiers else "accepted and ignored"
        yield _row(f"`{name}`", "enforced" if plugin.enforces else "accepted and ignored", guards, tiers)


def limits() -> Lines:
    """Yield what the modules say of themselves that they leave out."""
    yield from _head("Part", "Not simulated")
    for path in sorted((ROOT / "podwalk").rglob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        if found := LIMITS.search(text):
            part = text.partition("\n")[0].split(":")[0].rstrip(".")
            yield _row(part, " ".join(found[1].split()).replace("``", "`"))


SIMULATED: Mapping[str, Callable[[], Lines]] = {
    "resources": resources,
    "images": images,
    "tools": tools,
    "dns": dns,
    "ingress": ingress,
    "cni": cni,
    "limits": limits,
}


def compared_versions() -> Lines:
    """Yield what the real cluster was made of."""
    yield from _head("Part of the real cluster", "Version")
    for part, version in _data("comparison")["versions"].items():
        yield _row(part, f"`{version}`")


def compared_modules() -> Lines:
    """Yield how many tests of each module passed on each cluster."""
    yield from _head("What it shows", "On kind", "Embedded")
    for module, row in _data("comparison")["modules"].items():
        name = Path(module).stem.removeprefix("test_")
        about = f"{row['about']} (`{name}`, {_day(row['checked'])})"
        yield _row(about, _outcomes(row["kind"]), _outcomes(row["embedded"]))


def compared_skipped() -> Lines:
    """Yield why tests were skipped."""
    yield from _head("Tests", "Why some were skipped")
    for module, row in _data("comparison")["modules"].items():
        for reason in row.get("skipped", ()):
            yield _row(f"`{Path(module).stem.removeprefix('test_')}`", reason)


def known_differences() -> Lines:
    """Yield what is known to differ."""
    for entry in _data("differences"):
        said = (f"**A kind cluster** {entry['kind']}.", f"**The embedded cluster** {entry['embedded']}.")
        yield from _defined(entry["subject"], *said, f"**Why:** {entry['reason']}.")


def kubectl_differences() -> Lines:
    """Yield the commands of the recorded sessions whose output may differ, by reason."""
    entries = runpy.run_path(str(ROOT / "tests/conformance/kubectl/differences.py"))["DIFFERENCES"]
    commands: dict[str, list[str]] = {}
    for entry in entries:
        commands.setdefault(entry.reason, []).append(entry.command)
    for reason, found in commands.items():
        yield from _defined(f"{reason[0].upper()}{reason[1:]}", ", ".join(map(_code, dict.fromkeys(found))))


def speed() -> Lines:
    """Yield how long things take on each cluster."""
    yield from _head("What", "On kind", "Embedded, as a server", "Embedded, in the notebook's process", "Recorded")
    for what, row in _data("speed").items():
        if "kind" in row:
            times = (_time(row["kind"]), _ratio(row, "served"), _ratio(row, "inside"))
            yield _row(what, *times, _day(row["checked"]))


def scale() -> Lines:
    """Yield what many Pods cost on the embedded cluster."""
    yield from _head("What", "Measured", "Recorded")
    for what, row in _data("speed").items():
        if "measured" in row:
            yield _row(what, row["measured"], _day(row["checked"]))


def _time(seconds: float) -> str:
    value, unit = (seconds, "s") if seconds >= 1 else (1000 * seconds, "ms")
    return f"{value:.{1 if value < 10 else 0}f}{NO_BREAK}{unit}"


def _ratio(row: Mapping[str, Any], name: str) -> str:
    if name not in row:
        return "–"
    times = row["kind"] / row[name]
    return f"{_time(row[name])} (1/{times:.0f})" if times >= 2 else _time(row[name])


COMPARISON: Mapping[str, Callable[[], Lines]] = {
    "versions": compared_versions,
    "modules": compared_modules,
    "skipped": compared_skipped,
    "differences": known_differences,
    "kubectl": kubectl_differences,
    "speed": speed,
    "scale": scale,
}


def _data(name: str) -> Any:
    return yaml.safe_load((DATA / f"{name}.yml").read_text(encoding="utf-8"))


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}".replace(" ", NO_BREAK)


def _outcomes(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count}{NO_BREAK}{outcome}" for outcome, count in counts.items() if count) or "none"


def _head(*names: str) -> Lines:
    yield _row(*names)
    yield _row(*("---" for _ in names))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _defined(term: str, *paragraphs: str) -> Lines:
    """Yield a term of a definition list, for what is too wide for a table on a telephone."""
    yield term
    for text in paragraphs:
        yield f": {text}"
    yield ""


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


class Coverage(nodes.General, nodes.Element):
    """Stands for the coverage list until every page has run."""


class CoverageDirective(SphinxDirective):
    """``{coverage}``: each subject of the course, and where it is taught, practised and graded."""

    def run(self) -> list[nodes.Node]:
        """Return a place for the list, which is made when all pages are read."""
        self.env.note_reread()
        return [Coverage()]


def read_coverage(path: Path) -> list[dict[str, Any]]:
    """Read the coverage table: a row a subject."""
    rows: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return rows


def resolve(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the list in its place."""
    for place in list(doctree.findall(Coverage)):
        rows = read_coverage(Path(app.srcdir) / "book" / "_data" / "coverage.yml")
        found: list[nodes.Node] = []
        for part in dict.fromkeys(row["part"] for row in rows):
            section = nodes.section("", nodes.title("", part), ids=[f"coverage-{part.lower().replace(' ', '-')}"])
            entries = nodes.definition_list(classes=["coverage"])
            entries += [_entry(app, docname, row) for row in rows if row["part"] == part]
            section += entries
            found.append(section)
        place.replace_self(found)


def _entry(app: Sphinx, docname: str, row: Mapping[str, Any]) -> nodes.Node:
    term = nodes.term("", "", nodes.strong("", row["id"]), nodes.Text(f" {row['subject']}"))
    where = nodes.definition()
    for verb in ("taught", "practised"):
        if pages := _by_page(row.get(verb) or []):
            said = nodes.paragraph("", f"{verb.capitalize()}: ")
            said += _joined(_page(app, docname, page, steps) for page, steps in pages.items())
            where += said
    if row.get("graded"):
        where += nodes.paragraph("", f"Graded: {', '.join(row['graded'])}")
    return nodes.definition_list_item("", term, where)


def _by_page(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the pages, each with the steps of it that are named: ``notebooks/labs/02-services#affinity``."""
    found: dict[str, list[str]] = {}
    for name in names:
        page, _, step = name.partition("#")
        found.setdefault(page, []).extend([step] if step else [])
    return found


def _joined(parts: Iterable[list[nodes.Node]]) -> list[nodes.Node]:
    result: list[nodes.Node] = []
    for number, part in enumerate(parts):
        result += [nodes.Text("; ")] if number else []
        result += part
    return result


def _page(app: Sphinx, docname: str, page: str, steps: list[str]) -> list[nodes.Node]:
    """Return a link to a page, the steps meant, and how long its cells took."""
    env = app.env
    if page not in env.titles:
        raise ExtensionError(f"book/_data/coverage.yml names the page {page}, which is not in _toc.yml")
    uri = app.builder.get_relative_uri(docname, page)
    link = nodes.reference("", env.titles[page].astext(), refuri=uri, internal=True)
    which = f", step{'s' if len(steps) > 1 else ''} {', '.join(steps)}" if steps else ""
    return [link, nodes.Text(which + _ran(env, page))]


def _ran(env: BuildEnvironment, page: str) -> str:
    data: ExecutionResult | None = NbMetadataCollector.get_exec_data(env, page)
    if data is None or data["runtime"] is None:
        return ""
    return f" (ran in {data['runtime']:.0f} s)" if data["succeeded"] else " (did not run)"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_node(Coverage)
    app.add_directive("simulated", SimulatedDirective)
    app.add_directive("comparison", ComparisonDirective)
    app.add_directive("coverage", CoverageDirective)
    app.connect("doctree-resolved", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
