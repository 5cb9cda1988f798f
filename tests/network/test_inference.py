"""The short cut for few plain rows: the same numbers, the same errors, nothing left over."""

from concurrent.futures import ThreadPoolExecutor
import gc
import weakref

import numpy as np
from numpy.testing import assert_array_equal
import pandas as pd
import pytest

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    _base,
    _fitted,
)

ESTIMATORS = [AutoencoderTransformer, DenoisingAutoencoder, AutoencoderOutlierDetector]
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 3, "early_stopping": False, "random_state": 0}


def rows(n_rows=60, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, 5))


def answers(model, X):
    """Everything that goes through `_validate` or decodes."""
    code = model.transform(X)
    return [code, model.inverse_transform(code), model.reconstruct(X), model.score_samples(X)]


@pytest.fixture
def checked(monkeypatch):
    """Count the calls of scikit-learn's checks."""
    calls = []
    for name in ("validate_data", "check_array"):
        check = getattr(_base, name)
        monkeypatch.setattr(
            _base, name, lambda *a, check=check, **o: calls.append(1) or check(*a, **o)
        )
    return calls


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_short_cuts_change_no_number(Estimator, dtype, monkeypatch):
    model = Estimator(**SMALL).fit(rows().astype(dtype))
    for n_rows in (1, 1, 2, 100, 101):
        X = rows(n_rows, seed=1).astype(dtype)
        found = answers(model, X)
        with monkeypatch.context() as patched:
            patched.setattr(_base, "is_plain", lambda X, n_columns: False)
            patched.setattr(_fitted, "_single_rows", _fitted._SingleRows())
            expected = answers(model, X)
        for a, b in zip(found, expected, strict=True):
            assert a.dtype == b.dtype
            assert_array_equal(a, b)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_who_takes_it(Estimator, checked):
    model = Estimator(**SMALL).fit(rows())
    checked.clear()
    answers(model, rows(1))
    answers(model, np.asfortranarray(rows(3)))
    assert not checked
    huge = 1e200 * rows(1)
    for X in (rows(1).tolist(), rows(1).astype(int), rows(101), rows(1).astype(">f8"), huge):
        checked.clear()
        with np.errstate(over="ignore"):
            model.transform(X)
        assert checked


def test_names_are_still_compared(checked):
    frame = pd.DataFrame(rows(), columns=list("abcde"))
    model = AutoencoderTransformer(**SMALL).fit(frame)
    checked.clear()
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.transform(rows(1))
    assert checked
    nameless = AutoencoderTransformer(**SMALL).fit(rows())
    with pytest.warns(UserWarning, match="fitted without feature names"):
        nameless.transform(frame[:1])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bad_rows_get_scikit_learns_message(bad):
    model = AutoencoderTransformer(**SMALL).fit(rows())
    X = rows(1)
    X[0, 2] = bad
    with pytest.raises(ValueError, match="Input X contains"):
        model.transform(X)
    with pytest.raises(ValueError, match="Input X contains"):
        model.inverse_transform(X[:, 1:3])
    with pytest.raises(ValueError, match="X has 4 features"):
        model.transform(rows(1)[:, :4])
    with pytest.raises(ValueError, match="minimum of 1 is required"):
        model.transform(X[:0])


@pytest.mark.parametrize("change", ["fit", "partial_fit", "set"])
def test_a_model_that_has_changed_is_bound_anew(change):
    X, row = rows(), rows(1, seed=2)
    model = AutoencoderTransformer(**SMALL).fit(X)
    before = answers(model, row)
    if change == "set":
        model.theta_[...] *= 0.5
    else:
        getattr(model, change)(X + 1)
    for a, b, of_many in zip(answers(model, row), before, answers(model, rows(5)), strict=True):
        assert (a != b).any()
        assert a.shape[1:] == of_many.shape[1:]
    both = model.transform(np.concatenate([row, row]))
    np.testing.assert_allclose(model.transform(row), both[:1], rtol=1e-12)


def test_threads_have_their_own():
    model = AutoencoderTransformer(**SMALL).fit(rows())
    X = rows(400, seed=3)
    expected = model.transform(X)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: model.transform(X[i : i + 1]), range(len(X))))
    np.testing.assert_allclose(np.concatenate(found), expected, rtol=1e-12)


def test_nothing_outlives_its_estimator():
    model = AutoencoderTransformer(**SMALL).fit(rows())
    answers(model, rows(1))
    assert model in _fitted._single_rows.passes
    assert "theta_" in vars(model)
    theta = weakref.ref(model.theta_)
    del model
    gc.collect()
    assert theta() is None
