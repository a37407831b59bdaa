"""Tools that say who and where: id, uname, env, free, mount, nproc, stty, clear, and editors that are refused.

Source: POSIX.1-2024, Utilities; BusyBox for output and messages.
"""

from __future__ import annotations

import re

from podwalk.containers.process import Process
from podwalk.containers.tools.accounts import entries, group_name, user_name
from podwalk.containers.tools.busybox import APPLETS
from podwalk.containers.tools.command import VERSION, Options, ToolError, tool
from podwalk.simulation import Task

KERNEL = "6.8.0"
MEMORY_KB = 8 * 1024 * 1024
CORES = 2


@tool("uname", "amnrspvio", usage="[-amnrspvio]")
def uname(process: Process, options: Options, words: list[str]) -> int:
    """Print the system's name."""
    values = {
        "s": "Linux",
        "n": process.container.hostname,
        "r": KERNEL,
        "v": "#1 SMP PREEMPT_DYNAMIC",
        "m": "x86_64",
        "p": "unknown",
        "i": "unknown",
        "o": "GNU/Linux",
    }
    chosen = "snrvmo" if "a" in options else "".join(flag for flag in values if flag in options) or "s"
    process.write(" ".join(values[flag] for flag in chosen) + "\n")
    return 0


@tool("arch")
def arch(process: Process, options: Options, words: list[str]) -> int:
    """Print the machine's architecture."""
    process.write("x86_64\n")
    return 0


@tool("whoami")
def whoami(process: Process, options: Options, words: list[str]) -> int:
    """Print the user's name."""
    uid = process.container.files.uid
    name = user_name(process, uid)
    if name == str(uid):
        raise ToolError(f"unknown uid {uid}")
    process.write(f"{name}\n")
    return 0


@tool("id", "ugGnr", usage="[-ugGnr] [USER]")
def id_(process: Process, options: Options, words: list[str]) -> int:
    """Print user and groups."""
    uid, gid = process.container.files.uid, process.container.files.gid
    if words:
        row = next((row for row in entries(process, "/etc/passwd") if row[0] == words[0]), None)
        if row is None:
            raise ToolError(f"unknown user {words[0]}")
        uid, gid = int(row[2]), int(row[3])
    names = user_name(process, uid), group_name(process, gid)
    if options.has("u", "g", "G"):
        value = str(uid if "u" in options else gid)
        process.write(f"{(names[0] if 'u' in options else names[1]) if 'n' in options else value}\n")
        return 0

    def shown(number: int, name: str) -> str:
        return f"{number}({name})" if name != str(number) else str(number)

    process.write(f"uid={shown(uid, names[0])} gid={shown(gid, names[1])} groups={shown(gid, names[1])}\n")
    return 0


@tool("groups", usage="[USER]")
def groups(process: Process, options: Options, words: list[str]) -> int:
    """Print the user's groups."""
    process.write(f"{group_name(process, process.container.files.gid)}\n")
    return 0


@tool("hostid")
def hostid(process: Process, options: Options, words: list[str]) -> int:
    """Print a number of the host."""
    process.write("00000000\n")
    return 0


@tool("nproc", "", ["all", "ignore="])
def nproc(process: Process, options: Options, words: list[str]) -> int:
    """Print how many processors there are."""
    process.write(f"{CORES}\n")
    return 0


@tool("free", "bkmght", usage="[-bkmgh]")
def free(process: Process, options: Options, words: list[str]) -> int:
    """Print the node's memory."""
    used, cache = MEMORY_KB // 8, MEMORY_KB // 4
    divide = 1024 if "m" in options else 1024 * 1024 if "g" in options else 1
    times = 1024 if "b" in options else 1
    process.write("              total        used        free      shared  buff/cache   available\n")
    amounts = (MEMORY_KB, used, MEMORY_KB - used - cache, 1024, cache, MEMORY_KB - used)

    def shown(amount: int) -> str:
        if "h" in options:
            return next(f"{amount / n:.1f}{u}" for n, u in ((1 << 20, "G"), (1 << 10, "M"), (1, "K")) if amount >= n)
        return str(amount * times // divide)

    process.write("Mem:  " + " ".join(f"{shown(amount):>11}" for amount in amounts).rjust(72) + "\n")
    process.write("Swap: " + " ".join(f"{0:11}" for _ in range(3)).rjust(36) + "\n")
    return 0


@tool("mount", "alo:t:rw", usage="")
def mount(process: Process, options: Options, words: list[str]) -> int:
    """Print what is mounted."""
    if words:
        raise ToolError("permission denied (are you root?)")
    for place in process.container.files.mounts.values():
        process.write(
            f"{place.source} on {place.path} type {place.type} ({'ro' if place.read_only else 'rw'},relatime)\n"
        )
    return 0


@tool("tty", "s")
def tty(process: Process, options: Options, words: list[str]) -> int:
    """Print the terminal's name."""
    if "s" not in options:
        process.write("/dev/pts/0\n" if process.tty else "not a tty\n")
    return int(not process.tty)


@tool("stty", usage="[size | -a | SETTING]...", raw=True)
def stty(process: Process, options: Options, words: list[str]) -> int:
    """Print the terminal's size; settings are the client's terminal's."""
    if not process.tty:
        raise ToolError("standard input: Inappropriate ioctl for device")
    terminal = process.terminal
    rows, columns = (24, 80) if terminal is None else (terminal.rows, terminal.columns)
    if words == ["size"]:
        process.write(f"{rows} {columns}\n")
    elif words in ([], ["-a"]):
        process.write(f"speed 38400 baud;\nrows {rows}; columns {columns};\n")
    else:
        raise ToolError("changing settings is not simulated by Podwalk", 2)
    return 0


@tool("clear reset")
def clear(process: Process, options: Options, words: list[str]) -> int:
    """Clear the screen."""
    process.write("\x1b[H\x1b[J")
    return 0


@tool("sync fsync")
def sync(process: Process, options: Options, words: list[str]) -> int:
    """Write nothing out, for nothing waits to be written."""
    return 0


@tool("vi vim nano ed emacs", raw=True)
def editor(process: Process, options: Options, words: list[str]) -> int:
    """Say that there is no editor."""
    raise ToolError("editors are not simulated by Podwalk; use `cat > FILE <<EOF` or `sed -i`", 127)


@tool("env", usage="[-iu0] [-u VAR] [NAME=VALUE]... [PROG ARGS]", flags="iu:0", permute=False, code=125)
def env(process: Process, options: Options, words: list[str]) -> Task:
    """Print the environment, or run a program in another one."""
    values = {} if "i" in options or words[:1] == ["-"] else dict(process.env)
    words = words[1:] if words[:1] == ["-"] else words
    for name in options.all("u"):
        values.pop(name, None)
    while words and re.match(r"[^=]+=", words[0]):
        name, _, value = words[0].partition("=")
        values[name] = value
        words = words[1:]
    if not words:
        ending = "\0" if "0" in options else "\n"
        yield from process.emit("".join(f"{n}={v}{ending}" for n, v in values.items()).encode(errors="surrogateescape"))
        return 0
    from podwalk.containers.tools.running import become

    process.env = values
    return (yield from become(process, words, "env: can't execute '{name}': {reason}"))


@tool("printenv", "0", usage="[VARIABLE]...")
def printenv(process: Process, options: Options, words: list[str]) -> int:
    """Print variables of the environment."""
    if not words:
        process.write("".join(f"{name}={value}\n" for name, value in process.env.items()))
    for word in words:
        if word in process.env:
            process.write(f"{process.env[word]}\n")
    return int(any(word not in process.env for word in words))


@tool("busybox", usage="[FUNCTION [ARGS]...]", raw=True)
def busybox(process: Process, options: Options, words: list[str]) -> Task:
    """Run an applet, or list them."""
    names = sorted(name for name in APPLETS if name in process.container.programs)
    if words[:1] in (["--list"], ["--list-full"]):
        process.write("".join(f"{'bin/' if words[0] != '--list' else ''}{name}\n" for name in names))
        return 0
    if not words or words[0] == "--help":
        process.write(f"{VERSION}\nUsage: busybox [FUNCTION [ARGUMENTS]...]\n\n")
        process.write(f"Currently defined functions:\n\t{', '.join(names)}\n")
        return 0
    if words[0] not in names:
        missing = "is not simulated by Podwalk" if words[0] in APPLETS else "not found"
        return process.fail(f"{words[0]}: applet {missing}", 127)
    process.argv = list(words)
    return (yield from process.container.programs[words[0]](process))
