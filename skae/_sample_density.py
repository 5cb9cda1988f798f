"""The density of whole samples, to draw from: kernels around the training samples.

The user guide on variational autoencoders describes it. The mixture is that of Rajan &
Bhattacharya, 2016, AAAI, "Dependency clustering of mixed data with Gaussian mixture copulas", the
kernels are the smoothed bootstrap that leaves variances as they are: Silverman & Young, 1987,
Biometrika 74.
"""

from dataclasses import dataclass, replace
from functools import cached_property
import math

import numpy as np
from scipy.spatial.distance import cdist

from skae._missing.mixture import Mixture
from skae._missing.one_hot import find_groups, mend_groups, value_range
from skae._outliers.mixture import fit_mixture
from skae._sample_marginals import SampleMarginals, measure_sample_marginals
from skae._sampling import evenly_spaced

SIZES, MIN_ROWS_PER_COMPONENT = (1, 2, 4, 8, 16, 32), 8
MAX_PRODUCTS = 3 * 10**7  # n_rows n_columns**2 n_components: of an iteration
BANDWIDTHS = (1.0, 0.85, 0.7, 0.55, 0.4, 0.3, 0.2)
N_FOLDS = 3
MIN_SCORE_VARIANCE = 1e-3  # of a component along a column
MAX_COLUMNS, N_AXES = 64, 50  # a mixture has the columns themselves up to so many, else the axes
MAX_JOINT_NUMBERS = 2**22  # of given samples times kernels, at a time
N_MEASURED, N_SCORE_KNOTS = 20_000, 401  # draws that measure the scores; quantiles kept of these
MAX_MEASURED_NUMBERS = 2**20


@dataclass(frozen=True)
class Kernels:
    """Kernels around scores: p(z) = sum_ij w_i r_ij N(z; m_j + s (z_i - m_j), h^2 C_j).

    h is the `bandwidth` and s^2 = 1 - h^2. The responsibilities r_ij, the means and the covariances
    are those of a mixture, which p is for h = 1.
    """

    mixture: Mixture
    scores: np.ndarray
    weights: np.ndarray
    responsibilities: np.ndarray
    bandwidth: float = 1.0

    def draw(self, n_samples, rng):
        """Return independent draws, and the numbers of the samples that they are drawn around."""
        around = rng.choice(len(self.scores), n_samples, p=self.weights)
        cumulative = np.cumsum(self.responsibilities, axis=1)
        component = _draw_columns(cumulative[around], rng)
        noise = rng.standard_normal((n_samples, self.scores.shape[1]))
        for j, root in enumerate(np.linalg.cholesky(self.mixture.covariances)):
            mine = component == j
            noise[mine] = noise[mine] @ root.T
        return self._pull(self.scores[around], component) + self.bandwidth * noise, around

    def _pull(self, scores, component):
        """Move scores towards the mean of a component, or each of them to that of its own."""
        means = self.mixture.means[component]
        return means + math.sqrt(1 - self.bandwidth**2) * (scores - means)

    def complete(self, Z, missing, rng):
        """Return scores whose missing cells are drawn, and the samples that they are around."""
        completed, around = Z.copy(), np.zeros(len(Z), int)
        patterns, member = np.unique(missing, axis=0, return_inverse=True)
        n_together = max(MAX_JOINT_NUMBERS // self.responsibilities.size, 1)
        for k in range(len(patterns)):
            rows = np.flatnonzero(member.ravel() == k)
            for start in range(0, len(rows), n_together):
                some = rows[start : start + n_together]
                found = self._complete_alike(Z[some], patterns[k], rng)
                completed[some], around[some] = found
        return completed, around

    def _complete_alike(self, Z, missing, rng):
        observed = ~missing
        covariances = self.bandwidth**2 * self.mixture.covariances
        whiteners = np.linalg.cholesky(np.linalg.inv(covariances[:, observed][:, :, observed]))
        shares = np.log(np.maximum(self.weights[:, None] * self.responsibilities, 1e-300))
        seen, member = np.unique(Z[:, observed], axis=0, return_inverse=True)
        joint = np.empty((len(seen), *shares.T.shape))
        for j, whitener in enumerate(whiteners):
            centers = self._pull(self.scores, j)[:, observed]
            distances = cdist(seen @ whitener, centers @ whitener, "sqeuclidean")
            log_det = np.log(np.diagonal(whitener)).sum()
            joint[:, j] = shares[:, j] - 0.5 * distances + log_det
        joint = joint.reshape(len(seen), -1)
        joint = np.exp(joint - joint.max(axis=1, keepdims=True))
        drawn = _draw_columns(np.cumsum(joint, axis=1)[member.ravel()], rng)
        component, around = np.divmod(drawn, len(self.scores))
        completed = Z.copy()
        for j in np.unique(component):
            mine = component == j
            centers = self._pull(self.scores[around[mine]], j)
            across = covariances[j][np.ix_(observed, missing)]
            slopes = whiteners[j] @ (whiteners[j].T @ across)
            rest = covariances[j][np.ix_(missing, missing)] - across.T @ slopes
            noise = rng.standard_normal((mine.sum(), missing.sum()))
            drawn = centers[:, missing] + noise @ np.linalg.cholesky(rest).T
            drawn += (Z[mine][:, observed] - centers[:, observed]) @ slopes
            completed[np.ix_(mine, missing)] = drawn
        return completed, around


@dataclass(frozen=True)
class SampleDensity:
    """Kernels around the scores of samples, and what the scores of each column are.

    They are normal scores, or (x - center) / scale in the columns that `is_standardised` marks. In
    wide samples the kernels are those of scores @ `axes`, which are orthonormal, and `rest` are the
    scores of the training samples across the axes. `score_quantiles` are those of drawn scores. Of
    the `samples`, each has one category in each of the `groups` of columns: so has what is drawn.
    """

    marginals: SampleMarginals
    is_standardised: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    samples: np.ndarray
    groups: list
    kernels: Kernels | None = None
    axes: np.ndarray | None = None
    rest: np.ndarray | None = None
    score_quantiles: np.ndarray | None = None

    def scores(self, X, rng=None):
        """Return the scores of samples; with an rng, those of values that repeat are spread."""
        standardised = (X - self.center) / self.scale
        return np.where(self.is_standardised, standardised, self.marginals.scores(X, rng))

    def along_axes(self, scores):
        """Return the scores that the kernels are about."""
        return scores if self.axes is None else scores @ self.axes

    def draw(self, n_samples, rng):
        """Return independent samples."""
        scores, around = self.draw_scores(n_samples, rng)
        X = self._values(scores)
        return self._with_categories(X, np.ones(X.shape, bool), around, rng)

    def _with_categories(self, X, missing, around, rng):
        """Return samples of which each group has one category, in doubt that of a near sample."""
        if self.groups:
            bounds = value_range(self.samples, True)
            levels = (self.samples[around] == bounds[1]) + rng.random(X.shape)
            mend_groups(X, missing, self.groups, levels, bounds)
        return X

    def draw_scores(self, n_samples, rng):
        """Return the scores of independent samples, and the samples that they are around."""
        scores, around = self.kernels.draw(n_samples, rng)
        if self.axes is None:
            return scores, around
        h = self.kernels.bandwidth
        rest = math.sqrt(1 - h**2) * self.rest[around]
        deviations = np.sqrt(self.kernels.weights @ np.square(self.rest))
        rest += h * deviations * rng.standard_normal(rest.shape)
        return scores @ self.axes.T + rest, around

    def complete(self, X, missing, rng):
        """Return samples whose missing cells are drawn, given the others."""
        scores = self.scores(np.where(missing, 0, X))
        scores, around = self.kernels_of_columns.complete(scores, missing, rng)
        X = np.where(missing, self._values(scores), X)
        return self._with_categories(X, missing, around, rng)

    @cached_property
    def kernels_of_columns(self):
        """Return the kernels around the scores of all columns."""
        if self.axes is None:
            return self.kernels
        mixture, scores = self.kernels.mixture, self.kernels.scores @ self.axes.T + self.rest
        covariances = self.axes @ mixture.covariances @ self.axes.T
        variances = self.kernels.weights @ np.square(self.rest)
        covariances += np.diag(np.maximum(variances, MIN_SCORE_VARIANCE))
        mixture = Mixture(mixture.shares, mixture.means @ self.axes.T, covariances)
        return replace(self.kernels, mixture=mixture, scores=scores)

    def _values(self, scores):
        """Return the samples with these scores.

        Normal scores are mapped so that a column has its own distribution, as drawn scores are only
        nearly standard normal.
        """
        levels = np.linspace(0, 1, N_SCORE_KNOTS)
        columns = zip(scores.T, self.score_quantiles.T, strict=True)
        probabilities = np.stack([np.interp(z, q, levels) for z, q in columns], axis=1)
        standardised = scores * self.scale + self.center
        return np.where(self.is_standardised, standardised, self.marginals.quantiles(probabilities))


def fit_sample_density(X, weights, seed):
    """Fit the density; held-out samples choose the scores, the mixture and the bandwidth."""
    weights = weights / math.fsum(weights) * len(weights)
    folds = np.random.default_rng(seed).permutation(len(X)) % N_FOLDS
    best = None
    for density in _kinds_of_scores(X, weights):
        penalised = _log_slopes(density, X, weights)
        density = _with_axes(density, X, weights)
        # A component at a score that repeats would be as likely as it is narrow: so none repeats.
        spread = density.along_axes(density.scores(X, np.random.default_rng(seed)))
        for size in _sizes(spread):
            mixtures = _without_folds(spread, weights, size, folds)
            found = penalised + _held_out_likelihood(mixtures, spread, weights, folds)
            if best is None or found > best[0]:
                best = found, size, density
    _, size, density = best
    scores = density.along_axes(density.scores(X))
    kernels = _kernels(_fit(scores, weights, size), scores, weights)
    mixtures = _without_folds(scores, weights, size, folds)
    bandwidth = _bandwidth(mixtures, scores, weights, folds)
    density = replace(density, kernels=replace(kernels, bandwidth=bandwidth))
    n_measured = min(N_MEASURED, max(MAX_MEASURED_NUMBERS // X.shape[1], N_SCORE_KNOTS))
    measured, _ = density.draw_scores(n_measured, np.random.default_rng(seed))
    measured.sort(axis=0)
    return replace(density, score_quantiles=measured[evenly_spaced(n_measured, N_SCORE_KNOTS)])


def _kinds_of_scores(X, weights):
    """Yield densities whose scores are normal scores, or standardised in continuous columns."""
    center = np.average(X, axis=0, weights=weights)
    scale = np.sqrt(np.average(np.square(X - center), axis=0, weights=weights))
    scale = np.where(scale > 0, scale, 1.0)
    none = np.zeros(X.shape[1], bool)
    marginals = measure_sample_marginals(X, weights)
    density = SampleDensity(marginals, none, center, scale, X, find_groups(X))
    yield density
    is_continuous = np.array([len(atoms) == 0 for atoms in density.marginals.atoms])
    if X.shape[1] <= MAX_COLUMNS and is_continuous.any():
        yield replace(density, is_standardised=is_continuous)


def _log_slopes(density, X, weights):
    """Return the sum of the log derivatives of the scores, over samples and continuous columns.

    A derivative is that of a function fitted to the samples, and too high by one for each of its
    parameters (Akaike, 1974, IEEE Transactions on Automatic Control 19).
    """
    total = 0.0
    for j, atoms in enumerate(density.marginals.atoms):
        if density.is_standardised[j]:
            total -= weights.sum() * math.log(density.scale[j]) + 2
        elif len(atoms) == 0:
            total += weights @ density.marginals.log_slopes(X[:, j], j)
            total -= len(density.marginals.values[j]) - 1
    return total


def _with_axes(density, X, weights):
    if X.shape[1] <= MAX_COLUMNS:
        return density
    scores = density.scores(X)
    root = np.sqrt(weights / weights.sum())[:, None]
    axes = np.linalg.svd(root * scores, full_matrices=False)[2][:N_AXES].T
    return replace(density, axes=axes, rest=scores - scores @ axes @ axes.T)


def _sizes(scores):
    """Return the numbers of components to compare."""
    n_rows, n_columns = scores.shape
    most = MAX_PRODUCTS / (n_rows * n_columns**2), n_rows / MIN_ROWS_PER_COMPONENT
    return [size for size in SIZES if size <= max(min(most), 1)]


def _fit(scores, weights, size):
    floor = MIN_SCORE_VARIANCE * np.eye(scores.shape[1])
    return fit_mixture(scores, weights, size, np.random.default_rng(0), floor)


def _kernels(mixture, scores, weights):
    joint = mixture.log_joint(scores)
    responsibilities = np.exp(joint - joint.max(axis=1, keepdims=True))
    responsibilities /= responsibilities.sum(axis=1, keepdims=True)
    weights = weights / math.fsum(weights)
    shares = mixture.shares / math.fsum(mixture.shares)
    plain = Mixture(shares, mixture.means, mixture.covariances)
    return Kernels(plain, scores, weights, responsibilities)


def _without_folds(scores, weights, size, folds):
    """Return the mixtures of the samples without each fold; none of very few samples."""
    others = [folds != k for k in range(N_FOLDS if len(scores) > N_FOLDS else 0)]
    return [_fit(scores[i], weights[i], min(size, int(i.sum()))) for i in others]


def _held_out_likelihood(mixtures, scores, weights, folds):
    """Return the sum of the log densities of the samples, each without its fold."""
    parts = [(mixture, folds == k) for k, mixture in enumerate(mixtures)]
    return sum(weights[i] @ mixture.log_density(scores[i]) for mixture, i in parts)


def _bandwidth(mixtures, scores, weights, folds):
    """Return the bandwidth with which draws are as far from samples as held-out samples are.

    The distance is the median one to the nearest sample, or the mean one if most samples have
    copies. Cells of columns with repeated values are moved to the nearest of these first.
    """
    distances = np.zeros((len(BANDWIDTHS), len(scores)))
    held_out = np.zeros(len(scores))
    for k, mixture in enumerate(mixtures):
        mine, others = folds == k, folds != k
        kernels = _kernels(mixture, scores[others], weights[others])
        held_out[mine] = cdist(scores[mine], kernels.scores).min(axis=1)
        for of_bandwidth, bandwidth in zip(distances, BANDWIDTHS, strict=True):
            drawn, _ = replace(kernels, bandwidth=bandwidth).draw(
                int(mine.sum()), np.random.default_rng(0)
            )
            _move_to_repeated(drawn, kernels.scores)
            of_bandwidth[mine] = cdist(drawn, kernels.scores).min(axis=1)
    order = np.argsort(held_out)
    middle = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    median = held_out[order[min(middle, len(order) - 1)]]
    if median > 0:
        gaps = np.median(distances, axis=1) - median
    else:
        gaps = distances.mean(axis=1) - np.average(held_out, weights=weights)
    return BANDWIDTHS[int(np.argmin(np.abs(gaps)))]


def _move_to_repeated(drawn, scores):
    """Move draws to the nearest scores in columns whose values repeat, twice or more on average."""
    for j, column in enumerate(scores.T):
        values = np.unique(column)
        if 2 * len(values) <= len(column):
            drawn[:, j] = values[np.searchsorted((values[1:] + values[:-1]) / 2, drawn[:, j])]


def _draw_columns(cumulative, rng):
    below = rng.random(len(cumulative)) * cumulative[:, -1]
    return (below[:, None] > cumulative[:, :-1]).sum(axis=1)
