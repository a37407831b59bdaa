"""Whatever a body holds, it is accepted or refused in the API's words: nothing else comes out."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podwalk.api import defaults, registry, schema, validation
from podwalk.errors import ApiError, Cause

DATA = Path(__file__).parent / "data"
GOOD = [
    *yaml.safe_load((DATA / "wrong.yaml").read_text(encoding="utf-8"))["good"].values(),
    *yaml.safe_load_all((DATA / "defaults.yaml").read_text(encoding="utf-8")),
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(["", "-1", "80", "10.0.0.0/33", "::", "1e9", "None", "100%", "a.b", "2026-11-21T00:00:00Z"]),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of everything in a value but its type."""
    found = [path] if path and path not in (("kind",), ("apiVersion",)) else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += places(inner, (*path, key))
    return found


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    changed = deepcopy(value)
    at = changed
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = new
    return changed


def decoded(resource: registry.Resource, body: Any) -> tuple[ApiError | None, Any, list[str]]:
    try:
        return (None, *schema.decode(resource, body, "Warn"))
    except ApiError as error:
        return error, None, []


@given(data=st.data())
@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_a_mutated_manifest_is_accepted_or_refused(data: st.DataObject) -> None:
    good = data.draw(st.sampled_from(GOOD))
    body = replaced(good, data.draw(st.sampled_from(places(good))), data.draw(VALUES))
    old = data.draw(st.sampled_from([None, good]))
    resource = registry.by_kind(good["apiVersion"], good["kind"])
    assert resource is not None
    refused, obj, warnings = decoded(resource, body)
    if refused is not None:
        assert (refused.code, refused.reason) == (400, "BadRequest")
        return
    assert all(isinstance(text, str) for text in warnings)
    defaults.default(resource, obj)
    before = None
    if old is not None:
        before, _ = schema.decode(resource, old)
        defaults.default(resource, before)
    causes = validation.validate(resource, obj, before)
    assert all(isinstance(cause, Cause) for cause in causes)
    json.dumps([cause.as_json() for cause in causes])
    assert all(isinstance(text, str) for text in validation.warnings(resource, obj, before))
    again, _ = schema.decode(resource, json.loads(json.dumps(obj)))
    defaults.default(resource, again)
    assert again == obj
