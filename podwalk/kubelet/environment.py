"""The environment of a container: Services, ConfigMaps, Secrets, the downward API, and ``$(NAME)`` expanded.

Source: pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables), pkg/kubelet/envvars,
third_party/forked/golang/expansion.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from podwalk.errors import PodwalkError
from podwalk.kubelet.downward import field_value, resource_value
from podwalk.types import Object, View

_REFERENCE = re.compile(r"\$(\$|\(([^)]*)\))")


class ConfigError(PodwalkError):
    """A container cannot be configured: what ``CreateContainerConfigError`` says."""


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` where the name is known; ``$$(NAME)`` stands for itself without the first dollar."""

    def replace(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return variables.get(match[2], match[0])

    return _REFERENCE.sub(replace, text)


def environment(
    view: View, pod: Object, container: Mapping[str, Any], ip: str, host_ip: str, domain: str
) -> dict[str, str]:
    """Return the variables that the kubelet sets in a container.

    Raises:
        ConfigError: when a ConfigMap, a Secret or a key that must be there is not.
    """
    namespace = pod["metadata"]["namespace"]
    services = service_variables(view, namespace, links=pod["spec"].get("enableServiceLinks", True) is not False)
    result: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        result.update(_all_of(view, namespace, source))
    own: dict[str, str] = {}
    for entry in container.get("env") or ():
        known = {**services, **result, **own}
        if entry.get("valueFrom"):
            value = _value_from(view, pod, container, entry["valueFrom"], (ip, host_ip))
            if value is None:
                continue
        else:
            value = expand(entry.get("value") or "", known)
        own[entry["name"]] = value
    return {**services, **result, **own}


def service_variables(view: View, namespace: str, *, links: bool) -> dict[str, str]:
    """Return the variables of the Services: those of the Pod's namespace if ``links``, and ``kubernetes`` always."""
    master = view.get("services", "default", "kubernetes")
    services = {master["metadata"]["name"]: master} if master is not None else {}
    if links:
        services.update({service["metadata"]["name"]: service for service in view.list("services", namespace)})
    result: dict[str, str] = {}
    for name, service in services.items():
        ip = service["spec"].get("clusterIP")
        if ip and ip != "None" and service["spec"].get("ports"):
            result.update(_variables_of(name, ip, service["spec"]["ports"]))
    return result


def _variables_of(name: str, ip: str, ports: list[Mapping[str, Any]]) -> dict[str, str]:
    prefix = name.upper().replace("-", "_")
    result = {f"{prefix}_SERVICE_HOST": ip, f"{prefix}_SERVICE_PORT": str(ports[0]["port"])}
    for port in ports:
        if port.get("name"):
            result[f"{prefix}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = str(port["port"])
    first = ports[0]
    host = f"[{ip}]" if ":" in ip else ip
    result[f"{prefix}_PORT"] = f"{first.get('protocol', 'TCP').lower()}://{host}:{first['port']}"
    for port in ports:
        protocol = port.get("protocol", "TCP")
        base = f"{prefix}_PORT_{port['port']}_{protocol}"
        result[base] = f"{protocol.lower()}://{host}:{port['port']}"
        result[f"{base}_PROTO"] = protocol.lower()
        result[f"{base}_PORT"] = str(port["port"])
        result[f"{base}_ADDR"] = ip
    return result


def _all_of(view: View, namespace: str, source: Mapping[str, Any]) -> dict[str, str]:
    prefix = source.get("prefix") or ""
    for field, resource, kind in (("configMapRef", "configmaps", "configmap"), ("secretRef", "secrets", "secret")):
        reference = source.get(field)
        if not reference:
            continue
        found = view.get(resource, namespace, reference["name"])
        if found is None:
            if reference.get("optional"):
                return {}
            raise ConfigError(f'{kind} "{reference["name"]}" not found')
        data = text_of(found)
        return {prefix + key: value for key, value in data.items() if re.fullmatch(r"[-._a-zA-Z][-._a-zA-Z0-9]*", key)}
    return {}


def text_of(obj: Object) -> dict[str, str]:
    """Return the data of a ConfigMap or Secret as text."""
    if obj.get("kind") == "Secret" or "type" in obj:
        return {key: base64.b64decode(value).decode(errors="replace") for key, value in (obj.get("data") or {}).items()}
    return dict(obj.get("data") or {})


def _value_from(
    view: View, pod: Object, container: Mapping[str, Any], source: Mapping[str, Any], ips: tuple[str, str]
) -> str | None:
    namespace = pod["metadata"]["namespace"]
    if source.get("fieldRef"):
        return field_value(pod, source["fieldRef"]["fieldPath"], *ips)
    if source.get("resourceFieldRef"):
        return resource_value(view, pod, container, source["resourceFieldRef"])
    for field, resource, kind in (
        ("configMapKeyRef", "configmaps", "ConfigMap"),
        ("secretKeyRef", "secrets", "Secret"),
    ):
        reference = source.get(field)
        if not reference:
            continue
        found = view.get(resource, namespace, reference["name"])
        if found is None:
            if reference.get("optional"):
                return None
            raise ConfigError(f'{kind.lower()} "{reference["name"]}" not found')
        data = text_of(found)
        if reference["key"] not in data:
            if reference.get("optional"):
                return None
            raise ConfigError(f"couldn't find key {reference['key']} in {kind} {namespace}/{reference['name']}")
        return data[reference["key"]]
    raise ConfigError(f"the source of an environment variable is not simulated: {', '.join(source)}")
