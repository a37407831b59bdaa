"""What a lab may need of its cluster beside the kinds that every cluster has: add-ons, and policies that are enforced.

Everything that is missing is found out before anything is made, and said at once: rights, and parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from podwalk.backends.rights import Right
from podwalk.facade import Cluster
from podwalk.facade.addons import ADDONS, missing
from podwalk.facade.enforcement import enforced, plugin_name
from podwalk.facade.errors import LearnerError
from podwalk.labs import rights
from podwalk.labs.lab import Lab

NETWORK_POLICY = "network-policy"

NEEDS: Mapping[str, str] = {
    **{name: addon.title for name, addon in ADDONS.items()},
    NETWORK_POLICY: "a CNI plugin that enforces NetworkPolicies",
}
"""Every word of a lab's ``needs``, and what its cluster then has."""


def provide(cluster: Cluster, lab: Lab, report: Callable[[str], None]) -> None:
    """See that a cluster has what a lab needs; an add-on that it can be given, it is given.

    Args:
        cluster: where.
        lab: the lab.
        report: called with a sentence for each need.

    Raises:
        LearnerError: with all that is missing, before anything was made.
    """
    problems = list(_problems(cluster, lab, report))
    if problems:
        hints = dict.fromkeys(problem.hint for problem in problems if problem.hint)
        said = "; ".join(problem.problem for problem in problems)
        raise LearnerError(f"this lab cannot run here, and nothing was touched: {said}", hint="; ".join(hints))
    for need in lab.needs:
        if need in ADDONS:
            report(f"Making sure that the cluster has {NEEDS[need]}")
            cluster.addon(need)


def _problems(cluster: Cluster, lab: Lab, report: Callable[[str], None]) -> Iterator[LearnerError]:
    lacking: list[Right] = rights.lacking_of(cluster, lab) if cluster.backend == "context" else []
    if lacking:
        yield rights.refusal(lacking)
    for need in lab.needs:
        # Whoever may not look would find nothing, and be told that it is not there.
        if not set(rights.to_find(need, lab.namespace)) & set(lacking):
            report(f"Looking whether the cluster has {NEEDS[need]}")
            problem = _unenforced(cluster, lab) if need == NETWORK_POLICY else missing(cluster, need)
            if problem:
                yield problem


def _unenforced(cluster: Cluster, lab: Lab) -> LearnerError | None:
    if enforced(cluster, lab.namespace) is not False:
        return None
    name = plugin_name(cluster)
    return LearnerError(
        f"NetworkPolicies have no effect on this cluster: a call that a policy denies gets through, for its CNI "
        f"plugin{f' ({name})' if name else ''} does not enforce them",
        hint="use a cluster whose plugin does, such as kind's own, Calico or Cilium; or podwalk.cluster('embedded')",
    )
