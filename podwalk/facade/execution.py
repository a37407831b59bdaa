"""Commands in containers. All exec traffic goes through :func:`run`, and there through ``kubernetes.stream``."""

from __future__ import annotations

import contextlib
import json
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, Protocol, runtime_checkable

from kubernetes.client import ApiClient, CoreV1Api
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream
from kubernetes.stream.ws_client import ERROR_CHANNEL, STDERR_CHANNEL, STDIN_CHANNEL, STDOUT_CHANNEL

from podwalk.facade import display, wire
from podwalk.facade.errors import CancelledError, LearnerError, NotReadyError, RefusedError, WaitError
from podwalk.types import Object, Session

SLICE_S = 0.5
"""How long a command may be silent before it is asked again whether anybody still waits for it."""

_given_up: ContextVar[Callable[[], bool]] = ContextVar("given_up", default=lambda: False)


@contextlib.contextmanager
def cancellable(given_up: Callable[[], bool]) -> Iterator[None]:
    """Let the commands inside end early with :class:`CancelledError`, once ``given_up`` says so.

    A command in a cluster of this very process takes no time, and is not asked.
    """
    token = _given_up.set(given_up)
    try:
        yield
    finally:
        _given_up.reset(token)


@dataclass(frozen=True)
class Output:
    """What a command wrote, and how it ended.

    Attributes:
        stdout: its standard output.
        stderr: its standard error.
        exit_code: 0 if it succeeded.
    """

    stdout: str
    stderr: str = ""
    exit_code: int = 0

    @property
    def ok(self) -> bool:
        """Whether the command succeeded."""
        return self.exit_code == 0

    @property
    def lines(self) -> list[str]:
        """The standard output, line by line."""
        return self.stdout.splitlines()

    def __repr__(self) -> str:
        """Render as a terminal would show it, and the exit code if it is not 0."""
        parts = [self.stdout.rstrip("\n"), self.stderr.rstrip("\n")]
        parts += [] if self.ok else [f"command terminated with exit code {self.exit_code}"]
        return "\n".join(part for part in parts if part)

    def _repr_html_(self) -> str:
        said = self.stderr.rstrip("\n")
        parts = [
            escape(self.stdout.rstrip("\n")),
            f'<span class="podwalk-bad">{escape(said)}</span>' if said else "",
            "" if self.ok else f"<em>command terminated with exit code {self.exit_code}</em>",
        ]
        text = "\n".join(part for part in parts if part)
        if not text:
            return "<p><em>(no output)</em></p>"
        return f'<style>{display.CSS}</style><pre class="podwalk-output">{text}</pre>'


def arguments(command: str | Sequence[str]) -> list[str]:
    """Turn shell text into ``sh -c``; a list is a command and its arguments already."""
    return ["sh", "-c", command] if isinstance(command, str) else list(command)


def repeated(command: str | Sequence[str], until: Literal["succeeds", "fails"]) -> str:
    """Turn a command into shell text that repeats it until it succeeds or fails, and prints the last run.

    The waiting happens in the Pod, so it passes on the cluster's own clock.
    """
    text = command if isinstance(command, str) else shlex.join(command)
    end = "-eq" if until == "succeeds" else "-ne"
    tries = f"said=$({text} 2>&1); code=$?; [ $code {end} 0 ] && break; sleep 1"
    return f'while true; do {tries}; done; echo "$said"; exit $code'


def run(
    api: ApiClient,
    pod: Object,
    command: str | Sequence[str],
    *,
    container: str = "",
    stdin: str = "",
    timeout_s: float = 60.0,
) -> Output:
    """Run a command in a container of a Pod, to its end.

    Raises:
        NotReadyError: when the Pod cannot run commands now.
        WaitError: when the command did not end in time.
        CancelledError: when nobody waits for it any more, see :func:`cancellable`.
        RefusedError: when the API refuses, e.g. because there is no such container.
    """
    check(pod, container)
    metadata, words = pod["metadata"], arguments(command)
    container = container or pod["spec"]["containers"][0]["name"]
    try:
        if isinstance(api, InProcess):
            return _run_in_process(api, pod, words, container, stdin, timeout_s)
        session = stream(
            CoreV1Api(api).connect_get_namespaced_pod_exec,
            metadata["name"], metadata["namespace"], command=words, container=container,
            stdin=bool(stdin), stdout=True, stderr=True, tty=False, _preload_content=False,
        )  # fmt: skip
    except ApiException as error:
        raise _refusal(error, pod, words) from error
    with _ended(session):
        if stdin:
            session.write_stdin(stdin)
        _follow(session, words, timeout_s)
        stdout, stderr = session.read_channel(STDOUT_CHANNEL), session.read_channel(STDERR_CHANNEL)
        if session.is_open():
            raise _late(words, timeout_s, stdout + stderr)
        return Output(stdout, stderr, _exit_code(session.read_channel(ERROR_CHANNEL), words))


def _follow(session: Any, words: list[str], timeout_s: float) -> None:
    """Read what a command writes until it ends, its time is over, or nobody waits for it."""
    deadline_s = time.monotonic() + timeout_s
    while session.is_open() and (left_s := deadline_s - time.monotonic()) > 0:
        if _given_up.get()():
            raise CancelledError(f"cancelled while `{shlex.join(words)}` ran")
        session.update(timeout=min(SLICE_S, left_s))


@contextlib.contextmanager
def _ended(session: Any) -> Iterator[None]:
    """Close a session's socket too: once the server said goodbye, the client's own ``close`` leaves it open."""
    try:
        yield
    finally:
        session.close()
        session.sock.shutdown()


@runtime_checkable
class InProcess(Protocol):
    """A client whose cluster is in this process: it has no socket that ``kubernetes.stream`` could open."""

    def open_session(self, path: str, query: Sequence[tuple[str, str]]) -> Session:
        """Open a conversation."""

    def run_session(self, session: Session, timeout_s: float) -> Iterator[tuple[int, bytes]]:
        """Yield what the conversation says, until it is over."""


def _run_in_process(
    api: InProcess, pod: Object, words: list[str], container: str, stdin: str, timeout_s: float
) -> Output:
    metadata = pod["metadata"]
    query = [*(("command", word) for word in words), ("container", container), ("stdout", "true"), ("stderr", "true")]
    query += [("stdin", "true")] if stdin else []
    session = api.open_session(f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}/exec", query)
    if stdin:
        session.receive(STDIN_CHANNEL, stdin.encode())
    said = {STDOUT_CHANNEL: b"", STDERR_CHANNEL: b"", ERROR_CHANNEL: b""}
    try:
        for channel, data in api.run_session(session, timeout_s):
            said[channel] += data
    except TimeoutError as error:
        raise _late(
            words, timeout_s, (said[STDOUT_CHANNEL] + said[STDERR_CHANNEL]).decode("utf-8", "replace")
        ) from error
    stdout, stderr, closing = (
        said[channel].decode("utf-8", "replace") for channel in (STDOUT_CHANNEL, STDERR_CHANNEL, ERROR_CHANNEL)
    )
    return Output(stdout, stderr, _exit_code(closing, words))


def _late(words: list[str], timeout_s: float, wrote: str) -> WaitError:
    told = f"; so far it wrote:\n{wrote.rstrip()}" if wrote else ""
    return WaitError(
        f"`{shlex.join(words)}` did not end within {timeout_s:g} s{told}", hint="give it longer with timeout_s=…"
    )


KINDS = ("containers", "ephemeralContainers")
STATUSES = ("containerStatuses", "ephemeralContainerStatuses")


def check(pod: Object, container: str = "") -> None:
    """See whether a Pod can run commands.

    Raises:
        NotReadyError: with the reason, when it cannot.
        RefusedError: when it has no such container.
    """
    name, status = pod["metadata"]["name"], pod.get("status", {})
    names = [item["name"] for kind in KINDS for item in pod["spec"].get(kind) or ()]
    if container and container not in names:
        raise RefusedError(
            f'Pod "{name}" has no container "{container}"', hint=f"its containers are: {', '.join(names)}"
        )
    states = {item["name"]: item for kind in STATUSES for item in status.get(kind) or ()}
    state = states.get(container or names[0], {})
    if "running" in state.get("state", {}):
        return
    waiting: Object = next(
        (state["state"][key] for key in ("waiting", "terminated") if key in state.get("state", {})), {}
    )
    why = waiting.get("reason") or status.get("reason") or status.get("phase", "Pending")
    said = f": {waiting['message']}" if waiting.get("message") else ""
    raise NotReadyError(
        f'Pod "{name}" cannot run a command now: {why}{said}',
        hint=f'cluster.wait("pod/{name}", "condition=Ready"), and cluster.events() says what it waits for',
    )


def _exit_code(closing: str, words: list[str]) -> int:
    """Read the Status that ends every exec session."""
    status = json.loads(closing) if closing else {}
    if status.get("status") == "Success":
        return 0
    for cause in (status.get("details") or {}).get("causes", ()):
        if cause.get("reason") == "ExitCode":
            return int(cause["message"])
    why = status.get("message", "the connection ended early")
    hint = f"is there a `{words[0]}` in this container's image? shell words such as pipes need text, not a list"
    raise RefusedError(
        f"`{shlex.join(words)}` could not be run: {why}", reason=str(status.get("reason", "")), hint=hint
    )


def _refusal(error: ApiException, pod: Object, words: list[str]) -> LearnerError:
    """Read the Status of a refused handshake; the client keeps it in the exception that it wraps."""
    body: Any = error.body or getattr(error.__context__, "resp_body", None)
    code = getattr(error.__context__, "status_code", error.status) or 0
    with contextlib.suppress(ValueError, TypeError):
        return wire.explain(wire.StatusError(code, json.loads(body or "")), namespace=pod["metadata"]["namespace"])
    return RefusedError(
        f"`{shlex.join(words)}` could not be run in {pod['metadata']['name']}: {error.reason}", code=code
    )
