"""What the probes and hooks of a container must be.

Source: ``validateProbe`` and ``validateHandler`` in kubernetes/pkg/apis/core/validation/validation.go, release 1.37.
"""

from __future__ import annotations

from podwalk.api.validation import names
from podwalk.api.validation.causes import Causes, each, forbidden, invalid, not_negative, not_supported, required
from podwalk.types import Object

_PROBE_NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")


def probes(path: str, container: Object, grace_s: int) -> Causes:
    """Check the probes and hooks of a container that runs beside the others."""
    for name in ("postStart", "preStop"):
        hook = (container.get("lifecycle") or {}).get(name)
        if hook is not None:
            yield from handler(f"{path}.lifecycle.{name}", hook, grace_s)
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe = container.get(kind)
        if probe is not None:
            yield from _probe(f"{path}.{kind}", kind, probe, grace_s)


def _probe(path: str, kind: str, probe: Object, grace_s: int) -> Causes:
    yield from handler(path, probe, grace_s)
    for name in _PROBE_NUMBERS:
        yield from not_negative(f"{path}.{name}", probe.get(name))
    own = probe.get("terminationGracePeriodSeconds")
    if own is not None and own <= 0:
        yield invalid(f"{path}.terminationGracePeriodSeconds", own, "must be greater than 0")
    if kind == "readinessProbe":
        if own is not None:
            yield invalid(f"{path}.terminationGracePeriodSeconds", own, "must not be set for readinessProbes")
    elif probe.get("successThreshold", 1) != 1:
        yield invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1")


def handler(path: str, value: Object, grace_s: int) -> Causes:
    """Check what a probe or a hook does: exactly one thing."""
    given = [name for name in ("exec", "httpGet", "tcpSocket", "grpc", "sleep") if value.get(name) is not None]
    for name in given[:1]:
        yield from _action(f"{path}.{name}", name, value[name], grace_s)
    for name in given[1:]:
        yield forbidden(f"{path}.{name}", "may not specify more than 1 handler type")
    if not given:
        yield required(path, "must specify a handler type")


def _action(path: str, kind: str, action: Object, grace_s: int) -> Causes:
    if kind == "exec":
        if not action.get("command"):
            yield required(f"{path}.command")
    elif kind == "sleep":
        seconds = action.get("seconds", 0)
        if not 0 <= seconds <= grace_s:
            detail = f"must be non-negative and less than terminationGracePeriodSeconds ({grace_s})"
            yield invalid(path, seconds, detail)
    else:
        port = action.get("port", 0)
        if kind == "httpGet" and not action.get("path"):
            yield required(f"{path}.path")
        yield from each(f"{path}.port", port, names.port(port))
        if kind == "httpGet":
            if action.get("scheme") not in ("HTTP", "HTTPS"):
                yield not_supported(f"{path}.scheme", action.get("scheme") or "", ("HTTP", "HTTPS"))
            for header in action.get("httpHeaders") or ():
                name = header.get("name") or ""
                yield from each(f"{path}.httpHeaders", name, names.header(name))
