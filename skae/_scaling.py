"""Centre and scale: the geometry that networks compute in, and its measurement."""

from dataclasses import dataclass
import math

import numpy as np

BLOCK = 4096


@dataclass(frozen=True)
class Scaling:
    """(x - mean) / scale, one scale or one a column, each an array of the data's dtype."""

    mean: np.ndarray
    scale: np.ndarray

    def apply(self, X, out):
        """out = (X - mean) / scale."""
        np.subtract(X, self.mean, out=out)
        out /= self.scale

    def undo(self, X):
        """X = X scale + mean, in place."""
        X *= self.scale
        X += self.mean


def identity_scaling(n_features, dtype):
    """The scaling that leaves everything as it is."""
    return Scaling(np.zeros(n_features, dtype), np.ones((), dtype))


def measure_scaling(X, weights, per_feature):
    """Centre at the weighted mean; scale by the root mean square of the rest.

    One number over all features, as PCA's geometry asks, or one a feature. What does not
    vary is left unscaled: means are taken about the first row, so that equal values have
    exactly their own mean.
    """
    first = X[0].astype(np.float64)
    mean = first + _column_means(X, weights, lambda rows: rows - first)
    variance = _column_means(X, weights, lambda rows: (rows - mean) ** 2)
    rounding = 10 * np.finfo(X.dtype).eps * np.abs(mean)
    least = np.maximum(rounding, np.finfo(X.dtype).tiny)
    constant = np.sqrt(variance) <= least
    variance = np.where(constant, 0.0, variance)
    if per_feature:
        scale = np.where(constant, 1.0, np.sqrt(variance))
    else:
        scale = np.asarray(math.sqrt(variance.mean()) or 1.0)
    return Scaling(mean.astype(X.dtype), scale.astype(X.dtype))


def _column_means(X, weights, function):
    """Weighted mean over the rows of a function of X, in float64, block by block."""
    total = np.zeros(X.shape[1])
    for start in range(0, len(X), BLOCK):
        rows = function(X[start : start + BLOCK].astype(np.float64))
        total += weights[start : start + BLOCK] @ rows
    return total / weights.sum()
