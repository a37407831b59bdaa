"""The kinds a cluster serves, found by kubectl's words: ``svc``, ``service``, ``Services``, ``deployments.apps``."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from urllib.parse import quote

from kubernetes.client import ApiClient

from podwalk.facade import wire
from podwalk.facade.errors import ManifestError, NotFoundError
from podwalk.types import Object

ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@dataclass(frozen=True)
class Kind:
    """A resource of the API: what discovery says of it."""

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...]
    namespaced: bool
    subresources: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """The ``apiVersion`` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def label(self) -> str:
        """How kubectl names it before a slash: ``service``, ``deployment.apps``."""
        return f"{self.singular}.{self.group}" if self.group else self.singular

    def path(self, namespace: str = "", name: str = "") -> str:
        """Return the URL path of an object, of a namespace's objects, or of all."""
        path = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        if self.namespaced and namespace:
            path += f"/namespaces/{quote(namespace, safe='')}"
        return f"{path}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


class Kinds:
    """What one cluster serves; asked once, and again when a word is not known."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api
        self._kinds: list[Kind] = []

    def all(self) -> tuple[Kind, ...]:
        """Return every kind, in the order in which kubectl prefers them."""
        if not self._kinds:
            self._kinds = _discover(self._api)
        return tuple(self._kinds)

    def find(self, word: str) -> Kind:
        """Find a kind by plural, singular, short name or kind, with or without ``.group``.

        Raises:
            NotFoundError: with the nearest words, when there is none.
        """
        for _ in range(2):
            found = next((kind for kind in self.all() if word.lower() in _words(kind)), None)
            if found:
                return found
            self._kinds = []
        known = sorted({name for kind in self.all() for name in (kind.plural, kind.singular, *kind.short_names)})
        near = difflib.get_close_matches(word.lower(), known, n=3)
        hint = (
            f"did you mean {' or '.join(near)}?" if near else "a custom kind needs its CustomResourceDefinition first"
        )
        raise NotFoundError(f'the server does not have a resource type "{word}"', hint=hint)

    def of(self, obj: Object) -> Kind:
        """Find the kind of an object by its ``apiVersion`` and ``kind``.

        Raises:
            ManifestError: when the cluster does not serve it.
        """
        for _ in range(2):
            for kind in self.all():
                if (kind.api_version, kind.kind) == (obj["apiVersion"], obj["kind"]):
                    return kind
            self._kinds = []
        raise ManifestError(
            f'the cluster serves no kind "{obj["kind"]}" in "{obj["apiVersion"]}"', hint=self._near(obj)
        )

    def _near(self, obj: Object) -> str:
        for kind in self.all():
            if kind.kind.lower() == str(obj["kind"]).lower():
                return f"write `apiVersion: {kind.api_version}` and `kind: {kind.kind}`"
        near = difflib.get_close_matches(str(obj["kind"]), {kind.kind for kind in self.all()}, n=1)
        return f"did you mean `kind: {near[0]}`?" if near else "a custom kind needs its CustomResourceDefinition first"


def _words(kind: Kind) -> set[str]:
    names = {kind.plural, kind.singular, kind.kind.lower(), *kind.short_names}
    return names | {f"{name}.{kind.group}" for name in names} | {f"{kind.plural}.{kind.version}.{kind.group}"}


def _discover(api: ApiClient) -> list[Kind]:
    return [
        _kind(group, version, resource)
        for root in ("/api", "/apis")
        for group in wire.call(api, "GET", root, accept=ACCEPT)["items"]
        for version in group["versions"]
        for resource in version["resources"]
        if "responseKind" in resource and "list" in resource.get("verbs", ())
    ]


def _kind(group: Object, version: Object, resource: Object) -> Kind:
    return Kind(
        group=group["metadata"].get("name", ""),
        version=version["version"],
        kind=resource["responseKind"]["kind"],
        plural=resource["resource"],
        singular=resource.get("singularResource") or resource["responseKind"]["kind"].lower(),
        short_names=tuple(resource.get("shortNames", ())),
        namespaced=resource["scope"] == "Namespaced",
        subresources=tuple(part["subresource"] for part in resource.get("subresources", ())),
    )
