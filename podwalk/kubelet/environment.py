"""The environment of a container: Services, ConfigMaps, Secrets, the downward API, and ``$(NAME)`` expanded.

Source: pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables), pkg/kubelet/envvars,
third_party/forked/golang/expansion.
"""

from __future__ import annotations

import base64
import re
from collections import ChainMap
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from podwalk.errors import PodwalkError
from podwalk.kubelet.downward import field_value, resource_value
from podwalk.types import Object, View

_Port = tuple[int, str, str]
"""A Service's port: its number, name and protocol."""

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
) -> ChainMap[str, str]:
    """Return the variables that the kubelet sets in a container; those of Services are shared with other containers.

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
        known = ChainMap(own, result, services)
        if entry.get("valueFrom"):
            value = _value_from(view, pod, container, entry["valueFrom"], (ip, host_ip))
            if value is None:
                continue
        else:
            value = expand(entry.get("value") or "", known)
        own[entry["name"]] = value
    return ChainMap(own, result, services)


def service_variables(view: View, namespace: str, *, links: bool) -> dict[str, str]:
    """Return the variables of the Services: those of the Pod's namespace if ``links``, and ``kubernetes`` always.

    The same Services give the same dictionary, which nobody may change: a thousand Pods do not hold it a thousand
    times.
    """
    master = view.get("services", "default", "kubernetes")
    services = {master["metadata"]["name"]: master} if master is not None else {}
    if links:
        services.update({service["metadata"]["name"]: service for service in view.list("services", namespace)})
    return _variables_of_all(
        tuple(
            (name, ip, tuple((port["port"], port.get("name") or "", port.get("protocol", "TCP")) for port in ports))
            for name, service in services.items()
            if (ip := service["spec"].get("clusterIP")) and ip != "None" and (ports := service["spec"].get("ports"))
        )
    )


@lru_cache(maxsize=256)
def _variables_of_all(services: tuple[tuple[str, str, tuple[_Port, ...]], ...]) -> dict[str, str]:
    result: dict[str, str] = {}
    for name, ip, ports in services:
        result.update(_variables_of(name, ip, ports))
    return result


@lru_cache(maxsize=4096)
def _variables_of(name: str, ip: str, ports: tuple[_Port, ...]) -> dict[str, str]:
    prefix = name.upper().replace("-", "_")
    host = f"[{ip}]" if ":" in ip else ip
    first, _, protocol = ports[0]
    result = {f"{prefix}_SERVICE_HOST": ip, f"{prefix}_SERVICE_PORT": str(first)}
    for port, port_name, _ in ports:
        if port_name:
            result[f"{prefix}_SERVICE_PORT_{port_name.upper().replace('-', '_')}"] = str(port)
    result[f"{prefix}_PORT"] = f"{protocol.lower()}://{host}:{first}"
    for port, _, protocol in ports:
        base = f"{prefix}_PORT_{port}_{protocol}"
        result[base] = f"{protocol.lower()}://{host}:{port}"
        result[f"{base}_PROTO"] = protocol.lower()
        result[f"{base}_PORT"] = str(port)
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
