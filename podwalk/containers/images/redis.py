"""redis: the server and ``redis-cli``, for strings, counters, lists, sets, hashes and their expiry.

Source: redis.io/commands, the RESP2 protocol; replies and log as a real container's. A command that is not here is
answered as an unknown one. fakeredis was turned down: it brings a client and its own sockets and clock.
"""

from __future__ import annotations

import fnmatch
import re
import shlex
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import simpy

from podwalk.containers import resolver
from podwalk.containers.images import serving
from podwalk.containers.images.debian import DEBIAN
from podwalk.containers.images.image import GROUP, PASSWD, Image
from podwalk.containers.process import BrokenPipe, Process
from podwalk.containers.sockets import AddressInUse, Connection, SocketError
from podwalk.errors import PodwalkError
from podwalk.simulation import Simulation, Task

VERSION = "7.0.15"
PORT = 6379
Reply = Any
WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
NOT_INTEGER = "ERR value is not an integer or out of range"


class RedisError(PodwalkError):
    """An error reply; the text begins with its kind."""


class Simple(str):
    """A status reply such as ``OK``."""


OK = Simple("OK")


class Database:
    """Keys and values of one server."""

    def __init__(self, simulation: Simulation, password: str = "") -> None:
        """Start empty."""
        self._simulation = simulation
        self.password = password
        self.values: dict[str, Any] = {}
        self.expires: dict[str, float] = {}
        self.commands: Mapping[str, tuple[int, Callable[..., Reply]]] = {
            "PING": (0, lambda *args: args[0] if args else Simple("PONG")),
            "ECHO": (1, lambda text: text),
            "SELECT": (1, lambda _: OK),
            "GET": (1, self.get),
            "SET": (2, self.set),
            "SETEX": (3, lambda key, seconds, value: self.set(key, value, "EX", seconds)),
            "SETNX": (2, lambda key, value: int(self.set(key, value, "NX") is not None)),
            "GETSET": (2, lambda key, value: (self.get(key), self.set(key, value))[0]),
            "GETDEL": (1, lambda key: (self.get(key), self.delete(key))[0]),
            "MGET": (1, lambda *keys: [self._text(key) for key in keys]),
            "MSET": (2, self.mset),
            "APPEND": (2, lambda key, value: (self.set(key, (self.get(key) or "") + value), len(self.values[key]))[1]),
            "STRLEN": (1, lambda key: len(self.get(key) or "")),
            "INCR": (1, lambda key: self.add(key, "1")),
            "DECR": (1, lambda key: self.add(key, "-1")),
            "INCRBY": (2, self.add),
            "DECRBY": (2, lambda key, by: self.add(key, str(-_whole(by)))),
            "DEL": (1, self.delete),
            "UNLINK": (1, self.delete),
            "EXISTS": (1, lambda *keys: sum(self._live(key) for key in keys)),
            "KEYS": (
                1,
                lambda pattern: sorted(
                    key for key in list(self.values) if self._live(key) and fnmatch.fnmatchcase(key, pattern)
                ),
            ),
            "TYPE": (1, self.type),
            "EXPIRE": (2, lambda key, seconds: self.expire(key, _whole(seconds))),
            "PEXPIRE": (2, lambda key, milliseconds: self.expire(key, _whole(milliseconds) / 1000)),
            "PERSIST": (1, lambda key: int(self._live(key) and self.expires.pop(key, None) is not None)),
            "TTL": (1, lambda key: self.ttl(key)),
            "RENAME": (2, self.rename),
            "DBSIZE": (0, lambda: sum(self._live(key) for key in list(self.values))),
            "FLUSHALL": (0, self.flush),
            "FLUSHDB": (0, self.flush),
            "LPUSH": (2, lambda key, *items: self._push(key, items, left=True)),
            "RPUSH": (2, lambda key, *items: self._push(key, items, left=False)),
            "LPOP": (1, lambda key: self._pop(key, 0)),
            "RPOP": (1, lambda key: self._pop(key, -1)),
            "LLEN": (1, lambda key: len(self._of(key, list))),
            "LRANGE": (3, self.lrange),
            "SADD": (2, self.sadd),
            "SREM": (2, self.srem),
            "SMEMBERS": (1, lambda key: sorted(self._of(key, set))),
            "SISMEMBER": (2, lambda key, item: int(item in self._of(key, set))),
            "SCARD": (1, lambda key: len(self._of(key, set))),
            "HSET": (3, self.hset),
            "HGET": (2, lambda key, name: self._of(key, dict).get(name)),
            "HGETALL": (1, lambda key: [part for pair in self._of(key, dict).items() for part in pair]),
            "HDEL": (2, lambda key, *names: sum(self._of(key, dict).pop(name, None) is not None for name in names)),
            "HKEYS": (1, lambda key: list(self._of(key, dict))),
            "HLEN": (1, lambda key: len(self._of(key, dict))),
            "INFO": (0, self.info),
            "TIME": (0, lambda: [str(int(simulation.datetime().timestamp())), str(simulation.datetime().microsecond)]),
            "COMMAND": (0, lambda *_: []),
            "CLIENT": (1, lambda *_: OK),
            "CONFIG": (
                1,
                lambda action, *names: (
                    [part for name in names for part in (name, "")] if action.upper() == "GET" else OK
                ),
            ),
        }

    def run(self, words: Sequence[str]) -> Reply:
        """Run a command.

        Raises:
            RedisError: in redis's words.
        """
        name, args = words[0].upper(), words[1:]
        if name not in self.commands:
            shown = "".join(f"'{arg}' " for arg in args)
            raise RedisError(f"ERR unknown command '{words[0]}', with args beginning with: {shown}")
        least, command = self.commands[name]
        try:
            if len(args) < least:
                raise TypeError
            return command(*args)
        except TypeError as error:
            raise RedisError(f"ERR wrong number of arguments for '{words[0].lower()}' command") from error

    def _live(self, key: str) -> bool:
        if key in self.expires and self.expires[key] <= self._simulation.now:
            del self.expires[key]
            self.values.pop(key, None)
        return key in self.values

    def _of(self, key: str, kind: type, *, make: bool = False) -> Any:
        if not self._live(key):
            value = kind()
            if make:
                self.values[key] = value
            return value
        if not isinstance(self.values[key], kind):
            raise RedisError(WRONG_TYPE)
        return self.values[key]

    def _text(self, key: str) -> str | None:
        value = self.values.get(key) if self._live(key) else None
        return value if isinstance(value, str) else None

    def get(self, key: str) -> str | None:
        """Return a string."""
        if not self._live(key):
            return None
        text: str = self._of(key, str)
        return text

    def set(self, key: str, value: str, *options: str) -> Simple | None:
        """Store a string, with ``EX``, ``PX``, ``NX``, ``XX``, ``KEEPTTL``."""
        words, seconds = [option.upper() for option in options], None
        if ("NX" in words and self._live(key)) or ("XX" in words and not self._live(key)):
            return None
        for unit, factor in (("EX", 1.0), ("PX", 0.001)):
            if unit in words:
                index = words.index(unit) + 1
                if index >= len(words):
                    raise RedisError("ERR syntax error")
                seconds = _whole(words[index]) * factor
        self.values[key] = value
        if "KEEPTTL" not in words:
            self.expires.pop(key, None)
        if seconds is not None:
            self.expires[key] = self._simulation.now + seconds
        return OK

    def mset(self, *words: str) -> Simple:
        """Store several strings."""
        for key, value in zip(words[::2], words[1::2], strict=True):
            self.set(key, value)
        return OK

    def add(self, key: str, by: str) -> int:
        """Count."""
        value = _whole(self.get(key) or "0") + _whole(by)
        self.set(key, str(value), "KEEPTTL")
        return value

    def delete(self, *keys: str) -> int:
        """Delete keys."""
        count = 0
        for key in keys:
            count += self._live(key)
            self.values.pop(key, None)
            self.expires.pop(key, None)
        return count

    def type(self, key: str) -> Simple:
        """Return what a key holds."""
        names: dict[type, str] = {str: "string", list: "list", set: "set", dict: "hash"}
        return Simple(names[type(self.values[key])] if self._live(key) else "none")

    def expire(self, key: str, seconds: float) -> int:
        """Let a key go after some time."""
        if not self._live(key):
            return 0
        self.expires[key] = self._simulation.now + seconds
        return 1

    def ttl(self, key: str) -> int:
        """Return the seconds a key has left."""
        if not self._live(key):
            return -2
        return round(self.expires[key] - self._simulation.now) if key in self.expires else -1

    def rename(self, old: str, new: str) -> Simple:
        """Rename a key."""
        if not self._live(old):
            raise RedisError("ERR no such key")
        self.values[new] = self.values.pop(old)
        return OK

    def flush(self, *_: str) -> Simple:
        """Delete everything."""
        self.values.clear()
        self.expires.clear()
        return OK

    def _push(self, key: str, items: Sequence[str], *, left: bool) -> int:
        found = self._of(key, list, make=True)
        for item in items:
            found.insert(0 if left else len(found), item)
        return len(found)

    def _pop(self, key: str, index: int) -> str | None:
        found = self._of(key, list)
        if not found:
            return None
        item: str = found.pop(index)
        if not found:
            self.delete(key)
        return item

    def lrange(self, key: str, start: str, stop: str) -> list[str]:
        """Return part of a list."""
        found: list[str] = self._of(key, list)
        first, last = _whole(start), _whole(stop)
        first = max(0, first + len(found)) if first < 0 else first
        last = last + len(found) if last < 0 else last
        return found[first : last + 1]

    def sadd(self, key: str, *items: str) -> int:
        """Add to a set."""
        found = self._of(key, set, make=True)
        before = len(found)
        found.update(items)
        return len(found) - before

    def srem(self, key: str, *items: str) -> int:
        """Take out of a set."""
        found = self._of(key, set)
        before = len(found)
        found.difference_update(items)
        return before - len(found)

    def hset(self, key: str, *pairs: str) -> int:
        """Set fields of a hash."""
        found = self._of(key, dict, make=True)
        fresh = sum(name not in found for name in pairs[::2])
        found.update(zip(pairs[::2], pairs[1::2], strict=True))
        return fresh

    def info(self, *_: str) -> str:
        """Return a few facts of the server."""
        return (
            f"# Server\r\nredis_version:{VERSION}\r\nredis_mode:standalone\r\nos:Linux"
            f" x86_64\r\ntcp_port:{PORT}\r\n\r\n# Replication\r\nrole:master\r\nconnected_slaves:0\r\n\r\n#"
            f" Keyspace\r\ndb0:keys={len(self.values)},expires={len(self.expires)},avg_ttl=0\r\n"
        )


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise RedisError(NOT_INTEGER) from error


def encode(reply: Reply) -> bytes:
    """Write a reply."""
    if isinstance(reply, RedisError):
        return f"-{reply}\r\n".encode()
    if isinstance(reply, Simple):
        return f"+{reply}\r\n".encode()
    if isinstance(reply, int):
        return f":{reply}\r\n".encode()
    if reply is None:
        return b"$-1\r\n"
    if isinstance(reply, list):
        return f"*{len(reply)}\r\n".encode() + b"".join(encode(item) for item in reply)
    data = str(reply).encode("utf-8", "surrogateescape")
    return b"$%d\r\n%s\r\n" % (len(data), data)


class Reader:
    """Reads lines and counted bytes of a connection."""

    def __init__(self, connection: Connection) -> None:
        """Start with nothing read."""
        self._connection = connection
        self._buffer = bytearray()

    def line(self) -> Generator[simpy.Event, Any, bytes | None]:
        """Wait for a line; None at the end."""
        while (end := self._buffer.find(b"\n")) < 0:
            data = yield from self._connection.read()
            if not data:
                return None
            self._buffer += data
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        return line

    def exactly(self, size: int) -> Generator[simpy.Event, Any, bytes]:
        """Wait for so many bytes and the line's end after them."""
        while len(self._buffer) < size + 2:
            data = yield from self._connection.read()
            if not data:
                raise BrokenPipe("the connection ended in the middle of a reply")
            self._buffer += data
        data = bytes(self._buffer[:size])
        del self._buffer[: size + 2]
        return data

    def sees_http(self) -> bool:
        """Whether what has come already goes on as a request of HTTP does."""
        return re.search(rb"(?:^|\n)host:", self._buffer, re.IGNORECASE) is not None

    def command(self) -> Generator[simpy.Event, Any, list[str] | None]:
        """Wait for a command, inline or as an array; None at the end."""
        line = yield from self.line()
        if line is None:
            return None
        if not line.startswith(b"*"):
            return shlex.split(line.decode(errors="surrogateescape"))
        words = []
        for _ in range(int(line[1:])):
            size = yield from self.line()
            if size is None or not size.startswith(b"$"):
                return None
            words.append((yield from self.exactly(int(size[1:]))).decode(errors="surrogateescape"))
        return words

    def reply(self) -> Generator[simpy.Event, Any, Reply]:
        """Wait for a reply."""
        line = yield from self.line()
        if line is None:
            raise BrokenPipe("Server closed the connection")
        kind, rest = line[:1], line[1:].decode(errors="surrogateescape")
        if kind == b"+":
            return Simple(rest)
        if kind == b"-":
            return RedisError(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else (yield from self.exactly(int(rest))).decode(errors="surrogateescape")
        items = []
        for _ in range(int(rest)):
            items.append((yield from self.reply()))  # noqa: PERF401 - a comprehension cannot yield
        return items


def redis_server(process: Process) -> Task:
    """Serve the protocol."""
    yield process.sleep(0)
    options: dict[str, str] = {}
    words = process.argv[1:]
    for index, word in enumerate(words):
        if word.startswith("--") and index + 1 < len(words):
            options[word[2:]] = words[index + 1]
    port, database = int(options.get("port", PORT)), Database(process.simulation, options.get("requirepass", ""))
    _banner(process, port)
    try:
        listener = process.container.network.listen(port)
    except AddressInUse:
        _log(process, "#", "Warning: Could not create server TCP listening socket *:6379: bind: Address already in use")
        return 1

    def accept() -> Task:
        try:
            while True:
                connection = yield from listener.accept()
                process.simulation.spawn(_session(connection, database))
        finally:
            listener.close()

    return (yield from serving.hold(process, [accept()]))


def _banner(process: Process, port: int) -> None:
    _log(process, "#", "oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo", role="C")
    _log(
        process,
        "#",
        f"Redis version={VERSION}, bits=64, commit=00000000, modified=0, pid={process.pid}, just started",
        role="C",
    )
    _log(process, "#", "Configuration loaded", role="C")
    _log(process, "*", "monotonic clock: POSIX clock_gettime")
    _log(process, "*", f"Running mode=standalone, port={port}.")
    _log(process, "#", "Server initialized")
    _log(process, "*", "Ready to accept connections")


def _log(process: Process, level: str, text: str, role: str = "M") -> None:
    now = process.simulation.datetime()
    process.write(f"{process.pid}:{role} {now:%d %b %Y %H:%M:%S}.{now.microsecond // 1000:03d} {level} {text}\n")


def _session(connection: Connection, database: Database) -> Task:
    reader, allowed = Reader(connection), not database.password
    try:
        while (words := (yield from reader.command())) is not None:
            if not words:
                continue
            name = words[0].upper()
            if name in ("POST", "HOST:") or reader.sees_http():
                # Somebody speaks HTTP: Redis breaks off, and what it has answered so far is lost.
                return
            if name == "QUIT":
                connection.write(encode(OK))
                return
            if name == "AUTH":
                allowed = words[-1] == database.password
                connection.write(
                    encode(
                        OK if allowed else RedisError("WRONGPASS invalid username-password pair or user is disabled.")
                    )
                )
            elif not allowed:
                connection.write(encode(RedisError("NOAUTH Authentication required.")))
            else:
                connection.write(encode(_answer(database, words)))
    except (BrokenPipe, SocketError):
        pass
    except ValueError:
        connection.write(encode(RedisError("ERR Protocol error: invalid bulk length")))
    finally:
        connection.close()


def _answer(database: Database, words: list[str]) -> Reply:
    try:
        return database.run(words)
    except RedisError as error:
        return error


def redis_cli(process: Process) -> Task:
    """Send a command, or the lines of stdin, and print the replies."""
    yield process.sleep(0)
    options, words = {"h": "127.0.0.1", "p": str(PORT), "a": "", "t": "", "n": "0"}, process.argv[1:]
    raw = not process.tty
    while words and words[0].startswith("-") and len(words[0]) > 1:
        word = words.pop(0)
        if word in ("--raw", "--no-raw"):
            raw = word == "--raw"
        elif word.lstrip("-") in options and words:
            options[word.lstrip("-")] = words.pop(0)
        elif word != "--no-auth-warning":
            return process.fail(f'Unrecognized option or bad number of args for: "{word}"')
    host, port = options["h"], int(options["p"])
    try:
        found = yield from resolver.lookup(process.container, host)
        connection = yield from process.container.network.connect(
            found.addresses[0], port, timeout_s=float(options["t"] or 127)
        )
    except resolver.LookupFailed as error:
        return process.fail(f"Could not connect to Redis at {host}:{port}: {error.words}")
    except SocketError as error:
        return process.fail(f"Could not connect to Redis at {host}:{port}: {error.words}")
    reader = Reader(connection)
    try:
        if options["a"]:
            yield from _call(connection, reader, ["AUTH", options["a"]])
        if words:
            reply = yield from _call(connection, reader, words)
            process.write(show(reply, raw=raw) + "\n")
            return 1 if isinstance(reply, RedisError) else 0
        while line := (yield from process.stdin.read_line()):
            if line.strip() in (b"exit", b"quit"):
                break
            if line.strip():
                reply = yield from _call(connection, reader, shlex.split(line.decode()))
                process.write(show(reply, raw=raw) + "\n")
        return 0
    except (BrokenPipe, SocketError):
        return process.fail("Error: Server closed the connection")
    finally:
        connection.close()


def _call(connection: Connection, reader: Reader, words: list[str]) -> Generator[simpy.Event, Any, Reply]:
    connection.write(encode(list(words)))
    return (yield from reader.reply())


def show(reply: Reply, *, raw: bool) -> str:
    """Render a reply as redis-cli does on a terminal, or raw."""
    if isinstance(reply, RedisError):
        return f"{reply}\n" if raw else f"(error) {reply}"
    if isinstance(reply, Simple):
        return str(reply)
    if isinstance(reply, list):
        if raw:
            return "\n".join(show(item, raw=True) for item in reply)
        return "\n".join(f"{index}) {show(item, raw=False)}" for index, item in enumerate(reply, 1)) or "(empty array)"
    if reply is None:
        return "" if raw else "(nil)"
    if isinstance(reply, int):
        return str(reply) if raw else f"(integer) {reply}"
    return str(reply) if raw else '"' + reply.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


IMAGES = [
    Image(
        name="docker.io/library/redis",
        tags=r"latest|alpine|[678](\.[0-9]+){0,2}(-(alpine|bookworm))?",
        programs={**DEBIAN, "redis-server": redis_server, "redis-cli": redis_cli},
        cmd=["redis-server"],
        files={
            "etc/passwd": PASSWD + "redis:x:999:999::/data:/bin/sh\n",
            "etc/group": GROUP + "redis:x:999:\n",
            "data/": "",
        },
        cwd="/data",
        size=45_000_000,
    )
]
