"""`sample` on all estimators: moments, values, containers, and what it costs."""

import pickle

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VariationalAutoencoder,
)

ESTIMATORS = [
    AutoencoderTransformer,
    DenoisingAutoencoder,
    AutoencoderOutlierDetector,
    VariationalAutoencoder,
]
OTHERS = ESTIMATORS[:3]
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 5, "early_stopping": False, "random_state": 0}
DTYPES = [np.float32, np.float64]

pytestmark = pytest.mark.usefixtures("two_calibration_folds")


def rows(n_rows=400, dtype=np.float64):
    """Return samples of two groups, one feature in other units, one with three values."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 2)) @ rng.normal(size=(2, 4)) + 0.3 * rng.normal(size=(n_rows, 4))
    X[: n_rows // 2] += 3
    X[:, 1] = 1000 * X[:, 1]
    X[:, 3] = np.clip(np.rint(X[:, 3]), 0, 2)
    return X.astype(dtype)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("Estimator", OTHERS)
def test_moments(Estimator, dtype):
    X = rows(dtype=dtype)
    model = Estimator(2, **SMALL).fit(X)
    drawn = model.sample(5000, random_state=0)
    assert drawn.dtype == dtype
    assert drawn.shape == (5000, 4)
    scale = X.std(axis=0)
    assert_allclose(drawn.mean(axis=0) / scale, X.mean(axis=0) / scale, atol=0.12)
    assert_allclose(np.cov((drawn / scale).T), np.cov((X / scale).T), atol=0.2)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_values_are_those_of_the_training_samples(Estimator):
    X = rows()
    drawn = Estimator(2, **SMALL).fit(X).sample(2000, random_state=0)
    assert_array_equal(np.unique(drawn[:, 3]), np.unique(X[:, 3]))
    assert np.all((drawn >= X.min(axis=0)) & (drawn <= X.max(axis=0)))


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_random_state(Estimator):
    model = Estimator(2, **SMALL).fit(rows())
    before = pickle.dumps(model)
    first = model.sample(5, random_state=3)
    assert_array_equal(first, model.sample(5, random_state=3))
    assert np.any(first != model.sample(5, random_state=4))
    assert np.any(model.sample(5) != model.sample(5))
    generator = np.random.default_rng(0)
    assert np.any(model.sample(5, generator) != model.sample(5, generator))
    legacy = [model.sample(5, np.random.RandomState(1)) for _ in range(2)]
    assert_array_equal(*legacy)
    assert model.sample().shape == (1, 4)
    assert pickle.dumps(model) == before
    assert_array_equal(first, pickle.loads(before).sample(5, random_state=3))


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_frames(Estimator):
    X = pd.DataFrame(rows(), columns=list("abcd"))
    model = Estimator(2, **SMALL).fit(X)
    assert isinstance(model.sample(3), np.ndarray)
    drawn = model.set_output(transform="pandas").sample(3)
    assert isinstance(drawn, pd.DataFrame)
    assert list(drawn.columns) == list("abcd")


@pytest.mark.parametrize("Estimator", ESTIMATORS)
@pytest.mark.parametrize("n_samples", [0, -1, 1.5, "3", None, True])
def test_numbers_of_samples_that_are_none(Estimator, n_samples):
    with pytest.raises(NotFittedError):
        Estimator().sample(2)
    if Estimator is AutoencoderTransformer:
        model = Estimator(2, **SMALL).fit(rows(60))
        with pytest.raises(ValueError, match="n_samples must be an int of at least 1"):
            model.sample(n_samples)


def test_samples_can_be_forgotten():
    X = rows()
    model = AutoencoderTransformer(2, **SMALL).fit(X)
    before, code = pickle.dumps(model), model.transform(X)
    model.sample()
    assert X[:1].tobytes() in before
    assert model.forget_samples() is model
    after = pickle.dumps(model)
    assert not any(X[i : i + 1].tobytes() in after for i in range(len(X)))
    with pytest.raises(AttributeError, match="not kept after partial_fit and forget_samples"):
        model.sample()
    assert_array_equal(pickle.loads(after).transform(X), code)
    given = np.where([[False, True, False, True]], np.nan, X[:2])
    assert np.isfinite(model.sample(given=given, random_state=0)).all()
    model.fit(X).sample()


def test_partial_fit_leaves_no_density():
    X = rows()
    model = AutoencoderTransformer(2, **SMALL).fit(X)
    model.partial_fit(X)
    with pytest.raises(AttributeError, match="partial_fit"):
        model.sample(2)
    assert model.fit(X).sample(2).shape == (2, 4)


@pytest.mark.parametrize("loss", ["log_loss", "poisson"])
def test_losses_with_a_range(loss):
    X = rows()[:, [0, 2]]
    X = (X - X.min(axis=0)) / np.ptp(X, axis=0)
    drawn = AutoencoderTransformer(1, loss=loss, **SMALL).fit(X).sample(500, random_state=0)
    assert np.all((drawn >= 0) & (drawn <= 1))


def test_weights_count():
    X = rows()
    weights = np.r_[np.zeros(200), np.ones(200)]
    model = AutoencoderTransformer(2, **SMALL).fit(X, sample_weight=weights)
    drawn = model.sample(1000, random_state=0)
    assert np.all(drawn <= X[200:].max(axis=0))
    difference = (drawn.mean(axis=0) - X[200:].mean(axis=0)) / X.std(axis=0)
    assert_allclose(difference, 0, atol=0.1)


def test_groups_are_kept_apart():
    """The mixture knows that there are three kinds of flowers: nothing lies between them."""
    X = load_iris().data
    drawn = AutoencoderTransformer(2, **SMALL).fit(X).sample(1000, random_state=0)
    between = np.mean((drawn[:, 2] > 2.1) & (drawn[:, 2] < 2.8))
    assert between < 0.03


@pytest.mark.parametrize("X", [np.ones((20, 3)), rows(2), rows(5)[:, :1]], ids=str)
def test_degenerate_samples(X):
    drawn = AutoencoderTransformer(1, **SMALL).fit(X).sample(10, random_state=0)
    assert np.isfinite(drawn).all()


# ---------------------------------------------------------------- some cells given


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_given_cells_stay_and_the_others_follow_them(Estimator, dtype):
    X = rows(dtype=dtype)
    model = Estimator(2, **SMALL | {"max_iter": 20}).fit(X)
    before = pickle.dumps(model)
    given = X[::4].copy()
    given[:, 1] = given[:, 3] = np.nan
    drawn = model.sample(3, random_state=0, given=given)
    assert pickle.dumps(model) == before
    assert drawn.dtype == dtype
    assert drawn.shape == (300, 4)
    draws = drawn.reshape(100, 3, 4)
    assert_array_equal(draws[:, :, [0, 2]], np.repeat(given[:, None, [0, 2]], 3, axis=1))
    assert np.all(np.ptp(draws[:, :, 1], axis=1) > 0)
    assert set(np.unique(drawn[:, 3])) <= set(np.unique(X[:, 3]))
    assert np.corrcoef(draws[:, :, 1].mean(axis=1), X[::4, 1])[0, 1] > 0.7
    assert_array_equal(drawn, model.sample(3, random_state=0, given=given))
    nothing = model.sample(2000, random_state=0, given=np.full((1, 4), np.nan))
    scale = X.std(axis=0)
    assert_allclose(nothing.mean(axis=0) / scale, X.mean(axis=0) / scale, atol=0.2)
    assert_array_equal(model.sample(1, given=X), X)


def test_given_samples_that_do_not_match():
    model = AutoencoderTransformer(2, **SMALL).fit(pd.DataFrame(rows(60), columns=list("abcd")))
    with pytest.raises(ValueError, match="given does not match X"):
        model.sample(given=pd.DataFrame(rows(3), columns=list("abdc")))
    model.set_output(transform="pandas")
    drawn = model.sample(2, given=pd.DataFrame([[np.nan, 0.0, 1.0, 2.0]], columns=list("abcd")))
    assert drawn.shape == (2, 4)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_one_hot_columns_stay_so(Estimator):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 5))
    X = np.hstack([X[:, :2], np.eye(3)[X[:, :3].argmax(axis=1)]])
    model = Estimator(2, **SMALL).fit(X)
    assert_array_equal(model.sample(300, random_state=0)[:, 2:].sum(axis=1), 1)
    drawn = model.sample(100, given={0: [-1, 1]}, random_state=0)
    assert_array_equal(drawn[:, 2:].sum(axis=1), 1)
    drawn = model.sample(100, given={2: 0, 1: 0.5}, random_state=0)
    assert_array_equal(drawn[:, 3:].sum(axis=1), 1)
    assert_array_equal(drawn[:, 1:3], np.tile([0.5, 0], (100, 1)))


def test_some_features_given_by_name():
    X = pd.DataFrame(rows(60), columns=list("abcd"))
    model = AutoencoderTransformer(2, **SMALL).fit(X)
    by_name = model.sample(2, given={"c": [1, 2], "a": 0.5}, random_state=0)
    assert_array_equal(by_name[:, [0, 2]], [[0.5, 1], [0.5, 1], [0.5, 2], [0.5, 2]])
    frame = pd.DataFrame({"c": [1, 2], "a": [0.5, 0.5]})
    assert_array_equal(model.sample(2, given=frame, random_state=0), by_name)
    full = np.array([[0.5, np.nan, 1, np.nan], [0.5, np.nan, 2, np.nan]])
    full = pd.DataFrame(full, columns=list("abcd"))
    assert_array_equal(model.sample(2, given=full, random_state=0), by_name)
    assert_array_equal(model.sample(2, given={2: [1, 2], 0: 0.5}, random_state=0), by_name)
    for given, message in [
        ({"e": 1}, "has no feature 'e'"),
        ({"a": [1, 2], "b": [1, 2, 3]}, "got 2 of 'a', expected 3"),
        ({"a": "red"}, r"given\['a'\] must hold numbers"),
        ({"a": np.inf}, "too large"),
    ]:
        with pytest.raises(ValueError, match=message):
            model.sample(given=given)


def test_many_features(monkeypatch):
    """The density is one of principal components; so many that cells are normal are left out."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 3)) @ rng.normal(size=(3, 70)) + 0.1 * rng.normal(size=(150, 70))
    model = AutoencoderTransformer(3, **SMALL).fit(X)
    drawn = model.sample(300, random_state=0)
    assert_allclose(drawn.std(axis=0), X.std(axis=0), rtol=0.35)
    assert_allclose(np.corrcoef(drawn.T), np.corrcoef(X.T), atol=0.25)
    given = X.copy()
    given[:, 35:] = np.nan
    completed = model.sample(given=given, random_state=0)
    assert np.corrcoef(completed[:, 35:].ravel(), X[:, 35:].ravel())[0, 1] > 0.9
    X[:, 60] = X[:, 60] > 0
    given[:, 60] = np.nan
    monkeypatch.setattr("skae._sample_drawing.MAX_COLUMNS", 64)
    with pytest.warns(UserWarning, match="missing cells in 1 discrete features"):
        AutoencoderTransformer(3, **SMALL).fit(X).sample(given=given[:2], random_state=0)
