"""Whether NetworkPolicies are enforced is found out by a call, and nothing of the try stays."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from podwalk.facade import Cluster, enforcement, snapshot
from podwalk.facade.errors import RefusedError

DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny}
spec: {podSelector: {}, policyTypes: [Egress]}
"""

# A try takes seconds on the wall's clock; in-process it is the same code.
pytestmark = pytest.mark.parametrize("backend", ["in-process", "kind"], indirect=True)


@pytest.fixture(autouse=True)
def tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an embedded cluster be tried as well, which otherwise says by itself what it does."""
    monkeypatch.setattr(snapshot, "imitated", lambda view: "")


def ours(cluster: Cluster) -> list[str]:
    return [name for name in cluster.get("namespaces").names if name.startswith(enforcement.PREFIX)]


def test_a_plugin_that_enforces_policies_is_found_to(cluster: Cluster) -> None:
    assert enforcement.enforced(cluster, cluster.namespace) is True
    for name in ours(cluster):
        cluster.wait(f"namespace/{name}", "delete")


def test_a_policy_that_nobody_follows_is_noticed(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enforcement, "_policy", lambda *_: nullcontext())
    monkeypatch.setattr(enforcement, "DEADLINE_S", 1.0)
    assert enforcement.enforced(cluster, cluster.namespace) is False


@pytest.mark.parametrize(("manifest", "known"), [("", True), (DENY, None)], ids=["open", "closed"])
def test_without_a_namespace_of_its_own_it_is_tried_in_the_labs(
    cluster: Cluster, manifest: str, known: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if manifest:
        cluster.apply(manifest)
    apply = Cluster.apply

    def narrow(self: Cluster, given: object, **words: str) -> object:
        if isinstance(given, dict) and given["kind"] == "Namespace":
            raise RefusedError("namespaces is forbidden", code=403)
        return apply(self, given, **words)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(Cluster, "apply", narrow)
    assert enforcement.enforced(cluster, cluster.namespace) is known
    left = cluster.get("networkpolicies").names
    assert left == (["deny"] if manifest else [])
