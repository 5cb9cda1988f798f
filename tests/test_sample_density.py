"""The density that samples are drawn from: its marginals, dependences and conditional draws."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from scipy import stats

from skae._sample_density import fit_sample_density


def fit(X, seed=0):
    return fit_sample_density(X, np.ones(len(X)), seed)


def correlated(n_rows=800):
    """Return samples of a Gaussian copula: one column is exponential, one has four values."""
    rng = np.random.default_rng(0)
    scores = rng.multivariate_normal([0, 0, 0], [[1, 0.8, 0.5], [0.8, 1, 0], [0.5, 0, 1]], n_rows)
    fourths = np.floor(4 * stats.norm.cdf(scores[:, 2]))
    return np.column_stack([np.exp(scores[:, 0]), scores[:, 1], fourths])


@pytest.fixture(scope="module")
def density():
    return fit(correlated())


def test_columns_and_their_dependence_are_those_of_the_samples(density):
    X, drawn = correlated(), density.draw(5000, np.random.default_rng(0))
    assert_allclose(stats.spearmanr(drawn)[0], stats.spearmanr(X)[0], atol=0.06)
    for j in range(2):
        assert stats.ks_2samp(X[:, j], drawn[:, j]).statistic < 0.06
    shares = [np.mean(np.rint(drawn[:, 2]) == k) for k in range(4)]
    assert_allclose(shares, 0.25, atol=0.06)
    assert not density.is_standardised.any()


def test_cells_are_drawn_given_the_others(density):
    given = np.full((2000, 3), [np.e, np.nan, np.nan])  # one deviation above the median
    drawn = density.complete(given, np.isnan(given), np.random.default_rng(0))
    assert_array_equal(drawn[:, 0], np.e)
    assert_allclose(drawn[:, 1].mean(), 0.8, atol=0.12)
    assert_allclose(drawn[:, 1].std(), 0.6, atol=0.1)
    assert 1.7 < drawn[:, 2].mean() < 2.2  # 1.5 if nothing is given


def test_groups_are_standardised_and_told_apart():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2)) * 0.4 + 5 * rng.integers(0, 2, size=(600, 1)) * [1, -1]
    density = fit(X)
    assert density.is_standardised.all()
    drawn = density.draw(2000, rng)
    assert np.all(np.abs(drawn[:, 0] + drawn[:, 1]) < 2.5)
    between = (drawn[:, 0] > 2) & (drawn[:, 0] < 3)
    assert between.mean() < 0.01
    assert len(density.mixture.shares) == 2


@pytest.mark.parametrize("X", [np.ones((1, 2)), np.eye(3), np.zeros((5, 1))], ids=str)
def test_few_samples(X):
    drawn = fit(X).draw(7, np.random.default_rng(0))
    assert drawn.shape == (7, X.shape[1])
    assert np.isfinite(drawn).all()
