"""Logs, exec, attach, port-forward and proxy: which Pod and container, and then the kubelet's part.

Source: kubernetes/pkg/registry/core/pod/strategy.go (LogLocation, streamLocation), rest/subresources.go,
service/proxy.go.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from podwalk.api import failures, links
from podwalk.api.failures import bad_request
from podwalk.api.negotiation import BODY_LIMIT
from podwalk.api.routes import Route, flag, route
from podwalk.api.trees import dig
from podwalk.errors import ApiError, Cause
from podwalk.types import LogOptions, Object, Request, Response, Runtime, Session

if TYPE_CHECKING:
    from podwalk.api.server import Api

UPGRADES = ("exec", "attach", "portforward")


def connect(api: Api, request: Request) -> Session:
    """Open the conversation that an upgrade request asks for.

    Raises:
        ApiError: 404 for a Pod that is not there, 400 for one that cannot be talked to.
    """
    get = dataclasses.replace(request, method="GET") if request.method not in ("GET", "POST") else request
    found = route(get, api.objects.definitions.served)
    if found is None or found.subresource not in UPGRADES:
        raise failures.no_such_resource()
    pod = _pod(api, found)
    runtime = _runtime(api)
    if found.subresource == "portforward":
        _check_host(pod)
        return runtime.port_forward(pod, _ports(request))
    channels = {name: flag(request, name) for name in ("stdin", "stdout", "stderr", "tty")}
    _check_channels(found.subresource, channels)
    container = _container(pod, request.param("container"))
    _check_host(pod)
    _check_running(pod)
    if found.subresource == "attach":
        return runtime.attach(pod, container, **channels)
    command = request.params("command")
    if not command:
        cause = Cause("FieldValueRequired", "command", "Required value")
        raise failures.invalid("", "PodExecOptions", "", [cause])
    return runtime.exec(pod, container, command, **channels)


def _check_channels(subresource: str, channels: dict[str, bool]) -> None:
    problem = ""
    if not (channels["stdin"] or channels["stdout"] or channels["stderr"]):
        problem = "you must specify at least 1 of stdin, stdout, stderr"
    elif channels["tty"] and channels["stderr"]:
        problem = "tty and stderr cannot both be true"
    if problem:
        raise bad_request(problem)


def _ports(request: Request) -> list[int]:
    texts = [text for value in request.params("ports") for text in value.split(",")]
    try:
        ports = [int(text) for text in texts]
    except ValueError as error:
        raise bad_request(f"unable to parse {','.join(texts)!r} as ports: use numbers from 1 to 65535") from error
    if bad := [port for port in ports if not 0 < port < 65_536]:
        raise bad_request(f"port {bad[0]} must be > 0 and < 65536")
    return ports


def upgrade_required(_api: Api, _found: Route, _request: Request) -> Response:
    """Refuse a plain request where a conversation is meant."""
    raise bad_request("Upgrade request required")


def log(api: Api, found: Route, request: Request) -> Response:
    """Answer with a container's log."""
    pod = _pod(api, found)
    options = _log_options(request)
    container = _container(pod, request.param("container"))
    headers = {"content-type": "text/plain", "cache-control": "no-cache, private"}
    if not dig(pod, "spec", "nodeName"):
        return Response(200, headers)
    stream = _runtime(api).logs(pod, container, options)
    if stream.closed and not options.follow:
        return Response(200, headers, stream.take())
    return Response(200, headers, stream=stream)


def _log_options(request: Request) -> LogOptions:
    causes: list[Cause] = []

    def number(name: str, least: int) -> int | None:
        text = request.param(name)
        if not text:
            return None
        try:
            value = int(text)
        except ValueError as error:
            raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error
        if value < least:
            words = "greater than or equal to 0" if least == 0 else "greater than 0"
            causes.append(Cause("FieldValueInvalid", name, f"Invalid value: {value}: must be {words}"))
        return value

    tail, limit, since = number("tailLines", 0), number("limitBytes", 1), number("sinceSeconds", 1)
    since_time = request.param("sinceTime") or None
    if since is not None and since_time is not None:
        text = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
        causes.append(Cause("FieldValueForbidden", "", text))
    if causes:
        raise failures.invalid("", "PodLogOptions", "", causes)
    return LogOptions(
        follow=flag(request, "follow"),
        previous=flag(request, "previous"),
        timestamps=flag(request, "timestamps"),
        since_s=float(since) if since is not None else None,
        since_time=since_time,
        tail=tail,
        limit_bytes=limit,
    )


def _pod(api: Api, found: Route) -> Object:
    pod = api.objects.get("pods", found.namespace, found.name)
    if pod is None:
        raise failures.not_found(found.resource, found.name)
    return pod


def _runtime(api: Api) -> Runtime:
    if api.runtime is None:
        raise ApiError(503, "ServiceUnavailable", "no kubelet is there to answer: the cluster is still starting")
    return api.runtime


def _names(pod: Object, key: str) -> list[str]:
    return [container["name"] for container in dig(pod, "spec", key) or ()]


def _container(pod: Object, asked: str) -> str:
    """Return the container that is meant.

    Source: ``validateContainer`` of kubernetes/pkg/registry/core/pod/strategy.go.
    """
    name, main = pod["metadata"]["name"], _names(pod, "containers")
    initial, debugging = _names(pod, "initContainers"), _names(pod, "ephemeralContainers")
    if asked:
        if asked not in (*main, *initial, *debugging):
            raise bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    if len(main) == 1:
        return main[0]
    message = f"a container name must be specified for pod {name}, choose one of: [{' '.join(main)}]"
    if initial:
        message += f" or one of the init containers: [{' '.join(initial)}]"
    if debugging:
        message += f" or one of the ephemeral containers: [{' '.join(debugging)}]"
    raise bad_request(message)


def _check_host(pod: Object) -> None:
    if not dig(pod, "spec", "nodeName"):
        raise bad_request(f"pod {pod['metadata']['name']} does not have a host assigned")


def _check_running(pod: Object) -> None:
    phase = dig(pod, "status", "phase")
    if phase in ("Succeeded", "Failed"):
        raise bad_request(f"cannot exec into a container in a completed pod; current phase is {phase}")


def proxy(api: Api, found: Route, request: Request) -> Response:
    """Pass an HTTP request on to a Pod, or to one of a Service's Pods; over TLS, any certificate will do."""
    if len(request.body) > BODY_LIMIT:
        raise ApiError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {BODY_LIMIT}")
    if not found.rest and not request.path.endswith("/") and request.method in ("GET", "HEAD"):
        # Source: k8s.io/apimachinery/pkg/util/proxy/upgradeaware.go, proxyRedirectsforRootPath.
        query = f"?{urlencode(list(request.query))}" if request.query else ""
        return Response(301, {"Location": f"{request.path}/{query}"}, b"")
    scheme, name, port = _split(found.name)
    if found.resource.key == "pods":
        pod, number = _proxied_pod(api, found, name, port)
    elif found.resource.key == "services":
        pod, number = _proxied_endpoint(api, found, name, port)
    else:
        raise ApiError(
            503, "ServiceUnavailable", "the proxy to nodes is not simulated: ask the API for what the kubelet knows"
        )
    forwarded = {**request.headers, "x-forwarded-uri": request.path}
    inner = dataclasses.replace(request, path=found.rest or "/", headers=forwarded)
    answer = _runtime(api).http(pod, number, inner, tls=scheme == "https")
    hosts = (f"{dig(pod, 'status', 'podIP')}:{number}", request.header("host"))
    return links.rewrite(answer, request.path.removesuffix(found.rest or "/"), hosts)


def _split(text: str) -> tuple[str, str, str]:
    parts = text.split(":")
    if len(parts) == 3:
        return parts[0], parts[1], parts[2]
    return "", parts[0], parts[1] if len(parts) == 2 else ""


def _proxied_pod(api: Api, found: Route, name: str, port: str) -> tuple[Object, int]:
    pod = api.objects.get("pods", found.namespace, name)
    if pod is None:
        raise failures.not_found(found.resource, name)
    if not dig(pod, "status", "podIP"):
        raise bad_request("address not allowed")
    declared = [one["containerPort"] for container in pod["spec"]["containers"] for one in container.get("ports") or ()]
    if port and not port.isdecimal():
        raise bad_request(f'invalid port "{port}" of a proxy request: use a number')
    return pod, int(port) if port else next(iter(declared), 80)


def _proxied_endpoint(api: Api, found: Route, name: str, port: str) -> tuple[Object, int]:
    service = api.objects.get("services", found.namespace, name)
    if service is None:
        raise failures.not_found(found.resource, name)
    ports = dig(service, "spec", "ports") or []
    wanted = [one for one in ports if port in ("", one.get("name"), str(one.get("port")))]
    if not wanted:
        raise ApiError(503, "ServiceUnavailable", f'no service port "{port}" found for service "{name}"')
    choices = _endpoints(api, found.namespace, name, wanted[0].get("name") or "")
    if not choices:
        raise ApiError(503, "ServiceUnavailable", f'no endpoints available for service "{name}"')
    return api.simulation.random.choice(choices)


def _endpoints(api: Api, namespace: str, service: str, port_name: str) -> Sequence[tuple[Object, int]]:
    choices = []
    for part in api.objects.lookup("slice-service", f"{namespace}/{service}"):
        numbers = [one["port"] for one in part.get("ports") or () if (one.get("name") or "") == port_name]
        for endpoint in part.get("endpoints") or ():
            target = endpoint.get("targetRef") or {}
            pod = api.objects.get("pods", target.get("namespace", namespace), target.get("name", ""))
            if pod is not None and numbers and dig(endpoint, "conditions", "ready") is not False:
                choices.append((pod, numbers[0]))
    return choices
