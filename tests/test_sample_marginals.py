"""The marginals that samples are drawn from: quantiles, scores, and values that repeat."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from scipy import stats

from skae._sample_marginals import N_KNOTS, measure_sample_marginals


def measure(X, weights=None):
    return measure_sample_marginals(X, np.ones(len(X)) if weights is None else weights)


def drawn(marginals, n_rows=20_000):
    probabilities = np.random.default_rng(0).random((n_rows, len(marginals.values)))
    return marginals.quantiles(probabilities)


def test_continuous_columns_are_smooth():
    X = np.random.default_rng(0).exponential(size=(2000, 1))
    marginals = measure(X)
    assert len(marginals.values[0]) <= N_KNOTS + 2
    assert len(marginals.atoms[0]) == 0
    new = drawn(marginals)
    assert stats.ks_2samp(X[:, 0], new[:, 0]).statistic < 0.02
    assert np.all((new >= X.min()) & (new <= X.max()))
    scores = marginals.scores(X)
    assert_allclose([scores.mean(), scores.std()], [0, 1], atol=0.02)
    assert np.all(np.diff(scores[np.argsort(X[:, 0]), 0]) >= 0)


def test_slopes_are_the_derivative_of_the_scores():
    X = np.random.default_rng(0).normal(size=(500, 1))
    marginals = measure(X)
    points = np.linspace(-2, 2, 101)[:, None]
    difference = (marginals.scores(points + 1e-6) - marginals.scores(points - 1e-6)) / 2e-6
    assert_allclose(np.exp(marginals.log_slopes(points[:, 0], 0)), difference[:, 0], rtol=1e-3)


def test_values_that_repeat_keep_their_shares():
    """A fifth are zero, the others continuous; a column has three values; one is rounded."""
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [
            np.where(rng.random(1000) < 0.2, 0, 1 + rng.random(1000)),
            rng.choice([-1.0, 0.5, 7.0], 1000, p=[0.7, 0.2, 0.1]),
            np.round(rng.normal(size=1000), 1),
        ]
    )
    marginals = measure(X)
    new = drawn(marginals)
    assert_array_equal(marginals.atoms[0], [0])
    assert_allclose(np.mean(new[:, 0] == 0), np.mean(X[:, 0] == 0), atol=0.02)
    assert_array_equal(np.unique(new[:, 1]), [-1, 0.5, 7])
    for value in (-1.0, 0.5, 7.0):
        assert_allclose(np.mean(new[:, 1] == value), np.mean(X[:, 1] == value), atol=0.02)
    for value in (-0.5, 0.0, 1.0, 2.0):  # 2 is no atom, its neighbours are none either
        share = stats.norm.cdf(value + 0.05) - stats.norm.cdf(value - 0.05)
        assert_allclose(np.mean(np.round(new[:, 2], 1) == value), share, atol=0.015)
    scores = marginals.scores(X)
    assert np.isfinite(scores).all()
    shares = [np.mean(X[:, 1] == value) for value in (-1, 0.5, 7)]
    middles = stats.norm.ppf(np.cumsum(shares) - np.array(shares) / 2)
    assert_allclose(np.unique(scores[:, 1]), middles)
    spread = marginals.scores(X, rng)  # over the jumps, as scores of continuous columns are
    assert stats.kstest(spread[:, 1], "norm").statistic < 0.05


def test_weights_count():
    X = np.repeat([[0.0], [1.0], [2.0]], 20, axis=0)
    weights = np.repeat([1.0, 3.0, 0.0], 20)
    new = drawn(measure(X, weights))
    assert_allclose([np.mean(new == 0), np.mean(new == 1)], [0.25, 0.75], atol=0.02)


@pytest.mark.parametrize("X", [np.ones((1, 1)), np.ones((4, 1)), np.eye(2)], ids=str)
def test_few_samples(X):
    marginals = measure(X)
    assert np.isfinite(marginals.scores(X)).all()
    new = drawn(marginals, 50)
    assert np.all((new >= X.min(axis=0)) & (new <= X.max(axis=0)))
