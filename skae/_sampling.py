"""Choices of samples, and the random numbers behind them."""

import numpy as np


def evenly_spaced(n_rows, n_wanted):
    """Return the numbers of `n_wanted` of the rows, first and last among them, or of all rows."""
    return np.linspace(0, n_rows - 1, min(n_rows, n_wanted)).astype(int)


def generator(random_state):
    """Make a Generator from None, an int, a RandomState or a Generator (returned as it is).

    The global random state is neither read nor written: None asks the operating system.
    """
    if isinstance(random_state, np.random.RandomState):
        words = random_state.randint(0, 2**32, size=4, dtype=np.uint32)
        return np.random.default_rng(words)
    return np.random.default_rng(random_state)
