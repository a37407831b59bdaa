"""A StatefulSet's Pod: its name, number, labels, host name and claims."""

from __future__ import annotations

from podwalk.controllers import history, pods
from podwalk.controllers.controller import Context
from podwalk.controllers.trees import clone
from podwalk.errors import ApiError
from podwalk.types import Object

POD_NAME, POD_INDEX = "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"
CLAIMS = "persistentvolumeclaims"


def ordinal(pod: Object) -> int:
    """Return a Pod's number, -1 if its name has none."""
    _, _, number = pod["metadata"]["name"].rpartition("-")
    return int(number) if number.isdigit() else -1


def is_member(stateful_set: Object, pod: Object) -> bool:
    """Whether a Pod's name is the set's with a number.

    Source: pkg/controller/statefulset, isMemberOf.
    """
    return ordinal(pod) >= 0 and pod["metadata"]["name"].rpartition("-")[0] == stateful_set["metadata"]["name"]


def revision(pod: Object) -> str:
    """Return the name of the ControllerRevision that a Pod was made from."""
    return str((pod["metadata"].get("labels") or {}).get(history.REVISION_LABEL, ""))


def new_pod(stateful_set: Object, made_from: Object, number: int) -> Object:
    """Return the Pod of a number, from the template that a revision keeps."""
    metadata, spec = stateful_set["metadata"], stateful_set["spec"]
    template = history.template_of(made_from)
    pod = pods.from_template(template, metadata["namespace"], stateful_set, "apps/v1", "StatefulSet")
    name = f"{metadata['name']}-{number}"
    pod["metadata"] |= {"name": name, "generateName": f"{metadata['name']}-"}
    pod["metadata"]["labels"] |= {
        POD_NAME: name,
        POD_INDEX: str(number),
        history.REVISION_LABEL: made_from["metadata"]["name"],
    }
    pod["spec"] |= {"hostname": name}
    if spec.get("serviceName"):
        pod["spec"]["subdomain"] = spec["serviceName"]
    claims = [entry["metadata"]["name"] for entry in spec.get("volumeClaimTemplates") or ()]
    volumes = [entry for entry in pod["spec"].get("volumes") or () if entry["name"] not in claims]
    own = [{"name": claim, "persistentVolumeClaim": {"claimName": f"{claim}-{name}"}} for claim in claims]
    if volumes or own:
        pod["spec"]["volumes"] = [*own, *volumes]
    return pod


def make(context: Context, stateful_set: Object, pod: Object) -> None:
    """Create a Pod after its claims, and say so."""
    name, owner = pod["metadata"]["name"], stateful_set["metadata"]["name"]
    try:
        for template in stateful_set["spec"].get("volumeClaimTemplates") or ():
            _claim(context, stateful_set, template, name)
        context.objects.create("pods", pod, manager="kube-controller-manager")
    except ApiError as error:
        message = f"Create Pod {name} in StatefulSet {owner} failed error: {error}"
        context.recorder.event(stateful_set, "Warning", "FailedCreate", message)
        raise
    message = f"Create Pod {name} in StatefulSet {owner} successful"
    context.recorder.event(stateful_set, "Normal", "SuccessfulCreate", message)


def remove(context: Context, stateful_set: Object, pod: Object) -> None:
    """Delete a Pod, and say so."""
    metadata = pod["metadata"]
    context.objects.delete("pods", metadata["namespace"], metadata["name"], uid=metadata["uid"])
    message = f"Delete Pod {metadata['name']} in StatefulSet {stateful_set['metadata']['name']} successful"
    context.recorder.event(stateful_set, "Normal", "SuccessfulDelete", message)


def _claim(context: Context, stateful_set: Object, template: Object, pod_name: str) -> None:
    namespace, owner = stateful_set["metadata"]["namespace"], stateful_set["metadata"]["name"]
    name = f"{template['metadata']['name']}-{pod_name}"
    if context.objects.get(CLAIMS, namespace, name) is not None:
        return
    selected = (stateful_set["spec"].get("selector") or {}).get("matchLabels") or {}
    labels = {**(template["metadata"].get("labels") or {}), **selected}
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {**template["metadata"], "name": name, "namespace": namespace, "labels": labels},
        "spec": clone(template["spec"]),
    }
    context.objects.create(CLAIMS, claim, manager="kube-controller-manager")
    message = f"Create Claim {name} Pod {pod_name} in StatefulSet {owner} success"
    context.recorder.event(stateful_set, "Normal", "SuccessfulCreate", message)
