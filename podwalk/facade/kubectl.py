"""The everyday commands of kubectl, in its own words, over the façade: for machines without kubectl, and for labs.

``-f`` is left out (a notebook applies a cell, not a file), and so is what needs a terminal (a shell by ``-it``,
``edit``). What is not understood is refused: the real kubectl takes it with the same kubeconfig.

Source: kubernetes.io/docs/reference/kubectl/.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from podwalk.api import goyaml
from podwalk.facade import catalogue, columns, display, editing, provisions
from podwalk.facade.application import Changes
from podwalk.facade.cluster import Cluster, Text
from podwalk.facade.errors import LearnerError
from podwalk.facade.explaining import explain
from podwalk.facade.jsonpath import render, select
from podwalk.facade.listing import Listing
from podwalk.types import Object

DEFAULT_TIMEOUT_S = 30.0

ALL = (
    "pods", "replicationcontrollers", "services", "daemonsets", "deployments", "replicasets", "statefulsets",
    "horizontalpodautoscalers", "cronjobs", "jobs",
)  # fmt: skip
"""What ``kubectl get all`` shows, in its order."""


CHANGING = {"exec": "create", "delete": "delete"} | dict.fromkeys(
    ("scale", "label", "annotate", "patch", "set", "rollout"), "patch"
)
"""The commands that change something, and the verb by which they ask the API for it."""


SHELLS = {"sh", "bash", "ash", "/bin/sh", "/bin/bash"}
OF_THE_SHELL = re.compile(r"\||[12&]?>{1,2}&?|<|&&?|;")


class UsageError(LearnerError):
    """A command that is not understood."""


@dataclass(frozen=True)
class Tables(Listing):
    """Objects of several kinds, a table for each kind."""

    tables: tuple[Listing, ...] = ()

    def __repr__(self) -> str:
        """Render one table under the other."""
        return "\n\n".join(map(repr, self.tables))

    def _repr_html_(self) -> str:
        return "".join(table._repr_html_() for table in self.tables)


class _Parser(argparse.ArgumentParser):
    """A parser that raises where argparse would end the process."""

    def error(self, message: str) -> NoReturn:
        found = re.match(r"argument command: invalid choice: '(.*?)' ", message)
        raise UsageError(
            f"kubectl {found.group(1)} is not understood here" if found else f"kubectl: {message}",
            hint="get, describe, explain, api-resources, version, exec, logs, events, wait, delete, scale, label, "
            "annotate, patch, set image, top and rollout are; cluster.apply() or %%apply applies a manifest",
        )


def run(cluster: Cluster, command: str | Sequence[str]) -> Any:
    """Run a command.

    Args:
        cluster: where.
        command: e.g. ``kubectl get pods -l app=backend -o wide``; the leading ``kubectl`` may be left out.

    Returns:
        What the façade's verb of that name returns: it shows itself, and ``str()`` gives the text kubectl would print.

    Raises:
        UsageError: when the command is not understood.
        LearnerError: when it is none, or the cluster refuses it.
    """
    options, after = _parsed(command)
    options.namespace = options.namespace or cluster.namespace
    return options.verb(cluster, options, after)


def changed(command: str | Sequence[str]) -> tuple[str, list[str], str]:
    """Return what a command does to what, without running it.

    Args:
        command: in kubectl's words.

    Returns:
        The verb, the words for the kinds (``pods/exec`` for exec), and the namespace that the command names, if any; an
        empty verb for a command that only reads.

    Raises:
        UsageError: when the command is not understood.
    """
    options, _ = _parsed(command)
    if options.command not in CHANGING or getattr(options, "action", "") == "status":
        return "", [], options.namespace
    names = (
        ["pods/exec"]
        if options.command == "exec"
        else [name.partition("/")[0] for name in _names([word for word in options.what if "=" not in word])]
    )
    return CHANGING[options.command], list(dict.fromkeys(names)), options.namespace


def _parsed(command: str | Sequence[str]) -> tuple[Any, list[str]]:
    """Take a command apart: its options, and what stands after ``--``."""
    try:
        words = shlex.split(command) if isinstance(command, str) else list(command)
    except ValueError as error:
        raise LearnerError(
            f"kubectl: {command}: {str(error).lower()}", hint="a quotation mark has no partner"
        ) from error
    if words and words[0] == "kubectl":
        words = words[1:]
    before, after = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    if signs := [word for word in before if OF_THE_SHELL.fullmatch(word)]:
        raise LearnerError(
            f"kubectl: {signs[0]} is the shell's, and there is none around this command",
            hint="what it prints is a value: str(…).splitlines() gives its lines",
        )
    options, rest = _parser().parse_known_args(before)
    # What is changed may stand behind an option: label pods -l app=web tier=front.
    if rest and hasattr(options, "changes") and not any(word.startswith("-") for word in rest):
        options.what += rest
    elif rest:
        _Parser().error(f"unrecognized arguments: {' '.join(rest)}")
    return options, after


def _parser() -> _Parser:
    parser = _Parser(prog="kubectl", add_help=False)
    verbs = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)

    def verb(name: str, function: Callable[[Cluster, Any, list[str]], Any], *arguments: str) -> _Parser:
        made = verbs.add_parser(name, add_help=False, allow_abbrev=False)
        made.set_defaults(verb=function)
        made.add_argument("-n", "--namespace", default="")
        for argument in arguments:
            made.add_argument(*argument.split("|"), default="")
        return made

    get = verb("get", _get, "-l|--selector", "-o|--output", "--field-selector", "--sort-by")
    get.add_argument("-A", "--all-namespaces", action="store_true")
    get.add_argument("--show-labels", action="store_true")
    get.add_argument("--no-headers", action="store_true")
    get.add_argument("-L", "--label-columns", action="append", default=[])
    get.add_argument("what", nargs="+")
    verb("explain", lambda cluster, options, after: explain(cluster, options.what)).add_argument("what")
    known = verb("api-resources", _api_resources, "-o|--output", "--namespaced")
    known.add_argument("--api-group")
    known.add_argument("--no-headers", action="store_true")
    verb("version", lambda cluster, options, after: catalogue.version(cluster))
    verb("describe", _describe, "-l|--selector").add_argument("what", nargs="+")
    execute = verb("exec", _exec, "-c|--container", "--timeout")
    execute.add_argument("-i", "--stdin", action="store_true")
    execute.add_argument("-t", "--tty", action="store_true")
    execute.add_argument("what")
    logs = verb("logs", _logs, "-c|--container", "--tail", "-l|--selector")
    logs.add_argument("-p", "--previous", action="store_true")
    logs.add_argument("what", nargs="?", default="")
    verb(
        "events",
        lambda cluster, options, after: cluster.events(options.namespace, about=getattr(options, "for")),
        "--for",
    )
    verb("top", _top, "-l|--selector").add_argument("what", choices=["pod", "pods", "po"])
    verb("wait", _wait, "-l|--selector", "--for", "--timeout").add_argument("what", nargs="+")
    delete = verb("delete", _delete, "-l|--selector")
    delete.add_argument("--all", action="store_true")
    delete.add_argument("--ignore-not-found", action="store_true")
    delete.add_argument("what", nargs="+")
    verb("scale", _scale, "--replicas").add_argument("what", nargs="+")
    for name, field in (("label", "labels"), ("annotate", "annotations")):
        mark = verb(name, _mark, "-l|--selector")
        mark.add_argument("what", nargs="+")
        mark.add_argument("--overwrite", action="store_true")
        mark.add_argument("--all", action="store_true")
        mark.set_defaults(changes=field)
    patch = verb("patch", _patch, "-p|--patch")
    patch.add_argument("--type", choices=list(editing.TYPES), default="strategic")
    patch.add_argument("what", nargs="+")
    image = verb("set", _set_image, "-l|--selector")
    image.add_argument("action", choices=["image"])
    image.add_argument("what", nargs="+")
    image.set_defaults(changes="image")
    rollout = verb("rollout", _rollout, "--timeout")
    rollout.add_argument("action", choices=["status", "restart"])
    rollout.add_argument("what", nargs="+")
    return parser


def _names(what: Sequence[str]) -> list[str]:
    """Turn ``pods a b`` into ``pods/a`` and ``pods/b``; leave ``pod/a`` and ``pods``."""
    if any("/" in word for word in what) or len(what) == 1:
        return list(what)
    return [f"{what[0]}/{name}" for name in what[1:]]


def _selected(cluster: Cluster, options: Any, what: Sequence[str]) -> list[str]:
    """Return the objects that a command changes: those it names, those that ``-l`` selects, or all."""
    if not options.selector and not getattr(options, "all", False):
        return _names(what)
    found = cluster.get(what[0], namespace=options.namespace, selector=options.selector)
    return [f"{what[0]}/{name}" for name in found.names]


def _get(cluster: Cluster, options: Any, after: list[str]) -> Any:
    listings = [
        cluster.get(
            word,
            namespace=options.namespace,
            selector=options.selector,
            all_namespaces=options.all_namespaces,
            fields=options.field_selector,
            wide=options.output == "wide",
        )
        for name in _names(options.what)
        for word in (_all(cluster) if name == "all" else name.split(","))
    ]
    found = listings[0] if len(listings) == 1 else _merge(cluster, listings)
    if options.sort_by:
        found = _sorted(found, options.sort_by)
    if columns := [key for word in options.label_columns for key in word.split(",")]:
        found = _with_columns(found, columns)
    if options.show_labels:
        found = _with_labels(found)
    single = len(found) == 1 and ("/" in options.what[0] or len(options.what) == 2)
    return _headless(_output(cluster, found, options.output, single), options)


def _headless(shown: Any, options: Any) -> Any:
    """Leave the names of the columns out if ``--no-headers`` says so."""
    if not options.no_headers or not isinstance(shown, Listing):
        return shown
    tables = shown.tables if isinstance(shown, Tables) else (shown,)
    texts = [display.columns(table.rows[0], table.rows[1:]) for table in tables if table.rows]
    return Text("\n".join(texts) or repr(shown))


def _api_resources(cluster: Cluster, options: Any, after: list[str]) -> Any:
    if options.output not in {"", "wide", "name"} or options.namespaced not in {"", "true", "false"}:
        raise UsageError("kubectl: api-resources knows -o wide or name, and --namespaced=true or false")
    namespaced = options.namespaced == "true" if options.namespaced else None
    found = catalogue.resources(cluster, group=options.api_group, namespaced=namespaced, form=options.output)
    return _headless(found, options)


def _all(cluster: Cluster) -> list[str]:
    served = {kind.plural for kind in cluster.kinds.all()}
    return [word for word in ALL if word in served]


def _merge(cluster: Cluster, listings: Sequence[Listing]) -> Listing:
    """Join listings of one kind into one table; of several kinds, one table under the other, their names with kinds."""
    objects = tuple(obj for listing in listings for obj in listing)
    if len({obj["kind"] for obj in objects}) == 1:
        filled = [listing for listing in listings if len(listing)]
        return Listing(objects, filled[0].header, tuple(row for listing in filled for row in listing.rows))
    tables = tuple(_with_kinds(cluster, listing) for listing in listings if len(listing))
    return Tables(objects, empty=listings[0].empty, tables=tables)


def _with_kinds(cluster: Cluster, found: Listing) -> Listing:
    column = found.header.index("NAME")
    rows = tuple(
        (*row[:column], f"{cluster.kinds.of(obj).label}/{row[column]}", *row[column + 1 :])
        for obj, row in zip(found.objects, found.rows, strict=True)
    )
    return Listing(found.objects, found.header, rows, found.empty)


def _sorted(found: Listing, template: str) -> Listing:
    """Sort by a field, numbers by their value; what has no such field comes first."""

    def key(number: int) -> tuple[bool, float, str]:
        value = next(iter(select(found.objects[number], template.strip("'{}"))), None)
        return value is not None, float(value) if isinstance(value, int | float) else 0.0, str(value)

    order = sorted(range(len(found)), key=key)
    rows = tuple(found.rows[number] for number in order)
    return Listing(tuple(found.objects[number] for number in order), found.header, rows, found.empty)


def _with_columns(found: Listing, keys: Sequence[str]) -> Listing:
    values = [[obj["metadata"].get("labels", {}).get(key, "") for key in keys] for obj in found]
    header = (*found.header, *(key.rpartition("/")[2].upper() for key in keys))
    rows = tuple((*row, *more) for row, more in zip(found.rows, values, strict=True))
    return Listing(found.objects, header, rows, found.empty)


def _with_labels(found: Listing) -> Listing:
    labels = [
        ",".join(f"{key}={value}" for key, value in sorted(obj["metadata"].get("labels", {}).items())) for obj in found
    ]
    rows = tuple((*row, text or "<none>") for row, text in zip(found.rows, labels, strict=True))
    return Listing(found.objects, (*found.header, "LABELS"), rows, found.empty)


def _output(cluster: Cluster, found: Listing, form: str, single: bool) -> Any:
    if form in {"", "wide"}:
        return found
    shown: Any = found.object if single else {"apiVersion": "v1", "kind": "List", "items": list(found)}
    if form == "json":
        return Text(json.dumps(_without_managed(shown), indent=4, sort_keys=True, ensure_ascii=False))
    if form == "yaml":
        return Text(goyaml.dump(_without_managed(shown)))
    if form == "name":
        return Text("\n".join(f"{cluster.kinds.of(obj).label}/{obj['metadata']['name']}" for obj in found))
    if form.startswith(columns.PREFIX):
        return columns.custom(found, form)
    if form.startswith("jsonpath="):
        return Text(render(form.removeprefix("jsonpath=").strip("'"), shown))
    raise UsageError(
        f"kubectl: the output format {form} is not understood",
        hint="wide, yaml, json, name, jsonpath={.path} or custom-columns=NAME:.path",
    )


def _without_managed(shown: Object) -> Object:
    metadata = {key: value for key, value in shown.get("metadata", {}).items() if key != "managedFields"}
    items = {"items": [_without_managed(item) for item in shown["items"]]} if "items" in shown else {}
    return shown | ({"metadata": metadata} if metadata else {}) | items


def _describe(cluster: Cluster, options: Any, after: list[str]) -> Any:
    """Show the object as YAML and its events: what describe is mostly read for, without its hundred layouts.

    The magic hands it to the real kubectl where there is one.
    """
    parts = []
    for name in _names(options.what):
        for obj in cluster.get(name, namespace=options.namespace, selector=options.selector):
            about = f"{cluster.kinds.of(obj).label}/{obj['metadata']['name']}"
            events = cluster.events(options.namespace, about=about)
            parts.append(goyaml.dump(_without_managed(obj), sort_keys=False) + f"\nEvents:\n{events}")
    return Text("\n\n".join(parts))


def _exec(cluster: Cluster, options: Any, after: list[str]) -> Any:
    if not after:
        raise UsageError(
            "kubectl: exec needs a command after --", hint="kubectl exec client -- wget -qO- http://backend"
        )
    if options.stdin and after[0] in SHELLS and len(after) == 1:
        raise UsageError(
            f"kubectl: {after[0]} would wait for what you type, and a notebook has no terminal",
            hint=f"kubectl exec {options.what} -- {after[0]} -c 'wget -qO- http://backend'",
        )
    timeout_s = _seconds(options.timeout or "60s")
    return cluster.exec(
        options.what, after, namespace=options.namespace, container=options.container, timeout_s=timeout_s
    )


def _logs(cluster: Cluster, options: Any, after: list[str]) -> Any:
    tail = int(options.tail) if options.tail else None
    if bool(options.what) == bool(options.selector):
        raise UsageError("kubectl: logs needs one Pod, or -l", hint="kubectl logs deployment/backend")
    return Text(
        "".join(
            cluster.logs(
                what, namespace=options.namespace, container=options.container, tail=tail, previous=options.previous
            )
            for what in ([options.what] if options.what else _selected(cluster, options, ["pods"]))
        )
    )


def _top(cluster: Cluster, options: Any, after: list[str]) -> Listing:
    return provisions.top(cluster, namespace=options.namespace, selector=options.selector)


def _wait(cluster: Cluster, options: Any, after: list[str]) -> Any:
    words, timeout_s = getattr(options, "for"), _seconds(options.timeout or f"{DEFAULT_TIMEOUT_S}s")
    if not words:
        raise UsageError("kubectl: wait needs --for", hint="kubectl wait deployment/backend --for=condition=Available")
    return Text(
        "\n".join(
            cluster.wait(name, words, namespace=options.namespace, selector=options.selector, timeout_s=timeout_s)
            for name in _names(options.what)
        )
    )


def _delete(cluster: Cluster, options: Any, after: list[str]) -> Changes:
    return Changes(
        tuple(
            entry
            for name in _selected(cluster, options, options.what)
            for entry in cluster.delete(name, namespace=options.namespace)
        )
    )


def _scale(cluster: Cluster, options: Any, after: list[str]) -> Changes:
    if not options.replicas.isdigit():
        raise UsageError("kubectl: scale needs --replicas=N")
    body = {"spec": {"replicas": int(options.replicas)}}
    return editing.patch(cluster, _names(options.what), options.namespace, lambda before: body, "scaled")


def _mark(cluster: Cluster, options: Any, after: list[str]) -> Changes:
    pairs = [word for word in options.what if "=" in word or word.endswith("-")]
    names = _selected(cluster, options, [word for word in options.what if word not in pairs])
    if not pairs:
        raise UsageError(f"kubectl: {options.command} needs KEY=VALUE, or KEY- to take it away")
    return editing.mark(cluster, names, options.namespace, options.changes, pairs, overwrite=options.overwrite)


def _patch(cluster: Cluster, options: Any, after: list[str]) -> Changes:
    if not options.patch:
        raise UsageError("kubectl: patch needs -p", hint="""-p '{"spec": {"replicas": 2}}'""")
    return editing.apply_patch(cluster, _names(options.what), options.namespace, options.patch, options.type)


def _set_image(cluster: Cluster, options: Any, after: list[str]) -> Changes:
    images = [word for word in options.what if "=" in word]
    if not images:
        raise UsageError("kubectl: set image needs CONTAINER=IMAGE")
    names = _selected(cluster, options, [word for word in options.what if word not in images])
    return editing.set_image(cluster, names, options.namespace, images)


def _rollout(cluster: Cluster, options: Any, after: list[str]) -> Any:
    names = _names(options.what)
    if options.action == "restart":
        return editing.restart(cluster, names, options.namespace)
    timeout_s = _seconds(options.timeout or "120s")
    said = []
    for name in names:
        obj = cluster.get(name, namespace=options.namespace).object
        for field, value in {"observedGeneration": obj["metadata"]["generation"], **_rolled_out(obj)}.items():
            cluster.wait(
                name, f"jsonpath={{.status.{field}}}={value}", namespace=options.namespace, timeout_s=timeout_s
            )
        said.append(_told(cluster.get(name, namespace=options.namespace).object))
    return Text("\n".join(said))


def _rolled_out(obj: Object) -> dict[str, int]:
    """Return what the status of an object says once it is rolled out."""
    if obj["kind"] == "DaemonSet":
        nodes = obj.get("status", {}).get("desiredNumberScheduled", 0)
        return {"updatedNumberScheduled": nodes, "numberAvailable": nodes} if nodes else {}
    replicas = obj["spec"].get("replicas", 1)
    return {"updatedReplicas": replicas, "replicas": replicas, "availableReplicas": replicas}


def _told(obj: Object) -> str:
    """Return the words of the real kubectl."""
    name, status = obj["metadata"]["name"], obj.get("status", {})
    if obj["kind"] == "StatefulSet":
        return f"partitioned roll out complete: {status.get('updatedReplicas', 0)} new pods have been updated..."
    return f'{"daemon set" if obj["kind"] == "DaemonSet" else "deployment"} "{name}" successfully rolled out'


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(?:(\d+)m)?(?:([\d.]+)s?)?", text)
    if not found or not text:
        raise UsageError(f'kubectl: "{text}" is not a duration', hint="30s or 2m")
    return int(found.group(1) or 0) * 60 + float(found.group(2) or 0)
