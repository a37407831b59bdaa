"""A probe makes a real connection, and tells a block from a fault."""

from __future__ import annotations

import pytest

import podwalk
from podwalk.facade import Caller, Cluster, execution
from podwalk.facade.errors import LearnerError, NotFoundError
from podwalk.facade.probes import Reply, call, caller, dismiss_all
from tests.conformance.test_policies import DENY, DNS, FROM_CLIENT

INGRESS = DENY.replace("[Ingress, Egress]", "[Ingress]")
EGRESS = DENY.replace("[Ingress, Egress]", "[Egress]")


def test_an_open_flow_is_open(shop: Cluster) -> None:
    found = shop.probe("client", "http://backend")
    assert found.open
    assert str(found) == "Pod client → http://backend: open"


def test_a_pod_without_a_shell_is_stood_for_and_the_stand_in_goes(shop: Cluster) -> None:
    found = shop.probe("deployment/backend", "backend:80")
    assert found.open
    assert found.stand_in
    shop.wait(f"pod/{found.stand_in}", "delete")


def test_a_flow_that_a_policy_denies_is_blocked_for_its_target_answers_itself(shop: Cluster) -> None:
    shop.apply(INGRESS)
    found = shop.probe("client", "backend:80", expect=False)
    assert (found.verdict, found.reply) == ("blocked", Reply.SILENT)
    assert found.control_by.startswith("Pod backend-")


def test_a_name_that_cannot_be_asked_for_is_blocked_and_one_that_does_not_exist_is_not(shop: Cluster) -> None:
    shop.apply(EGRESS)
    assert (found := shop.probe("client", "backend:80", expect=False)).blocked
    assert found.reply in (Reply.UNRESOLVED, Reply.SILENT)
    shop.apply(DNS)
    shop.probe("client", "udp://10.96.0.10:53", expect=True)
    missing = shop.probe("client", "backedn:80")
    assert (missing.verdict, missing.reply) == ("unproved", Reply.UNRESOLVED)


def test_a_port_that_nobody_listens_on_is_broken_and_not_blocked(shop: Cluster) -> None:
    shop.apply(INGRESS)
    shop.probe("client", "backend:80", expect=False)
    name = shop.get("pods", selector="app=backend").names[0]
    assert shop.probe("client", f"pod/{name}:81").verdict == "broken"
    assert shop.probe("client", f"pod/{name}:8080").verdict == "blocked"


def test_a_control_that_is_named_decides(shop: Cluster) -> None:
    shop.apply(INGRESS)
    shop.apply(FROM_CLIENT)
    other = podwalk.like("app=other")
    assert shop.probe(other, "backend:80", control="client", expect=False).verdict == "blocked"
    assert shop.probe(other, "backend:80", control=podwalk.like("app=third")).verdict == "broken"


def test_what_is_expected_is_awaited_and_what_never_comes_is_told(shop: Cluster) -> None:
    shop.apply(INGRESS)
    shop.probe("client", "backend:80", expect=False)
    shop.apply(FROM_CLIENT)
    assert shop.probe("client", "backend:80", expect=True).open
    assert shop.probe("client", "backend:80", expect=False, deadline_s=2).open


def test_a_matrix_is_one_exec_a_pod(shop: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.apply(INGRESS)
    shop.apply(FROM_CLIENT)
    backends = shop.get("pods", selector="app=backend").names
    shop.probe(podwalk.like("app=other"), "backend:80", expect=False)
    runs: list[str] = []
    run = execution.run

    def counted(api: object, pod: dict[str, object], *arguments: object, **options: object) -> execution.Output:
        runs.append(str(pod["metadata"]))
        return run(api, pod, *arguments, **options)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(execution, "run", counted)
    targets = [*(f"pod/{name}:8080" for name in backends), "backend:80"]
    callers: list[Caller | str] = ["client", podwalk.like("app=other"), podwalk.like("app=client")]
    found = shop.probes(callers, targets)
    assert len(runs) == len(callers)
    verdicts = {caller: {found[caller, target].verdict for target in targets} for caller in callers}
    assert list(verdicts.values()) == [{"open"}, {"blocked"}, {"open"}]
    assert repr(found).splitlines()[0].split() == ["FROM", *targets]


def test_a_pod_always_reaches_itself_even_if_another_calls_for_it(shop: Cluster) -> None:
    shop.apply(INGRESS)
    name = shop.get("pods", selector="app=backend").names[0]
    shop.probe("client", f"pod/{name}:8080", expect=False)
    assert shop.probe(name, f"pod/{name}:8080").open


def test_a_namespace_that_wants_restricted_pods_takes_stand_ins(shop: Cluster) -> None:
    shop.apply(
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": shop.namespace, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        }
    )
    assert shop.probe(podwalk.like("app=new"), "backend:80").open


def test_stand_ins_that_stayed_are_dismissed_and_nobody_elses(shop: Cluster) -> None:
    assert call(shop, podwalk.like("app=asks"), "true").ok
    [name] = [name for name in shop.get("pods").names if name.startswith(caller.PREFIX)]
    theirs = name[:-1] + ("1" if name.endswith("0") else "0")
    shop.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": theirs},
            "spec": {"containers": [{"name": "probe", "image": caller.IMAGE, "command": ["sleep", "infinity"]}]},
        }
    )
    dismiss_all(shop)
    shop.wait(f"pod/{name}", "delete")
    assert theirs in shop.get("pods").names


def test_what_cannot_be_probed_is_refused(shop: Cluster) -> None:
    with pytest.raises(NotFoundError, match='pods "nobody" not found'):
        shop.probe("nobody", "backend:80")
    with pytest.raises(LearnerError, match="UDP cannot be probed"):
        shop.probe("client", "udp://backend:8080")
    with pytest.raises(NotFoundError, match='there is no namespace "nowhere"'):
        shop.probe(podwalk.like("", "nowhere"), "backend:80")
