"""The density of whole samples, to draw from: a mixture of normal distributions.

Columns are mapped to their normal scores, and a mixture is fitted to these. With one component this
is a Gaussian copula, with more of them groups and curved dependences remain (Rajan & Bhattacharya,
2016, AAAI, "Dependency clustering of mixed data with Gaussian mixture copulas"). Continuous columns
are standardised instead if held-out samples are more likely so. Cells are drawn given others from
the conditional distribution of the mixture, as in imputation.
"""

from dataclasses import dataclass
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
BLOCK_ROWS = 4096


@dataclass(frozen=True)
class SampleDensity:
    """A mixture of the scores of samples, and what the scores of each column are.

    They are normal scores, or (x - center) / scale in the columns that `is_standardised` marks.
    """

    marginals: Marginals
    is_standardised: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    mixture: Mixture | None = None

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
        variances = np.diagonal(mixture.covariances, axis1=1, axis2=2)
        probabilities = np.zeros(scores.shape)
        for share, mean, variance in zip(mixture.shares, mixture.means, variances):
            probabilities += share * ndtr((scores - mean) / np.sqrt(variance))
        standardised = scores * self.scale + self.center
        return np.where(self.is_standardised, standardised, self.marginals.quantiles(probabilities))


def fit_sample_density(X, weights, seed):
    """Fit the density; held-out samples choose the kind of scores and the number of components."""
    rng = np.random.default_rng(seed)
    marginals, standardisation = measure_marginals(X, weights), _standardisation(X, weights)
    least = max(MIN_DISTINCT_SHARE * len(X), 3)
    is_continuous = np.array([len(np.unique(column)) >= least for column in X.T])
    kinds = np.unique([np.zeros(X.shape[1], bool), is_continuous], axis=0)
    most = min(MAX_PRODUCTS / X.size / X.shape[1], weights.sum() / MIN_ROWS_PER_COMPONENT)
    sizes = [size for size in SIZES if size <= max(min(most, len(X)), 1)]
    best = None
    folds = rng.permutation(len(X)) % N_FOLDS
    for is_standardised in kinds:
        density = SampleDensity(marginals, is_standardised, *standardisation)
        scores = density.scores(X)
        constant = _log_slopes(density, X, is_continuous) @ weights
        for size in sizes:
            found = _held_out_likelihood(scores, weights, size, folds) + constant
            if best is None or found > best[0]:
                best = found, size, density
    _, size, density = best
    found = _fit(density.scores(X), weights, size)
    shares = found.shares / math.fsum(found.shares)
    mixture = Mixture(shares, found.means, found.covariances)
    return SampleDensity(marginals, density.is_standardised, *standardisation, mixture)


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
