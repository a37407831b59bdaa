"""An incident in a learner's cluster: break it, read the tickets, ask for hints, see which are settled.

A notebook holds it as one object::

    from grader import incidents

    desk = incidents.begin(cluster, seed=7)
    desk
"""

from __future__ import annotations

from html import escape

from grader import Task
from grader.checks.incidents import contained, settled
from grader.checks.traffic import within
from grader.finding import Result
from podwalk.facade import Changes, Cluster
from podwalk.facade.belongings import EVERYWHERE
from podwalk.facade.cluster import Text
from podwalk.facade.errors import LearnerError
from podwalk.incidents import Incident, Ticket, draw
from podwalk.incidents.application import NAMESPACE
from podwalk.incidents.incident import FAULTS

SEED = "podwalk.dev/incident"
"""The annotation of the namespace that says which incident it holds."""


WORKLOADS = ("Deployment", "StatefulSet")
START_TIMEOUT_S = 180.0

PATIENCE_S = 6.0
"""How long one who asks waits in vain for what was just changed; an assignment's marks are more patient."""


class Desk:
    """The help desk of an incident.

    Attributes:
        incident: what is broken.
    """

    def __init__(self, cluster: Cluster, incident: Incident, *, graded: bool = False) -> None:
        self.incident = incident
        self._cluster, self._graded = cluster, graded
        self._hints: dict[int, int] = {}

    def __repr__(self) -> str:
        """Return the tickets as text."""
        lines = [f"Incident {self.incident.seed}: {len(self.incident.tickets)} tickets"]
        return "\n".join([*lines, *(f"{ticket.number}. {ticket.text}" for ticket in self.incident.tickets)])

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{escape(ticket.text)}</li>" for ticket in self.incident.tickets)
        return f"<p><strong>Incident {escape(str(self.incident.seed))}</strong></p><ol>{items}</ol>"

    def hint(self, number: int) -> Text:
        """Return the next hint for a ticket; they grow plainer, and the last one is repeated.

        Raises:
            LearnerError: when there is no such ticket.
        """
        hints = self._ticket(number).hints
        given = min(self._hints.get(number, 0), len(hints) - 1)
        self._hints[number] = given + 1
        return Text(f"Hint {given + 1} of {len(hints)}: {hints[given]}")

    def check(self, number: int = 0) -> Text:
        """Try whether the tickets are settled, or one of them, and say why not.

        Raises:
            LearnerError: when there is no such ticket.
        """
        tickets = [self._ticket(number)] if number else self.incident.tickets
        checks = [settled(ticket) for ticket in tickets] + ([] if number else [contained(self.incident)])
        task = Task(self._cluster, points=len(checks), namespace=NAMESPACE)
        patience_s = PATIENCE_S
        for one in checks:
            if not task.check(within(patience_s, one)).passed:
                # The others had this time too.
                patience_s = 0.0
        return Text("\n".join(_line(result) for result in task.results))

    def mend(self) -> Changes:
        """Mend everything, as the last resort: one of many ways, and what it changed.

        Raises:
            LearnerError: when the incident is graded.
        """
        if self._graded:
            raise LearnerError("this incident is graded: mending it is your part", hint="desk.hint(1)")
        return mend(self._cluster, self.incident)

    def close(self) -> Changes:
        """Delete the incident's namespaces."""
        return self._cluster.delete([_namespace(name) for name in self.incident.namespaces])

    def _ticket(self, number: int) -> Ticket:
        tickets = self.incident.tickets
        if not 1 <= number <= len(tickets):
            raise LearnerError(f"there is no ticket {number}", hint=f"they are numbered from 1 to {len(tickets)}")
        return tickets[number - 1]


def mend(cluster: Cluster, incident: Incident, *numbers: int) -> Changes:
    """Settle tickets in one of many ways, by default all of them, and return what that changed."""
    gone, right = incident.mend(*numbers)
    deleted = cluster.delete(gone) if gone else ()
    return Changes((*deleted, *(cluster.apply(right) if right else ())))


def begin(cluster: Cluster, seed: int | str, *, faults: int = FAULTS, graded: bool = False) -> Desk:
    """Break a cluster as the seed says, and return the help desk.

    Where this very incident is under way already, it is left as it is, so that a notebook may run again from the top
    without undoing the learner's work; :meth:`Desk.close` first begins anew.

    Args:
        cluster: where; its add-on ``ingress`` is installed, or found.
        seed: any number or text.
        faults: how many.
        graded: whether it is an assignment, so that the desk gives hints and no solution.

    Raises:
        LearnerError: when the cluster has no Ingress controller and cannot be given one.
        PodwalkError: when the seed has not so many faults.
    """
    incident = draw(seed, faults)
    desk, mark = Desk(cluster, incident, graded=graded), f"{seed}/{faults}"
    if _under_way(cluster) != mark:
        if _is_occupied(cluster, incident):
            desk.close()
        cluster.addon("ingress")
        cluster.apply(incident.objects)
        _settle(cluster, incident)
        # Last of all: an incident that was begun by half is begun anew.
        cluster.apply({**_namespace(NAMESPACE), "metadata": {"name": NAMESPACE, "annotations": {SEED: mark}}})
    return desk


def _settle(cluster: Cluster, incident: Incident) -> None:
    """Wait for the Pods that nothing is wrong with: what is only starting looks like a fault."""
    sound = draw(incident.seed, 0).objects
    for obj in incident.objects:
        if obj["kind"] in WORKLOADS and obj in sound:
            name, namespace, replicas = obj["metadata"]["name"], obj["metadata"]["namespace"], obj["spec"]["replicas"]
            words = f"jsonpath={{.status.readyReplicas}}={replicas}"
            cluster.wait(f"{obj['kind'].lower()}/{name}", words, namespace=namespace, timeout_s=START_TIMEOUT_S)


def _under_way(cluster: Cluster) -> str:
    found = [obj for obj in cluster.get("namespaces") if obj["metadata"]["name"] == NAMESPACE]
    return str((found[0]["metadata"].get("annotations") or {}).get(SEED, "")) if found else ""


def _is_occupied(cluster: Cluster, incident: Incident) -> bool:
    """Whether its namespaces hold anything; empty ones are taken as they are, since they may be lent to us only."""
    kinds = {obj["kind"] for obj in incident.objects} - {"Namespace"}
    found = (
        f"{kind}/{obj['metadata']['name']}"
        for kind in kinds
        for name in incident.namespaces
        for obj in cluster.get(kind.lower(), namespace=name)
    )
    return any(name not in EVERYWHERE for name in found)


def _namespace(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _line(result: Result) -> str:
    mark = "✓" if result.finding.passed else "✗"
    return f"{mark} {result.claim}" + ("" if result.finding.passed else f"\n    why: {result.finding.reason}")
