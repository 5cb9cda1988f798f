"""Moments of the samples of successive calls, and what samples on another level change."""

import warnings

import numpy as np
from numpy.testing import assert_allclose
import pytest
from sklearn.decomposition import PCA

from skae import AutoencoderTransformer, ShiftedSamplesWarning
from skae._training.stream import Moments, Stream, follow


def table(n_rows=200, n_features=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_rows, n_features)) * np.arange(1, n_features + 1) + 5


def moments(X, weights=None, n_directions=6):
    return Moments.of(X, np.ones(len(X)) if weights is None else weights, n_directions)


def assert_moments_of(found, X, weights=None):
    weights = np.ones(len(X)) if weights is None else weights
    mean = np.average(X, axis=0, weights=weights)
    scatter = (X - mean).T @ (weights[:, None] * (X - mean))
    assert found.weight == pytest.approx(weights.sum())
    assert_allclose(found.mean, mean)
    assert_allclose(found.squares, np.diag(scatter))
    assert_allclose(found.factor.T @ found.factor, scatter, atol=1e-8 * np.trace(scatter))


def test_moments_of_blocks_are_those_of_all_samples():
    X = table()
    weights = np.random.default_rng(1).integers(1, 4, len(X)).astype(float)
    assert_moments_of(moments(X, weights), X, weights)
    total = moments(X[:3], weights[:3])
    for start in (3, 4, 50):
        stop = {3: 4, 4: 50, 50: 200}[start]
        new = moments(X[start:stop], weights[start:stop])
        total = total.followed_by(new, 1.0, 6)
    assert_moments_of(total, X, weights)


def test_a_decay_divides_earlier_weights():
    X = table(100)
    found = moments(X[:60]).followed_by(moments(X[60:]), 0.25, 6)
    assert_moments_of(found, X, np.repeat([0.25, 1], [60, 40]))


def test_the_scatter_of_many_features_keeps_the_principal_directions():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3)) @ (10 * rng.normal(size=(3, 200))) + rng.normal(size=(300, 200))
    total = None
    for block in np.split(X, 6):
        new = moments(block, n_directions=10)
        total = new if total is None else total.followed_by(new, 1.0, 10)
    assert total.factor.shape == (10, 200)
    scaling = total.scaling(False, np.dtype(float))
    directions, pca = total.directions(scaling, 3), PCA(3).fit(X)
    assert_allclose(np.abs(directions @ pca.components_.T), np.eye(3), atol=2e-3)
    assert scaling.scale == pytest.approx(X.std(axis=0).mean(), rel=0.1)


def test_scalings_and_directions_of_equal_samples_are_finite():
    found = moments(np.full((5, 3), 7.0), n_directions=3)
    scaling = found.scaling(True, np.dtype(np.float32))
    assert_allclose(scaling.mean, 7)
    assert_allclose(scaling.scale, 1)
    assert found.directions(scaling, 2).shape == (0, 3)


def test_no_sample_is_stored():
    X = table(3)
    assert not any(
        np.allclose(abs(row), abs(x - X.mean(axis=0))) for row in moments(X).factor for x in X
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda X: X, False),
        (lambda X: X + 3, False),
        (lambda X: X + 60, True),
        (lambda X: 2 * X, False),
        (lambda X: 100 * X, True),
        (lambda X: X / 100, True),
        (lambda X: X[:10] + 60, False),
    ],
)
def test_samples_on_another_level_are_told(change, expected):
    assert moments(table()).is_unlike(moments(change(table(50, seed=1)))) is expected


@pytest.mark.parametrize("law", ["normal", "t2", "lognormal", "sparse", "counts"])
def test_blocks_of_the_same_law_never_look_unlike_each_other(law):
    draws = {
        "normal": lambda rng, n: rng.normal(size=(n, 8)),
        "t2": lambda rng, n: rng.standard_t(2, size=(n, 8)),
        "lognormal": lambda rng, n: np.exp(1.5 * rng.normal(size=(n, 8))),
        "sparse": lambda rng, n: rng.normal(size=(n, 8)) * (rng.random((n, 8)) < 0.02),
        "counts": lambda rng, n: rng.poisson(0.05, size=(n, 8)),
    }
    rng = np.random.default_rng(0)
    for _ in range(30):
        blocks = [draws[law](rng, n).astype(float) for n in (30, 500)]
        first, second = (moments(block, n_directions=8) for block in blocks)
        assert not first.is_unlike(second)
        assert not second.is_unlike(first)


def test_samples_that_stay_on_another_level_become_the_usual_ones():
    ones = np.ones(50)
    state = follow(None, table(400), np.ones(400)).stream.asdict()
    with pytest.warns(ShiftedSamplesWarning, match="another level or scale"):
        change = follow(state, table(50, seed=1) + 90, ones)
    assert change.turns_odd
    assert not change.is_shifted
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(2, 4):
            change = follow(change.stream.asdict(), table(50, seed=seed) + 90, ones)
            assert not change.is_shifted
        back = follow(change.stream.asdict(), table(50), ones)
        assert back.stream.odd is None
        assert_allclose(back.stream.moments.mean, 5, atol=1)
        change = follow(change.stream.asdict(), table(50, seed=5) + 90, ones)
    assert change.is_shifted
    assert_allclose(change.stream.moments.mean, 95, atol=1)
    assert Stream.from_dict(change.stream.asdict()).seen_weight == 200


def test_samples_without_weight_have_no_part():
    X, weights = table(60), np.repeat([1.0, 0.0], [40, 20])
    X[40:] = 1e6
    assert_allclose(follow(None, X, weights).stream.moments.mean, X[:40].mean(axis=0))


def test_ordinary_streams_are_silent():
    X = table(600).astype(np.float32)
    model = AutoencoderTransformer(2, hidden_layer_sizes=(8,), random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for size in (3, 1, 30, 5, 200):
            model.partial_fit(X[:size])


def test_a_first_call_with_too_few_samples_warns():
    X = table(20)
    with pytest.warns(UserWarning, match=r"first call of partial_fit has 4 samples.*components=4"):
        AutoencoderTransformer(4, random_state=0).partial_fit(X[:4])
    for parameters in ({}, {"linear_path": None}):
        AutoencoderTransformer(3, random_state=0, **parameters).partial_fit(X[:4])


def test_sorted_chunks_warn_in_the_second_call():
    X = table(400)
    sorted_X = X[np.argsort(X[:, 0] + X[:, 1])]
    model = AutoencoderTransformer(2, random_state=0, hidden_layer_sizes=(4,))
    with pytest.warns(ShiftedSamplesWarning, match="Shuffle"):
        model.partial_fit(sorted_X[:200]).partial_fit(sorted_X[200:])
    model.partial_fit(X[:200])  # it warns once
    for seed in range(3):
        X = table(200, seed=seed)
        model = AutoencoderTransformer(2, random_state=0, hidden_layer_sizes=(4,))
        model.partial_fit(X[:100]).partial_fit(X[100:])
