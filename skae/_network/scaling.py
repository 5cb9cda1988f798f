"""Scalings: the centre and the scale of the data that networks compute with."""

from dataclasses import dataclass
from functools import cached_property, partial
import math

import numpy as np

from skae._parallel import run_sequentially
from skae._parametrized import warn
from skae._sampling import evenly_spaced
from skae._sparse import column_blocks, column_means, is_sparse

CACHED_NUMBERS = 2**15  # float64 numbers of a block, which fit into the processor's cache
MAX_REPEATED_BYTES = 2**20  # of a repeated row: half of a core's cache
MIN_SHARED_NUMBERS, MAX_JOBS = 2**22, 8  # larger data are summed in jobs
MAX_SORTED_NUMBERS = 2**18  # of columns that are sorted at once
COMPARED_ROWS, MIN_COMPARED_ROWS = 1000, 20
MAX_LISTED = 5  # names in a message
MIN_USUAL_SHARE = 0.75  # of the samples with the same value; other values are then rare
# Of the machine epsilon: the error of PCA, in standard deviations, that counts as rounding. It is
# 1e-11 in float64, as the directions of a covariance that is nearly singular are inexact.
ROUNDING_POWER = 0.7


@dataclass(frozen=True)
class Scaling:
    """(x - mean) / scale, with one scale or one for each column, in the dtype of the data."""

    mean: np.ndarray
    scale: np.ndarray

    @cached_property
    def is_identity(self):
        return bool(np.all(self.scale == 1) and not self.mean.any())

    @cached_property
    def factor(self):
        """Return 1 / scale: to multiply takes two thirds of the time of dividing."""
        return 1 / self.scale

    def apply(self, X, out):
        """out = (X - mean) factor."""
        np.subtract(X, self.mean, out=out)
        out *= self.factor

    def scaled(self, X, dtype=None):
        """Return (X - mean) factor, a new array of this dtype, by default that of X."""
        result = np.empty(X.shape, dtype or X.dtype)
        self.apply(X, result)
        return result

    def undo(self, X):
        """X = X scale + mean, in place."""
        X *= self.scale
        X += self.mean

    def repeated(self, n_rows):
        """Return the same scaling for blocks of exactly n_rows rows, which is faster."""
        return Scaling(*(repeat_if_short(a, n_rows) for a in (self.mean, self.scale)))


def repeat_if_short(row, n_rows):
    """Return a short row repeated n_rows times; return a long one, or a number, as it is.

    NumPy takes half the time for a full array than for a short row that it broadcasts.
    """
    is_short = row.ndim and n_rows * row.nbytes <= MAX_REPEATED_BYTES
    return np.tile(row, (n_rows, 1)) if is_short else row


def identity_scaling(n_features, dtype):
    return Scaling(np.zeros(n_features, dtype), np.ones((), dtype))


def measure_scaling(X, weights, per_feature, run_jobs=run_sequentially):
    """Return the scaling to the weighted mean and the root mean square of the centred samples.

    The scale is one number for all features, which keeps the directions of PCA, or one for each
    feature. The latter is larger for features with rare values, and at least their rounding error.
    Constant features are not scaled. Means are taken about the first sample, so that the mean of
    equal values is exact.
    """
    first = X[0].astype(np.float64)
    mean = first + _column_means(X, weights, first, power=1, run_jobs=run_jobs)
    variance = _column_means(X, weights, mean, power=2, run_jobs=run_jobs)
    rounding = 10 * np.finfo(X.dtype).eps * np.abs(mean)
    is_constant = np.sqrt(variance) <= np.maximum(rounding, np.finfo(X.dtype).tiny)
    variance = np.where(is_constant, 0.0, variance)
    if per_feature and is_sparse(X):
        scale = np.where(is_constant, 1.0, np.sqrt(variance))
    elif per_feature:
        scale = _by_columns(_scales_of_rare_values, X, weights)
        scale = np.maximum(np.maximum(np.sqrt(variance), scale), rounding_errors(X, weights))
        scale = np.where(is_constant, 1.0, scale)
    else:
        scale = np.asarray(math.sqrt(variance.mean()) or 1.0)
    return Scaling(mean.astype(X.dtype), scale.astype(X.dtype))


def widened(scaling, spread):
    """Return the scaling of samples whose covariance grows by `spread`."""
    variances = np.diag(spread)
    added = variances if scaling.scale.ndim else variances.mean()
    dtype = scaling.scale.dtype
    return Scaling(scaling.mean, np.sqrt(np.square(scaling.scale) + added).astype(dtype))


def spread_out(X, weights, spread):
    """Return samples and weights with further samples that add `spread` to their covariance.

    The result is up to a factor: it has twice the weight, and half the sum of the covariances.
    """
    n_features = X.shape[1]
    mean = np.average(X, axis=0, weights=weights)
    values, directions = np.linalg.eigh(spread)
    steps = np.sqrt(np.maximum(values, 0) * n_features)[:, None] * directions.T
    further = np.concatenate([mean + steps, mean - steps]).astype(X.dtype)
    shares = np.full(2 * n_features, weights.sum() / (2 * n_features))
    return np.concatenate([X, further]), np.concatenate([weights, shares])


def _scales_of_rare_values(X, weights):
    """Return scales of columns in which three of four samples share one value, else zero.

    The standard deviation would depend on how rare the other values are: see the user guide on
    outliers.
    """
    order = np.argsort(X, axis=0)
    cumulative = np.cumsum(weights[order], axis=0)
    middle = np.argmax(cumulative >= cumulative[-1] / 2, axis=0)[None]
    usual = np.take_along_axis(X, np.take_along_axis(order, middle, axis=0), axis=0)[0]
    shares = weights @ (usual != X) / cumulative[-1]
    result = np.zeros(X.shape[1])
    for j in np.flatnonzero((shares > 0) & (shares <= 1 - MIN_USUAL_SHARE)):
        is_rare = X[:, j] != usual[j]
        distances = X[is_rare, j].astype(np.float64) - usual[j]
        mean_square = weights[is_rare] @ np.square(distances) / weights[is_rare].sum()
        result[j] = math.sqrt(mean_square / (-2 * math.log(shares[j])))
    return result


def rounding_error(dtype):
    """Return the largest difference that counts as a rounding error, in standard deviations."""
    return float(np.finfo(dtype).eps ** ROUNDING_POWER)


def divisors(deviations, dtype):
    """Return the standard deviations of columns, 1 for those that are rounding errors."""
    least = rounding_error(dtype) * deviations.max(initial=0)
    return np.where(deviations > least, deviations, 1)


def rounding_errors(X, weights, rows=None):
    """Return the standard deviation of the rounding of each column, zero if it is constant.

    `rows` are the numbers of the samples that have these weights, by default all. Those of weight
    zero do not count. Values that are rounded to steps of h differ from the true ones by h /
    sqrt(12) on average. The step is the median distance of successive distinct values.
    """
    if not weights.all():
        present = np.flatnonzero(weights > 0)
        rows = present if rows is None else rows[present]
    return _by_columns(_median_steps, X, rows) / math.sqrt(12)


def _median_steps(X, rows=None):
    X = X if rows is None else X[rows]
    steps = np.diff(np.sort(X, axis=0).astype(np.float64), axis=0)
    steps.sort(axis=0)
    n_equal = (steps == 0).sum(axis=0)
    middle = np.minimum(n_equal + (len(steps) - n_equal - 1) // 2, len(steps) - 1)
    if not len(steps):
        return np.zeros(X.shape[1])
    return np.take_along_axis(steps, middle[None], axis=0)[0]


def _by_columns(function, X, *arguments):
    """Return the numbers that a function returns for columns, a few of them at a time."""
    n_columns = max(MAX_SORTED_NUMBERS // len(X), 1)
    starts = range(0, X.shape[1], n_columns)
    return np.concatenate([function(X[:, i : i + n_columns], *arguments) for i in starts])


def _column_means(X, weights, center, power, run_jobs=run_sequentially):
    """Return the weighted column means of (X - center)**power, in float64, block by block.

    Large data are summed in jobs.
    """
    if is_sparse(X):
        return column_means(X, weights, center, power)
    n_rows = min(max(CACHED_NUMBERS // X.shape[1], 1), len(X))
    n_jobs = MAX_JOBS if X.size > MIN_SHARED_NUMBERS else 1
    job_rows = n_rows * math.ceil(len(X) / (n_rows * n_jobs))
    starts = range(0, len(X), job_rows)
    totals = np.zeros((len(starts), X.shape[1]))

    def add_up(total, start):
        powers = np.empty((n_rows, X.shape[1]))
        for first in range(start, min(start + job_rows, len(X)), n_rows):
            block = X[first : first + n_rows]
            block_powers = powers[: len(block)]
            np.subtract(block, center, out=block_powers)
            if power == 2:
                np.multiply(block_powers, block_powers, out=block_powers)
            total += weights[first : first + len(block)] @ block_powers

    run_jobs([partial(add_up, *job) for job in zip(totals, starts)])
    return totals.sum(axis=0) / weights.sum()


def columns_on_another_scale(X, other):
    """Return the columns in which `other` seems to be on another scale than X.

    The middle half of one lies outside of the middle nine tenths of the other by a quarter of their
    width, or is 1.5 times as wide: samples of the same distribution hardly ever differ so much.
    None are returned if they are fewer than a quarter of the columns that vary, or if there are
    fewer than 20 samples.
    """
    if min(len(X), len(other)) < MIN_COMPARED_ROWS:
        return np.arange(0)
    quantiles = column_quantiles(X)
    columns = np.flatnonzero(are_on_another_scale(quantiles, column_quantiles(other)))
    n_varying = np.sum(quantiles[3] > quantiles[0])
    return columns if 4 * len(columns) >= n_varying else columns[:0]


def are_on_another_scale(quantiles, others):
    """Return for each column whether other quantiles show another level or scale."""
    low, lower, upper, high = quantiles
    other_low, other_lower, other_upper, other_high = others
    with np.errstate(over="ignore", invalid="ignore"):
        width, other_width = high - low, other_high - other_low
        beyond = (other_lower > high + width / 4) | (other_upper < low - width / 4)
        wider = other_upper - other_lower > 1.5 * width
        narrower = (upper - lower > 1.5 * other_width) & (other_width > 0)
    return (width > 0) & (beyond | wider | narrower)


def warn_of_another_scale(X_val, X, names):
    columns = columns_on_another_scale(X, X_val)
    if not len(columns):
        return
    named = listed([str(name) for name in names[columns]])
    warn(
        f"X_val is on another scale than X in {len(columns)} of {X.shape[1]} features: "
        f"{named}. Transform X_val in the same way as X; a Pipeline does so only with "
        'transform_input=["X_val"].',
    )


def listed(texts, separator=", "):
    more = f" and {len(texts) - MAX_LISTED} more" if len(texts) > MAX_LISTED else ""
    return separator.join(texts[:MAX_LISTED]) + more


def column_quantiles(X):
    """Return the quantiles that bound the middle nine tenths and the middle half of each column.

    The order is 5 %, 25 %, 75 %, 95 %.
    """
    X, shares = X[evenly_spaced(len(X), COMPARED_ROWS)], [0.05, 0.25, 0.75, 0.95]
    blocks = [np.quantile(block, shares, axis=0) for _, block in column_blocks(X)]
    return np.concatenate(blocks, axis=1)
