"""Who reaches whom, on which port: the network model asked for every pair of Pods at once.

Pods that policies cannot tell apart (the replicas of a Deployment, most often) share a row and a column, so that the
table is as large as the question and not as the cluster. Only NetworkPolicies are asked: that a Pod listens at a port
is taken from what it declares, and from the EndpointSlices.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from podwalk.errors import PodwalkError
from podwalk.network import policy
from podwalk.network.addresses import FINISHED, peer_of, reference
from podwalk.network.endpoints import SLICES
from podwalk.types import ClusterOptions, Hop, Object, Ref, View
from podwalk.walks.journey import walk
from podwalk.walks.walk import Walk

if TYPE_CHECKING:
    from podwalk.walks.comparison import Assessment, Comparison, Intent

Port = tuple[int, str]
"""A number and a protocol."""

SCHEMES = {"TCP": "tcp", "UDP": "udp", "SCTP": "sctp"}


@dataclass(frozen=True)
class Group:
    """Pods that policies cannot tell apart.

    Attributes:
        name: the workload's, or the Pod's.
        namespace: theirs.
        pods: the Pods.
    """

    name: str
    namespace: str
    pods: tuple[Ref, ...]

    @property
    def title(self) -> str:
        """The name, and how many Pods they are if more than one."""
        return f"{self.name} ×{len(self.pods)}" if len(self.pods) > 1 else self.name

    @property
    def full_name(self) -> str:
        """Namespace and name."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Door:
    """A port of a group of Pods."""

    group: Group
    port: int
    protocol: str

    @property
    def port_title(self) -> str:
        """The port as it is written: ``TCP 8080``."""
        return f"{self.protocol} {self.port}"

    def __str__(self) -> str:
        """Name it with its namespace."""
        return f"{self.group.full_name} {self.port_title}"


@dataclass(frozen=True)
class Cell:
    """Whether one group of Pods reaches a port of another.

    Attributes:
        source: who opens the connection.
        target: where to.
        egress: whether the egress policies of the source let it out.
        ingress: whether the ingress policies of the target let it in.
        itself: whether it is a Pod and itself, which no policy stops.
    """

    source: Group
    target: Door
    egress: bool
    ingress: bool
    itself: bool = False

    @property
    def allowed(self) -> bool:
        """Whether both sides let it pass."""
        return self.itself or (self.egress and self.ingress)

    @property
    def mark(self) -> str:
        """What it is in a table: ``yes``, ``self``, or the sides that deny it: ``E``, ``I`` or ``E I``."""
        if self.itself:
            return "self"
        sides = [letter for letter, lets in (("E", self.egress), ("I", self.ingress)) if not lets]
        return " ".join(sides) or "yes"

    @property
    def key(self) -> tuple[str, str, int, str]:
        """What the same cell of another matrix has in common with this one."""
        return self.source.full_name, self.target.group.full_name, self.target.port, self.target.protocol

    def __str__(self) -> str:
        """Name the flow."""
        return f"{self.source.full_name} → {self.target}"


@dataclass(frozen=True)
class Reachability:
    """Who reaches whom: a matrix with a row for each source and a column for each port of a target.

    Attributes:
        namespaces: those whose Pods it is about.
        sources: the rows.
        targets: the columns.
        rows: the cells, row by row.
    """

    namespaces: tuple[str, ...]
    sources: tuple[Group, ...]
    targets: tuple[Door, ...]
    rows: tuple[tuple[Cell, ...], ...]
    view: View = field(repr=False, compare=False)
    options: ClusterOptions = field(repr=False, compare=False)

    def __iter__(self) -> Iterator[Cell]:
        """Go over the cells, row by row."""
        return (cell for row in self.rows for cell in row)

    @property
    def portless(self) -> tuple[Group, ...]:
        """The groups that offer no port, so that they are in no column."""
        offering = {door.group for door in self.targets}
        return tuple(group for group in self.sources if group not in offering)

    def cell(self, source: str, target: str) -> Cell:
        """Return one cell: ``cell("frontend", "backend")``, ``cell("frontend", "kube-system/coredns:53/UDP")``.

        Raises:
            PodwalkError: when no row or no column is meant, or more than one.
        """
        found = [cell for cell in self if names(cell.source, source) and leads(cell.target, target)]
        if len(found) == 1:
            return found[0]
        rows = ", ".join(group.name for group in self.sources)
        columns = ", ".join(f"{door.group.name}:{door.port}/{door.protocol}" for door in self.targets)
        many = "more than one cell" if found else "no cell"
        raise PodwalkError(f"{source!r} → {target!r} names {many}; the rows are {rows}; the columns are {columns}")

    def allowed(self, source: str, target: str) -> bool:
        """Whether a source reaches a target; see :meth:`cell`."""
        return self.cell(source, target).allowed

    def walk(self, source: str | Cell, target: str = "") -> Walk:
        """Open the walk of a cell: from the first Pod of its source to another Pod of its target, at its address.

        Args:
            source: a row's name, or the cell itself.
            target: a column's name; see :meth:`cell`.
        """
        cell = source if isinstance(source, Cell) else self.cell(source, target)
        pod, other = _ends(cell)
        ip = (self.view.get("pods", other.namespace, other.name) or {"status": {}})["status"].get("podIP", "")
        host = f"[{ip}]" if ":" in ip else ip
        url = f"{SCHEMES.get(cell.target.protocol, 'tcp')}://{host}:{cell.target.port}"
        return walk(self.view, pod, url, options=self.options)

    def why(self, cell: Cell) -> tuple[Hop, ...]:
        """Return what the policies say about a cell: at its source, then at its target."""
        if cell.itself:
            return ()
        ends = [self.view.get("pods", ref.namespace, ref.name) for ref in _ends(cell)]
        if None in ends:
            return ()
        source, target = (peer_of(pod) for pod in ends if pod is not None)
        explained = policy.explain(
            self.view, source, target, cell.target.port, cell.target.protocol, options=self.options
        )
        return tuple(side.hop() for side in explained.judgements)

    def data(self) -> dict[str, Any]:
        """Return the matrix as JSON values."""
        return {
            "namespaces": list(self.namespaces),
            "cells": [
                {
                    "source": cell.source.full_name,
                    "target": cell.target.group.full_name,
                    "port": cell.target.port,
                    "protocol": cell.target.protocol,
                    "allowed": cell.allowed,
                    "egress": cell.egress,
                    "ingress": cell.ingress,
                }
                for cell in self
                if not cell.itself
            ],
        }

    def __str__(self) -> str:
        """Render for a terminal."""
        from podwalk.walks.grid import text

        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from podwalk.walks.grid import render

        return render(self)

    def compare(self, after: Reachability) -> Comparison:
        """Return what changed from this matrix to a later one."""
        from podwalk.walks.comparison import compare

        return compare(self, after)

    def expect(self, intent: Intent | Reachability) -> Assessment:
        """Hold the matrix against what is meant: ``{"frontend": "backend:8080", "*": "kube-system/coredns:53"}``.

        Args:
            intent: for each source the target or the targets that it may reach, where ``*`` is everybody; what is not
                in it may not be reached. Or a matrix that is as it should be.

        Raises:
            PodwalkError: when it names a source or a target that the matrix does not have.
        """
        from podwalk.walks.comparison import assess

        return assess(self, intent)

    def explore(self) -> Explore:
        """Open walks by choosing cells: a widget in JupyterLab, the picture with its walks folded below elsewhere."""
        return Explore(self)


@dataclass(frozen=True)
class Explore:
    """A matrix to be explored."""

    matrix: Reachability

    def __repr__(self) -> str:
        """Render the matrix."""
        return str(self.matrix)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        from podwalk.walks.steps import has_kernel, view

        bundle = {"text/plain": str(self.matrix), "text/html": self.matrix._repr_html_()}
        return bundle | view(self.widget) if has_kernel() else bundle

    def widget(self) -> Any:
        """Return the widget: a button for each cell, and the walk of the one that was chosen."""
        from podwalk.walks.stepper import Explorer

        return Explorer(self.matrix).box


def names(group: Group, word: str) -> bool:
    """Whether a word of a reader's means a group: its name, or ``namespace/name``; ``*`` is everybody."""
    return word in ("*", group.name, group.full_name) or any(
        word in (pod.name, f"{pod.namespace}/{pod.name}") for pod in group.pods
    )


def leads(door: Door, word: str) -> bool:
    """Whether a word means a port of a group: ``backend``, ``backend:8080``, ``kube-system/coredns:53/UDP``, ``*``."""
    match = re.fullmatch(r"(.+?)(?::(\d+))?(?:/(TCP|UDP|SCTP))?", word)
    if match is None:
        return False
    name, port, protocol = match.groups()
    return names(door.group, name) and port in (None, str(door.port)) and protocol in (None, door.protocol)


def _ends(cell: Cell) -> tuple[Ref, Ref]:
    """Return two Pods that a cell is about, different ones where there are."""
    source = cell.source.pods[0]
    others = [pod for pod in cell.target.group.pods if pod != source]
    return source, others[0] if others else source


def reachability(
    view: View,
    scopes: Sequence[str],
    *,
    port: int | None = None,
    protocol: str = "TCP",
    options: ClusterOptions,
) -> Reachability:
    """Return who reaches whom among some Pods.

    Args:
        view: the objects.
        scopes: whose: ``NAMESPACE`` for all of its Pods, ``NAMESPACE/NAME`` for those of one workload, or
            ``NAMESPACE/NAME:PORT`` to ask for no other port of theirs.
        port: ask for this port at every Pod; by default for the ports that each declares or has in an EndpointSlice.
        protocol: of ``port``.
        options: the cluster's; its CNI plugin decides whether policies count at all.

    Raises:
        PodwalkError: when there is no Pod with an address.
    """
    wanted = [_Scope.read(word) for word in scopes]
    namespaces = tuple(dict.fromkeys(scope.namespace for scope in wanted))
    pods = [
        pod
        for space in namespaces
        for pod in view.list("pods", space)
        if _is_up(pod) and any(scope.holds(pod) for scope in wanted)
    ]
    if not pods:
        where, space = ", ".join(scopes), namespaces[0]
        raise PodwalkError(f"no Pod of {where} has an address; `kubectl get pods -n {space}` says what is there")
    offered = _offered(view, namespaces, pods, (port, protocol) if port is not None else None)
    for pod in pods:
        only = {scope.port for scope in wanted if scope.holds(pod)}
        if None not in only:
            ref = reference("pods", pod)
            offered[ref] = {each for each in offered[ref] if each[0] in only}
    asked = sorted({each for ports in offered.values() for each in ports}) or [(80, "TCP")]
    found = {each: policy.matrix(view, pods, port=each[0], protocol=each[1], options=options) for each in asked}
    groups = _groups(pods, found, offered)
    targets = tuple(Door(group, *each) for group in groups for each in sorted(offered[group.pods[0]]))
    rows = tuple(tuple(_cell(found, source, target) for target in targets) for source in groups)
    return Reachability(namespaces, groups, targets, rows, view, options)


@dataclass(frozen=True)
class _Scope:
    """Pods that somebody asks about, as typed."""

    namespace: str
    name: str = ""
    port: int | None = None

    @classmethod
    def read(cls, word: str) -> _Scope:
        match = re.fullmatch(r"([a-z0-9.-]+)(?:/([a-z0-9.-]+)(?::(\d+))?)?", word)
        if match is None:
            raise PodwalkError(f"{word!r}: write NAMESPACE, NAMESPACE/NAME or NAMESPACE/NAME:PORT")
        return cls(match[1], match[2] or "", int(match[3]) if match[3] else None)

    def holds(self, pod: Object) -> bool:
        metadata = pod["metadata"]
        return metadata.get("namespace", "") == self.namespace and self.name in ("", metadata["name"], workload(pod))


def _is_up(pod: Object) -> bool:
    status = pod.get("status", {})
    return bool(status.get("podIP")) and status.get("phase") not in FINISHED


def _offered(
    view: View, namespaces: Sequence[str], pods: Sequence[Object], wanted: Port | None
) -> dict[Ref, set[Port]]:
    """Return the ports of each Pod: those that it declares, and those at which a Service sends to it."""
    offered: dict[Ref, set[Port]] = {reference("pods", pod): {wanted} if wanted else set() for pod in pods}
    if wanted:
        return offered
    for pod in pods:
        for container in pod["spec"].get("containers") or ():
            declared = ((each["containerPort"], each.get("protocol", "TCP")) for each in container.get("ports") or ())
            offered[reference("pods", pod)].update(declared)
    own = {pod["status"]["podIP"]: reference("pods", pod) for pod in pods if not pod["spec"].get("hostNetwork")}
    for endpoint_slice in (each for space in namespaces for each in view.list(SLICES, space)):
        ports = {
            (each["port"], each.get("protocol", "TCP"))
            for each in endpoint_slice.get("ports") or ()
            if each.get("port")
        }
        for endpoint in endpoint_slice.get("endpoints") or ():
            target = endpoint.get("targetRef") or {}
            named = Ref("pods", target.get("namespace", ""), target.get("name", ""))
            for ref in {named, *(own[ip] for ip in endpoint.get("addresses") or () if ip in own)} & offered.keys():
                offered[ref] |= ports
    return offered


def _groups(
    pods: Sequence[Object], found: Mapping[Port, policy.Matrix], offered: Mapping[Ref, set[Port]]
) -> tuple[Group, ...]:
    """Put Pods of one workload together as long as no matrix tells them apart."""
    refs = [reference("pods", pod) for pod in pods]
    # The columns of a matrix are the rows of its transpose: each Pod's bits are gathered once.
    columns = {each: (_transpose(one.egress), _transpose(one.ingress)) for each, one in found.items()}
    alike: dict[tuple[Any, ...], list[int]] = {}
    for number, pod in enumerate(pods):
        said = tuple(
            (one.egress[number], one.ingress[number], columns[each][0][number], columns[each][1][number])
            for each, one in found.items()
        )
        key = (refs[number].namespace, workload(pod), tuple(sorted(offered[refs[number]])), said)
        alike.setdefault(key, []).append(number)
    split = [key[:2] for key in alike]
    groups = []
    for key, members in alike.items():
        alone = len(members) == 1 and split.count(key[:2]) > 1
        name = refs[members[0]].name if alone else key[1]
        groups.append(Group(name, key[0], tuple(refs[number] for number in members)))
    return tuple(groups)


def _transpose(rows: Sequence[int]) -> list[int]:
    columns = [0] * len(rows)
    for number, row in enumerate(rows):
        while row:
            low = row & -row
            columns[low.bit_length() - 1] |= 1 << number
            row ^= low
    return columns


def workload(pod: Object) -> str:
    """Return the name of what made a Pod, as its reader knows it: the Deployment's for a ReplicaSet's; or its own."""
    metadata = pod["metadata"]
    owner = next((one for one in metadata.get("ownerReferences") or () if one.get("controller")), None)
    if owner is None or owner["kind"] == "Node":
        return str(metadata["name"])
    name = str(owner["name"])
    template = (metadata.get("labels") or {}).get("pod-template-hash")
    return name.removesuffix(f"-{template}") if owner["kind"] == "ReplicaSet" and template else name


def _cell(found: Mapping[Port, policy.Matrix], source: Group, target: Door) -> Cell:
    one = found[target.port, target.protocol]
    here = one.index[source.pods[0]]
    others = [pod for pod in target.group.pods if pod != source.pods[0]]
    there = one.index[others[0] if others else source.pods[0]]
    egress, ingress = bool(one.egress[here] >> there & 1), bool(one.ingress[here] >> there & 1)
    return Cell(source, target, egress, ingress, itself=here == there)
