"""The distribution of each column, and its normal scores."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from skae._network.marginals import MAX_KNOTS, measure_marginals


def columns(n_rows=500):
    rng = np.random.default_rng(0)
    zeros = np.where(rng.random(n_rows) < 0.4, 0, rng.exponential(size=n_rows))
    return np.column_stack([rng.normal(5, 3, n_rows), zeros, rng.integers(0, 3, n_rows)])


def test_scores_are_those_of_the_middle_ranks():
    X = columns()[:, 1:]
    ranks = (stats.rankdata(X, axis=0) - 0.5) / len(X)
    found = measure_marginals(X, np.ones(len(X))).scores(X)
    assert_allclose(found, stats.norm.ppf(ranks), atol=0.15)
    assert_allclose(found[:, 1], stats.norm.ppf(ranks[:, 1]), atol=1e-9)  # all values are kept


def test_quantiles_are_those_of_the_samples():
    X = columns()
    marginals = measure_marginals(X, np.ones(len(X)))
    assert 60 < len(marginals.values[0]) <= MAX_KNOTS
    probabilities = np.repeat(np.linspace(0.01, 0.99, 99)[:, None], 3, axis=1)
    found = marginals.quantiles(probabilities)
    expected = np.quantile(X, probabilities[:, 0], axis=0)
    assert_allclose(found[:, :2], expected[:, :2], atol=0.4)
    assert_allclose(np.mean(found[:, 1] == 0), 0.4, atol=0.05)
    ends = marginals.quantiles(np.array([[0.0] * 3, [1.0] * 3]))
    assert_array_equal(ends, [X.min(axis=0), X.max(axis=0)])


def test_slopes_are_those_of_the_scores():
    X = columns()
    marginals = measure_marginals(X, np.ones(len(X)))
    at = np.random.default_rng(1).uniform(3, 7, size=20)
    step = np.zeros((20, 3))
    step[:, 0] = 1e-7
    difference = marginals.scores(at[:, None] + step) - marginals.scores(at[:, None] - step)
    assert_allclose(marginals.log_slopes(at, 0), np.log(difference[:, 0] / 2e-7), atol=1e-5)


def test_weights_count_as_copies():
    X, weights = columns(30), np.arange(30) % 3 + 1
    weighted = measure_marginals(X, weights)
    copies = measure_marginals(np.repeat(X, weights, axis=0), np.ones(weights.sum()))
    assert_allclose(weighted.scores(X), copies.scores(X))
