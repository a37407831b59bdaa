"""Podwalk: Kubernetes networking, live."""
