"""What a Job's ``podFailurePolicy`` says of a failed Pod, and its ``successPolicy`` of the indexes that succeeded.

Source: k8s.io/kubernetes/pkg/controller/job/pod_failure_policy.go.
"""

from __future__ import annotations

from podwalk.controllers.job import indexes
from podwalk.types import Object


def judge(job: Object, pod: Object) -> tuple[str, str]:
    """Return the action for a failed Pod (``Count`` unless a rule says otherwise), and the reason in words."""
    rules = (job["spec"].get("podFailurePolicy") or {}).get("rules") or ()
    for index, rule in enumerate(rules):
        action = rule["action"]
        if (words := _by_exit_code(rule, pod) or _by_condition(rule, pod)) is not None:
            return action, f"{words} matching {action} rule at index {index}"
    return "Count", ""


def _by_exit_code(rule: Object, pod: Object) -> str | None:
    wanted = rule.get("onExitCodes")
    if not wanted:
        return None
    statuses = [*(pod["status"].get("containerStatuses") or ()), *(pod["status"].get("initContainerStatuses") or ())]
    for status in statuses:
        code = ((status.get("state") or {}).get("terminated") or {}).get("exitCode", 0)
        if not code or wanted.get("containerName") not in (None, "", status["name"]):
            continue
        if (code in wanted["values"]) == (wanted["operator"] == "In"):
            metadata = pod["metadata"]
            where = f"{metadata['namespace']}/{metadata['name']}"
            return f"Container {status['name']} for pod {where} failed with exit code {code}"
    return None


def _by_condition(rule: Object, pod: Object) -> str | None:
    there = {(entry["type"], entry["status"]) for entry in pod["status"].get("conditions") or ()}
    for wanted in rule.get("onPodConditions") or ():
        if (wanted["type"], wanted.get("status", "True")) in there:
            return f"Pod {pod['metadata']['namespace']}/{pod['metadata']['name']} has condition {wanted['type']}"
    return None


def matched_rule(job: Object, status: Object) -> int | None:
    """Return the number of the first success rule that holds, or None."""
    done = indexes.parse(status.get("completedIndexes", ""))
    for number, rule in enumerate((job["spec"].get("successPolicy") or {}).get("rules") or ()):
        named = indexes.parse(rule["succeededIndexes"]) if rule.get("succeededIndexes") else None
        met = done if named is None else done & named
        if len(met) >= rule.get("succeededCount", len(named or ())):
            return number
    return None
