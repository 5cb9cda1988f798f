"""The density of straightened samples: levels, the integral, contributions, updates."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from skae._outliers import density as module
from skae._outliers.density import Density, fit_basis, fit_density
from skae._outliers.mixture import Mixture
from skae._outliers.prototypes import Prototypes


def rows(n_rows=300, n_features=6, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_rows, n_features)) @ rng.standard_normal((n_features,) * 2)
    return (X - X.mean(axis=0)) / X.std(axis=0)


def fitted(Z, weights=None, trust="all", resolution=0.0, sizes=None):
    """Return the density of samples that are straight already."""
    weights = np.ones(len(Z)) if weights is None else weights
    trust = np.ones(len(Z)) if isinstance(trust, str) else trust
    n_features = Z.shape[1]
    settings = np.random.default_rng(0), sizes
    resolution = np.full(n_features, resolution)
    return fit_density(np.eye(n_features)[:, :1], Z, weights, trust, resolution, settings)


def integral(density, limits, n_steps):
    """Return the integral of the density over a square, or an interval."""
    axis = np.linspace(*limits, n_steps)
    grid = np.stack(np.meshgrid(*[axis] * len(density.basis)), axis=-1)
    points = grid.reshape(-1, len(density.basis))
    return np.exp(density.log_density(points)).sum() * (axis[1] - axis[0]) ** points.shape[1]


# ---------------------------------------------------------------- the basis


def test_the_basis_is_the_range_of_the_regression_on_the_codes():
    Z = rows()
    pca = PCA(3).fit(Z)
    turned = pca.transform(Z) @ np.array([[1e-3, 5, 0], [0, 1e3, 1], [1, 0, 2]]) + 7
    basis = fit_basis([Z], turned, np.ones(len(Z)))
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-10)
    np.testing.assert_allclose(basis @ basis.T, pca.components_.T @ pca.components_, atol=1e-6)


def test_a_code_that_says_nothing_has_no_basis():
    Z = rows()
    assert fit_basis([Z], np.zeros((len(Z), 2)), np.ones(len(Z))).shape == (6, 0)


def test_straightening_keeps_the_position_along_the_basis():
    Z, residuals = rows(), rows(seed=1)
    density = Density(fit_basis([Z], Z[:, :2], np.ones(len(Z))), None, 1.0, [])
    T = density.straighten(density.project(Z), residuals)
    np.testing.assert_allclose(T @ density.basis, Z @ density.basis, atol=1e-12)
    np.testing.assert_allclose(density.project(T) + residuals, T + density.project(residuals))


def test_densities_of_version_0_2_take_the_position_from_the_code():
    Z = rows()
    pca = PCA(3).fit(Z)
    code = pca.transform(Z)
    residuals = Z - pca.inverse_transform(code)
    components = pca.components_
    density = Density(components.T, None, 1.0, [], 0.0, np.zeros(3), components)
    np.testing.assert_allclose(density.straighten_code(code, residuals), Z, atol=1e-10)


# ---------------------------------------------------------------- levels


def test_one_component_of_many_rows_has_the_likelihood_of_pca():
    Z = rows(4000, 4)
    found = fitted(Z, sizes=[1]).log_density(Z)
    expected = PCA(4).fit(Z).score_samples(Z)
    assert np.abs(found - expected).mean() < 0.02
    assert np.corrcoef(found, expected)[0, 1] > 0.9999


def test_the_sizes_follow_the_number_of_samples():
    for n_rows, sizes in ((20, [1, 1, 1]), (500, [6, 10, 25])):
        assert fitted(rows(n_rows)).sizes == sizes
    assert fitted(rows(1400)).sizes == [6, 16, 64]


@pytest.mark.parametrize("n_rows", [40, 98])
def test_few_samples_have_as_many_components_as_are_seen_in_others(n_rows):
    rng = np.random.default_rng(0)
    clusters = 0.1 * rng.standard_normal((n_rows, 2)) + rng.choice([-1, 1], (n_rows, 1))
    assert min(fitted(clusters).sizes) >= 2
    assert fitted(rng.standard_normal((n_rows, 2))).sizes == [1, 1, 1]


def test_finer_levels_trust_distant_samples_less():
    Z = rows()
    trust = np.where(np.arange(300) < 30, 0.1, 1.0)
    levels = fitted(Z, trust=trust, sizes=[1, 1, 1]).mixtures
    for power, mixture in enumerate(levels):
        assert mixture.counts[0] == pytest.approx(270 + 30 * 0.1**power)


def test_clean_samples_have_prototypes_and_full_weight():
    density = fitted(rows(), trust=None)
    kinds = [type(mixture) for mixture in density.mixtures]
    assert kinds == [Mixture, Mixture, Mixture, Prototypes]
    for mixture in density.mixtures:
        assert mixture.counts.sum() == pytest.approx(300)
    assert len(density.mixtures[-1].counts) == 150
    assert len(density.sizes) == 3


def test_prototypes_are_limited(monkeypatch):
    monkeypatch.setattr(module, "MAX_PROTOTYPES", 7)
    assert len(fitted(rows(), trust=None).mixtures[-1].counts) == 7


def test_no_direction_is_narrower_than_the_rounding():
    Z = np.repeat(np.eye(3), 100, axis=0)
    for trust in ("all", None):
        density = fitted(Z, trust=trust, resolution=1 / 12)
        seen = density.log_density(np.eye(3))
        other = density.log_density(np.array([[1, 1, 0], [0, 0, 0], [1, 1, 1.0]]))
        assert seen.min() > other.max() + 2
        assert other.min() > -50


# ---------------------------------------------------------------- the integral


@pytest.mark.slow
@pytest.mark.parametrize("trust", ["all", None])
@pytest.mark.parametrize("n_features", [1, 2])
def test_the_integral_is_one(n_features, trust):
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((400, n_features)) * 0.3 + rng.choice([-1, 1, 1.5], (400, 1))
    density = fitted(Z, trust=trust)
    assert density.log_integral < -0.01
    assert integral(density, (-8, 8), 4001 if n_features == 1 else 401) == pytest.approx(
        1, abs=0.02
    )


# ---------------------------------------------------------------- columns


@pytest.mark.parametrize("trust", ["all", None])
@pytest.mark.parametrize("n_features", [6, 70])
def test_contributions_add_up(n_features, trust):
    Z = rows(200, n_features)
    density = fitted(Z, trust=trust)
    T = np.vstack([Z, 5 * rows(20, n_features, seed=1)])
    np.testing.assert_allclose(
        density.contributions(T).sum(axis=1), density.log_density(T), rtol=1e-9
    )


def test_many_columns_are_measured_along_fifty_axes_and_one_variance():
    Z = rows(200, 70)
    density = fitted(Z)
    assert density.axes.shape == (70, 50)
    np.testing.assert_allclose(density.axes.T @ density.axes, np.eye(50), atol=1e-10)
    far = np.linalg.qr(density.axes, mode="complete")[0][:, 60]
    assert density.log_density(100 * far[None]) < density.log_density(far[None])


# ---------------------------------------------------------------- files and updates


@pytest.mark.parametrize("trust", ["all", None])
def test_from_dict_undoes_asdict(trust):
    Z = rows()
    density = fitted(Z, trust=trust)
    state = density.asdict()
    assert isinstance(state["mixtures"][0], dict)
    np.testing.assert_array_equal(Density.from_dict(state).log_density(Z), density.log_density(Z))


@pytest.mark.parametrize("trust", ["all", None])
def test_an_update_follows_the_rows(trust):
    Z = rows()
    density = fitted(Z, trust=trust)
    moved, ones = Z + 5, np.ones(len(Z))
    after = density.update(moved, ones, ones, decay=0.0).normalized()
    assert after.log_density(moved).mean() > density.log_density(moved).mean() + 1


def test_an_update_weighs_samples_as_a_fit_does():
    Z, trust = rows(), np.linspace(0.1, 1, 300)
    weights = np.linspace(1, 2, 300)
    density = fitted(Z, weights, trust)
    after = density.update(Z, weights, trust, decay=0.0)
    for before, later in zip(density.mixtures, after.mixtures, strict=True):
        assert later.counts.sum() == pytest.approx(before.counts.sum())


@pytest.mark.parametrize("n_features", [5, 60])
def test_draws_have_the_density(n_features):
    """Also across the axes, where more than 50 features have one variance."""
    Z = rows(1000, n_features)
    T = fitted(Z, sizes=[1]).draw(20_000, np.random.default_rng(1))
    np.testing.assert_allclose(np.cov(T.T), np.cov(Z.T), atol=0.12)
