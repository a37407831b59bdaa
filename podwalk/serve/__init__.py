"""A cluster as a server on loopback: front, clock, journal, certificates, and how it is started and stopped."""
