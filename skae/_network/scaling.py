"""Centre and scale: the geometry that networks compute in, and its measurement."""

from dataclasses import dataclass
from functools import cached_property, partial
import math

import numpy as np

from skae._parallel import run_sequentially
from skae._sampling import evenly_spaced

CACHED_NUMBERS = 2**15  # in float64, that stay in the processor's cache
MAX_REPEATED_BYTES = 2**20  # of a row written out, half of a core's cache
MIN_SHARED_NUMBERS, MAX_JOBS = 2**22, 8  # from which threads take part, and their jobs
COMPARED_ROWS, MIN_COMPARED_ROWS = 1000, 20
USUAL_SHARE = 0.75  # of the samples that hold one value, from which the others are rare


@dataclass(frozen=True)
class Scaling:
    """(x - mean) / scale, one scale or one a column, each an array of the data's dtype."""

    mean: np.ndarray
    scale: np.ndarray

    @cached_property
    def is_identity(self):
        """Return whether it leaves everything as it is."""
        return bool(np.all(self.scale == 1) and not self.mean.any())

    @cached_property
    def factor(self):
        """Return 1 / scale: multiplying takes two thirds of the time of dividing."""
        return 1 / self.scale

    def apply(self, X, out):
        """out = (X - mean) factor."""
        np.subtract(X, self.mean, out=out)
        out *= self.factor

    def undo(self, X):
        """X = X scale + mean, in place."""
        X *= self.scale
        X += self.mean

    def written_out(self, n_rows):
        """Return the same scaling for blocks of exactly n_rows rows."""
        return Scaling(*(written_out(a, n_rows) for a in (self.mean, self.scale)))


def written_out(row, n_rows):
    """Repeat a short row n_rows times; leave a long one, or a number, to broadcasting.

    On short rows NumPy takes half the time if it need not start again at each of them.
    """
    is_short = row.ndim and n_rows * row.nbytes <= MAX_REPEATED_BYTES
    return np.tile(row, (n_rows, 1)) if is_short else row


def identity_scaling(n_features, dtype):
    """Return the scaling that leaves everything as it is."""
    return Scaling(np.zeros(n_features, dtype), np.ones((), dtype))


def measure_scaling(X, weights, per_feature, run_jobs=run_sequentially):
    """Centre at the weighted mean; scale by the root mean square of the centred samples.

    The scale is one number over all features, as PCA's geometry asks, or one a feature, larger
    where values other than the usual one are rare. Constant features are left unscaled. Means
    are taken about the first sample, so that equal values have exactly their own mean.
    """
    first = X[0].astype(np.float64)
    mean = first + _column_means(X, weights, first, power=1, run_jobs=run_jobs)
    variance = _column_means(X, weights, mean, power=2, run_jobs=run_jobs)
    rounding = 10 * np.finfo(X.dtype).eps * np.abs(mean)
    least = np.maximum(rounding, np.finfo(X.dtype).tiny)
    constant = np.sqrt(variance) <= least
    variance = np.where(constant, 0.0, variance)
    if per_feature:
        spread = [_spread_of_rare_values(column, weights) for column in X.T]
        scale = np.where(constant, 1.0, np.maximum(np.sqrt(variance), spread))
    else:
        scale = np.asarray(math.sqrt(variance.mean()) or 1.0)
    return Scaling(mean.astype(X.dtype), scale.astype(X.dtype))


def _spread_of_rare_values(values, weights):
    """Return the scale of a column where three of four samples hold one value, else zero.

    The standard deviation d tells how rare the other values are rather than how large: if a
    share p of the samples holds them, their mean squared distance from the usual value is about
    d**2 / p. After division by the result that mean is -2 log(p), at which a normal density has
    fallen to a share p of its height.
    """
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    middle = order[np.searchsorted(reached, reached[-1] / 2)]
    rare = values != values[middle]
    share = weights[rare].sum() / reached[-1]
    if not 0 < share <= 1 - USUAL_SHARE:
        return 0.0
    distances = values[rare].astype(np.float64) - values[middle]
    mean = weights[rare] @ np.square(distances) / weights[rare].sum()
    return math.sqrt(mean / (-2 * math.log(share)))


def _column_means(X, weights, center, power, run_jobs=run_sequentially):
    """Return the weighted column means of (X - center) to a power, in float64, block by block.

    Large data are cut into jobs, the same ones whatever the number of threads.
    """
    n_rows = min(max(CACHED_NUMBERS // X.shape[1], 1), len(X))
    n_jobs = MAX_JOBS if X.size > MIN_SHARED_NUMBERS else 1
    n_rows_of_job = n_rows * math.ceil(len(X) / (n_rows * n_jobs))
    starts = range(0, len(X), n_rows_of_job)
    totals = np.zeros((len(starts), X.shape[1]))

    def add_up(total, start):
        powers = np.empty((n_rows, X.shape[1]))
        for first in range(start, min(start + n_rows_of_job, len(X)), n_rows):
            block = X[first : first + n_rows]
            power_of_block = powers[: len(block)]
            np.subtract(block, center, out=power_of_block)
            if power == 2:
                np.multiply(power_of_block, power_of_block, out=power_of_block)
            total += weights[first : first + len(block)] @ power_of_block

    run_jobs([partial(add_up, *job) for job in zip(totals, starts)])
    return totals.sum(axis=0) / weights.sum()


def columns_on_another_scale(X, other):
    """Return the columns in which `other` seems to be on another scale than X.

    The middle half of one is compared with the middle nine tenths of the other: it lies beyond
    them by a quarter of their width, or is half as wide again. Samples of one law hardly ever
    differ so much, whatever the law. Fewer than a quarter of the varying columns count as none,
    as do differences of fewer than 20 samples.
    """
    if min(len(X), len(other)) < MIN_COMPARED_ROWS:
        return np.arange(0)
    low, lower, upper, high = _quantiles(X)
    other_low, other_lower, other_upper, other_high = _quantiles(other)
    with np.errstate(over="ignore", invalid="ignore"):
        width, other_width = high - low, other_high - other_low
        beyond = (other_lower > high + width / 4) | (other_upper < low - width / 4)
        wider = other_upper - other_lower > 1.5 * width
        narrower = (upper - lower > 1.5 * other_width) & (other_width > 0)
    varied = width > 0
    columns = np.flatnonzero(varied & (beyond | wider | narrower))
    return columns if 4 * len(columns) >= varied.sum() else columns[:0]


def _quantiles(X):
    """Return the quantiles that bound the middle nine tenths and the middle half of each column."""
    chosen = evenly_spaced(len(X), COMPARED_ROWS)
    return np.quantile(X[chosen], [0.05, 0.25, 0.75, 0.95], axis=0)
