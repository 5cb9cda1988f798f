"""The density of whole samples, to draw from: a mixture of normal distributions.

Columns are mapped to their normal scores, and a mixture is fitted to these. With one component this
is a Gaussian copula, with more of them groups and curved dependences remain (Rajan & Bhattacharya,
2016, AAAI, "Dependency clustering of mixed data with Gaussian mixture copulas"). Continuous columns
are standardised instead if held-out samples are more likely so. Cells are drawn given others from
the conditional distribution of the mixture, as in imputation. In wide samples the mixture is one of
the leading principal components of the scores, and the rest of each column is independent.
"""

from dataclasses import dataclass, replace
import math

import numpy as np
from scipy.special import ndtr

from skae._missing.mixture import Mixture
from skae._network.marginals import Marginals, measure_marginals
from skae._outliers.mixture import fit_mixture

SIZES, MIN_ROWS_PER_COMPONENT = (1, 2, 4, 8, 16, 32), 8
MAX_PRODUCTS = 3 * 10**7  # n_rows n_columns**2 n_components: of an iteration
N_FOLDS = 3
MIN_SCORE_VARIANCE = 1e-3  # of a component along a column
MIN_DISTINCT_SHARE = 0.9  # of the samples, in a continuous column
MAX_COLUMNS, N_AXES = 64, 50  # a mixture has the columns themselves up to so many, else the axes
BLOCK_ROWS = 4096


@dataclass(frozen=True)
class SampleDensity:
    """A mixture of the scores of samples, and what the scores of each column are.

    They are normal scores, or (x - center) / scale in the columns that `is_standardised` marks. In
    wide samples the mixture is that of scores @ `axes`, which are orthonormal, and `rest` are the
    variances of the columns across the axes.
    """

    marginals: Marginals
    is_standardised: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    mixture: Mixture | None = None
    axes: np.ndarray | None = None
    rest: np.ndarray | float = 0.0

    def scores(self, X):
        """Return the scores of samples."""
        standardised = (X - self.center) / self.scale
        return np.where(self.is_standardised, standardised, self.marginals.scores(X))

    def draw(self, n_samples, rng):
        """Return independent samples."""
        mixture = self.mixture
        component = rng.choice(len(mixture.shares), n_samples, p=mixture.shares)
        scores = rng.standard_normal((n_samples, mixture.means.shape[1]))
        for j, root in enumerate(np.linalg.cholesky(mixture.covariances)):
            mine = component == j
            scores[mine] = scores[mine] @ root.T + mixture.means[j]
        if self.axes is not None:
            scores = scores @ self.axes.T
            scores += np.sqrt(self.rest) * rng.standard_normal(scores.shape)
        return self._values(scores)

    def complete(self, X, missing, rng):
        """Return samples whose missing cells are drawn, given the others."""
        scores = self.scores(np.where(missing, 0, X))
        for start in range(0, len(X), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            scores[rows] = self.mixture.draw(scores[rows], missing[rows], rng)
        return np.where(missing, self._values(scores), X)

    def _values(self, scores):
        """Return the samples with these scores.

        Normal scores are mapped so that a column has its own distribution, as its distribution in
        the mixture is only nearly standard normal.
        """
        mixture = self.mixture
        means, covariances = mixture.means, mixture.covariances
        if self.axes is None:
            variances = np.diagonal(covariances, axis1=1, axis2=2)
        else:
            variances = np.einsum("ia,kab,ib->ki", self.axes, covariances, self.axes, optimize=True)
            means, variances = means @ self.axes.T, variances + self.rest
        probabilities = np.zeros(scores.shape)
        for share, mean, variance in zip(mixture.shares, means, variances):
            probabilities += share * ndtr((scores - mean) / np.sqrt(variance))
        standardised = scores * self.scale + self.center
        return np.where(self.is_standardised, standardised, self.marginals.quantiles(probabilities))


def fit_sample_density(X, weights, seed):
    """Fit the density; held-out samples choose the kind of scores and the number of components."""
    folds = np.random.default_rng(seed).permutation(len(X)) % N_FOLDS
    marginals, standardisation = measure_marginals(X, weights), _standardisation(X, weights)
    kinds = np.zeros((1, X.shape[1]), bool)
    is_continuous = np.zeros(X.shape[1], bool)
    if X.shape[1] <= MAX_COLUMNS:
        least = max(MIN_DISTINCT_SHARE * len(X), 3)
        is_continuous = np.array([len(np.unique(column)) >= least for column in X.T])
        kinds = np.unique([kinds[0], is_continuous], axis=0)
    best = None
    for is_standardised in kinds:
        density = SampleDensity(marginals, is_standardised, *standardisation)
        constant = _log_slopes(density, X, is_continuous) @ weights
        scores, density = _along_axes(density, X, weights)
        for size in _sizes(scores, weights):
            found = _held_out_likelihood(scores, weights, size, folds) + constant
            if best is None or found > best[0]:
                best = found, size, scores, density
    _, size, scores, density = best
    found = _fit(scores, weights, size)
    shares = found.shares / math.fsum(found.shares)
    return replace(density, mixture=Mixture(shares, found.means, found.covariances))


def _along_axes(density, X, weights):
    """Return the scores that the mixture is fitted to, and the density with the axes, if any."""
    scores = density.scores(X)
    if X.shape[1] <= MAX_COLUMNS:
        return scores, density
    root = np.sqrt(weights / weights.sum())[:, None]
    axes = np.linalg.svd(root * scores, full_matrices=False)[2][:N_AXES].T
    along = scores @ axes
    rest = np.average(np.square(scores - along @ axes.T), axis=0, weights=weights)
    return along, replace(density, axes=axes, rest=rest)


def _sizes(scores, weights):
    """Return the numbers of components to compare."""
    n_rows, n_columns = scores.shape
    most = MAX_PRODUCTS / (n_rows * n_columns**2), weights.sum() / MIN_ROWS_PER_COMPONENT, n_rows
    return [size for size in SIZES if size <= max(min(most), 1)]


def _fit(scores, weights, size):
    floor = MIN_SCORE_VARIANCE * np.eye(scores.shape[1])
    return fit_mixture(scores, weights, size, np.random.default_rng(0), floor)


def _held_out_likelihood(scores, weights, size, folds):
    """Return the sum of the log densities of the samples, each without its fold."""
    total = 0.0
    for k in range(N_FOLDS if len(scores) > N_FOLDS else 0):
        others = folds != k
        mixture = _fit(scores[others], weights[others], min(size, int(others.sum())))
        total += weights[~others] @ mixture.log_density(scores[~others])
    return total


def _log_slopes(density, X, is_continuous):
    """Return the log of the derivative of the scores of each sample, over continuous columns."""
    total = np.zeros(len(X))
    for j in np.flatnonzero(is_continuous):
        if density.is_standardised[j]:
            total -= math.log(density.scale[j])
        else:
            total += density.marginals.log_slopes(X[:, j], j)
    return total


def _standardisation(X, weights):
    """Return the mean and the standard deviation of each column, 1 if it is constant."""
    mean = np.average(X, axis=0, weights=weights)
    scale = np.sqrt(np.average(np.square(X - mean), axis=0, weights=weights))
    return mean, np.where(scale > 0, scale, 1.0)
