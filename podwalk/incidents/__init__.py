"""Incidents: a cluster that is broken in a way that a seed decides, so that each student's differs.

A seed gives an application, whose names, ports and shape it draws, and faults of a catalogue. Everything here is plain
data and the same for the same seed: no cluster is touched, and nothing depends on the clock or the machine. Trying
whether what was broken works again is the grader's business (:mod:`grader.incidents`).
"""

from __future__ import annotations

from podwalk.incidents.application import Application, design
from podwalk.incidents.behaviours import Behaviour, behaviours
from podwalk.incidents.catalogue import CATALOGUE
from podwalk.incidents.fault import Fault
from podwalk.incidents.incident import Incident, Ticket, draw, only

__all__ = [
    "CATALOGUE",
    "Application",
    "Behaviour",
    "Fault",
    "Incident",
    "Ticket",
    "behaviours",
    "design",
    "draw",
    "only",
]
