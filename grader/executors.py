"""Where submissions are marked: in processes of this machine, or on a Dask cluster. Either is a futures executor."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor

from podwalk.errors import PodwalkError


@contextlib.contextmanager
def executor(workers: int, scheduler: str = "") -> Iterator[Executor]:
    """Give an executor; what has not begun when the block is left is dropped.

    Args:
        workers: how many at once, here.
        scheduler: the address of a Dask scheduler, whose workers have the course installed.

    Raises:
        PodwalkError: when Dask is asked for and not installed.
    """
    if scheduler:
        try:
            distributed = importlib.import_module("distributed")
        except ImportError as error:
            raise PodwalkError(
                "--scheduler needs Dask: pip install 'podwalk[dask]', here and where its workers run"
            ) from error
        with distributed.Client(scheduler) as client:
            # The same submission graded again is work again; a worker that is lost costs one more try.
            yield client.get_executor(pure=False, retries=1)
        return
    # A fork of a process with threads may hang; a spawned worker starts its own judge once.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Let a worker end when the command was killed, and its judge with it: nobody would hear of their work."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker has one"

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
