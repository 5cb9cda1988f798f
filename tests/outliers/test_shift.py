"""Warnings of new samples that differ as a whole from the training samples."""

import pickle
import warnings

import numpy as np
import pytest

from skae import AutoencoderOutlierDetector, ShiftedSamplesWarning
from skae._missing.gaps import Filled
from skae._outliers.shift import (
    QUARTET,
    are_apart,
    are_in_other_units,
    compared_quantiles,
    is_shifted,
    warn_of_gaps,
    warn_of_shift,
)

RNG = np.random.default_rng(0)
X = RNG.normal([70, 0, 5], [10, 1, 2], size=(1200, 3))
NAMES = ["mass", "balance", "age"]
BEFORE = (compared_quantiles(X[:900]), 900, NAMES)


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
    before = (compared_quantiles(X[:900].astype(dtype)), 900, NAMES)
    moved = (X[900:] * [0.001, 1000, 1]).astype(dtype)
    with pytest.warns(ShiftedSamplesWarning) as warned:
        warn_of_shift(Filled(moved), before, (flagged(300, 300), 0.05, 500))
    text = str(warned[0].message)
    assert text.startswith("100 % of 300 samples are flagged, where 5 % of")
    assert "2 of 3 features: 'mass' (middle half 0.06" in text
    assert "'age'" not in text
    assert "'balance' (middle half -7" in text


@pytest.mark.parametrize("factors", [[0.001, 1, 1], [1, 0.001, 1], [1, 1, 0]])
def test_a_column_that_is_apart_or_shrunk_is_named_though_few_samples_are_flagged(factors):
    quantiles = BEFORE[0][QUARTET]
    assert are_apart(quantiles, compared_quantiles(X[900:] * factors)[QUARTET]).tolist() == [
        factor != 1 for factor in factors
    ]
    with pytest.warns(ShiftedSamplesWarning, match="^X is on another level .* 1 of 3 features"):
        warn_of_shift(Filled(X[900:] * factors), BEFORE, (flagged(15, 300), 0.05, 500))


@pytest.mark.parametrize("n_new", [100, 300])
@pytest.mark.parametrize(
    "change",
    [lambda x: 2.54 * x, lambda x: x / 2.54, lambda x: 1.8 * x + 3, lambda x: x - 2.5],
)
def test_a_small_change_of_units_is_found(change, n_new):
    new = X[900 : 900 + n_new].copy()
    new[:, 1:] = change(new[:, 1:])
    found = are_in_other_units(BEFORE[0], 900, new)
    assert found.tolist() == [False, True, True]
    counts = np.random.default_rng(0).poisson(1.5, (1200, 1))
    quantiles = compared_quantiles(counts[:900])
    assert are_in_other_units(quantiles, 900, counts[900 : 900 + n_new] * 2.54)[0]


@pytest.mark.parametrize("law", ["normal", "standard_cauchy", "exponential"])
def test_like_samples_hardly_ever_seem_to_be_in_other_units(law):
    rng, n_found = np.random.default_rng(0), 0
    for n_before, n_new in [(60, 100), (300, 100), (1000, 1000)] * 10:
        old, new = (np.round(getattr(rng, law)(size=(n, 10)), 1) for n in (n_before, n_new))
        n_found += are_in_other_units(compared_quantiles(old), n_before, new).any()
    assert n_found == 0


def test_nothing_is_said_of_like_samples_of_grids_or_of_a_part_of_the_range():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_shift(Filled(X[900:]), BEFORE, (flagged(30, 300), 0.05, 500))
        warn_of_shift(Filled(X[900:]), BEFORE)
        grid = np.stack(np.meshgrid(*[np.linspace(-2, 2, 20)] * 2), axis=-1).reshape(-1, 2)
        two = (compared_quantiles(X[:900, 1:2] * [1, 1]), 900, NAMES[:2])
        warn_of_shift(Filled(grid), two, (flagged(380, 400), 0.05, 500))
        even = compared_quantiles(RNG.uniform(-1, 1, (900, 2))), 900, NAMES[:2]
        warn_of_shift(Filled(grid), even, (flagged(380, 400), 0.05, 500))
        part = np.clip(X[900:], *np.quantile(X, [0.3, 0.8], axis=0))
        warn_of_shift(Filled(part), BEFORE, (flagged(0, 300), 0.05, 500))


def test_the_most_different_column_is_named_if_none_is_different_for_certain():
    moved = X[900:] + [0, 0.9, 0]
    with pytest.warns(ShiftedSamplesWarning, match="the most different one is 'balance' .middle"):
        warn_of_shift(Filled(moved), BEFORE, (flagged(300, 300), 0.05, 500))


def test_a_column_that_is_emptied_is_named_though_others_had_gaps_in_training():
    gaps = np.zeros((200, 3), bool)
    gaps[:20, 0], gaps[:150, 1], gaps[:150, 2] = True, True, True
    with pytest.warns(ShiftedSamplesWarning, match="in 1 of 3 features, far more .*: 'balance'"):
        warn_of_gaps(gaps, np.array([0.05, 0.1, 0.4]), NAMES)
    with pytest.warns(ShiftedSamplesWarning, match="'balance'. They are learned all the same"):
        warn_of_gaps(gaps, np.array([0.05, 0.1, 0.4]), NAMES, learns=True)


def test_quantiles_of_files_of_earlier_versions_are_compared():
    old = (BEFORE[0][QUARTET], 0, NAMES)
    with pytest.warns(ShiftedSamplesWarning, match="1 of 3 features: 'age'"):
        warn_of_shift(Filled(X[900:] * [1, 1, 100]), old, (flagged(15, 300), 0.05, 500))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_shift(Filled(X[900:] * [1, 1, 1.5]), old, (flagged(15, 300), 0.05, 500))


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
    partly = X[:300].copy()
    partly[:20, 0] = np.nan
    with pytest.warns(ShiftedSamplesWarning, match="in 1 of 3 features, .* in training: 'x1'"):
        AutoencoderOutlierDetector(1, random_state=0, **options).fit(partly).predict(gaps)
    detector.partial_fit(X[300:600]).partial_fit(X[600:900])  # without a warning
    with pytest.warns(ShiftedSamplesWarning, match="'x2'"):
        detector.predict(moved)
    before = pickle.dumps(vars(detector))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ShiftedSamplesWarning)
        with pytest.raises(ShiftedSamplesWarning, match="1 of 3 features: 'x2'"):
            detector.partial_fit(moved)
    assert pickle.dumps(vars(detector)) == before
    detector.partial_fit(X[900:])  # goes on as if nothing had happened
    with pytest.warns(ShiftedSamplesWarning, match="learned all the same") as warned:
        detector.partial_fit(moved)
    assert warned[0].filename == __file__
    detector.partial_fit(moved)  # the last samples were like these
