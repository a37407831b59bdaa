"""What the user of a context may do, as the API server itself says it.

Source: kubernetes.io, Authorization ("SelfSubjectAccessReview").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubernetes.client import (
    ApiClient,
    AuthorizationV1Api,
    V1ResourceAttributes,
    V1SelfSubjectAccessReview,
    V1SelfSubjectAccessReviewSpec,
)


@dataclass(frozen=True, order=True)
class Right:
    """A verb on a resource.

    Attributes:
        verb: e.g. ``create``.
        resource: its plural, with ``/`` and a subresource if need be: ``pods/exec``.
        group: its API group; empty for the core.
        namespace: where; empty for a resource of the whole cluster.
    """

    verb: str
    resource: str
    group: str = ""
    namespace: str = ""

    def __str__(self) -> str:
        """Name it as ``kubectl auth can-i`` takes it."""
        where = f" in namespace {self.namespace}" if self.namespace else ""
        return f"{self.verb} {self.resource}{f'.{self.group}' if self.group else ''}{where}"


def needed(namespace: str) -> tuple[Right, ...]:
    """Return what every lab does in its namespace."""
    return (
        *(Right("create", resource, "", namespace) for resource in ("pods", "services", "configmaps", "pods/exec")),
        Right("get", "pods/log", "", namespace),
        Right("create", "deployments", "apps", namespace),
        Right("create", "networkpolicies", "networking.k8s.io", namespace),
    )


def lacking(api: ApiClient, wanted: Iterable[Right]) -> Iterator[Right]:
    """Yield the rights that the user does not have.

    Raises:
        kubernetes.client.exceptions.ApiException: when the server does not say.
    """
    reviews = AuthorizationV1Api(api)
    for right in wanted:
        resource, _, subresource = right.resource.partition("/")
        attributes = V1ResourceAttributes(
            verb=right.verb,
            resource=resource,
            subresource=subresource or None,
            group=right.group,
            namespace=right.namespace or None,
        )
        spec = V1SelfSubjectAccessReviewSpec(resource_attributes=attributes)
        answer = reviews.create_self_subject_access_review(V1SelfSubjectAccessReview(spec=spec))
        if answer.status is None or not answer.status.allowed:
            yield right
