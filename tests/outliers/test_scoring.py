"""Scores of samples by a model: squared residuals, or the density of code and residual."""

import math

from gradients import make_rows
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from scipy.stats import multivariate_normal

from skae import AutoencoderOutlierDetector
from skae._network import inference
from skae._network.scaling import rounding_errors
from skae._outliers import scoring
from skae._outliers.density import fit_basis, fit_density
from skae._outliers.robust import Ellipsoid
from skae._outliers.scoring import Scorer, fit_scorer, update_scorer
from skae._training.fit import fit_epochs
from skae._training.trainer import Trainer


def everything(X):
    """Return an ellipsoid with all samples inside."""
    return Ellipsoid(np.zeros(X.shape[1]), np.zeros((X.shape[1], 1)), 1.0)


def samples(n_samples=200, n_features=5, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(1).normal(size=(2, n_features))
    X = np.tanh(rng.normal(size=(n_samples, 2))) @ mixing
    X = X + 0.2 * rng.normal(size=X.shape)
    return (X * np.arange(1, n_features + 1) + 7).astype(dtype)


def trained(X, weights=None, **changed):
    """Return the result of three epochs on all samples."""
    parameters = {"hidden_layer_sizes": (6,), "random_state": 0, "learning_rate_init": 0.01}
    detector = AutoencoderOutlierDetector(2, **parameters | changed)
    rows = make_rows(X, weights=weights)
    return fit_epochs(Trainer(detector._options(), rows.weights.sum()), rows, 3, 2)


def straightened(scorer, X):
    """Return Q Q' z + (I - Q Q') (z - r(Q Q' z)) of the standardised samples z."""
    model, basis = scorer.model, scorer.density.basis
    scaling = model.scaling
    Z = (X - scaling.mean) / scaling.scale
    along = Z @ basis @ basis.T
    base = inference.reconstruct(model, along * scaling.scale + scaling.mean)
    residuals = Z - (base - scaling.mean) / scaling.scale
    return along + residuals @ (np.eye(len(basis)) - basis @ basis.T)


def standardised(model, X):
    """Return the code, and the residual in standard deviations of each feature."""
    code = inference.encode(model, X)
    return code, (X - inference.decode(model, code)).astype(float) / model.scaling.scale


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_without_a_density_the_score_is_the_mean_squared_residual(dtype):
    X = samples(dtype=dtype)
    scorer = Scorer(trained(X).model)
    _, residuals = standardised(scorer.model, X)
    scores = scorer.score_samples(X)
    assert scores.dtype == np.float64
    assert_allclose(scores, -np.mean(residuals**2, axis=1), rtol=1e-5)
    assert_allclose(scorer.score_features(X), -(residuals**2) / 5, rtol=1e-5)


@pytest.mark.parametrize("n_features", [5, 60])
def test_the_score_is_the_log_density_of_the_straightened_sample(n_features):
    """One Gaussian along the axes of the density, and one variance across them."""
    X = samples(n_features=n_features)
    scorer = fit_scorer(trained(X), 0, everything(X), sizes=[1])
    density, [mixture] = scorer.density, scorer.density.mixtures
    T = straightened(scorer, X)
    axes = np.eye(n_features) if density.axes is None else density.axes
    covariance = np.linalg.inv(mixture.roots[0] @ mixture.roots[0].T)
    expected = multivariate_normal(mixture.means[0], covariance).logpdf(T @ axes)
    n_across = n_features - axes.shape[1]
    across = np.square(T - T @ axes @ axes.T).sum(axis=1)
    variance = density.rest_variance
    expected -= 0.5 * (across / variance + n_across * math.log(2 * math.pi * variance))
    assert n_across == {5: 0, 60: 10}[n_features]
    assert_allclose(scorer.score_samples(X), expected, rtol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("ellipsoid", [None, "all"])
def test_a_trained_network_has_a_density_with_an_integral_of_one(ellipsoid):
    """Its unit is the standardised feature; wide layers that fit the samples change nothing."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, 3, 300)
    X = np.column_stack([np.cos(angle), np.sin(angle)]) + 0.05 * rng.normal(size=(300, 2))
    parameters = {"hidden_layer_sizes": (64,), "random_state": 0, "learning_rate_init": 0.01}
    detector = AutoencoderOutlierDetector(1, early_stopping=False, **parameters)
    rows = make_rows(X)
    result = fit_epochs(Trainer(detector._options(), 300.0), rows, 40, 1)
    scorer = fit_scorer(result, 0, None if ellipsoid is None else everything(X))
    axis = np.linspace(-9, 9, 451)
    Z = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    scaling = result.model.scaling
    density = np.exp(scorer.score_samples(Z * scaling.scale + scaling.mean))
    assert density.sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=0.02)
    bent = straightened(scorer, X) - (X - scaling.mean) / scaling.scale
    assert np.abs(bent).max() > 0.3  # the surface is curved


@pytest.mark.parametrize("sizes", [None, [1], [2, 5], "no density"], ids=str)
def test_features_add_up_to_the_score(sizes):
    X, unseen = samples(), samples(50, seed=2)
    result = trained(X)
    scorer = (
        Scorer(result.model)
        if sizes == "no density"
        else fit_scorer(result, 0, everything(X), sizes)
    )
    contributions = scorer.score_features(unseen)
    assert contributions.shape == unseen.shape
    assert contributions.dtype == np.float64
    assert_allclose(contributions.sum(axis=1), scorer.score_samples(unseen), rtol=1e-10)


def test_blocks_change_nothing(monkeypatch):
    X = samples(50)
    scorer = fit_scorer(trained(X), 0)
    whole = scorer.score_samples(X), scorer.score_features(X)
    monkeypatch.setattr(scoring, "MAX_BLOCK_ROWS", 7)
    assert_allclose(scorer.score_samples(X), whole[0], rtol=1e-12)
    assert_allclose(scorer.score_features(X), whole[1], rtol=1e-9, atol=1e-12)
    assert_allclose(fit_scorer(trained(X), 0).score_samples(X), whole[0], rtol=1e-9)


def test_the_density_is_that_of_the_learned_samples():
    X = samples()
    weights = np.random.default_rng(3).integers(1, 4, len(X)).astype(float)
    result = trained(X, weights)
    scorer = fit_scorer(result, 5, everything(X), sizes=[2])
    density = scorer.density
    Z = (X - result.model.scaling.mean) / result.model.scaling.scale
    code, _ = standardised(result.model, X)
    assert_array_equal(density.basis, fit_basis([Z], code, weights))
    resolution = np.square(rounding_errors(X, weights) / result.model.scaling.scale)
    T, ones = straightened(scorer, X), np.ones(len(X))
    settings = np.random.default_rng(5), [2]
    expected = fit_density(density.basis, T, weights, ones, resolution, settings)
    assert density.sizes == [2]
    assert_allclose(density.mixtures[0].means, expected.mixtures[0].means, rtol=1e-6)
    assert_allclose(density.mixtures[0].covariances, expected.mixtures[0].covariances, rtol=1e-6)
    assert density.mixtures[0].counts.sum() == pytest.approx(weights.sum())


def test_samples_outside_the_ellipsoid_count_in_full_in_the_first_level_alone():
    X = samples()
    ellipsoid = Ellipsoid(X.mean(axis=0), np.eye(5) / X.std(axis=0), 3.0)
    trust = ellipsoid.sample_weights(X)
    assert 0.2 < np.mean(trust < 1) < 0.9
    density = fit_scorer(trained(X, trust), 0, ellipsoid, [1, 1, 1]).density
    for power, mixture in enumerate(density.mixtures):
        assert mixture.counts[0] == pytest.approx(np.sum(trust**power))


def test_an_update_forgets_by_the_number_of_samples():
    X, new = samples(), samples(40, seed=2)
    scorer = fit_scorer(trained(X), 0, everything(X), sizes=[1])
    weights = np.linspace(0.5, 2, 40)
    later = update_scorer(scorer, make_rows(new, weights=weights), memory=100)
    [before], [after] = scorer.density.mixtures, later.density.mixtures
    decay = math.exp(-weights.sum() / 100)
    T = straightened(scorer, new)
    assert_allclose(after.counts, decay * before.counts + weights.sum())
    assert_allclose(after.sums[0], decay * before.sums[0] + weights @ T, rtol=1e-9)
    assert later.model is scorer.model
    assert scorer.density.mixtures == [before]
