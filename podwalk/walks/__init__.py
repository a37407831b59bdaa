"""Packet walks: why a request succeeds, or not, as one value with several faces (a picture, text, data)."""

from podwalk.walks.journey import outside, walk
from podwalk.walks.reachability import Reachability, reachability
from podwalk.walks.walk import Target, Walk, WalkError

__all__ = ["Reachability", "Target", "Walk", "WalkError", "outside", "reachability", "walk"]
