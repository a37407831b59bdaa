"""Runs a submission and its checks in two processes that share nothing but a cluster."""
