"""hashicorp/http-echo: one text for every request.

Source: github.com/hashicorp/http-echo, main.go and handlers.go; the log as the stand-in of a real cluster prints it.
"""

from __future__ import annotations

from podwalk.containers import http
from podwalk.containers.images import serving
from podwalk.containers.images.image import Image, executable
from podwalk.containers.process import Process
from podwalk.containers.sockets import AddressInUse
from podwalk.simulation import Task

VERSION = "1.0.0"
DEFAULTS = {"listen": ":5678", "text": "", "status-code": "200", "version": ""}


def http_echo(process: Process) -> Task:
    """Serve ``-text`` on ``-listen`` with ``-status-code``."""
    yield process.sleep(0)
    try:
        given = serving.flags(process.argv[1:], DEFAULTS, ("version",))
    except serving.FlagError as error:
        return process.fail(f"{error}\nUsage of {process.argv[0]}:", 2)
    if given["version"]:
        return process.fail(f"http-echo v{VERSION}", 0)
    text = given["text"] or process.env.get("ECHO_TEXT", "")
    if not text:
        return process.fail("Missing -text option!", 127)
    body, status = f"{text}\n".encode(), int(given["status-code"])

    def handle(request: http.Incoming) -> http.Answer:
        agent = request.header("user-agent")
        line = f'{request.header("host")} {request.remote} - "{request.method} {request.path} HTTP/{request.version}" '
        process.write(f'{line}{status} {len(body)} "{agent}"\n')
        before = [("X-App-Name", "http-echo"), ("X-App-Version", VERSION)]
        return serving.text(http.date(process.simulation), body, status, before=before)

    now = process.simulation.datetime().strftime("%Y/%m/%d %H:%M:%S")
    try:
        listen = given["listen"]
        server = serving.serve(process, serving.port_of(listen, 5678), handle, address=serving.host_of(listen))
    except AddressInUse:
        return process.fail(
            f"{now} [ERR] Error starting server: listen tcp {given['listen']}: bind: address already in use", 127
        )
    process.write(f"{now} [INFO] server is listening on {given['listen']}\n")
    return (yield from serving.hold(process, [server]))


IMAGES = [
    Image(
        name="docker.io/hashicorp/http-echo",
        tags=r"latest|alpine|0\.2\.[0-3]|1\.0(\.0)?",
        programs={"http-echo": http_echo},
        entrypoint=["/http-echo"],
        files={"http-echo": executable("http-echo")},
        size=3_119_552,
    )
]
