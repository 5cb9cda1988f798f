"""The values that each column of the training samples can take, for samples that are drawn."""

import numpy as np

from skae._sampling import evenly_spaced
from skae._sparse import is_sparse

COUNTED_ROWS, FEW_ROWS = 4096, 64
MAX_VALUES = 1024  # of a discrete column
MIN_REPEATS = 2  # samples for each value of a discrete column, on average
MAX_DECIMALS = 6  # of a column that is rounded


def measure_column_values(X):
    """Return a plain dict: "range", ndarray of shape (2, n_features), and "values" of each column.

    The values of a column are those that it takes if it is discrete: each occurs twice or more on
    average. If it takes more values, they are the number of decimals to which all are rounded,
    0 for integers, or None if there are more than six.
    """
    sample, least_decimals = X[evenly_spaced(len(X), COUNTED_ROWS)], np.zeros(X.shape[1], int)
    extremes = np.stack([X.min(axis=0), X.max(axis=0)])
    if is_sparse(X):
        csc = sample.csr.tocsc()
        entries = np.split(csc.data, csc.indptr[1:-1])
        zero = np.zeros(1, X.dtype)
        columns = [e if len(e) == len(sample) else np.append(zero, e) for e in entries]
    else:
        columns, least_decimals = np.ascontiguousarray(sample.T), _decimals(sample[:FEW_ROWS])
    values = [_values(column, len(sample), n) for column, n in zip(columns, least_decimals)]
    return {"range": extremes, "values": values}


def _decimals(X):
    """Return the number of decimals to which each column is rounded, more than six if to none."""
    decimals = np.full(X.shape[1], MAX_DECIMALS + 1)
    for n in reversed(range(MAX_DECIMALS + 1)):
        decimals[(np.round(X, n) == X).all(axis=0)] = n
    return decimals


def _values(column, n_rows, least_decimals):
    """Return the values of a discrete column of n_rows samples, its decimals, or None.

    Of equal values `column` may hold only one. It has at least `least_decimals`.
    """
    n_most = min(MAX_VALUES, n_rows / MIN_REPEATS)
    # A part that has too many distinct values already spares a continuous column the long sort.
    if len(np.unique(column[: 2 * MAX_VALUES])) <= n_most:
        distinct = np.unique(column)
        if len(distinct) <= n_most:
            return distinct
    decimals = range(least_decimals, MAX_DECIMALS + 1)
    return next((n for n in decimals if np.array_equal(np.round(column, n), column)), None)


def restore_column_values(X, column_values):
    """Move samples into the range of each column, to its nearest value, or round them as it is."""
    lowest, highest = column_values["range"]
    np.clip(X, lowest, highest, out=X)
    for j, values in enumerate(column_values["values"]):
        if isinstance(values, str):  # "integers", in files of 0.3.0
            values = 0
        if isinstance(values, int):
            np.round(X[:, j], values, out=X[:, j])
        elif values is not None:
            middles = (values[1:] + values[:-1]) / 2
            X[:, j] = values[np.searchsorted(middles, X[:, j])]
