"""The Pod Security Standards: what a level forbids in a Pod's spec, each check in the words of its own.

A check is a function of the spec. Which level has it, and since which release, stands in one table.

Source: k8s.io/pod-security-admission/policy, release 1.37.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from podwalk.types import Object

LATEST = inf


@dataclass(frozen=True)
class Violation:
    """What a check forbids: the reason, and where it was found."""

    reason: str
    detail: str

    def __str__(self) -> str:
        """Return it as a refusal has it."""
        return f"{self.reason} ({self.detail})"


Finding = Violation | None
Check = Callable[[Object, float], Finding]


@dataclass(frozen=True)
class Standard:
    """A check of a level.

    Attributes:
        check: what finds a violation, given the spec and the minor release.
        level: ``baseline`` or ``restricted``.
        since: the minor release that has it first.
        overrides: the check of ``baseline`` that it takes the place of.
    """

    check: Check
    level: str
    since: int = 0
    overrides: Check | None = None


def violations(level: str, minor: float, spec: Object) -> list[Violation]:
    """Return what a Pod's spec does that a level forbids.

    Args:
        level: ``privileged``, ``baseline`` or ``restricted``.
        minor: the minor release whose standards are meant; ``LATEST`` for the newest.
        spec: of the Pod.
    """
    chosen = [standard for standard in STANDARDS if standard.since <= minor and level in (standard.level, "restricted")]
    overridden = [standard.overrides for standard in chosen if standard.overrides]
    if level == "privileged":
        return []
    found = (standard.check(spec, minor) for standard in chosen if standard.check not in overridden)
    return [violation for violation in found if violation is not None]


def _containers(spec: Object) -> Iterator[tuple[str, Object, Object]]:
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(key) or ():
            yield container["name"], container, container.get("securityContext") or {}


def _context(spec: Object) -> Object:
    return spec.get("securityContext") or {}


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _plural(word: str, names: Sequence[Any]) -> str:
    return word if len(names) == 1 else f"{word}s"


def _named(names: Sequence[str]) -> str:
    """Return ``container "a"`` or ``containers "a", "b"``."""
    return f"{_plural('container', names)} {_quoted(names)}"


def _setters(pod: bool, names: Sequence[str]) -> str:
    """Return who sets something: the Pod, containers, or both; empty if nobody does."""
    return " and ".join([*(["pod"] if pod else []), *([_named(names)] if names else [])])


def _is_windows(spec: Object, minor: float) -> bool:
    return minor >= 25 and (spec.get("os") or {}).get("name") == "windows"


def _has_users_of_its_own(spec: Object, minor: float) -> bool:
    return minor >= 35 and spec.get("hostUsers") is False


def _escalation(spec: Object, minor: float) -> Finding:
    bad = [name for name, _, context in _containers(spec) if context.get("allowPrivilegeEscalation") is not False]
    if not bad or _is_windows(spec, minor):
        return None
    detail = f"{_named(bad)} must set securityContext.allowPrivilegeEscalation=false"
    return Violation("allowPrivilegeEscalation != false", detail)


def _app_armor(spec: Object, _minor: float) -> Finding:
    def unconfined(context: Object) -> bool:
        return (context.get("appArmorProfile") or {}).get("type") == "Unconfined"

    bad = [name for name, _, context in _containers(spec) if unconfined(context)]
    setters = _setters(unconfined(_context(spec)), bad)
    if not setters:
        return None
    return Violation("forbidden AppArmor profile", f'{setters} must not set AppArmor profile type to "Unconfined"')


_DEFAULT_CAPABILITIES = frozenset(
    ["AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
     "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"]
)  # fmt: skip


def _added(spec: Object, allowed: frozenset[str]) -> str:
    """Return who adds which capabilities that are not allowed; empty if nobody does."""
    bad: list[str] = []
    capabilities: set[str] = set()
    for name, _, context in _containers(spec):
        if more := set((context.get("capabilities") or {}).get("add") or ()) - allowed:
            bad.append(name)
            capabilities |= more
    if not bad:
        return ""
    return f"{_named(bad)} must not include {_quoted(sorted(capabilities))} in securityContext.capabilities.add"


def _capabilities(spec: Object, _minor: float) -> Finding:
    detail = _added(spec, _DEFAULT_CAPABILITIES)
    return Violation("non-default capabilities", detail) if detail else None


def _few_capabilities(spec: Object, minor: float) -> Finding:
    if _is_windows(spec, minor):
        return None
    keeping = [
        name
        for name, _, context in _containers(spec)
        if "ALL" not in ((context.get("capabilities") or {}).get("drop") or ())
    ]
    details = [f'{_named(keeping)} must set securityContext.capabilities.drop=["ALL"]'] if keeping else []
    if added := _added(spec, frozenset(["NET_BIND_SERVICE"])):
        details.append(added)
    return Violation("unrestricted capabilities", "; ".join(details)) if details else None


def _host_namespaces(spec: Object, _minor: float) -> Finding:
    shared = [f"{key}=true" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key)]
    return Violation("host namespaces", ", ".join(shared)) if shared else None


def _host_paths(spec: Object, _minor: float) -> Finding:
    bad = [volume["name"] for volume in spec.get("volumes") or () if volume.get("hostPath") is not None]
    return Violation("hostPath volumes", f"{_plural('volume', bad)} {_quoted(bad)}") if bad else None


def _host_ports(spec: Object, _minor: float) -> Finding:
    bad: list[str] = []
    ports: set[str] = set()
    for name, container, _ in _containers(spec):
        if own := {str(port["hostPort"]) for port in container.get("ports") or () if port.get("hostPort")}:
            bad.append(name)
            ports |= own
    if not bad:
        return None
    verb = "uses" if len(bad) == 1 else "use"
    detail = f"{_named(bad)} {verb} {_plural('hostPort', list(ports))} {', '.join(sorted(ports))}"
    return Violation("hostPort", detail)


def _hosts_asked(spec: Object, _minor: float) -> Finding:
    bad: list[str] = []
    hosts: set[str] = set()
    for name, container, _ in _containers(spec):
        handlers = [container.get(f"{kind}Probe") or {} for kind in ("liveness", "readiness", "startup")]
        lifecycle = container.get("lifecycle") or {}
        handlers += [lifecycle.get(hook) or {} for hook in ("postStart", "preStop")]
        actions = [handler.get(kind) or {} for handler in handlers for kind in ("httpGet", "tcpSocket")]
        if own := {action["host"] for action in actions if action.get("host")}:
            bad.append(name)
            hosts |= own
    if not bad:
        return None
    verb = "uses" if len(bad) == 1 else "use"
    words = _plural("probe or lifecycle host", list(hosts))
    return Violation("probe or lifecycle host", f"{_named(bad)} {verb} {words} {_quoted(sorted(hosts))}")


def _privileged(spec: Object, _minor: float) -> Finding:
    bad = [name for name, _, context in _containers(spec) if context.get("privileged")]
    return Violation("privileged", f"{_named(bad)} must not set securityContext.privileged=true") if bad else None


def _any_proc_mount(spec: Object, _minor: float) -> Finding:
    bad = [name for name, _, context in _containers(spec) if context.get("procMount", "Default") != "Default"]
    kinds = sorted({context.get("procMount", "Default") for *_, context in _containers(spec)} - {"Default"})
    detail = f"{_named(bad)} must not set securityContext.procMount to {_quoted(kinds)}"
    return Violation("procMount", detail) if bad else None


def _proc_mount(spec: Object, minor: float) -> Finding:
    return None if _has_users_of_its_own(spec, minor) else _any_proc_mount(spec, minor)


_VOLUMES = frozenset(
    [
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ]
)


def _volumes(spec: Object, _minor: float) -> Finding:
    bad: dict[str, str] = {}
    for volume in spec.get("volumes") or ():
        kinds = sorted(set(volume) - {"name"} - _VOLUMES)
        if kinds:
            bad[volume["name"]] = kinds[0]
    if not bad:
        return None
    kinds = sorted(set(bad.values()))
    verb = "uses" if len(bad) == 1 else "use"
    words = _plural("restricted volume type", kinds)
    detail = f"{_plural('volume', list(bad))} {_quoted(list(bad))} {verb} {words} {_quoted(kinds)}"
    return Violation("restricted volume types", detail)


def _not_root(spec: Object, minor: float) -> Finding:
    if _has_users_of_its_own(spec, minor):
        return None
    of_pod = _context(spec).get("runAsNonRoot")
    set_false = [name for name, _, context in _containers(spec) if context.get("runAsNonRoot") is False]
    unset = [name for name, _, context in _containers(spec) if context.get("runAsNonRoot") is None]
    reason = "runAsNonRoot != true"
    if setters := _setters(of_pod is False, set_false):
        return Violation(reason, f"{setters} must not set securityContext.runAsNonRoot=false")
    if unset and not of_pod:
        return Violation(reason, f"pod or {_named(unset)} must set securityContext.runAsNonRoot=true")
    return None


def _user(spec: Object, minor: float) -> Finding:
    if _has_users_of_its_own(spec, minor):
        return None
    bad = [name for name, _, context in _containers(spec) if context.get("runAsUser") == 0]
    setters = _setters(_context(spec).get("runAsUser") == 0, bad)
    return Violation("runAsUser=0", f"{setters} must not set runAsUser=0") if setters else None


_SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")


def _selinux(spec: Object, _minor: float) -> Finding:
    types: set[str] = set()
    users = roles = False
    bad: list[str] = []

    def is_bad(context: Object) -> bool:
        nonlocal users, roles
        options = context.get("seLinuxOptions") or {}
        forbidden = {options.get("type", "")} - set(_SELINUX_TYPES)
        types.update(forbidden)
        users, roles = users or bool(options.get("user")), roles or bool(options.get("role"))
        return bool(forbidden or options.get("user") or options.get("role"))

    pod = is_bad(_context(spec))
    bad += [name for name, _, context in _containers(spec) if is_bad(context)]
    if not pod and not bad:
        return None
    details = [f"{_plural('type', list(types))} {_quoted(sorted(types))}"] if types else []
    details += [*(["user may not be set"] if users else []), *(["role may not be set"] if roles else [])]
    setters = _setters(pod, bad)
    return Violation("seLinuxOptions", f"{setters} set forbidden securityContext.seLinuxOptions: {'; '.join(details)}")


def _seccomp_type(context: Object) -> str:
    return str((context.get("seccompProfile") or {}).get("type") or "")


def _seccomp(spec: Object, _minor: float) -> Finding:
    bad = [name for name, _, context in _containers(spec) if _seccomp_type(context) == "Unconfined"]
    setters = _setters(_seccomp_type(_context(spec)) == "Unconfined", bad)
    if not setters:
        return None
    return Violation("seccompProfile", f'{setters} must not set securityContext.seccompProfile.type to "Unconfined"')


def _seccomp_set(spec: Object, minor: float) -> Finding:
    if _is_windows(spec, minor):
        return None
    if refused := _seccomp(spec, minor):
        return refused
    unset = [name for name, _, context in _containers(spec) if not _seccomp_type(context)]
    if not unset or _seccomp_type(_context(spec)):
        return None
    must = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'
    return Violation("seccompProfile", f"pod or {_named(unset)} {must}")


_SYSCTLS = {
    "kernel.shm_rmid_forced": 0,
    "net.ipv4.ip_local_port_range": 0,
    "net.ipv4.tcp_syncookies": 0,
    "net.ipv4.ping_group_range": 0,
    "net.ipv4.ip_unprivileged_port_start": 0,
    "net.ipv4.ip_local_reserved_ports": 27,
    "net.ipv4.tcp_keepalive_time": 29,
    "net.ipv4.tcp_fin_timeout": 29,
    "net.ipv4.tcp_keepalive_intvl": 29,
    "net.ipv4.tcp_keepalive_probes": 29,
    "net.ipv4.tcp_rmem": 32,
    "net.ipv4.tcp_wmem": 32,
}
"""The sysctls that any Pod may set, with the minor release since when."""


def _sysctls(spec: Object, minor: float) -> Finding:
    names = [one["name"] for one in _context(spec).get("sysctls") or ()]
    bad = [name for name in names if name not in _SYSCTLS or _SYSCTLS[name] > minor]
    return Violation("forbidden sysctls", ", ".join(bad)) if bad else None


def _host_process(spec: Object, _minor: float) -> Finding:
    def is_bad(context: Object) -> bool:
        return bool((context.get("windowsOptions") or {}).get("hostProcess"))

    bad = [name for name, _, context in _containers(spec) if is_bad(context)]
    setters = _setters(is_bad(_context(spec)), bad)
    if not setters:
        return None
    return Violation("hostProcess", f"{setters} must not set securityContext.windowsOptions.hostProcess=true")


STANDARDS = (
    Standard(_app_armor, "baseline"),
    Standard(_capabilities, "baseline"),
    Standard(_host_namespaces, "baseline"),
    Standard(_host_paths, "baseline"),
    Standard(_host_ports, "baseline"),
    Standard(_hosts_asked, "baseline", 34),
    Standard(_privileged, "baseline"),
    Standard(_proc_mount, "baseline"),
    Standard(_selinux, "baseline"),
    Standard(_seccomp, "baseline"),
    Standard(_sysctls, "baseline"),
    Standard(_host_process, "baseline"),
    Standard(_escalation, "restricted", 8),
    Standard(_few_capabilities, "restricted", 22, overrides=_capabilities),
    Standard(_any_proc_mount, "restricted", 0, overrides=_proc_mount),
    Standard(_volumes, "restricted", 0, overrides=_host_paths),
    Standard(_not_root, "restricted"),
    Standard(_user, "restricted", 23),
    Standard(_seccomp_set, "restricted", 19, overrides=_seccomp),
)
"""The checks, in the order in which a refusal names them."""
