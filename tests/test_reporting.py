"""Reports of the detector: selections, bounds, explanations, and the files that keep them."""

import io
from itertools import product
import pickle
import re
from unittest.mock import patch

import joblib
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skae import AutoencoderOutlierDetector
from skae._outliers.selection import benjamini_hochberg

pl = pytest.importorskip("polars")

QUICK = {"max_iter": 5, "hidden_layer_sizes": (16,), "random_state": 0}
NAMES = ["width", "height", "depth", "colour_red", "colour_green", "colour_blue"]
GROUPS = {"colour": ["colour_red", "colour_green", "colour_blue"]}


def boxes(n_rows, seed=0):
    """Three columns near a line, and a category."""
    rng = np.random.default_rng(seed)
    sizes = rng.normal(size=(n_rows, 1)) * [1, 2, 3] + 0.1 * rng.normal(size=(n_rows, 3))
    return np.column_stack([sizes, np.eye(3)[rng.choice(3, n_rows)]])


def odd_boxes():
    """One with a height that does not suit, one with two colours."""
    X = boxes(2, seed=1)
    X[0, 1] += 8
    X[1, 3:] = [1, 1, 0]
    return X


@pytest.fixture(scope="module")
def detector():
    return AutoencoderOutlierDetector(**QUICK).fit(boxes(400))


# ---------------------------------------------------------------- selections


def test_select_applies_the_step_up_procedure_to_the_p_values(detector):
    X = boxes(100, seed=2)
    X[:20, 1] += 8
    selected = detector.select(X, fdr=0.15)
    assert selected.dtype == bool
    assert_array_equal(selected, benjamini_hochberg(detector.predict_pvalue(X), 0.15))
    assert selected[:20].all()
    assert np.mean(~selected[20:]) > 0.85


def test_a_selection_selects_rows_of_frames():
    X = pd.DataFrame(boxes(400), columns=NAMES)
    detector = AutoencoderOutlierDetector(**QUICK).fit(X)
    odd = pd.DataFrame(np.repeat(odd_boxes()[:1], 20, axis=0), columns=NAMES)
    new = pd.concat([X.iloc[:30], odd], ignore_index=True)
    selected = detector.select(new)
    assert set(new[selected].index) >= set(range(30, 50))
    in_polars = pl.from_pandas(new)
    assert len(in_polars.filter(detector.select(in_polars))) == selected.sum()


def test_the_realised_rate_of_false_discoveries_is_at_most_the_stated_one(detector):
    shares, found = [], []
    for seed in range(40):
        X = boxes(60, seed=100 + seed)
        X[:15, 1] += 8
        selected = detector.select(X, fdr=0.2)
        shares.append(selected[15:].sum() / max(selected.sum(), 1))
        found.append(selected[:15].mean())
    # Normal samples are three quarters, so the rate is 0.15; the calibration is one draw.
    assert 0.03 < np.mean(shares) < 0.2 + 2 * np.std(shares) / np.sqrt(40)
    assert np.mean(found) > 0.95


def test_too_few_calibration_samples_are_named():
    detector = AutoencoderOutlierDetector(**QUICK).fit(boxes(60))
    X = np.vstack([boxes(1000, seed=3), odd_boxes()[:1]])
    X[:-1] = boxes(60)[np.arange(1000) % 60]
    with pytest.warns(UserWarning, match="60 calibration samples; to find anything, it takes 99"):
        assert not detector.select(X, fdr=0.01).any()
    with pytest.warns(UserWarning, match="60 calibration samples; to find the 1 of 1,001 that"):
        assert not detector.select(X, fdr=0.1).any()
    with pytest.warns(UserWarning, match="^All bounds are 1 with confidence=0.9. .* it takes 10,0"):
        assert (detector.bound_false_discoveries(X) == 1).all()


def test_an_empty_selection_names_the_rate_that_selects_some(detector):
    X = boxes(100, seed=2)
    X[:2, 1] += 1
    with pytest.warns(UserWarning, match="No sample is selected with fdr=0.02. The least") as said:
        assert not detector.select(X, fdr=0.02).any()
    assert said[0].filename == __file__
    rate, n_selected = re.search(r"any is ([\d.]+): (\d+)", str(said[0].message)).groups()
    assert detector.select(X, fdr=float(rate) + 0.005).sum() >= int(n_selected)
    with pytest.warns(UserWarning, match="^No sample"):
        detector.select(X, fdr=float(rate) - 0.005)


@pytest.mark.usefixtures("two_calibration_folds")
def test_reports_of_an_empty_selection_are_empty(detector):
    frame = pd.DataFrame(boxes(60), columns=NAMES)
    named = AutoencoderOutlierDetector(**QUICK | {"max_iter": 1}).fit(frame)
    cases = (detector, boxes(2)), (named, frame), (named, pl.from_pandas(frame))
    for fitted, X in cases:
        for method in ("select", "predict_pvalue", "bound_false_discoveries"):
            assert getattr(fitted, method)(X[:0]).shape == (0,)
        contributions, expected = (fitted.score_features(X[:n]) for n in (0, 2))
        assert type(contributions) is type(expected)
        assert contributions.shape == (0, 6)
        empty, full = (fitted.explain(X[:n], 2) for n in (0, 2))
        assert type(empty) is type(full)
        assert empty.shape == (0, 6)
        assert list(empty.columns) == list(full.columns)
        assert list(empty.dtypes) == list(full.dtypes)
        with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
            fitted.predict(X[:0])


def test_density_ratios_weigh_the_calibration_samples(detector):
    """Wide boxes are rare in training, and the rule among the new ones."""
    X_train, X = boxes(400), boxes(80, seed=5)
    X[:40, 1] += 8
    ratio, of_calibration = np.exp(X[:, 0]), np.exp(X_train[detector.calibration_indices_, 0])
    selected = detector.select(X, density_ratio=ratio, calibration_density_ratio=of_calibration)
    assert selected[:40].mean() > 0.9
    assert selected[40:].mean() < 0.2
    scaled = detector.select(
        X, density_ratio=1e6 * ratio, calibration_density_ratio=1e6 * of_calibration
    )
    assert_array_equal(selected, scaled)
    rare = np.full(400, 1e-3)  # all calibration samples together weigh less than a new one
    with pytest.warns(
        UserWarning, match="are 0.4 calibration samples; to find anything, it takes 9"
    ):
        detector.select(X[:1], density_ratio=[1.0], calibration_density_ratio=rare)


def test_calibration_indices_are_rows_of_the_training_samples(detector):
    assert_array_equal(np.sort(detector.calibration_indices_), np.arange(400))
    X = boxes(1200)
    many = AutoencoderOutlierDetector(**QUICK | {"max_iter": 1}, max_samples=700).fit(X)
    assert len(many.calibration_indices_) == 500
    assert_allclose(
        many.calibration_scores_, many.score_samples(X[many.calibration_indices_]), rtol=1e-9
    )


def test_calibration_indices_after_partial_fit_are_those_of_the_last_call():
    detector = AutoencoderOutlierDetector(**QUICK).partial_fit(boxes(200))
    batch = boxes(30, seed=1)
    batch[7] = batch[3]
    weights = np.ones(30)
    weights[0] = 0
    expected = detector.score_samples(batch)
    detector.partial_fit(batch, sample_weight=weights)
    indices = detector.calibration_indices_
    assert len(indices) == len(detector.calibration_scores_)
    is_new = indices >= 0
    assert_array_equal(np.sort(indices[is_new]), np.setdiff1d(np.arange(30), [0, 7]))
    assert_allclose(detector.calibration_scores_[is_new], expected[indices[is_new]], rtol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fdr": 1.5}, r"fdr must be a float in \(0, 1\), got 1.5"),
        ({"density_ratio": np.ones(5)}, "must be given together, got only density_ratio"),
        ({"calibration_density_ratio": np.ones(5)}, "got only calibration_density_ratio"),
        (
            {"density_ratio": np.ones(4), "calibration_density_ratio": np.ones(400)},
            r"density_ratio must have shape \(5,\), got \(4,\)",
        ),
        (
            {"density_ratio": np.ones(5), "calibration_density_ratio": np.ones(4)},
            r"calibration_density_ratio must have shape \(400,\), got \(4,\)",
        ),
        (
            {"density_ratio": [0, 1, 1, 1, 1], "calibration_density_ratio": np.ones(400)},
            "density_ratio must be greater than zero",
        ),
    ],
)
def test_arguments_of_select(detector, arguments, message):
    with pytest.raises(ValueError, match=message):
        detector.select(boxes(5), **arguments)


# ---------------------------------------------------------------- bounds


def test_bounds_are_low_for_outliers_and_one_for_the_rest(detector):
    X = boxes(60, seed=6)
    X[:30, 1] += 8
    bounds = detector.bound_false_discoveries(X)
    assert bounds.dtype == np.float64
    assert bounds[:30].max() < 0.4
    assert_allclose(bounds[detector.predict_pvalue(X).argmax()], 0.5, atol=0.3)
    surer = detector.bound_false_discoveries(X, confidence=0.99)
    assert (surer >= bounds).all()
    with pytest.raises(ValueError, match=r"confidence must be a float in \(0, 1\), got 1"):
        detector.bound_false_discoveries(X, confidence=1)


# ---------------------------------------------------------------- explanations


def test_explain_names_the_feature_that_does_not_suit(detector):
    X = odd_boxes()
    found = detector.explain(X, n_features=2)
    assert isinstance(found, pd.DataFrame)
    assert list(found.columns) == ["sample", "rank", "feature", "value", "expected", "share"]
    assert found["sample"].tolist() == [0, 0, 1, 1]
    assert found["rank"].tolist() == [1, 2, 1, 2]
    assert found["feature"][0] == "x1"
    assert found["value"][0] == X[0, 1]
    assert abs(found["expected"][0] - 2 * X[0, 0]) < 1
    assert found["share"].between(0, 1).all()
    assert found["share"][0] > 0.5
    changed = X.copy()
    changed[0, 1] = found["expected"][0]
    assert detector.score_samples(changed)[0] > detector.score_samples(X)[0]
    changed[0, 1] = np.nan
    found = detector.explain(changed[:1], n_features=3)
    assert np.isnan(found["value"][found["feature"] == "x1"]).all()
    assert np.isfinite(found["value"][found["feature"] != "x1"]).all()


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("criterion", ["likelihood", "reconstruction"])
def test_shares_sum_to_one_and_follow_the_contributions(criterion):
    detector = AutoencoderOutlierDetector(criterion=criterion, **QUICK).fit(boxes(300))
    X = odd_boxes()
    found = detector.explain(X, n_features=6)
    assert_allclose(found.groupby("sample")["share"].sum(), 1)
    order = np.argsort(detector.score_features(X)[0], kind="stable")
    to_blame = found[(found["sample"] == 0) & (found["share"] > 0)]["feature"]
    assert to_blame.tolist() == [f"x{j}" for j in order[: len(to_blame)]]


@pytest.mark.usefixtures("two_calibration_folds")
def test_one_hot_columns_are_one_feature():
    X = pd.DataFrame(odd_boxes(), columns=NAMES, index=["tall", "odd"])
    detector = AutoencoderOutlierDetector(**QUICK).fit(pd.DataFrame(boxes(400), columns=NAMES))
    found = detector.explain(X, groups=GROUPS)
    assert found["sample"].tolist() == ["tall"] * 3 + ["odd"] * 3
    assert found["feature"][3] == "colour"
    assert found["value"][3] == "red + green"
    assert found["expected"][3] in {"red", "green", "blue"}
    in_polars = detector.explain(pl.from_pandas(X), groups=GROUPS)
    assert in_polars["feature"].to_list() == found["feature"].tolist()
    assert in_polars["value"][3] == "red + green"


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("columns", [range(6), pd.MultiIndex.from_product([["a", "b"], [1, 2, 3]])])
def test_names_that_are_no_strings(columns):
    X = pd.DataFrame(boxes(100), columns=columns)
    detector = AutoencoderOutlierDetector(**QUICK | {"max_iter": 1}).fit(X)
    found = detector.score_features(X)
    assert found.columns.equals(X.columns)
    assert set(detector.explain(X[:3])["feature"]) <= set(X.columns)
    detector.set_output(transform="polars")
    assert detector.score_features(X).columns == [str(name) for name in X.columns]
    assert detector.explain(X[:3])["feature"].dtype == pl.String
    assert detector.reconstruct(X).shape == (100, 6)


def test_without_pandas_the_table_is_a_structured_array(detector):
    with patch("skae._containers.import_module", side_effect=ImportError):
        found = detector.explain(odd_boxes(), groups={"colour": [3, 4, 5]})
    assert isinstance(found, np.ndarray)
    expected = detector.explain(odd_boxes(), groups={"colour": [3, 4, 5]})
    for name in expected.columns:
        assert found[name].tolist() == expected[name].tolist()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_features": 0}, "n_features must be a positive int, got 0"),
        ({"n_features": 2.0}, "n_features must be a positive int, got 2.0"),
        ({"n_features": True}, "n_features must be a positive int, got True"),
        ({"groups": [["x0"]]}, "groups must be a dict of lists of columns or None"),
        ({"groups": {"a": ["b"]}}, r"groups\['a'\] has the column 'b', but X has no such column"),
        ({"groups": {"a": "x0"}}, r"groups\['a'\] must be a list of columns, got 'x0'"),
    ],
)
def test_arguments_of_explain(detector, arguments, message):
    with pytest.raises(ValueError, match=message):
        detector.explain(odd_boxes(), **arguments)


@pytest.mark.parametrize(
    "method", ["predict_pvalue", "select", "explain", "bound_false_discoveries"]
)
def test_reports_need_a_fitted_detector_and_valid_samples(detector, method):
    with pytest.raises(NotFittedError):
        getattr(AutoencoderOutlierDetector(), method)(boxes(3))
    with pytest.raises(ValueError, match="X has 5 features, but AutoencoderOutlierDetector"):
        getattr(detector, method)(boxes(3)[:, :5])


# ---------------------------------------------------------------- units and files


@pytest.mark.slow
@pytest.mark.parametrize("n_rows", [60, 510])
def test_a_changed_unit_deals_the_same_calibration_samples(n_rows):
    X = np.random.default_rng(0).normal(size=(n_rows, 4)) @ np.diag([1, 2, 3, 4])
    detector = AutoencoderOutlierDetector(**QUICK | {"max_iter": 1})
    first = clone(detector).fit(X)
    for units in (2.0**-9, [1000, 1, 0.3, 7]):
        other = clone(detector).fit(X * units)
        assert_array_equal(other.calibration_indices_, first.calibration_indices_)
        assert_allclose(other.offset_, first.offset_, rtol=1e-5)


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_saved_detector_answers_bit_for_bit(dtype):
    X = np.random.default_rng(0).normal(size=(300, 6)).astype(dtype)
    detector = AutoencoderOutlierDetector(**QUICK | {"max_iter": 1}).fit(X)
    file = io.BytesIO()
    joblib.dump(detector, file)
    file.seek(0)
    methods = "score_samples", "score_features", "predict_pvalue", "reconstruct"
    for loaded in (pickle.loads(pickle.dumps(detector)), joblib.load(file)):
        for method, n_rows in product(methods, [1, 7, 300]):
            expected = getattr(detector, method)(X[:n_rows])
            assert_array_equal(getattr(loaded, method)(X[:n_rows]), expected)


# ---------------------------------------------------------------- max_samples


@pytest.mark.parametrize(("max_samples", "n_trained"), [("auto", 400), (0.6, 240), (1.0, 400)])
def test_max_samples_is_a_number_a_share_or_auto(max_samples, n_trained):
    detector = AutoencoderOutlierDetector(max_samples=max_samples, **QUICK | {"max_iter": 1})
    assert detector.fit(boxes(400)).n_samples_seen_ == n_trained


@pytest.mark.parametrize("max_samples", [199, 0.4])
def test_it_is_said_if_most_samples_are_left_out(max_samples):
    detector = AutoencoderOutlierDetector(max_samples=max_samples, **QUICK | {"max_iter": 1})
    with pytest.warns(
        UserWarning, match=f"max_samples={max_samples} leaves 2.* of 400 samples out"
    ):
        detector.fit(boxes(400))


@pytest.mark.parametrize("max_samples", ["all", 0, 1, 0.0, 1.5])
def test_other_values_of_max_samples_are_errors(max_samples):
    detector = AutoencoderOutlierDetector(max_samples=max_samples)
    with pytest.raises(ValueError, match="max_samples"):
        detector.fit(boxes(40))
