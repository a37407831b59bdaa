"""Where submissions are marked: in processes of this machine, or on a Dask cluster. Either is a futures executor."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
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
            raise PodwalkError("--scheduler needs Dask: pip install distributed") from error
        with distributed.Client(scheduler) as client:
            yield client.get_executor()
        return
    # A fork of a process with threads may hang; a spawned worker starts its own judge once.
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
