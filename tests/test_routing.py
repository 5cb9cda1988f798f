"""Metadata on its way through Pipelines and searches, and rows to watch that missed a step."""

import warnings

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VariationalAutoencoder,
)
from skae._network.scaling import columns_on_another_scale

ESTIMATORS = [
    AutoencoderTransformer,
    DenoisingAutoencoder,
    AutoencoderOutlierDetector,
    VariationalAutoencoder,
]
QUICK = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}
X = load_wine().data
rng = np.random.default_rng(0)
X_train, X_val = X[::2], X[1::2]
weights = rng.integers(0, 3, len(X_train)).astype(float)


@pytest.fixture(autouse=True)
def _routing():
    with config_context(enable_metadata_routing=True):
        yield


def quick(Estimator, **parameters):
    if Estimator is AutoencoderOutlierDetector:
        parameters = {"criterion": "reconstruction"} | parameters
    return Estimator(2, **QUICK | parameters)


def scaled(model, transform_input=("X_val",), **requested):
    """The model behind a scaler, asking for what is named."""
    model.set_fit_request(**requested)
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    steps = [("scale", scaler), ("encode", model)]
    return Pipeline(steps, transform_input=list(transform_input) or None)


def assert_same_model(one, other):
    assert_array_equal(one.theta_, other.theta_)
    assert one.validation_loss_curve_ == other.validation_loss_curve_


# ------------------------------------------------------------ requests


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_what_can_be_requested(Estimator):
    more = {"X_clean": True} if Estimator is DenoisingAutoencoder else {}
    in_passes = {"groups": True} if Estimator is AutoencoderOutlierDetector else more
    model = Estimator()
    model.set_fit_request(sample_weight=True, X_val=True, groups=True, **more)
    model.set_partial_fit_request(sample_weight=True, **in_passes)
    model.set_score_request(sample_weight=True)
    requests = model.get_metadata_routing()
    assert set(requests.fit.requests) == {"sample_weight", "X_val", "groups", *more}
    assert set(requests.partial_fit.requests) == {"sample_weight", *in_passes}
    assert set(requests.score.requests) == {"sample_weight"}
    assert clone(model).get_metadata_routing().fit.requests == requests.fit.requests


def test_what_was_not_requested_is_refused():
    pipeline = Pipeline([("scale", StandardScaler()), ("encode", quick(AutoencoderTransformer))])
    with pytest.raises(UnsetMetadataPassedError, match="X_val"):
        pipeline.fit(X_train, X_val=X_val)


# ------------------------------------------------------------ Pipelines


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_rows_to_watch_are_scaled_on_their_way(Estimator):
    pipeline = scaled(quick(Estimator), X_val=True).fit(X_train, X_val=X_val)
    scaler = StandardScaler().fit(X_train)
    expected = quick(Estimator).fit(scaler.transform(X_train), X_val=scaler.transform(X_val))
    assert_same_model(pipeline[-1], expected)
    assert len(expected.validation_loss_curve_) == expected.n_iter_
    other = quick(Estimator).fit(scaler.transform(X_train))
    assert other.validation_loss_curve_ != expected.validation_loss_curve_


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_frames_of_rows_to_watch(Estimator):
    """Names and container go with them through a scaler that returns frames."""
    frame = load_wine(as_frame=True).data
    pipeline = scaled(quick(Estimator), X_val=True).set_output(transform="pandas")
    pipeline.fit(frame[::2], X_val=frame[1::2])
    expected = scaled(quick(Estimator), X_val=True).fit(X_train, X_val=X_val)
    assert_allclose(pipeline[-1].theta_, expected[-1].theta_, rtol=1e-3, atol=1e-6)
    assert_allclose(
        pipeline[-1].validation_loss_curve_, expected[-1].validation_loss_curve_, rtol=1e-6
    )
    assert_array_equal(pipeline[-1].feature_names_in_, frame.columns)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_weights_reach_the_step_that_asked(Estimator):
    pipeline = scaled(quick(Estimator), (), sample_weight=True)
    pipeline.fit(X_train, sample_weight=weights)
    Z = StandardScaler().fit_transform(X_train)
    expected = quick(Estimator).fit(Z, sample_weight=weights)
    assert_same_model(pipeline[-1], expected)
    assert not np.array_equal(expected.theta_, quick(Estimator).fit(Z).theta_)


def test_clean_rows_are_scaled_on_their_way():
    noisy = X_train + X_train.std(axis=0) * rng.normal(size=X_train.shape)
    model = quick(DenoisingAutoencoder)
    pipeline = scaled(model, ["X_clean", "X_val"], X_clean=True, X_val=True)
    pipeline.fit(noisy, X_clean=X_train, X_val=X_val)
    scaler = StandardScaler().fit(noisy)
    expected = clone(model).fit(
        scaler.transform(noisy), X_clean=scaler.transform(X_train), X_val=scaler.transform(X_val)
    )
    assert_same_model(pipeline[-1], expected)


def test_without_routing_by_the_name_of_the_step():
    with config_context(enable_metadata_routing=False):
        steps = [("scale", StandardScaler()), ("encode", quick(AutoencoderTransformer))]
        pipeline = Pipeline(steps).fit(X_train, encode__sample_weight=weights)
    expected = scaled(quick(AutoencoderTransformer), (), sample_weight=True)
    expected.fit(X_train, sample_weight=weights)
    assert_same_model(pipeline[-1], expected[-1])


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_groups_reach_the_step_that_asked(Estimator):
    groups = np.arange(len(X_train)) % 7
    pipeline = scaled(quick(Estimator), (), groups=True).fit(X_train, groups=groups)
    Z = StandardScaler().fit_transform(X_train)
    expected = quick(Estimator).fit(Z, groups=groups)
    assert_same_model(pipeline[-1], expected)
    other = quick(Estimator).fit(Z)
    assert other.validation_loss_curve_ != expected.validation_loss_curve_


# ------------------------------------------------------------ searches


@pytest.mark.slow
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_groups_of_a_search_are_those_of_its_splitter(Estimator):
    """The splitter of the search keeps groups whole, and so do the folds of each fit."""
    groups = np.array(list("abcdefgh"))[np.arange(len(X_train)) % 8]
    pipeline = scaled(quick(Estimator), (), groups=True)
    grid, splitter = {"encode__n_components": [1, 3]}, GroupKFold(3)
    search = GridSearchCV(pipeline, grid, cv=splitter, error_score="raise")
    search.fit(X_train, groups=groups)
    [(train, test), *_] = splitter.split(X_train, groups=groups)
    by_hand = clone(pipeline).set_params(**search.cv_results_["params"][1])
    by_hand.fit(X_train[train], groups=groups[train])
    expected = by_hand.score(X_train[test])
    assert_allclose(search.cv_results_["split0_test_score"][1], expected)
    best = clone(pipeline).set_params(**search.best_params_).fit(X_train, groups=groups)
    assert_same_model(search.best_estimator_[-1], best[-1])
    without = scaled(quick(Estimator), ())
    with pytest.raises(UnsetMetadataPassedError, match="groups"):
        clone(search).set_params(estimator=without).fit(X_train, groups=groups)
    for_splitter_only = scaled(quick(Estimator), (), groups=False)
    clone(search).set_params(estimator=for_splitter_only).fit(X_train, groups=groups)


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_a_splitter_of_the_estimator_gets_the_groups_of_each_fold(Estimator):
    groups = np.arange(len(X_train)) % 8
    model = quick(Estimator, validation_split=GroupKFold(2)).set_fit_request(groups=True)
    search = GridSearchCV(model, {"n_components": [1, 2]}, cv=GroupKFold(2), error_score="raise")
    search.fit(X_train, groups=groups)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_rows_to_watch_through_a_search(Estimator):
    pipeline = scaled(quick(Estimator), X_val=True)
    watched = X_val[:-3]  # not as many as X has rows: see the next test
    search = GridSearchCV(pipeline, {"encode__n_components": [1, 3]}, cv=2)
    search.fit(X_train, X_val=watched)
    expected = clone(pipeline).set_params(**search.best_params_).fit(X_train, X_val=watched)
    assert_same_model(search.best_estimator_[-1], expected[-1])
    assert len(expected[-1].validation_loss_curve_) > 0


def test_as_many_rows_to_watch_as_rows_are_split_with_them():
    """scikit-learn takes metadata of the length of X for one entry a row."""
    seen = []

    class Counting(AutoencoderTransformer):
        def fit(self, X, y=None, sample_weight=None, *, X_val=None):
            seen.append((len(X), len(X_val)))
            return super().fit(X, y, sample_weight, X_val=X_val)

    model = Counting(2, **QUICK).set_fit_request(X_val=True)
    cross_validate(model, X_train[:80], cv=4, params={"X_val": X_val[:80]})
    assert seen == [(60, 60)] * 4
    seen.clear()
    cross_validate(model, X_train[:80], cv=4, params={"X_val": X_val[:79]})
    assert seen == [(60, 79)] * 4


def test_weights_and_clean_rows_are_split_with_their_rows():
    noisy = X_train + X_train.std(axis=0) * rng.normal(size=X_train.shape)
    model = quick(DenoisingAutoencoder)
    pipeline = scaled(model, ["X_clean"], X_clean=True, sample_weight=True)
    pipeline[-1].set_score_request(sample_weight=True)
    pipeline.set_score_request(sample_weight=True)  # which scikit-learn 1.6 asks for
    search = GridSearchCV(pipeline, {"encode__n_components": [1, 3]}, cv=2, error_score="raise")
    search.fit(noisy, X_clean=X_train, sample_weight=weights)
    half = len(X_train) // 2 + len(X_train) % 2
    train, test = slice(half, None), slice(0, half)
    by_hand = clone(pipeline).set_params(**search.cv_results_["params"][1])
    by_hand.fit(noisy[train], X_clean=X_train[train], sample_weight=weights[train])
    expected = by_hand.score(noisy[test], sample_weight=weights[test])
    assert_allclose(search.cv_results_["split0_test_score"][1], expected)
    best = clone(pipeline).set_params(**search.best_params_)
    best.fit(noisy, X_clean=X_train, sample_weight=weights)
    assert_same_model(search.best_estimator_[-1], best[-1])


# ------------------------------------------------------------ rows to watch that missed a step


SCALERS = [StandardScaler(), MinMaxScaler(), RobustScaler()]
SETS = [load_iris, load_wine, load_breast_cancer, load_digits]


@pytest.mark.parametrize("Estimator", ESTIMATORS)
def test_untransformed_rows_to_watch_raise_a_warning(Estimator):
    pipeline = scaled(quick(Estimator), (), X_val=True)
    with pytest.warns(UserWarning, match=r"X_val is on another scale than X in \d+ of 13 features"):
        pipeline.fit(X_train, X_val=X_val)


def test_the_columns_are_named():
    frame = load_wine(as_frame=True).data
    pipeline = scaled(quick(AutoencoderTransformer), (), X_val=True).set_output(transform="pandas")
    with pytest.warns(UserWarning, match="another scale") as caught:
        pipeline.fit(frame[::2], X_val=frame[1::2])
    text = str(caught[0].message)
    assert "in 7 of 13 features: alcohol, alcalinity_of_ash, magnesium, " in text
    assert " and 2 more. " in text
    assert 'transform_input=["X_val"]' in text
    model = quick(AutoencoderTransformer)
    with pytest.warns(UserWarning, match=r"in 1 of 2 features: 1\."):
        model.fit(X_train[:, :2], X_val=X_val[:, :2] * [1, 100])


@pytest.mark.parametrize("way", ["missed", "passed twice"])
@pytest.mark.parametrize("scaler", SCALERS, ids=lambda scaler: type(scaler).__name__)
@pytest.mark.parametrize("load", SETS)
def test_a_missed_step_is_noticed(load, scaler, way):
    X = load().data
    chosen = np.random.default_rng(0).permutation(len(X))
    train, val = X[chosen[: len(X) // 2]], X[chosen[len(X) // 2 :]]
    Z = scaler.fit_transform(train)
    pair = (Z, val) if way == "missed" else (train, scaler.transform(val))
    with pytest.warns(UserWarning, match="another scale"):
        quick(AutoencoderTransformer, max_iter=0).fit(pair[0], X_val=pair[1])


def tables():
    """Rows of many kinds, and how they fall."""
    rng = np.random.default_rng(0)
    for load in [*SETS, load_diabetes]:
        yield load.__name__, load().data
    yield "normal", 10 + 3 * rng.normal(size=(300, 8))
    yield "log-normal", rng.lognormal(3, 2, size=(300, 8))
    yield "cauchy", rng.standard_cauchy(size=(300, 8))
    yield "rare events", (rng.random((300, 20)) < 0.02).astype(float)
    yield "counts", rng.poisson(rng.uniform(0.05, 20, 20), (300, 20)).astype(float)
    yield "constant columns", np.column_stack([np.ones((300, 3)), rng.normal(size=(300, 2))])
    yield "categories", np.eye(4)[rng.integers(4, size=300)]


TABLES = dict(tables())


@pytest.mark.slow
@pytest.mark.parametrize("X", TABLES.values(), ids=TABLES)
def test_rows_drawn_alike_raise_none(X):
    """Few rows or many, on either side, as they are or scaled."""
    rng = np.random.default_rng(1)
    for n_train, n_val in ((20, 20), (100, 20), (20, 100), (150, 150), (100, 3)):
        for scaler in (None, StandardScaler(), QuantileTransformer(n_quantiles=10)):
            chosen = rng.permutation(len(X))
            train, val = X[chosen[:n_train]], X[chosen[-n_val:]]
            if scaler is not None:
                train, val = scaler.fit_transform(train), scaler.transform(val)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                quick(AutoencoderTransformer, max_iter=0).fit(train, X_val=val)


def test_rows_of_weight_zero_are_not_compared():
    far = np.vstack([X_train, X_train + 1e6])
    weights = np.repeat([1.0, 0.0], len(X_train))
    model = quick(AutoencoderTransformer, max_iter=0)
    model.fit(far, sample_weight=weights, X_val=X_val)  # warnings are errors
    with pytest.warns(UserWarning, match="another scale"):
        model.fit(far, sample_weight=weights[::-1], X_val=X_val)


def test_numbers_near_the_largest_are_compared_without_overflow():
    huge = 1e38 * np.random.default_rng(0).uniform(-1, 1, (60, 3)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(columns_on_another_scale(huge[:30], huge[30:])) == 0
        assert len(columns_on_another_scale(huge[:30] * 1e-30, huge[30:])) == 3


def test_names_of_columns_that_are_numbers():
    frame = pd.DataFrame(X_train)
    with pytest.warns(UserWarning, match=r"features: 0, 1, 2, 3, 4 and"):
        quick(AutoencoderTransformer, max_iter=0).fit(frame, X_val=pd.DataFrame(X_val * 1000))
