"""Reference answers of the assignment `incident`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.grader.references import Mistake, Reference, Way

SEED = 2
"""Calls from `stall` to `baskets` are allowed on the Service's port; the Ingress has a class that is not there; and the
label by which the office's monitors are let in was never set."""

WHOLE_NEW = """
import podwalk.incidents

right = podwalk.incidents.draw(podwalk.seed("incident"), 0).objects
kinds = sorted({obj["kind"] for obj in right} - {"Namespace"})
for namespace in ("incident", "incident-office"):
    for kind in kinds:
        for name in cluster.get(kind.lower(), namespace=namespace).names:
            if name != "kube-root-ca.crt":
                cluster.delete(f"{kind.lower()}/{name}", namespace=namespace)
cluster.apply(right)
"""
BARE = """
def bare(obj):
    kept = {key: value for key, value in obj["metadata"].items() if key in ("name", "namespace", "labels")}
    return {**{key: value for key, value in obj.items() if key != "status"}, "metadata": kept}
"""
BY_NAME = (
    BARE
    + """
policy = cluster.get("networkpolicy/baskets-from-stall").object
policy["spec"]["ingress"][0]["ports"] = [{"port": "http"}]
cluster.apply(bare(policy))
"""
)
BY_CLASS = (
    BARE
    + """
ingress = cluster.get("ingresses").objects[0]
ingress["spec"]["ingressClassName"] = "nginx"
cluster.apply(bare(ingress))
"""
)
BY_OTHER_LABEL = (
    BARE
    + """
policy = cluster.get("networkpolicy/baskets-from-monitors").object
peer = policy["spec"]["ingress"][0]["from"][0]
peer["namespaceSelector"] = {"matchLabels": {"kubernetes.io/metadata.name": "incident-office"}}
cluster.delete("networkpolicy/baskets-from-monitors")
policy["metadata"]["name"] = "office"
cluster.apply(bare(policy))
"""
)
NOTHING = {"ticket-2-answer": "", "ticket-3-answer": ""}
WAYS: Mapping[str, Way] = {
    "the application set up anew": {"ticket-1-answer": WHOLE_NEW, **NOTHING},
    "smaller mends by hand": {
        "ticket-1-answer": BY_NAME,
        "ticket-2-answer": BY_CLASS,
        "ticket-3-answer": BY_OTHER_LABEL,
    },
}

FULL = {"ticket-1": 3.0, "ticket-2": 3.0, "ticket-3": 3.0, "contained": 3.0}

MISTAKES: Mapping[str, Mistake] = {
    "a ticket is left open": (
        "ticket-1-answer",
        "incidents.mend(cluster, desk.incident, 1)",
        "",
        {"ticket-1": 0.0, "contained": 2.0},
    ),
    "the second is left open": (
        "ticket-2-answer",
        "incidents.mend(cluster, desk.incident, 2)",
        "",
        {"ticket-2": 0.0, "contained": 2.0},
    ),
    "the third is left open": (
        "ticket-3-answer",
        "incidents.mend(cluster, desk.incident, 3)",
        "",
        {"ticket-3": 0.0, "contained": 2.0},
    ),
    "no policies any more": (
        "ticket-1-answer",
        "incidents.mend(cluster, desk.incident, 1)",
        'for name in cluster.get("networkpolicies").names:\n    cluster.delete(f"networkpolicy/{name}")',
        {"contained": 0.0},
    ),
}
CELLS = tuple(f"ticket-{number}-answer" for number in (1, 2, 3))
REFERENCE = Reference(
    FULL,
    WAYS,
    MISTAKES,
    answered_in={**{f"ticket-{number}": CELLS for number in (1, 2, 3)}, "contained": CELLS},
    seed=SEED,
)
