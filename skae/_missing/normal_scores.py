"""Mixtures of normal scores, for features that are skewed, heavy-tailed or discrete.

A mixture of Gaussians describes the normal scores of the ranks of the values. With one component
this is the Gaussian copula, or nonparanormal distribution (Liu, Lafferty & Wasserman, 2009, JMLR
10), which Zhao & Udell (2020, KDD) fill missing values with.
"""

from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtri

from skae._missing.mixture import Mixture, blocks, responsibilities

MAX_KNOTS = 200
BLOCK_CELLS = 2**17  # of samples that are filled together
NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
NODE_WEIGHTS = NODE_WEIGHTS / NODE_WEIGHTS.sum()
MIN_PROBABILITY = 1e-3  # of a component for a sample, to count in its conditional mean


@dataclass(frozen=True)
class NormalScores:
    """Piecewise linear maps of features to normal scores and back.

    `knots` holds for each feature its values and their scores, both in ascending order. Values
    beyond those of training have the score of the nearest one.
    """

    knots: list

    def forward(self, X, missing):
        """Return the scores of samples, zero for missing cells."""
        scores = [np.interp(column, *pair) for column, pair in zip(X.T, self.knots, strict=True)]
        return np.where(missing, 0, np.column_stack(scores))

    def backward(self, scores, columns):
        """Return the values of scores; `columns` holds the feature of each row of `scores`."""
        values = np.empty_like(scores)
        for j in np.unique(columns):
            chosen = columns == j
            values[chosen] = np.interp(scores[chosen], *self.knots[j][::-1])
        return values


def fit_scores(X, missing, weights):
    """Return the NormalScores of the observed cells of samples.

    The score of a value is the normal quantile of its weighted mid-rank. Scores are standardised:
    those of discrete features vary less than a normal variable.
    """
    knots = []
    for column, gaps in zip(X.T, missing.T):
        if gaps.all():
            knots.append((np.zeros(1), np.zeros(1)))
            continue
        values, member = np.unique(column[~gaps], return_inverse=True)
        shares = np.bincount(member.ravel(), weights[~gaps])
        shares /= shares.sum()
        scores = ndtri(np.cumsum(shares) - shares / 2)
        scores -= shares @ scores
        deviation = np.sqrt(shares @ np.square(scores))
        scores /= deviation if deviation > 0 else 1
        chosen = np.unique(np.linspace(0, len(values) - 1, MAX_KNOTS).round().astype(int))
        knots.append((values[chosen], scores[chosen]))
    return NormalScores(knots)


@dataclass(frozen=True)
class ScoreMixture:
    """A mixture of Gaussians of the normal scores of samples.

    `knots` are those of NormalScores.
    """

    shares: np.ndarray
    means: np.ndarray
    covariances: np.ndarray
    knots: list

    asdict = asdict

    @cached_property
    def mixture(self):
        return Mixture(self.shares, self.means, self.covariances)

    @cached_property
    def maps(self):
        """Return the maps between values and scores."""
        return NormalScores(self.knots)

    def conditional_means(self, X, missing):
        """Return samples with their missing cells replaced by the conditional means.

        These are integrals over normal scores, by Gauss-Hermite quadrature.
        """
        filled = np.array(X, np.float64)
        n_rows = max(BLOCK_CELLS // X.shape[1], 1)
        for start in range(0, len(X), n_rows):
            rows = slice(start, start + n_rows)
            means = self._expected_values(X[rows], missing[rows])
            np.copyto(filled[rows], means, where=missing[rows])
        return filled

    def _expected_values(self, X, missing):
        """Return the conditional means of missing cells, zero for observed ones."""
        cells, shares, centers, deviations = self._conditional_scores(X, missing)
        columns = cells % X.shape[1]
        values = self.maps.backward(centers[:, None] + deviations[:, None] * NODES, columns)
        means = np.bincount(cells, shares * (values @ NODE_WEIGHTS), minlength=X.size)
        return means.reshape(X.shape)

    def _conditional_scores(self, X, missing):
        """Return the conditional distribution of the scores of the missing cells.

        It is a list of Gaussians: the cell that each belongs to, as an index into the flat array,
        its share, its mean and its standard deviation.
        """
        scores, found = self.maps.forward(X, missing), []
        for block in blocks(missing, len(self.shares)):
            log_joint, means = self.mixture.condition(scores[block.rows], block)
            shares, _ = responsibilities(log_joint)
            shares[shares < MIN_PROBABILITY] = 0
            shares /= shares.sum(axis=1, keepdims=True)
            row, j = np.nonzero(shares)
            cells = block.rows[row] * X.shape[1] + block.columns[row].T
            covariances, _, _, member = self.mixture.conditional_covariances(block, j, row)
            variances = np.einsum("ppi->pi", covariances)[:, member]
            repeated = np.broadcast_to(shares[row, j], cells.shape)
            found.append((cells, repeated, means[:, row, j], np.sqrt(variances)))
        if not found:
            return np.zeros(0, int), *np.zeros((3, 0))
        return [np.concatenate([part.ravel() for part in parts]) for parts in zip(*found)]

    def draws(self, X, missing, n_draws, rng):
        """Return copies of samples whose missing cells are drawn, as `Mixture.draws` does."""
        scores = self.mixture.draws(self.maps.forward(X, missing), missing, n_draws, rng)
        columns = np.nonzero(missing)[1]
        filled = np.repeat(np.array(X, np.float64)[None], n_draws, axis=0)
        filled[:, missing] = self.maps.backward(scores[:, missing].T, columns).T
        return filled
