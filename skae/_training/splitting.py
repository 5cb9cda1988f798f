"""Rows known by what they hold: copies merged, and never on both sides of a split."""

import numpy as np

BLOCK = 4096


def merge_equal_rows(X, weights, X_clean):
    """Sort the rows and merge equal ones, their weights added; the same for X_clean.

    Whoever learns from the result cannot tell the order of the rows, nor a weight of two
    from a row given twice: not even by a rounding error.
    """
    both = X if X_clean is None else np.hstack([X, X_clean])
    distinct, group = np.unique(both, axis=0, return_inverse=True)
    weights = np.bincount(group.ravel(), weights=weights)
    n_features = X.shape[1]
    if X_clean is not None:
        X_clean = np.ascontiguousarray(distinct[:, n_features:])
    return np.ascontiguousarray(distinct[:, :n_features]), weights, X_clean


def fold_numbers(X, n_folds, rng):
    """Deal the distinct rows of X to folds of equal size, at random.

    Return an int ndarray of shape (n_rows,). A row's fold depends on the values of the rows
    alone, so neither on their order nor on how often one is repeated.
    """
    distinct, group = np.unique(hash_rows(X, rng), return_inverse=True)
    return group * min(n_folds, len(distinct)) // len(distinct)


def hash_rows(X, rng):
    """Hash the bits of each row: sum_j bits_j odd_j modulo 2**64, then mixed.

    The mixing is that of Steele, Lea & Flood, 2014, OOPSLA, "Fast splittable pseudorandom
    number generators", figure 14.
    """
    factors = rng.integers(2**64, size=X.shape[1], dtype=np.uint64) | np.uint64(1)
    keys = np.empty(len(X), np.uint64)
    bits = f"u{X.dtype.itemsize}"
    for start in range(0, len(X), BLOCK):
        rows = np.ascontiguousarray(X[start : start + BLOCK]) + 0  # -0.0 becomes 0.0
        cells = rows.view(bits).astype(np.uint64)
        cells ^= cells >> np.uint64(32)  # short numbers leave the low half of a double empty
        keys[start : start + BLOCK] = (cells * factors).sum(axis=1)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        keys ^= keys >> np.uint64(shift)
        keys *= np.uint64(factor)
    return keys ^ (keys >> np.uint64(31))
