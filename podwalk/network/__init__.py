"""The cluster's network as pure functions of its objects: a flow → a verdict with its reasons.

Nothing here does I/O, keeps time or knows which cluster it looks at: the same functions serve the simulated cluster
and a snapshot of a real one.
"""

from podwalk.network.affinity import Affinity
from podwalk.network.allowance import allowance, allowances, surplus
from podwalk.network.environment import environment
from podwalk.network.health import health_check
from podwalk.network.routing import route

__all__ = ["Affinity", "allowance", "allowances", "environment", "health_check", "route", "surplus"]
