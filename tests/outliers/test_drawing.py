"""Draws from the density of code and residual."""

import numpy as np
from numpy.testing import assert_allclose
import pytest

from skae._outliers.density import fit_density
from skae._outliers.drawing import draw_from_density, draw_from_mixture
from skae._outliers.mixture import fit_mixture


def rows(n_rows=2000, n_features=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_features)) @ rng.standard_normal((n_features,) * 2)
    X[: n_rows // 2] += 4
    return (X - X.mean(axis=0)) / X.std(axis=0)


def test_moments_of_a_mixture():
    X = rows()
    mixture = fit_mixture(X, np.ones(len(X)), 3, np.random.default_rng(0))
    drawn = draw_from_mixture(mixture, 40_000, np.random.default_rng(1))
    assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.03)
    assert_allclose(np.cov(drawn.T), np.cov(X.T), atol=0.05)
    # Its own density tells them from nothing: the mean is that of the training samples.
    expected = mixture.log_density(X).mean()
    assert abs(mixture.log_density(drawn).mean() - expected) < 0.05


@pytest.mark.parametrize("n_features", [5, 60])
def test_draws_have_the_density(n_features):
    """Also across the axes, where more than 50 features have one variance."""
    Z, nothing = rows(1000, n_features), np.zeros((n_features, 0))
    weights, settings = np.ones(len(Z)), (np.random.default_rng(0), [1])
    density = fit_density(nothing, Z, weights, weights, np.zeros(n_features), settings)
    T = draw_from_density(density, 20_000, np.random.default_rng(1))
    assert_allclose(np.cov(T.T), np.cov(Z.T), atol=0.12)
