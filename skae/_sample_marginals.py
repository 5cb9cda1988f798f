"""The distribution of each column of the samples, smoothed for samples that are drawn.

A value that many samples have, or far more than have its neighbours, keeps its share. The others
are spread evenly up to the middles between neighbouring values. The distribution function is kept
at some points, between which it is linear.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

N_KNOTS = 40
KEPT_SHARES = np.sort([*np.linspace(0, 1, N_KNOTS // 2 + 1), *ndtr(np.linspace(-3.2, 3.2, 20))])


@dataclass(frozen=True)
class SampleMarginals:
    """Points of the distribution function of each column: ascending `values` and `shares` below.

    A column jumps at its `atoms`, where two points have the same value, from the shares `below` to
    those `up_to` them. No sample has a share below `least`, or above 1 - `least`.
    """

    values: list
    shares: list
    atoms: list
    below: list
    up_to: list
    least: float

    def scores(self, X, rng=None):
        """Return the normal scores of samples.

        An atom has one in the middle of its jump, or random ones anywhere in it if there is a
        generator of random numbers.
        """
        result = np.empty(X.shape)
        for j, column in enumerate(X.T):
            result[:, j] = np.interp(column, self.values[j], self.shares[j])
            if len(self.atoms[j]):
                k = np.searchsorted(self.atoms[j][1:], column, side="right")
                is_atom = self.atoms[j][k] == column
                height = 0.5 if rng is None else rng.random(is_atom.sum())
                below, up_to = self.below[j][k[is_atom]], self.up_to[j][k[is_atom]]
                result[is_atom, j] = below + height * (up_to - below)
        return ndtri(np.clip(result, self.least, 1 - self.least))

    def log_slopes(self, column, j):
        """Return the log of the derivative of the normal scores of column j, without atoms."""
        values, shares = self.values[j], self.shares[j]
        k = np.clip(np.searchsorted(values, column), 1, len(values) - 1)
        slopes = (shares[k] - shares[k - 1]) / (values[k] - values[k - 1])
        shares = np.clip(np.interp(column, values, shares), self.least, 1 - self.least)
        return np.log(slopes) + 0.5 * (np.square(ndtri(shares)) + np.log(2 * np.pi))

    def quantiles(self, probabilities):
        """Return the values at probabilities, one column for each column of the samples."""
        columns = zip(probabilities.T, self.shares, self.values, strict=True)
        return np.stack([np.interp(*each) for each in columns], axis=1)


def measure_sample_marginals(X, weights):
    found = [_of_column(column, weights / weights.sum()) for column in X.T]
    return SampleMarginals(*(list(each) for each in zip(*found, strict=True)), 0.5 / len(X))


def _of_column(column, weights):
    """Return values, shares, atoms, below and up_to of a column: see `SampleMarginals`."""
    values, member = np.unique(column, return_inverse=True)
    share = np.bincount(member.ravel(), weights)
    up_to = np.minimum(np.cumsum(share), 1)
    up_to[-1] = 1
    below = np.r_[0, up_to[:-1]]
    edges = np.r_[values[0], (values[1:] + values[:-1]) / 2, values[-1]]
    at_edges = np.r_[0, up_to]
    counts = share * len(column)
    is_atom = (share > 1 / N_KNOTS) & (counts > 1.5) | _are_peaks(counts)
    is_atom |= len(values) == 1
    is_kept = np.r_[True, is_atom[1:] | is_atom[:-1], True]
    is_kept[np.searchsorted(at_edges, KEPT_SHARES)] = True
    jumps = values[is_atom]
    points = np.r_[edges[is_kept], jumps, jumps]
    shares = np.r_[at_edges[is_kept], below[is_atom], up_to[is_atom]]
    order = np.lexsort((points, shares))
    return points[order], shares[order], jumps, below[is_atom], up_to[is_atom]


def _are_peaks(counts):
    """Return which counts exceed the mean of their four neighbours by three standard errors."""
    padded = np.pad(counts, 2, mode="edge")
    means = (padded[:-4] + padded[1:-3] + padded[3:-1] + padded[4:]) / 4
    return counts > means + 3 * np.sqrt(means + 1)
