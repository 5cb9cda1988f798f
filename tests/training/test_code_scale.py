"""The scale of the code."""

import numpy as np
from numpy.testing import assert_allclose
import pytest

from skae import AutoencoderTransformer
from skae._network.code_order import code_variances

OPTIONS = {"early_stopping": False, "random_state": 0, "max_iter": 10}


def rows(n_rows=200):
    t = np.random.default_rng(0).uniform(-1, 1, (n_rows, 1))
    return np.hstack([t, t**2, np.sin(3 * t), 0.1 * t])


@pytest.mark.parametrize("weights", [np.ones(200), np.arange(200.0)])
def test_variances_against_numpy(weights):
    X = rows() * 7 + 100
    model = AutoencoderTransformer(2, **OPTIONS).fit(X)
    variances, means, total = code_variances(model._model, X, weights)
    code = model.transform(X) / model.code_scale_
    expected = np.cov(code.T, aweights=weights, ddof=0).diagonal()
    assert_allclose(variances, expected, rtol=1e-9)
    assert_allclose(means, np.average(code, axis=0, weights=weights), atol=1e-9)
    scaled = (X - model.mean_) / model.scale_
    assert_allclose(total, np.cov(scaled.T, aweights=weights, ddof=0).trace(), rtol=1e-9)


def test_repeated_samples_and_weights_agree():
    X, weights = rows(60), np.arange(60) % 3
    options = OPTIONS | {"batch_size": 200}
    weighted = AutoencoderTransformer(2, **options).fit(X, sample_weight=weights)
    repeated = AutoencoderTransformer(2, **options).fit(np.repeat(X, weights, axis=0))
    assert_allclose(weighted.explained_variance_, repeated.explained_variance_, rtol=1e-6)
    assert_allclose(weighted.code_scale_, repeated.code_scale_, rtol=1e-6)


@pytest.mark.parametrize(
    "kept", [{"sparsity": "l1"}, {"latent_activation": "tanh"}, {"max_iter": 0}], ids=str
)
def test_codes_that_keep_their_scale(kept):
    X = rows()
    start = AutoencoderTransformer(2, **OPTIONS | kept | {"max_iter": 0}).fit(X)
    model = AutoencoderTransformer(2, **OPTIONS | kept).fit(X)
    assert model.code_scale_ == start.code_scale_


def test_the_scale_does_not_depend_on_the_seed():
    X = rows()
    spread = [
        AutoencoderTransformer(1, **OPTIONS | {"random_state": seed, "max_iter": 40})
        .fit(X)
        .transform(X)
        .std()
        for seed in range(4)
    ]
    assert max(spread) < 1.02 * min(spread)


@pytest.mark.parametrize("is_sorted", [False, True])
@pytest.mark.filterwarnings("ignore::skae._training.stream.ShiftedSamplesWarning")
def test_variances_are_those_of_all_samples_seen(is_sorted):
    """Sorted chunks differ in their means; PCA of all, from which training starts anew, forgets."""
    X = rows(300)
    X = X[np.argsort(X[:, 0])] if is_sorted else X
    model = AutoencoderTransformer(2, random_state=0, learning_rate_init=1e-12)
    for chunk in np.split(X, [100, 150]):
        model.partial_fit(chunk)
    assert_allclose(model.explained_variance_, model.transform(X).var(axis=0, ddof=1), rtol=0.1)


def test_a_pass_after_fit_pools_the_variances():
    X = rows(300)
    model = AutoencoderTransformer(2, **OPTIONS | {"learning_rate_init": 1e-12}).fit(X[:200])
    model.partial_fit(X[200:] + 1)
    expected = model.transform(np.concatenate([X[:200], X[200:] + 1])).var(axis=0, ddof=1)
    assert_allclose(model.explained_variance_, expected, rtol=1e-3)
