"""What notebooks, labs, the grader and the book use: a cluster by kubectl's verbs."""

from __future__ import annotations

from typing import Any

from podwalk.backends.selection import ConfigurableBackend, KubectlBackend, select
from podwalk.errors import PodwalkError
from podwalk.facade.application import Applied, Changes
from podwalk.facade.cluster import Cluster
from podwalk.facade.execution import Output
from podwalk.facade.listing import Listing
from podwalk.facade.probes import Caller, Probe, Probes, like

__all__ = ["Applied", "Caller", "Changes", "Cluster", "Listing", "Output", "Probe", "Probes", "connect", "like"]


def connect(backend: str | None = None, *, namespace: str = "default", quiet: bool = False, **options: Any) -> Cluster:
    """Choose a backend, connect, and say in one line which it is; see :func:`podwalk.cluster`."""
    chosen = select(backend)
    if options:
        if not isinstance(chosen, ConfigurableBackend):
            raise PodwalkError(
                f"{', '.join(options)}: the cluster of the backend {chosen.name!r} is set up already; "
                'podwalk.cluster("in-process", …) makes one, and so does `podwalk up --name NAME --cni …`'
            )
        chosen.configure(**options)
    api = chosen.connect()
    made = Cluster(api, backend=chosen.name, description=chosen.describe(), namespace=namespace)
    made.connect_by(chosen.connect)
    made.kubectl = chosen.kubectl() if isinstance(chosen, KubectlBackend) else None
    if not quiet:
        print(f"Backend {chosen.name}: {chosen.describe()}")
    return made
