"""The distribution of each column of the samples, and its normal scores.

A value with the shares p below it and q up to it has the normal score N^-1((p + q) / 2). For a
continuous column this is the transformation behind the Gaussian copula; a value that many samples
have gets one score in the middle of its share.
"""

from dataclasses import asdict, dataclass

import numpy as np
from scipy.special import ndtr, ndtri

MAX_KNOTS = 85  # values that are kept of a column: at even shares, and at even normal scores
KEPT_SHARES = np.sort([*np.linspace(0, 1, 36), *ndtr(np.linspace(-3.2, 3.2, 49))])


@dataclass(frozen=True)
class Marginals:
    """Ascending values of each column, the share of the samples below and up to each of them.

    The two are equal, in the middle of the share, but for values that many samples have.
    """

    values: list
    below: list
    up_to: list

    asdict = asdict

    def scores(self, X):
        """Return the normal scores of samples; values between those that are kept lie between."""
        result = np.empty(X.shape)
        for j, column in enumerate(X.T):
            values, below, up_to = self.values[j], self.below[j], self.up_to[j]
            k = np.clip(np.searchsorted(values, column), 0, len(values) - 1)
            result[:, j] = np.where(
                values[k] == column, (below + up_to)[k] / 2, self._between(column, j, k)
            )
        return ndtri(result)

    def _between(self, column, j, k):
        """Return the shares below values of column j, the next of which that is kept is k."""
        values, before = self.values[j], np.maximum(k - 1, 0)
        rise = self.below[j][k] - self.up_to[j][before]
        gap = values[k] - values[before]
        part = np.clip((column - values[before]) / np.where(gap > 0, gap, 1), 0, 1)
        return self.up_to[j][before] + part * rise

    def log_slopes(self, column, j):
        """Return the log of the derivative of the normal scores of column j, which has no ties."""
        values, shares = self.values[j], (self.below[j] + self.up_to[j]) / 2
        k = np.clip(np.searchsorted(values, column), 1, len(values) - 1)
        slopes = (shares[k] - shares[k - 1]) / (values[k] - values[k - 1])
        score = ndtri(np.interp(column, values, shares))
        return np.log(slopes) + 0.5 * (np.square(score) + np.log(2 * np.pi))

    def quantiles(self, probabilities):
        """Return the values at probabilities, one column for each column of the samples."""
        result = np.empty(probabilities.shape)
        for j, (values, below, up_to) in enumerate(zip(self.values, self.below, self.up_to)):
            ends = np.stack([below, up_to], axis=1).ravel()
            result[:, j] = np.interp(probabilities[:, j], ends, np.repeat(values, 2))
        return result


def measure_marginals(X, weights):
    """Return the Marginals of samples."""
    return Marginals(*(list(each) for each in zip(*(_of_column(x, weights) for x in X.T))))


def _of_column(column, weights):
    """Return the values of a column that are kept, and the shares below and up to them."""
    values, member = np.unique(column, return_inverse=True)
    shares = np.bincount(member.ravel(), weights) / weights.sum()
    up_to = np.minimum(np.cumsum(shares), 1)
    below = np.maximum(up_to - shares, 0)
    if len(values) > MAX_KNOTS:
        found = np.searchsorted(up_to, KEPT_SHARES)
        kept = np.unique(np.minimum(found, len(values) - 1))
        values, below, up_to, shares = values[kept], below[kept], up_to[kept], shares[kept]
    is_rare = shares <= max(1 / MAX_KNOTS, 1.5 / len(column))
    middle = (below + up_to) / 2
    below, up_to = np.where(is_rare, middle, below), np.where(is_rare, middle, up_to)
    return values.astype(np.float64), below, up_to
