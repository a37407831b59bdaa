"""Each fault breaks what it says and nothing else, its ticket's check sees it, and the mend restores all."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

import podwalk
from grader import Task, incidents
from grader.checks.incidents import behaviour, contained, settled
from grader.patience import until_passed
from podwalk.facade import Cluster
from podwalk.facade.errors import LearnerError
from podwalk.incidents import CATALOGUE, Incident, behaviours, design, draw, only
from podwalk.incidents.application import NAMESPACE

DEADLINE_S = 60.0


@pytest.fixture
def cluster() -> Cluster:
    return podwalk.cluster("in-process", namespace=NAMESPACE, quiet=True)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_application_of_a_seed_is_in_good_health_without_faults(cluster: Cluster, seed: int) -> None:
    assert broken(cluster, begun(cluster, draw(seed, 0)), frozenset()) == {}


FIRST_SEED = {name: next(seed for seed in range(50) if CATALOGUE[name].applies(design(seed))) for name in CATALOGUE}


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_fault_breaks_what_it_says_and_nothing_else(cluster: Cluster, name: str) -> None:
    incident = begun(cluster, only(FIRST_SEED[name], name))
    assert set(broken(cluster, incident, CATALOGUE[name].breaks)) == CATALOGUE[name].breaks
    incidents.mend(cluster, incident)
    assert broken(cluster, incident, frozenset()) == {}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_any_seed_gives_faults_that_break_what_they_say(cluster: Cluster, seed: int) -> None:
    incident = begun(cluster, draw(seed))
    wanted = frozenset().union(*(fault.breaks for fault in incident.faults))
    assert set(broken(cluster, incident, wanted)) == wanted
    incidents.mend(cluster, incident)
    assert broken(cluster, incident, frozenset()) == {}


def test_settling_one_ticket_settles_that_one(cluster: Cluster) -> None:
    incident = begun(cluster, only(1, "replicas-zero", "ingress-host", "open-to-all"))
    incidents.mend(cluster, incident, 2)
    assert shares(cluster, incident) == [0, 1, 0]


def test_an_untouched_incident_earns_nothing(cluster: Cluster) -> None:
    incident = begun(cluster, draw(3))
    assert shares(cluster, incident) == [0, 0, 0]
    assert contained(incident).attempt(cluster).share == 0


def test_a_mend_that_opens_everything_is_seen(cluster: Cluster) -> None:
    incident = begun(cluster, only(1, "service-port"))
    for name in cluster.get("networkpolicies").names:
        cluster.delete(f"networkpolicy/{name}")
    assert shares(cluster, incident) == [1]
    finding = until_passed(cluster, contained(incident).attempt, 5.0)
    assert finding.share < 0.3
    assert "allowed but should not be: " in finding.reason


def test_the_desk_begins_once_and_leaves_nothing(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    desk = incidents.begin(cluster, 4)
    assert "3 tickets" in repr(desk)
    store = cluster.get(f"statefulset/{desk.incident.app.store}").object
    assert store["status"]["readyReplicas"] == store["spec"]["replicas"], "it begins when what is sound has started"
    assert desk.hint(1).startswith("Hint 1 of ")
    assert desk.check(1).startswith("✗ ticket 1 is settled\n    why: not so: ")
    desk.mend()
    again = incidents.begin(cluster, 4)
    report = again.check()
    assert report.count("✓") == 4, report
    again.close()
    assert not {"incident", "incident-office"} & set(cluster.get("namespaces").names)


def test_the_desk_tells_how_far_one_is_without_long_waits(cluster: Cluster) -> None:
    desk = incidents.begin(cluster, 11)
    began = clock(cluster, "began")
    assert desk.check().count("✗") == 4
    # In this process calls from different Pods come one after the other; on a served cluster this is 13 s.
    assert clock(cluster, "told") - began < timedelta(seconds=90)


def clock(cluster: Cluster, name: str) -> datetime:
    """Return the cluster's own time, which in a simulated one has little to do with ours."""
    (made,) = cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
    return datetime.fromisoformat(made.object["metadata"]["creationTimestamp"])


def test_a_graded_desk_gives_hints_and_no_solution(cluster: Cluster) -> None:
    desk = incidents.begin(cluster, 4, graded=True)
    assert [desk.hint(2)[:6] for _ in range(4)] == ["Hint 1", "Hint 2"] + ["Hint " + str(last_hint(desk))] * 2
    with pytest.raises(LearnerError, match="mending it is your part"):
        desk.mend()
    with pytest.raises(LearnerError, match="there is no ticket 9"):
        desk.check(9)


def last_hint(desk: incidents.Desk) -> int:
    return len(desk.incident.tickets[1].hints)


def test_another_seed_takes_the_place_of_the_incident_under_way(cluster: Cluster) -> None:
    incidents.begin(cluster, 4)
    incidents.begin(cluster, 5)
    assert set(cluster.get("deployments").names) == {
        obj["metadata"]["name"] for obj in draw(5).objects if obj["kind"] == "Deployment"
    } - {draw(5).app.partner}


def begun(cluster: Cluster, incident: Incident) -> Incident:
    """Install what an incident needs, and the incident."""
    cluster.addon("ingress")
    cluster.apply(incident.objects)
    return incident


def broken(cluster: Cluster, incident: Incident, expected: frozenset[str]) -> dict[str, str]:
    """Return what does not work, once all that should has had its time to start."""
    known = behaviours(incident.app)
    findings = {
        name: until_passed(cluster, behaviour(one).attempt, 0.0 if name in expected else DEADLINE_S)
        for name, one in sorted(known.items(), key=lambda item: item[0] in expected)
    }
    return {name: finding.reason for name, finding in findings.items() if not finding.passed}


def shares(cluster: Cluster, incident: Incident) -> list[float]:
    task = Task(cluster, points=1, namespace=NAMESPACE)
    return [task.check(settled(ticket)).share for ticket in incident.tickets]
