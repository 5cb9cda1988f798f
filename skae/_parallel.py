"""Threads: limit BLAS to one thread during a fit and run independent jobs in the others.

A second BLAS thread hardly speeds up products of the size of a batch. Two halves of a large batch,
each in its own thread, take little more than half the time. Small networks are fastest with one
thread.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
import os
from threading import BoundedSemaphore, Lock, local

import numpy as np
from threadpoolctl import ThreadpoolController

MANY_PARAMETERS = 10**5  # of a network: with fewer, inference in threads takes longer than without

MAX_WAIT = 10  # seconds

_blas_lock = Lock()
_this_thread = local()
_slots = {}


@cache
def _blas():
    return ThreadpoolController().select(user_api="blas")


def _count_blas_threads():
    return max([library["num_threads"] for library in _blas().info()], default=1)


def _make_slots():
    """Make one slot for each processor. A forked process makes its own."""
    has_affinity = hasattr(os, "sched_getaffinity")
    n_processors = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1
    _slots["fits"] = BoundedSemaphore(n_processors)


_make_slots()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_make_slots)


@contextmanager
def fit_slot():
    """Wait for one of the slots for concurrent fits, of which there are as many as processors.

    NumPy calls of several threads take turns. A fit inside another fit uses its slot. After
    `MAX_WAIT` seconds a fit proceeds without one, because the fit that holds it may be waiting for
    this one.
    """
    if hasattr(_this_thread, "slots"):
        yield
        return
    _this_thread.slots = slots = _slots["fits"]
    has_slot = slots.acquire(timeout=MAX_WAIT)
    try:
        yield
    finally:
        del _this_thread.slots
        if has_slot:
            slots.release()


def run_sequentially(jobs):
    """Run jobs, which are zero-argument callables, one after the other."""
    for job in jobs:
        job()


@contextmanager
def job_runner():
    """Yield a function that runs a list of zero-argument callables on the threads of BLAS.

    A caller gets `run_sequentially` while another thread, in this module or outside, already limits
    BLAS to one thread. A nested call in the same thread yields the same function.
    """
    if hasattr(_this_thread, "run_jobs"):
        yield _this_thread.run_jobs
        return
    if not _blas_lock.acquire(blocking=False):
        yield run_sequentially
        return
    try:
        n_threads = _count_blas_threads()
        with _blas().limit(limits=1):
            if n_threads == 1 or _count_blas_threads() > 1:
                yield run_sequentially
                return
            with _thread_pool(n_threads) as run_jobs:
                yield run_jobs
    finally:
        _blas_lock.release()


@contextmanager
def _thread_pool(n_threads):
    """Yield a function that runs jobs on this thread and on n_threads - 1 others."""
    ignore = partial(np.seterr, over="ignore", invalid="ignore")
    with ThreadPoolExecutor(n_threads - 1, initializer=ignore) as pool:
        _this_thread.run_jobs = partial(_run_in_threads, pool, n_threads)
        try:
            yield _this_thread.run_jobs
        finally:
            del _this_thread.run_jobs


def _run_in_threads(pool, n_threads, jobs):
    """Run every n_threads-th job here, the others in the pool; return when all have ended."""
    futures = [pool.submit(run_sequentially, jobs[i::n_threads]) for i in range(1, n_threads)]
    try:
        run_sequentially(jobs[::n_threads])
    finally:  # also after an error no job is left running
        for future in futures:
            future.result()
