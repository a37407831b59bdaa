"""``tar`` and ``gzip``, by Python's ``tarfile`` and ``gzip``; ``kubectl cp`` runs the first in the container.

Source: POSIX.1-2024, pax; BusyBox archival for flags and messages.
"""

from __future__ import annotations

import gzip as gzip_format
import io
import re
import tarfile
import zlib
from datetime import UTC, datetime

from podwalk.containers.files import Directory, File, FileError, Node, Symlink, normal, parent
from podwalk.containers.process import Process
from podwalk.containers.tools.accounts import group_name, user_name
from podwalk.containers.tools.command import Options, ToolError, UsageError, encode, open_input, parse, tool
from podwalk.containers.tools.listing import permissions
from podwalk.simulation import Task

LONG = (
    "strip-components=",
    "no-same-owner",
    "no-same-permissions",
    "numeric-owner",
    "overwrite",
    "exclude=",
    "no-overwrite-dir",
    "warning=",
)
CHUNK = 65_536


@tool("tar", usage="c|x|t [-zvkhmopO] [-f TARFILE] [-C DIR] [FILE]...", raw=True)
def tar(process: Process, options: Options, words: list[str]) -> Task:
    """Make, list and unpack archives."""
    if words and re.match(r"[a-zA-Z]", words[0]):
        words = [f"-{words[0]}", *words[1:]]
        letters = words[0]
        if "f" in letters and not letters.endswith("f"):
            words[0] = letters.replace("f", "") + "f"
    options, names = parse(words, "cxtf:C:vzkhmopOaT:X:", LONG, "ZjJrqu")
    modes = [flag for flag in "cxt" if flag in options]
    if len(modes) != 1:
        raise UsageError
    directory = process.path(options.get("C")) if "C" in options else process.cwd
    if not process.container.files.is_dir(directory):
        raise ToolError(f"can't change directory to '{options.get('C')}': No such file or directory")
    if modes == ["c"]:
        return (yield from _create(process, options, names, directory))
    try:
        data = yield from open_input(process, options.get("f", "-")).read_all()
    except FileError as error:
        raise ToolError(f"can't open '{options.get('f')}': {error.reason}") from error
    if not data:
        raise ToolError("short read")
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            return (yield from _read(process, options, names, directory, archive))
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ToolError("invalid tar magic" if len(data) >= 512 else "short read") from error


def _create(process: Process, options: Options, names: list[str], directory: str) -> Task:
    if not names:
        raise ToolError("empty archive")
    buffer, failed = io.BytesIO(), 0
    output = options.get("f", "-")
    with tarfile.open(fileobj=buffer, mode="w:gz" if "z" in options else "w", format=tarfile.GNU_FORMAT) as archive:
        warned = False
        for name in names:
            try:
                node = process.container.files.stat(normal(name, directory), follow="h" in options)
            except FileError as error:
                failed = process.fail(f"tar: {name}: {error.reason}")
                continue
            if name.startswith("/") and not warned:
                warned = bool(process.fail("tar: removing leading '/' from member names"))
            yield from _add(process, options, archive, name, normal(name, directory), node)
    if output == "-":
        data = buffer.getvalue()
        for start in range(0, len(data), CHUNK):
            yield from process.emit(data[start : start + CHUNK])
    else:
        process.container.files.write(process.path(output), buffer.getvalue())
    return process.fail("tar: error exit delayed from previous errors") if failed else 0


def _add(process: Process, options: Options, archive: tarfile.TarFile, name: str, path: str, node: Node) -> Task:
    if any(name == skip or name.startswith(f"{skip}/") for skip in options.all("exclude")):
        return
    stored = name.lstrip("/") or "."
    info = tarfile.TarInfo(stored)
    info.mode, info.uid, info.gid = node.mode & 0o7777, node.uid, node.gid
    info.uname, info.gname = user_name(process, node.uid), group_name(process, node.gid)
    info.mtime = int(process.simulation.datetime(node.mtime).timestamp())
    content = b""
    if isinstance(node, Directory):
        info.type = tarfile.DIRTYPE
    elif isinstance(node, Symlink):
        info.type, info.linkname = tarfile.SYMTYPE, node.target
    elif isinstance(node, File):
        content = node.read()
        info.size = len(content)
    else:
        return
    archive.addfile(info, io.BytesIO(content))
    if "v" in options:
        line = f"{stored}{'/' if info.isdir() and not stored.endswith('/') else ''}\n"
        (process.stderr if options.get("f", "-") == "-" else process.stdout).write(encode(line))
    yield process.sleep(0.0001)
    if isinstance(node, Directory):
        for child in process.container.files.list(path):
            below = process.container.files.stat(f"{path.rstrip('/')}/{child}", follow="h" in options)
            yield from _add(
                process, options, archive, f"{name.rstrip('/')}/{child}", f"{path.rstrip('/')}/{child}", below
            )


def _read(process: Process, options: Options, names: list[str], directory: str, archive: tarfile.TarFile) -> Task:
    seen: set[str] = set()
    strip = int(options.get("strip-components", "0"))
    for info in archive:
        wanted = [
            name for name in names if info.name == name.rstrip("/") or info.name.startswith(f"{name.rstrip('/')}/")
        ]
        if names and not wanted:
            continue
        seen.update(wanted)
        shown = info.name + ("/" if info.isdir() else "")
        if "t" in options:
            process.write(_listed(info, shown) if "v" in options else f"{shown}\n")
            continue
        if "v" in options:
            (process.stderr if "O" in options else process.stdout).write(encode(f"{shown}\n"))
        place = "/".join(info.name.lstrip("/").split("/")[strip:])
        if place and ".." not in place.split("/"):
            _extract(process, options, archive, info, normal(place, directory))
        yield process.sleep(0.0001)
    missing = [name for name in names if name not in seen]
    for name in missing:
        process.fail(f"tar: {name}: not found in archive")
    return int(bool(missing))


def _listed(info: tarfile.TarInfo, shown: str) -> str:
    node = (
        Directory(mode=info.mode)
        if info.isdir()
        else Symlink(target=info.linkname)
        if info.issym()
        else File(mode=info.mode)
    )
    when = datetime.fromtimestamp(info.mtime, UTC)
    target = f" -> {info.linkname}" if info.issym() else ""
    return f"{permissions(node)} {info.uname}/{info.gname} {info.size:9} {when:%Y-%m-%d %H:%M:%S} {shown}{target}\n"


def _extract(process: Process, options: Options, archive: tarfile.TarFile, info: tarfile.TarInfo, path: str) -> None:
    files = process.container.files
    content = archive.extractfile(info) if info.isfile() else None
    data = content.read() if content is not None else b""
    if "O" in options:
        process.stdout.write(data)
        return
    when = None if "m" in options else info.mtime - process.simulation.epoch.timestamp()
    try:
        if info.isdir():
            files.mkdir(path, parents=True)
            files.chmod(path, info.mode)
            return
        files.mkdir(parent(path), parents=True)
        existing = files.find(path, follow=False).node
        if existing is not None and "k" in options:
            return
        if existing is not None:
            files.remove(path)
        if info.issym():
            files.symlink(info.linkname, path)
        elif info.islnk():
            files.place(path, files.stat(normal(info.linkname, parent(path))))
        elif info.isfile():
            files.write(path, data, info.mode & (0o7777 if "p" in options or files.uid == 0 else ~files.umask))
            files.touch(path, when)
        else:
            raise ToolError(f"{info.name}: special files are not simulated by Podwalk", 2)
    except FileError as error:
        raise ToolError(f"can't open '{info.name}': {error.reason}") from error


@tool("gzip gunzip zcat", "cdfkqtvn123456789", usage="[-cfkdt123456789] [FILE]...")
def gzip(process: Process, options: Options, words: list[str]) -> Task:
    """Compress and unpack files."""
    name = process.argv[0].rpartition("/")[2]
    unpack, to_stdout = name != "gzip" or "d" in options, name == "zcat" or "c" in options or not words
    failed = 0
    for word in words or ["-"]:
        try:
            data = yield from open_input(process, word).read_all()
            result = gzip_format.decompress(data) if unpack else gzip_format.compress(data, mtime=0)
            if unpack and not data:
                raise EOFError
        except FileError as error:
            failed = process.fail(f"{name}: {word}: {error.reason}")
            continue
        except (OSError, EOFError, zlib.error):
            failed = process.fail(f"{name}: invalid magic")
            continue
        if "t" in options:
            continue
        if to_stdout:
            for start in range(0, len(result), CHUNK):
                yield from process.emit(result[start : start + CHUNK])
        else:
            failed |= _replace(process, options, name, word, result, unpack)
    return failed


def _replace(process: Process, options: Options, name: str, word: str, data: bytes, unpack: bool) -> int:
    files = process.container.files
    if unpack and not re.search(r"\.(gz|tgz)$", word):
        return process.fail(f"{name}: {word}: unknown suffix - ignored")
    target = re.sub(r"\.tgz$", ".tar", word.removesuffix(".gz")) if unpack else f"{word}.gz"
    if files.exists(process.path(target)) and "f" not in options:
        return process.fail(f"{name}: can't open '{target}': File exists")
    files.write(process.path(target), data)
    if "k" not in options:
        files.remove(process.path(word))
    return 0
