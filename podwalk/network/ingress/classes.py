"""Which Ingresses a controller serves.

Source: kubernetes.io, Ingress: "Ingress class"; ingress-nginx and Traefik ignore an Ingress without a class, as they
are set up by default or on the course's clusters.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from podwalk.types import Object, View

INGRESSES, CLASSES = "ingresses.networking.k8s.io", "ingressclasses.networking.k8s.io"
DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
OLD_ANNOTATION = "kubernetes.io/ingress.class"


def class_names(view: View, controllers: Collection[str]) -> tuple[str, ...]:
    """Return the IngressClasses that name one of these controllers."""
    return tuple(
        one["metadata"]["name"]
        for one in view.list(CLASSES)
        if (one.get("spec") or {}).get("controller") in controllers
    )


def class_of(ingress: Object) -> str:
    """Return the class that an Ingress names, by its field or by the old annotation; empty for none."""
    named = ingress.get("spec", {}).get("ingressClassName")
    return named or (ingress["metadata"].get("annotations") or {}).get(OLD_ANNOTATION) or ""


def served(view: View, controllers: Collection[str], ingress_class: str = "") -> tuple[Object, ...]:
    """Return the Ingresses of these controllers, the oldest first, as conflicts are decided.

    Args:
        view: the objects.
        controllers: what ``spec.controller`` of their class says.
        ingress_class: only those of this class.
    """
    names = {name for name in class_names(view, controllers) if ingress_class in ("", name)}
    mine: Sequence[Object] = [one for one in view.list(INGRESSES) if class_of(one) in names]
    return tuple(sorted(mine, key=_age))


def _age(ingress: Object) -> tuple[str, str, str]:
    metadata = ingress["metadata"]
    return metadata.get("creationTimestamp") or "", metadata.get("namespace", ""), metadata["name"]
