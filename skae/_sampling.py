"""Sampling: evenly spaced rows, blocks of rows, and random generators."""

import numpy as np


def evenly_spaced(n_rows, n_wanted):
    """Return the indices of at most `n_wanted` rows, evenly spaced from the first to the last."""
    return np.linspace(0, n_rows - 1, min(n_rows, n_wanted)).astype(int)


def row_slices(n_rows, n_together):
    """Return slices of n_rows rows, `n_together` in each but the last."""
    return [slice(i, min(i + n_together, n_rows)) for i in range(0, n_rows, n_together)]


def generator(random_state):
    """Make a Generator from None, an int or a RandomState; return a Generator as it is.

    None draws a seed from NumPy's global generator, as in scikit-learn: after ``np.random.seed``
    the results are reproducible.
    """
    if random_state is None:
        random_state = np.random  # its functions are the methods of the global RandomState
    if random_state is np.random or isinstance(random_state, np.random.RandomState):
        words = random_state.randint(0, 2**32, size=4, dtype=np.uint32)
        return np.random.default_rng(words)
    return np.random.default_rng(random_state)
