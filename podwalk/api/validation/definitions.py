"""What CustomResourceDefinitions must be.

Source: k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation, release 1.37.
"""

from __future__ import annotations

from podwalk.api.rules.problems import of_definition
from podwalk.api.validation import names
from podwalk.api.validation.causes import Causes, each, immutable, invalid, not_supported, required
from podwalk.types import Object


def definition(obj: Object, old: Object | None) -> Causes:
    """Check a CustomResourceDefinition; what its schemas say is checked where they are used."""
    spec = obj.get("spec") or {}
    group, own = spec.get("group") or "", spec.get("names") or {}
    wanted = f"{own.get('plural', '')}.{group}"
    if old is None and obj["metadata"].get("name") != wanted:
        detail = 'must be spec.names.plural+"."+spec.group'
        yield invalid("metadata.name", obj["metadata"].get("name"), detail)
    if not group:
        yield required("spec.group")
    else:
        yield from each("spec.group", group, names.dns_subdomain(group))
        if "." not in group:
            yield invalid("spec.group", group, "should be a domain with at least one dot")
    scope = spec.get("scope") or ""
    if scope not in ("Cluster", "Namespaced"):
        if scope:
            yield not_supported("spec.scope", scope, ("Cluster", "Namespaced"))
        else:
            yield required("spec.scope")
    yield from _versions(spec.get("versions") or [])
    yield from _names(own)
    yield from _rules(obj)
    if old is not None:
        before = old.get("spec") or {}
        yield from immutable("spec.scope", scope, before.get("scope"))
        yield from immutable("spec.names.kind", own.get("kind"), (before.get("names") or {}).get("kind"))
    if not (obj.get("status") or {}).get("storedVersions"):
        yield invalid("status.storedVersions", None, "must have at least one stored version")


def _versions(versions: list[Object]) -> Causes:
    for index, version in enumerate(versions):
        name = version.get("name") or ""
        problems = names.dns_1035_label(name)
        yield from each(f"spec.versions[{index}].name", name, problems)
        if index == 0:
            yield from each("spec.version", name, problems)
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is None:
            yield required(f"spec.versions[{index}].schema.openAPIV3Schema")
    if sum(1 for version in versions if version.get("storage")) != 1:
        shown = [_shown(version) for version in versions]
        yield invalid("spec.versions", shown, "must have exactly one version marked as storage version")


def _rules(obj: Object) -> Causes:
    """Check the rules in CEL: those that cannot be compiled; their types are not checked before they are used."""
    for problem in of_definition(obj):
        if problem.missing:
            yield required(problem.path, "rule is not specified")
        elif not problem.unsimulated:
            yield invalid(problem.path, _shown_rule(problem.rule), f"compilation failed: ERROR: {problem.said}")


def _shown_rule(rule: Object) -> Object:
    return {
        "Rule": rule.get("rule", ""),
        "Message": rule.get("message", ""),
        "MessageExpression": rule.get("messageExpression", ""),
        "Reason": rule.get("reason"),
        "FieldPath": rule.get("fieldPath", ""),
        "OptionalOldSelf": rule.get("optionalOldSelf"),
    }


def _shown(version: Object) -> Object:
    """Return a version as the API prints its internal form; the schema, if it is that of all versions, is elsewhere."""
    return {
        "Name": version.get("name", ""),
        "Served": version.get("served", False),
        "Storage": version.get("storage", False),
        "Deprecated": version.get("deprecated", False),
        "DeprecationWarning": version.get("deprecationWarning"),
        "Schema": None,
        "Subresources": None,
        "AdditionalPrinterColumns": None,
        "SelectableFields": None,
    }


def _names(own: Object) -> Causes:
    for name in ("plural", "singular", "kind", "listKind"):
        value = own.get(name) or ""
        if not value:
            yield required(f"spec.names.{name}")
        elif name in ("plural", "singular"):
            yield from each(f"spec.names.{name}", value, names.dns_1035_label(value))
        else:
            yield from each(f"spec.names.{name}", value, names.dns_1035_label(value.lower()))
    for index, short in enumerate(own.get("shortNames") or ()):
        yield from each(f"spec.names.shortNames[{index}]", short, names.dns_1035_label(short))
