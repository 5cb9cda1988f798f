"""Kernels: the NumPy calls of a step, bound to their arrays once and replayed in every step.

A kernel is a generator. It computes nothing itself but yields its calls in order, each one as
`(function, *operands, out)`. Replaying them saves the look-ups and branches of a loop.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

OUT_BY_KEYWORD = (np.maximum, np.minimum)  # which deprecate `out` by position

Array: TypeAlias = NDArray[Any]
Calls: TypeAlias = Iterator[tuple[Any, ...]]  # what a kernel yields: (function, *operands, out)


def open_signature(kernel: Callable[..., Calls]) -> Callable[..., Calls]:
    """Return a kernel of a base class as it is; type checkers forget its parameters.

    They would reject an override that names the arrays which the base class has as ``*scratch``,
    as in ``def forward(self, z, root)``.
    """
    return kernel


def mark_greatest(z, k, out):
    """out = 1 where z is among the k greatest of its row or equal to the k-th, else 0.

    NumPy has no single call for this that writes into existing memory.
    """
    k = int(k)
    np.copyto(out, z)
    out.partition(-k, axis=-1)
    kth_greatest = out[..., out.shape[-1] - k, np.newaxis].copy()  # `out` is about to be written
    np.greater_equal(z, kth_greatest, out=out)


def clear_missing(target, out):
    """out = 0 where the target is NaN."""
    np.copyto(out, 0, where=np.isnan(target))


def bind(kernel):
    """Bind the calls of a kernel to their operands; return a list of zero-argument callables.

    A number becomes a 0-d array with the dtype of `out`. NumPy reads that in half the time of a
    Python float, and it leaves the dtype of the result as it is.
    """
    calls = []
    for function, *operands, out in kernel:
        operands = [a if isinstance(a, np.ndarray) else np.asarray(a, out.dtype) for a in operands]
        if function in OUT_BY_KEYWORD:
            calls.append(partial(function, *operands, out=out))
        else:
            calls.append(partial(function, *operands, out))
    return calls


def spurious_ignored():
    """Return a context, or decorator, that ignores the flag of invalid numbers.

    For float32 and five columns OpenBLAS computes with uninitialised memory that it then discards.
    If that happens to look like a signalling NaN, NumPy warns, although the result is right.
    """
    return np.errstate(invalid="ignore")


def replay(calls):
    """Make bound calls, in their order."""
    for call in calls:
        call()


def run(kernel):
    """Bind the calls of a kernel and make them once."""
    replay(bind(kernel))
