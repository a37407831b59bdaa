"""The one exception root, and the API's own error.

Every error of Podwalk derives from :class:`PodwalkError` and says what happened, where, and what to try. Third-party
exceptions do not
leave the package: they are wrapped with ``from``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class PodwalkError(Exception):
    """Say what happened, where, and what to try."""


@dataclass(frozen=True)
class Cause:
    """One entry of ``Status.details.causes``.

    Attributes:
        reason: a machine-readable word, e.g. ``FieldValueRequired``.
        field: the path as the API server prints it, e.g. ``spec.ports[0].port``.
        message: the human sentence, without the field.
    """

    reason: str
    field: str
    message: str

    def __str__(self) -> str:
        """Render as the API server does inside an ``is invalid:`` message."""
        return f"{self.field}: {self.message}" if self.field else self.message

    def as_json(self) -> dict[str, str]:
        """Return the ``StatusCause`` object."""
        return {"reason": self.reason, "message": self.message, "field": self.field}


class ApiError(PodwalkError):
    """An error answer of the Kubernetes API: HTTP code, ``reason`` and ``details`` as upstream's.

    Attributes:
        warnings: the texts of the Warning headers that go with the answer.

    Source: k8s.io/apimachinery/pkg/api/errors.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        causes: tuple[Cause, ...] = (),
    ) -> None:
        """Keep the parts of the ``Status`` to be sent."""
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.causes = causes
        self.warnings: tuple[str, ...] = ()
        self.details = dict(details or {})
        self._detailed = details is not None
        if causes:
            self.details["causes"] = [cause.as_json() for cause in causes]

    def status(self) -> dict[str, Any]:
        """Return the ``Status`` object of the answer."""
        status: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        status["message"] = self.message
        if self.reason:
            status["reason"] = self.reason
        if self.details or self._detailed:
            status["details"] = self.details
        status["code"] = self.code
        return status
