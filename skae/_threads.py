"""Threads: BLAS is held to one while we work, and the others are ours.

On products of the size of a batch two BLAS threads do little, and on a busy machine much
harm; two halves of a large batch, a thread each, take little more than half the time. So
one switch serves small networks, which are best off with one thread, and large ones.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock, local

import numpy as np
from threadpoolctl import ThreadpoolController

MANY_PARAMETERS = 10**5  # of a network: below, threads that send rows only wait for each other

_holding = Lock()
_mine = local()


@cache
def _blas():
    return ThreadpoolController().select(user_api="blas")


def _count_threads():
    return max([library["num_threads"] for library in _blas().info()], default=1)


def in_turn(jobs):
    """Do the jobs, functions of nothing, one after the other."""
    for job in jobs:
        job()


@contextmanager
def team():
    """Yield a function that does jobs, functions of nothing, on the threads that BLAS had.

    Which thread does what has no influence on any result. Whoever comes while another one
    holds BLAS to one thread, in this module or outside, works on one thread; whoever holds
    it gives it back as it was, and is given its own team when it asks again.
    """
    if hasattr(_mine, "team"):
        yield _mine.team
        return
    if not _holding.acquire(blocking=False):
        yield in_turn
        return
    try:
        n_threads = _count_threads()
        with _blas().limit(limits=1):
            if n_threads == 1 or _count_threads() > 1:
                yield in_turn
                return
            quiet = {"over": "ignore", "invalid": "ignore"}
            with ThreadPoolExecutor(n_threads - 1, initializer=lambda: np.seterr(**quiet)) as pool:

                def together(jobs):
                    others = [pool.submit(in_turn, jobs[i::n_threads]) for i in range(1, n_threads)]
                    in_turn(jobs[::n_threads])
                    for other in others:
                        other.result()

                _mine.team = together
                try:
                    yield together
                finally:
                    del _mine.team
    finally:
        _holding.release()
