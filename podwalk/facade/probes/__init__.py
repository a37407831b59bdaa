"""Probes: connections that are really made, from inside of Pods, to see who reaches whom.

A connection that fails proves nothing by itself: a name misspelt fails too, and so does a server that is down. So every
probe that gets no connection has a positive control, a connection to the same port at the same time that must succeed.
"""

from podwalk.facade.probes.caller import Caller, as_caller, call, dismiss_all, like
from podwalk.facade.probes.result import Probe, Probes, Reply
from podwalk.facade.probes.run import DEADLINE_S, probe

__all__ = ["DEADLINE_S", "Caller", "Probe", "Probes", "Reply", "as_caller", "call", "dismiss_all", "like", "probe"]
