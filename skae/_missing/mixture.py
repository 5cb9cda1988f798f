"""Mixtures of Gaussians fitted to incomplete samples, and the conditional moments of their cells.

The expectation step conditions on the observed cells of each sample and integrates over the missing
ones: Ghahramani & Jordan, 1994, NIPS 6, "Supervised learning from incomplete data via an EM
approach". With one component it is the Gaussian of Little & Rubin, 2002, "Statistical Analysis with
Missing Data", section 11.2.
"""

from dataclasses import asdict, dataclass
from functools import cached_property
import math

import numpy as np

BLOCK_NUMBERS = 2**17  # of the matrices of a block of samples, which fit into the cache
MAX_SWEPT_CELLS = 24  # missing in a sample; for more, LAPACK is faster
MIN_VARIANCE = 1e-3  # of a standardised feature, given all others
N_ITERATIONS, MIN_GAIN_PER_FEATURE = 30, 1e-4  # of expectation maximisation; in log likelihood


@dataclass(frozen=True)
class Mixture:
    """p(x) = sum_j s_j N(x; m_j, C_j): `shares`, `means` and `covariances`."""

    shares: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    asdict = asdict

    @cached_property
    def precisions(self):
        """Return the inverses of the covariances."""
        return np.linalg.inv(self.covariances)

    @cached_property
    def log_norms(self):
        """Return log(s_j / sqrt(det C_j))."""
        return np.log(self.shares) - 0.5 * np.linalg.slogdet(self.covariances)[1]

    def condition(self, X, columns):
        """Condition each component on the observed cells of samples.

        The samples have the same number m of missing cells, in `columns`, an ndarray of shape
        (n_rows, m). Return the log of the joint density of component and observed cells, of shape
        (n_rows, n_components); the conditional means of the missing cells, of shape
        (m, n_rows, n_components); and their conditional covariances, of shape
        (m, m, n_rows, n_components).
        """
        m, n_features = columns.shape[1], X.shape[1]
        deviations = X - self.means[:, None]
        deviations[:, np.arange(len(X))[:, None], columns] = 0
        weighted = deviations @ self.precisions
        distances = np.einsum("jik,jik->ij", deviations, weighted)
        by_cell = np.ascontiguousarray(columns.T)
        slopes = weighted.transpose(2, 1, 0)[by_cell, np.arange(len(X))]
        covariances, log_dets = invert(self._precisions_last[by_cell[:, None], by_cell[None]])
        steps = np.einsum("pqij,qij->pij", covariances, slopes)
        distances -= np.einsum("pij,pij->ij", slopes, steps)
        constants = self.log_norms - 0.5 * (n_features - m) * math.log(2 * math.pi)
        return constants - 0.5 * (distances + log_dets), self.means.T[by_cell] - steps, covariances

    @cached_property
    def _precisions_last(self):
        """Return the precisions with the components along the last axis."""
        return np.ascontiguousarray(self.precisions.transpose(1, 2, 0))

    def conditional_means(self, X, missing):
        """Return samples with their missing cells replaced by the conditional means."""
        filled = np.array(X, np.float64)
        for rows, columns in blocks(missing, len(self.shares)):
            log_joint, means, _ = self.condition(X[rows], columns)
            shares, _ = responsibilities(log_joint)
            filled[rows[:, None], columns] = np.einsum("ij,pij->ip", shares, means)
        return filled

    def conditional_variances(self, X, missing):
        """Return the conditional variance of each missing cell, zero for observed cells."""
        variances = np.zeros(X.shape)
        for rows, columns in blocks(missing, len(self.shares)):
            log_joint, means, covariances = self.condition(X[rows], columns)
            shares, _ = responsibilities(log_joint)
            mean = np.einsum("ij,pij->pi", shares, means)
            within = np.einsum("ppij->pij", covariances)
            squares = within + np.square(means - mean[:, :, None])
            variances[rows[:, None], columns] = np.einsum("ij,pij->ip", shares, squares)
        return variances

    def draw(self, X, missing, rng):
        """Return samples with missing cells drawn from their joint conditional distribution."""
        filled = np.array(X, np.float64)
        for rows, columns in blocks(missing, len(self.shares)):
            log_joint, means, covariances = self.condition(X[rows], columns)
            cumulative = np.cumsum(responsibilities(log_joint)[0], axis=1)
            drawn = (rng.random((len(rows), 1)) * cumulative[:, -1:] > cumulative).sum(axis=1)
            each = np.arange(len(rows))
            factors = np.linalg.cholesky(covariances[:, :, each, drawn].transpose(2, 0, 1))
            noise = rng.standard_normal(columns.shape)
            steps = np.einsum("ipq,iq->ip", factors, noise)
            filled[rows[:, None], columns] = means[:, each, drawn].T + steps
        return filled


def responsibilities(log_joint):
    """Return the probability of each component, and the log density of the observed cells."""
    highest = log_joint.max(axis=1, keepdims=True)
    probabilities = np.exp(log_joint - highest)
    totals = probabilities.sum(axis=1, keepdims=True)
    probabilities /= totals
    return probabilities, (highest + np.log(totals))[:, 0]


def invert(A):
    """Return the inverses of positive definite matrices, and the logs of their determinants.

    A has shape (m, m, ...) and is spent. Small matrices are inverted all at once, by Gauss-Jordan
    elimination: LAPACK takes several times as long, one matrix after the other.
    """
    m = len(A)
    log_dets = np.zeros(A.shape[2:])
    if m > MAX_SWEPT_CELLS:
        stacked = np.ascontiguousarray(np.moveaxis(A, (0, 1), (-2, -1)))
        log_dets = np.linalg.slogdet(stacked)[1]
        return np.moveaxis(np.linalg.inv(stacked), (-2, -1), (0, 1)), log_dets
    product = np.empty_like(A)
    for p in range(m):
        pivot, column = A[p, p].copy(), A[:, p].copy()
        log_dets += np.log(pivot)
        row = A[p] / pivot
        np.multiply(column[:, None], row, out=product)
        A -= product
        A[p] = row
        A[:, p] = -column / pivot
        A[p, p] = 1 / pivot
    return A, log_dets


def blocks(missing, n_components=1):
    """Yield blocks of samples with the same number of missing cells: rows, and these columns."""
    counts = missing.sum(axis=1)
    for m in np.unique(counts):
        rows = np.flatnonzero(counts == m)
        columns = np.nonzero(missing[rows])[1].reshape(len(rows), m)
        n_rows = max(BLOCK_NUMBERS // (n_components * (m * m + missing.shape[1])), 1)
        for start in range(0, len(rows), n_rows):
            yield rows[start : start + n_rows], columns[start : start + n_rows]


def standard_normal(n_features):
    """Return the mixture of one standard normal component."""
    return Mixture(np.ones(1), np.zeros((1, n_features)), np.eye(n_features)[None])


def fit_mixture(X, missing, weights, start, prior_count, n_iterations=N_ITERATIONS):
    """Fit a mixture to standardised samples by expectation maximisation, from a start.

    Covariances are shrunk: the pooled one counts `prior_count` samples of independent features,
    that of each of several components n_features + 1 samples of the pooled one (the maximum a
    posteriori estimate of Fraley & Raftery, 2007, J. Classification 24, section 3). A weight of
    two counts as two copies.
    """
    mixture, last = start, -math.inf
    groups, total = list(blocks(missing, len(start.shares))), weights.sum()
    for _ in range(n_iterations):
        *statistics, log_likelihood = _expect(mixture, X, groups, weights)
        mixture = _maximise(*statistics, prior_count)
        if log_likelihood / total < last + MIN_GAIN_PER_FEATURE * X.shape[1]:
            break
        last = log_likelihood / total
    return mixture


def _expect(mixture, X, groups, weights):
    """Return expected counts, sums and squares, and the log likelihood: the expectation step."""
    n_components, n_features = mixture.means.shape
    counts, sums = np.zeros(n_components), np.zeros((n_components, n_features))
    squares = np.zeros((n_components, n_features, n_features))
    spreads = np.zeros(n_features * n_features * n_components)
    log_likelihood = 0.0
    for rows, columns in groups:
        log_joint, means, covariances = mixture.condition(X[rows], columns)
        shares, log_density = responsibilities(log_joint)
        log_likelihood += float(weights[rows] @ log_density)
        shares *= weights[rows][:, None]
        filled = np.repeat(X[rows][None], n_components, axis=0)
        filled[:, np.arange(len(rows))[:, None], columns] = means.transpose(2, 1, 0)
        counts += shares.sum(axis=0)
        weighted = filled * shares.T[:, :, None]
        sums += weighted.sum(axis=1)
        squares += weighted.transpose(0, 2, 1) @ filled
        covariances *= shares
        cells = columns.T[:, None] * n_features + columns.T[None]
        flat = cells[..., None] * n_components + np.arange(n_components)
        spreads += np.bincount(flat.ravel(), covariances.ravel(), minlength=len(spreads))
    squares += spreads.reshape(n_features, n_features, n_components).transpose(2, 0, 1)
    return counts, sums, squares, log_likelihood


def _maximise(counts, sums, squares, prior_count):
    """Return the most probable mixture, given expected statistics: the maximisation step."""
    total, (n_components, n_features) = counts.sum(), sums.shape
    diagonal = np.arange(n_features)
    means = sums / (counts + 1e-12)[:, None]
    scatters = squares - sums[:, :, None] * means[:, None, :]
    pooled = scatters.sum(axis=0)
    variances = pooled[diagonal, diagonal] / total
    pooled[diagonal, diagonal] += prior_count * (variances + variances.mean()) / 2
    pooled /= total + prior_count
    pooled[diagonal, diagonal] += MIN_VARIANCE
    if n_components == 1:
        return Mixture(np.ones(1), means, pooled[None])
    covariances = scatters + (n_features + 1) * pooled
    covariances /= (counts + n_features + 1)[:, None, None]
    return Mixture((counts + 1) / (total + n_components), means, covariances)
