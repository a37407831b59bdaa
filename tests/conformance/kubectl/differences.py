"""Where the embedded cluster may print something else than a real one: each difference by name, with its reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """A line that differs.

    Attributes:
        session: the session it is in.
        command: what the command begins with.
        real: a pattern of what a real cluster prints.
        embedded: what stands there on the embedded cluster.
        reason: why.
    """

    session: str
    command: str
    real: str
    embedded: str
    reason: str


UNTAUGHT = "kinds that the course does not teach are not served: the real 404"

DIFFERENCES: tuple[Difference, ...] = (
    *(
        Difference("access", "kubectl api-versions", rf"(?m)^{group}/v\w+\n", "", UNTAUGHT)
        for group in (
            "admissionregistration.k8s.io",
            "apiregistration.k8s.io",
            "certificates.k8s.io",
            "flowcontrol.apiserver.k8s.io",
            "node.k8s.io",
            "storagemigration.k8s.io",
        )
    ),
    Difference("access", "kubectl api-versions", r"(?m)^autoscaling/v1\n", "", "autoscaling is served as v2 only"),
    *(
        Difference("access", "kubectl api-resources --api-group=''", rf"(?m)^{kind} .*\n", "", UNTAUGHT)
        for kind in ("componentstatuses", "replicationcontrollers")
    ),
    Difference("access", "kubectl api-resources --verbs=list,watch", r"replicationcontrollers\n", "", UNTAUGHT),
    Difference(
        "access",
        "kubectl api-resources --namespaced=false --api-group=storage",
        r"(?s)^csidrivers.*csinodes.storage.k8s.io\n|\nvolumeattachments.*",
        "",
        UNTAUGHT,
    ),
    Difference(
        "access",
        "kubectl get componentstatuses",
        r"(?s)Warning: .*",
        'error: the server doesn\'t have a resource type "componentstatuses"',
        UNTAUGHT,
    ),
    Difference(
        "access",
        "kubectl auth can-i delete pods --as",
        r"no\n\[exit 1\]",
        "yes",
        "there is one administrator: RBAC is stored, and answers for nobody else",
    ),
    Difference(
        "describe",
        "kubectl get events --field-selector=involvedObject.name=broken",
        "(?m)^Normal  Pulling",
        "Normal  ImagesSimulated  IMAGES\nNormal  Pulling",
        "an Event names the images there are, where a real cluster has all those of the registries",
    ),
)
