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

BLOCK_NUMBERS = 2**18  # of the matrices of a block of samples, which fit into the cache
MIN_MATRICES, MAX_CELLS = 40, 32  # of matrices that are factorised together; else LAPACK is faster
MIN_VARIANCE = 1e-3  # of a standardised feature, given all others
MIN_SHARE = 1e-3  # of the highest probability of a sample, for a component to stay in its steps
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

    @cached_property
    def is_tied(self):
        """Return whether all components have the same covariance."""
        return bool((self.covariances == self.covariances[0]).all())

    def condition(self, X, block):
        """Condition each component on the observed cells of the samples of a block.

        Return the log of the joint density of component and observed cells, of shape
        (n_rows, n_components), and the conditional means of the m missing cells of each sample, of
        shape (m, n_rows, n_components).
        """
        shape = len(self.shares), len(X)
        components, rows = all_pairs(*shape)
        is_repeated = self.is_tied or 2 * len(block.patterns) <= len(X)
        inverses = self.conditional_covariances(block, components, rows) if is_repeated else None
        pairs = X[rows], block.columns[rows], components
        log_joint, means = self.condition_pairs(*pairs, inverses)
        return log_joint.reshape(shape).T, means.reshape(-1, *shape).swapaxes(1, 2)

    def condition_pairs(self, X, columns, components, inverses=None):
        """Condition one component for each sample: `components` holds their ascending numbers.

        Return the same as `condition`, with one axis for the samples and their components.
        `inverses` are what `conditional_covariances` returns for these, if it is known.
        """
        m, n_features = columns.shape[1], X.shape[1]
        each = np.arange(len(X))[:, None]
        deviations = X - self.means[components]
        deviations[each, columns] = 0
        weighted = np.empty_like(deviations)
        for j, part in parts_of(components, len(self.shares)):
            np.matmul(deviations[part], self.precisions[j], out=weighted[part])
        distances = np.einsum("ik,ik->i", deviations, weighted)
        slopes = np.ascontiguousarray(weighted[each, columns].T)
        if inverses is None:
            steps, log_dets = solve(self._precisions_at(columns, components), slopes.copy())
        else:
            covariances, log_dets, _, member = inverses
            steps = np.einsum("pqi,qi->pi", covariances[:, :, member], slopes)
            log_dets = log_dets[member]
        distances -= np.einsum("pi,pi->i", slopes, steps)
        constants = self.log_norms[components] - 0.5 * (n_features - m) * math.log(2 * math.pi)
        means = self.means[components, np.ascontiguousarray(columns.T)] - steps
        return constants - 0.5 * (distances + log_dets), means

    def conditional_covariances(self, block, components, rows):
        """Return the conditional covariances of the missing cells for pairs of component and row.

        Pairs with the same component and pattern share one. Return the covariances, of shape
        (m, m, n_distinct); the logs of the determinants of their inverses; the component and the
        pattern of each; and which of them each pair has.
        """
        n_patterns = len(block.patterns)
        keys = components * n_patterns + block.member[rows]
        keys, member = np.unique(keys, return_inverse=True)
        components, patterns = np.divmod(keys, n_patterns)
        if self.is_tied:
            covariances, log_dets = invert(self._precisions_at(block.patterns, 0))
            covariances, log_dets = covariances[:, :, patterns], log_dets[patterns]
        else:
            columns = block.patterns[patterns]
            covariances, log_dets = invert(self._precisions_at(columns, components))
        return covariances, log_dets, (components, patterns), member

    def _precisions_at(self, columns, components):
        """Return the precisions of given columns and components, of shape (m, m, n)."""
        return np.take(self.precisions, cells_of(columns, components, self.means.shape[1]))

    def labels(self, X):
        """Return the most probable component of each complete sample."""
        none = np.zeros((1, 0), int), np.zeros(len(X), int)
        log_joint, _ = self.condition(X, Block(np.arange(len(X)), *none))
        return log_joint.argmax(axis=1)

    def conditional_means(self, X, missing):
        filled = np.array(X, np.float64)
        for block in blocks(missing, len(self.shares)):
            log_joint, means = self.condition(X[block.rows], block)
            shares, _ = responsibilities(log_joint)
            filled[block.rows[:, None], block.columns] = np.einsum("ij,pij->ip", shares, means)
        return filled

    def draws(self, X, missing, n_draws, rng):
        """Return copies of samples, of shape (n_draws, n_samples, n_features).

        Their missing cells are drawn from the joint conditional distribution.
        """
        filled = np.repeat(np.array(X, np.float64)[None], n_draws, axis=0)
        for block in blocks(missing, len(self.shares)):
            rows, columns = block.rows, block.columns
            log_joint, means = self.condition(X[rows], block)
            cumulative = np.cumsum(responsibilities(log_joint)[0], axis=1)
            levels = rng.random((n_draws, len(rows), 1)) * cumulative[:, -1:]
            drawn = (levels > cumulative).sum(axis=2)
            each = np.broadcast_to(np.arange(len(rows)), drawn.shape)
            pairs = drawn.ravel(), each.ravel()
            covariances, _, _, member = self.conditional_covariances(block, *pairs)
            factors = np.linalg.cholesky(covariances.transpose(2, 0, 1))
            noise = rng.standard_normal((n_draws, *columns.shape))
            steps = np.einsum("kipq,kiq->kip", factors[member.reshape(drawn.shape)], noise)
            filled[:, rows[:, None], columns] = means[:, each, drawn].transpose(1, 2, 0) + steps
        return filled


def all_pairs(n_components, n_rows):
    components = np.repeat(np.arange(n_components), n_rows)
    return components, np.tile(np.arange(n_rows), n_components)


def cells_of(columns, components, n_features):
    """Return the flat indices into covariances of pairs of columns, of shape (m, m, n)."""
    by_cell = np.ascontiguousarray(columns.T)
    return by_cell[:, None] * n_features + by_cell + components * n_features**2


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


def is_for_lapack(A):
    """Return whether matrices, of shape (m, m, n), are few or large: LAPACK takes one by one."""
    return len(A) > MAX_CELLS or A.shape[2] < MIN_MATRICES


def factorise(A):
    """Replace the lower triangles of A by Cholesky factors; return the logs of the determinants.

    A has shape (m, m, n) and holds n positive definite matrices, all of them factorised at once.
    """
    for p in range(len(A)):
        A[p:, p] -= np.einsum("qki,ki->qi", A[p:, :p], A[p, :p])
        A[p:, p] /= np.sqrt(A[p, p])
    return 2 * np.log(np.einsum("ppi->pi", A)).sum(axis=0)


def solve(A, b):
    """Return the solutions x of A x = b, and the logs of the determinants of A.

    A has shape (m, m, n) and holds positive definite matrices, b has shape (m, n); both are spent.
    """
    if is_for_lapack(A):
        stacked = np.moveaxis(A, 2, 0)
        return np.linalg.solve(stacked, b.T[..., None])[..., 0].T, log_determinants(stacked)
    log_dets = factorise(A)
    for p in range(len(A)):
        b[p] -= np.einsum("ki,ki->i", A[p, :p], b[:p])
        b[p] /= A[p, p]
    for p in reversed(range(len(A))):
        b[p] -= np.einsum("ki,ki->i", A[p + 1 :, p], b[p + 1 :])
        b[p] /= A[p, p]
    return b, log_dets


def invert(A):
    """Return the inverses of A, of shape (m, m, n), and the logs of their determinants; A is spent.

    With A = L L' and Z the inverse of L, the inverse of A is Z' Z.
    """
    if is_for_lapack(A):
        stacked = np.moveaxis(A, 2, 0)
        return np.moveaxis(np.linalg.inv(stacked), 0, 2), log_determinants(stacked)
    log_dets = factorise(A)
    Z = np.zeros_like(A)
    for p in range(len(A)):
        Z[p, p] = 1 / A[p, p]
        Z[p, :p] -= np.einsum("ki,kqi->qi", A[p, :p], Z[:p, :p]) * Z[p, p]
    for p in range(len(A)):
        np.einsum("ki,kqi->qi", Z[p:, p], Z[p:, : p + 1], out=A[p, : p + 1])
        A[:p, p] = A[p, :p]
    return A, log_dets


def log_determinants(matrices):
    """Return the logs of the determinants of positive definite matrices, of shape (n, m, m)."""
    roots = np.linalg.cholesky(matrices)
    return 2 * np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)


@dataclass(frozen=True)
class Block:
    """Samples with the same number m of missing cells.

    `rows` are their numbers, `patterns` the columns of the missing cells of each pattern, of shape
    (n_patterns, m), and `member` is the pattern of each sample.
    """

    rows: np.ndarray
    patterns: np.ndarray
    member: np.ndarray

    @property
    def columns(self):
        """Return the columns of the missing cells of each sample, of shape (n_rows, m)."""
        return self.patterns[self.member]


def blocks(missing, n_components=1):
    """Yield blocks of samples; those with the same pattern follow each other."""
    counts, bits = missing.sum(axis=1), np.packbits(missing, axis=1)
    patterns = np.unique(bits, axis=0, return_inverse=True)[1].ravel()
    order = np.lexsort((patterns, counts))
    for m in np.unique(counts):
        same = order[counts[order] == m]
        n_rows = max(BLOCK_NUMBERS // (n_components * (m * m + missing.shape[1])), 1)
        for start in range(0, len(same), n_rows):
            rows = same[start : start + n_rows]
            _, first, member = np.unique(patterns[rows], return_index=True, return_inverse=True)
            columns = np.nonzero(missing[rows[first]])[1].reshape(len(first), m)
            yield Block(rows, columns, member)


def standard_normal(n_features):
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
            n_active = np.count_nonzero(shares) / len(X)
            groups = list(blocks(missing, math.ceil(n_active)))
        last = log_likelihood / total
    return mixture


def _expect(mixture, X, groups, weights, shares=None):
    """Take the expectation step; return counts, sums, squares, the log likelihood, and shares.

    The latter are the probabilities of the components for each sample, of which small ones are
    zero. Zeros that are given stay zero: a sample then takes part in few of many components.
    """
    n_components, n_features = mixture.means.shape
    counts, sums = np.zeros(n_components), np.zeros((n_components, n_features))
    squares = np.zeros((n_components, n_features, n_features))
    spreads, log_likelihood = np.zeros(squares.size), 0.0
    found = np.zeros((len(X), n_components))
    for block in groups:
        rows = block.rows
        components, members = all_pairs(n_components, len(rows))
        if shares is not None:
            components, members = np.nonzero(shares[rows].T)
        inverses = mixture.conditional_covariances(block, components, members)
        pairs = X[rows[members]], block.columns[members], components
        log_joint, means = mixture.condition_pairs(*pairs, inverses)
        table = np.full((len(rows), n_components), -np.inf)
        table[members, components] = log_joint
        probabilities, log_density = responsibilities(table)
        log_likelihood += float(weights[rows] @ log_density)
        probabilities[probabilities < MIN_SHARE * probabilities.max(axis=1, keepdims=True)] = 0
        found[rows] = probabilities / probabilities.sum(axis=1, keepdims=True)
        used = np.flatnonzero(probabilities[members, components])
        components, members = components[used], members[used]
        counted = found[rows[members], components] * weights[rows[members]]
        filled, columns = pairs[0][used], block.columns[members]
        filled[np.arange(len(used))[:, None], columns] = means[:, used].T
        weighted = filled * counted[:, None]
        for j, part in parts_of(components, n_components):
            counts[j] += counted[part].sum()
            sums[j] += weighted[part].sum(axis=0)
            squares[j] += weighted[part].T @ filled[part]
        covariances, _, (components, patterns), member = inverses
        totals = np.bincount(member[used], counted, minlength=len(components))
        kept = np.flatnonzero(totals)
        cells = cells_of(block.patterns[patterns[kept]], components[kept], n_features)
        added = covariances[:, :, kept] * totals[kept]
        spreads += np.bincount(cells.ravel(), added.ravel(), minlength=spreads.size)
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
