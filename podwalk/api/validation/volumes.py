"""What the volumes of a Pod must be.

Volumes of storage systems that this cluster does not have are checked for their number only.

Source: ``ValidateVolumes`` in kubernetes/pkg/apis/core/validation/validation.go, release 1.37.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from podwalk.api import quantities
from podwalk.api.validation import names
from podwalk.api.validation.causes import Causes, duplicate, each, forbidden, invalid, not_supported, required
from podwalk.api.validation.containers import descending, field_reference, no_steps_back, resource_reference
from podwalk.errors import Cause
from podwalk.types import Object

_MODE = "must be a number between 0 and 0777 (octal), both inclusive"
_FILE_FIELDS = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid")
_HOST_PATH_TYPES = (
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
)
# In the order in which the API looks, which decides which one is one too many.
_SOURCES = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
]
_MISSPELT = {"downwardAPI": "downwarAPI", "cephfs": "cephFS"}


def volumes(path: str, values: list[Object]) -> tuple[dict[str, Object], list[Cause]]:
    """Check the volumes of a Pod.

    Returns:
        Those that are good, by name, for the mounts; and what is wrong.
    """
    good: dict[str, Object] = {}
    found: list[Cause] = []
    for index, volume in enumerate(values):
        at, name = f"{path}[{index}]", volume.get("name") or ""
        causes = list(_source(at, volume))
        causes += each(f"{at}.name", name, names.dns_label(name)) if name else [required(f"{at}.name")]
        if name in good:
            causes.append(duplicate(f"{at}.name", name))
        if causes:
            found += causes
        else:
            good[name] = volume
    return good, found


def _source(path: str, volume: Object) -> Causes:
    given = [name for name in _SOURCES if volume.get(name) is not None]
    for index, name in enumerate(given):
        if index:
            yield forbidden(f"{path}.{_MISSPELT.get(name, name)}", "may not specify more than 1 volume type")
        elif name in _CHECKS:
            yield from _CHECKS[name](f"{path}.{name}", volume[name])
    if not given:
        yield required(path, "must specify a volume type")


def _empty_dir(path: str, source: Object) -> Causes:
    if quantities.amount(source.get("sizeLimit") or "0") < 0:
        yield forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")


def _host_path(path: str, source: Object) -> Causes:
    target = source.get("path") or ""
    if not target:
        yield required(f"{path}.path")
        return
    yield from no_steps_back(f"{path}.path", target)
    kind = source.get("type") or ""
    if kind not in _HOST_PATH_TYPES:
        yield not_supported(f"{path}.type", kind, _HOST_PATH_TYPES)


def _config_map(path: str, source: Object) -> Causes:
    if not source.get("name"):
        yield required(f"{path}.name")
    yield from _default_mode(path, source)
    yield from _items(path, source)


def _secret(path: str, source: Object) -> Causes:
    if not source.get("secretName"):
        yield required(f"{path}.secretName")
    yield from _default_mode(path, source)
    yield from _items(path, source)


def _items(path: str, source: Object) -> Causes:
    for index, item in enumerate(source.get("items") or ()):
        yield from _key_to_path(f"{path}.items[{index}]", item)


def _key_to_path(path: str, item: Object) -> Causes:
    for name in ("key", "path"):
        if not item.get(name):
            yield required(f"{path}.{name}")
    yield from _local(f"{path}.path", item.get("path") or "")
    yield from _mode(f"{path}.mode", item.get("mode"))


def _local(path: str, value: str) -> Causes:
    yield from descending(path, value)
    if value.startswith("..") and not value.startswith("../"):
        yield invalid(path, value, "must not start with '..'")


def _default_mode(path: str, source: Object) -> Causes:
    yield from _mode(f"{path}.defaultMode", source.get("defaultMode"))


def _mode(path: str, value: int | None) -> Causes:
    if value is not None and not 0 <= value <= 0o777:
        yield invalid(path, value, _MODE)


def _downward(path: str, source: Object) -> Causes:
    yield from _default_mode(path, source)
    for file in source.get("items") or ():
        yield from _downward_file(path, file)


def _downward_file(path: str, file: Object) -> Causes:
    if not file.get("path"):
        yield required(f"{path}.path")
    yield from _local(f"{path}.path", file.get("path") or "")
    if file.get("fieldRef") is not None:
        yield from field_reference(f"{path}.fieldRef", file["fieldRef"], _FILE_FIELDS)
        if file.get("resourceFieldRef") is not None:
            yield invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously")
    elif file.get("resourceFieldRef") is not None:
        yield from resource_reference(f"{path}.resourceFieldRef", file["resourceFieldRef"], volume=True)
    else:
        yield required(path, "one of fieldRef and resourceFieldRef is required")
    yield from _mode(f"{path}.mode", file.get("mode"))


def _projected(path: str, source: Object) -> Causes:
    yield from _default_mode(path, source)
    seen: set[str] = set()
    for index, part in enumerate(source.get("sources") or ()):
        at = f"{path}.sources[{index}]"
        given = [name for name in _PROJECTIONS if part.get(name) is not None]
        for name in given:
            yield from _PROJECTIONS[name](f"{at}.{name}", path, part[name])
            yield from _conflicts(path, name, part[name], seen)
        if len(given) > 1:
            yield forbidden(at, "may not specify more than 1 volume type per source")


def _conflicts(path: str, kind: str, part: Object, seen: set[str]) -> Causes:
    for item in part.get("items") or ():
        if target := item.get("path"):
            if target in seen:
                yield invalid(
                    path, target if kind == "downwardAPI" else part.get("name"), "conflicting duplicate paths"
                )
            seen.add(target)


def _named_part(path: str, _volume: str, part: Object) -> Causes:
    if not part.get("name"):
        yield required(f"{path}.name")
    yield from _items(path, part)


def _downward_part(path: str, _volume: str, part: Object) -> Causes:
    for file in part.get("items") or ():
        yield from _downward_file(path, file)


def _token_part(path: str, volume: str, part: Object) -> Causes:
    seconds = part.get("expirationSeconds")
    if seconds is None:
        yield required(f"{path}.expirationSeconds")
    elif seconds < 600:
        yield invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")
    elif seconds > 1 << 32:
        yield invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")
    if not part.get("path"):
        yield required(f"{volume}.path")
    else:
        yield from _local(f"{volume}.path", part["path"])


_PROJECTIONS: Mapping[str, Callable[[str, str, Object], Causes]] = {
    "secret": _named_part,
    "configMap": _named_part,
    "downwardAPI": _downward_part,
    "serviceAccountToken": _token_part,
    "clusterTrustBundle": lambda _path, _volume, _part: iter(()),
    "podCertificate": lambda _path, _volume, _part: iter(()),
}


def _claim(path: str, source: Object) -> Causes:
    if not source.get("claimName"):
        yield required(f"{path}.claimName")


def _nfs(path: str, source: Object) -> Causes:
    if not source.get("server"):
        yield required(f"{path}.server")
    target = source.get("path") or ""
    if not target:
        yield required(f"{path}.path")
    elif not target.startswith("/"):
        yield invalid(f"{path}.path", target, "must be an absolute path")


_CHECKS: Mapping[str, Callable[[str, Object], Causes]] = {
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "configMap": _config_map,
    "secret": _secret,
    "downwardAPI": _downward,
    "projected": _projected,
    "persistentVolumeClaim": _claim,
    "nfs": _nfs,
}
