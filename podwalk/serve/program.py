"""The server process of one embedded cluster; ``podwalk up`` starts it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import click
import uvicorn

from podwalk.embedded import COME_UP_S, Cluster
from podwalk.errors import PodwalkError
from podwalk.serve.clock import Clock, ClockMode
from podwalk.serve.front import Front
from podwalk.serve.journal import Journal
from podwalk.serve.outside.address import SHARED, claim
from podwalk.serve.outside.follower import Outside
from podwalk.serve.place import (
    ENDED,
    NO_LOOPBACK,
    Place,
    Server,
    find,
    make_kubeconfig,
    names,
    write_kubeconfig,
)
from podwalk.types import ClusterOptions

MOST_FILES = 65_536


@click.command()
@click.argument("name")
@click.option("--port", type=int, default=0, help="The port to listen on; 0 lets the system choose.")
@click.option("--clock", type=click.Choice(["wall", "jump"]), default="wall")
@click.option("--options", "options_json", default="{}", help="ClusterOptions as JSON.")
def main(name: str, port: int, clock: ClockMode, options_json: str) -> None:
    """Serve the cluster NAME on loopback until told to stop."""
    _allow_many_sockets()
    options = json.loads(options_json)
    if "node_port_range" in options:
        options["node_port_range"] = tuple(options["node_port_range"])
    try:
        asyncio.run(serve(find(name), ClusterOptions(**{**options, "name": name}), port=port, mode=clock))
    except PodwalkError as error:
        sys.exit(f"podwalk: {error}")


def _allow_many_sockets() -> None:
    """Let the process hold as many files open as it may: each watch is a socket, and many shells stop at 1,024."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def serve(place: Place, options: ClusterOptions, *, port: int, mode: ClockMode) -> None:
    """Serve a cluster until its server is told to exit, recording where it listens once it is ready."""
    place.prepare()
    journal = Journal(place.database)
    epoch = datetime.now(UTC) - timedelta(seconds=COME_UP_S)
    cluster = Cluster(options, epoch=epoch, restored=journal.load(), on_change=journal.note)
    journal.commit()
    clock = Clock(cluster, mode=mode, after=lambda: keep())
    outside = _claim(place, clock)

    def keep() -> None:
        if outside is not None:
            outside.settle()
        journal.commit()

    _, certificate, key = place.tls
    listener = _listen(port)
    front = Front(cluster, clock, token=place.token, commit=keep, outside=outside)
    config = uvicorn.Config(
        front,
        http="h11",
        ws="wsproto",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        ssl_certfile=str(certificate),
        ssl_keyfile=str(key),
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    front.on_stop = lambda: setattr(server, "should_exit", True)
    record = Server(os.getpid(), listener.getsockname()[1], cluster.simulation.timestamp(), mode, options)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():
        await asyncio.sleep(0.005)
    write_kubeconfig(place.kubeconfig, make_kubeconfig(place, record))
    place.write_server(record)
    try:
        await task
    finally:
        if outside is not None:
            outside.close()
        with contextlib.suppress(PodwalkError):
            journal.close()
        place.write_server(replace(record, pid=ENDED))


def _claim(place: Place, clock: Clock) -> Outside | None:
    """Take the cluster's loopback addresses, and record them; None if it wants none."""
    recorded = place.read_loopback()
    if recorded == NO_LOOPBACK:
        return None
    others = (find(name).read_loopback() for name in names() if name != place.name)
    claimed = claim(place.name, recorded, others)
    place.write_loopback(claimed.addresses.block or SHARED)
    return Outside(clock, claimed)


def _listen(port: int) -> socket.socket:
    # Only to sockets that name their protocol does asyncio give TCP_NODELAY; without it each answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        # The port of the last run may be another's by now; only the kubeconfig has to know.
        listener.bind(("127.0.0.1", 0))
    return listener
