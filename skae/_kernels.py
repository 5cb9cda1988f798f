"""Kernels: the NumPy calls of a step, bound to their arrays once and replayed in every step.

A kernel is a generator. It computes nothing itself but yields its calls in order, each one as
`(function, *operands, out)`. Replaying them saves the look-ups and branches of a loop.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

RULE = "It must yield calls, tuples (function, *operands, out), such as `yield np.tanh, z, z`."
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


def check_kernel(method, *given):
    """Raise TypeError unless a kernel of a user yields calls on the arrays that it is given.

    It runs twice, on other values: operands that it has computed from these then differ. If it
    raises an error, it may do so in training, and nothing is checked.
    """
    runs, arrays = [], [a for a in given if isinstance(a, np.ndarray)]
    where = f"{type(method.__self__).__name__}.{method.__name__}"
    for seed in range(2):
        rng = np.random.default_rng(seed)
        for array in arrays:
            array[...] = rng.uniform(0.1, 0.9, array.shape)
        try:
            with np.errstate(all="ignore"):
                kernel = method(*given)
                runs.append([*kernel] if isinstance(kernel, Iterator) else None)
        except Exception:
            return
        if runs[-1] is None:
            raise TypeError(f"{where} returns a {type(kernel).__name__!r}. {RULE}")
    for call, again in zip(*runs):
        function = call[0] if isinstance(call, tuple) else None
        n_operands = len(call) - 2
        if not callable(function) or n_operands < getattr(function, "nin", 0):
            found = f"{function} with {n_operands} operands and out"
            found = found if function else f"a {type(call).__name__!r}"
            raise TypeError(f"{where} yields {found}. {RULE}")
        for operand, other in zip(call[1:-1], again[1:-1]):
            is_view = any(np.may_share_memory(operand, array) for array in arrays)
            if not (is_view or np.array_equal(operand, other)):
                raise TypeError(
                    f"{where} yields {function} with an operand that it has computed from its "
                    "arrays. That is done only once, before there are values in them: yield a call "
                    f"for each operation. {RULE}"
                )
        arrays += call[-1], again[-1]  # which it may have made
