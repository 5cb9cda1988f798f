"""Weighted quantiles, shrunk covariances, and the ellipsoid that holds the bulk of the rows."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import chdtri

from skae._network.scaling import measure_scaling

CORE = 0.75
TAIL = 0.025
MAX_CATEGORIES = 10
MAX_AXES = 50
MAX_ROWS = 5000
N_CONCENTRATIONS = 20


def weighted_quantile(values, weights, q):
    """The q-quantile of a weighted sample, halfway between two values where they tie for it."""
    order = np.argsort(values)
    values, weights = values[order], weights[order]
    kept = weights > 0
    values, reached = values[kept], np.cumsum(weights[kept])
    reached /= reached[-1]
    i = min(int(np.searchsorted(reached, q - 1e-12)), len(values) - 1)
    following = min(i + (reached[i] <= q + 1e-12), len(values) - 1)
    return float((values[i] + values[following]) / 2)


def weighted_quantiles(X, weights, q):
    """The q-quantile of each column."""
    return np.array([weighted_quantile(column, weights, q) for column in X.T])


def shrunk_covariance(X, weights):
    """Mean and covariance, drawn towards a multiple of the identity; weights count as copies.

    Ledoit & Wolf, 2004, J. Multivariate Analysis 88: the intensity that minimises the
    expected squared error, equations 5 to 8, with weighted moments.
    """
    total = weights.sum()
    mean = weights @ X / total
    A = X - mean
    S = (A * weights[:, None]).T @ A / total
    n_features = len(mean)
    identity = np.eye(n_features)
    variance = np.trace(S) / n_features
    distance = np.square(S - variance * identity).sum()
    error = weights @ np.square(A).sum(axis=1) ** 2 / total - np.square(S).sum()
    share = min(max(error / total, 0.0), distance) / distance if distance > 0 else 0.0
    return mean, (1 - share) * S + (share * variance + 1e-6) * identity


def whitener(covariance):
    """A matrix W such that |x W|**2 is the squared Mahalanobis distance of x."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors / np.sqrt(np.maximum(values, 1e-12))


def squared_distances(X, mean, covariance):
    """Squared Mahalanobis distance of each row."""
    return np.square((X - mean) @ whitener(covariance)).sum(axis=1)


def determinant_minimum(X, weights, core=CORE):
    """Mean and covariance of the densest part of the rows, and what it leaves out.

    The deterministic minimum covariance determinant (Hubert, Rousseeuw & Verdonck, 2012,
    J. Computational and Graphical Statistics 21) with shrunk covariances: from three
    starts, the `core` share of the rows that are nearest is taken again and again until it
    stays the same, and the result of least determinant is kept.
    """
    best = None
    for distances in _starts(X, weights):
        part = None
        for _ in range(N_CONCENTRATIONS):
            near = weights * (distances <= weighted_quantile(distances, weights, core))
            if part is not None and np.array_equal(near, part):
                break
            part = near
            mean, covariance = shrunk_covariance(X, part)
            distances = squared_distances(X, mean, covariance)
        volume = np.linalg.slogdet(covariance)[1]
        if best is None or volume < best[0] - 1e-9:
            best = volume, mean, covariance
    return best[1:]


def _starts(X, weights):
    """Squared distances of the rows from their middle, by three measures outliers bend little."""
    median = weighted_quantiles(X, weights, 0.5)
    deviation = 1.4826 * weighted_quantiles(np.abs(X - median), weights, 0.5)
    Z = (X - median) / np.where(deviation > 1e-3, deviation, 1)
    lengths = np.sqrt(np.square(Z).sum(axis=1))
    yield lengths
    bounded = np.tanh(Z)
    yield squared_distances(bounded, *shrunk_covariance(bounded, weights))
    directions = Z / np.where(lengths > 0, lengths, 1)[:, None]
    axes = np.linalg.eigh(shrunk_covariance(directions, weights)[1])[1]
    along = Z @ axes
    centered = np.abs(along - weighted_quantiles(along, weights, 0.5))
    spread = weighted_quantiles(centered, weights, 0.5)
    yield np.square(along / np.maximum(spread, 1e-2 * max(spread.max(), 1e-6))).sum(axis=1)


@dataclass(frozen=True)
class Ellipsoid:
    """The rows with |(x - mean) W|**2 <= size: those that belong to the bulk."""

    mean: np.ndarray
    whitener: np.ndarray
    size: float

    def row_weights(self, X):
        """1 for the rows inside, size / (squared distance) for those outside."""
        distances = np.square((X - self.mean) @ self.whitener).sum(axis=1)
        return np.minimum(1, self.size / np.maximum(distances, self.size))


def fit_ellipsoid(X, weights, rng):
    """Find the ellipsoid that a normal bulk would fill up to its outermost 2.5 %.

    Columns are standardised first; categories are left out. Rows with more than 50 columns
    are measured along their 50 leading principal axes, and of more than 5000 rows as many
    are drawn.
    """
    scaling = measure_scaling(X, weights, per_feature=True)
    center, scale = scaling.mean.astype(np.float64), scaling.scale.astype(np.float64)
    varied = ~np.array([is_category(column, weights) for column in X.T])
    if not varied.any():
        return Ellipsoid(center, np.zeros((X.shape[1], 1)), 1.0)
    axes = np.eye(X.shape[1])[:, varied]
    if axes.shape[1] > MAX_AXES:
        Z = (X - center) / scale * varied * np.sqrt(weights)[:, None]
        axes = np.linalg.eigh(Z.T @ Z)[1][:, -MAX_AXES:]
    if len(X) > MAX_ROWS:
        chosen = rng.choice(len(X), MAX_ROWS, replace=False)
        X, weights = X[chosen], weights[chosen]
    P = (X - center) / scale @ axes
    mean, covariance = determinant_minimum(P, weights)
    # One reweighting step: the rows in the ellipsoid of the core give its final shape.
    distances = squared_distances(P, mean, covariance)
    inside = distances <= _outer(distances, weights, P.shape[1])
    mean, covariance = shrunk_covariance(P, weights * inside)
    distances = squared_distances(P, mean, covariance)
    size = max(_outer(distances, weights, P.shape[1]), 1e-12)
    center = center + scale * (axes @ mean)
    return Ellipsoid(center, axes @ whitener(covariance) / scale[:, None], size)


def fit_ellipsoid_of(rows, seed):
    """Find the ellipsoid of training samples."""
    rng = np.random.default_rng(seed)
    return fit_ellipsoid(rows.X.astype(np.float64), rows.weights, rng)


def robust_rows(rows, ellipsoid):
    """Return training samples, those outside the ellipsoid with less weight."""
    return replace(rows, weights=rows.weights * ellipsoid.row_weights(rows.X))


def is_category(values, weights):
    """Whether three of four rows hold one value, and the others few.

    These rows would be the densest part of all, whatever the other columns are.
    """
    distinct, group = np.unique(values, return_inverse=True)
    counts = np.bincount(group, weights)
    return len(distinct) <= MAX_CATEGORIES and counts.max() >= CORE * counts.sum()


def _outer(distances, weights, n_axes):
    """Where the outermost 2.5 % begin if the distances' median is that of normal rows."""
    median = weighted_quantile(distances, weights, 0.5)
    return median * chdtri(n_axes, TAIL) / chdtri(n_axes, 0.5)
