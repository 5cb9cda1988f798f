"""ReconstructionErrorDisplay and FeatureScoreDisplay."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pandas as pd
from plots import NAMES, SMALL, autoencoder, detector, frame, pca, rows
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skae import AutoencoderOutlierDetector
from skae._outliers.robust import weighted_quantile
from skae.plotting import FeatureScoreDisplay, ReconstructionErrorDisplay


def legend_labels(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


# ------------------------------------------------------------ ReconstructionErrorDisplay


def test_errors_of_a_detector_are_minus_its_scores():
    display = ReconstructionErrorDisplay.from_estimator(detector(), frame(), bins=7)
    assert_allclose(display.errors, -detector().score_samples(frame()))
    assert display.threshold == -detector().offset_
    assert display.flagged_shares == {"samples": np.mean(detector().predict(frame()) == -1)}
    (bars,) = display.bars_
    assert len(bars) == 7
    assert_allclose(sum(bar.get_height() for bar in bars), 100)
    assert_allclose(display.line_.get_xdata(), display.threshold)
    assert legend_labels(display) == [
        "60 samples: 10.0% flagged",
        f"threshold {display.threshold:.4g}",
    ]
    assert display.ax_.get_xlabel() == "minus log-likelihood of the sample"


@pytest.mark.parametrize("estimator", [pca(), autoencoder()])
def test_errors_of_a_transformer_are_mean_squared_errors(estimator):
    display = ReconstructionErrorDisplay.from_estimator(estimator, rows())
    reconstruction = estimator.inverse_transform(estimator.transform(rows()))
    assert_allclose(display.errors, np.mean((rows() - reconstruction) ** 2, axis=1))
    assert display.threshold is None
    assert display.line_ is None
    assert display.flagged_shares == {}
    assert legend_labels(display) == ["60 samples"]


def test_errors_count_the_cells_that_are_not_missing():
    X = rows().copy()
    X[::4, 2] = np.nan
    display = ReconstructionErrorDisplay.from_estimator(autoencoder(), X)
    assert_allclose(display.errors, -autoencoder().score_samples(X))


def test_error_names_of_other_detectors():
    forest = make_pipeline(StandardScaler(), IsolationForest(n_estimators=10, random_state=0)).fit(
        rows()
    )
    display = ReconstructionErrorDisplay.from_estimator(forest, rows())
    assert_allclose(display.errors, -forest.score_samples(rows()))
    assert display.threshold == -forest[-1].offset_
    assert display.ax_.get_xlabel() == "minus score_samples"
    reconstruction = AutoencoderOutlierDetector(2, criterion="reconstruction", **SMALL)
    display = ReconstructionErrorDisplay.from_estimator(reconstruction.fit(rows()), rows())
    assert display.ax_.get_xlabel() == "mean squared standardised residual"


def test_inliers_and_outliers_have_a_histogram_each():
    errors, y = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), [1, 1, 1, -1, -1]
    display = ReconstructionErrorDisplay.from_predictions(errors, 2.5, y, bins=4)
    assert display.flagged_shares == {"inliers": pytest.approx(1 / 3), "outliers": 1.0}
    heights = [[bar.get_height() for bar in bars] for bars in display.bars_]
    assert_allclose(heights, [[100 / 3, 100 / 3, 100 / 3, 0], [0, 0, 0, 100]])
    assert legend_labels(display)[:2] == ["3 inliers: 33.3% flagged", "2 outliers: 100.0% flagged"]
    display = ReconstructionErrorDisplay.from_predictions(errors, 2.5, np.ones(5))
    assert list(display.flagged_shares) == ["inliers"]


def test_error_at_the_threshold_is_not_flagged():
    display = ReconstructionErrorDisplay.from_predictions([1.0, 2.0, 3.0], 2.0)
    assert display.flagged_shares == {"samples": pytest.approx(1 / 3)}


@pytest.mark.parametrize(
    ("errors", "scale"),
    [
        ([1.0, 2.0, 3.0], "linear"),
        ([1.0, 2.0, 300.0], "log"),
        ([-1.0, -2.0, 300.0], "asinh"),
        ([-500.0, 2.0, 3.0, 4.0, 3000.0], "asinh"),
        ([0.0, 0.0, 3.0], "linear"),
        ([2.0, 2.0], "linear"),
    ],
)
def test_scale_of_the_error_axis(errors, scale):
    display = ReconstructionErrorDisplay.from_predictions(errors, bins=5)
    assert display.ax_.get_xscale() == scale
    (bars,) = display.bars_
    assert_allclose(sum(bar.get_height() for bar in bars), 100)
    edges = [bar.get_x() for bar in bars] + [bars[-1].get_x() + bars[-1].get_width()]
    widths = np.diff(display.ax_.transScale.transform([(edge, 0) for edge in edges])[:, 0])
    assert_allclose(widths, widths[0])
    assert widths[0] > 0
    lowest, highest = display.ax_.get_xlim()
    assert lowest <= min(errors) <= max(errors) <= highest
    display.figure_.draw_without_rendering()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "errors must be finite numbers, at least one"),
        (([1.0, np.nan],), "errors must be finite numbers, at least one"),
        (([1.0], np.inf), "threshold must be a finite number or None, got inf"),
        (([1.0, 2.0], None, [1]), "y must have one value per sample, got 1 values for 2"),
        (([1.0, 2.0], None, [0, 1]), r"1 for inliers and -1 for outliers, got the values \[0, 1\]"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        ReconstructionErrorDisplay.from_predictions(*arguments)


# ------------------------------------------------------------ FeatureScoreDisplay


def test_lowest_contributions_are_on_top():
    x = frame().iloc[[3]]
    display = FeatureScoreDisplay.from_estimator(detector(), x, n_features=4)
    contributions = np.ravel(detector().score_features(x))
    assert_allclose(display.contributions, contributions)
    assert_allclose(display.score, detector().score_samples(x)[0])
    order = np.argsort(contributions)
    assert_array_equal(display.order, order)
    widths = [bar.get_width() for bar in display.bars_]
    typical = weighted_quantile(
        detector().calibration_scores_, detector().calibration_weights_, 0.5
    )
    assert_allclose(widths, typical / 12 - contributions[order[:4]])
    assert widths == sorted(widths, reverse=True)
    assert not display.ax_.xaxis_inverted()
    labels = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert labels == [f"{NAMES[j]} = {rows()[3, j]:.4g}" for j in order[:4]]
    positions = [bar.get_y() for bar in display.bars_]
    assert display.ax_.get_ylim()[0] > positions[3] > positions[0] > display.ax_.get_ylim()[1]
    assert "8 features not shown" in display.ax_.get_xlabel()


def test_a_pipeline_passes_names_and_values_to_its_detector():
    scaler = StandardScaler().fit(frame())
    model = AutoencoderOutlierDetector(2, criterion="reconstruction", **SMALL)
    pipe = make_pipeline(scaler, model.fit(scaler.transform(frame())))
    display = FeatureScoreDisplay.from_estimator(pipe, frame().iloc[3])
    scaled = scaler.transform(frame().iloc[[3]])
    assert_allclose(display.values, scaled[0])
    assert_allclose(display.contributions, model.score_features(scaled)[0])
    assert list(display.feature_names) == list(frame())
    nameless = make_pipeline(FunctionTransformer(), model)
    display = FeatureScoreDisplay.from_estimator(nameless, scaled[0])
    assert list(display.feature_names) == [str(j) for j in range(12)]


def test_all_features_can_be_shown():
    display = FeatureScoreDisplay.from_estimator(detector(), frame().iloc[3], n_features=None)
    assert len(display.bars_) == 12
    assert display.ax_.get_xlabel() == "taken from the score"


@pytest.mark.parametrize("label", [1, -1])
def test_title_says_whether_the_sample_is_an_outlier(label):
    row = np.flatnonzero(detector().predict(frame()) == label)[0]
    display = FeatureScoreDisplay.from_estimator(detector(), frame().iloc[[row]])
    verdict = {1: "inlier", -1: "outlier"}[label]
    title = f"{verdict}: score {display.score:.4g}, threshold {detector().offset_:.4g}"
    assert display.ax_.get_title() == title


def test_contributions_without_names_and_threshold():
    display = FeatureScoreDisplay(np.array([-1.0, -3.0])).plot()
    assert [tick.get_text() for tick in display.ax_.get_yticklabels()] == ["1", "0"]
    assert display.ax_.get_title() == "score -4"
    assert [bar.get_width() for bar in display.bars_] == [3, 1]


def test_bars_of_an_outlier_point_to_the_right():
    x = frame().iloc[[0]].copy()
    x.iloc[0, 5] += 100
    display = FeatureScoreDisplay.from_estimator(detector(), x, n_features=1)
    assert display.feature_names[display.order[0]] == NAMES[5]
    assert display.bars_[0].get_width() > 0


@pytest.mark.slow
def test_names_that_are_no_strings():
    for columns in (range(12), pd.MultiIndex.from_product([["a", "b"], range(6)])):
        X = pd.DataFrame(rows(), columns=columns)
        model = AutoencoderOutlierDetector(2, **SMALL).fit(X).set_output(transform="polars")
        display = FeatureScoreDisplay.from_estimator(model, X.iloc[[0]])
        assert display.feature_names == [str(name) for name in X.columns]


def test_features_without_names_are_numbered():
    model = AutoencoderOutlierDetector(2, **SMALL).fit(rows())
    display = FeatureScoreDisplay.from_estimator(model, rows()[0])
    assert display.feature_names == [str(j) for j in range(12)]
    with pytest.raises(ValueError, match="got 1 names for 12 features"):
        FeatureScoreDisplay.from_estimator(model, rows()[0], feature_names=["a"])


def test_groups_have_one_bar():
    rng = np.random.default_rng(0)
    kind = rng.random(200) < 0.5
    X = np.column_stack([rng.normal(size=200), kind, ~kind, rng.normal(size=200)])
    model = AutoencoderOutlierDetector(2, max_iter=0).fit(X)
    names = ["length", "kind_a", "kind_b", "width"]
    display = FeatureScoreDisplay.from_estimator(
        model, X[0], feature_names=names, groups={"kind": ["kind_a", 2], "size": (0, 3)}
    )
    contributions = model.score_features(X[:1])[0]
    assert display.feature_names == ["size", "kind"]
    assert_allclose(display.contributions, [contributions[[0, 3]].sum(), contributions[1:3].sum()])
    assert_allclose(display.score, model.score_samples(X[:1])[0])
    typical = weighted_quantile(model.calibration_scores_, model.calibration_weights_, 0.5)
    assert_allclose(display.typical, typical / 2)
    assert display.values == [(X[0, 0], X[0, 3]), "a" if kind[0] else "b"]
    labels = {tick.get_text() for tick in display.ax_.get_yticklabels()}
    assert labels == {f"kind = {display.values[1]}", f"size = ({X[0, 0]:.4g}, {X[0, 3]:.4g})"}
    with pytest.raises(ValueError, match="groups must be a dict of lists of columns or None"):
        FeatureScoreDisplay.from_estimator(model, X[0], groups=["kind_a"])


def test_missing_cells_have_no_bar():
    rng = np.random.default_rng(0)
    X = np.where(rng.random((60, 4)) < 0.05, np.nan, rng.normal(size=(60, 4)))
    detector = AutoencoderOutlierDetector(1, max_iter=1, random_state=0).fit(X)
    display = FeatureScoreDisplay.from_estimator(detector, [1.0, np.nan, -2.0, 0.5])
    assert display.feature_names == ["0", "2", "3"]
    assert display.values == [1.0, -2.0, 0.5]
    assert len(display.bars_) == 3
