"""Defaults of Pods and of the templates in every workload.

Source: kubernetes/pkg/apis/core/v1/defaults.go, release 1.37.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from podwalk.api import quantities
from podwalk.api.defaults.fill import child, fill, fill_int, items
from podwalk.types import Object

_FILE_MODE = 0o644
_TOKEN_LIFE_S = 3600
_REPOSITORY = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::\d+)?/)?[a-z0-9]+(?:(?:[._]|__|-+|/)[a-z0-9]+)*")
_TAG = re.compile(r"\w[\w.-]{0,127}")
_CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")


def pod(obj: Object) -> None:
    """Fill in a Pod: what a template has, and what only Pods have."""
    spec = child(obj, "spec")
    pod_spec(spec)
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        spec["terminationGracePeriodSeconds"] = 1
    for name in ("containers", "initContainers"):
        for container in items(spec, name):
            _request_limits(container)
    fill(spec, "enableServiceLinks", True)
    if spec.get("hostNetwork"):
        for name in ("containers", "initContainers"):
            for container in items(spec, name):
                for port in items(container, "ports"):
                    if port.get("containerPort"):
                        fill_int(port, "hostPort", port["containerPort"])
    _pod_ips(child(obj, "status"))


def template(obj: Object) -> None:
    """Fill in a PodTemplateSpec."""
    pod_spec(child(obj, "spec"))


def pod_spec(spec: Object) -> None:
    """Fill in a PodSpec."""
    account = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if account:
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    fill(spec, "dnsPolicy", "ClusterFirst")
    fill(spec, "restartPolicy", "Always")
    fill(spec, "schedulerName", "default-scheduler")
    fill(spec, "terminationGracePeriodSeconds", 30)
    fill(spec, "securityContext", {})
    for volume in items(spec, "volumes"):
        _volume(volume)
    for name in _CONTAINER_LISTS:
        for one in items(spec, name):
            _container(one)
    if overhead := spec.get("overhead"):
        spec["overhead"] = _rounded(overhead)
    if isinstance(spec.get("resources"), dict):
        _round(spec["resources"])


def tag_of(image: str) -> str:
    """Return the tag of an image's name: ``latest`` if it has none, empty if it has a digest or is no name at all."""
    name, _, digest = image.partition("@")
    path, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        path, tag = name, ""
    if not _REPOSITORY.fullmatch(path) or (tag and not _TAG.fullmatch(tag)):
        return ""
    return tag or ("" if digest else "latest")


def _container(container: Object) -> None:
    fill(container, "imagePullPolicy", "Always" if tag_of(container.get("image") or "") == "latest" else "IfNotPresent")
    fill(container, "terminationMessagePath", "/dev/termination-log")
    fill(container, "terminationMessagePolicy", "File")
    for port in items(container, "ports"):
        fill(port, "protocol", "TCP")
    for variable in items(container, "env"):
        source = variable.get("valueFrom") or {}
        if isinstance(source.get("fieldRef"), dict):
            fill(source["fieldRef"], "apiVersion", "v1")
        if isinstance(source.get("fileKeyRef"), dict):
            fill(source["fileKeyRef"], "optional", False)
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if isinstance(container.get(name), dict):
            _probe(container[name])
    for hook in (container.get("lifecycle") or {}).values():
        if isinstance(hook, dict):
            _http_get(hook)
    _round(child(container, "resources"))


def _probe(probe: Object) -> None:
    for name, value in (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)):
        fill_int(probe, name, value)
    _http_get(probe)
    if isinstance(probe.get("grpc"), dict):
        fill(probe["grpc"], "service", "")
        # Of a feature that is off where nobody turns it on (GRPCContainerProbeTLS, alpha in 1.37): dropped in silence.
        probe["grpc"].pop("mode", None)


def _http_get(handler: Object) -> None:
    if isinstance(handler.get("httpGet"), dict):
        fill(handler["httpGet"], "path", "/")
        fill(handler["httpGet"], "scheme", "HTTP")


def _volume(volume: Object) -> None:
    sources = [name for name, value in volume.items() if name != "name" and value is not None]
    if not sources:
        volume["emptyDir"] = {}
    for name in ("secret", "configMap", "downwardAPI", "projected"):
        if isinstance(volume.get(name), dict):
            fill(volume[name], "defaultMode", _FILE_MODE)
    if isinstance(volume.get("hostPath"), dict):
        fill(volume["hostPath"], "type", "")
    if isinstance(volume.get("image"), dict):
        latest = tag_of(volume["image"].get("reference") or "") == "latest"
        fill(volume["image"], "pullPolicy", "Always" if latest else "IfNotPresent")
    for file in _downward_files(volume):
        if isinstance(file.get("fieldRef"), dict):
            fill(file["fieldRef"], "apiVersion", "v1")
    for source in items(volume.get("projected") or {}, "sources"):
        if isinstance(source.get("serviceAccountToken"), dict):
            fill(source["serviceAccountToken"], "expirationSeconds", _TOKEN_LIFE_S)
    claim = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
    if isinstance(claim, dict):
        fill(child(claim, "spec"), "volumeMode", "Filesystem")


def _downward_files(volume: Object) -> Iterator[Object]:
    yield from items(volume.get("downwardAPI") or {}, "items")
    for source in items(volume.get("projected") or {}, "sources"):
        yield from items(source.get("downwardAPI") or {}, "items")


def _request_limits(container: Object) -> None:
    """Request what is limited, where nothing else is requested."""
    resources = child(container, "resources")
    if limits := resources.get("limits"):
        resources["requests"] = {**limits, **(resources.get("requests") or {})}


def _round(resources: Object) -> None:
    for name in ("limits", "requests"):
        if resources.get(name):
            resources[name] = _rounded(resources[name])


def _rounded(amounts: Object) -> Object:
    """Round to a thousandth, as the API does for compatibility with what it once stored."""
    return {name: quantities.round_up(str(value), 3) for name, value in amounts.items()}


def _pod_ips(status: Object) -> None:
    """Keep the one address and the list of them in step; the one wins."""
    ips = status.get("podIPs") or []
    if status.get("podIP"):
        if not ips or ips[0].get("ip") != status["podIP"]:
            status["podIPs"] = [{"ip": status["podIP"]}]
    elif ips:
        status["podIP"] = ips[0]["ip"]
