"""What applying says became of an object: of what the manifest declares, and of nothing that controllers write."""

from __future__ import annotations

import pytest

from podwalk.facade.application import _change
from podwalk.types import Object

POD: Object = {"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"image": "nginx:1.27"}]}}


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (POD | {"spec": POD["spec"] | {"nodeName": "worker"}}, "unchanged"),
        (POD | {"status": {"phase": "Running"}}, "unchanged"),
        (POD | {"spec": {"containers": [{"image": "nginx:1.29"}]}}, "configured"),
    ],
    ids=["scheduled meanwhile", "started meanwhile", "another image"],
)
def test_what_controllers_write_meanwhile_is_no_change(after: Object, words: str) -> None:
    assert _change(POD, after) == words
