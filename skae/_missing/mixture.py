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
MIN_SHARE = 1e-3  # probability of a component for a sample, to stay in its expectation steps
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
        m, shape = columns.shape[1], (len(self.shares), len(X))
        components, rows = all_pairs(*shape)
        log_joint, means, covariances = self.condition_pairs(X[rows], columns[rows], components)
        return (
            log_joint.reshape(shape).T,
            means.reshape(m, *shape).swapaxes(1, 2),
            covariances.reshape(m, m, *shape).swapaxes(2, 3),
        )

    def condition_pairs(self, X, columns, components):
        """Condition one component for each sample: `components` holds their ascending numbers.

        Return the same as `condition`, with one axis for the samples and their components.
        """
        m, n_features = columns.shape[1], X.shape[1]
        each, by_cell = np.arange(len(X))[:, None], np.ascontiguousarray(columns.T)
        deviations = X - self.means[components]
        deviations[each, columns] = 0
        weighted = np.empty_like(deviations)
        for j, part in parts_of(components, len(self.shares)):
            np.matmul(deviations[part], self.precisions[j], out=weighted[part])
        distances = np.einsum("ik,ik->i", deviations, weighted)
        slopes = np.ascontiguousarray(weighted[each, columns].T)
        covariances, log_dets = invert(self.precisions[components, by_cell[:, None], by_cell[None]])
        steps = np.einsum("pqi,qi->pi", covariances, slopes)
        distances -= np.einsum("pi,pi->i", slopes, steps)
        constants = self.log_norms[components] - 0.5 * (n_features - m) * math.log(2 * math.pi)
        log_joint = constants - 0.5 * (distances + log_dets)
        return log_joint, self.means[components, by_cell] - steps, covariances

    def labels(self, X):
        """Return the most probable component of each complete sample."""
        log_joint, _, _ = self.condition(X, np.zeros((len(X), 0), int))
        return log_joint.argmax(axis=1)

    def conditional_means(self, X, missing):
        """Return samples with their missing cells replaced by the conditional means."""
        filled = np.array(X, np.float64)
        for rows, columns in blocks(missing, len(self.shares)):
            log_joint, means, _ = self.condition(X[rows], columns)
            shares, _ = responsibilities(log_joint)
            filled[rows[:, None], columns] = np.einsum("ij,pij->ip", shares, means)
        return filled

    def draw(self, X, missing, rng):
        """Return samples with missing cells drawn from their joint conditional distribution."""
        return self.draws(X, missing, 1, rng)[0]

    def draws(self, X, missing, n_draws, rng):
        """Return copies of samples, of shape (n_draws, n_samples, n_features).

        Their missing cells are drawn from the joint conditional distribution.
        """
        filled = np.repeat(np.array(X, np.float64)[None], n_draws, axis=0)
        for rows, columns in blocks(missing, len(self.shares)):
            log_joint, means, covariances = self.condition(X[rows], columns)
            cumulative = np.cumsum(responsibilities(log_joint)[0], axis=1)
            levels = rng.random((n_draws, len(rows), 1)) * cumulative[:, -1:]
            drawn = (levels > cumulative).sum(axis=2)
            each = np.arange(len(rows))
            pairs, member = np.unique(each * len(self.shares) + drawn, return_inverse=True)
            used = covariances[:, :, *np.divmod(pairs, len(self.shares))]
            factors = np.linalg.cholesky(used.transpose(2, 0, 1))[member.reshape(drawn.shape)]
            noise = rng.standard_normal((n_draws, *columns.shape))
            steps = np.einsum("kipq,kiq->kip", factors, noise)
            filled[:, rows[:, None], columns] = means[:, each, drawn].transpose(1, 2, 0) + steps
        return filled


def all_pairs(n_components, n_rows):
    """Return the numbers of component and sample of all pairs, ordered by component."""
    components = np.repeat(np.arange(n_components), n_rows)
    return components, np.tile(np.arange(n_rows), n_components)


def parts_of(components, n_components):
    """Yield each component, and the slice of the pairs that have it."""
    ends = np.searchsorted(components, np.arange(n_components + 1))
    for j in range(n_components):
        yield j, slice(ends[j], ends[j + 1])


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
    mixture, last, shares = start, -math.inf, None
    n_components, total = len(start.shares), weights.sum()
    groups = list(blocks(missing, n_components))
    for _ in range(n_iterations):
        *statistics, log_likelihood, shares = _expect(mixture, X, groups, weights, shares)
        mixture = _maximise(*statistics, prior_count)
        if log_likelihood / total < last + MIN_GAIN_PER_FEATURE * X.shape[1]:
            break
        if last == -math.inf and n_components > 1:
            n_active = np.sum(shares > MIN_SHARE) / len(X)
            groups = list(blocks(missing, math.ceil(n_active)))
        last = log_likelihood / total
    return mixture


def _expect(mixture, X, groups, weights, shares=None):
    """Take the expectation step; return counts, sums, squares, the log likelihood, and shares.

    The latter are the probabilities of the components for each sample. If they are given, those
    below MIN_SHARE stay zero: a sample then takes part in few of many components.
    """
    n_components, n_features = mixture.means.shape
    counts, sums = np.zeros(n_components), np.zeros((n_components, n_features))
    squares = np.zeros((n_components, n_features, n_features))
    spreads, log_likelihood = np.zeros(squares.size), 0.0
    found = np.zeros((len(X), n_components))
    for rows, columns in groups:
        components, members = all_pairs(n_components, len(rows))
        if shares is not None:
            components, members = np.nonzero((shares[rows] > MIN_SHARE).T)
        columns, filled = columns[members], X[rows[members]]
        log_joint, means, covariances = mixture.condition_pairs(filled, columns, components)
        table = np.full((len(rows), n_components), -np.inf)
        table[members, components] = log_joint
        found[rows], log_density = responsibilities(table)
        log_likelihood += float(weights[rows] @ log_density)
        counted = found[rows[members], components] * weights[rows[members]]
        filled[np.arange(len(filled))[:, None], columns] = means.T
        weighted = filled * counted[:, None]
        for j, part in parts_of(components, n_components):
            counts[j] += counted[part].sum()
            sums[j] += weighted[part].sum(axis=0)
            squares[j] += weighted[part].T @ filled[part]
        covariances *= counted
        cells = columns.T[:, None] * n_features + columns.T[None] + components * n_features**2
        spreads += np.bincount(cells.ravel(), covariances.ravel(), minlength=spreads.size)
    squares += spreads.reshape(squares.shape)
    return counts, sums, squares, log_likelihood, found


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
