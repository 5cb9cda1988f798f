"""Likelihood bounds and distributions of codes of new samples."""

import numpy as np
from numpy.testing import assert_allclose
import pytest
from scipy import stats
from scipy.special import logsumexp

from skae import VariationalAutoencoder
from skae._network import evidence

SMALL = {"hidden_layer_sizes": (6,), "max_iter": 4, "early_stopping": False, "random_state": 0}
LOSSES = ["squared_error", "log_loss", "poisson"]


def fitted(loss="squared_error", dtype=np.float64, **more):
    rng = np.random.default_rng(0)
    X = rng.random((60, 4)) @ rng.random((4, 4))
    if loss == "log_loss":
        X = np.median(X, axis=0) < X
    elif loss == "poisson":
        X = np.rint(4 * X)
    X = X.astype(dtype)
    return VariationalAutoencoder(2, loss=loss, **SMALL | more).fit(X), X


@pytest.mark.parametrize("hidden_layer_sizes", [(), (6,)])
@pytest.mark.parametrize("linear_path", ["pca", None])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_bound_is_the_textbook_one(loss, linear_path, hidden_layer_sizes):
    """With densities of SciPy, codes and outputs of the public methods, in the units of X."""
    parameters = {"linear_path": linear_path, "hidden_layer_sizes": hidden_layer_sizes}
    model, X = fitted(loss, **parameters)
    noise = np.random.default_rng(1).standard_normal((7, 2))
    mean, std = model.transform(X), model.posterior_std(X)
    ratios = []
    for e in noise:
        z = mean + std * e
        output = model.inverse_transform(z)
        if loss == "squared_error":
            log_p = stats.norm(output, np.sqrt(model.noise_variance_)).logpdf(X)
        elif loss == "log_loss":
            log_p = stats.bernoulli(output).logpmf(X)
        else:
            log_p = stats.poisson(output).logpmf(X)
        log_q = stats.norm(mean, std).logpdf(z).sum(axis=1)
        ratios.append(log_p.sum(axis=1) + stats.norm().logpdf(z).sum(axis=1) - log_q)
    expected = logsumexp(ratios, axis=0) - np.log(len(noise))
    found = evidence.log_likelihood_bound(model._model, X, noise)
    assert_allclose(found, expected, rtol=1e-9)


def test_blocks_of_samples_and_of_draws(monkeypatch):
    model, X = fitted()
    noise = np.random.default_rng(1).standard_normal((9, 2))
    whole = evidence.log_likelihood_bound(model._model, X, noise)
    std = model.posterior_std(X)
    divergences = evidence.mean_divergences(model._model, X)
    for n_rows in (4, 11, 30):
        monkeypatch.setattr(evidence, "DRAWN_ROWS", n_rows)
        monkeypatch.setattr(evidence, "PIECE_ROWS", 7)
        monkeypatch.setattr(evidence, "BLOCK_ROWS", 13)
        found = evidence.log_likelihood_bound(model._model, X, noise)
        assert_allclose(found, whole, rtol=1e-12)
        assert_allclose(model.posterior_std(X), std, rtol=1e-12)
        assert_allclose(evidence.mean_divergences(model._model, X), divergences, rtol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_float32_and_float64_agree(loss):
    noise = np.random.default_rng(1).standard_normal((5, 2))
    double, X = fitted(loss, max_iter=0)
    single, _ = fitted(loss, np.float32, max_iter=0)
    expected = evidence.log_likelihood_bound(double._model, X, noise)
    found = evidence.log_likelihood_bound(single._model, X.astype(np.float32), noise)
    assert found.dtype == np.float64
    assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_distant_samples_have_finite_bounds():
    """They enter the layers pulled in: no variance overflows."""
    model, X = fitted()
    far = X + 1e6
    assert np.isfinite(model.score_samples(far)).all()
    assert np.isfinite(model.posterior_std(far)).all()
    assert model.score_samples(far).max() < model.score_samples(X).min()


def test_weighted_divergences():
    model, X = fitted()
    weights = np.random.default_rng(0).integers(0, 3, len(X))
    found = evidence.mean_divergences(model._model, X, weights)
    repeated = evidence.mean_divergences(model._model, np.repeat(X, weights, axis=0))
    assert_allclose(found, repeated, rtol=1e-12)
