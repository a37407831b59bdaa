"""Thousands of watches over sockets: each is told of a write, and the server lives, answers and forgets them."""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from podwalk.serve import control
from podwalk.serve.place import Place, find

WATCHES = 2_000
AT_ONCE = 50
FORGOTTEN_WITHIN_S = 60.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts a process's files in /proc"),
]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """A server that was started where a process may hold 1,024 files open, as in many a shell."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < WATCHES + 500:
        pytest.skip(f"this user's processes may hold {hard} files open at most")
    monkeypatch.setenv("PODWALK_HOME", str(tmp_path))
    made = find("watched")
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        control.start(made)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, WATCHES + 500), hard))
        yield made
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        control.stop(made)


def core_of(place: Place) -> Any:
    configuration = client.Configuration()
    config.load_kube_config(str(place.kubeconfig), client_configuration=configuration)
    return client.CoreV1Api(client.ApiClient(configuration))


async def watch(place: Place, port: int, version: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open a watch on a connection of its own, and return once the server has begun to answer."""
    context = ssl.create_default_context(cafile=str(place.tls[0]))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    path = f"/api/v1/namespaces/default/configmaps?watch=true&resourceVersion={version}"
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {place.token}\r\n\r\n"
    writer.write(head.encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200"), answer
    return reader, writer


async def watch_all(place: Place, core: Any) -> int:
    """Watch, write, and return how many watches saw the write; half of the clients then vanish without a word."""
    server = control.alive(place)
    assert server is not None
    version = core.list_namespaced_config_map("default").metadata.resource_version
    turn = asyncio.Semaphore(AT_ONCE)

    async def one() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with turn:
            return await watch(place, server.port, version)

    opened = await asyncio.gather(*(one() for _ in range(WATCHES)))
    body = {"metadata": {"name": "seen-by-all"}}
    await asyncio.to_thread(core.create_namespaced_config_map, "default", body)
    told = await asyncio.gather(*(event(reader) for reader, _ in opened))
    for number, (_, writer) in enumerate(opened):
        if number % 2:
            writer.close()
        else:
            writer.transport.abort()
    return sum(b'"ADDED"' in text and b"seen-by-all" in text for text in told)


async def event(reader: asyncio.StreamReader) -> bytes:
    """Return the next event; a line with the length of its chunk comes before it."""
    await reader.readuntil(b"\n")
    return await reader.readuntil(b"\n")


def files_of(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_two_thousand_watches_see_a_write_and_are_forgotten(place: Place) -> None:
    server = control.alive(place)
    assert server is not None
    core = core_of(place)
    core.list_namespaced_config_map("default")
    before = files_of(server.pid)
    assert asyncio.run(watch_all(place, core)) == WATCHES
    assert core.read_namespaced_config_map("seen-by-all", "default").metadata.name == "seen-by-all"
    deadline = time.monotonic() + FORGOTTEN_WITHIN_S
    while files_of(server.pid) > before + 10 and time.monotonic() < deadline:
        core.list_namespaced_config_map("default")
    assert files_of(server.pid) <= before + 10
    assert control.alive(place) == server
