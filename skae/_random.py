"""random_state -> Generator."""

import numpy as np


def generator(random_state):
    """Make a Generator from None, an int, a RandomState or a Generator (returned as it is).

    The global random state is neither read nor written: None asks the operating system.
    """
    if isinstance(random_state, np.random.RandomState):
        words = random_state.randint(0, 2**32, size=4, dtype=np.uint32)
        return np.random.default_rng(words)
    return np.random.default_rng(random_state)
