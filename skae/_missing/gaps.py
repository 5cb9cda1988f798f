"""Gaps in samples: where they are, and the Gaussian whose conditional mean fills them."""

from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np

from skae._missing.imputation import fill_in_blocks, standardisation
from skae._missing.mixture import (
    MIN_VARIANCE,
    Mixture,
    blocks,
    cells_of,
    fit_mixture,
    standard_normal,
)
from skae._sampling import evenly_spaced
from skae._sparse import is_sparse

MIN_EM_ROWS, MAX_EM_ROWS, MAX_EM_OPERATIONS = 300, 3000, 10**9  # in one step of a fit
SHRINKAGE = 0.3  # prior samples for each feature
MIN_RELATIVE_VARIANCE = 1e-4
MAX_FACTORS = 64
MAX_DEVIATIONS = 5  # of a filled value from the mean, if the range of the samples is unknown


def missing_cells(X):
    """Return a boolean array of the cells that are NaN, or None if there are none.

    Sparse samples have none: they are refused before.
    """
    if is_sparse(X):
        return None
    with np.errstate(invalid="ignore"):
        has_none = not X.size or not np.isnan(X.min())
    return None if has_none else np.isnan(X)


@dataclass(frozen=True)
class Filled:
    """Samples whose missing cells are filled, and which these are; None if there are none.

    `spread` is the mean conditional covariance of the filled cells, by which the covariance of the
    filled samples is too small.
    """

    X: np.ndarray
    missing: np.ndarray | None = None
    spread: np.ndarray | None = None


@dataclass(frozen=True)
class Gaussian:
    """The distribution of samples by their mean and covariance, in their own units, in float64.

    `limits` are the lowest and highest values of the samples, between which cells are filled.
    """

    mean: np.ndarray
    covariance: np.ndarray
    limits: np.ndarray | None = None

    asdict = asdict

    @cached_property
    def scale(self):
        """Return the standard deviations, 1 for features without variation."""
        deviations = np.sqrt(np.diag(self.covariance))
        return np.where(deviations > 0, deviations, 1.0)

    @cached_property
    def mixture(self):
        """Return the distribution of standardised samples, as a mixture of one component."""
        correlations = self.covariance / np.outer(self.scale, self.scale)
        correlations[np.diag_indices(len(correlations))] += MIN_RELATIVE_VARIANCE
        return Mixture(np.ones(1), np.zeros((1, len(self.mean))), correlations[None])

    def fill(self, X, missing, bounds=(-np.inf, np.inf)):
        """Return samples with missing cells filled, within bounds and limits, in the dtype of X."""
        limits = self.limits
        if limits is None:
            limits = self.mean + MAX_DEVIATIONS * np.outer([-1, 1], self.scale)

        def fill_block(X, gaps):
            Z = np.where(gaps, 0, (X - self.mean) / self.scale)
            means = self.mixture.conditional_means(Z, gaps) * self.scale + self.mean
            return np.clip(np.clip(means, *limits), *bounds)

        return fill_in_blocks(X, missing, fill_block)

    def spread(self, missing, weights):
        """Return the weighted mean of the conditional covariances of the missing cells."""
        n_features = len(self.mean)
        total = np.zeros(n_features * n_features)
        chosen = evenly_spaced(len(missing), count_em_rows(n_features))
        missing, weights = missing[chosen], weights[chosen]
        for block in blocks(missing):
            pairs = np.zeros(len(block.rows), int), np.arange(len(block.rows))
            covariances, _, _, member = self.mixture.conditional_covariances(block, *pairs)
            added = covariances * np.bincount(member, weights[block.rows])
            cells = cells_of(block.patterns, 0, n_features)
            total += np.bincount(cells.ravel(), added.ravel(), minlength=len(total))
        mean = total.reshape(n_features, n_features) / max(weights.sum(), 1e-300)
        return mean * np.outer(self.scale, self.scale)


def count_em_rows(n_features):
    """Return the number of samples that determine a Gaussian: fewer if they are wide."""
    return int(np.clip(MAX_EM_OPERATIONS // n_features**3, MIN_EM_ROWS, MAX_EM_ROWS))


def fit_gaussian(X, missing, weights):
    """Fit a Gaussian to incomplete samples by expectation maximisation.

    At most 3000 samples are used, evenly spaced, fewer if they have more than 70 features.
    Features without any value get the mean 0.
    """
    present = np.flatnonzero(weights)
    chosen = present[evenly_spaced(len(present), count_em_rows(X.shape[1]))]
    X, missing, weights = X[chosen].astype(np.float64), missing[chosen], weights[chosen]
    limits = limits_of(X)
    X = np.where(missing, 0, X)
    mean, scale = standardisation(X, missing, weights)
    Z = np.where(missing, 0, (X - mean) / scale)
    n_features = X.shape[1]
    start = standard_normal(n_features)
    mixture = fit_mixture(Z, missing, weights, start, max(SHRINKAGE * n_features, 1.0))
    covariance = mixture.covariances[0] * np.outer(scale, scale)
    return Gaussian(mean + scale * mixture.means[0], covariance, limits)


def limits_of(X):
    """Return the lowest and the highest value of each feature, 0 for features without any."""
    return np.nan_to_num(np.stack([np.fmin.reduce(X), np.fmax.reduce(X)]))


def measure_factors(X, weights):
    """Return the arguments of `gaussian_of_factors` for complete samples, as a dict.

    The same samples count as in `fit_gaussian`, with the same shrinkage. Of the principal
    components 64 are kept, less the mean variance of the others, as in probabilistic PCA (Tipping &
    Bishop, 1999, J. Royal Statistical Society B 61); each feature keeps its variance.
    """
    present = np.flatnonzero(weights)
    n_features = X.shape[1]
    chosen = present[evenly_spaced(len(present), count_em_rows(n_features))]
    X, weights = X[chosen].astype(np.float64), weights[chosen]
    mean, scale = standardisation(X, np.zeros(X.shape, bool), weights)
    Z = (X - mean) / scale
    total, prior_count = weights.sum(), max(SHRINKAGE * n_features, 1.0)
    Z *= np.sqrt(weights / (total + prior_count))[:, None]
    features = np.square(Z).sum(axis=0)
    is_wide = len(Z) < n_features
    variances, axes = np.linalg.eigh(Z @ Z.T if is_wide else Z.T @ Z)
    variances, axes = variances[: -MAX_FACTORS - 1 : -1], axes[:, : -MAX_FACTORS - 1 : -1]
    if is_wide:
        axes = Z.T @ (axes / np.sqrt(np.maximum(variances, 1e-300)))
    n_others = max(n_features - len(variances), 1)
    others = max(features.sum() - variances.sum(), 0) / n_others
    factors = axes * np.sqrt(np.maximum(variances - others, 0))
    rest = features - np.square(factors).sum(axis=1) + prior_count / (total + prior_count)
    limits = limits_of(X)
    return {"mean": mean, "scale": scale, "factors": factors, "rest": rest, "limits": limits}


def gaussian_of_factors(mean, scale, factors, rest, limits=None):
    """Return the Gaussian with factors F and variances r, the `rest`, of standardised samples.

    Its covariance is F F' + diag(r).
    """
    covariance = factors @ factors.T
    covariance[np.diag_indices(len(mean))] += np.maximum(rest, MIN_VARIANCE)
    return Gaussian(mean, covariance * np.outer(scale, scale), limits)
