"""Missing cells at the most probable component of a density, and what drawn cells would add."""

import numpy as np
from numpy.testing import assert_allclose
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from skae._outliers.completion import expected_squares, steps_to_components
from skae._outliers.density import Density, fit_density
from skae._outliers.mixture import Mixture


def clusters(n_rows=300, n_features=4, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(1).normal(size=(3, n_features)) * 4
    return centres[rng.integers(3, size=n_rows)] + rng.normal(size=(n_rows, n_features))


def fitted(T, sizes=(3, 3, 3)):
    n_rows, n_features = T.shape
    settings = np.random.default_rng(0), list(sizes)
    given = np.zeros((n_features, 0)), T, np.ones(n_rows), np.ones(n_rows), np.zeros(n_features)
    return fit_density(*given, settings)


def components(density):
    """Return shares, means and covariances of the finest mixture in all directions."""
    mixture = [m for m in density.mixtures if isinstance(m, Mixture)][-1]
    if density.axes is None:
        return mixture.shares, mixture.means, mixture.covariances
    A = density.axes
    rest = density.rest_variance * (np.eye(len(A)) - A @ A.T)
    covariances = [A @ C @ A.T + rest for C in mixture.covariances]
    return mixture.shares, mixture.means @ A.T, covariances


@pytest.mark.parametrize("n_features", [4, 60])
def test_steps_lead_to_the_conditional_mean_of_the_most_probable_component(n_features):
    T = clusters(n_features=n_features)
    density = fitted(T)
    rows = T[:5]
    missing = np.random.default_rng(2).random(rows.shape) < 0.4
    missing[0] = False
    found = rows + steps_to_components(density, rows, missing)
    for t, completed, gaps in zip(rows, found, missing):
        evidence, means = [], []
        for share, m, C in zip(*components(density)):
            known, across = C[np.ix_(~gaps, ~gaps)], C[np.ix_(gaps, ~gaps)]
            normal = multivariate_normal(m[~gaps], known)
            evidence.append(np.log(share) + normal.logpdf(t[~gaps]))
            means.append(m[gaps] + across @ np.linalg.solve(known, t[~gaps] - m[~gaps]))
        assert_allclose(completed[~gaps], t[~gaps])
        assert_allclose(completed[gaps], means[np.argmax(evidence)], atol=1e-8)
        assert np.isfinite(logsumexp(evidence))


def test_expected_squares():
    """They are 1 of clusters, and next to nothing of categories, which are points."""
    rng = np.random.default_rng(0)
    T = np.hstack([rng.normal(size=(600, 2)), np.eye(2)[rng.integers(2, size=600)]])
    squares = expected_squares(fitted(T, (6, 6, 6)))
    assert_allclose(squares, [1, 1, 0, 0], atol=0.01)


def test_expected_squares_of_shrunk_variances_across_the_axes():
    """Few wide samples vary less across the axes than the density, which is shrunk, tells."""
    density = fitted(np.random.default_rng(0).normal(size=(70, 80)) * 0.5, (1, 1, 1))
    squares = expected_squares(density)
    assert isinstance(density, Density)
    assert squares.shape == (80,)
    assert 0 < squares.mean() < 0.8
