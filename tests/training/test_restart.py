"""New starts of `partial_fit`: the first samples do not decide mean, scale and PCA."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    ShiftedSamplesWarning,
)
from skae.metrics import explained_variance

SMALL = {"hidden_layer_sizes": (16,), "random_state": 0}
X, y = load_digits(return_X_y=True)
X = X[np.random.default_rng(0).permutation(len(X))]


def blocks(samples, size=150):
    return [samples[start : start + size] for start in range(0, len(samples), size)]


def trained(first, samples, n_passes=2, Estimator=AutoencoderTransformer, **parameters):
    model = Estimator(8, **SMALL | parameters).partial_fit(first)
    for _ in range(n_passes):
        for block in blocks(samples):
            model.partial_fit(block)
    return model


def score_of_pca():
    pca = PCA(8).fit(X)
    return explained_variance(X, pca.inverse_transform(pca.transform(X)), np.ones(len(X)))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The first call of partial_fit has")
@pytest.mark.parametrize(
    ("Estimator", "n_rows"),
    [(AutoencoderTransformer, 2), (AutoencoderTransformer, 10), (DenoisingAutoencoder, 3)],
)
def test_few_first_samples_do_no_harm(Estimator, n_rows):
    model = trained(X[:n_rows], X, Estimator=Estimator)
    usual = trained(X[:300], X, Estimator=Estimator)
    assert model.score(X) > usual.score(X) - 0.01
    assert model.score(X) > score_of_pca()
    assert model.n_samples_seen_ == n_rows + 2 * len(X)
    assert len(model.loss_curve_) == 1 + 2 * len(blocks(X))


@pytest.mark.slow
@pytest.mark.parametrize("change", [lambda X: X + 30, lambda X: 100 * X])
def test_odd_first_samples_are_forgotten(change):
    with pytest.warns(ShiftedSamplesWarning) as warned:
        model = trained(change(X[:200]), X)
    assert len([w for w in warned if w.category is ShiftedSamplesWarning]) == 1
    assert model.score(X) > trained(X[:200], X).score(X) - 0.02
    assert_allclose(model.mean_.mean(), X.mean(), rtol=0.1)


def test_one_odd_block_costs_no_training():
    model = trained(X[:300], X[:1200])
    path = model.path_coefs_[0].copy()
    with pytest.warns(ShiftedSamplesWarning):
        model.partial_fit(X[:100] + 200)
    model.partial_fit(X[:300])
    assert_array_equal(model.path_coefs_[0], path)


def test_counts_and_nested_codes_start_anew_too():
    for parameters in ({"loss": "poisson"}, {"nested": True}, {"linear_path": None}):
        model = trained(X[:10], X[:600], n_passes=1, **parameters)
        assert np.isfinite(model.reconstruct(X)).all()
        assert model.n_samples_seen_ == 610
        code = model.transform(X)
        assert_allclose(model.inverse_transform(code), model.reconstruct(X), atol=1e-6)


def test_a_new_start_keeps_the_extent_of_earlier_samples():
    far = X.mean(axis=0) + 4 * (X[:40] - X.mean(axis=0))
    model = AutoencoderTransformer(8, **SMALL).partial_fit(far)
    before = model.mean_.copy()
    for block in blocks(X[:900]):
        model.partial_fit(block)
    assert not np.array_equal(model.mean_, before)
    box = model._box[:2] * model.scale_ + model.mean_
    assert (box[0] <= far.min(axis=0) + 1e-6).all()
    assert (far.max(axis=0) - 1e-6 <= box[1]).all()
    norms = np.linalg.norm((far - model.mean_) / model.scale_, axis=1)
    assert (norms <= model.reach_[0]).all()


@pytest.mark.slow
@pytest.mark.parametrize("shift", [30, 300])
def test_a_detector_follows_to_another_level(shift):
    rng = np.random.default_rng(1)
    loadings = rng.normal(size=(3, 10))

    def draw(n_rows, noise=0.1):
        signal = rng.normal(size=(n_rows, 3)) @ loadings
        return signal + noise * rng.normal(size=(n_rows, 10))

    detector = AutoencoderOutlierDetector(random_state=0, max_iter=5).partial_fit(draw(200))
    for _ in range(10):
        detector.partial_fit(draw(100))
    with pytest.warns(ShiftedSamplesWarning):
        detector.partial_fit(draw(100) + shift)
    for _ in range(29):
        detector.partial_fit(draw(100) + shift)
    with pytest.warns(ShiftedSamplesWarning, match="% of 500 samples are flagged"):
        assert np.mean(detector.predict(draw(500, noise=1.0) + shift) < 0) > 0.95
    assert np.mean(detector.predict(draw(500) + shift) < 0) < 0.12


def test_files_without_moments_train_on():
    model = AutoencoderTransformer(2, **SMALL).partial_fit(X[:200])
    state = model.__getstate__()
    del state["_stream"]
    model.__setstate__(state)
    model.partial_fit(X[200:400])
    assert model.n_samples_seen_ == 400
    assert model.fit(X[:200])._stream is None
