"""What an image is."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from podwalk.containers.files import Device, Directory, File, Node, tree
from podwalk.containers.process import ELF, SEARCH_PATH, Program

PATH = SEARCH_PATH
DEFAULT_REGISTRY = "docker.io"

DEVICES: Mapping[str, str] = {
    "null": "null", "zero": "zero", "full": "full", "random": "random", "urandom": "random", "tty": "tty",
    "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2",
}  # fmt: skip
"""What is in ``/dev`` and what it does; see :class:`podwalk.containers.files.Device`."""

PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
GROUP = "root:x:0:\nnogroup:x:65534:\n"


def normal(reference: str) -> str:
    """Return a reference in full: registry, repository, tag.

    Source: github.com/distribution/reference, ParseDockerRef.
    """
    name, digest = reference.partition("@")[::2]
    head, _, tail = name.rpartition("/")
    repository, _, tag = tail.partition(":")
    path = f"{head}/{repository}" if head else repository
    first = path.partition("/")[0]
    if "/" not in path:
        path = f"{DEFAULT_REGISTRY}/library/{path}"
    elif "." not in first and ":" not in first and first != "localhost":
        path = f"{DEFAULT_REGISTRY}/{path}"
    return f"{path}@{digest}" if digest else f"{path}:{tag or 'latest'}"


def executable(name: str) -> File:
    """Return a file that runs a program of the image."""
    return File(data=bytearray(ELF + name.encode()), mode=0o755)


def script(text: str) -> File:
    """Return a shell script that every user may run."""
    return File(data=bytearray(text.encode()), mode=0o755)


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image.

    Attributes:
        name: the full name without a tag.
        tags: a regular expression that the whole tag matches.
        programs: what is on its PATH.
        entrypoint: as in a Dockerfile.
        cmd: as in a Dockerfile.
        env: as in a Dockerfile; PATH is always there.
        files: paths and contents, beside the executables of ``programs``.
        user: the user that it runs as.
        cwd: the working directory.
        size: bytes, as the ``Pulled`` event prints them.
        version: of the software in it, for programs that print it; by tag where a tag says so.
    """

    name: str
    tags: str
    programs: Mapping[str, Program]
    entrypoint: Sequence[str] = ()
    cmd: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str | bytes | Node] = field(default_factory=dict)
    user: int = 0
    cwd: str = "/"
    size: int = 4_000_000
    stop_signal: str = "SIGTERM"

    def has(self, tag: str) -> bool:
        """Whether the image has a tag."""
        return re.fullmatch(self.tags, tag) is not None

    @cached_property
    def digest(self) -> str:
        """The digest that the image's status shows."""
        return "sha256:" + hashlib.sha256(self.name.encode()).hexdigest()

    @cached_property
    def root(self) -> Directory:
        """The image's files, shared by all its containers."""
        contents: dict[str, str | bytes | Node] = {
            "etc/passwd": PASSWD,
            "etc/group": GROUP,
            "root/": "",
            "var/run/": "",
            "tmp": Directory(mode=0o1777),
            "etc/hosts": "",
            "etc/hostname": "",
            "etc/resolv.conf": "",
            "dev/termination-log": "",
            **{f"dev/{name}": Device(kind=kind) for name, kind in DEVICES.items()},
            **self.files,
        }
        for name in self.programs:
            contents.setdefault(f"bin/{name}", executable(name))
        return tree(contents).freeze()
