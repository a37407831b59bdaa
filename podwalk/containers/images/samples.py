"""Small servers that tutorials use: traefik/whoami and Google's hello-app.

Source: github.com/traefik/whoami, app.go; GoogleCloudPlatform/kubernetes-engine-samples, hello-app/main.go; answers
and logs as real containers print them.
"""

from __future__ import annotations

import json

from podwalk.containers import http
from podwalk.containers.images import serving, websocket
from podwalk.containers.images.image import Image, executable
from podwalk.containers.process import Process
from podwalk.containers.sockets import AddressInUse
from podwalk.containers.tools.interfaces import link_local
from podwalk.simulation import Task


class WhoAmI:
    """A running whoami."""

    def __init__(self, process: Process, name: str) -> None:
        """Keep the process and the ``-name`` it was given."""
        self.process, self.name = process, name
        ip = process.container.network.ip
        self.addresses = ["127.0.0.1", ip, "::1", link_local(ip)]
        self.health = 200

    def handle(self, request: http.Incoming) -> http.Answer:
        """Answer a request with what it looked like."""
        now = http.date(self.process.simulation)
        if request.path == "/health":
            if request.method == "POST":
                self.health = int(request.body.decode() or 200)
                return serving.text(now, "")
            return serving.text(now, "", self.health)
        if request.path == "/api":
            body = json.dumps(self._api(request), separators=(",", ":")) + "\n"
            headers = [("Content-Type", "application/json"), ("Date", now), ("Content-Length", str(len(body)))]
            return http.Answer(200, headers, body.encode())
        if request.path == "/echo":
            return websocket.echo(request, now, self._heard)
        return serving.text(now, self._plain(request))

    def _heard(self, message: bytes) -> None:
        self.process.write(f"Received b:{''.join(f'{byte},' for byte in message)}\n")

    def _plain(self, request: http.Incoming) -> str:
        lines = [f"Name: {self.name}"] if self.name else []
        lines.append(f"Hostname: {self.process.container.hostname}")
        lines += [f"IP: {address}" for address in self.addresses]
        lines.append(f"RemoteAddr: {request.remote}")
        lines.append(f"{request.method} {request.target} HTTP/{request.version}")
        lines.append(f"Host: {request.header('host')}")
        lines += [f"{name}: {value}" for name, value in self._headers(request)]
        return "\n".join(lines) + "\n\n"

    def _headers(self, request: http.Incoming) -> list[tuple[str, str]]:
        return sorted((canonical(name), value) for name, value in request.headers if name.lower() != "host")

    def _api(self, request: http.Incoming) -> dict[str, object]:
        headers: dict[str, list[str]] = {}
        for name, value in self._headers(request):
            headers.setdefault(name, []).append(value)
        return {
            "headers": headers,
            "host": request.header("host"),
            "hostname": self.process.container.hostname,
            "ip": self.addresses,
            "method": request.method,
            "name": self.name,
            "remoteAddr": str(request.remote),
            "url": request.target,
        }


def canonical(name: str) -> str:
    """Return a header's name as Go writes it."""
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


def whoami(process: Process) -> Task:
    """Serve what each request looked like."""
    yield process.sleep(0)
    defaults = {
        "port": process.env.get("WHOAMI_PORT_NUMBER", "80"),
        "name": process.env.get("WHOAMI_NAME", ""),
        "verbose": "",
    }
    try:
        options = serving.flags(process.argv[1:], defaults, ("verbose",))
        server = serving.serve(process, int(options["port"]), WhoAmI(process, options["name"]).handle)
    except (serving.FlagError, AddressInUse) as error:
        return process.fail(str(error), 2)
    now = process.simulation.datetime()
    process.stderr.write(f"{now:%Y/%m/%d %H:%M:%S} Starting up on port {options['port']}\n".encode())
    return (yield from serving.hold(process, [server], exit_code=2))


def hello_app(process: Process) -> Task:
    """Say hello, with the version that the image's tag stands for."""
    yield process.sleep(0)
    port = process.env.get("PORT", "8080")
    tag = next(
        (
            one["image"].rpartition(":")[2]
            for one in process.container.pod["spec"]["containers"]
            if one["name"] == process.container.name
        ),
        "1.0",
    )
    version = "2.0.0" if tag == "2.0" else "1.0.0"

    def log(text: str) -> None:
        now = process.simulation.datetime()
        process.stderr.write(f"{now:%Y/%m/%d %H:%M:%S} {text}\n".encode())

    def handle(request: http.Incoming) -> http.Answer:
        log(f"Serving request: {request.path}")
        body = f"Hello, world!\nVersion: {version}\nHostname: {process.container.hostname}\n"
        return serving.text(http.date(process.simulation), body)

    server = serving.serve(process, int(port), handle)
    log(f"Server listening on port {port}")
    return (yield from serving.hold(process, [server], exit_code=2))


def _hello_image(name: str) -> Image:
    return Image(
        name=name,
        tags=r"1\.0|2\.0",
        programs={"hello-app": hello_app},
        entrypoint=["./hello-app"],
        files={"hello-app": executable("hello-app")},
        size=11_500_000,
    )


IMAGES = [
    Image(
        name="docker.io/traefik/whoami",
        tags=r"latest|v1\.(8|9|10|11)(\.[0-9]+)?",
        programs={"whoami": whoami},
        entrypoint=["/whoami"],
        files={"whoami": executable("whoami")},
        size=3_000_000,
    ),
    _hello_image("gcr.io/google-samples/hello-app"),
    _hello_image("us-docker.pkg.dev/google-samples/containers/gke/hello-app"),
]
