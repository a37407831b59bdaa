"""Tools for names of files: basename, dirname, pwd, readlink, realpath, which.

Source: POSIX.1-2024, Utilities; BusyBox coreutils for flags and messages.
"""

from __future__ import annotations

from podwalk.containers.files import FileError, Symlink
from podwalk.containers.process import SEARCH_PATH, CommandError, Process
from podwalk.containers.tools.command import Options, ToolError, UsageError, tool


@tool("basename", "as:", usage="FILE [SUFFIX] | -a FILE... | -s SUFFIX FILE...")
def basename(process: Process, options: Options, words: list[str]) -> int:
    """Print the last part of names."""
    if not words or (len(words) > 2 and not options.has("a", "s")):
        raise UsageError
    suffix = options.get("s") if options.has("a", "s") else words[1] if len(words) > 1 else ""
    for word in words if options.has("a", "s") else words[:1]:
        name = word.rstrip("/").rpartition("/")[2] or ("/" if word else "")
        process.write(f"{name.removesuffix(suffix) or name}\n")
    return 0


@tool("dirname", usage="FILENAME")
def dirname(process: Process, options: Options, words: list[str]) -> int:
    """Print the directory part of a name."""
    if not words:
        raise UsageError
    for word in words:
        head, slash, _ = word.rstrip("/").rpartition("/")
        process.write(f"{head.rstrip('/') or ('/' if slash or word.startswith('/') else '.')}\n")
    return 0


@tool("pwd", "LP", usage="[-LP]")
def pwd(process: Process, options: Options, words: list[str]) -> int:
    """Print the directory."""
    process.write(f"{process.container.files.resolve(process.cwd)}\n")
    return 0


@tool("readlink", "fnevqsmz", usage="[-fnv] FILE")
def readlink(process: Process, options: Options, words: list[str]) -> int:
    """Print where a link leads."""
    if not words:
        raise UsageError
    for word in words:
        try:
            if options.has("f", "e", "m"):
                text = process.container.files.resolve(process.path(word))
            else:
                node = process.container.files.stat(process.path(word), follow=False)
                if not isinstance(node, Symlink):
                    return 1
                text = node.target
        except FileError as error:
            return process.fail(f"readlink: {word}: {error.reason}") if "v" in options else 1
        process.write(text + ("" if "n" in options else "\n"))
    return 0


@tool("realpath", "e", usage="FILE...")
def realpath(process: Process, options: Options, words: list[str]) -> int:
    """Print names without links and dots."""
    if not words:
        raise UsageError
    failed = 0
    for word in words:
        try:
            process.write(f"{process.container.files.resolve(process.path(word))}\n")
        except FileError as error:
            failed = process.fail(f"realpath: {word}: {error.reason}")
    return failed


@tool("which", "a", usage="[-a] COMMAND...")
def which(process: Process, options: Options, words: list[str]) -> int:
    """Print where commands are."""
    if not words:
        raise UsageError
    failed = 0
    for word in words:
        path = locate(process, word)
        if path is None:
            failed = 1
        else:
            process.write(f"{path}\n")
    return failed


def locate(process: Process, name: str) -> str | None:
    """Return the path of a program; None if there is none."""
    try:
        process.find_program(name)
    except CommandError:
        return None
    if "/" in name:
        return name
    places = [f"{place}/{name}" for place in process.env.get("PATH", SEARCH_PATH).split(":")]
    return next((place for place in places if process.container.files.exists(place)), f"/bin/{name}")


@tool("mkfifo mknod chroot su passwd adduser login", usage="(not simulated by Podwalk)")
def refuse(process: Process, options: Options, words: list[str]) -> int:
    """Say that a tool is not simulated."""
    raise ToolError("not simulated by Podwalk", 127)
