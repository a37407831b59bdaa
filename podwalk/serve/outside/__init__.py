"""From outside, for real: loopback sockets of this machine that lead into the simulated network.

The simulated network decides each connection; here is only what carries the bytes. Nothing listens beyond loopback.
"""
