"""Which cluster a caller gets: by argument, environment variable, what is up, and at last the embedded one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

from kubernetes.client import ApiClient

from podwalk.errors import PodwalkError

NAME_VARIABLE = "PODWALK_KIND_CLUSTER"
"""The environment variable that names the kind cluster, ``podwalk`` by default."""

VARIABLE = "PODWALK_BACKEND"
"""The environment variable that names a backend."""


class Backend(Protocol):
    """A way to reach one cluster."""

    @property
    def name(self) -> str:
        """The word by which a caller asks for it, e.g. ``kind``."""

    def describe(self) -> str:
        """Say which cluster this is, e.g. ``kind cluster "podwalk", Kubernetes v1.37.0``; after :meth:`connect`."""

    def is_up(self) -> bool:
        """Whether its cluster answers now."""

    def connect(self) -> ApiClient:
        """Return a client of the cluster; the embedded ones start it first.

        Raises:
            PodwalkError: when the cluster does not answer, with what to try.
        """


@runtime_checkable
class KubectlBackend(Protocol):
    """A backend whose cluster kubectl can reach too."""

    def kubectl(self) -> tuple[str, ...]:
        """Return the options that make kubectl reach the same cluster, e.g. ``("--context", "kind-podwalk")``."""


@runtime_checkable
class ConfigurableBackend(Protocol):
    """A backend that makes its cluster when it connects, so that a caller may say how."""

    def configure(self, **options: Any) -> None:
        """Set fields of :class:`podwalk.types.ClusterOptions`; before :meth:`Backend.connect`.

        Raises:
            PodwalkError: when there is no such option, or not with that value.
        """


class UnknownBackendError(PodwalkError):
    """A backend was named that does not exist."""


def _factory(module: str, attribute: str) -> Callable[[str], Backend]:
    def make(argument: str) -> Backend:
        made: Backend = getattr(import_module(module), attribute)(argument)
        return made

    return make


BACKENDS: Mapping[str, Callable[[str], Backend]] = {
    "embedded": _factory("podwalk.backends.embedded", "EmbeddedBackend"),
    "in-process": _factory("podwalk.backends.inprocess", "InProcessBackend"),
    "kind": _factory("podwalk.backends.kind", "KindBackend"),
    "context": _factory("podwalk.backends.context", "ContextBackend"),
}
"""What makes each backend out of the argument after the colon (empty if there is none), imported when asked for."""


def select(name: str | None = None, *, environ: Mapping[str, str] | None = None) -> Backend:
    """Choose a backend: the name given, ``PODWALK_BACKEND``, the course's kind cluster if up, the embedded cluster.

    Args:
        name: ``BACKEND`` or ``BACKEND:ARGUMENT``, e.g. ``context:kind-demo``.
        environ: the environment, by default the process's.

    Raises:
        UnknownBackendError: when there is no backend of that name.
    """
    named = name or (os.environ if environ is None else environ).get(VARIABLE, "")
    if named:
        return make(named, said_by="" if name else f" (from {VARIABLE})")
    course = make("kind")
    return course if _is_ours(course) and course.is_up() else make("embedded")


def _is_ours(course: Backend) -> bool:
    """Whether the kind cluster is the course's, or was named: any other is touched only when asked for."""
    return NAME_VARIABLE in os.environ or bool(getattr(course, "is_ours", lambda: True)())


def make(named: str, said_by: str = "") -> Backend:
    """Make the backend of a name, without reaching for its cluster.

    Raises:
        UnknownBackendError: when there is no backend of that name.
    """
    word, _, argument = named.partition(":")
    if word not in BACKENDS:
        raise UnknownBackendError(f'there is no backend "{word}"{said_by}: choose one of {", ".join(BACKENDS)}')
    return BACKENDS[word](argument)
