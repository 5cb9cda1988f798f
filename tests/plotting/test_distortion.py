"""DistortionDisplay."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from plots import SMALL, classes, frame, rows, search
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skae import AutoencoderOutlierDetector, AutoencoderTransformer
from skae.metrics import rate_distortion, reconstruction_score
from skae.plotting import DistortionDisplay


def test_errors_computed_before():
    display = DistortionDisplay.from_predictions(
        [4, 1, 2], {"plain": [1, 3, 2], "other": [2, 6, 4]}, [3, 9, 5], error_name="loss"
    )
    assert list(display.curves) == ["plain", "other", "PCA"]
    assert_array_equal(display.lines_["PCA"][0].get_data(), [[1, 2, 4], [9, 5, 3]])
    assert_array_equal(display.lines_["other"][0].get_data(), [[1, 2, 4], [6, 4, 2]])
    assert display.ax_.get_ylabel() == "loss (log scale)"
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == ["1", "2", "4"]
    colors = {line[0].get_color() for line in display.lines_.values()}
    assert len(colors) == 3


@pytest.mark.parametrize(
    ("errors", "scale"), [([1, 0.5], "log"), ([1, 1e-17], "symlog"), ([0, 0], "linear")]
)
def test_scale_of_the_error_axis(errors, scale):
    display = DistortionDisplay.from_predictions([1, 2], errors)
    assert display.ax_.get_yscale() == scale
    lowest, highest = display.ax_.get_ylim()
    assert lowest < min(errors) <= max(errors) < highest


@pytest.mark.parametrize("sizes", [[0, 1], [1.5, 2.0], [], [[1, 2]], ["a", "b"]])
def test_invalid_n_components_raise(sizes):
    with pytest.raises(ValueError, match="n_components must be positive integers"):
        DistortionDisplay.from_predictions(sizes, [1.0, 2.0])


@pytest.mark.parametrize("linear_path", ["pca", None])
def test_errors_of_one_nested_autoencoder(linear_path):
    X = rows()
    model = AutoencoderTransformer(
        3, nested=True, linear_path=linear_path, hidden_layer_sizes=(4,), max_iter=2, random_state=0
    ).fit(X)
    display = DistortionDisplay.from_estimator(model, X, n_components=[3, 1])
    curve = rate_distortion(model, X, n_components=[1, 3])
    errors = display.curves["AutoencoderTransformer"]
    assert_array_equal(errors["n_components"], [1, 3])
    assert_array_equal(errors["errors"], curve.mean_squared_error)
    if linear_path is None:
        assert list(display.curves) == ["AutoencoderTransformer"]
    else:
        assert_array_equal(display.curves["PCA"]["errors"], curve.pca_mean_squared_error)
    with pytest.raises(ValueError, match="DistortionDisplay needs an autoencoder fitted with nes"):
        DistortionDisplay.from_estimator(PCA(2).fit(X), X)


@pytest.mark.parametrize("errors", [[1.0], [1.0, np.nan], [[1.0, 2.0]], [1.0, -1.0]])
def test_invalid_errors_raise(errors):
    with pytest.raises(ValueError, match=r"n_components=\[1, 2\]; 'autoencoder' has"):
        DistortionDisplay.from_predictions([1, 2], errors)


def test_results_of_a_search():
    display = DistortionDisplay.from_cv_results(search())
    curve = display.curves["AutoencoderTransformer"]
    assert_array_equal(curve["n_components"], [1, 2, 4])
    results = search().cv_results_
    assert_allclose(curve["errors"], 1 - results["mean_test_score"][[1, 2, 0]])
    assert_allclose(curve["deviations"], results["std_test_score"][[1, 2, 0]])
    assert display.error_name == "share of the variance lost, held-out samples"


def test_pca_is_scored_on_the_same_folds():
    display = DistortionDisplay.from_cv_results(search(), rows())
    expected = [
        1 - cross_val_score(PCA(size), rows(), cv=2, scoring=reconstruction_score).mean()
        for size in (1, 2, 4)
    ]
    assert_allclose(display.curves["PCA"]["errors"], expected)


def test_pca_replaces_a_step_of_a_pipeline():
    steps = Pipeline([("scale", StandardScaler()), ("reduce", AutoencoderTransformer(**SMALL))])
    steps.set_params(reduce__max_iter=0)  # which is PCA
    X, grid = frame() * np.geomspace(1, 100, 12), {"reduce__n_components": [1, 2]}
    for scoring in (None, reconstruction_score):
        fitted = GridSearchCV(steps, grid, scoring=scoring, cv=2).fit(X)
        display = DistortionDisplay.from_cv_results(fitted, X)
        assert list(display.curves) == ["AutoencoderTransformer", "PCA"]
        errors = [curve["errors"] for curve in display.curves.values()]
        assert_allclose(*errors, err_msg="in the same units")
    scores = cross_val_score(make_pipeline(StandardScaler(), PCA(2)), X, cv=2, scoring=scoring)
    assert_allclose(errors[1][1], 1 - scores.mean())


def test_other_parameters_have_a_curve_per_combination():
    steps = Pipeline([("scale", StandardScaler()), ("reduce", PCA())])
    grid = {
        "reduce": [PCA(), AutoencoderTransformer(**SMALL)],
        "reduce__n_components": [1, 2],
    }
    fitted = GridSearchCV(steps, grid, scoring=reconstruction_score, cv=2).fit(rows())
    display = DistortionDisplay.from_cv_results(fitted)
    assert list(display.curves) == ["PCA", "AutoencoderTransformer"]
    grid = {"n_components": [1, 2], "alpha": [0, 1]}
    fitted = GridSearchCV(AutoencoderTransformer(**SMALL), grid, cv=2).fit(rows())
    display = DistortionDisplay.from_cv_results(fitted)
    assert list(display.curves) == ["alpha=0", "alpha=1"]


def test_negated_errors_as_scores():
    fitted = search()
    negative = GridSearchCV(fitted.estimator, fitted.param_grid, scoring="neg_mean_squared_error")
    negative.cv_results_ = fitted.cv_results_ | {"mean_test_score": np.array([-1.0, -4.0, -2.0])}
    display = DistortionDisplay.from_cv_results(negative)
    assert_array_equal(display.curves["AutoencoderTransformer"]["errors"], [4, 2, 1])
    assert display.error_name == "mean squared error, held-out samples"
    with pytest.raises(ValueError, match=r"search by 'neg_mean_squared_error': leave X out"):
        DistortionDisplay.from_cv_results(negative, rows())


def test_estimator_instead_of_a_search_raises():
    with pytest.raises(TypeError, match="needs a search such as GridSearchCV, got PCA"):
        DistortionDisplay.from_cv_results(PCA())


def fit_search(estimator, grid, **keywords):
    return GridSearchCV(estimator, grid, cv=2, **keywords).fit(rows(), classes())


@pytest.mark.parametrize(
    ("make_search", "message"),
    [
        (lambda: fit_search(PCA(), {"whiten": [True]}), r"one parameter n_components.*'whiten'"),
        (
            lambda: fit_search(PCA(), {"n_components": [1, 2]}),
            "score of PCA is not a share of explained variance",
        ),
        (
            lambda: fit_search(AutoencoderOutlierDetector(**SMALL), {"n_components": [1]}),
            "score of AutoencoderOutlierDetector is not a share of explained variance",
        ),
        (
            lambda: fit_search(PCA(), {"n_components": [0.5]}, scoring=reconstruction_score),
            r"n_components must be integers, but the search is over \[0.5\]",
        ),
        (
            lambda: fit_search(PCA(), {"n_components": [1]}, scoring=lambda *_: 2.0),
            "at most 1, but one is 2",
        ),
        (
            lambda: fit_search(
                PCA(), {"n_components": [1]}, scoring={"r": reconstruction_score}, refit=False
            ),
            "has several scores",
        ),
    ],
)
def test_unsuitable_searches_raise(make_search, message):
    with pytest.raises(ValueError, match=message):
        DistortionDisplay.from_cv_results(make_search())


def test_search_over_a_classifier_raises():
    estimator = make_pipeline(PCA(), LogisticRegression())
    fitted = fit_search(estimator, {"pca__n_components": [1]})
    with pytest.raises(TypeError, match="search is over a Pipeline, which has none"):
        DistortionDisplay.from_cv_results(fitted)
