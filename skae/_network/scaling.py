"""Centre and scale: the geometry that networks compute in, and its measurement."""

from dataclasses import dataclass
from functools import cached_property, partial
import math

import numpy as np

from skae._parallel import run_sequentially
from skae._sampling import evenly_spaced

CACHED = 2**15  # numbers in float64 that stay near the processor
MOST_WRITTEN = 2**20  # bytes of a row written out, half of what cores keep nearby
SPREAD, MOST_JOBS = 2**22, 8  # numbers from which threads take part, and the parts they take
COMPARED_ROWS, FEWEST_COMPARED = 1000, 20
USUAL = 0.75


@dataclass(frozen=True)
class Scaling:
    """(x - mean) / scale, one scale or one a column, each an array of the data's dtype."""

    mean: np.ndarray
    scale: np.ndarray

    @cached_property
    def is_identity(self):
        """Whether it leaves everything as it is."""
        return bool(np.all(self.scale == 1) and not self.mean.any())

    @cached_property
    def factor(self):
        """1 / scale: to multiply takes two thirds of the time that dividing does."""
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
        """The same for blocks of so many rows alone."""
        return Scaling(*(written_out(a, n_rows) for a in (self.mean, self.scale)))


def written_out(row, n_rows):
    """A row, or one number, as what is added to so many rows or multiplied by them.

    On short rows NumPy takes half the time where it need not begin anew at each of them. A row
    that is long enough stays what it is.
    """
    is_short = row.ndim and n_rows * row.nbytes <= MOST_WRITTEN
    return np.tile(row, (n_rows, 1)) if is_short else row


def identity_scaling(n_features, dtype):
    """The scaling that leaves everything as it is."""
    return Scaling(np.zeros(n_features, dtype), np.ones((), dtype))


def measure_scaling(X, weights, per_feature, run_jobs=run_sequentially):
    """Centre at the weighted mean; scale by the root mean square of the rest.

    One number over all features, as PCA's geometry asks, or one a feature, larger where values
    other than the usual one are rare. What does not vary is left unscaled: means are taken about
    the first row, so that equal values have exactly their own mean. `run_jobs` does jobs.
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
    """What to divide a column by where three of four rows hold one value, else zero.

    The standard deviation d says how often the others are met, rather than how large they
    are: met in a share p of the rows, their squared distance from the usual value has a
    mean of about d**2 / p. After division by the result that mean is -2 log(p), at which a
    normal density has fallen to a share p of its height.
    """
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    middle = order[np.searchsorted(reached, reached[-1] / 2)]
    rare = values != values[middle]
    share = weights[rare].sum() / reached[-1]
    if not 0 < share <= 1 - USUAL:
        return 0.0
    distances = values[rare].astype(np.float64) - values[middle]
    mean = weights[rare] @ np.square(distances) / weights[rare].sum()
    return math.sqrt(mean / (-2 * math.log(share)))


def _column_means(X, weights, center, power, run_jobs=run_sequentially):
    """Weighted mean over the rows of (X - center) to a power, in float64, block by block.

    Of many numbers `run_jobs` is given some blocks at a time, always the same ones.
    """
    n_rows = min(max(CACHED // X.shape[1], 1), len(X))
    n_jobs = MOST_JOBS if X.size > SPREAD else 1
    n_rows_of_job = n_rows * math.ceil(len(X) / (n_rows * n_jobs))
    starts = range(0, len(X), n_rows_of_job)
    totals = np.zeros((len(starts), X.shape[1]))

    def add_up(total, start):
        room = np.empty((n_rows, X.shape[1]))
        for first in range(start, min(start + n_rows_of_job, len(X)), n_rows):
            block = X[first : first + n_rows]
            rest = room[: len(block)]
            np.subtract(block, center, out=rest)
            if power == 2:
                np.multiply(rest, rest, out=rest)
            total += weights[first : first + len(block)] @ rest

    run_jobs([partial(add_up, *job) for job in zip(totals, starts)])
    return totals.sum(axis=0) / weights.sum()


def columns_on_another_scale(X, other):
    """Numbers of the columns in which rows are elsewhere, or spread otherwise, than those of X.

    The middle half of the one is set against the middle nine tenths of the other: it lies
    beyond them by a quarter of their width, or is half as wide again as they are. Rows drawn
    alike are hardly ever so, whatever they are drawn from. None where less than a quarter of
    the columns that vary are, or where one side has less than 20 rows.
    """
    if min(len(X), len(other)) < FEWEST_COMPARED:
        return np.arange(0)
    low, lower, upper, high = _quantiles(X)
    other_low, other_lower, other_upper, other_high = _quantiles(other)
    with np.errstate(over="ignore", invalid="ignore"):
        width, other_width = high - low, other_high - other_low
        beyond = (other_lower > high + width / 4) | (other_upper < low - width / 4)
        wider = other_upper - other_lower > 1.5 * width
        narrower = (upper - lower > 1.5 * other_width) & (other_width > 0)
    varied = width > 0
    found = np.flatnonzero(varied & (beyond | wider | narrower))
    return found if 4 * len(found) >= varied.sum() else found[:0]


def _quantiles(X):
    """The ends of the middle nine tenths of each column, and between them those of its half."""
    chosen = evenly_spaced(len(X), COMPARED_ROWS)
    return np.quantile(X[chosen], [0.05, 0.25, 0.75, 0.95], axis=0)
