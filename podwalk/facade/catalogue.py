"""What a cluster serves, as ``kubectl api-resources`` and ``kubectl version`` tell it.

Source: kubernetes.io/docs/reference/kubectl/generated/kubectl_api-resources/.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from podwalk.facade import wire
from podwalk.facade.cluster import Cluster, Text
from podwalk.facade.kinds import ACCEPT
from podwalk.facade.listing import Listing
from podwalk.types import Object


@dataclass(frozen=True)
class _Resource:
    group: str
    version: str
    served: Object

    @property
    def namespaced(self) -> bool:
        return bool(self.served["scope"] == "Namespaced")

    @property
    def kind(self) -> str:
        return str((self.served.get("responseKind") or {}).get("kind", ""))

    def row(self, *, wide: bool) -> tuple[str, ...]:
        cells = (
            str(self.served["resource"]),
            ",".join(self.served.get("shortNames", ())),
            f"{self.group}/{self.version}" if self.group else self.version,
            str(self.namespaced).lower(),
            self.kind,
        )
        more = (",".join(self.served["verbs"]), ",".join(self.served.get("categories", ())))
        return (*cells, *more) if wide else cells


def resources(cluster: Cluster, *, group: str | None = None, namespaced: bool | None = None, form: str = "") -> Any:
    """List the resources that a cluster serves, each in the version that it prefers.

    Args:
        cluster: which.
        group: only this API group; ``""`` is the core one; None for all.
        namespaced: only those that belong to a namespace, or only those that do not; None for all.
        form: ``""``, ``wide`` for verbs and categories too, or ``name``.

    Returns:
        A listing, or with ``name`` a text.
    """
    found = [
        one
        for one in _preferred(cluster)
        if group in (None, one.group) and (namespaced is None or one.namespaced is namespaced)
    ]
    found.sort(key=lambda one: (one.group, one.served["resource"]))
    if form == "name":
        return Text("\n".join(f"{one.served['resource']}.{one.group}".rstrip(".") for one in found))
    header = ("NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND")
    wide = form == "wide"
    rows = tuple(one.row(wide=wide) for one in found)
    return Listing((), (*header, "VERBS", "CATEGORIES") if wide else header, rows)


def _preferred(cluster: Cluster) -> Iterator[_Resource]:
    """Yield every resource once: a group names its versions in the order in which it prefers them."""
    for root in ("/api", "/apis"):
        for group in wire.call(cluster.api, "GET", root, accept=ACCEPT)["items"]:
            seen: set[str] = set()
            for version in group["versions"]:
                for served in version["resources"]:
                    if served["resource"] not in seen and served.get("verbs"):
                        seen.add(served["resource"])
                        yield _Resource(group["metadata"].get("name", ""), version["version"], served)


def version(cluster: Cluster) -> Text:
    """Return which Kubernetes a cluster is, as ``kubectl version`` says it; there is no client to tell of."""
    return Text(f"Server Version: {wire.call(cluster.api, 'GET', '/version')['gitVersion']}")
