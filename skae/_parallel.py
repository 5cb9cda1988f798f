"""Threads: BLAS is held to one while we work, and the others are ours.

On products of the size of a batch two BLAS threads do little, and on a busy machine much
harm; two halves of a large batch, a thread each, take little more than half the time. So
one switch serves small networks, which are best off with one thread, and large ones.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
import os
from threading import BoundedSemaphore, Lock, local

import numpy as np
from threadpoolctl import ThreadpoolController

MANY_PARAMETERS = 10**5  # of a network: below, threads that send rows only wait for each other

LONGEST_WAIT = 10  # seconds

_holding = Lock()
_mine = local()
_places = {}


@cache
def _blas():
    return ThreadpoolController().select(user_api="blas")


def _count_threads():
    return max([library["num_threads"] for library in _blas().info()], default=1)


def _make_places():
    """As many places as processors; a process that is forked off has its own."""
    can_ask = hasattr(os, "sched_getaffinity")
    n_processors = len(os.sched_getaffinity(0)) if can_ask else os.cpu_count() or 1
    _places["of fits"] = BoundedSemaphore(n_processors)


_make_places()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_make_places)


@contextmanager
def fit_slot():
    """Wait for a place among the fits at work, of which there are no more than processors.

    Threads make their calls to NumPy in turn: eight of them lose a third of their time in
    waiting for each other. A fit that another one waits for while it holds a place must not
    wait for ever: after some seconds it goes on without.
    """
    if hasattr(_mine, "places"):
        yield
        return
    _mine.places = places = _places["of fits"]
    is_placed = places.acquire(timeout=LONGEST_WAIT)
    try:
        yield
    finally:
        del _mine.places
        if is_placed:
            places.release()


def run_sequentially(jobs):
    """Do the jobs, functions of nothing, one after the other."""
    for job in jobs:
        job()


@contextmanager
def job_runner():
    """Yield a function that does jobs, functions of nothing, on the threads that BLAS had.

    Which thread does what has no influence on any result. Whoever comes while another one
    holds BLAS to one thread, in this module or outside, works on one thread; whoever holds
    it gives it back as it was, and is given its own team when it asks again.
    """
    if hasattr(_mine, "run_jobs"):
        yield _mine.run_jobs
        return
    if not _holding.acquire(blocking=False):
        yield run_sequentially
        return
    try:
        n_threads = _count_threads()
        with _blas().limit(limits=1):
            if n_threads == 1 or _count_threads() > 1:
                yield run_sequentially
                return
            quiet = {"over": "ignore", "invalid": "ignore"}
            with ThreadPoolExecutor(n_threads - 1, initializer=lambda: np.seterr(**quiet)) as pool:

                def together(jobs):
                    others = [
                        pool.submit(run_sequentially, jobs[i::n_threads])
                        for i in range(1, n_threads)
                    ]
                    try:
                        run_sequentially(jobs[::n_threads])
                    finally:  # none is at work any more, whatever comes of it
                        for other in others:
                            other.result()

                _mine.run_jobs = together
                try:
                    yield together
                finally:
                    del _mine.run_jobs
    finally:
        _holding.release()
