"""Podwalk: Kubernetes networking, live.

``podwalk.cluster()`` is the one line with which every notebook begins. The façade is imported on first use, so that
the lower layers (``podwalk.types`` and the rest) can be imported without a Kubernetes client.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from podwalk.facade import Cluster
    from podwalk.facade.probes import Caller

__all__ = ["cluster", "like", "seed"]


def cluster(backend: str | None = None, *, namespace: str = "default", quiet: bool = False, **options: Any) -> Cluster:
    """Reach a cluster and say, in one line, which.

    Args:
        backend: ``embedded``, ``in-process``, ``kind``, ``kind:NAME``, ``context`` or ``context:NAME``; by default
            what the environment variable ``PODWALK_BACKEND`` says, else the course's own kind cluster if it is up,
            else the embedded cluster.
        namespace: the namespace of commands that name none.
        quiet: whether to keep the line to itself.
        options: how to set up a cluster ``in-process``: fields of :class:`podwalk.types.ClusterOptions`, e.g.
            ``cni="flannel"``. Any other cluster is there already, and takes none.

    Returns:
        The cluster, ready for commands.

    Raises:
        PodwalkError: when there is no such backend, its cluster does not answer, or it cannot be set up so.
    """
    from podwalk.facade import connect

    made = connect(backend, namespace=namespace, quiet=quiet, **options)
    if "IPython" in sys.modules:
        from podwalk.labs.magics import register

        register(made)
    return made


def seed(assignment: str) -> int:
    """Return the seed of this learner's variant of an assignment; see :mod:`podwalk.facade.seeds`.

    Raises:
        LearnerError: when nothing says whose variant it is.
    """
    from podwalk.facade import seeds

    return seeds.read(assignment)


def like(labels: str = "", namespace: str = "") -> Caller:
    """Return a caller for probes that policies take for a Pod with these labels; see :meth:`Cluster.probe`.

    Args:
        labels: e.g. ``app=frontend,tier=web``; without any it is just some Pod.
        namespace: where it is; by default the cluster's ``namespace``.
    """
    from podwalk.facade.probes import like as made

    return made(labels, namespace)
