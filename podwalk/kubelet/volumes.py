"""The volumes of a Pod: directories of ConfigMaps, Secrets and the Pod itself, kept up to date.

Source: pkg/volume/{configmap,secret,projected,downwardapi,emptydir}. Left out: everything that needs a disk or a
server outside; such a volume is refused in the kubelet's words.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from podwalk.containers.files import Directory, FileError, FileSystem, Node, parent, publish
from podwalk.errors import PodwalkError
from podwalk.kubelet.downward import field_value, resource_value
from podwalk.simulation import Simulation
from podwalk.types import Object, View

DEFAULT_MODE = 0o644


class MountError(PodwalkError):
    """A volume cannot be set up: what ``FailedMount`` says."""


@dataclass
class Volume:
    """A volume of a running Pod; ``payload`` is None for those that nobody updates."""

    name: str
    directory: Node
    payload: Callable[[], dict[str, bytes]] | None = None
    current: dict[str, bytes] = field(default_factory=dict)
    mode: int = DEFAULT_MODE
    type: str = "ext4"


def set_up(
    view: View,
    simulation: Simulation,
    pod: Object,
    spec: Mapping[str, Any],
    ips: Callable[[], str],
    host: FileSystem,
) -> Volume:
    """Make one volume of a Pod; ``host`` is what the Pods of its node share.

    Raises:
        MountError: when what it is made of is not there, or the kind of volume is not simulated.
    """
    kind = next((key for key in spec if key != "name"), "emptyDir")
    name, settings = spec["name"], spec.get(kind) or {}
    if kind == "emptyDir":
        is_memory = settings.get("medium") == "Memory"
        return Volume(name, Directory(mode=0o777), type="tmpfs" if is_memory else "ext4")
    if kind == "hostPath":
        return Volume(name, _on_host(host, name, settings))
    if kind not in ("configMap", "secret", "projected", "downwardAPI"):
        raise MountError(
            f'MountVolume.SetUp failed for volume "{name}" : podwalk does not simulate {kind} volumes; '
            "use emptyDir, configMap, secret, projected or downwardAPI"
        )
    sources = settings.get("sources") or [] if kind == "projected" else [{kind: settings}]

    def payload() -> dict[str, bytes]:
        content: dict[str, bytes] = {}
        for source in sources:
            content.update(_source(view, simulation, pod, source, ips))
        return content

    try:
        current = payload()
    except PodwalkError as error:
        raise MountError(f'MountVolume.SetUp failed for volume "{name}" : {error}') from error
    volume = Volume(name, Directory(mode=0o777), payload, current, settings.get("defaultMode") or DEFAULT_MODE)
    volume.type = "tmpfs" if kind in ("secret", "projected", "downwardAPI") else "ext4"
    _write(volume, simulation)
    return volume


def _on_host(host: FileSystem, name: str, settings: Mapping[str, Any]) -> Node:
    """Return what is at a path of the node, made if its type allows.

    Source: pkg/volume/hostpath/host_path.go. A node has no files but those that Pods have put there.
    """
    path, kind = settings["path"], settings.get("type") or ""
    try:
        if not host.exists(path) and kind in ("", "DirectoryOrCreate"):
            host.mkdir(path, parents=True)
        elif not host.exists(path) and kind == "FileOrCreate":
            host.mkdir(parent(path), parents=True)
            host.write(path, b"")
        node = host.stat(path)
    except FileError as error:
        raise MountError(_type_check(name, path, kind)) from error
    if isinstance(node, Directory) != ("File" not in kind) and kind:
        raise MountError(_type_check(name, path, kind))
    return node


def _type_check(name: str, path: str, kind: str) -> str:
    wanted = "file" if kind.startswith("File") else "directory" if kind.startswith("Directory") else kind
    article = "an" if wanted[:1] in "aeiou" else "a"
    return (
        f'MountVolume.SetUp failed for volume "{name}" : hostPath type check failed: {path} is not {article} {wanted}'
    )


def refresh(volume: Volume, simulation: Simulation) -> bool:
    """Bring a volume up to date; whether anything changed."""
    if volume.payload is None:
        return False
    try:
        content = volume.payload()
    except PodwalkError:
        # As on a real node, the old content stays until the source is there again.
        return False
    if content == volume.current:
        return False
    volume.current = content
    _write(volume, simulation)
    return True


def mount(
    files: FileSystem, volumes: Mapping[str, Volume], entry: Mapping[str, Any], expand: Callable[[str], str]
) -> None:
    """Let a volume, or one path of it, appear in a container.

    Raises:
        MountError: when a subPath cannot be used.
    """
    volume = volumes[entry["name"]]
    node: Node = volume.directory
    sub_path = entry.get("subPath") or expand(entry.get("subPathExpr") or "")
    if sub_path and isinstance(node, Directory):
        inside = FileSystem(node)
        if not inside.exists("/" + sub_path):
            inside.mkdir("/" + sub_path, parents=True)
        node = inside.stat("/" + sub_path)
    read_only = bool(entry.get("readOnly")) or volume.payload is not None
    source = "tmpfs" if volume.type == "tmpfs" else "/dev/vda"
    files.mount(entry["mountPath"], node, read_only, source=source, type=volume.type)


def _write(volume: Volume, simulation: Simulation) -> None:
    assert isinstance(volume.directory, Directory), "what has a payload was made as a directory"
    stamp = simulation.datetime().strftime("%Y_%m_%d_%H_%M_%S.%f") + f"{len(volume.directory.entries):03d}"
    publish(volume.directory, volume.current, stamp, mode=volume.mode, now_s=simulation.now)


def _source(
    view: View, simulation: Simulation, pod: Object, source: Mapping[str, Any], ips: Callable[[], str]
) -> dict[str, bytes]:
    kind, settings = next((key, value) for key, value in source.items() if value is not None)
    namespace = pod["metadata"]["namespace"]
    if kind in ("configMap", "secret"):
        return _of_object(view, namespace, kind, settings)
    if kind == "downwardAPI":
        return {item["path"]: _downward(view, pod, item, ips()).encode() for item in settings.get("items") or ()}
    if kind == "serviceAccountToken":
        return {settings["path"]: service_account_token(simulation, pod, settings).encode()}
    raise MountError(f"podwalk does not simulate {kind} in a projected volume")


def _of_object(view: View, namespace: str, kind: str, settings: Mapping[str, Any]) -> dict[str, bytes]:
    name = settings.get("name") or settings.get("secretName") or ""
    found = view.get(f"{kind.lower()}s", namespace, name)
    if found is None:
        if settings.get("optional"):
            return {}
        raise MountError(f'{kind.lower()} "{name}" not found')
    data = _bytes_of(found, kind)
    items = settings.get("items")
    if not items:
        return data
    chosen: dict[str, bytes] = {}
    for item in items:
        if item["key"] in data:
            chosen[item["path"]] = data[item["key"]]
        elif not settings.get("optional"):
            word = "configmap" if kind == "configMap" else "references non-existent secret key"
            raise MountError(f"{word} references non-existent config key: {item['key']}" if kind == "configMap"
                             else f"{word}: {item['key']}")  # fmt: skip
    return chosen


def _bytes_of(obj: Object, kind: str) -> dict[str, bytes]:
    if kind == "secret":
        return {key: base64.b64decode(value) for key, value in (obj.get("data") or {}).items()}
    data = {key: value.encode() for key, value in (obj.get("data") or {}).items()}
    return data | {key: base64.b64decode(value) for key, value in (obj.get("binaryData") or {}).items()}


def _downward(view: View, pod: Object, item: Mapping[str, Any], ip: str) -> str:
    if item.get("fieldRef"):
        return field_value(pod, item["fieldRef"]["fieldPath"], ip, pod.get("status", {}).get("hostIP", ""))
    return resource_value(view, pod, {}, item["resourceFieldRef"])


def service_account_token(simulation: Simulation, pod: Object, settings: Mapping[str, Any]) -> str:
    """Return a token of the Pod's ServiceAccount: a JWT that is good as long as the Pod is there."""
    issued = int(simulation.datetime().timestamp())
    namespace, account = pod["metadata"]["namespace"], pod["spec"].get("serviceAccountName") or "default"
    claims = {
        "aud": [settings.get("audience") or "https://kubernetes.default.svc.cluster.local"],
        "exp": issued + int(settings.get("expirationSeconds") or 3600),
        "iat": issued,
        "iss": "https://kubernetes.default.svc.cluster.local",
        "kubernetes.io": {
            "namespace": namespace,
            "pod": {"name": pod["metadata"]["name"], "uid": pod["metadata"].get("uid", "")},
            "serviceaccount": {"name": account},
        },
        "nbf": issued,
        "sub": f"system:serviceaccount:{namespace}:{account}",
    }
    body = ".".join(_segment(part) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    signature = hmac.new(pod["metadata"].get("uid", "").encode(), body.encode(), hashlib.sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def _segment(part: Mapping[str, Any]) -> str:
    data = json.dumps(part, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
