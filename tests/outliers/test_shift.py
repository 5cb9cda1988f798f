"""Warnings of new samples that differ as a whole from the training samples."""

import warnings

import numpy as np
import pytest

from skae import AutoencoderOutlierDetector, ShiftedSamplesWarning
from skae._network.scaling import column_quantiles
from skae._outliers.shift import are_apart, is_shifted, warn_of_shift

RNG = np.random.default_rng(0)
X = RNG.normal([70, 0, 5], [10, 1, 2], size=(1200, 3))
NAMES = ["mass", "balance", "age"]


def flagged(n_flagged, n_samples=1000):
    return np.arange(n_samples) < n_flagged


@pytest.mark.parametrize(
    ("n_flagged", "rate", "n_calibration", "expected"),
    [
        (600, 0.01, 500, True),
        (500, 0.01, 500, False),  # no more than half: perhaps there are many outliers
        (600, 0.5, 1000, False),  # 4.5 standard deviations
        (640, 0.5, 1000, True),
        (900, 1 / 6, 5, False),  # five scores say little of the threshold
    ],
)
def test_most_samples_are_flagged_and_not_by_chance(n_flagged, rate, n_calibration, expected):
    assert is_shifted(flagged(n_flagged), rate, n_calibration) == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_that_moved_are_named(dtype):
    quantiles = column_quantiles(X[:900].astype(dtype))
    moved = (X[900:] * [0.001, 1000, 1]).astype(dtype)
    with pytest.warns(ShiftedSamplesWarning) as warned:
        warn_of_shift(flagged(300, 300), 0.05, 500, moved, quantiles, NAMES)
    text = str(warned[0].message)
    assert text.startswith("100 % of 300 samples are flagged, where 5 % of")
    assert "2 of 3 features: 'mass' (middle half 0.06" in text
    assert "'age'" not in text
    assert "'balance' (middle half -751.6 to" in text


@pytest.mark.parametrize("factors", [[0.001, 1, 1], [1, 0.001, 1]])
def test_a_column_that_is_apart_or_shrunk_is_named_though_few_samples_are_flagged(factors):
    quantiles = column_quantiles(X[:900])
    assert are_apart(quantiles, column_quantiles(X[900:] * factors)).tolist() == [
        factor != 1 for factor in factors
    ]
    with pytest.warns(ShiftedSamplesWarning, match="^X is on another level .* 1 of 3 features"):
        warn_of_shift(flagged(15, 300), 0.05, 500, X[900:] * factors, quantiles, NAMES)


def test_nothing_is_said_of_like_samples_of_grids_or_of_a_part_of_the_range():
    quantiles = column_quantiles(X[:900])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_shift(flagged(30, 300), 0.05, 500, X[900:], quantiles, NAMES)
        grid = np.stack(np.meshgrid(*[np.linspace(-2, 2, 20)] * 2), axis=-1).reshape(-1, 2)
        two = column_quantiles(X[:900, 1:2] * [1, 1])
        warn_of_shift(flagged(380, 400), 0.05, 500, grid, two, NAMES)
        warn_of_shift(flagged(0, 300), 0.05, 500, 0.4 * X[900:] + [40, 0, 3], quantiles, NAMES)


def test_the_detector_warns_in_predict_select_and_partial_fit():
    options = {"max_iter": 3, "early_stopping": False, "criterion": "reconstruction"}
    detector = AutoencoderOutlierDetector(1, random_state=0, **options).fit(X[:300])
    moved = X[900:] * [1, 1, 100]
    with pytest.warns(ShiftedSamplesWarning, match="1 of 3 features: 'x2'") as warned:
        labels = detector.predict(moved)
    assert warned[0].filename == __file__
    assert (labels == -1).mean() > 0.9
    with pytest.warns(ShiftedSamplesWarning, match="'x2'"):
        detector.select(moved)
    assert (detector.predict(X[900:]) == 1).mean() > 0.9  # without a warning
    assert (detector.predict(moved[:99]) == -1).mean() > 0.9  # too few to tell
    detector.select(moved, density_ratio=np.ones(300), calibration_density_ratio=np.ones(300))
    gaps = X[900:].copy()
    gaps[:, 1] = np.nan
    with pytest.warns(ShiftedSamplesWarning, match="in 1 of 3 features, .* in training: 'x1'"):
        detector.predict(gaps)
    detector.partial_fit(X[300:600]).partial_fit(X[600:900])  # without a warning
    with pytest.warns(ShiftedSamplesWarning, match="'x2'"):
        detector.predict(moved)
    with pytest.warns(ShiftedSamplesWarning, match="1 of 3 features: 'x2'"):
        detector.partial_fit(moved)
    detector.partial_fit(moved)  # the last samples were like these
