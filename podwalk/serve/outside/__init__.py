"""From outside, for real: loopback sockets of this machine that lead into the simulated network.

The simulated network decides each connection; here is only what carries the bytes. Nothing listens beyond loopback.
"""

OUTSIDE_PATH = "/-/podwalk/outside"
"""``GET`` here tells which sockets of this machine lead into the cluster; empty if none do."""
