"""An incident: an application with faults, the tickets about them, and the mend that a teacher would make."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

from podwalk.errors import PodwalkError
from podwalk.incidents.application import NAMESPACE, OFFICE, Application, design, generator
from podwalk.incidents.behaviours import Behaviour, behaviours
from podwalk.incidents.catalogue import CATALOGUE
from podwalk.incidents.fault import Fault
from podwalk.incidents.objects import Objects, healthy
from podwalk.types import Object

FAULTS = 3
"""How many faults an incident has, unless somebody asks for another number."""

RESTARTED = "kubectl.kubernetes.io/restartedAt"
"""The annotation by which ``kubectl rollout restart`` gives a Deployment new Pods."""


@dataclass(frozen=True)
class Ticket:
    """What a user reported, with what a learner may ask for.

    Attributes:
        number: from 1.
        text: what was noticed.
        hints: from vague to plain.
        behaviours: what must hold again.
    """

    number: int
    text: str
    hints: tuple[str, ...]
    behaviours: tuple[Behaviour, ...]


@dataclass(frozen=True)
class Incident:
    """A broken application.

    Attributes:
        seed: what it was drawn from.
        app: the application.
        faults: its faults, in the order of the tickets.
    """

    seed: int | str
    app: Application
    faults: tuple[Fault, ...]

    @property
    def namespaces(self) -> tuple[str, str]:
        """Everything is in these."""
        return NAMESPACE, OFFICE

    @property
    def tickets(self) -> tuple[Ticket, ...]:
        """One ticket for each fault."""
        known = behaviours(self.app)
        return tuple(
            Ticket(
                number,
                fault.ticket(self.app),
                fault.hints(self.app),
                tuple(one for name, one in known.items() if name in fault.breaks),
            )
            for number, fault in enumerate(self.faults, 1)
        )

    @property
    def objects(self) -> list[Object]:
        """The objects of the broken application, in the order to apply them."""
        return list(self._objects().values())

    def mend(self, *numbers: int) -> tuple[list[Object], list[Object]]:
        """Return one of many ways to settle tickets, by default all of them.

        Args:
            numbers: of the tickets.

        Returns:
            What to delete, and what to apply after that.
        """
        left = tuple(fault for number, fault in enumerate(self.faults, 1) if numbers and number not in numbers)
        broken, whole = self._objects(), Incident(self.seed, self.app, left)._objects()
        changed = {name for name, obj in whole.items() if broken.get(name) != obj}
        # What a Service has been given cannot be changed, nor can two Services hold one port of the nodes.
        gone = [obj for name, obj in broken.items() if name not in whole or ("Service/" in name and name in changed)]
        for name in changed & {f"ConfigMap/{tier}" for tier in (self.app.front, self.app.api)}:
            deployment = f"Deployment/{name.removeprefix('ConfigMap/')}"
            whole[deployment]["spec"]["template"]["metadata"]["annotations"] = {RESTARTED: "after the mend"}
            changed.add(deployment)
        return gone, [obj for name, obj in whole.items() if name in changed]

    def _objects(self) -> Objects:
        objects = healthy(self.app)
        for fault in self.faults:
            fault.inject(self.app, objects)
        return copy.deepcopy(objects)


def draw(seed: int | str, faults: int = FAULTS) -> Incident:
    """Draw an incident; the same for the same seed.

    Faults that break the same thing hide each other, so no two of an incident do.

    Args:
        seed: any number or text.
        faults: how many; none gives an application in good health.

    Raises:
        PodwalkError: when the application has not so many faults that stay clear of each other.
    """
    app = design(seed)
    candidates = [fault for fault in CATALOGUE.values() if fault.applies(app)]
    generator(seed, "faults").shuffle(candidates)
    chosen = _apart(candidates, faults)
    if len(chosen) < faults:
        raise PodwalkError(f"seed {seed}: {faults} faults would hide each other; ask for fewer")
    return Incident(seed, app, tuple(chosen))


def only(seed: int | str, *names: str) -> Incident:
    """Return the application of a seed with the faults of these names.

    Raises:
        PodwalkError: when there is no such fault, or the application has not what it takes.
    """
    app = design(seed)
    for name in names:
        if name not in CATALOGUE:
            raise PodwalkError(f'there is no fault "{name}"; there are: {", ".join(CATALOGUE)}')
        if not CATALOGUE[name].applies(app):
            raise PodwalkError(f'the application of seed {seed} cannot have the fault "{name}"; try another seed')
    return Incident(seed, app, tuple(CATALOGUE[name] for name in names))


def _apart(candidates: Sequence[Fault], wanted: int) -> list[Fault]:
    chosen, broken, needed = list[Fault](), set[str](), set[str]()
    for fault in candidates:
        hidden = fault.breaks & (broken | needed) or fault.needs & broken
        if len(chosen) < wanted and not hidden:
            chosen.append(fault)
            broken |= fault.breaks
            needed |= fault.needs
    return chosen
