"""ComponentSearchCV: the number of components by cross-validation, one training a size and fold."""

import inspect

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
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
        (autoencoder(), {"refit": lambda results: 9}, "refit must return an index from 0 to"),
        (autoencoder(), {"param_name": "n_components_"}, "param_name must be 'n_components', got"),
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


def test_weights_reach_the_fits_and_the_scores():
    weights = np.arange(len(X)) % 3 + 1.0
    search = ComponentSearchCV(autoencoder(), 1, cv=FOLDS).fit(X, sample_weight=weights)
    for j, (train, test) in enumerate(FOLDS.split(X)):
        model = autoencoder(n_components=1)
        model.fit(X[train], X_val=X[test], sample_weight=weights[train])
        expected = model.score(X[test], sample_weight=weights[test])
        assert search.cv_results_[f"split{j}_test_score"][0] == pytest.approx(expected, abs=1e-4)
    expected = autoencoder(n_components=1).fit(X, sample_weight=weights)
    assert_array_equal(search.transform(X), expected.transform(X))
    assert search.score(X, sample_weight=weights) == expected.score(X, sample_weight=weights)


def test_parameters_of_steps_are_those_of_grid_search():
    pipe = Pipeline([("code", autoencoder()), ("read", LogisticRegression(max_iter=1000))])
    params = {"code__sample_weight": 1 + y, "read__sample_weight": 3 - y}
    grid = GridSearchCV(pipe, {"code__n_components": [1]}, cv=FOLDS).fit(X, y, **params)
    search = ComponentSearchCV(pipe, 1, cv=FOLDS).fit(X, y, **params)
    assert search.best_score_ == grid.best_score_
    assert_array_equal(search.predict_proba(X), grid.predict_proba(X))


def test_metadata_is_routed_as_in_grid_search():
    weights, groups = 1.0 + y, np.arange(len(X)) % 5
    with config_context(enable_metadata_routing=True):
        code = autoencoder().set_fit_request(sample_weight=True, groups=False)
        read = LogisticRegression(max_iter=1000).set_fit_request(sample_weight=False)
        pipe = Pipeline([("code", code), ("read", read)])
        scoring = get_scorer("accuracy").set_score_request(sample_weight=True)
        options = {"cv": GroupKFold(2), "scoring": scoring}
        grid, search = (
            found.fit(X, y, sample_weight=weights, groups=groups)
            for found in (
                GridSearchCV(pipe, {"code__n_components": [1]}, **options),
                ComponentSearchCV(pipe, 1, **options),
            )
        )
        assert search.best_score_ == grid.best_score_
        found = [each.score(X, y, sample_weight=weights) for each in (grid, search)]
        assert found[0] == found[1] != search.score(X, y)


def test_without_refit_there_is_a_choice_but_no_estimator():
    search = ComponentSearchCV(autoencoder(), [1, 2], cv=2).fit(X)
    other = clone(search).set_params(refit=False).fit(X)
    assert other.n_components_ == search.n_components_
    assert_array_equal(other.scorer_(search.best_estimator_, X), search.score(X))
    assert not hasattr(other, "inverse_transform")
    with pytest.raises(AttributeError, match="score needs a fitted estimator, which refit=False"):
        other.score(X)


def test_summary_and_lines_of_the_trainings(capsys):
    def choose(results):
        return results["params"].index({"n_components": 1})

    search = ComponentSearchCV(autoencoder(), [1, 2], cv=2, refit=choose, verbose=1).fit(X)
    *lines, last = capsys.readouterr().out.partition("ComponentSearchCV")[0].splitlines()
    assert len(lines) == 3
    score = search.cv_results_["split1_test_score"][1]
    assert last.startswith(f"[CV 2/2] n_components=2: score={score:.4g}, ")
    text = search.summary()
    assert text.startswith("ComponentSearchCV: 2 sizes, 2 folds\n")
    assert f"Chosen: 1 (the choice of refit), score {search.best_score_:.4g}" in text
    assert "Skipped" not in text
    assert text.splitlines()[-1].startswith("Time: ")


def test_a_summary_says_which_sizes_were_skipped():
    search = ComponentSearchCV(autoencoder(), [1, 2, 3])
    scores = np.array([[0.1, 0.1, 0.1], [0.8, 0.8, 0.9], [0.8, 0.9, 0.9]])
    is_estimate = np.array([[0, 1, 1], [0, 0, 0], [0, 0, 0]], bool)
    search._set_results([1, 2, 3], (scores, np.ones((3, 3)), is_estimate), "n_components")
    search.n_splits_, search._seconds = 3, 7.0
    text = search.summary()
    best = "the fewest within one standard error of the best score, 0.8667 with 3"
    assert f"Chosen: 2 ({best})" in text
    assert "Skipped after the first fold, clearly worse there: 1.\n" in text
    assert text.endswith("is counted.\nTime: 7 s.")


def test_a_failed_search_leaves_the_last_one():
    search = ComponentSearchCV(autoencoder(), [1, 2], cv=2).fit(X)
    before = dict(vars(search))
    search.set_params(scoring=lambda *args: np.nan)
    with pytest.raises(ValueError, match="scores must be finite"):
        search.fit(X[:, :5])
    assert vars(search) | {"scoring": None} == before


def test_export_names_the_estimator_to_export():
    search = ComponentSearchCV(autoencoder(), [1, 2], cv=2).fit(X)
    with pytest.raises(TypeError, match="export its best_estimator_"):
        search.onnx_parser()


def test_a_class_is_no_estimator():
    with pytest.raises(ValueError, match="estimator must be an autoencoder of skae"):
        ComponentSearchCV(AutoencoderTransformer).fit(X)


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
