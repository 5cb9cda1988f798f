"""What the tests share."""

import tracemalloc

import numpy as np
import pytest

collect_ignore = ["benchmarks"]


@pytest.fixture
def peak_memory():
    """Return a function that runs a call twice and returns the bytes that the second held.

    An iterator of NumPy's own may buffer an operand that it broadcasts, up to `getbufsize()`
    elements whatever the arrays: as few as NumPy allows here, so that arrays are what counts.
    """

    def measure(call):
        buffer_size = np.setbufsize(16)
        tracemalloc.start()
        try:
            call()
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            call()
            return tracemalloc.get_traced_memory()[1] - before
        finally:
            tracemalloc.stop()
            np.setbufsize(buffer_size)

    return measure
