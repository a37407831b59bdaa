"""What every namespace gets: the ServiceAccount ``default``, and the ConfigMap with the cluster's root certificate.

Source: k8s.io/kubernetes/pkg/controller/serviceaccount and certificates/rootcacertpublisher.
"""

from __future__ import annotations

from podwalk.controllers.certificate import root_certificate
from podwalk.controllers.controller import Context, Controller
from podwalk.controllers.queue import Key
from podwalk.types import Change

ACCOUNT, CONFIG_MAP = "default", "kube-root-ca.crt"
NOTE = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the "
    "internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of "
    "Kubernetes clusters."
)


def reconcile(context: Context, key: Key) -> float | None:
    """Make what is missing in an active namespace."""
    name = key[1]
    namespace = context.objects.get("namespaces", "", name)
    if namespace is None or "deletionTimestamp" in namespace["metadata"]:
        return None
    if context.objects.get("serviceaccounts", name, ACCOUNT) is None:
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": name}}
        context.objects.create("serviceaccounts", account, manager="kube-controller-manager")
    certificate = root_certificate(context.options)
    present = context.objects.get("configmaps", name, CONFIG_MAP)
    if present is None:
        metadata = {"name": CONFIG_MAP, "namespace": name, "annotations": {"kubernetes.io/description": NOTE}}
        config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": certificate}}
        context.objects.create("configmaps", config_map, manager="kube-controller-manager")
    elif present.get("data") != {"ca.crt": certificate}:
        context.objects.update("configmaps", {**present, "data": {"ca.crt": certificate}})
    return None


def _namespace(context: Context, change: Change) -> list[Key]:
    return [("", change.object["metadata"]["name"])]


def _in_namespace(context: Context, change: Change) -> list[Key]:
    metadata = change.object["metadata"]
    return [("", metadata["namespace"])] if metadata["name"] in (ACCOUNT, CONFIG_MAP) else []


CONTROLLER = Controller(
    "service-account-controller",
    reconcile,
    {"namespaces": _namespace, "serviceaccounts": _in_namespace, "configmaps": _in_namespace},
)
