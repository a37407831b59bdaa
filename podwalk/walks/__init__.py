"""Packet walks: why a request succeeds, or not, as one value with several faces (a picture, text, data)."""

from podwalk.walks.reachability import Reachability, reachability
from podwalk.walks.walk import Target, Walk, WalkError, walk

__all__ = ["Reachability", "Target", "Walk", "WalkError", "reachability", "walk"]
