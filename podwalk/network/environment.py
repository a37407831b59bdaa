"""The environment variables by which a container finds Services: those that existed when it started.

Source: pkg/kubelet/envvars/envvars.go; pkg/kubelet/kubelet_pods.go (getServiceEnvVarMap).
"""

from __future__ import annotations

from podwalk.network.services import is_headless
from podwalk.types import Object, View

API_SERVICE = ("default", "kubernetes")


def environment(view: View, pod: Object) -> dict[str, str]:
    """Return the variables a kubelet sets in a container of a Pod for the Services that are there.

    Args:
        view: the objects at the moment the container starts; later Services are not seen by it.
        pod: the Pod; with ``enableServiceLinks: false`` only the API's own Service is named.
    """
    namespace = pod["metadata"].get("namespace", "")
    links = pod["spec"].get("enableServiceLinks", True)
    chosen: dict[str, Object] = {}
    api = view.get("services", *API_SERVICE)
    if api is not None:
        chosen[API_SERVICE[1]] = api
    for service in view.list("services", namespace) if links else ():
        if service["spec"].get("clusterIP") and not is_headless(service):
            chosen[service["metadata"]["name"]] = service
    variables: dict[str, str] = {}
    for _, service in sorted(chosen.items()):
        variables |= of_service(service)
    return variables


def of_service(service: Object) -> dict[str, str]:
    """Return the variables of one Service: its own, and those that Docker's links had."""
    name = _variable(service["metadata"]["name"])
    ip, ports = service["spec"]["clusterIP"], service["spec"].get("ports") or ()
    if not ports:
        return {}
    variables = {f"{name}_SERVICE_HOST": ip, f"{name}_SERVICE_PORT": str(ports[0]["port"])}
    for port in ports:
        if port.get("name"):
            variables[f"{name}_SERVICE_PORT_{_variable(port['name'])}"] = str(port["port"])
    address = f"[{ip}]" if ":" in ip else ip
    for index, port in enumerate(ports):
        number, protocol = str(port["port"]), port.get("protocol", "TCP")
        url = f"{protocol.lower()}://{address}:{number}"
        if index == 0:
            variables[f"{name}_PORT"] = url
        prefix = f"{name}_PORT_{number}_{protocol}"
        variables |= {prefix: url, f"{prefix}_PROTO": protocol.lower(), f"{prefix}_PORT": number, f"{prefix}_ADDR": ip}
    return variables


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")
