"""Tools that describe files: ls, stat, du, df.

Source: POSIX.1-2024, Utilities; BusyBox coreutils for columns and messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from podwalk.containers.files import Device, Directory, FileError, Node, Symlink, walk
from podwalk.containers.process import Process
from podwalk.containers.tools.accounts import group_name, user_name
from podwalk.containers.tools.command import Options, ToolError, UsageError, human, tool

RECENT_S = 183 * 86_400
"""Seconds after which ``ls -l`` shows a year in place of the time."""

TYPES = {"-": "regular file", "d": "directory", "l": "symbolic link", "c": "character special file"}


@dataclass(frozen=True)
class Item:
    """One thing to list: how it is called, where it is, what it is."""

    name: str
    path: str
    node: Node


def kind(node: Node) -> str:
    """Return the letter of a node's type, as ``ls -l`` begins with."""
    if isinstance(node, Directory):
        return "d"
    return "l" if isinstance(node, Symlink) else "c" if isinstance(node, Device) else "-"


def permissions(node: Node) -> str:
    """Return type and permissions as ``ls -l`` shows them."""
    text = "".join(letter if node.mode >> (8 - place) & 1 else "-" for place, letter in enumerate("rwxrwxrwx"))
    for place, bit, letter in ((2, 0o4000, "s"), (5, 0o2000, "s"), (8, 0o1000, "t")):
        if node.mode & bit:
            text = text[:place] + (letter if text[place] == "x" else letter.upper()) + text[place + 1 :]
    return kind(node) + text


def modified(process: Process, node: Node) -> datetime:
    """Return the time of change."""
    return process.simulation.datetime(node.mtime)


@tool(
    "ls",
    "1aAdlRrtShFpinLHCxsGgovXcu",
    ["color=", "color", "full-time", "group-directories-first"],
    usage="[-1AaCdLHRFplinshrStvX] [FILE]...",
    lacks="kw:",
)
def ls(process: Process, options: Options, words: list[str]) -> int:
    """List directories and files."""
    plain: list[Item] = []
    directories: list[Item] = []
    failed = 0
    for word in words or ["."]:
        try:
            follow = "d" not in options and ("l" not in options or word.endswith("/") or options.has("L", "H"))
            node = process.container.files.stat(process.path(word), follow=follow)
        except FileError as error:
            try:
                node = process.container.files.stat(process.path(word), follow=False)
            except FileError:
                failed = process.fail(f"ls: {word}: {error.reason}")
                continue
        item = Item(word, process.path(word), node)
        (directories if isinstance(node, Directory) and "d" not in options else plain).append(item)
    if plain:
        _print(process, options, _ordered(options, plain))
    titles, first = len(words) > 1 or "R" in options, not plain
    for item in _ordered(options, directories):
        failed |= _list(process, options, item, titles, first)
        first = False
    return failed


def _list(process: Process, options: Options, item: Item, titles: bool, first: bool) -> int:
    try:
        names = process.container.files.list(item.path)
    except FileError as error:
        return process.fail(f"ls: can't open '{item.name}': {error.reason}")
    if titles:
        process.write(f"{'' if first else chr(10)}{item.name}:\n")
    if "a" in options:
        names = [".", "..", *names]
    elif "A" not in options:
        names = [name for name in names if not name.startswith(".")]
    entries = []
    for name in names:
        path = f"{item.path.rstrip('/')}/{name}"
        entries.append(Item(name, path, process.container.files.stat(path, follow="L" in options)))
    if options.has("l", "n", "s", "full-time", "g", "o"):
        process.write(f"total {sum(_blocks(entry.node) for entry in entries)}\n")
    entries = _ordered(options, entries)
    _print(process, options, entries)
    failed = 0
    if "R" in options:
        for entry in entries:
            if isinstance(entry.node, Directory) and entry.name not in (".", ".."):
                below = Item(f"{item.name.rstrip('/')}/{entry.name}", entry.path, entry.node)
                failed |= _list(process, options, below, titles=True, first=False)
    return failed


def _blocks(node: Node) -> int:
    """Return the kibibytes that a node takes on a disk of 4 KiB blocks."""
    return 4 if isinstance(node, Directory) else 0 if isinstance(node, Symlink) else -(-node.size // 4096) * 4


def _ordered(options: Options, items: list[Item]) -> list[Item]:
    items = sorted(items, key=lambda item: item.name.encode())
    if "S" in options:
        items.sort(key=lambda item: -item.node.size)
    elif options.has("t"):
        items.sort(key=lambda item: -item.node.mtime)
    elif "X" in options:
        items.sort(key=lambda item: item.name.rpartition(".")[2])
    elif "v" in options:
        items.sort(
            key=lambda item: [(int(p), "") if p.isdigit() else (-1, p) for p in re.findall(r"\d+|\D+", item.name)]
        )
    if "r" in options:
        items.reverse()
    if "group-directories-first" in options:
        items.sort(key=lambda item: not isinstance(item.node, Directory))
    return items


def _print(process: Process, options: Options, items: list[Item]) -> None:
    names = [_marked(options, item) for item in items]
    if options.has("l", "n", "full-time", "g", "o"):
        process.write("".join(_long(process, options, item) + "\n" for item in items))
    elif process.tty and "1" not in options:
        process.write(_columns(names, 80 if process.terminal is None else process.terminal.columns))
    else:
        process.write("".join(f"{_inode(options, item)}{name}\n" for item, name in zip(items, names, strict=True)))


def _inode(options: Options, item: Item) -> str:
    number = f"{id(item.node) % 10_000_000:7} " if "i" in options else ""
    return number + (f"{_blocks(item.node):4} " if "s" in options else "")


def _marked(options: Options, item: Item) -> str:
    if isinstance(item.node, Directory) and options.has("F", "p"):
        return item.name + "/"
    if "F" in options:
        letter = kind(item.node)
        return item.name + ("@" if letter == "l" else "*" if letter == "-" and item.node.mode & 0o111 else "")
    return item.name


def _columns(names: list[str], width: int) -> str:
    if not names:
        return ""
    column = max(map(len, names)) + 2
    per_row = max(1, width // column)
    rows = -(-len(names) // per_row)
    lines = ["".join(name.ljust(column) for name in names[row::rows]).rstrip() for row in range(rows)]
    return "\n".join(lines) + "\n"


def _long(process: Process, options: Options, item: Item) -> str:
    node = item.node
    numeric = "n" in options
    owner = str(node.uid) if numeric else user_name(process, node.uid)
    group = str(node.gid) if numeric else group_name(process, node.gid)
    links = 2 + sum(isinstance(n, Directory) for n in node.entries.values()) if isinstance(node, Directory) else 1
    size = human(node.size) if "h" in options else str(node.size)
    if isinstance(node, Device):
        size = "1,   3"
    when = modified(process, node)
    if "full-time" in options:
        stamp = when.strftime("%Y-%m-%d %H:%M:%S +0000")
    elif abs(process.simulation.now - node.mtime) > RECENT_S:
        stamp = f"{when:%b} {when.day:2}  {when:%Y}"
    else:
        stamp = f"{when:%b} {when.day:2} {when:%H:%M}"
    target = f" -> {node.target}" if isinstance(node, Symlink) else ""
    return (
        f"{_inode(options, item)}{permissions(node)} {links:4} {owner:<8} {group:<8} {size:>9} {stamp} "
        f"{_marked(options, item)}{target}"
    )


@tool("stat", "c:ftL", ["format=", "printf="], usage="[-Lt] [-c FMT] FILE...")
def stat(process: Process, options: Options, words: list[str]) -> int:
    """Describe files by a format."""
    if not words:
        raise UsageError
    if "f" in options:
        raise ToolError("-f is not simulated by Podwalk", 2)
    failed = 0
    for word in words:
        try:
            node = process.container.files.stat(process.path(word), follow="L" in options)
        except FileError as error:
            failed = process.fail(f"stat: can't stat '{word}': {error.reason}")
            continue
        form = options.get("c", options.get("format"))
        process.write((_formatted(process, form, word, node) if form else _whole(process, word, node)) + "\n")
    return failed


def _formatted(process: Process, form: str, name: str, node: Node) -> str:
    type_name = TYPES[kind(node)]
    if type_name == "regular file" and not node.size:
        type_name = "regular empty file"
    when = modified(process, node)
    shown = f"{when:%Y-%m-%d %H:%M:%S.%f}000 +0000"
    epoch = int(when.timestamp())
    values = {
        "n": name,
        "N": f"'{name}' -> '{node.target}'" if isinstance(node, Symlink) else name,
        "s": node.size,
        "a": f"{node.mode & 0o7777:o}",
        "A": permissions(node),
        "f": f"{ {'-': 0o100000, 'd': 0o40000, 'l': 0o120000, 'c': 0o20000}[kind(node)] | node.mode:x}",
        "F": type_name,
        "u": node.uid,
        "U": user_name(process, node.uid),
        "g": node.gid,
        "G": group_name(process, node.gid),
        "i": id(node) % 10_000_000,
        "h": 1,
        "b": _blocks(node) * 2,
        "B": 512,
        "o": 4096,
        "t": 0,
        "T": 0,
        "%": "%",
        **dict.fromkeys("xyzw", shown),
        **dict.fromkeys("XYZW", epoch),
    }
    return re.sub(r"%([a-zA-Z%])", lambda match: str(values.get(match.group(1), "?")), form)


def _whole(process: Process, name: str, node: Node) -> str:
    shown = _formatted(process, "%N", name, node)
    lines = (
        f"  File: {shown}",
        "  Size: %-10s\tBlocks: %-10b IO Block: 4096   %F",
        "Device: 2fh/47d\tInode: %-10i  Links: %h",
        "Access: (0%a/%A)  Uid: (%u/%U)   Gid: (%g/%G)",
        "Access: %x",
        "Modify: %y",
        "Change: %z",
    )
    text = "\n".join(lines)
    text = re.sub(
        r"%-(\d+)([sbi])", lambda m: _formatted(process, f"%{m.group(2)}", name, node).ljust(int(m.group(1))), text
    )
    text = text.replace("%u/%U", f"{node.uid:5}/{user_name(process, node.uid):>8}")
    text = text.replace("%g/%G", f"{node.gid:5}/{group_name(process, node.gid):>8}")
    return _formatted(process, text, name, node)


@tool("du", "ashkmcd:Lx", usage="[-ashkmcLx] [-d N] [FILE]...")
def du(process: Process, options: Options, words: list[str]) -> int:
    """Sum the sizes of trees."""
    failed, total = 0, 0
    for word in words or ["."]:
        try:
            node = process.container.files.stat(process.path(word))
        except FileError as error:
            failed = process.fail(f"du: {word}: {error.reason}")
            continue
        depth = 0 if "s" in options else options.number("d", 1 << 30)
        for level, name, size in _sizes(process, word, process.path(word), node):
            directory = process.container.files.is_dir(process.path(name))
            if level <= depth and (directory or "a" in options or level == 0):
                process.write(f"{_amount(options, size)}\t{name}\n")
        total += sum(_blocks(n) for n in walk(node)) if isinstance(node, Directory) else _blocks(node)
    if "c" in options:
        process.write(f"{_amount(options, total)}\ttotal\n")
    return failed


def _sizes(process: Process, name: str, path: str, node: Node, level: int = 0) -> Iterator[tuple[int, str, int]]:
    """Yield level, name and size of everything in a tree, what is deeper first."""
    if isinstance(node, Directory):
        for child in sorted(node.entries):
            below = process.container.files.stat(f"{path.rstrip('/')}/{child}", follow=False)
            yield from _sizes(process, f"{name.rstrip('/')}/{child}", f"{path.rstrip('/')}/{child}", below, level + 1)
    yield level, name, sum(_blocks(n) for n in walk(node)) if isinstance(node, Directory) else _blocks(node)


def _amount(options: Options, size: int) -> str:
    return human(size * 1024) if "h" in options else str(size // 1024 if "m" in options else size)


@tool("df", "hkmPTai", usage="[-hkmPTa] [FILE]...")
def df(process: Process, options: Options, words: list[str]) -> int:
    """Print how full the mounted file systems are; each is said to hold 64 GiB."""
    files = process.container.files
    mounts = [files.find(process.path(word)).mount for word in words] if words else list(files.mounts.values())
    blocks = 64 * 1024 * 1024
    unit = 1024 if "m" in options else 1
    title = (
        "Size"
        if "h" in options
        else "1M-blocks"
        if "m" in options
        else "1024-blocks"
        if "P" in options
        else "1K-blocks"
    )
    process.write(f"Filesystem           {title:>9}      Used Available Use% Mounted on\n")
    for mount in mounts:
        used = (
            sum(_blocks(node) for node in walk(mount.node))
            if isinstance(mount.node, Directory)
            else _blocks(mount.node)
        )
        amounts = [blocks, used, blocks - used]
        shown = [human(n * 1024) for n in amounts] if "h" in options else [str(n // unit) for n in amounts]
        percent = f"{-(-100 * used // blocks)}%"
        process.write(f"{mount.source:<20} {shown[0]:>9} {shown[1]:>9} {shown[2]:>9} {percent:>4} {mount.path}\n")
    return 0
