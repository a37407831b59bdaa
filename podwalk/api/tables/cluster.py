"""How nodes, namespaces, configuration, events, rights and storage are printed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from podwalk.api.tables.column import AGE, NAME, Column, name, since
from podwalk.api.tables.text import NONE, UNSET, field, number
from podwalk.api.trees import dig
from podwalk.types import Object

CREATED = Column("Created At", lambda obj, _now: obj["metadata"].get("creationTimestamp"), type="date")
NAMESPACES = (NAME, Column("Status", field("status", "phase")), AGE)
CONFIG_MAPS = (
    NAME,
    Column("Data", lambda obj, _now: len(obj.get("data") or ()) + len(obj.get("binaryData") or ())),
    AGE,
)
SECRETS = (NAME, Column("Type", field("type")), Column("Data", lambda obj, _now: len(obj.get("data") or ())), AGE)
LEASES = (NAME, Column("Holder", field("spec", "holderIdentity")), AGE)
_ROLE_LABEL = "node-role.kubernetes.io/"


def _node_status(node: Object, _now: datetime) -> str:
    known = {one["type"]: one.get("status") for one in dig(node, "status", "conditions") or ()}
    texts = [("" if known["Ready"] == "True" else "Not") + "Ready"] if "Ready" in known else ["Unknown"]
    if dig(node, "spec", "unschedulable"):
        texts.append("SchedulingDisabled")
    return ",".join(texts)


def _roles(node: Object, _now: datetime) -> str:
    roles = set()
    for key, value in (node["metadata"].get("labels") or {}).items():
        if key.startswith(_ROLE_LABEL) and len(key) > len(_ROLE_LABEL):
            roles.add(key.removeprefix(_ROLE_LABEL))
        elif key == "kubernetes.io/role" and value:
            roles.add(value)
    return ",".join(sorted(roles)) or NONE


def _address(kind: str) -> Callable[[Object, datetime], str]:
    def cell(node: Object, _now: datetime) -> str:
        addresses = dig(node, "status", "addresses") or ()
        return next((one["address"] for one in addresses if one["type"] == kind), NONE)

    return cell


def _kernel(node: Object, _now: datetime) -> str:
    info = dig(node, "status", "nodeInfo") or {}
    version, architecture = info.get("kernelVersion") or "<unknown>", info.get("architecture")
    return f"{version} ({architecture})" if architecture else version


NODES = (
    NAME,
    Column("Status", _node_status),
    Column("Roles", _roles),
    AGE,
    Column("Version", field("status", "nodeInfo", "kubeletVersion")),
    Column("Internal-IP", _address("InternalIP"), 1),
    Column("External-IP", _address("ExternalIP"), 1),
    Column("OS-Image", field("status", "nodeInfo", "osImage", absent="<unknown>"), 1),
    Column("Kernel-Version", _kernel, 1),
    Column("Container-Runtime", field("status", "nodeInfo", "containerRuntimeVersion", absent="<unknown>"), 1),
)


def _first_seen(event: Object, now: datetime) -> str:
    return since(event.get("firstTimestamp") or event.get("eventTime"), now)


def _last_seen(event: Object, now: datetime) -> str:
    if series := event.get("series"):
        return since(series.get("lastObservedTime"), now)
    return since(event["lastTimestamp"], now) if event.get("lastTimestamp") else _first_seen(event, now)


def _count(event: Object, _now: datetime) -> int:
    if series := event.get("series"):
        return int(series.get("count") or 0)
    return int(event.get("count") or 1)


def _regarding(event: Object, _now: datetime) -> str:
    target = event.get("involvedObject") or {}
    kind = target.get("kind", "").lower()
    return f"{kind}/{target['name']}" if target.get("name") else kind


def _event_source(event: Object, _now: datetime) -> str:
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent") or ""
    host = source.get("host") or event.get("reportingInstance") or ""
    return f"{component}, {host}" if host else component


EVENTS = (
    Column("Last Seen", _last_seen),
    Column("Type", field("type")),
    Column("Reason", field("reason")),
    Column("Object", _regarding),
    Column("Subobject", field("involvedObject", "fieldPath"), 1),
    Column("Source", _event_source, 1),
    Column("Message", lambda obj, _now: str(obj.get("message") or "").strip()),
    Column("First Seen", _first_seen, 1),
    Column("Count", _count, 1),
    Column("Name", name, 1, format="name"),
)


def _role(binding: Object, _now: datetime) -> str:
    ref = binding.get("roleRef") or {}
    return f"{ref.get('kind', '')}/{ref.get('name', '')}"


def _subjects(kind: str) -> Callable[[Object, datetime], str]:
    def cell(binding: Object, _now: datetime) -> str:
        subjects = [one for one in binding.get("subjects") or () if one.get("kind") == kind]
        if kind == "ServiceAccount":
            return ", ".join(f"{one.get('namespace', '')}/{one['name']}" for one in subjects)
        return ", ".join(one["name"] for one in subjects)

    return cell


BINDINGS = (
    NAME,
    Column("Role", _role),
    AGE,
    Column("Users", _subjects("User"), 1),
    Column("Groups", _subjects("Group"), 1),
    Column("ServiceAccounts", _subjects("ServiceAccount"), 1),
)
ROLES = (NAME, CREATED)
PRIORITY_CLASSES = (
    NAME,
    Column("Value", number("value"), type="integer"),
    Column("Global-Default", lambda obj, _now: bool(obj.get("globalDefault")), type="boolean"),
    AGE,
    Column("PreemptionPolicy", field("preemptionPolicy")),
)
_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def _access_modes(*path: str) -> Callable[[Object, datetime], str]:
    def cell(obj: Object, _now: datetime) -> str:
        found = dict.fromkeys(dig(obj, *path) or ())
        return ",".join(short for mode, short in _MODES.items() if mode in found)

    return cell


def _bound(cell: Callable[[Object, datetime], str]) -> Callable[[Object, datetime], str]:
    """Show something of a claim only once it has a volume."""
    return lambda obj, now: cell(obj, now) if dig(obj, "spec", "volumeName") else ""


def _phase(obj: Object, _now: datetime) -> str:
    return "Terminating" if obj["metadata"].get("deletionTimestamp") else dig(obj, "status", "phase") or ""


CLAIMS = (
    NAME,
    Column("Status", _phase),
    Column("Volume", field("spec", "volumeName")),
    Column("Capacity", _bound(field("status", "capacity", "storage"))),
    Column("Access Modes", _bound(_access_modes("status", "accessModes"))),
    Column("StorageClass", field("spec", "storageClassName")),
    Column("VolumeAttributesClass", field("spec", "volumeAttributesClassName", absent=UNSET)),
    AGE,
    Column("VolumeMode", field("spec", "volumeMode", absent=UNSET), 1),
)


def _claim(volume: Object, _now: datetime) -> str:
    ref = dig(volume, "spec", "claimRef")
    return f"{ref.get('namespace', '')}/{ref.get('name', '')}" if ref else ""


VOLUMES = (
    NAME,
    Column("Capacity", field("spec", "capacity", "storage")),
    Column("Access Modes", _access_modes("spec", "accessModes")),
    Column("Reclaim Policy", field("spec", "persistentVolumeReclaimPolicy")),
    Column("Status", _phase),
    Column("Claim", _claim),
    Column("StorageClass", field("spec", "storageClassName")),
    Column("VolumeAttributesClass", field("spec", "volumeAttributesClassName", absent=UNSET)),
    Column("Reason", field("status", "reason")),
    AGE,
    Column("VolumeMode", field("spec", "volumeMode", absent=UNSET), 1),
)
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def _class_name(obj: Object, now: datetime) -> str:
    default = (obj["metadata"].get("annotations") or {}).get(_DEFAULT_CLASS) == "true"
    return f"{name(obj, now)} (default)" if default else name(obj, now)


def _expansion(obj: Object, _now: datetime) -> bool:
    return bool(obj.get("allowVolumeExpansion"))


STORAGE_CLASSES = (
    Column("Name", _class_name, format="name"),
    Column("Provisioner", field("provisioner")),
    Column("ReclaimPolicy", field("reclaimPolicy", absent="Delete")),
    Column("VolumeBindingMode", field("volumeBindingMode", absent="Immediate")),
    Column("AllowVolumeExpansion", _expansion),
    AGE,
)


def _quota(kind: str) -> Callable[[Object, datetime], str]:
    def cell(quota: Object, _now: datetime) -> str:
        hard, used = dig(quota, "status", "hard") or {}, dig(quota, "status", "used") or {}
        names = sorted(one for one in hard if one.startswith("limits.") == (kind == "limits"))
        return ", ".join(f"{one}: {used.get(one, 0)}/{hard[one]}" for one in names)

    return cell


QUOTAS = (NAME, Column("Request", _quota("requests")), Column("Limit", _quota("limits")), AGE)


def _versions(crd: Object, _now: datetime) -> str:
    versions = [one for one in dig(crd, "spec", "versions") or () if one.get("served")]
    return ",".join(f"{one['name']}(storage)" if one.get("storage") else one["name"] for one in versions)


def _established(crd: Object, _now: datetime) -> bool:
    conditions = dig(crd, "status", "conditions") or ()
    return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)


DEFINITIONS = (
    NAME,
    Column("Scope", field("spec", "scope")),
    Column("Versions", _versions),
    CREATED,
    Column("Group", field("spec", "group"), 1),
    Column("Kind", field("spec", "names", "kind"), 1),
    Column("ShortNames", lambda obj, _now: ",".join(dig(obj, "spec", "names", "shortNames") or ()), 1),
    Column("Established", _established, 1, type="boolean"),
)
