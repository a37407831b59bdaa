"""NetworkPolicy and ClusterNetworkPolicy to the letter: who isolates whom, which rule decides, which clause failed."""

from podwalk.network.addresses import peer_of
from podwalk.network.policy.judgement import Explanation, Judgement, PolicyResult, check, explain, judge
from podwalk.network.policy.matrix import Matrix, matrix
from podwalk.network.policy.plugins import PLUGINS, Plugin
from podwalk.network.policy.rules import Clause, ClauseKind, Direction, RuleResult

__all__ = [
    "PLUGINS",
    "Clause",
    "ClauseKind",
    "Direction",
    "Explanation",
    "Judgement",
    "Matrix",
    "Plugin",
    "PolicyResult",
    "RuleResult",
    "check",
    "explain",
    "judge",
    "matrix",
    "peer_of",
]
