"""Samples for which PCA is optimal, and those that a network can learn from."""

import numpy as np
import pytest
from scipy import stats

from skae import AutoencoderTransformer, DenoisingAutoencoder
from skae._training.normality import are_normal, deviations


def normal_samples(n_samples=300, n_features=10, rank=None, seed=0):
    rng = np.random.default_rng(seed)
    rank = n_features if rank is None else rank
    loadings = rng.normal(size=(rank, n_features)) * 2.0 ** -np.arange(rank)[:, None]
    return rng.normal(size=(n_samples, rank)) @ loadings + 0.3


@pytest.mark.parametrize(
    "shape", [(300, 10, None), (300, 10, 4), (250, 40, None), (200, 300, None), (12_000, 3, None)]
)
def test_normal_samples_look_so(shape):
    found = [are_normal(normal_samples(*shape, seed=seed), 2) for seed in range(10)]
    assert np.mean(found) >= 0.8
    assert are_normal(normal_samples(*shape, seed=found.index(True)).astype(np.float32), 2)


def test_white_noise_looks_normal():
    X = np.random.default_rng(0).normal(size=(300, 10))
    assert are_normal(X * 10.0 ** np.arange(-5, 5), 2)
    assert are_normal(np.column_stack([X, X[:, :1], np.ones(300)]), 2)


def circle(rng, n):
    angles = rng.uniform(0, 2 * np.pi, n)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def arc(rng, n):
    z = rng.normal(size=n)
    return np.column_stack([z, 0.3 * z**2 + 0.5 * rng.normal(size=n)])


def clusters(rng, n):
    return rng.normal(size=(2, 5))[rng.integers(2, size=n)] + 0.3 * rng.normal(size=(n, 5))


def heavy_tails(rng, n):
    return rng.standard_t(5, size=(n, 4))


def product(rng, n):
    """Return columns of which no two depend on each other, but all three do."""
    X = np.sign(rng.normal(size=(n, 2)))
    return np.column_stack([X, X.prod(axis=1)]) + 0.5 * rng.normal(size=(n, 3))


def scale_mixture(rng, n):
    return rng.normal(size=(n, 6)) * np.exp(0.5 * rng.normal(size=(n, 1)))


@pytest.mark.parametrize(
    "law", [circle, arc, clusters, heavy_tails, product, scale_mixture], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("n_noise", [0, 20, 100])
def test_what_can_be_learned_is_seen_beside_columns_of_noise(law, n_noise):
    rng = np.random.default_rng(0)
    X = np.column_stack([law(rng, 300), 0.1 * rng.normal(size=(300, n_noise))])
    rotation = np.linalg.qr(rng.normal(size=(X.shape[1], X.shape[1])))[0]
    assert not are_normal(X @ rotation, 1)


def test_what_can_be_learned_is_seen_beyond_the_code():
    """A circle in the eleventh and twelfth component, and a code of eleven."""
    rng = np.random.default_rng(1)
    X = np.column_stack([3 * rng.normal(size=(400, 10)), circle(rng, 400)])
    assert not are_normal(np.column_stack([X, 0.1 * rng.normal(size=(400, 30))]), 11)


def test_few_samples_and_constant_ones_are_not_judged():
    X = normal_samples(199)
    assert not are_normal(X, 2)
    assert are_normal(np.ones((300, 2)), 1)


def test_the_statistics_are_mardias():
    """Against the scalar products of all pairs, and scipy's chi-squared distribution."""
    rng = np.random.default_rng(0)
    Z = rng.gamma(9.0, size=(400, 3))
    Z -= Z.mean(axis=0)
    Z = Z @ np.linalg.inv(np.linalg.cholesky(np.cov(Z.T, bias=True))).T
    products = Z @ Z.T
    skewness, kurtosis = deviations(Z)
    chi_squared = 400 / 6 * np.mean(products**3)
    expected = stats.norm.isf(stats.chi2.sf(chi_squared, 10))
    assert skewness == pytest.approx(expected, abs=0.3)
    b_2 = np.mean(np.diag(products) ** 2)
    assert kurtosis == pytest.approx((b_2 - 15) / np.sqrt(8 * 15 / 400), abs=0.2)


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("parameters", [{}, {"nested": True}], ids=str)
def test_white_noise_is_left_to_pca(parameters, capsys):
    X = np.random.default_rng(0).normal(size=(300, 10))
    model = AutoencoderTransformer(2, verbose=1, random_state=0, **parameters).fit(X)
    assert model.n_iter_ == 3
    assert model.best_iter_ == 0
    assert "No epoch gained, and PCA is optimal" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("Estimator", "parameters"),
    [
        (AutoencoderTransformer, {"sparsity": "l1"}),
        (AutoencoderTransformer, {"latent_activation": "relu"}),
        (AutoencoderTransformer, {"loss": "absolute_error"}),
        (AutoencoderTransformer, {"linear_path": None}),
        (DenoisingAutoencoder, {}),
    ],
    ids=str,
)
def test_where_pca_is_not_optimal_training_goes_on(Estimator, parameters):
    X = np.random.default_rng(0).normal(size=(300, 5))
    parameters = {"hidden_layer_sizes": (4,), "max_iter": 5, "random_state": 0} | parameters
    assert Estimator(2, **parameters).fit(X).n_iter_ >= 5
