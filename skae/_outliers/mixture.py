"""Mixtures of Gaussians with shrunk covariances, for few samples a component; can be updated."""

from dataclasses import dataclass
from functools import partial
import math

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp, softmax

MIN_RESPONSIBILITY = 1e-12  # below, a sample adds nothing to the squares of a component
N_EM_ITERATIONS, N_KMEANS_ITERATIONS = 15, 10
N_FOLDS = 5  # that choose the number of components
MAX_STACKED_NUMBERS = 2**15  # of samples times components, of mixtures that are fitted together


class Components:
    """What mixtures share that have the sufficient statistics of their components."""

    @property
    def shares(self):
        """Return s_j, the probability of each component."""
        return (self.counts + 1) / (self.counts.sum() + len(self.counts))

    def log_density(self, X):
        """Return log p of each sample."""
        return logsumexp(self.log_joint(X), axis=1)

    def sample(self, n_samples, rng):
        """Return samples of p, in the order of the components.

        The number of each component is its share of n_samples, rounded up or down.
        """
        bounds = np.rint(n_samples * np.cumsum(self.shares)).astype(int)
        n_drawn = np.diff(bounds, prepend=0)
        return self.sample_of(np.repeat(np.arange(len(n_drawn)), n_drawn), rng)

    def draw(self, n_samples, rng):
        """Return independent samples of p."""
        return self.sample_of(rng.choice(len(self.shares), n_samples, p=self.shares), rng)

    def update(self, X, weights, decay):
        """Return the mixture after one step of expectation maximisation on new samples.

        The earlier sufficient statistics are multiplied by `decay` (stepwise expectation
        maximisation; Cappé & Moulines, 2009, J. Royal Statistical Society B 71).
        """
        new = self.statistics(X, softmax(self.log_joint(X), axis=1) * weights[:, None])
        earlier = self.counts, self.sums, self.squares
        updated = (decay * a + b for a, b in zip(earlier, new, strict=True))
        return self.maximise(*updated, self.floor)


@dataclass(frozen=True)
class Mixture(Components):
    """p(x) = sum_j s_j N(x; m_j, C_j), with the sufficient statistics that it follows from.

    `counts`, `sums` and `squares` are these statistics: sum_i r_ij, sum_i r_ij x_i and
    sum_i r_ij x_i x_i', where r_ij is the responsibility of component j for sample i times the
    weight of the sample. `means` holds m_j. `roots[j]` is a root of the inverse of C_j, so that
    |(x - m_j) roots[j]|**2 is the squared Mahalanobis distance. `log_norms[j]` is
    log(s_j / sqrt(det(2 pi C_j))). `floor`, the covariance of the rounding of the samples, is part
    of every C_j.
    """

    counts: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    means: np.ndarray
    roots: np.ndarray
    log_norms: np.ndarray
    floor: np.ndarray | float = 0.0

    @property
    def covariances(self):
        return np.linalg.inv(self.roots @ self.roots.transpose(0, 2, 1))

    def log_joint(self, X):
        """Return log(s_j N(x_i; m_j, C_j)) of each sample and component."""
        result = np.empty((len(X), len(self.means)))
        for j, (mean, root) in enumerate(zip(self.means, self.roots, strict=True)):
            whitened = X @ root
            whitened -= mean @ root
            result[:, j] = -0.5 * np.einsum("ij,ij->i", whitened, whitened)
        result += self.log_norms
        return result

    def sample_of(self, component, rng):
        noise = rng.standard_normal((len(component), self.means.shape[1]))
        for j in np.unique(component):
            mine = component == j
            # x = m + noise L' with C = L L'; the root R is the transposed inverse of L.
            noise[mine] = solve_triangular(self.roots[j], noise[mine].T, trans="T").T
        return noise + self.means[component]

    def contributions(self, X, axes):
        """Return what each column of Y adds to log p, where X = Y axes with orthonormal axes.

        The squared Mahalanobis distance is a sum of squares, one for each column of Y, if samples
        are whitened by the symmetric root and turned back by the axes. Components count by their
        responsibilities. The rest, a constant, is divided equally.
        """
        joint = self.log_joint(X)
        density = logsumexp(joint, axis=1)
        result = np.zeros((len(X), len(axes)))
        for j, (mean, root) in enumerate(zip(self.means, self.roots, strict=True)):
            left, values, _ = np.linalg.svd(root)
            whitener = (left * values) @ (axes @ left).T
            responsibility = np.exp(joint[:, j] - density)
            result -= 0.5 * responsibility[:, None] * np.square((X - mean) @ whitener)
        result += ((density - result.sum(axis=1)) / result.shape[1])[:, None]
        return result

    @staticmethod
    def statistics(X, weighted):
        """Return counts, sums and squares, given the weight of each sample in each component."""
        squares = []
        for of_component in weighted.T:
            is_near = of_component > MIN_RESPONSIBILITY
            near = X[is_near]
            squares.append((near * of_component[is_near, None]).T @ near)
        return weighted.sum(axis=0), weighted.T @ X, np.stack(squares)

    @staticmethod
    def maximise(counts, sums, squares, floor):
        """Return the most probable mixture, given sufficient statistics: the maximisation step.

        The arrays may have a further axis in front, for several mixtures.
        """
        total = counts.sum(axis=-1)[..., None]
        n_components, n_features = sums.shape[-2:]
        prior_count = n_features + 1
        means = sums / (counts + 1e-12)[..., None]
        scatters = squares - sums[..., :, None] * means[..., None, :]
        pooled = scatters.sum(axis=-3) / total[..., None]
        diagonal = (..., *np.diag_indices(n_features))
        variances = pooled[diagonal]
        mean_variance = np.maximum(variances.mean(axis=-1), 0.0)[..., None]
        pooled *= (total / (total + prior_count))[..., None]
        pooled[diagonal] = shrink_variances(variances, mean_variance, n_features, total)
        covariances = scatters + prior_count * pooled[..., None, :, :]
        covariances /= (counts + prior_count)[..., None, None]
        covariances += floor
        factors = np.linalg.cholesky(covariances)
        roots = np.linalg.inv(factors).swapaxes(-1, -2)
        log_norms = np.log((counts + 1) / (total + n_components))
        log_norms -= np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1)
        log_norms -= 0.5 * n_features * math.log(2 * math.pi)
        return Mixture(counts, sums, squares, means, roots, log_norms, floor)


def fit_mixture(X, weights, n_components, rng, floor=0.0):
    return fit_mixtures(X, weights[None], n_components, rng, floor)[0]


def fit_mixtures(X, weights, n_components, rng, floor=0.0):
    """Fit a mixture for each row of weights by expectation maximisation, starting from k-means.

    Each covariance is shrunk towards the pooled one, which counts as n_features + 1 samples, and
    the pooled one towards a multiple of the identity: the maximum a posteriori estimate of
    Fraley & Raftery, 2007, J. Classification 24, section 3. The `floor` is then added to it.
    """
    return _fit(X, weights, rng.random((len(weights), n_components)), floor)


def best_n_components(X, weights, candidates, rng, floor=0.0):
    """Return the number of components under which samples of left-out folds are most likely."""
    folds = rng.permutation(len(X)) % N_FOLDS
    seed = int(rng.integers(2**31))
    is_learned = folds != np.arange(N_FOLDS)[:, None]
    likelihoods = []
    for n_components in candidates:
        draws = np.tile(np.random.default_rng(seed).random(n_components), (N_FOLDS, 1))
        mixtures = _fit(X, np.where(is_learned, weights, 0.0), draws, floor)
        found = zip(mixtures, ~is_learned)
        likelihoods.append(sum(weights[out] @ each.log_density(X[out]) for each, out in found))
    return candidates[int(np.argmax(likelihoods))]


def _fit(X, weights, draws, floor):
    """Return a mixture for each row of weights, and of random numbers that k-means starts with.

    Small ones are fitted together, which takes a fraction of the time.
    """
    n_components = draws.shape[1]
    n_iterations = N_EM_ITERATIONS if n_components > 1 else 0
    if n_components * X.size > MAX_STACKED_NUMBERS and len(weights) > 1:
        rows = zip(weights, draws)
        return [_fit(X, own[None], numbers[None], floor)[0] for own, numbers in rows]
    _, labels = kmeans(X, weights, draws)
    weighted = (labels[:, None] == np.arange(n_components)[:, None]) * weights[:, None]
    if n_components * X.size > MAX_STACKED_NUMBERS:
        mixture = Mixture.maximise(*Mixture.statistics(X, weighted[0].T), floor)
        for _ in range(n_iterations):
            mixture = mixture.update(X, weights[0], decay=0.0)
        return [mixture]
    stack = Mixture.maximise(*_stacked_statistics(X, weighted), floor)
    for _ in range(n_iterations):
        weighted = softmax(_stacked_joint(stack, X), axis=1) * weights[:, None]
        stack = Mixture.maximise(*_stacked_statistics(X, weighted), floor)
    arrays = stack.counts, stack.sums, stack.squares, stack.means, stack.roots, stack.log_norms
    return [Mixture(*member, floor) for member in zip(*arrays)]


def _stacked_joint(stack, X):
    """Return log(s_j N(x_i; m_j, C_j)), of the shape (n_mixtures, n_components, n_samples)."""
    whitened = X @ stack.roots
    whitened -= stack.means[..., None, :] @ stack.roots
    return stack.log_norms[..., None] - 0.5 * np.square(whitened).sum(axis=-1)


def _stacked_statistics(X, weighted):
    """Return counts, sums and squares, given the weights of each sample in each component."""
    squares = (weighted[..., None] * X).swapaxes(-1, -2) @ X
    return weighted.sum(axis=-1), weighted @ X, squares


def shrink_variances(variances, mean, n_axes, total):
    shrinkage = (n_axes + 1) / (total + n_axes + 1)
    return (1 - shrinkage) * variances + (shrinkage + 1e-3) * mean + 1e-9


def measured_share(shrunk, mean, n_axes, total):
    """Return the variance that `shrink_variances` was given, relative to its result."""
    shrinkage = (n_axes + 1) / (total + n_axes + 1)
    return np.clip((1 - (shrinkage + 1e-3) * mean / shrunk) / (1 - shrinkage), 0, 1)


def kmeans(X, weights, draws):
    """Return centres and labels: k-means++ (Arthur & Vassilvitskii, 2007), then Lloyd's steps.

    Weights and draws, a random number for each cluster, have a row for each clustering.
    """
    n_stacked, n_clusters = draws.shape
    probabilities, distances = weights, np.inf  # the former up to a factor
    centers = np.empty((n_stacked, n_clusters, X.shape[1]))
    for j in range(n_clusters):
        cumulative = np.cumsum(probabilities, axis=1)
        is_before = cumulative < (draws[:, j] * cumulative[:, -1])[:, None]
        chosen = np.minimum(is_before.sum(axis=1), len(X) - 1)
        centers[:, j] = X[chosen]
        distances = np.minimum(distances, np.square(X - centers[:, j, None]).sum(axis=-1))
        weighted = weights * distances
        probabilities = np.where(weighted.sum(axis=1)[:, None] > 0, weighted, probabilities)
    all_centers = centers.reshape(-1, X.shape[1])
    first = n_clusters * np.arange(n_stacked)[:, None]  # of the centres of each clustering
    for _ in range(N_KMEANS_ITERATIONS):
        labels = np.argmin(np.square(centers).sum(axis=2)[..., None] - 2 * centers @ X.T, axis=1)
        members = (first + labels).ravel()
        count = partial(np.bincount, members, minlength=len(all_centers))
        counts = count(weights.ravel())
        sums = np.stack([count((weights * x).ravel()) for x in X.T], axis=1)
        found = counts > 0
        all_centers[found] = sums[found] / counts[found, None]
    return centers, labels
