"""Label selectors and field selectors: their grammar, and which objects they choose.

Source: k8s.io/apimachinery/pkg/labels/selector.go, k8s.io/apimachinery/pkg/fields/selector.go, and each resource's
``GetAttrs``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from podwalk.api.failures import bad_request
from podwalk.types import Object

_TOKEN = re.compile(r"\s*(==|!=|=|<|>|!|,|\(|\)|[^\s,=!()<>]+)")
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SYMBOLS = {"==", "!=", "=", "<", ">", "!", ",", "(", ")"}


@dataclass(frozen=True)
class Requirement:
    """One clause: a key, an operator and its values."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether labels satisfy the clause; an absent key satisfies the negative ones."""
        present = self.key in labels
        value = labels.get(self.key, "")
        if self.operator in ("In", "="):
            return present and value in self.values
        if self.operator in ("NotIn", "!="):
            return not present or value not in self.values
        if self.operator == "Exists":
            return present
        if self.operator == "DoesNotExist":
            return not present
        return present and _compare(value, self.operator, self.values[0])


def _compare(value: str, operator: str, bound: str) -> bool:
    try:
        return int(value) > int(bound) if operator == ">" else int(value) < int(bound)
    except ValueError:
        return False


@dataclass(frozen=True)
class Selector:
    """Clauses that must all hold, over labels or over fields.

    Attributes:
        labels: clauses on ``metadata.labels``.
        fields: clauses on the fields that the resource offers.
        extract: reads such a field.
    """

    labels: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()
    extract: Mapping[str, Callable[[Object], str]] = field(default_factory=dict)

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return not self.labels and not self.fields

    @property
    def equal_labels(self) -> dict[str, str]:
        """Return the label pairs that are required outright: what an index can find."""
        return {clause.key: clause.values[0] for clause in self.labels if clause.operator == "="}

    def matches(self, obj: Object) -> bool:
        """Say whether an object is chosen."""
        if self.labels:
            labels = obj["metadata"].get("labels") or {}
            if not all(clause.matches(labels) for clause in self.labels):
                return False
        return all(
            (self.extract[clause.key](obj) in clause.values) == (clause.operator == "=") for clause in self.fields
        )


@lru_cache(maxsize=1024)
def parse_labels(text: str) -> tuple[Requirement, ...]:
    """Parse a label selector such as ``app=web,tier in (a,b),!old``.

    Raises:
        ApiError: 400, in the words of the API server's parser.
    """
    return tuple(_Parser(text).requirements())


class _Parser:
    """A reader of one selector's tokens; it knows the words of upstream's complaints."""

    def __init__(self, text: str) -> None:
        self._tokens = [match[1] for match in _TOKEN.finditer(text)]
        self._at = 0

    def requirements(self) -> Iterator[Requirement]:
        """Read all clauses."""
        if not self._tokens:
            return
        while True:
            yield self._requirement()
            token = self._next()
            if token == "":
                return
            if token != ",":
                raise bad_request(f"found '{token}', expected: ',' or 'end of string'")
            if self._peek() in ("", ",", ")"):
                raise bad_request(f"found '{self._peek()}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        token = self._peek()
        negated = token == "!"
        if negated:
            self._next()
        key = self._next()
        if key == "" or key in _SYMBOLS:
            if key == "":
                raise bad_request("unable to parse requirement: found '', expected: identifier")
            raise bad_request(f"unable to parse requirement: found '{key}', expected: identifier")
        _check_key(key)
        if negated:
            return Requirement(key, "DoesNotExist")
        following = self._peek()
        if following in ("", ","):
            return Requirement(key, "Exists")
        return self._operation(key, self._next())

    def _operation(self, key: str, operator: str) -> Requirement:
        if operator in ("in", "notin"):
            values = self._values()
            requirement = Requirement(key, "In" if operator == "in" else "NotIn", values)
        elif operator in ("=", "==", "!="):
            requirement = Requirement(key, "!=" if operator == "!=" else "=", (self._exact_value(),))
        elif operator in ("<", ">"):
            requirement = Requirement(key, operator, (self._exact_value(),))
            _check_integer(key, requirement.values[0])
        else:
            raise bad_request(
                f"unable to parse requirement: found '{operator}', expected: in, notin, =, ==, !=, gt, lt, gt, lt"
                if operator not in _SYMBOLS
                else f"unable to parse requirement: found '{operator}', expected: ',' or 'end of string'"
            )
        for value in requirement.values:
            _check_value(key, value)
        return requirement

    def _exact_value(self) -> str:
        token = self._peek()
        if token in ("", ","):
            return ""
        if token in _SYMBOLS:
            raise bad_request(f"unable to parse requirement: found '{token}', expected: identifier")
        return self._next()

    def _values(self) -> tuple[str, ...]:
        if (token := self._next()) != "(":
            raise bad_request(f"unable to parse requirement: found '{token}' expected: '('")
        values: set[str] = set()
        expect_value = True
        while (token := self._next()) != ")":
            if token == ",":
                if expect_value:
                    values.add("")
                expect_value = True
            elif token == "" or token in _SYMBOLS or not expect_value:
                raise bad_request(f"unable to parse requirement: found '{token}', expected: ',' or ')'")
            else:
                values.add(token)
                expect_value = False
        if expect_value:
            values.add("")
        return tuple(sorted(values))

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token


_QUALIFIED = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_LABEL_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an "
    "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def _check_key(key: str) -> None:
    prefix, slash, name = key.rpartition("/")
    problem = ""
    if not _NAME.fullmatch(name):
        problem = _QUALIFIED if name else "name part must be non-empty; " + _QUALIFIED
    elif len(name) > 63:
        problem = "name part must be no more than 63 characters"
    elif slash and not _PREFIX.fullmatch(prefix):
        problem = "prefix part must be a lowercase RFC 1123 subdomain"
    if problem:
        raise bad_request(f'unable to parse requirement: <nil>: Invalid value: "{key}": {problem}')


def _check_value(key: str, value: str) -> None:
    problem = ""
    if len(value) > 63:
        problem = "must be no more than 63 characters"
    elif value and not _NAME.fullmatch(value):
        problem = _LABEL_VALUE
    if problem:
        raise bad_request(f'unable to parse requirement: values[0][{key}]: Invalid value: "{value}": {problem}')


def _check_integer(key: str, value: str) -> None:
    try:
        int(value)
    except ValueError as error:
        raise bad_request(
            f'unable to parse requirement: values[0][{key}]: Invalid value: "{value}": '
            "for 'Gt', 'Lt' operators, the value must be an integer"
        ) from error


_CLAUSE = re.compile(r"((?:\\.|[^\\=!])*)(!=|==|=)((?:\\.|[^\\])*)", re.DOTALL)
_SPLIT = re.compile(r"(?:\\.|[^\\,])+")


@lru_cache(maxsize=1024)
def parse_fields(text: str) -> tuple[Requirement, ...]:
    """Parse a field selector such as ``status.phase!=Failed``.

    Raises:
        ApiError: 400, in the words of the API server's parser.
    """
    clauses = []
    for part in _SPLIT.findall(text):
        match = _CLAUSE.fullmatch(part)
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        operator = "!=" if match[2] == "!=" else "="
        value = re.sub(r"\\(.)", r"\1", match[3])
        clauses.append(Requirement(match[1], operator, (value,)))
    return tuple(clauses)


def _path(*names: str) -> Callable[[Object], str]:
    def read(obj: Object) -> str:
        value: object = obj
        for name in names:
            value = (value or {}).get(name) if isinstance(value, dict) or value is None else None
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    return read


def _paths(*fields: str) -> Mapping[str, Callable[[Object], str]]:
    return {name: _path(*name.split(".")) for name in fields}


_META = _paths("metadata.name", "metadata.namespace")


def _event_source(obj: Object) -> str:
    return (obj.get("source") or {}).get("component") or obj.get("reportingComponent") or ""


_FIELDS: Mapping[str, Mapping[str, Callable[[Object], str]]] = {
    "pods": {
        **_META,
        **_paths("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName"),
        "spec.hostNetwork": lambda obj: str(bool(obj["spec"].get("hostNetwork"))).lower(),
        **_paths("status.phase", "status.podIP", "status.nominatedNodeName"),
        "status.podIPs": _path("status", "podIP"),
    },
    "events": {
        **_META,
        **_paths(*(f"involvedObject.{name}" for name in ("kind", "namespace", "name", "uid", "apiVersion"))),
        **_paths("involvedObject.resourceVersion", "involvedObject.fieldPath", "reason", "reportingComponent"),
        "source": _event_source,
        "type": _path("type"),
    },
    "events.events.k8s.io": {
        **_META,
        **{
            f"regarding.{name}": _path("involvedObject", name)
            for name in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
        },
        "reason": _path("reason"),
        "reportingController": _event_source,
        "type": _path("type"),
    },
    "secrets": {**_META, "type": _path("type")},
    "namespaces": {**_META, **_paths("status.phase")},
    "nodes": {**_META, "spec.unschedulable": lambda obj: str(bool(obj["spec"].get("unschedulable"))).lower()},
    "services": {**_META, **_paths("spec.clusterIP", "spec.type")},
    "replicasets.apps": {**_META, **_paths("status.replicas")},
    "replicationcontrollers": {**_META, **_paths("status.replicas")},
    "jobs.batch": {
        **_META,
        "status.successful": lambda obj: str((obj.get("status") or {}).get("succeeded", 0)),
    },
    "ipaddresses.networking.k8s.io": {
        **_META,
        **_paths("spec.parentRef.group", "spec.parentRef.resource", "spec.parentRef.namespace", "spec.parentRef.name"),
    },
}
_QUIET = {"pods", "events", "secrets", "namespaces", "nodes", "services"}


def selector(
    resource: str,
    labels: str,
    fields: str,
    *,
    group_kind: str = "",
    custom_fields: Mapping[str, Callable[[Object], str]] | None = None,
) -> Selector:
    """Return the selector of a list or watch request.

    Args:
        resource: the GroupResource string, which decides the fields that can be asked for.
        labels: ``labelSelector``.
        fields: ``fieldSelector``.
        group_kind: what messages call the kind.
        custom_fields: the ``selectableFields`` of a custom resource.

    Raises:
        ApiError: 400 for bad grammar or an unknown field.
    """
    known = {**_FIELDS.get(resource, _META), **(custom_fields or {})}
    clauses = parse_fields(fields)
    for clause in clauses:
        if clause.key not in known:
            raise bad_request(_unknown_field(resource, clause.key, group_kind))
    return Selector(parse_labels(labels), clauses, known)


def _unknown_field(resource: str, key: str, group_kind: str) -> str:
    if resource in _QUIET:
        return f"field label not supported: {key}"
    return f'"{key}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def field_reader(name: str) -> Callable[[Object], str]:
    """Return the reader of a dotted field of a custom resource."""
    return _path(*name.strip(".").split("."))


def label_selector_matches(label_selector: Object, labels: Mapping[str, str]) -> bool:
    """Say whether a LabelSelector of an object chooses labels; an empty one chooses all."""
    pairs = label_selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in pairs.items()):
        return False
    clauses = label_selector.get("matchExpressions") or ()
    return all(
        Requirement(one["key"], one["operator"], tuple(one.get("values") or ())).matches(labels) for one in clauses
    )
