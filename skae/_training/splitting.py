"""Folds by the content of samples: equal samples are always in the same fold."""

from dataclasses import dataclass

import numpy as np

BLOCK_ROWS = 4096


@dataclass(frozen=True)
class FoldSplitter:
    """Assigns samples to folds by their content and a seed."""

    n_folds: int
    seed: int

    def folds(self, X):
        """Return the fold of each sample."""
        return fold_numbers(X, self.n_folds, np.random.default_rng(self.seed))


def fold_numbers(X, n_folds, rng):
    """Assign the distinct samples of X to folds of equal size, at random.

    Return an int ndarray of shape (n_samples,). Folds depend neither on the order of the samples
    nor on how often one is repeated.
    """
    distinct, group = np.unique(hash_rows(X, rng), return_inverse=True)
    return group * min(n_folds, len(distinct)) // len(distinct)


def hash_rows(X, rng):
    """Return a hash of the bits of each row: sum_j bits_j odd_j modulo 2**64, then mixed.

    The mixing is that of Steele, Lea & Flood, 2014, OOPSLA, "Fast splittable pseudorandom
    number generators", figure 14.
    """
    factors = rng.integers(2**64, size=X.shape[1], dtype=np.uint64) | np.uint64(1)
    keys = np.empty(len(X), np.uint64)
    bits = f"u{X.dtype.itemsize}"
    for start in range(0, len(X), BLOCK_ROWS):
        rows = np.ascontiguousarray(X[start : start + BLOCK_ROWS]) + 0  # -0.0 becomes 0.0
        cells = rows.view(bits).astype(np.uint64)
        cells ^= cells >> np.uint64(32)  # the low half of a double is zero for short numbers
        keys[start : start + BLOCK_ROWS] = (cells * factors).sum(axis=1)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        keys ^= keys >> np.uint64(shift)
        keys *= np.uint64(factor)
    return keys ^ (keys >> np.uint64(31))
