"""Podwalk: Kubernetes networking, live.

``podwalk.cluster()`` is the one line with which every notebook begins. The façade is imported on first use, so that
the lower layers (``podwalk.types`` and the rest) can be imported without a Kubernetes client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from podwalk.facade import Cluster

__all__ = ["cluster", "lab"]


def cluster(backend: str | None = None, *, namespace: str = "default", quiet: bool = False) -> Cluster:
    """Reach a cluster and say, in one line, which.

    Args:
        backend: ``embedded``, ``in-process``, ``kind``, ``kind:NAME``, ``context`` or ``context:NAME``; by default
            what the environment variable ``PODWALK_BACKEND`` says, else the course's own kind cluster if it is up,
            else the embedded cluster.
        namespace: the namespace of commands that name none.
        quiet: whether to keep the line to itself.

    Returns:
        The cluster, ready for commands.

    Raises:
        PodwalkError: when there is no such backend, or its cluster does not answer.
    """
    from podwalk.facade import connect

    return connect(backend, namespace=namespace, quiet=quiet)


def lab(*args: Any, **kwargs: Any) -> Any:
    """Show the step control of a lab in a notebook; see :func:`podwalk.labs.show`."""
    from podwalk.labs import show

    return show(*args, **kwargs)
