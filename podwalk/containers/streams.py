"""Files and devices as pipes: what redirections and the tools that take file names open.

``/dev/stdin``, ``/dev/stdout`` and ``/proc/1/fd/1`` lead to the streams of a process, as images' log files do.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from typing import Any

import simpy

from podwalk.containers.files import Device, Directory, File, FileError, FileSystem
from podwalk.containers.process import Pipe, Process

DESCRIPTOR = re.compile(r"/proc/(self|\d+)/fd/(\d+)|/dev/fd/(\d+)")
STANDARD = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
ZERO_CHUNK = 1 << 16


class Endless(Pipe):
    """A device that gives bytes for ever: ``/dev/zero``, ``/dev/urandom``."""

    def __init__(self, process: Process, kind: str) -> None:
        """Give zeroes or random bytes."""
        super().__init__(process.simulation)
        self._process, self._kind = process, kind

    def read(self, limit: int = ZERO_CHUNK) -> Generator[simpy.Event, Any, bytes]:
        """Return ``limit`` bytes, after a little time."""
        yield self._process.sleep(0.001)
        return bytes(limit) if self._kind == "zero" else self._process.simulation.random.randbytes(limit)


def open_to_read(process: Process, name: str) -> Pipe:
    """Open a file or device to read from.

    Raises:
        FileError: as the system call would fail.
    """
    path = process.path(name)
    descriptor = _descriptor(process, path)
    if descriptor is not None:
        return descriptor
    node = process.container.files.find(path).node
    kind = _device(path, node)
    if kind in ("zero", "full"):
        return Endless(process, "zero")
    if kind in ("random", "urandom"):
        return Endless(process, "random")
    if kind == "tty" and process.terminal is not None:
        return process.terminal.stdin
    pipe = Pipe(process.simulation)
    if kind is None:
        if isinstance(node, Directory):
            raise FileError("EISDIR", name)
        try:
            pipe.write(process.container.files.open(path).read())
        except FileError as error:
            raise FileError(error.name, name) from error
    pipe.close()
    return pipe


def open_to_write(process: Process, name: str, *, append: bool = False, exclusive: bool = False) -> Pipe:
    """Open a file or device to write to; a file is made if need be, and emptied unless ``append``.

    Args:
        process: who opens it.
        name: the path.
        append: whether what is there stays.
        exclusive: whether a file that is there is an error (``set -C``).

    Raises:
        FileError: as the system call would fail.
    """
    path = process.path(name)
    descriptor = _descriptor(process, path)
    if descriptor is not None:
        return descriptor
    files = process.container.files
    try:
        node = files.find(path).node
    except FileError:
        node = None
    kind = _device(path, node)
    if kind is not None:
        return _device_to_write(process, kind, name)
    if exclusive and isinstance(node, File):
        raise FileError("EEXIST", name)
    file = files.create(path, truncate=not append)
    return (
        _file_pipe(process, files, file, name) if isinstance(file, File) else _device_to_write(process, file.kind, name)
    )


def _file_pipe(process: Process, files: FileSystem, file: File, name: str) -> Pipe:
    pipe = Pipe(process.simulation)
    pipe.on_write = lambda data: files.extend(file, data, name)
    return pipe


def _device_to_write(process: Process, kind: str, name: str) -> Pipe:
    if kind == "tty" and process.terminal is not None:
        return process.terminal.stdout

    def write(_: bytes) -> None:
        if kind == "full":
            raise FileError("ENOSPC", name)

    pipe = Pipe(process.simulation)
    pipe.on_write = write
    return pipe


def _device(path: str, node: object) -> str | None:
    """Return which device a path is; the usual ones need not be in the file system."""
    if isinstance(node, Device):
        return node.kind
    directory, _, name = path.rpartition("/")
    return name if node is None and directory == "/dev" and name in DEVICES else None


def _descriptor(process: Process, path: str) -> Pipe | None:
    """Return the stream of a process that a path such as ``/proc/1/fd/1`` means."""
    path = _followed(process.container.files, path)
    if path in STANDARD:
        return _stream(process, STANDARD[path])
    match = DESCRIPTOR.fullmatch(path)
    if match is None:
        return _device_stream(process, path)
    who = match.group(1)
    owner = process if who in (None, "self") else process.container.processes.get(int(who))
    stream = None if owner is None else _stream(owner, int(match.group(2) or match.group(3)))
    if stream is None:
        raise FileError("ENOENT", path)
    return stream


def _device_stream(process: Process, path: str) -> Pipe | None:
    try:
        node = process.container.files.find(path).node
    except FileError:
        return None
    if isinstance(node, Device) and node.kind.startswith("fd/"):
        return process.descriptors.get(int(node.kind[3:]))
    return None


def _followed(files: FileSystem, path: str) -> str:
    """Follow the links of a path as far as they go: log files are links to ``/dev/stdout``."""
    try:
        return files.resolve(path)
    except FileError:
        return path


def _stream(process: Process, number: int) -> Pipe | None:
    return process.descriptors.get(number)
