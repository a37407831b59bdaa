"""The rules of custom resources in CEL: ``x-kubernetes-validations``.

The language is cel-python's; here are Kubernetes' way through a schema, its functions, and its words.

Not simulated: the cost limits of rules, and optional fields (``self.?field``). A definition whose rules need what is
missing is accepted with a warning that names it, and that rule is not enforced.
"""

from podwalk.api.rules.check import ABSENT, check, visible
from podwalk.api.rules.program import Program, RuleError, compile_rule
from podwalk.api.rules.tree import Node, build

__all__ = ["ABSENT", "Node", "Program", "RuleError", "build", "check", "compile_rule", "visible"]
