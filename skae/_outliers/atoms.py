"""Atoms: samples that occur again and again, because the law of the samples is discrete there."""

from dataclasses import dataclass

import numpy as np

from skae._training.splitting import is_repeated_table

MIN_COPIES = 5
MAX_VALUE_SHARE = 0.5  # of the distinct samples, for a column with few values


@dataclass(frozen=True)
class Copies:
    """What the copies of samples say about the law: `counts` holds how often each occurs in X.

    `is_discrete` says that all columns have few values, so that new samples will repeat some of
    these by chance. If the numbers of copies vary less than by chance, a table has probably been
    repeated: then new samples will not be copies of these.
    """

    counts: np.ndarray
    is_repeated: bool
    is_discrete: bool

    @property
    def is_atom(self):
        """Return which samples occur so often that new ones will equal them as often."""
        return (self.counts >= MIN_COPIES) & (not self.is_repeated)


def count_copies(X):
    row = np.dtype((np.void, X.dtype.itemsize * X.shape[1]))
    rows = np.ascontiguousarray(X + 0.0).view(row).ravel()  # there are two zeros, but not now
    _, first, member, counts = np.unique(
        rows, return_index=True, return_inverse=True, return_counts=True
    )
    is_repeated = is_repeated_table(counts[counts >= MIN_COPIES])
    is_discrete = len(first) < len(X) and not is_repeated
    is_discrete = is_discrete and all(_has_few_values(column) for column in X[first].T)
    return Copies(counts[member.ravel()], is_repeated, is_discrete)


def _has_few_values(column):
    return len(np.unique(column)) <= MAX_VALUE_SHARE * len(column)
