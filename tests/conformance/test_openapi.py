"""The served OpenAPI says of every field what a real cluster's says: it is all that ``kubectl explain`` prints from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

import pytest
from kubernetes.client import ApiClient

import podwalk
from podwalk.facade import wire
from podwalk.types import Object
from tests.conformance.conftest import kind_name

EXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1"
GROUPS = "io.k8s.api.scheduling.v1alpha3.WorkloadPodGroup"

# What the embedded cluster leaves out or says otherwise, by the end of the path, with the reason.
DIFFERENCES: Mapping[str, str] = {
    r"/default": "a constant of a Go type, which the models lack; the object is defaulted all the same",
    r"/x-kubernetes-unions": "which field goes with which, for documentation alone: no client reads it",
    r"\.(DeleteOptions|WatchEvent)/x-kubernetes-group-version-kind": "the groups that are served, here fewer",
    rf"{EXTENSIONS}\.JSONSchemaProps/\w+": "a reference without a text of its own there, in the form with one here",
    rf"{GROUPS}(DisruptionMode|SchedulingPolicy)/(all|single|basic)": "the package has no model of empty structures",
    r"PersistentVolumeClaimStatus/allocatedResourceStatuses": "an alpha field's values",
    r"PersistentVolumeSpec/claimRef/x-kubernetes-map-type": "granular there, atomic as everywhere in the models",
}
OWN_WORDS = frozenset(
    (
        *("Quantity", "FieldsV1", "MicroTime", "Time", "Patch", "WatchEvent", "RawExtension", "IntOrString", "JSON"),
        *("CustomResourceSubresourceStatus", "JSONSchemaProps", "JSONSchemaPropsOrArray", "JSONSchemaPropsOrBool"),
        "JSONSchemaPropsOrStringArray",
    )
)
"""Types without a model: said in our own words."""


def read(api: ApiClient, path: str) -> Object:
    """Return a document of an API server, whose path may bring its query along."""
    path, _, query = path.partition("?")
    return wire.call(api, "GET", path, query=dict(parse_qsl(query)))


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, Object, Object]]:
    """The schemas of each type that the embedded cluster serves: its name, a real cluster's, and its own."""
    name = kind_name()
    if not name:
        pytest.skip("no kind cluster is up to compare with")
    ours, theirs = (podwalk.cluster(each, quiet=True).api for each in ("in-process", f"kind:{name}"))
    found: dict[str, tuple[str, Object, Object]] = {}
    real = read(theirs, "/openapi/v3")["paths"]
    for path, at in read(ours, "/openapi/v3")["paths"].items():
        if "serverRelativeURL" not in real.get(path, {}):
            continue
        mine, other = (
            read(api, url["serverRelativeURL"]).get("components", {}).get("schemas", {})
            for api, url in ((ours, at), (theirs, real[path]))
        )
        found |= {one: (one, other[one], mine[one]) for one in mine if one in other}
    return list(found.values())


def test_every_field_has_the_type_of_a_real_cluster(pairs: list[tuple[str, Object, Object]]) -> None:
    wrong = [path for name, real, own in pairs for path in _differing(_shape(real), _shape(own), name)]
    assert len(pairs) > 300
    assert not [path for path in wrong if not any(re.search(f"{known}(/|$)", path) for known in DIFFERENCES)]
    assert all(any(re.search(f"{known}(/|$)", path) for path in wrong) for known in DIFFERENCES), "a stale difference"


def test_every_field_has_the_text_of_a_real_cluster(pairs: list[tuple[str, Object, Object]]) -> None:
    """White space apart; what a value of an enumeration means is not in the models, nor is a structure's own place."""
    texts = {name: own.get("description", "") for name, _, own in pairs}
    wrong = []
    for name, real, own in pairs:
        if name.rpartition(".")[2] in OWN_WORDS:
            continue
        fields = [(name, real, own), *((f"{name}/{field}", real["properties"][field], one) for field, one in _of(own))]
        for path, theirs, mine in fields:
            text = mine.get("description", "")
            if _plain(text) != _plain(theirs.get("description", "")) and text != texts.get(_target(mine)):
                wrong.append(f"{path}: {text!r}")
    assert [path for path in wrong if not path.startswith(f"{EXTENSIONS}.CustomResourceConversion/strategy")] == []


def _of(schema: Object) -> Iterator[tuple[str, Object]]:
    yield from (schema.get("properties") or {}).items()


def _target(schema: Object) -> str:
    links = [one["$ref"] for one in schema.get("allOf", ())]
    return links[0].rpartition("/")[2] if links else ""


def _plain(text: str) -> str:
    return " ".join(re.sub(r'(- `"[^"`]*"`)[^\n]*', r"\1", text).split())


def _shape(schema: Any) -> Any:
    """Return a schema without its texts, and with what is required in order; properties stand below the type."""
    if isinstance(schema, list):
        return [_shape(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _shape(value) for key, value in schema.items() if key != "description" or isinstance(value, dict)}
    if isinstance(kept.get("required"), list):
        kept["required"] = sorted(kept["required"])
    properties = kept.pop("properties", None)
    return kept | properties if isinstance(properties, dict) else kept


def _differing(real: Any, own: Any, path: str) -> Iterator[str]:
    if isinstance(real, dict) and isinstance(own, dict):
        for key in sorted({*real, *own}):
            yield from _differing(real.get(key), own.get(key), f"{path}/{key}")
    elif real != own:
        yield path
