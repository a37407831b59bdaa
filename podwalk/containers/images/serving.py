"""What the servers of several images share: ports opened for a process and closed with it, flags as Go reads them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import simpy

from podwalk.containers import http
from podwalk.containers.process import SIGINT, SIGKILL, SIGTERM, Process, Signal
from podwalk.errors import PodwalkError
from podwalk.simulation import Task

HTML_TAGS = (
    b"<!DOCTYPE HTML", b"<HTML", b"<HEAD", b"<SCRIPT", b"<IFRAME", b"<H1", b"<DIV", b"<FONT", b"<TABLE", b"<A",
    b"<STYLE", b"<TITLE", b"<B", b"<BODY", b"<BR", b"<P",
)  # fmt: skip


class FlagError(PodwalkError):
    """A command line that Go's ``flag`` package does not take."""


def flags(argv: Sequence[str], defaults: Mapping[str, str], switches: Sequence[str] = ()) -> dict[str, str]:
    """Read flags as Go does: ``-name=value``, ``-name value``, one dash or two.

    Args:
        argv: the arguments, without the program's name; what is no flag ends them.
        defaults: the flags there are, by name, with their defaults.
        switches: those that take no value.

    Raises:
        FlagError: in Go's words.
    """
    values = dict(defaults)
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            break
        if word == "--":
            break
        name, equals, value = word.lstrip("-").partition("=")
        if name not in values:
            raise FlagError(f"flag provided but not defined: -{name}")
        if name in switches:
            values[name] = value or "true"
        elif equals:
            values[name] = value
        elif rest:
            values[name] = rest.pop(0)
        else:
            raise FlagError(f"flag needs an argument: -{name}")
    return values


def port_of(address: str, default: int = 0) -> int:
    """Return the port of an address such as ``:8080``."""
    text = address.rpartition(":")[2]
    return int(text) if text.isdigit() else default


def host_of(address: str) -> str:
    """Return the host of an address such as ``127.0.0.1:8080``; empty, for every one, where there is none."""
    host = address.rpartition(":")[0].strip("[]")
    return "127.0.0.1" if host == "localhost" else host


def hold(process: Process, tasks: Sequence[Task], *, exit_code: int = 0) -> Task:
    """Run tasks until the process gets a signal, then end them; what a server's program returns.

    Args:
        process: the server; it takes SIGTERM and SIGINT from now on.
        tasks: what it does; each cleans up when interrupted.
        exit_code: with which it ends after one of these signals.
    """
    process.handles_signals |= {SIGTERM, SIGINT}
    running = [process.simulation.spawn(guarded(task)) for task in tasks]
    try:
        yield process.simulation.event()
    except simpy.Interrupt as interrupt:
        if isinstance(interrupt.cause, Signal) and interrupt.cause.number != SIGKILL:
            return exit_code
        raise
    finally:
        for task in running:
            if task.is_alive:
                task.interrupt()


def guarded(task: Task) -> Task:
    """Run a task that may be interrupted."""
    try:
        yield from task
    except simpy.Interrupt:
        return


def serve(
    process: Process,
    port: int,
    handle: http.Handler,
    *,
    wrap: http.Wrap | None = None,
    address: str = "",
    refusal: Callable[[int], http.Answer] | None = None,
) -> Task:
    """Serve HTTP on a port, of every address or of one; to be given to :func:`hold`."""
    container = process.container
    tell = container.network.fabric.on_request

    def counted(request: http.Incoming) -> http.Answer | Generator[simpy.Event, Any, http.Answer]:
        if tell is not None:
            tell(container.pod, container.name)
        return handle(request)

    server = http.Server(process.simulation, container.network.listen(port, address=address), counted, wrap)
    server.refusal = refusal
    return server.run()


def sniff(data: bytes) -> str:
    """Return the content type that Go gives a body whose handler names none: that of a page, or of plain text.

    Source: net/http, sniff.go: a page begins with one of these tags, and a space or ``>`` after it.
    """
    head = data.lstrip(b"\t\n\x0c\r ")[:16].upper()
    page = head.startswith(b"<!--") or any(
        head.startswith(tag) and head[len(tag) : len(tag) + 1] in (b" ", b">") for tag in HTML_TAGS
    )
    return "text/html; charset=utf-8" if page else "text/plain; charset=utf-8"


def error(date: str, body: str, status: int) -> http.Answer:
    """Return what Go's ``http.Error`` writes; kube-proxy writes what it tells its node in the same way."""
    content = body.encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("X-Content-Type-Options", "nosniff"),
        ("Date", date),
        ("Content-Length", str(len(content))),
    ]
    return http.Answer(status, headers, content)


def text(
    simulation_date: str, body: str | bytes, status: int = 200, *, before: http.Headers = (), kind: str = ""
) -> http.Answer:
    """Return an answer with the headers of a Go server, in its order."""
    data = body.encode() if isinstance(body, str) else body
    headers = [*before, ("Date", simulation_date), ("Content-Length", str(len(data)))]
    if data:
        headers.append(("Content-Type", kind or "text/plain; charset=utf-8"))
    return http.Answer(status, headers, data)
