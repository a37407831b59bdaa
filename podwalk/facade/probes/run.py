"""Making probes: one exec for each Pod that calls, all Pods at the same time, again until the expected comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from kubernetes.client import ApiClient

from podwalk.facade import execution
from podwalk.facade.errors import LearnerError, RefusedError
from podwalk.facade.execution import InProcess, Output
from podwalk.facade.probes import script, target
from podwalk.facade.probes.caller import Caller, as_caller, await_stand_in, dismiss, stand_in
from podwalk.facade.probes.control import accepts
from podwalk.facade.probes.result import Probe, Probes, Reply
from podwalk.facade.probes.target import Behind
from podwalk.types import Object
from podwalk.walks.walk import Target

if TYPE_CHECKING:
    from podwalk.facade.cluster import Cluster

PARALLEL = 8
DEADLINE_S = 15.0
PAUSE_S = 1.0
EXEC_TIMEOUT_S = 60.0
CONTROLS = 3
"""How many Pods behind a target are tried as its control."""

Answer = TypeVar("Answer")
Expect = Callable[[Caller, str], bool]


@dataclass
class _Row:
    """A caller, the Pod that calls for it, and what it is to reach.

    Attributes:
        own: the targets that are the caller itself, which no stand-in can try.
    """

    caller: Caller
    namespace: str
    pod: Object
    targets: list[Target]
    stand_in: str = ""
    found: dict[int, tuple[Reply, str]] = field(default_factory=dict)
    own: dict[int, Behind] = field(default_factory=dict)


def probe(
    cluster: Cluster,
    callers: Iterable[Caller | str],
    targets: Sequence[str],
    *,
    expect: Expect | None = None,
    control: Caller | str | None = None,
    controlled: bool = True,
    deadline_s: float = DEADLINE_S,
    keep: bool = False,
) -> Probes:
    """Try a connection from every caller to every target.

    Args:
        cluster: where.
        callers: Pods, or stand-ins made with :func:`podwalk.facade.probes.like`.
        targets: ``backend:8080``, ``http://backend``, ``10.96.0.10:53``, ``pod/NAME:PORT``, ``udp://SERVER:53``; short
            names are looked for in the caller's namespace.
        expect: whether a flow should be open; what is not as expected is tried again until ``deadline_s`` have passed,
            since nodes follow a new policy a moment later.
        control: who makes the positive control of a flow that is not open; by default each target itself.
        controlled: whether to make positive controls at all; without, no failure is proved to be a block.
        deadline_s: how long to try again.
        keep: leave the stand-ins, for more probes.

    Returns:
        A probe for each flow, row by row.

    Raises:
        LearnerError: when a caller is not there or does not run, or a target cannot be read.
    """
    rows: list[_Row] = []
    try:
        rows.extend(_row(cluster, as_caller(caller), targets) for caller in callers)
        _start(cluster, rows)
        _try_all(cluster, rows, targets, expect, deadline_s)
        return _judged(cluster, rows, targets, control, controlled)
    finally:
        for row in rows:
            if row.stand_in and not keep:
                dismiss(cluster, row.namespace, row.stand_in)


def _row(cluster: Cluster, caller: Caller, targets: Sequence[str]) -> _Row:
    namespace = caller.namespace or cluster.namespace
    wanted = [target.read(cluster, text, namespace) for text in targets]
    if caller.name:
        return _Row(caller, namespace, cluster.pod(caller.name, namespace), wanted)
    return _Row(caller, namespace, {}, wanted, stand_in(cluster, namespace, dict(caller.labels)))


def _start(cluster: Cluster, rows: Iterable[_Row]) -> None:
    """Wait until all stand-ins run: they start at the same time."""
    for row in rows:
        if row.stand_in:
            row.pod = await_stand_in(cluster, row.namespace, row.stand_in)


def _try_all(
    cluster: Cluster, rows: Sequence[_Row], targets: Sequence[str], expect: Expect | None, deadline_s: float
) -> None:
    """Try every flow; then again those that are not as expected."""
    started, waited = time.monotonic(), 0.0
    pending = {id(row): list(range(len(targets))) for row in rows}
    while True:
        # A stand-in for a Pod without tools is made by the main thread, since its client is not made for several.
        retries = _run(cluster, [(row, pending[id(row)]) for row in rows if pending[id(row)]], PAUSE_S if waited else 0)
        if retries:
            _substitute(cluster, retries)
            _run(cluster, [(row, pending[id(row)]) for row in retries], 0)
        if expect is None:
            return
        for row in rows:
            pending[id(row)] = [
                number
                for number in pending[id(row)]
                if (row.found[number][0] is Reply.OPEN) is not expect(row.caller, targets[number])
            ]
        # A simulated clock jumps, so rounds are counted, not wall time alone.
        waited = max(waited + PAUSE_S, time.monotonic() - started)
        if waited > deadline_s or not any(pending.values()):
            return


def _run(cluster: Cluster, work: Sequence[tuple[_Row, list[int]]], pause_s: float) -> list[_Row]:
    """Try flows of several rows and return the rows whose Pod has no tool for it."""
    outputs = _parallel(cluster.api, [_job(row, numbers, pause_s) for row, numbers in work])
    lacking = []
    for (row, numbers), output in zip(work, outputs, strict=True):
        if output is None or output.stdout.startswith(script.NO_TOOL):
            lacking.append(row)
            continue
        told = {number: (reply, said) for number, reply, said in script.read(output.stdout)}
        row.found |= {number: told.get(number, (Reply.SILENT, output.stderr.strip())) for number in numbers}
        for number, itself in row.own.items():
            row.found[number] = (Reply.OPEN if accepts(cluster.api, itself) else Reply.REFUSED, "")
    return lacking


def _job(row: _Row, numbers: list[int], pause_s: float) -> Callable[[ApiClient], Output | None]:
    text = script.write([(number, row.targets[number]) for number in numbers], pause_s)

    def job(api: ApiClient) -> Output | None:
        try:
            return execution.run(api, row.pod, text, timeout_s=EXEC_TIMEOUT_S)
        except RefusedError as error:
            # The container has no shell; whatever else the API refuses is told.
            if error.code in (0, 500) and not row.stand_in:
                return None
            raise

    return job


def _substitute(cluster: Cluster, rows: Sequence[_Row]) -> None:
    """Let stand-ins call for Pods: same labels, same node.

    Raises:
        LearnerError: when a stand-in would not be in the Pod's place, or is not allowed.
    """
    for row in rows:
        metadata, spec = row.pod["metadata"], row.pod["spec"]
        lacks = f"Pod {metadata['name']} has no `nc` to make a connection with"
        hint = "probe from a Pod whose image has BusyBox or netcat"
        if spec.get("hostNetwork") or row.stand_in:
            raise LearnerError(f"{lacks}, and nothing can stand in for it", hint=hint)
        try:
            row.stand_in = stand_in(cluster, row.namespace, metadata.get("labels") or {}, spec.get("nodeName", ""))
        except LearnerError as error:
            problem = f"{lacks}, and its stand-in cannot be made: {error.problem}"
            raise LearnerError(problem, where=error.where, hint=hint) from error
        itself, address = Behind(row.namespace, metadata["name"], 0), row.pod.get("status", {}).get("podIP")
        row.own = {number: replace(itself, port=to.port) for number, to in enumerate(row.targets) if to.host == address}
    _start(cluster, rows)


def _judged(
    cluster: Cluster, rows: Sequence[_Row], targets: Sequence[str], control: Caller | str | None, controlled: bool
) -> Probes:
    """Make the positive controls of the flows that are not open, each once, and put the result together."""
    closed = [(row, number) for row in rows for number in range(len(targets)) if row.found[number][0] is not Reply.OPEN]
    keys = {(row.namespace, row.targets[number].text): row.targets[number] for row, number in closed}
    judge = _by_caller if control is not None else _by_itself
    none: Controls = dict.fromkeys(keys, (None, ""))
    controls = judge(cluster, keys, control) if controlled and keys else none
    return Probes(
        tuple(_probe(row, number, targets[number], controls) for row in rows for number in range(len(targets)))
    )


Controls = dict[tuple[str, str], tuple[bool | None, str]]


def _probe(row: _Row, number: int, text: str, controls: Controls) -> Probe:
    reply, said = row.found[number]
    named = row.stand_in if row.caller.name else ""
    found = Probe(row.caller, text, reply, said="" if reply is Reply.OPEN else said, stand_in=named)
    if reply is Reply.OPEN:
        return found
    proved, by = controls[row.namespace, row.targets[number].text]
    return replace(found, control=proved, control_by=by)


def _by_itself(cluster: Cluster, keys: dict[tuple[str, str], Target], _: Caller | str | None) -> Controls:
    """Let the Pods behind each target connect to themselves."""
    candidates = {key: target.behind(cluster, wanted, key[0])[:CONTROLS] for key, wanted in keys.items()}
    pods = list(dict.fromkeys(pod for group in candidates.values() for pod in group))
    answers = dict(zip(pods, _parallel(cluster.api, [_control(pod) for pod in pods]), strict=True))
    found: Controls = {}
    for key, group in candidates.items():
        by = f"Pod {group[0].pod} itself" if group else ""
        found[key] = (any(answers[pod] for pod in group), by) if group else (None, by)
    return found


def _control(pod: Behind) -> Callable[[ApiClient], bool]:
    return lambda api: accepts(api, pod)


def _by_caller(cluster: Cluster, keys: dict[tuple[str, str], Target], control: Caller | str | None) -> Controls:
    """Let the caller that was named connect to each target."""
    caller = as_caller(control or "")
    texts = list(dict.fromkeys(text for _, text in keys))
    row = _row(cluster, caller, texts)
    try:
        _start(cluster, [row])
        _try_all(cluster, [row], texts, None, 0.0)
    finally:
        if row.stand_in:
            dismiss(cluster, row.namespace, row.stand_in)
    found = {text: row.found[number][0] is Reply.OPEN for number, text in enumerate(texts)}
    return {(namespace, text): (found[text], str(caller)) for namespace, text in keys}


def _parallel(api: ApiClient, jobs: Sequence[Callable[[ApiClient], Answer]]) -> list[Answer]:
    """Run jobs side by side, each with a client of its own: ``kubernetes.stream`` patches the client that it is given.

    A cluster in this process has one clock and one thread.
    """
    if isinstance(api, InProcess) or len(jobs) < 2:
        return [job(api) for job in jobs]

    def run(job: Callable[[ApiClient], Answer]) -> Answer:
        own: Any = ApiClient(api.configuration)
        own.default_headers = api.default_headers
        try:
            return job(own)
        finally:
            own.close()

    with ThreadPoolExecutor(min(PARALLEL, len(jobs))) as pool:
        return list(pool.map(run, jobs))
