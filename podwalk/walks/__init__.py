"""Packet walks: why a request succeeds, or not, as one value with several faces (a picture, text, data)."""

from podwalk.walks.journey import outside, walk
from podwalk.walks.mapping import NamespaceMap, survey
from podwalk.walks.reachability import Reachability, reachability
from podwalk.walks.walk import Observation, Target, Walk, WalkError

__all__ = [
    "NamespaceMap",
    "Observation",
    "Reachability",
    "Target",
    "Walk",
    "WalkError",
    "outside",
    "reachability",
    "survey",
    "walk",
]
