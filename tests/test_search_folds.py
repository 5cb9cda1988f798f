"""The fits of a search on each fold, and where an estimator has its autoencoder."""

import numpy as np
from numpy.testing import assert_array_equal
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderTransformer, ComponentSearchCV
from skae._search_folds import as_float32, clearly_worse, count_features, find_parameter
from skae.export import Encoder

SMALL = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}
X, y = load_wine(return_X_y=True)
FOLDS = KFold(3, shuffle=True, random_state=0)


def autoencoder(**options):
    return AutoencoderTransformer(**SMALL | options)


def in_columns(code):
    columns = ColumnTransformer([("code", make_pipeline(StandardScaler(), code), slice(0, 8))])
    return Pipeline([("columns", columns), ("read", LogisticRegression())])


PLACES = {
    "": (autoencoder(), 13),
    "code__": (Pipeline([("code", autoencoder()), ("last", "passthrough")]), 13),
    "columns__code__autoencodertransformer__": (in_columns(autoencoder()), 8),
    "both__code__": (
        Pipeline([("both", FeatureUnion([("code", autoencoder()), ("scale", StandardScaler())]))]),
        13,
    ),
    "regressor__code__": (
        TransformedTargetRegressor(Pipeline([("code", autoencoder()), ("read", Ridge())])),
        13,
    ),
}


@pytest.mark.parametrize("prefix", PLACES)
def test_the_autoencoder_is_found_wherever_it_is(prefix):
    estimator, n_features = PLACES[prefix]
    name = find_parameter(estimator)
    assert name == prefix + "n_components"
    if prefix:
        assert count_features(estimator, name, X, y) == n_features


def test_of_several_autoencoders_one_is_named():
    estimator = FeatureUnion([("a", autoencoder()), ("b", make_pipeline(autoencoder()))])
    names = "'a__n_components' or 'b__autoencodertransformer__n_components'"
    with pytest.raises(ValueError, match=f"has 2 autoencoders.*param_name={names}"):
        find_parameter(estimator)
    with pytest.raises(ValueError, match=f"param_name must be {names}, got 'c'"):
        find_parameter(estimator, "c")
    search = ComponentSearchCV(estimator, [1, 2], param_name="a__n_components", cv=2)
    search.set_params(scoring=lambda union, X: union.transform(X).shape[1]).fit(X)
    assert search.best_params_ == {"a__n_components": 2}
    frozen = Pipeline([("old", Encoder(autoencoder().fit(X))), ("new", autoencoder())])
    assert find_parameter(frozen) == "new__n_components"  # what is fitted already is not searched


def test_nested_pipelines_are_as_fast_and_good_as_flat_ones():
    code, read = autoencoder(), LogisticRegression()
    inner = Pipeline([("code", code), ("scale", StandardScaler())])
    nested = Pipeline(
        [("outer", Pipeline([("first", StandardScaler()), ("inner", inner)])), ("read", read)]
    )
    flat = Pipeline([("first", StandardScaler()), *inner.steps, ("read", read)])
    results = []
    for estimator in (nested, flat):
        search = ComponentSearchCV(clone(estimator), [1, 2], cv=FOLDS).fit(X, y)
        results.append([search.cv_results_[f"split{i}_test_score"] for i in range(3)])
    assert_array_equal(*results)
    assert not hasattr(nested[0][0], "mean_")  # the user's estimator is left unfitted


def test_inside_of_a_column_transformer_scores_are_those_of_grid_search():
    estimator, name = (
        in_columns(autoencoder()),
        "columns__code__autoencodertransformer__n_components",
    )
    grid = GridSearchCV(estimator, {name: [1, 4]}, cv=FOLDS).fit(X, y)
    search = ComponentSearchCV(estimator, [1, 4], cv=FOLDS, one_standard_error=False).fit(X, y)
    for i in range(3):
        key = f"split{i}_test_score"
        assert_array_equal(search.cv_results_[key], grid.cv_results_[key])
    assert search.best_params_ == grid.best_params_
    assert_array_equal(search.predict_proba(X), grid.predict_proba(X))


@pytest.mark.parametrize(
    ("table", "is_rounded"),
    [
        (X, True),
        (X.astype(np.float32), True),
        (np.column_stack([X, np.full(len(X), 1e6)]), True),
        (X + 1e8, False),
        (X * 1e13, False),
        (np.where(X > 1000, np.nan, X), True),
        (X.tolist(), None),
    ],
)
def test_training_in_float32_only_where_rounding_changes_nothing(table, is_rounded):
    first, second = as_float32(table, table[:5])
    assert len(second) == 5
    if is_rounded is None:
        assert first is table
    else:
        assert (first.dtype == np.float32) == is_rounded
        assert second.dtype == first.dtype


def test_with_many_samples_clearly_worse_sizes_are_trained_on_the_first_fold_alone(monkeypatch):
    """The limit is lowered here, so that few samples are many."""
    monkeypatch.setattr("skae._search_folds.MAX_CROSS_VALIDATED_ROWS", 50)
    Z, sizes = StandardScaler().fit_transform(X).astype(np.float32), [1, 8, 9]
    search = ComponentSearchCV(autoencoder(), sizes, cv=FOLDS).fit(Z)
    results = search.cv_results_
    assert_array_equal(np.isnan([results[f"split{j}_test_score"][0] for j in range(3)]), [0, 1, 1])
    pca = np.empty((3, 3))
    for j, (train, test) in enumerate(FOLDS.split(Z)):
        for i, size in enumerate(sizes):
            found = results[f"split{j}_test_score"][i]
            if np.isfinite(found):
                model = autoencoder(n_components=size).fit(Z[train])
                assert found == pytest.approx(model.score(Z[test]), abs=1e-6)
            start = autoencoder(n_components=size, max_iter=0).fit(Z[train])
            pca[i, j] = start.score(Z[test])
    expected = results["split0_test_score"][0] + np.mean(pca[0] - pca[0, 0])
    assert results["mean_test_score"][0] == pytest.approx(expected, abs=1e-6)
    assert np.isfinite(search.standard_errors_).all()
    assert np.isfinite(results["mean_fit_time"]).all()
    assert search.n_components_ in (8, 9)


@pytest.mark.parametrize(
    ("scores", "pca", "expected"),
    [
        ([0.5, 0.9], [[0.4, 0.41, 0.4], [0.8, 0.81, 0.8]], [True, False]),
        ([0.88, 0.9], [[0.88, 0.89, 0.88], [0.9, 0.91, 0.9]], [True, False]),
        ([0.88, 0.9], [[0.88, 0.93, 0.88], [0.9, 0.91, 0.9]], [False, False]),  # folds disagree
        ([0.88, 0.9], [[0.6, 0.61, 0.6], [0.6, 0.61, 0.6]], [False, False]),  # a gain is uncertain
    ],
)
def test_what_other_folds_cannot_make_up_for(scores, pca, expected):
    assert_array_equal(clearly_worse(np.array(scores), np.array(pca)), expected)
