"""Mixtures of Gaussians: a density with few rows to each component, learned in one go or on."""

from dataclasses import dataclass
import math

import numpy as np
from scipy.special import logsumexp

BLOCK = 4096
FAR = 1e-12
N_ITERATIONS = 15
N_ITERATIONS_OF_MEANS = 10


@dataclass(frozen=True)
class Mixture:
    """p(x) = sum_j s_j N(x; m_j, C_j), kept as what learning sums up and what scoring needs.

    `roots[j]` is a root of the inverse of C_j, so that |(x - m_j) roots[j]|**2 is the squared
    Mahalanobis distance, `log_norms[j]` the logarithm of s_j over the root of det(2 pi C_j).
    `counts`, `sums` and `squares` are the sufficient
    statistics: sum_i r_ij, sum_i r_ij x_i and sum_i r_ij x_i x_i'.
    """

    counts: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    means: np.ndarray
    roots: np.ndarray
    log_norms: np.ndarray

    def log_joint(self, X):
        """log(s_j N(x_i; m_j, C_j)) of each row and component."""
        result = np.empty((len(X), len(self.means)))
        for j, (mean, root) in enumerate(zip(self.means, self.roots, strict=True)):
            whitened = X @ root
            whitened -= mean @ root
            result[:, j] = -0.5 * np.einsum("ij,ij->i", whitened, whitened)
        result += self.log_norms
        return result

    def log_density(self, X):
        """log p of each row."""
        return logsumexp(self.log_joint(X), axis=1)

    def contributions(self, X, axes):
        """What each column adds to log p, the rows being X = Y axes with orthonormal axes.

        A component's exponent is the square of the row, whitened by the symmetric root;
        turned back into the columns of Y it is a sum of squares, one a column. Components
        count by their responsibilities; the constant that is left is shared out evenly.
        """
        joint = self.log_joint(X)
        density = logsumexp(joint, axis=1)
        result = np.zeros((len(X), len(axes)))
        for j, (mean, root) in enumerate(zip(self.means, self.roots, strict=True)):
            left, values, _ = np.linalg.svd(root)
            whitener = (left * values) @ (axes @ left).T
            share = np.exp(joint[:, j] - density)
            result -= 0.5 * share[:, None] * np.square((X - mean) @ whitener)
        result += ((density - result.sum(axis=1)) / result.shape[1])[:, None]
        return result

    def update(self, X, weights, decay):
        """The mixture after one more step of learning, on new rows.

        Stepwise expectation maximisation (Cappé & Moulines, 2009, J. Royal Statistical
        Society B 71): what was summed up before counts `decay` times.
        """
        statistics = _summed(X, weights, _responsibilities(self, X))
        before = (self.counts, self.sums, self.squares)
        return _maximised(*(decay * a + b for a, b in zip(before, statistics, strict=True)))


def fit_mixture(X, weights, n_components, rng):
    """Expectation maximisation from a k-means start; weights count as copies of rows.

    Every covariance is drawn towards the pooled one, which counts as d + 1 rows, and that
    one towards a multiple of the identity: the maximum a posteriori of Fraley & Raftery,
    2007, J. Classification 24, section 3.
    """
    nearest = _cluster(X, weights, n_components, rng)
    responsibilities = np.eye(n_components)[nearest]
    mixture = _maximised(*_summed(X, weights, responsibilities))
    for _ in range(N_ITERATIONS if n_components > 1 else 0):
        mixture = _maximised(*_summed(X, weights, _responsibilities(mixture, X)))
    return mixture


def _responsibilities(mixture, X):
    joint = mixture.log_joint(X)
    joint -= logsumexp(joint, axis=1, keepdims=True)
    return np.exp(joint, out=joint)


def _summed(X, weights, responsibilities):
    """The sufficient statistics of the rows; a component's far rows add nothing to squares."""
    shares = responsibilities * weights[:, None]
    squares = []
    for share, near in zip(shares.T, (responsibilities > FAR).T):
        rows = X[near]
        squares.append((rows * share[near, None]).T @ rows)
    return shares.sum(axis=0), shares.T @ X, np.stack(squares)


def _maximised(counts, sums, squares):
    """The mixture that is most probable, given the sufficient statistics."""
    total = counts.sum()
    n_components, n_features = sums.shape
    prior = n_features + 1
    means = sums / (counts + 1e-12)[:, None]
    scatters = squares - sums[:, :, None] * means[:, None, :]
    pooled = scatters.sum(axis=0) / total
    diagonal = np.diag_indices(n_features)
    variances = pooled[diagonal]
    mean = max(variances.mean(), 0.0)
    pooled *= total / (total + prior)
    pooled[diagonal] = drawn_to_mean(variances, mean, n_features, total)
    covariances = (scatters + prior * pooled) / (counts + prior)[:, None, None]
    factors = np.linalg.cholesky(covariances)
    roots = np.linalg.inv(factors).transpose(0, 2, 1)
    log_norms = np.log((counts + 1) / (total + n_components))
    log_norms -= np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
    log_norms -= 0.5 * n_features * math.log(2 * math.pi)
    return Mixture(counts, sums, squares, means, roots, log_norms)


def drawn_to_mean(variances, mean, n_axes, total):
    """Variances drawn towards their mean, which counts as one row more than there are axes."""
    share = (n_axes + 1) / (total + n_axes + 1)
    return (1 - share) * variances + (share + 1e-3) * mean + 1e-9


def _cluster(X, weights, n_clusters, rng):
    """Number of each row's cluster: k-means++ (Arthur & Vassilvitskii, 2007), then Lloyd's.

    One random number a cluster, whatever the number of rows.
    """
    chances = weights
    centers, distances = [], np.inf
    for draw in rng.random(n_clusters):
        reached = np.cumsum(chances)
        chosen = min(int(np.searchsorted(reached, draw * reached[-1])), len(X) - 1)
        centers.append(X[chosen])
        distances = np.minimum(distances, np.square(X - X[chosen]).sum(axis=1))
        if (weights @ distances) > 0:
            chances = weights * distances
    centers = np.array(centers)
    for _ in range(N_ITERATIONS_OF_MEANS):
        nearest = np.argmin(np.square(centers).sum(axis=1) - 2 * X @ centers.T, axis=1)
        for j in range(n_clusters):
            mine = nearest == j
            if weights[mine].sum() > 0:
                centers[j] = weights[mine] @ X[mine] / weights[mine].sum()
    return nearest
