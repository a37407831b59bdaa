"""Podwalk: Kubernetes networking, live.

``podwalk.cluster()`` is the one line with which every notebook begins. The façade is imported on first use, so that
the lower layers (``podwalk.types`` and the rest) can be imported without a Kubernetes client.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from podwalk.facade import Cluster
    from podwalk.facade.probes import Caller
    from podwalk.facade.saving import Restored

__all__ = ["cluster", "like", "restore", "seed"]


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

    validating = backend is None and not options and os.environ.get("NBGRADER_VALIDATING") == "1"
    made = _validated(namespace) if validating else None
    made = made or connect(backend, namespace=namespace, quiet=quiet, **options)
    if "IPython" in sys.modules:
        from podwalk.labs.magics import register

        register(made, aside=bool(options))
    return made


def restore(
    name: str,
    *,
    namespaces: Sequence[str] = (),
    cluster: Sequence[str] = (),
    allowed: Sequence[str] = (),
    last: bool = False,
) -> Restored:
    """Make an assignment's objects in this cluster those that ``podwalk save`` kept; see :mod:`podwalk.facade.saving`.

    Args:
        name: the file.
        namespaces: those the assignment works in; what is in others is passed over.
        cluster: kinds without a namespace that it may make.
        allowed: objects of kube-system that it may change.
        last: whether no cell follows that could need what was deleted.

    Raises:
        LearnerError: when the file cannot be read.
    """
    from podwalk.facade import connect, saving
    from podwalk.facade.scope import Scope

    scope = Scope(tuple(namespaces), tuple(cluster), tuple(allowed))
    return saving.load(name, connect(quiet=True), scope, last=last)


def _validated(namespace: str) -> Cluster | None:
    """Return the cluster that nbgrader's Validate gives a notebook: a fresh one, as grading does."""
    from podwalk.labs import assignment

    found = assignment.validation()
    if found is not None:
        found.cluster.namespace = namespace
    return found.cluster if found else None


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
