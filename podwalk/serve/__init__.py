"""A cluster as a server on loopback: front, clock, journal, certificates, and how it is started and stopped."""

STOP_PATH = "/-/podwalk/stop"
"""``POST`` here ends the server: it works where signals do not, and needs the token."""
