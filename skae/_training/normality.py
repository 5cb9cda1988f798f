"""Whether samples can be told from normally distributed ones, for which PCA is optimal.

A network has nothing to learn beyond PCA where skewness and kurtosis are those of a normal
distribution.
"""

import math

import numpy as np

from skae._sampling import evenly_spaced

MIN_ROWS, MAX_ROWS = 200, 10_000  # with fewer rows the tests have little power
MAX_DEVIATION, MAX_COLUMN_DEVIATION = 3.0, 5.0  # standard deviations of the statistics
WINDOW, STEP = 16, 8  # principal components that are tested together
N_AROUND = 4  # principal components on each side of the last one of the code
MIN_RELATIVE_VARIANCE = 1e-10


def are_normal(X, n_components):
    """Return whether samples cannot be told from normally distributed ones, by many statistics.

    Columns are tested first, then Mardia's skewness and kurtosis (1970, Biometrika 57) of the first
    1, 2, 4, 8 and 16 principal components, of those around the last one in a code of n_components
    columns, and of all in windows of 16, so that noise in other components does not hide curves,
    clusters and heavy tails.
    """
    if len(X) < MIN_ROWS:
        return False
    X = X[evenly_spaced(len(X), MAX_ROWS)].astype(np.float64)
    X -= X.mean(axis=0)
    if not _have_normal_columns(X):
        return False
    scores = _whitened(X)
    return all(
        max(map(abs, deviations(scores[:, window]))) < MAX_DEVIATION
        for window in _windows(scores.shape[1], n_components)
    )


def _have_normal_columns(X):
    n_rows, scale = len(X), X.std(axis=0)
    Z = X[:, scale > 0] / scale[scale > 0]
    squares = Z * Z
    skewness = np.abs((squares * Z).mean(axis=0)) / math.sqrt(6 / n_rows)
    kurtosis = np.abs((squares * squares).mean(axis=0) - 3) / math.sqrt(24 / n_rows)
    return max(skewness.max(initial=0), kurtosis.max(initial=0)) < MAX_COLUMN_DEVIATION


def _whitened(X):
    n_rows, n_columns = X.shape
    is_tall = n_rows >= n_columns
    values, vectors = np.linalg.eigh((X.T @ X if is_tall else X @ X.T) / n_rows)
    values, vectors = values[::-1], vectors[:, ::-1]
    vectors = vectors[:, values > MIN_RELATIVE_VARIANCE * max(values[0], np.finfo(float).tiny)]
    if not is_tall:
        return vectors * math.sqrt(n_rows)
    scores = X @ vectors
    return scores / np.sqrt(np.square(scores).mean(axis=0))


def _windows(n_scores, n_components):
    for size in (1, 2, 4, 8, WINDOW):
        yield slice(0, min(size, n_scores))
    first = max(n_components - N_AROUND, 0)
    yield slice(first, min(n_components + N_AROUND, n_scores))
    for start in range(STEP, n_scores, STEP):
        yield slice(start, min(start + WINDOW, n_scores))


def deviations(Z):
    """Return by how many standard deviations skewness and kurtosis are off those of normal samples.

    Z are n whitened samples with q columns. With d_ij the scalar products of the samples, Mardia's
    statistics are

        b_1 = mean of d_ij**3 = |mean of z (x) z (x) z|**2,  b_2 = mean of d_ii**2.

    n b_1 / 6, times a factor for few samples (Mardia, 1974, Sankhya B 36), has about a chi-squared
    distribution with q (q + 1) (q + 2) / 6 degrees of freedom. It becomes normal by the
    transformation of Wilson & Hilferty (1931, PNAS 17).
    """
    n, q = Z.shape
    if q == 0:
        return 0.0, 0.0
    moments = (Z[:, :, None] * Z[:, None, :]).reshape(n, q * q).T @ Z / n
    factor = (q + 1) * (n + 1) * (n + 3) / (n * ((n + 1) * (q + 1) - 6))
    freedom = q * (q + 1) * (q + 2) / 6
    chi_squared = factor * n / 6 * np.square(moments).sum()
    spread = 2 / (9 * freedom)
    skewness = ((chi_squared / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    b_2, expected = np.square(np.square(Z).sum(axis=1)).mean(), q * (q + 2) * (n - 1) / (n + 1)
    return float(skewness), float((b_2 - expected) / math.sqrt(8 * q * (q + 2) / n))
