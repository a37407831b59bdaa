"""What notebooks, labs, the grader and the book use: a cluster by kubectl's verbs."""

from __future__ import annotations

from podwalk.backends.selection import KubectlBackend, select
from podwalk.facade.application import Applied, Changes
from podwalk.facade.cluster import Cluster
from podwalk.facade.execution import Output
from podwalk.facade.listing import Listing

__all__ = ["Applied", "Changes", "Cluster", "Listing", "Output", "connect"]


def connect(backend: str | None = None, *, namespace: str = "default", quiet: bool = False) -> Cluster:
    """Choose a backend, connect, and say in one line which it is; see :func:`podwalk.cluster`."""
    chosen = select(backend)
    api = chosen.connect()
    made = Cluster(api, backend=chosen.name, description=chosen.describe(), namespace=namespace)
    made.kubectl = chosen.kubectl() if isinstance(chosen, KubectlBackend) else None
    if not quiet:
        print(f"Backend {chosen.name}: {chosen.describe()}")
    return made
