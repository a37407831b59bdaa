"""Runs the trusted test cells after the submission has gone, in a process that it never saw."""

from __future__ import annotations

import ast
import contextlib
import io
import warnings
from typing import Any

import podwalk
from grader import Task, checks
from grader.finding import NotGradableError
from grader.isolation.job import Output
from podwalk.facade import Cluster


def run(cluster: Cluster, sources: tuple[str, ...]) -> tuple[tuple[Output, ...], ...]:
    """Run test cells one after the other and return the outputs of each.

    They see ``cluster``, ``podwalk``, ``Task``, ``checks`` and ``like``, as the assignment's own setup cell names them.

    Raises:
        NotGradableError: when a test cell breaks.
    """
    namespace: dict[str, Any] = {
        "cluster": cluster,
        "podwalk": podwalk,
        "Task": Task,
        "checks": checks,
        "like": checks.like,
    }
    return tuple(_cell(source, namespace) for source in sources)


def _cell(source: str, namespace: dict[str, Any]) -> tuple[Output, ...]:
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(tree, "<test cell>", "exec"), namespace)
            if isinstance(last, ast.Expr):
                value = eval(compile(ast.Expression(last.value), "<test cell>", "eval"), namespace)
    except NotGradableError:
        raise
    except Exception as error:
        raise NotGradableError(f"a test cell broke: {type(error).__name__}: {error}") from error
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NotGradableError("a test cell did not end in a number: its last line must be task.report()")
    outputs: list[Output] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": printed.getvalue()})
    data = {"text/plain": repr(float(value))}
    outputs.append({"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": None})
    return tuple(outputs)
