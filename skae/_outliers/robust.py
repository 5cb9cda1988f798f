"""Robust statistics: weighted quantiles, shrunk covariances, and the ellipsoid of the bulk."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtri

from skae._network.scaling import measure_scaling, rounding_errors
from skae._sampling import row_slices

MIN_OTHERS = 10  # samples to measure beside the copies of one that has most of the weight
SUPPORT_FRACTION = 0.75  # of the samples, by weight, that the minimum covariance determinant uses
TAIL_PROBABILITY = 0.025  # of a normal sample outside the ellipsoid
MAX_CATEGORIES, MIN_CATEGORY_SHARE = 10, 0.75
MAX_AXES = 50
MAX_SAMPLES = 5000
MAX_CONCENTRATION_STEPS = 20
N_SPARE_AXES, N_POWER_ITERATIONS = 10, 4  # of the randomized singular value decomposition
MAX_COPIES = 1e6  # ratio of weights up to which they may be numbers of copies
BLOCK_NUMBERS = 2**19  # float64 numbers of a block of samples: 4 MiB


def weighted_quantile(values, weights, q):
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    present = weights > 0
    values, shares = values[present], np.cumsum(weights[present])
    shares /= shares[-1]  # of the weight up to each value
    i = min(int(np.searchsorted(shares, q - 1e-12)), len(values) - 1)
    following = min(i + (shares[i] <= q + 1e-12), len(values) - 1)
    return float((values[i] + values[following]) / 2)


def weighted_quantiles(X, weights, q):
    return np.array([weighted_quantile(column, weights, q) for column in X.T])


def weights_as_counts(weights):
    """Return weights, as shares of their sum, in numbers of samples.

    If all weights are multiples of the smallest one, that one counts as one sample. Otherwise the
    sum becomes the effective number of samples, (sum w)**2 / sum w**2 (Kish, 1965, Survey
    Sampling).
    """
    present = weights[weights > 0]
    if not len(present):
        return weights
    counts = weights / present.min()
    whole = np.rint(counts)
    if counts.max() <= MAX_COPIES and np.allclose(counts, whole, rtol=0, atol=1e-6):
        return whole
    shares = weights / weights.max()
    return shares * (shares.sum() / np.square(shares).sum())


def leading_axes(X, shares, n_axes, rng):
    """Return the leading right singular vectors of X, with rows times root shares, as columns.

    Those of large matrices are found by the randomized singular value decomposition (Halko,
    Martinsson & Tropp, 2011, SIAM Review 53, algorithm 4.4).
    """
    n_tried = n_axes + N_SPARE_AXES
    root = np.sqrt(shares)[:, None]
    if min(X.shape) > 2 * n_tried:
        Q = rng.standard_normal((X.shape[1], n_tried))
        for _ in range(N_POWER_ITERATIONS):
            Q = np.linalg.qr(X.T @ (root * np.linalg.qr(root * (X @ Q))[0]))[0]
        return Q @ np.linalg.svd(root * (X @ Q), full_matrices=False)[2][:n_axes].T
    A = root * X
    if len(A) > A.shape[1]:
        return np.linalg.svd(A, full_matrices=False)[2][:n_axes].T
    return np.linalg.svd(A.T, full_matrices=False)[0][:, :n_axes]


def shrunk_covariance(X, weights, floor=0.0):
    """Return the mean, and the covariance shrunk towards a multiple of the identity.

    The shrinkage minimises the expected squared error (Ledoit & Wolf, 2004, J. Multivariate
    Analysis 88, equations 5 to 8), with weighted moments. The `floor`, a covariance, is then added.
    """
    total = weights.sum()
    mean = weights @ X / total
    centered = X - mean
    S = (centered * weights[:, None]).T @ centered / total
    n_features = len(mean)
    identity = np.eye(n_features)
    variance = np.trace(S) / n_features
    distance = np.square(S - variance * identity).sum()
    error = weights @ np.square(centered).sum(axis=1) ** 2 / total - np.square(S).sum()
    shrinkage = min(max(error / total, 0.0), distance) / distance if distance > 0 else 0.0
    return mean, (1 - shrinkage) * S + (shrinkage * variance + 1e-6) * identity + floor


def whitener(covariance):
    """Return W such that |x W|**2 is the squared Mahalanobis distance of x from 0."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors / np.sqrt(np.maximum(values, 1e-12))


def squared_distances(X, mean, covariance):
    return np.square((X - mean) @ whitener(covariance)).sum(axis=1)


def minimum_covariance_determinant(X, weights, floor=0.0):
    """Return the mean and the covariance of the densest subset of the samples.

    This is the deterministic minimum covariance determinant (Hubert, Rousseeuw & Verdonck, 2012,
    J. Computational and Graphical Statistics 21) with shrunk covariances, of which the least of
    three starts counts.
    """
    best = None
    for distances in _initial_distances(X, weights):
        support = None
        for _ in range(MAX_CONCENTRATION_STEPS):
            cutoff = weighted_quantile(distances, weights, SUPPORT_FRACTION)
            nearest = weights * (distances <= cutoff)
            if support is not None and np.array_equal(nearest, support):
                break
            support = nearest
            mean, covariance = shrunk_covariance(X, support, floor)
            distances = squared_distances(X, mean, covariance)
        log_determinant = np.linalg.slogdet(covariance)[1]
        if best is None or log_determinant < best[0] - 1e-9:
            best = log_determinant, mean, covariance
    return best[1:]


def _initial_distances(X, weights):
    """Yield distances of the samples from their centre, by three robust measures.

    After standardising by median and median absolute deviation these are the norm, the squared
    Mahalanobis distance after tanh, and the squared norm after standardising along the principal
    axes of the directions from the centre.
    """
    median = weighted_quantiles(X, weights, 0.5)
    deviation = 1.4826 * weighted_quantiles(np.abs(X - median), weights, 0.5)
    Z = (X - median) / np.where(deviation > 1e-3, deviation, 1)
    norms = np.sqrt(np.square(Z).sum(axis=1))
    yield norms
    bounded = np.tanh(Z)
    yield squared_distances(bounded, *shrunk_covariance(bounded, weights))
    directions = Z / np.where(norms > 0, norms, 1)[:, None]
    axes = np.linalg.eigh(shrunk_covariance(directions, weights)[1])[1]
    P = Z @ axes
    deviation = weighted_quantiles(np.abs(P - weighted_quantiles(P, weights, 0.5)), weights, 0.5)
    deviation = np.maximum(deviation, 1e-2 * max(deviation.max(), 1e-6))
    yield np.square(P / deviation).sum(axis=1)


@dataclass(frozen=True)
class Ellipsoid:
    """The points x with |(x - mean) W|**2 <= size, where W is the `whitener`."""

    mean: np.ndarray
    whitener: np.ndarray
    size: float

    def sample_weights(self, X):
        """Return 1 for a sample inside, size / (squared distance) for one outside."""
        distances = np.empty(len(X))
        n_rows = max(BLOCK_NUMBERS // X.shape[1], 1)
        for rows in row_slices(len(X), n_rows):
            block = np.subtract(X[rows], self.mean, dtype=np.float64)
            distances[rows] = np.square(block @ self.whitener).sum(axis=1)
        return np.minimum(1, self.size / np.maximum(distances, self.size))


def fit_ellipsoid(rows, seed):
    """Return the ellipsoid of the bulk, outside of which 2.5 % of normal samples would be.

    If one sample occurs so often that its copies alone would be the bulk, the others are measured.
    Categorical columns are left out, and more than 50 columns are measured along their 50 leading
    principal axes.
    """
    X, weights, rng = rows.X, rows.weights, np.random.default_rng(seed)
    if len(X) > MAX_SAMPLES:
        chosen = rng.choice(len(X), MAX_SAMPLES, replace=False)
        X, weights = X[chosen], weights[chosen]
    X = X.astype(np.float64, copy=False)
    n_features = X.shape[1]
    scaling = measure_scaling(X, weights, per_feature=True)
    center, scale = scaling.mean, scaling.scale
    is_measured = ~are_categorical(X, weights)
    if not is_measured.any():
        return Ellipsoid(center, np.zeros((n_features, 1)), 1.0)
    weights = _weights_without_copies(X, weights)
    rounding = np.square(rounding_errors(X, weights) / scale)
    P = X - center
    P /= scale
    if is_measured.sum() <= MAX_AXES:
        axes = np.zeros((n_features, is_measured.sum()))
        axes[is_measured] = np.eye(axes.shape[1])
    else:
        P *= is_measured
        axes = leading_axes(P, weights / weights.sum(), MAX_AXES, rng)
    P = P @ axes
    floor = (axes * rounding[:, None]).T @ axes
    mean, covariance = minimum_covariance_determinant(P, weights, floor=floor)
    # One reweighting step: the samples within the first ellipsoid give the final shape.
    distances = squared_distances(P, mean, covariance)
    is_inside = distances <= _normal_cutoff(distances, weights, P.shape[1])
    mean, covariance = shrunk_covariance(P, weights * is_inside, floor)
    distances = squared_distances(P, mean, covariance)
    size = max(_normal_cutoff(distances, weights, P.shape[1]), 1e-12)
    center = center + scale * (axes @ mean)
    return Ellipsoid(center, axes @ whitener(covariance) / scale[:, None], size)


def _weights_without_copies(X, weights):
    """Return weights with zero for the copies of a sample that has half of the weight, if any."""
    median = weighted_quantiles(X, weights, 0.5)
    is_copy = (median == X).all(axis=1)
    others = np.where(is_copy, 0.0, weights)
    is_usual = 2 * others.sum() <= weights.sum()
    return others if is_usual and np.count_nonzero(others) >= MIN_OTHERS else weights


def _normal_cutoff(distances, weights, n_axes):
    """Return the squared distance that 2.5 % of normal samples exceed, given their median.

    At most a quarter of the samples exceed it.
    """
    median = weighted_quantile(distances, weights, 0.5)
    normal = median * chdtri(n_axes, TAIL_PROBABILITY) / chdtri(n_axes, 0.5)
    return max(normal, weighted_quantile(distances, weights, SUPPORT_FRACTION))


def are_categorical(X, weights):
    """Return which columns have at most ten values, one of them in three of four samples.

    Otherwise these samples would be the densest subset, whatever their other columns are.
    """
    n_distinct = [1 + np.count_nonzero(np.diff(np.sort(column))) for column in X.T]
    return np.array(
        [
            n <= MAX_CATEGORIES and _largest_share(column, weights) >= MIN_CATEGORY_SHARE
            for n, column in zip(n_distinct, X.T)
        ]
    )


def _largest_share(values, weights):
    counts = np.bincount(np.unique(values, return_inverse=True)[1], weights)
    return counts.max() / counts.sum()


def downweight_outliers(rows, ellipsoid):
    """Return training samples with less weight for those outside the ellipsoid, if any."""
    if ellipsoid is None:
        return rows
    return replace(rows, weights=rows.weights * ellipsoid.sample_weights(rows.X))
