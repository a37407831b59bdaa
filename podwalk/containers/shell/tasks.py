"""Runs a task whose parts are generators too, with a stack of its own.

So that a shell function may call itself more often than Python may.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from types import GeneratorType
from typing import Any

import simpy

Step = Generator[Any, Any, Any]
"""A generator that yields events to wait for, and further steps whose results it is sent."""


def drive(task: Step, absorb: Callable[[simpy.Interrupt], BaseException | None]) -> Step:
    """Run a step and those it yields, and return its result; what it waits for is yielded on.

    Args:
        task: the outermost step.
        absorb: is told of each interrupt; None to go on waiting as if nothing had come, or what to raise in the step.
    """
    stack: list[Step] = [task]
    value: Any = None
    error: BaseException | None = None
    while stack:
        try:
            item = stack[-1].send(value) if error is None else stack[-1].throw(error)
        except StopIteration as stop:
            stack.pop()
            value, error = stop.value, None
            continue
        except Exception as raised:
            stack.pop()
            if not stack:
                raise
            value, error = None, raised
            continue
        value, error = None, None
        if isinstance(item, GeneratorType):
            stack.append(item)
            continue
        while True:
            try:
                value = yield item
            except simpy.Interrupt as interrupt:
                reason = absorb(interrupt)
                if reason is None:
                    continue
                error = reason
            break
    return value
