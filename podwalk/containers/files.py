"""The file system of one container: an image's tree, what was written over it, and the volumes mounted into it.

An image's tree is shared by all its containers and frozen; what a container changes is copied on the way down to it, so
that a container costs what it writes. A :class:`Directory` that is mounted is the same
value for everybody who mounts it: that is an emptyDir, or a ConfigMap that the kubelet updates.

Left out: access control lists, extended attributes, device nodes other than the usual ones. One user per container, as
in Kubernetes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from podwalk.errors import PodwalkError

FILE_LIMIT = 64 * 1024 * 1024
"""Bytes that one file may hold; beyond it a write fails as on a full disk."""

SYMLINK_LIMIT = 40
"""Symbolic links that one path may lead through, as in Linux."""

MESSAGES: Mapping[str, str] = {
    "EACCES": "Permission denied",
    "EBUSY": "Resource busy",
    "EEXIST": "File exists",
    "EINVAL": "Invalid argument",
    "EISDIR": "Is a directory",
    "ELOOP": "Symbolic link loop",
    "ENOENT": "No such file or directory",
    "ENOSPC": "No space left on device",
    "ENOTDIR": "Not a directory",
    "ENOTEMPTY": "Directory not empty",
    "EPERM": "Operation not permitted",
    "EROFS": "Read-only file system",
    "EXDEV": "Cross-device link",
}
"""The words of each error, as ``strerror`` of the images' C library has them on every machine."""


class FileError(PodwalkError):
    """An operation on a file failed; ``name`` is the errno's name, ``reason`` its words."""

    def __init__(self, name: str, path: str) -> None:
        """Say which error it was, and at which path."""
        self.name, self.path, self.reason = name, path, MESSAGES[name]
        super().__init__(f"{path}: {self.reason}")


@dataclass(eq=False, kw_only=True)
class Node:
    """What an entry of a directory refers to.

    ``mtime`` is in seconds of the simulation; a ``frozen`` node belongs to an image and is copied before a change.
    """

    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: float = 0.0
    frozen: bool = False

    @property
    def size(self) -> int:
        """Bytes, as ``ls -l`` shows them."""
        return 0


@dataclass(eq=False, kw_only=True)
class File(Node):
    """A regular file. With ``source`` it is computed at each read, as the files of ``/proc`` are."""

    data: bytearray = field(default_factory=bytearray)
    source: Callable[[], bytes] | None = None

    @property
    def size(self) -> int:
        """Bytes stored; computed files have none, as in ``/proc``."""
        return len(self.data)

    def read(self) -> bytes:
        """Return the content."""
        return self.source() if self.source is not None else bytes(self.data)


@dataclass(eq=False, kw_only=True)
class Symlink(Node):
    """A symbolic link."""

    target: str
    mode: int = 0o777

    @property
    def size(self) -> int:
        """The length of the target."""
        return len(self.target.encode())


@dataclass(eq=False, kw_only=True)
class Device(Node):
    """A character device.

    ``kind`` names what it does: null, zero, full, random, tty, or fd/N for a descriptor of the process that opens it.
    """

    kind: str
    mode: int = 0o666


@dataclass(eq=False, kw_only=True)
class Directory(Node):
    """A directory: entries by name."""

    entries: dict[str, Node] = field(default_factory=dict)
    mode: int = 0o755

    @property
    def size(self) -> int:
        """What a directory takes on ext4."""
        return 4096

    def freeze(self) -> Directory:
        """Mark the whole tree as an image's, so that containers copy what they change; returns the directory."""
        for node in walk(self):
            node.frozen = True
        return self


@dataclass(frozen=True)
class Mount:
    """A directory or file that appears at a path; ``source`` and ``type`` are what ``mount`` and ``df`` print."""

    path: str
    node: Node
    read_only: bool = False
    source: str = "overlay"
    type: str = "overlay"


@dataclass(frozen=True)
class Entry:
    """Where a path led: the canonical path, the node if there is one, the mount it lies in."""

    path: str
    node: Node | None
    mount: Mount


def walk(directory: Directory) -> Iterator[Node]:
    """Yield a directory and everything below it; mounts are not followed."""
    yield directory
    for node in directory.entries.values():
        if isinstance(node, Directory):
            yield from walk(node)
        else:
            yield node


def tree(contents: Mapping[str, str | bytes | Node]) -> Directory:
    """Build a directory from paths and contents, e.g. ``{"etc/passwd": "root:x:0:…"}``.

    Args:
        contents: text or bytes for a file, or a ready node, by path relative to the directory; a path that
            ends in ``/`` is an empty directory.
    """
    files = FileSystem()
    for path, content in contents.items():
        if path.endswith("/"):
            files.mkdir("/" + path, parents=True)
            continue
        files.mkdir(parent("/" + path), parents=True)
        if isinstance(content, Node):
            files.place("/" + path, content)
        else:
            files.write("/" + path, content)
    return files.root


def devices() -> Directory:
    """Return what ``/dev`` holds in every container; mount it there."""
    kinds = ("full", "null", "random", "tty", "urandom", "zero")
    streams = {"stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    return tree(
        {kind: Device(kind=kind) for kind in kinds}
        | {name: Device(kind=kind, mode=0o620) for name, kind in streams.items()}
        | {"shm/": ""}
    )


def normal(path: str, cwd: str = "/") -> str:
    """Return an absolute path without ``.``, ``..`` and doubled slashes, as text: links are not looked at."""
    parts: list[str] = []
    for part in (path if path.startswith("/") else f"{cwd}/{path}").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def parent(path: str) -> str:
    """Return the directory part of an absolute path."""
    return path.rstrip("/").rpartition("/")[0] or "/"


def basename(path: str) -> str:
    """Return the last part of a path; ``/`` for the root."""
    return path.rstrip("/").rpartition("/")[2] or "/"


def publish(
    directory: Directory, payload: Mapping[str, bytes], stamp: str, *, mode: int = 0o644, now_s: float = 0.0
) -> None:
    """Replace the files of a ConfigMap, Secret or projected volume at once, by pointing ``..data`` elsewhere.

    Args:
        directory: the volume.
        payload: content by path relative to the volume; what is no longer there goes.
        stamp: the name of the new directory without its dots, e.g. ``2026_01_05_09_00_00.123456789``.
        mode: of each file.
        now_s: the time to write as the time of change.

    Source: k8s.io/kubernetes/pkg/volume/util/atomic_writer.go.
    """
    fresh = tree({path: File(data=bytearray(data), mode=mode, mtime=now_s) for path, data in payload.items()})
    fresh.mtime = directory.mtime = now_s
    old = directory.entries.get("..data")
    directory.entries[f"..{stamp}"] = fresh
    directory.entries["..data"] = Symlink(target=f"..{stamp}", mtime=now_s)
    if isinstance(old, Symlink) and old.target != f"..{stamp}":
        directory.entries.pop(old.target, None)
    for name in [name for name in directory.entries if not name.startswith("..") and name not in fresh.entries]:
        del directory.entries[name]
    for name in fresh.entries:
        if name not in directory.entries:
            directory.entries[name] = Symlink(target=f"..data/{name}", mtime=now_s)


N = TypeVar("N", bound=Node)


class FileSystem:
    """Paths to nodes, for one container.

    Paths are absolute, or taken from ``/``; see :meth:`podwalk.containers.process.Process.path`.
    Every method raises :class:`FileError` where the system call would fail.
    """

    def __init__(
        self,
        root: Directory | None = None,
        *,
        read_only: bool = False,
        clock: Callable[[], float] = lambda: 0.0,
        uid: int = 0,
        gid: int = 0,
    ) -> None:
        """Start from an image's directory, or from an empty one.

        Args:
            root: the image's tree; frozen trees are shared and copied where they are changed.
            read_only: the container's ``readOnlyRootFilesystem``; mounts are not affected.
            clock: gives the present in seconds of the simulation, for times of change.
            uid: the user that all processes of the container run as.
            gid: the group.
        """
        root = Directory() if root is None else root
        self.root = self._thawed(root) if root.frozen else root
        self.clock = clock
        self.uid, self.gid = uid, gid
        self.umask = 0o022
        self.mounts: dict[str, Mount] = {"/": Mount("/", self.root, read_only)}

    def mount(
        self,
        path: str,
        node: Node,
        read_only: bool = False,
        *,
        source: str = "/dev/vda1",
        type: str = "ext4",  # noqa: A002
    ) -> None:
        """Let a directory (or, for a subPath, a file) appear at a path.

        A path that is not there is made, even on a read-only root, as the container runtime does.
        """
        path = normal(path)
        root, self.mounts["/"] = self.mounts["/"], Mount("/", self.root)
        try:
            if isinstance(node, Directory):
                self.mkdir(path, parents=True)
            else:
                self.mkdir(parent(path), parents=True)
                if not self.exists(path):
                    self.write(path, b"")
            path = self.resolve(path)
        finally:
            self.mounts["/"] = root
        self.mounts[path] = Mount(path, node, read_only, source, type)

    def find(self, path: str, *, follow: bool = True) -> Entry:
        """Follow a path to its end, which may not exist; what leads there must.

        Args:
            path: the path.
            follow: whether a link at the end is followed too.
        """
        todo = [part for part in reversed(path.split("/")) if part]
        at, here, mount, links = [""], self.mounts["/"].node, self.mounts["/"], 0
        trail: list[tuple[Node, Mount]] = []
        while todo:
            name = todo.pop()
            if not isinstance(here, Directory):
                raise FileError("ENOTDIR", path)
            self._check(here, 1, path)
            if name == ".":
                continue
            if name == "..":
                if trail:
                    here, mount = trail.pop()
                    at.pop()
                continue
            node = here.entries.get(name)
            last = not todo
            if node is None:
                if last:
                    return Entry("/".join([*at, name]), None, mount)
                raise FileError("ENOENT", path)
            if isinstance(node, Symlink) and (follow or not last or path.endswith("/")):
                links += 1
                if links > SYMLINK_LIMIT:
                    raise FileError("ELOOP", path)
                todo.extend(part for part in reversed(node.target.split("/")) if part)
                if node.target.startswith("/"):
                    at, here, mount, trail = [""], self.mounts["/"].node, self.mounts["/"], []
                continue
            trail.append((here, mount))
            at.append(name)
            over = self.mounts.get("/".join(at))
            here, mount = (over.node, over) if over is not None else (node, mount)
        if path.endswith("/") and not isinstance(here, Directory):
            raise FileError("ENOTDIR", path)
        return Entry("/".join(at) or "/", here, mount)

    def stat(self, path: str, *, follow: bool = True) -> Node:
        """Return the node at a path."""
        node = self.find(path, follow=follow).node
        if node is None:
            raise FileError("ENOENT", path)
        return node

    def exists(self, path: str) -> bool:
        """Whether a path leads to something."""
        try:
            return self.find(path).node is not None
        except FileError:
            return False

    def is_dir(self, path: str) -> bool:
        """Whether a path leads to a directory."""
        try:
            return isinstance(self.find(path).node, Directory)
        except FileError:
            return False

    def resolve(self, path: str) -> str:
        """Return the canonical path, as ``realpath`` prints it; the last part need not exist."""
        return self.find(path).path

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        return self.open(path).read()

    def open(self, path: str) -> File:
        """Return a file to read from."""
        node = self.stat(path)
        if isinstance(node, Directory):
            raise FileError("EISDIR", path)
        self._check(node, 4, path)
        return node if isinstance(node, File) else File()

    def write(self, path: str, data: str | bytes, mode: int | None = None) -> File:
        """Replace a file's content, or make the file."""
        node = self.create(path, mode=mode)
        if isinstance(node, File):
            self.extend(node, data.encode() if isinstance(data, str) else data, path)
            return node
        return File()

    def append(self, path: str, data: str | bytes) -> None:
        """Add to the end of a file, which is made if it is not there."""
        node = self.create(path, truncate=False)
        if isinstance(node, File):
            self.extend(node, data.encode() if isinstance(data, str) else data, path)

    def create(self, path: str, *, truncate: bool = True, mode: int | None = None) -> File | Device:
        """Return a file to write to, made if it is not there, emptied if ``truncate``."""
        entry = self.find(path)
        if isinstance(entry.node, Directory):
            raise FileError("EISDIR", path)
        if isinstance(entry.node, Device):
            return entry.node
        if entry.node is None:
            fresh = File(
                mode=0o666 & ~self.umask if mode is None else mode, uid=self.uid, gid=self.gid, mtime=self.clock()
            )
            self._holder(entry, path).entries[basename(entry.path)] = fresh
            return fresh
        self._check(entry.node, 2, path)
        node = self._writable(entry, path)
        if not isinstance(node, File):
            raise FileError("EINVAL", path)
        if truncate:
            node.data.clear()
            node.mtime = self.clock()
        if mode is not None:
            node.mode = mode
        return node

    def extend(self, node: File, data: bytes, path: str = "") -> None:
        """Add to the end of an open file, whether or not a path still leads to it."""
        if len(node.data) + len(data) > FILE_LIMIT:
            raise FileError("ENOSPC", path)
        node.data += data
        node.mtime = self.clock()

    def list(self, path: str) -> list[str]:
        """Return the names in a directory, sorted by their bytes."""
        node = self.stat(path)
        if not isinstance(node, Directory):
            raise FileError("ENOTDIR", path)
        self._check(node, 4, path)
        return sorted(node.entries)

    def mkdir(self, path: str, *, parents: bool = False, mode: int | None = None) -> None:
        """Make a directory; with ``parents``, those above it too, and one that is there is fine."""
        if parents:
            if self.is_dir(path):
                return
            self.mkdir(parent(path), parents=True)
        entry = self.find(path.rstrip("/") or "/")
        if entry.node is not None:
            raise FileError("EEXIST", path)
        self._put(
            entry,
            Directory(
                mode=0o777 & ~self.umask if mode is None else mode, uid=self.uid, gid=self.gid, mtime=self.clock()
            ),
            path,
        )

    def place(self, path: str, node: Node) -> None:
        """Put a ready node (a link, a device, a computed file, a hard link) at a path that is free."""
        entry = self.find(path, follow=False)
        if entry.node is not None:
            raise FileError("EEXIST", path)
        self._put(entry, node, path)

    def symlink(self, target: str, path: str) -> None:
        """Make a symbolic link."""
        self.place(path, Symlink(target=target, uid=self.uid, gid=self.gid, mtime=self.clock()))

    def remove(self, path: str) -> None:
        """Remove a file or link, or an empty directory."""
        entry = self.find(path, follow=False)
        if entry.node is None:
            raise FileError("ENOENT", path)
        if entry.path in self.mounts:
            raise FileError("EBUSY", path)
        if isinstance(entry.node, Directory) and entry.node.entries:
            raise FileError("ENOTEMPTY", path)
        holder = self._holder(entry, path)
        del holder.entries[basename(entry.path)]
        holder.mtime = self.clock()

    def rename(self, old: str, new: str) -> None:
        """Move a file or directory to another path of the same mount; a file that is there is replaced."""
        source, target = self.find(old, follow=False), self.find(new, follow=False)
        if source.node is None:
            raise FileError("ENOENT", old)
        if source.path in self.mounts or target.path in self.mounts:
            raise FileError("EBUSY", old)
        if source.mount is not target.mount:
            raise FileError("EXDEV", new)
        if source.path == target.path:
            return
        if target.path.startswith(source.path + "/"):
            raise FileError("EINVAL", new)
        if isinstance(target.node, Directory):
            if not isinstance(source.node, Directory):
                raise FileError("EISDIR", new)
            if target.node.entries:
                raise FileError("ENOTEMPTY", new)
        elif target.node is not None and isinstance(source.node, Directory):
            raise FileError("ENOTDIR", new)
        del self._holder(source, old).entries[basename(source.path)]
        self._holder(target, new).entries[basename(target.path)] = source.node

    def chmod(self, path: str, mode: int) -> None:
        """Set the permission bits."""
        self._owned(path).mode = mode & 0o7777

    def chown(self, path: str, uid: int | None = None, gid: int | None = None) -> None:
        """Set owner and group; None leaves one as it is."""
        node = self._owned(path)
        if self.uid != 0 and (uid not in (None, node.uid) or gid not in (None, node.gid, self.gid)):
            raise FileError("EPERM", path)
        node.uid = node.uid if uid is None else uid
        node.gid = node.gid if gid is None else gid

    def touch(self, path: str, mtime: float | None = None) -> None:
        """Set the time of change, by default to the present; a missing file is made."""
        node: Node = self.create(path, truncate=False) if not self.is_dir(path) else self._owned(path)
        node.mtime = self.clock() if mtime is None else mtime

    def allowed(self, node: Node, bit: int) -> bool:
        """Whether the container's user may read (4), write (2) or execute and search (1) a node."""
        if self.uid == 0:
            return bit != 1 or isinstance(node, Directory) or bool(node.mode & 0o111)
        shift = 6 if node.uid == self.uid else 3 if node.gid == self.gid else 0
        return bool(node.mode >> shift & bit)

    def _owned(self, path: str) -> Node:
        entry = self.find(path)
        if entry.node is None:
            raise FileError("ENOENT", path)
        if self.uid not in (0, entry.node.uid):
            raise FileError("EPERM", path)
        return self._writable(entry, path)

    def _check(self, node: Node, bit: int, path: str) -> None:
        if self.uid != 0 and not self.allowed(node, bit):
            raise FileError("EACCES", path)

    def _put(self, entry: Entry, node: Node, path: str) -> None:
        holder = self._holder(entry, path)
        holder.entries[basename(entry.path)] = node
        holder.mtime = self.clock()

    def _holder(self, entry: Entry, path: str) -> Directory:
        """Return the directory that holds an entry, ready for a change: checked, and copied out of the image."""
        holder = self._writable(self.find(parent(entry.path)), path)
        if not isinstance(holder, Directory):
            raise FileError("ENOTDIR", path)
        self._check(holder, 2, path)
        return holder

    def _writable(self, entry: Entry, path: str) -> Node:
        """Return an entry's node for a change; nodes of the image on the way to it are copied into this container."""
        if entry.mount.read_only:
            raise FileError("EROFS", path)
        here: Node = self.mounts["/"].node
        at = ""
        for name in [part for part in entry.path.split("/") if part]:
            at = f"{at}/{name}"
            if at in self.mounts:
                here = self.mounts[at].node
                continue
            if not isinstance(here, Directory):
                raise FileError("ENOTDIR", path)
            node = here.entries[name]
            if node.frozen:
                node = here.entries[name] = self._thawed(node)
            here = node
        return here

    @staticmethod
    def _thawed(node: N) -> N:
        """Return a copy of an image's node that may be changed; what a directory holds stays shared."""
        values = {**vars(node), "frozen": False}
        if isinstance(node, Directory):
            values["entries"] = dict(node.entries)
        if isinstance(node, File):
            values["data"] = bytearray(node.data)
        return type(node)(**values)
