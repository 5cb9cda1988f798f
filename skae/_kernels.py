"""The calls that a step is made of: bound to their arrays once, then replayed.

A kernel is a generator. It computes nothing itself but yields its calls in order, each one
`(function, *operands, out)`, so that a step costs neither a look-up nor a branch.
"""

from functools import partial

import numpy as np

OUT_BY_NAME = (np.maximum, np.minimum)


def mark_greatest(z, k, out):
    """out = 1 where z is among the k greatest of its row, ties with the last included, else 0.

    For this NumPy has no call of its own that writes into memory that exists.
    """
    k = int(k)
    np.copyto(out, z)
    out.partition(-k, axis=-1)
    least = out[..., out.shape[-1] - k, np.newaxis].copy()  # as `out` is about to be written
    np.greater_equal(z, least, out=out)


def bind(kernel):
    """Bind the calls that a kernel yields to their operands: a list of functions of nothing.

    A number becomes an array of no dimensions with the dtype of `out`: NumPy takes that in
    half the time of a Python float, and the dtype stays what it is.
    """
    calls = []
    for function, *operands, out in kernel:
        operands = [a if isinstance(a, np.ndarray) else np.asarray(a, out.dtype) for a in operands]
        if function in OUT_BY_NAME:  # which deprecate it by position
            calls.append(partial(function, *operands, out=out))
        else:
            calls.append(partial(function, *operands, out))
    return calls


def replay(calls):
    """Make bound calls."""
    for call in calls:
        call()


def run(kernel):
    """Bind the calls of a kernel and make them, once."""
    replay(bind(kernel))
