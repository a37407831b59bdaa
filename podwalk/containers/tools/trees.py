"""Tools that change files and trees: cp, mv, rm, mkdir, rmdir, touch, ln, chmod, chown, mktemp, truncate, install.

Source: POSIX.1-2024, Utilities; BusyBox coreutils for flags and messages.
"""

from __future__ import annotations

import re
from datetime import UTC

from podwalk.containers.files import Directory, File, FileError, Node, Symlink, basename
from podwalk.containers.process import Process
from podwalk.containers.tools.accounts import group_id, user_id
from podwalk.containers.tools.command import Options, ToolError, UsageError, tool, whole


def _below(directory: str, name: str) -> str:
    return f"{directory.rstrip('/')}/{name}"


@tool("cp", "arRfpdLHPuvinTl", usage="[-arRfpdLHPuvnT] SOURCE... DEST", lacks="st:")
def cp(process: Process, options: Options, words: list[str]) -> int:
    """Copy files and trees."""
    return _each(process, options, words, _copy)


@tool("mv", "finvT", usage="[-finvT] SOURCE... DEST", lacks="ut:")
def mv(process: Process, options: Options, words: list[str]) -> int:
    """Move files and trees."""
    return _each(process, options, words, _move)


def _each(process: Process, options: Options, words: list[str], act: object) -> int:
    """Do something for every source and its place at the destination."""
    if len(words) < 2:
        raise UsageError
    files, target = process.container.files, words[-1]
    into = (files.is_dir(process.path(target)) or len(words) > 2) and "T" not in options
    failed = 0
    for source in words[:-1]:
        place = _below(target, basename(source)) if into else target
        if "n" in options and files.exists(process.path(place)):
            continue
        failed |= act(process, options, source, place)  # type: ignore[operator]  # _copy or _move
        if "v" in options and not failed:
            process.write(f"'{source}' -> '{place}'\n")
    return failed


def _copy(process: Process, options: Options, source: str, target: str) -> int:
    files = process.container.files
    try:
        node = files.stat(process.path(source), follow=not options.has("d", "P", "a"))
    except FileError as error:
        return process.fail(f"cp: can't stat '{source}': {error.reason}")
    keep = options.has("p", "a")
    if isinstance(node, Directory):
        if not options.has("r", "R", "a"):
            return process.fail(f"cp: omitting directory '{source}'")
        return _copy_tree(process, options, source, target, node)
    try:
        existing = files.find(process.path(target)).node
        if existing is node:
            return process.fail(f"cp: '{source}' and '{target}' are the same file")
        if isinstance(node, Symlink):
            files.symlink(node.target, process.path(target))
            return 0
        data = files.open(process.path(source)).read()
        copied = files.write(process.path(target), data, None if existing else node.mode & ~files.umask)
    except FileError as error:
        return process.fail(f"cp: can't create '{target}': {error.reason}")
    if keep:
        copied.mode, copied.mtime, copied.uid, copied.gid = node.mode, node.mtime, node.uid, node.gid
    return 0


def _copy_tree(process: Process, options: Options, source: str, target: str, node: Directory) -> int:
    files = process.container.files
    if (process.path(target) + "/").startswith(process.path(source).rstrip("/") + "/"):
        return process.fail(f"cp: recursion detected, omitting directory '{source}'")
    try:
        files.mkdir(process.path(target), parents=False)
    except FileError as error:
        if error.name != "EEXIST":
            return process.fail(f"cp: can't create directory '{target}': {error.reason}")
    failed = 0
    for name in files.list(process.path(source)):
        inner = Options([*options.pairs, ("d", "")])
        failed |= _copy(process, inner, _below(source, name), _below(target, name))
    if options.has("p", "a"):
        files.chmod(process.path(target), node.mode)
        files.touch(process.path(target), node.mtime)
    return failed


def _move(process: Process, options: Options, source: str, target: str) -> int:
    files = process.container.files
    try:
        files.rename(process.path(source), process.path(target))
    except FileError as error:
        if error.name != "EXDEV":
            return process.fail(f"mv: can't rename '{source}': {error.reason}")
        if _copy(process, Options([("a", "")]), source, target):
            return 1
        return _remove(process, source)
    return 0


@tool("rm", "rRfiv", usage="[-irfR] FILE...")
def rm(process: Process, options: Options, words: list[str]) -> int:
    """Remove files and trees; nobody is asked, as when standard input is no terminal."""
    if not words and "f" not in options:
        raise UsageError
    failed = 0
    for word in words:
        if basename(word) in (".", ".."):
            failed = process.fail(f"rm: can't remove '{word}': Invalid argument")
            continue
        try:
            node = process.container.files.stat(process.path(word), follow=False)
        except FileError as error:
            if "f" not in options or error.name not in ("ENOENT", "ENOTDIR"):
                failed = process.fail(f"rm: can't remove '{word}': {error.reason}")
            continue
        if isinstance(node, Directory) and not options.has("r", "R"):
            failed = process.fail(f"rm: '{word}' is a directory")
            continue
        failed |= _remove(process, word)
    return failed


def _remove(process: Process, word: str) -> int:
    files, path = process.container.files, process.path(word)
    node = files.stat(path, follow=False)
    failed = 0
    if isinstance(node, Directory):
        for name in files.list(path):
            failed |= _remove(process, _below(word, name))
    if not failed:
        try:
            files.remove(path)
        except FileError as error:
            return process.fail(f"rm: can't remove '{word}': {error.reason}")
    return failed


@tool("mkdir", "pm:v", usage="[-m MODE] [-p] DIRECTORY...")
def mkdir(process: Process, options: Options, words: list[str]) -> int:
    """Make directories."""
    if not words:
        raise UsageError
    failed = 0
    for word in words:
        try:
            process.container.files.mkdir(process.path(word), parents="p" in options)
            if "m" in options:
                node = process.container.files.stat(process.path(word))
                node.mode = new_mode(options.get("m"), node, process.container.files.umask)
        except FileError as error:
            failed = process.fail(f"mkdir: can't create directory '{word}': {error.reason}")
    return failed


@tool("rmdir", "p", ["ignore-fail-on-non-empty"], usage="[-p] DIRECTORY...")
def rmdir(process: Process, options: Options, words: list[str]) -> int:
    """Remove empty directories."""
    failed = 0
    for word in words:
        name = word
        while name and name != "/":
            try:
                if not isinstance(process.container.files.stat(process.path(name), follow=False), Directory):
                    raise FileError("ENOTDIR", name)
                process.container.files.remove(process.path(name))
            except FileError as error:
                if not ("ignore-fail-on-non-empty" in options and error.name == "ENOTEMPTY"):
                    failed = process.fail(f"rmdir: '{name}': {error.reason}")
                break
            name = name.rstrip("/").rpartition("/")[0] if "p" in options else ""
    return failed


@tool("touch", "cd:t:r:amh", ["date="], usage="[-cham] [-d DATE] [-t DATE] [-r FILE] FILE...")
def touch(process: Process, options: Options, words: list[str]) -> int:
    """Set times of change, and make files."""
    if not words:
        raise UsageError
    files, when = process.container.files, None
    if options.has("d", "date", "t"):
        from podwalk.containers.tools.dates import moment

        text = options.get("d", options.get("date", options.get("t")))
        stamp = moment(process, text)
        if stamp is None:
            raise ToolError(f"invalid date '{text}'")
        when = stamp.timestamp() - process.simulation.epoch.replace(tzinfo=UTC).timestamp()
    elif "r" in options:
        when = files.stat(process.path(options.get("r"))).mtime
    failed = 0
    for word in words:
        if "c" in options and not files.exists(process.path(word)):
            continue
        try:
            files.touch(process.path(word), when)
        except FileError as error:
            failed = process.fail(f"touch: {word}: {error.reason}")
    return failed


@tool("ln link", "sfnvT", usage="[-sfnvT] TARGET... LINK|DIR", lacks="bS:")
def ln(process: Process, options: Options, words: list[str]) -> int:
    """Make links."""
    if not words:
        raise UsageError
    files = process.container.files
    targets, place = (words, ".") if len(words) == 1 else (words[:-1], words[-1])
    failed = 0
    for target in targets:
        at = place
        if files.is_dir(process.path(place)) and "n" not in options and "T" not in options:
            at = _below(place, basename(target))
        kind = "symlink" if "s" in options else "hardlink"
        try:
            node: Node | None = None if "s" in options else files.stat(process.path(target))
            if "f" in options and files.find(process.path(at), follow=False).node is not None:
                files.remove(process.path(at))
            if node is None:
                files.symlink(target, process.path(at))
            else:
                files.place(process.path(at), node)
        except FileError as error:
            if error.name == "ENOENT" and kind == "hardlink" and process.argv[0] != "link":
                failed = process.fail(
                    f"ln: {at}: {error.reason}"
                    if files.exists(process.path(target))
                    else f"ln: {target}: {error.reason}"
                )
            elif process.argv[0] == "link":
                failed = process.fail(f"link: can't create hardlink '{at}' to '{target}': {error.reason}")
            else:
                failed = process.fail(f"ln: {at}: {error.reason}")
    return failed


@tool("unlink", usage="FILE")
def unlink(process: Process, options: Options, words: list[str]) -> int:
    """Remove one file."""
    if len(words) != 1:
        raise UsageError
    return _remove(process, words[0])


@tool("chmod", "Rvcfrwx", usage="[-Rcvf] MODE[,MODE]... FILE...", permute=False)
def chmod(process: Process, options: Options, words: list[str]) -> int:
    """Change permissions."""
    removed = [f"-{flag}" for flag, _ in options.pairs if flag in "rwx"]
    words = [",".join(removed), *words] if removed else words
    if len(words) < 2:
        raise UsageError
    failed = 0
    for word in words[1:]:
        failed |= _chmod(process, words[0], word, recursive="R" in options)
    return failed


def _chmod(process: Process, mode: str, word: str, *, recursive: bool) -> int:
    files = process.container.files
    try:
        node = files.stat(process.path(word))
        files.chmod(process.path(word), new_mode(mode, node, files.umask))
        names = files.list(process.path(word)) if recursive and isinstance(node, Directory) else []
    except FileError as error:
        return process.fail(f"chmod: {word}: {error.reason}")
    failed = 0
    for name in names:
        failed |= _chmod(process, mode, _below(word, name), recursive=True)
    return failed


def new_mode(text: str, node: Node, umask: int) -> int:
    """Return the permission bits that a mode such as ``755`` or ``u+x,go=r`` gives a node.

    Raises:
        ToolError: when it is no mode.
    """
    if re.fullmatch(r"[0-7]{1,4}", text):
        return int(text, 8)
    mode = node.mode
    for clause in text.split(","):
        match = re.fullmatch(r"([ugoa]*)((?:[-+=][rwxXst]*|[-+=][ugo])+)", clause)
        if match is None:
            raise ToolError(f"invalid mode '{text}'")
        who = match.group(1) or "a"
        allowed = 0o7777 if match.group(1) else ~umask & 0o7777
        reach = (
            sum({"u": 0o4700, "g": 0o2070, "o": 0o1007, "a": 0o7777}[letter] for letter in set(who) if "a" not in who)
            or 0o7777
        )
        for operator, letters in re.findall(r"([-+=])([rwxXstugo]*)", match.group(2)):
            bits = sum(
                {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000, "t": 0o1000}.get(letter, 0) for letter in set(letters)
            )
            if "X" in letters and (isinstance(node, Directory) or mode & 0o111):
                bits |= 0o111
            for letter, shift in (("u", 6), ("g", 3), ("o", 0)):
                if letter in letters:
                    bits |= (node.mode >> shift & 7) * 0o111
            bits &= reach & allowed
            mode = (
                mode | bits
                if operator == "+"
                else mode & ~bits
                if operator == "-"
                else (mode & ~(reach & 0o777)) | bits
            )
    return mode


@tool("chown chgrp", "Rhvcf", usage="[-Rhcvf] OWNER[:GROUP] FILE...")
def chown(process: Process, options: Options, words: list[str]) -> int:
    """Change owner and group."""
    if len(words) < 2:
        raise UsageError
    owner, _, group = words[0].partition(":")
    if process.argv[0].endswith("chgrp"):
        owner, group = "", words[0]
    uid, gid = user_id(process, owner) if owner else None, group_id(process, group) if group else None
    if owner and uid is None:
        raise ToolError(f"unknown user {owner}")
    if group and gid is None:
        raise ToolError(f"unknown group {group}")
    failed, pending = 0, list(words[1:])
    while pending:
        word = pending.pop(0)
        try:
            process.container.files.chown(process.path(word), uid, gid)
            if "R" in options and process.container.files.is_dir(process.path(word)):
                pending += [_below(word, name) for name in process.container.files.list(process.path(word))]
        except FileError as error:
            failed = process.fail(f"{process.argv[0]}: {word}: {error.reason}")
    return failed


@tool("mktemp", "duqp:t", usage="[-dtqu] [-p DIR] [TEMPLATE]")
def mktemp(process: Process, options: Options, words: list[str]) -> int:
    """Make a file or directory whose name is new."""
    files = process.container.files
    template = words[0] if words else "tmp.XXXXXX"
    if not words or options.has("p", "t"):
        template = _below(options.get("p", process.env.get("TMPDIR", "/tmp")), template)
    if not template.endswith("XXXXXX"):
        raise ToolError(": Invalid argument")
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    random = process.simulation.random
    path = template.rstrip("X") + "".join(
        random.choice(letters) for _ in range(len(template) - len(template.rstrip("X")))
    )
    try:
        if "u" not in options:
            if "d" in options:
                files.mkdir(process.path(path), mode=0o700)
            else:
                files.write(process.path(path), b"", 0o600)
    except FileError as error:
        raise ToolError(f"{template}: {error.reason}") from error
    process.write(f"{path}\n")
    return 0


@tool("truncate", "cs:", usage="[-c] -s SIZE FILE...")
def truncate(process: Process, options: Options, words: list[str]) -> int:
    """Cut files off, or fill them with zeroes, at a size."""
    if not words or "s" not in options:
        raise UsageError
    size = whole(options.get("s"))
    for word in words:
        if "c" in options and not process.container.files.exists(process.path(word)):
            continue
        node = process.container.files.create(process.path(word), truncate=False)
        if isinstance(node, File):
            data = bytes(node.data[:size]).ljust(size, b"\0")
            process.container.files.write(process.path(word), data)
    return 0


@tool("install", "dm:o:g:cpsD", usage="[-dDp] [-m MODE] [SOURCE]... DEST", lacks="t:")
def install(process: Process, options: Options, words: list[str]) -> int:
    """Copy files with a mode, or make directories."""
    if "d" in options:
        for word in words:
            process.container.files.mkdir(process.path(word), parents=True)
        return 0
    failed = _each(process, Options([]), words, _copy)
    target = words[-1]
    if process.container.files.is_dir(process.path(target)):
        target = _below(target, basename(words[0]))
    if not failed:
        node = process.container.files.stat(process.path(target))
        process.container.files.chmod(process.path(target), new_mode(options.get("m", "755"), node, 0))
    return failed
