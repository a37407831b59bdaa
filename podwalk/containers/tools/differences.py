"""``diff``, in the unified form that BusyBox prints always.

The comparison is ``difflib``'s; of several shortest scripts another may be chosen than BusyBox would.

Source: BusyBox editors/diff.c.
"""

from __future__ import annotations

import difflib

from podwalk.containers.files import Directory, FileError, Node
from podwalk.containers.process import Process
from podwalk.containers.tools.command import Options, ToolError, UsageError, decode, encode, open_input, tool
from podwalk.simulation import Task


@tool("diff", "uU:qrNsabiwBt", usage="[-abiqNrsuwB] [-U N] FILE1 FILE2", lacks="dTLS:", code=2)
def diff(process: Process, options: Options, words: list[str]) -> Task:
    """Compare two files or directories."""
    if len(words) != 2:
        raise UsageError(code=2)
    nodes = [_node(process, word) for word in words]
    if all(isinstance(node, Directory) for node in nodes):
        return (yield from _trees(process, options, *words))
    paths = list(words)
    for place, node in enumerate(nodes):
        if isinstance(node, Directory):
            paths[place] = f"{words[place].rstrip('/')}/{words[1 - place].rpartition('/')[2]}"
            _node(process, paths[place])
    return (yield from _files(process, options, *paths))


def _node(process: Process, word: str) -> Node | None:
    try:
        return None if word == "-" else process.container.files.stat(process.path(word))
    except FileError as error:
        raise ToolError(f"can't stat '{word}': {error.reason}", 2) from error


def _files(process: Process, options: Options, first: str, second: str) -> Task:
    texts = []
    for name in (first, second):
        texts += [decode((yield from open_input(process, name).read_all()))]
    left, right = (text.splitlines(keepends=True) for text in texts)
    if [_seen(line, options) for line in left] == [_seen(line, options) for line in right]:
        if "s" in options:
            process.write(f"Files {first} and {second} are identical\n")
        return 0
    if "q" in options:
        process.write(f"Files {first} and {second} differ\n")
        return 1
    lines = difflib.unified_diff(left, right, first, second, n=options.number("U", 3))
    out = "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
    yield from process.emit(encode(out))
    return 1


def _seen(line: str, options: Options) -> str:
    if "w" in options:
        line = "".join(line.split())
    elif "b" in options:
        line = " ".join(line.split())
    return line.lower() if "i" in options else line


def _trees(process: Process, options: Options, first: str, second: str) -> Task:
    files, status = process.container.files, 0
    names = [set(files.list(process.path(tree))) for tree in (first, second)]
    for name in sorted(names[0] | names[1]):
        left, right = f"{first}/{name}", f"{second}/{name}"
        if name not in names[0] or name not in names[1]:
            process.write(f"Only in {first if name in names[0] else second}: {name}\n")
            status = 1
        elif files.is_dir(process.path(left)) and files.is_dir(process.path(right)):
            if "r" in options:
                status |= yield from _trees(process, options, left, right)
            else:
                process.write(f"Common subdirectories: {left} and {right}\n")
        else:
            status |= yield from _files(process, options, left, right)
    return status
