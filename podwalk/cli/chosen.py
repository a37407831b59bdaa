"""The options that say which cluster a command is for, and that a context that looks like production is meant."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from podwalk.backends import production

Command = TypeVar("Command", bound=Callable[..., Any])


def cluster_options(command: Command) -> Command:
    """Add ``--backend``, ``--context`` and ``--yes-really``; the command gets one argument of them, ``backend``."""

    @functools.wraps(command)
    def chosen(*words: Any, backend: str | None, context_name: str, yes_really: bool, **options: Any) -> Any:
        if backend and context_name:
            raise click.UsageError(f"--backend {backend} and --context {context_name} name two clusters; give one")
        if yes_really:
            os.environ[production.VARIABLE] = production.ANY
        return command(*words, backend=f"context:{context_name}" if context_name else backend, **options)

    found: Any = chosen
    for option in (
        click.option("--yes-really", is_flag=True, help="Use a context although it looks like production."),
        click.option("--context", "context_name", default="", help="A context of your kubeconfig: any cluster."),
        click.option(
            "--backend",
            default=None,
            help="embedded, in-process, kind or context:NAME; by default as `podwalk.cluster()` chooses.",
        ),
    ):
        found = option(found)
    return found  # type: ignore[no-any-return]  # click's decorators return what they were given
