"""Manifests as learners write them: YAML with line numbers, so that an error can point at the line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from podwalk.api import goyaml
from podwalk.facade.errors import ManifestError
from podwalk.types import Object

EMPTY = "tag:yaml.org,2002:null"
FILE = re.compile(r"\S+\.(ya?ml|json)")

TYPE_NAMES = {str: "text", int: "a number", float: "a number", bool: "true/false", list: "a list", type(None): "empty"}


@dataclass(frozen=True)
class Document:
    """One object of a manifest.

    Attributes:
        value: the object.
        lines: the line of each field, counted from 1 in the whole manifest, by its path.
        text: the whole manifest; empty when it was not given as text.
    """

    value: Object
    lines: Mapping[tuple[str | int, ...], int] = field(default_factory=dict)
    text: str = ""

    def locate(self, path: str) -> tuple[int, str]:
        """Find a field by the API's way of writing its path.

        Args:
            path: e.g. ``spec.ports[0].port`` or ``.spec.containers[name="web"].image``.

        Returns:
            The line of the field, or of the nearest field around it, and its text; 0 and empty if the manifest was
            not text.
        """
        keys = tuple(self._keys(path))
        while keys and keys not in self.lines:
            keys = keys[:-1]
        line = self.lines.get(keys, 0)
        return line, self.text.splitlines()[line - 1].strip() if line and self.text else ""

    def where(self, path: str) -> str:
        """Say where a field is: its line, the line's text and the path."""
        line, text = self.locate(path)
        return f"line {line}: {text}   ({path.lstrip('.')})" if line else path.lstrip(".")

    def _keys(self, path: str) -> Iterator[str | int]:
        """Turn a path into keys; an item named by a key (``[name="web"]``) is looked up in the value."""
        here: object = self.value
        for key, index in re.findall(r"([^.\[\]]+)|\[([^\]]*)\]", path):
            step: str | int = key or index.strip('"')
            if isinstance(here, list):
                step = _item(here, index)
            yield step
            here = (
                here[step]
                if isinstance(here, list) and isinstance(step, int) and step < len(here)
                else (here.get(str(step)) if isinstance(here, dict) else None)
            )


def _item(items: Sequence[object], index: str) -> int:
    if index.isdigit():
        return int(index)
    wanted = dict(re.findall(r'(\w+)="?([^",]*)"?', index))
    for number, item in enumerate(items):
        if isinstance(item, dict) and all(str(item.get(key)) == value for key, value in wanted.items() if key in item):
            return number
    return -1


def parse(manifest: str | Mapping[str, object] | Sequence[Mapping[str, object]]) -> tuple[Document, ...]:
    """Read a manifest: YAML text, an object, or a list of objects; ``kind: List`` is taken apart.

    Raises:
        ManifestError: with the line, when the text is not YAML or a document is not an object with a kind and a name.
    """
    documents = _parse_text(manifest) if isinstance(manifest, str) else [_given(one) for one in _each(manifest)]
    documents = [part for document in documents for part in _flatten(document)]
    if not documents:
        raise ManifestError("the manifest is empty", hint="write at least apiVersion, kind and metadata.name")
    for document in documents:
        _check_identity(document)
    return tuple(documents)


def _each(manifest: Mapping[str, object] | Sequence[Mapping[str, object]]) -> Sequence[object]:
    return manifest if isinstance(manifest, Sequence) else [manifest]


def _given(value: object) -> Document:
    """Take an object as Python has it.

    Raises:
        ManifestError: when it is none.
    """
    if not isinstance(value, Mapping):
        raise ManifestError(
            f"a manifest is YAML text, an object or a list of objects, and {str(value)[:60]!r} is none of them",
            hint='give the text of a file: cluster.apply(Path("shop.yaml").read_text())',
        )
    return Document(dict(value))


def _parse_text(text: str) -> list[Document]:
    try:
        nodes = [node for node in yaml.compose_all(text, Loader=goyaml.Loader) if node.tag != EMPTY]
        return [Document(_value(node, text), dict(_lines(node, ())), text) for node in nodes]
    except yaml.MarkedYAMLError as error:
        raise _yaml_error(error, text) from error
    except yaml.YAMLError as error:
        raise ManifestError(f"this is not YAML: {error}") from error


def _value(node: yaml.Node, text: str) -> Object:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        first = text.splitlines()[line - 1].strip()
        raise ManifestError(
            "this document is not an object: it needs fields like `kind: Service`",
            where=f"line {line}: {first}",
            hint="a file's name is not its text: Path(…).read_text() is" if FILE.fullmatch(first) else "",
            line=line,
        )
    loader = goyaml.Loader("")
    value: Object = loader.construct_document(node)
    return value


def _lines(node: yaml.Node, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], int]]:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                raise ManifestError(
                    f'the field "{key.value}" is written twice, on lines {seen[key.value]} and {line}',
                    hint="keep one of them",
                    line=line,
                )
            seen[key.value] = line
            yield (*path, key.value), line
            yield from _lines(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield (*path, number), item.start_mark.line + 1
            yield from _lines(item, (*path, number))


def _yaml_error(error: yaml.MarkedYAMLError, text: str) -> ManifestError:
    mark = error.problem_mark or error.context_mark
    line = min(mark.line + 1, len(text.splitlines()) or 1) if mark else 0
    shown = text.splitlines()[line - 1] if line and text.splitlines() else ""
    hint = "look at the indentation and the colons of this line and the one above"
    if "\t" in shown:
        hint = "YAML is indented with spaces: replace the tab"
    return ManifestError(
        f"this is not YAML: {error.problem}", where=f"line {line}: {shown}" if line else "", hint=hint, line=line
    )


def _flatten(document: Document) -> Iterator[Document]:
    if document.value.get("kind") == "List" and isinstance(document.value.get("items"), list):
        for item in document.value["items"]:
            yield _given(item)
    else:
        yield document


def _check_identity(document: Document) -> None:
    value = document.value
    for name in ("apiVersion", "kind"):
        if not isinstance(value.get(name), str):
            raise ManifestError(
                f"an object has no {name}", where=_start(document), hint=f"add {name} at the top", line=_first(document)
            )
    metadata = value.get("metadata")
    named = isinstance(metadata, dict) and (metadata.get("name") not in (None, "") or metadata.get("generateName"))
    if not isinstance(metadata, dict) or not named:
        raise ManifestError(
            f"the {value['kind']} has no name", where=_start(document), hint="add metadata.name", line=_first(document)
        )
    if not isinstance(metadata.get("name", ""), str):
        found = TYPE_NAMES.get(type(metadata["name"]), "an object")
        raise ManifestError(
            f"metadata.name must be text, and this is {found}",
            where=document.where("metadata.name"),
            hint="put it in quotes",
            line=document.locate("metadata.name")[0],
        )


def _first(document: Document) -> int:
    return min(document.lines.values(), default=0)


def _start(document: Document) -> str:
    return f"the document that starts on line {_first(document)}" if document.lines else ""
