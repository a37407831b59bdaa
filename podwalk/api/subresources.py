"""The paths below an object that are not the object: scale, binding, eviction and the rest.

Source: kubernetes/pkg/registry/apps/*/storage, kubernetes/pkg/registry/core/pod/storage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from podwalk.api import failures, negotiation, ownership, patch, reviews, scaleapply, schema, streaming
from podwalk.api.failures import bad_request
from podwalk.api.negotiation import answer
from podwalk.api.options import Deletion, Write, write_options
from podwalk.api.reads import find
from podwalk.api.registry import Resource
from podwalk.api.routes import Route
from podwalk.api.selectors import label_selector_matches
from podwalk.api.trees import clone, dig
from podwalk.errors import ApiError, Cause
from podwalk.types import Object, Request, Response

if TYPE_CHECKING:
    from podwalk.api.objects import StoredObjects
    from podwalk.api.server import Api

Handler = Callable[["Api", Route, Request], Response]


def handler(found: Route) -> Handler | None:
    """Return what answers a route that is not plain reading and writing; None for one that is."""
    if found.subresource:
        if not found.resource.model and found.subresource == "scale":
            return _SCALE.get(found.verb)
        by_verb = _SUBRESOURCES.get(found.subresource)
        return by_verb.get(found.verb, by_verb.get("*")) if by_verb else None
    if found.resource.group in ("authentication.k8s.io", "authorization.k8s.io"):
        return reviews.review
    return bind if found.resource.key == "bindings" else None


def get_scale(api: Api, found: Route, request: Request) -> Response:
    """Answer with the Scale of a workload."""
    wanted = negotiation.representation(request)
    return answer(scale_of(api.objects, found.resource, find(api, found)), wanted)


def scale_of(objects: StoredObjects, resource: Resource, workload: Object) -> Object:
    """Return the ``autoscaling/v1`` Scale of a workload."""
    metadata = workload["metadata"]
    replicas_path, status_path, selector_path = objects.definitions.scale_paths(resource)
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    selector = dig(workload, *selector_path) if selector_path else None
    status = {"replicas": dig(workload, *status_path) or 0}
    if text := selector if isinstance(selector, str) else selector_text(selector or {}):
        status["selector"] = text
    spec = {} if (dig(workload, *replicas_path) or 0) == 0 else {"replicas": dig(workload, *replicas_path)}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": spec,
        "status": status,
    }


def selector_text(selector: Object) -> str:
    """Return a LabelSelector in the text form of query parameters.

    Source: ``metav1.LabelSelectorAsSelector(...).String()``.
    """
    clauses = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for one in selector.get("matchExpressions") or ():
        key, values = one["key"], ",".join(sorted(one.get("values") or ()))
        forms = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        clauses.append((key, forms[one["operator"]]))
    return ",".join(text for _, text in sorted(clauses, key=lambda clause: clause[0]))


def put_scale(api: Api, found: Route, request: Request) -> Response:
    """Set the replicas of a workload."""
    wanted = negotiation.representation(request)
    write = write_options(request, "UpdateOptions", "scale")
    body = negotiation.read_body(request, "Scale")
    return answer(_write_scale(api, found, _decode_scale(api, found, body, write), write), wanted)


def patch_scale(api: Api, found: Route, request: Request) -> Response:
    """Change the Scale of a workload."""
    wanted = negotiation.representation(request)
    patch_type = negotiation.content_type(request)
    write = write_options(request, "PatchOptions", "scale", apply=patch_type == patch.APPLY_PATCH)
    if patch_type == patch.APPLY_PATCH:
        return answer(_apply_scale(api, found, request.body, write), wanted)
    if patch_type not in (patch.JSON_PATCH, patch.MERGE_PATCH, patch.STRATEGIC_PATCH):
        raise ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type")
    subresource = found.resource.subresource("scale")
    at = schema.root(subresource) if subresource is not None else schema.FieldType("raw")
    body = patch.apply(patch_type, request.body, scale_of(api.objects, found.resource, find(api, found)), at)
    return answer(_write_scale(api, found, _decode_scale(api, found, body, write), write), wanted)


def _apply_scale(api: Api, found: Route, body: bytes, write: Write) -> Object:
    subresource = found.resource.subresource("scale")
    if subresource is None:
        raise failures.not_found(found.resource, found.name)
    workload = find(api, found)
    path, _, _ = api.objects.definitions.scale_paths(found.resource)
    entries = ownership.read(workload["metadata"].get("managedFields"))
    owners = scaleapply.owners_of(entries, path, subresource.api_version)
    scale = scale_of(api.objects, found.resource, workload)
    scale, owners = scaleapply.merged(found, subresource, body, scale, owners, write)
    entries = scaleapply.returned(entries, owners, path, found.resource.api_version)
    return _write_scale(api, found, _decode_scale(api, found, scale, write), write, entries)


def _decode_scale(api: Api, found: Route, body: Object, write: Write) -> Object:
    subresource = found.resource.subresource("scale")
    return api.objects.decode_as(subresource, body, write) if subresource is not None else body


def _write_scale(
    api: Api, found: Route, scale: Object, write: Write, entries: Sequence[ownership.Entry] | None = None
) -> Object:
    name = dig(scale, "metadata", "name")
    if name and name != found.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({found.name})")
    replicas = dig(scale, "spec", "replicas") or 0
    if replicas < 0:
        text = f"Invalid value: {replicas}: must be greater than or equal to 0"
        cause = Cause("FieldValueInvalid", "spec.replicas", text)
        raise failures.invalid("autoscaling", "Scale", found.name, [cause])
    workload = clone(find(api, found))
    workload["metadata"]["resourceVersion"] = dig(scale, "metadata", "resourceVersion") or ""
    if uid := dig(scale, "metadata", "uid"):
        workload["metadata"]["uid"] = uid
    replicas_path, _, _ = api.objects.definitions.scale_paths(found.resource)
    place: Any = workload
    for key in replicas_path[:-1]:
        place = place.setdefault(key, {})
    place[replicas_path[-1]] = replicas
    if entries is not None:
        ownership.store(workload, entries)
    operation = write.operation
    trusted = Write(write.manager, operation, subresource="scale", dry_run=write.dry_run, trusted=True)
    return scale_of(api.objects, found.resource, api.objects.replace(found.resource, workload, trusted))


def bind(api: Api, found: Route, request: Request) -> Response:
    """Put a Pod on a node."""
    wanted = negotiation.representation(request)
    write = write_options(request, "CreateOptions", "binding")
    body = negotiation.read_body(request, "Binding")
    target, name = body.get("target") or {}, found.name or dig(body, "metadata", "name") or ""
    if target.get("kind", "Node") not in ("Node", ""):
        text = f'Unsupported value: "{target["kind"]}": supported values: "Node", "<empty>"'
        raise failures.invalid("", "Binding", name, [Cause("FieldValueNotSupported", "target.kind", text)])
    if not target.get("name"):
        raise failures.invalid("", "Binding", name, [Cause("FieldValueRequired", "target.name", "Required value")])
    assign(api.objects, found.namespace, name, str(target["name"]), dry_run=write.dry_run, manager=write.manager)
    return answer(_created(), wanted, status=201)


def assign(objects: StoredObjects, namespace: str, name: str, node: str, *, dry_run: bool, manager: str) -> None:
    """Give a Pod its node, its PodScheduled condition and the node's topology labels.

    Raises:
        ApiError: 404 for a Pod that is not there, 409 for one that has a node or is going.
    """
    pods = objects.resource("pods")
    old = objects.get("pods", namespace, name)
    if old is None:
        raise failures.not_found(pods, name)
    if old["metadata"].get("deletionTimestamp"):
        raise failures.conflict(pods, name, f"pod {name} is being deleted, cannot be assigned to a host")
    if taken := dig(old, "spec", "nodeName"):
        raise failures.conflict(pods, name, f'pod {name} is already assigned to node "{taken}"')
    pod = clone(old)
    pod["spec"]["nodeName"] = node
    scheduled = {
        "type": "PodScheduled",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": objects.simulation.timestamp(),
        "observedGeneration": pod["metadata"].get("generation"),
    }
    status = pod.setdefault("status", {})
    others = [one for one in status.get("conditions") or () if one["type"] != "PodScheduled"]
    status["conditions"] = [*others, scheduled]
    objects.replace(pods, pod, Write(manager, subresource="binding", dry_run=dry_run, trusted=True))


def evict(api: Api, found: Route, request: Request) -> Response:
    """Delete a Pod unless a PodDisruptionBudget says no."""
    wanted = negotiation.representation(request)
    pod = find(api, found)
    body = negotiation.read_body(request, "Eviction") if request.body.strip() else {}
    name = dig(body, "metadata", "name")
    if name and name != found.name:
        raise bad_request(f"name in URL does not match name in Eviction object: {found.name} vs {name}")
    options = body.get("deleteOptions") or {}
    write = write_options(request, "CreateOptions")
    _spend_budget(api, found, pod)
    preconditions = options.get("preconditions") or {}
    how = Deletion(
        options.get("gracePeriodSeconds"),
        options.get("propagationPolicy"),
        preconditions.get("uid"),
        preconditions.get("resourceVersion"),
        dry_run=write.dry_run or bool(options.get("dryRun")),
    )
    if not how.dry_run and dig(pod, "status", "phase") not in ("Succeeded", "Failed"):
        api.objects.modify(
            "pods", found.namespace, found.name, _mark_disrupted(api), subresource="status", manager="kube-apiserver"
        )
    api.objects.remove(found.resource, found.namespace, found.name, how)
    return answer(_created(), wanted, status=201)


def _mark_disrupted(api: Api) -> Callable[[Object], None]:
    # Source: k8s.io/kubernetes/pkg/registry/core/pod/storage/eviction.go, addConditionAndDeletePod.
    entry = {
        "type": "DisruptionTarget",
        "status": "True",
        "lastTransitionTime": api.simulation.timestamp(),
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
    }

    def mark(latest: Object) -> None:
        conditions = latest.setdefault("status", {}).get("conditions") or ()
        latest["status"]["conditions"] = [*(one for one in conditions if one["type"] != entry["type"]), entry]

    return mark


def _spend_budget(api: Api, found: Route, pod: Object) -> None:
    if dig(pod, "status", "phase") in ("Succeeded", "Failed") or pod["metadata"].get("deletionTimestamp"):
        return
    labels = pod["metadata"].get("labels") or {}
    for budget in api.objects.list("poddisruptionbudgets.policy", found.namespace):
        if not label_selector_matches(dig(budget, "spec", "selector") or {}, labels):
            continue
        if (dig(budget, "status", "disruptionsAllowed") or 0) > 0:
            continue
        name, status = budget["metadata"]["name"], budget.get("status") or {}
        text = (
            f"The disruption budget {name} needs {status.get('desiredHealthy', 0)} healthy pods "
            f"and has {status.get('currentHealthy', 0)} currently"
        )
        message = "Cannot evict pod as it would violate the pod's disruption budget."
        causes = (Cause("DisruptionBudget", "", text),)
        raise ApiError(429, "TooManyRequests", message, causes=causes)


def _created() -> Object:
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def refuse_resize(_api: Api, found: Route, _request: Request) -> Response:
    """Refuse to change the resources of a running Pod: this cluster has no cgroups."""
    why = "resizing a running Pod is not simulated by this cluster: delete the Pod and create it with other resources"
    raise failures.forbidden(found.resource, found.name, why)


_SCALE: Mapping[str, Handler] = {"get": get_scale, "update": put_scale, "patch": patch_scale}
_SUBRESOURCES: Mapping[str, Mapping[str, Handler]] = {
    "scale": _SCALE,
    "binding": {"create": bind},
    "eviction": {"create": evict},
    "token": {"create": reviews.token},
    "log": {"get": streaming.log},
    "proxy": {"*": streaming.proxy},
    "resize": {"update": refuse_resize, "patch": refuse_resize},
    **{name: {"*": streaming.upgrade_required} for name in streaming.UPGRADES},
}
