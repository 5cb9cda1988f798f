"""ComponentSearchCV: the number of components by cross-validation, one training a size and fold."""

import inspect

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from test_docstrings import assert_opens_well, assert_parameters_are_documented, entries, sections

from skae import (
    SKOPS_TRUSTED_TYPES,
    AutoencoderTransformer,
    ComponentSearchCV,
    VariationalAutoencoder,
)
from skae._search import _as_float32, _clearly_worse
from skae.metrics import reconstruction_score

SMALL = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}
X, y = load_wine(return_X_y=True)
FOLDS = KFold(3, shuffle=True, random_state=0)


def autoencoder(**options):
    return AutoencoderTransformer(**SMALL | options)


def test_scores_are_those_of_each_size_with_the_fold_as_validation_set():
    search = ComponentSearchCV(autoencoder(), [2, 1], cv=FOLDS).fit(X)
    for i, size in enumerate((1, 2)):
        for j, (train, test) in enumerate(FOLDS.split(X)):
            model = autoencoder(n_components=size).fit(X[train], X_val=X[test])
            found = search.cv_results_[f"split{j}_test_score"][i]
            assert found == pytest.approx(model.score(X[test]), abs=1e-4)
    scores = [search.cv_results_[f"split{j}_test_score"] for j in range(3)]
    assert_allclose(search.cv_results_["mean_test_score"], np.mean(scores, axis=0))
    assert_allclose(search.standard_errors_, np.std(scores, axis=0, ddof=1) / np.sqrt(3))
    assert_array_equal(search.cv_results_["param_n_components"], [1, 2])
    assert search.cv_results_["params"] == [{"n_components": 1}, {"n_components": 2}]
    best = autoencoder(n_components=search.n_components_).fit(X)
    assert_array_equal(search.transform(X), best.transform(X))
    assert_allclose(search.inverse_transform(search.transform(X)), best.reconstruct(X))
    assert search.score(X) == best.score(X)
    assert search.n_features_in_ == 13


def test_names_and_values_are_those_of_grid_search_where_training_is_the_same():
    """Without early stopping no samples are held out inside."""
    steps = [("scale", StandardScaler()), ("code", autoencoder(early_stopping=False))]
    pipe = Pipeline([*steps, ("read", LogisticRegression())])
    sizes, cv = [1, 4], FOLDS
    grid = GridSearchCV(pipe, {"code__n_components": sizes}, cv=cv).fit(X, y)
    search = ComponentSearchCV(pipe, sizes, cv=cv, one_standard_error=False).fit(X, y)
    for name, values in search.cv_results_.items():
        if name.endswith("score") and not name.startswith("rank"):
            assert_allclose(values, grid.cv_results_[name], atol=0.02, err_msg=name)
    assert_array_equal(search.cv_results_["params"], grid.cv_results_["params"])
    assert search.best_params_ == grid.best_params_
    assert search.best_score_ == pytest.approx(grid.best_score_, abs=0.02)
    assert_array_equal(search.predict_proba(X), grid.predict_proba(X))
    assert_array_equal(search.decision_function(X), grid.decision_function(X))
    assert_array_equal(search.classes_, grid.classes_)
    assert is_classifier(search)
    assert search.score(X, y) == grid.score(X, y)


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
    first, second = _as_float32(table, table[:5])
    assert len(second) == 5
    if is_rounded is None:
        assert first is table
    else:
        assert (first.dtype == np.float32) == is_rounded
        assert second.dtype == first.dtype


def test_the_fewest_components_within_one_standard_error():
    search = ComponentSearchCV(autoencoder(), [1, 2, 3, 4])
    scores = np.array([[0.5, 0.5], [0.88, 0.8], [0.8, 0.9], [0.81, 0.85]])
    results = scores, np.zeros((4, 2)), np.zeros((4, 2), bool)
    search._set_results([1, 2, 3, 4], results, "n_components")
    assert search.cv_results_["mean_test_score"].argmax() == 2
    assert (search.n_components_, search.best_index_) == (2, 1)
    search.set_params(one_standard_error=False)
    search._set_results([1, 2, 3, 4], results, "n_components")
    assert search.n_components_ == 3
    assert_array_equal(search.cv_results_["rank_test_score"], [4, 2, 1, 3])


def test_with_many_samples_clearly_worse_sizes_are_trained_on_the_first_fold_alone(monkeypatch):
    """The limit is lowered here, so that few samples are many."""
    monkeypatch.setattr("skae._search.MAX_CROSS_VALIDATED_ROWS", 50)
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
    assert_array_equal(_clearly_worse(np.array(scores), np.array(pca)), expected)


def test_a_score_of_the_users_and_pca_as_a_limit():
    steps = make_pipeline(StandardScaler(), autoencoder(max_iter=0))
    search = ComponentSearchCV(steps, [1, 3], scoring=reconstruction_score, cv=FOLDS).fit(X)
    pca = make_pipeline(StandardScaler(), PCA(3))
    expected = cross_val_score(pca, X, scoring=reconstruction_score, cv=FOLDS).mean()
    assert search.cv_results_["mean_test_score"][1] == pytest.approx(expected, abs=1e-4)
    assert search.best_params_ == {"autoencodertransformer__n_components": 3}


def test_default_sizes_are_powers_of_two_and_groups_reach_the_splitter():
    groups = np.arange(150) % 5
    iris = load_iris().data
    search = ComponentSearchCV(VariationalAutoencoder(**SMALL), cv=GroupKFold(2))
    search.fit(iris, groups=groups)
    assert_array_equal(search.cv_results_["param_n_components"], [1, 2])
    assert search.n_splits_ == 2


def test_folds_of_sorted_samples_raise_no_warning():
    iris = load_iris().data
    search = ComponentSearchCV(autoencoder(), [1, 2], cv=KFold(3)).fit(iris)
    assert search.n_splits_ == 3


def test_frames_go_in_and_out():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X[:90]).add_prefix("a")
    search = ComponentSearchCV(autoencoder(), 2, cv=2).set_output(transform="pandas").fit(frame)
    assert list(search.transform(frame)) == list(search.get_feature_names_out())
    assert list(search.feature_names_in_) == list(frame)


@pytest.mark.parametrize(
    ("estimator", "options", "message"),
    [
        (PCA(), {}, "estimator must be an autoencoder of skae"),
        (make_pipeline(autoencoder(), autoencoder()), {}, "a Pipeline with one of them"),
        (autoencoder(), {"n_components": [0, 1]}, "n_components must be a list of positive ints"),
        (autoencoder(), {"n_components": [1.5]}, "n_components must be a list of positive ints"),
        (autoencoder(), {"n_components": [1, 99]}, "must be between 1 and min"),
        (autoencoder(), {"one_standard_error": "yes"}, "one_standard_error"),
        (autoencoder(), {"scoring": lambda *args: np.nan}, "scores must be finite"),
    ],
)
def test_bad_input(estimator, options, message):
    search = ComponentSearchCV(estimator, **{"cv": 2} | options)
    with pytest.raises(ValueError, match=message):
        search.fit(X)
    with pytest.raises(NotFittedError):
        clone(search).transform(X)


def test_docstring():
    found = sections(ComponentSearchCV)
    assert_opens_well(ComponentSearchCV)
    parameters = entries(found["Parameters"])
    assert_parameters_are_documented(parameters, inspect.signature(ComponentSearchCV))
    search = ComponentSearchCV(autoencoder(), 1, cv=2).fit(X)
    fitted = {name for name in vars(search) if name.endswith("_")}
    assert fitted | {"feature_names_in_", "scorer_"} == set(entries(found["Attributes"]))


def test_files_of_skops():
    skops_io = pytest.importorskip("skops.io")
    search = ComponentSearchCV(autoencoder(), [1, 2], cv=2).fit(X)
    loaded = skops_io.loads(skops_io.dumps(search), trusted=SKOPS_TRUSTED_TYPES)
    assert_array_equal(loaded.transform(X), search.transform(X))
