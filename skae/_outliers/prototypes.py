"""Prototypes: a mixture of narrow Gaussians around k-means centres, each with one width."""

from dataclasses import dataclass
import math

import numpy as np
from scipy.special import logsumexp, softmax

from skae._outliers.mixture import Components, kmeans

N_NEIGHBORS = 5  # nearest prototypes, whose distances determine the width of one


@dataclass(frozen=True)
class Prototypes(Components):
    """p(x) = sum_j s_j N(x; m_j, v_j I + diag(floor)), with its sufficient statistics.

    `counts`, `sums` and `squares` are the sums of r_ij, r_ij x_i and r_ij |x_i|**2, where r_ij is
    the responsibility of prototype j for sample i times the weight of the sample. `means` holds
    m_j, `variances` the diagonals of the covariances, `log_norms` log(s_j / sqrt(det(2 pi C_j))).
    """

    counts: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    means: np.ndarray
    variances: np.ndarray
    log_norms: np.ndarray
    floor: np.ndarray

    def log_joint(self, X):
        """Return log(s_j N(x_i; m_j, C_j)) of each sample and prototype."""
        precisions = 1 / self.variances
        distances = np.square(X) @ precisions.T
        distances -= 2 * X @ (self.means * precisions).T
        distances += (np.square(self.means) * precisions).sum(axis=1)
        return self.log_norms - 0.5 * np.maximum(distances, 0)

    def sample_of(self, component, rng):
        noise = rng.standard_normal((len(component), self.means.shape[1]))
        return self.means[component] + noise * np.sqrt(self.variances[component])

    def contributions(self, X, axes):
        """Return what each column of Y adds to log p, where X = Y axes: see `Mixture`."""
        joint = self.log_joint(X)
        density = logsumexp(joint, axis=1)
        result = np.zeros((len(X), len(axes)))
        for mean, variance, share in zip(self.means, self.variances, softmax(joint, axis=1).T):
            near = np.flatnonzero(share > np.finfo(float).eps)
            whitened = ((X[near] - mean) / np.sqrt(variance)) @ axes.T
            result[near] -= 0.5 * share[near, None] * np.square(whitened)
        result += ((density - result.sum(axis=1)) / result.shape[1])[:, None]
        return result

    @staticmethod
    def statistics(X, weighted):
        return weighted.sum(axis=0), weighted.T @ X, weighted.T @ np.square(X).sum(axis=1)

    @staticmethod
    def maximise(counts, sums, squares, floor):
        """Return prototypes with the given sufficient statistics.

        The variance of a prototype is that of its samples; the mean squared distance to the nearest
        other prototypes counts as one more sample for each of these.
        """
        n_prototypes, n_features = sums.shape
        means = sums / (counts + 1e-12)[:, None]
        scatters = np.maximum(squares - (sums * means).sum(axis=1), 0)
        norms = np.square(means).sum(axis=1)
        distances = np.maximum(norms[:, None] + norms - 2 * means @ means.T, 0)
        np.fill_diagonal(distances, np.inf)
        n_neighbors = min(N_NEIGHBORS, n_prototypes - 1)
        nearest = np.partition(distances, max(n_neighbors - 1, 0), axis=1)[:, :n_neighbors]
        variances = (scatters + nearest.sum(axis=1)) / (counts + n_neighbors) / n_features
        pooled = scatters.sum() / counts.sum() / n_features
        variances = variances[:, None] + (1e-3 * pooled + 1e-9) + floor
        log_norms = np.log((counts + 1) / (counts.sum() + n_prototypes))
        log_norms -= 0.5 * np.log(2 * math.pi * variances).sum(axis=1)
        return Prototypes(counts, sums, squares, means, variances, log_norms, floor)


def fit_prototypes(X, weights, n_prototypes, rng, floor):
    """Return prototypes at the centres of k-means; `floor` is the least variance of each axis."""
    [centers], [labels] = kmeans(X, weights[None], rng.random((1, n_prototypes)))
    used = np.bincount(labels, weights, len(centers)) > 0
    labels = (np.cumsum(used) - 1)[labels]
    counts = np.bincount(labels, weights)
    squares = np.bincount(labels, weights * np.square(X).sum(axis=1))
    return Prototypes.maximise(counts, counts[:, None] * centers[used], squares, floor)
