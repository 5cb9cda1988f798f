"""Some of many rows, to measure what does not need them all."""

import numpy as np


def evenly_spaced(n_rows, n_wanted):
    """Numbers of `n_wanted` of the rows, the first and the last among them, or of all rows."""
    return np.linspace(0, n_rows - 1, min(n_rows, n_wanted)).astype(int)
