"""Normal scores: maps by ranks, and the moments and draws of mixtures of scores."""

import numpy as np
import pytest
from scipy.stats import norm

from skae._missing.mixture import Mixture, standard_normal
from skae._missing.normal_scores import MAX_KNOTS, ScoreMixture, fit_scores


def lognormal_mixture():
    """Return the mixture of a log-normal feature that depends on a normal one, by exact maps."""
    scores = np.linspace(-5, 5, 2001)
    knots = [(scores, scores), (np.exp(scores), scores)]
    covariances = np.array([[[1, 0.8], [0.8, 1]]])
    return ScoreMixture(np.ones(1), np.zeros((1, 2)), covariances, knots)


def test_scores_are_normal_quantiles_of_ranks():
    X = np.array([[3.0], [1], [7], [1], [0]])
    missing = np.array([[False]] * 4 + [[True]])
    maps = fit_scores(X, missing, np.array([1.0, 1, 1, 2, 1]))
    expected = norm.ppf([0.3, 0.7, 0.9])
    expected -= [0.6, 0.2, 0.2] @ expected
    expected /= np.sqrt([0.6, 0.2, 0.2] @ np.square(expected))
    scores = maps.forward(X, missing)
    np.testing.assert_allclose(scores[:, 0], [*expected[[1, 0, 2, 0]], 0])
    back = maps.backward(scores[:4], np.zeros(4, int))
    np.testing.assert_allclose(back, X[:4])
    np.testing.assert_allclose(maps.forward(np.array([[99.0]]), False), expected[2:, None])


def test_many_values_few_values_and_none():
    X = np.column_stack([np.arange(1000.0), np.full(1000, 5), np.zeros(1000)])
    missing = np.zeros(X.shape, bool)
    missing[:, 2] = True
    maps = fit_scores(X, missing, np.ones(1000))
    assert [len(values) for values, _ in maps.knots] == [MAX_KNOTS, 1, 1]
    scores = maps.forward(X, missing)
    assert scores[:, 0].std() == pytest.approx(1, abs=0.01)
    assert not scores[:, 1:].any()
    back = maps.backward(scores, np.zeros(1000, int))
    assert np.abs(back[:, 0] - X[:, 0]).max() < 3


def test_moments_of_a_lognormal_feature():
    """Given z, the other is exp(0.8 z + 0.6 noise): textbook mean and quantiles."""
    mixture, z = lognormal_mixture(), np.array([-1.0, 0, 1.5])
    X, missing = np.column_stack([z, np.full(3, 9.0)]), np.tile([False, True], (3, 1))
    filled = mixture.conditional_means(X, missing)
    mean = np.exp(0.8 * z + 0.36 / 2)
    np.testing.assert_allclose(filled[:, 1], mean, rtol=1e-3)
    np.testing.assert_array_equal(filled[:, 0], z)
    draws = mixture.draws(X, missing, 4000, np.random.default_rng(0))
    np.testing.assert_array_equal(draws[:, :, 0], np.tile(z, (4000, 1)))
    np.testing.assert_allclose(np.median(draws[:, :, 1], axis=0), np.exp(0.8 * z), rtol=0.05)
    quantiles = np.quantile(np.log(draws[:, :, 1]), [0.1, 0.9], axis=0) - 0.8 * z
    np.testing.assert_allclose(quantiles, 0.6 * norm.ppf([[0.1] * 3, [0.9] * 3]), atol=0.06)


def test_several_components_count_by_their_probability(monkeypatch):
    rng = np.random.default_rng(0)
    covariances = np.repeat(np.array([[[1, 0.5], [0.5, 1]]]), 2, axis=0)
    arrays = np.array([0.3, 0.7]), rng.normal(size=(2, 2)), covariances
    scores = np.array([-9.0, 9])
    mixture = ScoreMixture(*arrays, [(scores, scores)] * 2)  # values that are their own scores
    X = rng.normal(size=(20, 2))
    missing = np.tile([[True, False], [False, True], [True, True], [False, False]], (5, 1))
    expected = Mixture(*arrays)
    found = mixture.conditional_means(X, missing)
    np.testing.assert_allclose(found, expected.conditional_means(X, missing), atol=2e-3)
    monkeypatch.setattr("skae._missing.normal_scores.BLOCK_CELLS", 7)
    np.testing.assert_allclose(mixture.conditional_means(X, missing), found, rtol=1e-12)


def test_samples_without_missing_cells():
    mixture = ScoreMixture(**standard_normal(2).asdict(), knots=lognormal_mixture().knots)
    X, missing = np.ones((3, 2)), np.zeros((3, 2), bool)
    np.testing.assert_array_equal(mixture.conditional_means(X, missing), X)
    np.testing.assert_array_equal(mixture.draws(X, missing, 1, np.random.default_rng(0))[0], X)
