"""Rows for tests on what PCA leaves: they lie on a curved surface."""

import numpy as np


def curved_rows(n_rows, noise=0, seed=0):
    """Rows on a curved surface in five of eight dimensions, with noise in all eight."""
    rng = np.random.default_rng(seed)
    t = rng.uniform(-1, 1, (n_rows, 2))
    X = np.column_stack([t, t**2, np.sin(3 * t[:, :1] + t[:, 1:])])
    X = X @ np.random.default_rng(1).normal(size=(5, 8))
    return X + noise * rng.normal(size=X.shape)
