"""The cluster as a notebook holds it: kubectl's verbs as methods, results that show themselves."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from kubernetes.client import ApiClient

from podwalk.facade import addons, application, condition, execution, listing, probes, snapshot, urls, wire
from podwalk.facade.application import Applied, Changes
from podwalk.facade.errors import LearnerError, NotFoundError, NotReadyError
from podwalk.facade.execution import Output
from podwalk.facade.kinds import Kind, Kinds
from podwalk.facade.listing import Listing
from podwalk.facade.manifest import parse
from podwalk.facade.observation import observe
from podwalk.facade.probes import Caller, Probe, Probes
from podwalk.facade.snapshot import Snapshot
from podwalk.facade.urls import Url
from podwalk.network import iptables, nftables
from podwalk.reviews import Review, review
from podwalk.types import ClusterOptions, Object, Ref
from podwalk.walks import NamespaceMap, Reachability, Walk, outside, reachability, survey, walk

Manifest = str | Mapping[str, Any] | Sequence[Mapping[str, Any]]

DELETE_TIMEOUT_S = 120.0


class Text(str):
    """Text that a notebook shows as it is, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the text itself."""
        return self.rstrip("\n")


def _is_manifest(text: str) -> bool:
    """Whether text is YAML or JSON, and not ``KIND/NAME``, whose name may have a colon: ``system:metrics-server``."""
    return any(mark in text for mark in ("\n", "{", ": "))


class Cluster:
    """A cluster, whichever it is.

    Attributes:
        api: the official client, for everything that has no verb here.
        namespace: the namespace of commands that name none; assign to change it.
        backend: which backend it is, e.g. ``kind``.
        kinds: what the cluster serves.
        kubectl: the options that make kubectl reach it; None if it cannot.
    """

    def __init__(
        self, api: ApiClient, *, backend: str = "context", description: str = "", namespace: str = "default"
    ) -> None:
        self.api, self.backend, self.namespace = api, backend, namespace
        self.kinds = Kinds(api)
        self.kubectl: tuple[str, ...] | None = None
        self._description = description
        self._options: ClusterOptions | None = None
        self._connect: Callable[[], ApiClient] = lambda: self.api

    def __repr__(self) -> str:
        """Say which cluster this is."""
        return f"Cluster: {self._description or self.api.configuration.host}, namespace {self.namespace}"

    def connect_by(self, connect: Callable[[], ApiClient]) -> None:
        """Remember how to reach the cluster anew; see :meth:`reconnect`."""
        self._connect = connect

    def reconnect(self) -> None:
        """Reach the cluster anew, after it was stopped or deleted; an embedded one is started, empty if it was deleted.

        Raises:
            PodwalkError: when it does not answer, with what to try.
        """
        self.api, self._options = self._connect(), None
        self.kinds = Kinds(self.api)

    def apply(self, manifest: Manifest, *, namespace: str = "") -> Changes:
        """Create or change the objects of a manifest.

        Args:
            manifest: YAML text of one or more documents, an object, or a list of objects.
            namespace: of the objects that name none.

        Returns:
            An entry for each object: created, configured or unchanged.

        Raises:
            LearnerError: when the manifest is wrong, with the line; objects before it stay applied, as with kubectl.
        """
        return Changes(
            tuple(
                application.apply(self.api, self.kinds, document, namespace or self.namespace)
                for document in parse(manifest)
            )
        )

    def get(
        self,
        kind: str,
        name: str = "",
        *,
        namespace: str = "",
        selector: str = "",
        all_namespaces: bool = False,
        fields: str = "",
        wide: bool = False,
    ) -> Listing:
        """List objects of a kind, or get one: ``get("pods")``, ``get("svc", "backend")``, ``get("svc/backend")``.

        Args:
            kind: plural, singular, short name or kind; with ``/NAME`` for one object.
            name: of one object.
            namespace: by default the cluster's ``namespace``.
            selector: labels, e.g. ``app=backend``.
            all_namespaces: look everywhere.
            fields: a field selector, e.g. ``status.phase=Running``.
            wide: show the columns of ``kubectl get -o wide``.

        Raises:
            NotFoundError: when there is no such kind or object.
        """
        resource, name = self._words(kind, name)
        space = "" if all_namespaces else namespace or self.namespace
        try:
            return listing.read(
                self.api, resource, namespace=space, name=name, selector=selector, fields=fields, wide=wide
            )
        except wire.StatusError as error:
            raise wire.explain(
                error, namespace=space, hint=self._nearest(resource, space) if error.code == 404 else ""
            ) from error

    def exec(
        self,
        what: str,
        command: str | Sequence[str],
        *,
        namespace: str = "",
        container: str = "",
        stdin: str = "",
        until: Literal["", "succeeds", "fails"] = "",
        timeout_s: float = 60.0,
    ) -> Output:
        """Run a command in a Pod.

        Args:
            what: a Pod's name, or ``deployment/NAME`` for one of its Pods.
            command: shell text, or a command and its arguments.
            namespace: by default the cluster's ``namespace``.
            container: by default the Pod's first.
            stdin: text for its standard input.
            until: run it again, a second apart, until it succeeds or fails: on a real cluster, the nodes follow a
                new Service or policy a moment later. Its standard error then counts as output.
            timeout_s: how long it may run.

        Raises:
            LearnerError: when there is no such Pod, or it cannot run commands now.
        """
        pod = self.pod(what, namespace or self.namespace)
        if until:
            command = execution.repeated(command, until)
        return execution.run(self.api, pod, command, container=container, stdin=stdin, timeout_s=timeout_s)

    def logs(
        self, what: str, *, namespace: str = "", container: str = "", tail: int | None = None, previous: bool = False
    ) -> Text:
        """Return the log of a Pod, or of one of the Pods of ``deployment/NAME``.

        Raises:
            LearnerError: when there is no such Pod, or no log yet.
        """
        pod = self.pod(what, namespace or self.namespace)
        query: dict[str, Any] = {"container": container or pod["spec"]["containers"][0]["name"]}
        query |= {"tailLines": tail} if tail is not None else {}
        query |= {"previous": "true"} if previous else {}
        try:
            return Text(
                wire.text(
                    self.api,
                    self.kinds.find("pods").path(pod["metadata"]["namespace"], pod["metadata"]["name"]) + "/log",
                    query=query,
                )
            )
        except wire.StatusError as error:
            raise NotReadyError(
                error.problem, hint=f'cluster.wait("pod/{pod["metadata"]["name"]}", "condition=Ready")'
            ) from error

    def wait(self, what: str, words: str, *, namespace: str = "", selector: str = "", timeout_s: float = 60.0) -> Text:
        """Wait until objects meet a condition, in the words of ``kubectl wait --for``.

        Args:
            what: ``KIND/NAME``, or a kind together with ``selector``.
            words: ``condition=Available``, ``jsonpath={.status.phase}=Running``, ``delete``, ``create``.
            namespace: by default the cluster's ``namespace``.
            selector: labels, e.g. ``app=backend``.
            timeout_s: how long to wait.

        Returns:
            A line for each object, as kubectl prints it.

        Raises:
            WaitError: when it did not come in time, with the reasons that the objects give.
        """
        kind, name = self._words(what, "")
        space = namespace or self.namespace
        try:
            objects = condition.wait(
                self.api, kind, words, namespace=space, name=name, selector=selector, timeout_s=timeout_s
            )
        except wire.StatusError as error:
            raise wire.explain(error, namespace=space) from error
        met = "condition met" if words != "delete" else "deleted"
        return Text(
            "\n".join(f"{kind.label}/{obj['metadata']['name']} {met}" for obj in objects)
            or f"{kind.label}/{name or selector} {met}"
        )

    def delete(
        self, what: Manifest, name: str = "", *, namespace: str = "", timeout_s: float = DELETE_TIMEOUT_S
    ) -> Changes:
        """Delete objects, and wait until they are gone; those that are not there already are passed over.

        Args:
            what: a manifest, ``KIND/NAME``, or a kind together with ``name``.
            name: of the object.
            namespace: by default the manifest's, else the cluster's ``namespace``.
            timeout_s: how long it may take.

        Raises:
            LearnerError: when an object has no name.
            WaitError: when something did not go in time.
        """
        space = namespace or self.namespace
        if isinstance(what, str) and not _is_manifest(what):
            kind, name = self._words(what, name)
            targets = [(kind, space, name)]
        else:
            found = [(self.kinds.of(document.value), document.value["metadata"]) for document in parse(what)]
            targets = [
                (kind, metadata.get("namespace") or space, metadata.get("name", ""))
                for kind, metadata in reversed(found)
            ]
        if unnamed := [kind for kind, _, target in targets if not target]:
            raise LearnerError(
                f"which {unnamed[0].singular} is to be deleted?",
                hint=f'name it: cluster.delete("{unnamed[0].singular}/NAME")',
            )
        gone = [(kind, where, self._remove(kind, where, target)) for kind, where, target in targets]
        for kind, where, entry in gone:
            if entry:
                metadata = entry.object["metadata"]
                condition.wait(
                    self.api,
                    kind,
                    "delete",
                    namespace=where,
                    name=metadata["name"],
                    uid=metadata["uid"],
                    timeout_s=timeout_s,
                )
        return Changes(tuple(entry for _, _, entry in gone if entry))

    def url(self, what: str, *, namespace: str = "", port: str | int = "") -> Url:
        """Return where this machine reaches an application, for a browser, curl or any other client.

        Args:
            what: ``service/NAME``, ``ingress/NAME``, ``gateway/NAME``, ``httproute/NAME``, or ``pod/NAME`` with a
                hostPort.
            namespace: by default the cluster's ``namespace``.
            port: which of a Service's ports or a Gateway's listeners, by name or number; by default the first.

        Returns:
            The URL, which is a text; its ``address`` is ``IP:PORT``, its ``curl`` the command that asks for it.

        Raises:
            LearnerError: when nothing outside the cluster reaches it, with what to try.
        """
        return urls.find(self, what, namespace=namespace or self.namespace, port=port)

    def addon(self, name: str, **options: Any) -> Changes:
        """Install an add-on, or find it: ``addon("ingress")``, ``addon("gateway")``; see :mod:`podwalk.facade.addons`.

        Raises:
            LearnerError: when there is no such add-on, or not for this cluster.
        """
        return addons.add(self, name, **options)

    def events(self, namespace: str = "", *, about: str = "") -> Listing:
        """List the events of a namespace, oldest first; with ``about="KIND/NAME"`` those of one object."""
        space = namespace or self.namespace
        query = {}
        if about:
            kind, name = self._words(about, "")
            query = {"fieldSelector": f"involvedObject.kind={kind.kind},involvedObject.name={name}"}
        return listing.events(
            wire.call(self.api, "GET", f"/api/v1/namespaces/{space}/events", query=query).get("items") or ()
        )

    def walk(
        self,
        source: str,
        target: str,
        *,
        namespace: str = "",
        host: str = "",
        resolve: Mapping[str, str] | None = None,
        probe: bool = False,
    ) -> Walk:
        """Explain what becomes of a request: DNS queries, Service, policies, Ingress rules, the Pod that answers.

        Args:
            source: a Pod's name, ``deployment/NAME`` for one of its Pods, ``node/NAME``, or ``outside`` for a client
                outside the cluster (``outside:203.0.113.7`` for one with this address).
            target: ``http://backend``, ``backend:8080``, ``tcp://10.96.0.1:443``, ``udp://…``.
            namespace: of the source, by default the cluster's ``namespace``.
            host: the ``Host`` header, where it is not the target's host.
            resolve: the addresses of names outside the cluster, as curl's ``--resolve`` gives them.
            probe: make the connection too, and say whether it ends as predicted.

        Raises:
            LearnerError: when there is no such Pod, or it cannot be probed.
            WalkError: when the target cannot be read.
        """
        view, options = self._network()
        origin = self._origin(source, namespace, options)
        found = walk(view, origin, target, options=options, host=host, known=resolve)
        return replace(found, observation=observe(self, found, target)) if probe else found

    def _origin(self, source: str, namespace: str, options: ClusterOptions) -> Ref:
        """Return from where a walk begins, as typed."""
        word, _, rest = source.partition(":")
        if word == "outside":
            return outside(rest, options=options)
        if source.partition("/")[0] in ("node", "nodes", "no"):
            return Ref("nodes", "", self.get(source).object["metadata"]["name"])
        metadata = self.pod(source, namespace or self.namespace)["metadata"]
        return Ref("pods", metadata["namespace"], metadata["name"])

    def proxy_rules(
        self, service: str, *, mode: Literal["iptables", "nftables"] = "iptables", node: str = "", namespace: str = ""
    ) -> Text:
        """Return what kube-proxy programs on a node for one Service, computed from the cluster's objects.

        Args:
            service: the Service's name.
            mode: the mode of kube-proxy; any can be shown, whichever the cluster runs.
            node: the node's name, by default the first.
            namespace: of the Service, by default the cluster's ``namespace``.

        Raises:
            NotFoundError: when there is no such Service or node.
        """
        space = namespace or self.namespace
        name = self.get("services", service, namespace=space).object["metadata"]["name"]
        where = self.get("nodes", node).object if node else self.get("nodes")[0]
        view, options = self._network()
        render = {"iptables": iptables.rules, "nftables": nftables.rules}[mode]
        return Text(render(view, where["metadata"]["name"], options, Ref("services", space, name)))

    def matrix(self, *scopes: str, port: int | None = None, protocol: str = "TCP") -> Reachability:
        """Show who may reach whom, on which port, by the NetworkPolicies as they are now.

        Args:
            scopes: whose Pods: ``NAMESPACE``, ``NAMESPACE/NAME`` for those of one workload, ``NAMESPACE/NAME:PORT`` to
                ask for no other port of theirs; by default all of the cluster's ``namespace``.
            port: ask for this port at every Pod; by default for the ports that each offers.
            protocol: of ``port``.

        Raises:
            PodwalkError: when no Pod has an address.
        """
        view, options = self._network()
        return reachability(view, scopes or (self.namespace,), port=port, protocol=protocol, options=options)

    def map(self, namespace: str = "") -> NamespaceMap:
        """Draw a namespace: the ways in, its Services, the endpoints behind them, the policies around the Pods.

        Args:
            namespace: by default the cluster's ``namespace``.

        Raises:
            PodwalkError: when there is nothing in it.
        """
        return survey(self._network()[0], namespace or self.namespace)

    def review(self, namespace: str = "", *, rules: Sequence[str] = ()) -> Review:
        """Look for what could be better in a namespace: open doors, missing probes, rights too wide.

        Args:
            namespace: by default the cluster's ``namespace``.
            rules: names of :data:`podwalk.reviews.RULES`; by default all.

        Returns:
            The findings as data; they show themselves as a table.

        Raises:
            NotFoundError: when there is no such namespace.
            PodwalkError: when there is no such rule.
        """
        space = namespace or self.namespace
        view = Snapshot(self.api, self.kinds, snapshot.MAY_BE_CLOSED | snapshot.REVIEWED)
        if view.get("namespaces", "", space) is None and "namespaces" not in view.unread:
            hint = self._nearest(self.kinds.find("namespaces"), "")
            raise NotFoundError(f'there is no namespace "{space}" to review', hint=hint)
        found = review(view, space, rules=tuple(rules), options=snapshot.options(view))
        return replace(found, unread=tuple(resource.partition(".")[0] for resource in view.unread))

    def _network(self) -> tuple[Snapshot, ClusterOptions]:
        """Return the cluster as the network model sees it; how it was set up does not change, and is asked once."""
        view = Snapshot(self.api, self.kinds)
        self._options = self._options or snapshot.options(view)
        return view, self._options

    def probe(
        self,
        source: Caller | str,
        target: str,
        *,
        namespace: str = "",
        expect: bool | None = None,
        control: Caller | str | None = None,
        deadline_s: float = probes.DEADLINE_S,
    ) -> Probe:
        """Try a connection from a Pod, and find out whether a failure means "blocked" or just "broken".

        Args:
            source: a Pod's name, ``deployment/NAME``, or ``podwalk.like("app=frontend")`` for a stand-in with labels.
            target: ``backend:8080``, ``http://backend``, ``pod/NAME:PORT``, ``udp://SERVER:53``.
            namespace: of the source, by default the cluster's ``namespace``.
            expect: whether it should be open; it is tried again until it is so, or ``deadline_s`` have passed.
            control: who makes the positive control if it is not open; by default the target itself.
            deadline_s: how long to try again.

        Raises:
            LearnerError: when there is no such Pod, or the target cannot be probed.
        """
        wanted = None if expect is None else [(source, target)] if expect else []
        found = self.probes(
            [source], [target], namespace=namespace, expect=wanted, control=control, deadline_s=deadline_s
        )
        return found.probes[0]

    def probes(
        self,
        sources: Iterable[Caller | str],
        targets: Sequence[str],
        *,
        namespace: str = "",
        expect: Iterable[tuple[Caller | str, str]] | None = None,
        control: Caller | str | None = None,
        deadline_s: float = probes.DEADLINE_S,
    ) -> Probes:
        """Try a connection from every source to every target: one exec a source, all at the same time.

        Args:
            sources: as for :meth:`probe`.
            targets: as for :meth:`probe`.
            namespace: of sources that name none, by default the cluster's ``namespace``.
            expect: the flows that should be open, and no others; what differs is tried again to the deadline.
            control: as for :meth:`probe`.
            deadline_s: how long to try again.

        Raises:
            LearnerError: when there is no such Pod, or a target cannot be probed.
        """
        here = copy.copy(self)
        here.namespace = namespace or self.namespace
        wanted = None if expect is None else {(probes.as_caller(source), target) for source, target in expect}
        judge = None if wanted is None else lambda caller, target: (caller, target) in wanted
        return probes.probe(here, sources, targets, expect=judge, control=control, deadline_s=deadline_s)

    def _words(self, kind: str, name: str) -> tuple[Kind, str]:
        word, slash, after = kind.partition("/")
        return self.kinds.find(word), after if slash else name

    def _nearest(self, kind: Kind, namespace: str) -> str:
        there = listing.read(self.api, kind, namespace=namespace).names
        return (
            f"there are: {', '.join(there[:8])}"
            if there
            else f"there are no {kind.plural} here; is it the right namespace?"
        )

    def _remove(self, kind: Kind, namespace: str, name: str) -> Applied | None:
        path = kind.path(namespace, name)
        before = application.find(self.api, path)
        if before is None:
            return None
        try:
            wire.call(
                self.api,
                "DELETE",
                path,
                body={"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"},
            )
        except wire.StatusError as error:
            if error.code != 404:
                raise wire.explain(error, namespace=namespace) from error
        return Applied(f"{kind.label}/{name}", "deleted", before, before, kind)

    def pod(self, what: str, namespace: str = "") -> Object:
        """Return a Pod by its name, or one of the Pods of ``deployment/NAME``, ready ones first.

        Raises:
            NotFoundError: when there is none.
        """
        namespace = namespace or self.namespace
        kind, name = self._words(what, "") if "/" in what else (self.kinds.find("pods"), what)
        obj = self.get(kind.plural + (f".{kind.group}" if kind.group else ""), name, namespace=namespace).object
        if kind.plural == "pods" and not kind.group:
            return obj
        selector = obj.get("spec", {}).get("selector") or {}
        labels = selector.get("matchLabels", selector)
        pods = self.get(
            "pods", namespace=namespace, selector=",".join(f"{key}={value}" for key, value in labels.items())
        )
        alive = sorted(
            pods, key=lambda pod: (condition.condition(pod, "Ready") != "true", "deletionTimestamp" in pod["metadata"])
        )
        if not alive:
            raise NotFoundError(f"{what} has no Pods", hint="cluster.events() may say why")
        return alive[0]
