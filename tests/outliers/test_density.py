"""The likelihood of code and residual: straightened rows, their density, contributions."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from skae._outliers.density import Density, fit_density


def rows(n_rows=300, n_features=6, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_features)) @ rng.standard_normal((n_features,) * 2)
    return (X - X.mean(axis=0)) / X.std(axis=0)


def linear(Z, n_components=3):
    """Code and residual of PCA."""
    pca = PCA(n_components).fit(Z)
    code = pca.transform(Z)
    return code, Z - pca.inverse_transform(code)


def fitted(Z, code, residuals, weights=None, **options):
    weights = np.ones(len(Z)) if weights is None else weights
    return fit_density(Z, code, residuals, weights, np.random.default_rng(0), **options)


def test_a_linear_network_leaves_rows_as_they_are():
    Z = rows()
    code, residuals = linear(Z)
    density = fitted(Z, code, residuals)
    np.testing.assert_allclose(density.straighten(code, residuals), Z, atol=1e-10)


def test_units_and_directions_of_the_code_do_not_matter():
    Z = rows()
    code, residuals = linear(Z)
    turned = code @ np.array([[1e-3, 5, 0], [0, 1e3, 1], [1, 0, 2]]) + 7
    T = fitted(Z, turned, residuals).straighten(turned, residuals)
    np.testing.assert_allclose(T, Z, atol=1e-6)


def test_a_code_that_says_nothing_leaves_the_residual():
    Z = rows()
    code = np.zeros((len(Z), 2))
    np.testing.assert_allclose(fitted(Z, code, Z).straighten(code, Z), Z)


def test_one_component_of_many_rows_has_the_likelihood_of_pca():
    Z = rows(4000, 4)
    code, residuals = linear(Z, 2)
    found = fitted(Z, code, residuals, sizes=[1]).log_density(Z)
    expected = PCA(4).fit(Z).score_samples(Z)
    assert np.abs(found - expected).mean() < 0.02
    assert np.corrcoef(found, expected)[0, 1] > 0.9999


@pytest.mark.parametrize("n_features", [6, 70])
def test_contributions_add_up(n_features):
    Z = rows(200, n_features)
    code, residuals = linear(Z)
    density = fitted(Z, code, residuals)
    T = density.straighten(code, residuals)
    np.testing.assert_allclose(
        density.contributions(T).sum(axis=1), density.log_density(T), rtol=1e-10
    )


def test_many_columns_are_measured_along_fifty_axes_and_one_variance():
    Z = rows(200, 70)
    density = fitted(Z, *linear(Z))
    assert density.axes.shape == (70, 50)
    np.testing.assert_allclose(density.axes.T @ density.axes, np.eye(50), atol=1e-10)
    far = np.linalg.qr(density.axes, mode="complete")[0][:, 60]
    assert density.log_density(100 * far[None]) < density.log_density(far[None])


def test_a_component_needs_fifty_rows():
    for n_rows, sizes in ((40, [1]), (210, [4]), (500, [6, 10]), (2000, [6, 16])):
        Z = rows(n_rows)
        assert fitted(Z, *linear(Z)).sizes == sizes


def test_from_dict_undoes_asdict():
    Z = rows()
    density = fitted(Z, *linear(Z))
    state = density.asdict()
    assert isinstance(state["mixtures"][0], dict)
    np.testing.assert_array_equal(Density.from_dict(state).log_density(Z), density.log_density(Z))


def test_an_update_follows_the_rows():
    Z = rows()
    density = fitted(Z, *linear(Z))
    moved = Z + 5
    after = density.update(moved, np.ones(len(Z)), decay=0.0)
    assert after.log_density(moved).mean() > density.log_density(moved).mean() + 1
