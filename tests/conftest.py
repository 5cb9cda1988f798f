"""What the tests share."""

from contextlib import contextmanager
from importlib.util import find_spec
import os
import sys
import tracemalloc

# Two processes share two cores, and small products gain nothing from a second thread.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import pytest

collect_ignore = ["benchmarks"]
if find_spec("polars") is None:  # it has no wheels for all Pythons
    collect_ignore.append("typed_user_code.py")


@contextmanager
def untraced():
    """Measure no coverage meanwhile: a tracer holds memory of its own."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(tracer)


@pytest.fixture
def peak_memory():
    """Return a function that runs a call and returns how many bytes it held at once.

    The first runs are to warm up, as the interpreter adapts to what it meets several times, and
    the least of the others counts: what other threads of the test runner allocate meanwhile is
    seen too.
    An iterator of NumPy's own may buffer an operand that it broadcasts, up to `getbufsize()`
    elements whatever the arrays: as few as NumPy allows here, so that arrays are what counts.
    """

    @untraced()
    def measure(call):
        buffer_size = np.setbufsize(16)
        tracemalloc.start()
        try:
            for _ in range(5):
                call()
            found = []
            for _ in range(3):
                before = tracemalloc.get_traced_memory()[0]
                tracemalloc.reset_peak()
                call()
                found.append(tracemalloc.get_traced_memory()[1] - before)
            return min(found)
        finally:
            tracemalloc.stop()
            np.setbufsize(buffer_size)

    return measure


@pytest.fixture
def two_calibration_folds(monkeypatch):
    """Let detectors calibrate by two folds instead of five or ten, where more repeat the same."""
    for name in ("N_FOLDS", "N_FOLDS_OF_SMALL"):
        monkeypatch.setattr(f"skae._outliers.calibration.{name}", 2)
