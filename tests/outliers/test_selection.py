"""Selections and bounds of false discoveries, compared with plain formulas."""

from itertools import combinations

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest

from skae._outliers.calibration import Calibration
from skae._outliers.selection import (
    benjamini_hochberg,
    check_ratio,
    check_share,
    false_discovery_bounds,
    least_rate,
    weighted_selection,
    why_none,
)


def step_up(p_values, fdr):
    """Return whether each p-value is at most the largest p_(k) <= fdr k / m."""
    m, limit = len(p_values), -1.0
    for k, p in enumerate(sorted(p_values), start=1):
        if p <= fdr * k / m + 1e-12:
            limit = p
    return p_values <= limit


@pytest.mark.parametrize("seed", range(5))
def test_benjamini_hochberg(seed):
    rng = np.random.default_rng(seed)
    p_values = rng.integers(1, 101, 60) / 100
    p_values[:15] = 0.01
    for fdr in (0.01, 0.04, 0.1, 0.5):
        assert_array_equal(benjamini_hochberg(p_values, fdr), step_up(p_values, fdr))


def test_a_p_value_at_the_limit_is_rejected():
    """0.1 * 3 / 10 is 0.030000000000000002, three p-values of 3/100 are at the limit."""
    p_values = np.array([0.03] * 3 + [0.9] * 7)
    assert benjamini_hochberg(p_values, 0.1).sum() == 3


# ---------------------------------------------------------------- covariate shift


def weighted_reference(calibration, scores, ratio, fdr):
    """Weighted conformal selection with heterogeneous pruning, one pair of samples at a time."""
    m, total = len(scores), calibration.weights.sum()

    def below(score, strictly):
        pairs = zip(calibration.scores, calibration.weights, strict=True)
        return sum(w for s, w in pairs if s < score or (s == score and not strictly))

    sizes, passed = [], []
    for j in range(m):
        p = (ratio[j] + below(scores[j], False)) / (total + ratio[j])
        auxiliary = [
            (below(scores[i], True) + ratio[j] * (scores[j] < scores[i])) / (total + ratio[j])
            for i in range(m)
        ]
        auxiliary[j] = 0
        sizes.append(int(step_up(np.array(auxiliary), fdr).sum()))
        passed.append(p <= fdr * sizes[j] / m)
    sizes, passed = np.random.default_rng(7).random(m) * sizes, np.array(passed)
    best = max(r for r in range(m + 1) if np.sum(passed & (sizes <= r)) >= r)
    return passed & (sizes <= best)


@pytest.mark.parametrize("seed", range(4))
def test_weighted_selection(seed):
    rng = np.random.default_rng(seed)
    calibration = Calibration(rng.normal(size=60), rng.uniform(0, 2, 60))
    scores, ratio = rng.normal(size=30), rng.uniform(0.2, 3, 30)
    scores[:8] -= 4
    scores[3] = calibration.scores.min()
    n_found = []
    for fdr in (0.05, 0.2, 0.5):
        found = weighted_selection(calibration, scores, ratio, fdr, seed=7)
        assert_array_equal(found, weighted_reference(calibration, scores, ratio, fdr))
        n_found.append(found.sum())
    assert n_found[0] < n_found[-1]


def test_with_equal_weights_it_selects_what_the_step_up_procedure_does_but_for_pruned_ones():
    rng = np.random.default_rng(0)
    calibration = Calibration(rng.normal(size=200), np.ones(200))
    scores = rng.normal(size=50) - np.repeat([4, 0], [10, 40])
    found = weighted_selection(calibration, scores, np.ones(50), 0.2)
    all_found = benjamini_hochberg(calibration.p_values(scores), 0.2)
    assert not (found & ~all_found).any()
    assert all_found.sum() - 2 <= found.sum() <= 15


def test_the_false_discovery_rate_holds_under_a_shift_where_unweighted_p_values_break_it():
    """Scores of normal samples are lower where z is high, and new samples have higher z."""
    rng = np.random.default_rng(0)
    shares = {"weighted": [], "unweighted": []}
    for _ in range(150):
        z, z_new = rng.normal(size=300), rng.normal(size=60) + np.repeat([1, 0], [50, 10])
        calibration = Calibration(rng.normal(size=300) - z, np.exp(z))
        scores = rng.normal(size=60) - z_new - np.repeat([0, 8], [50, 10])
        found = {
            "weighted": weighted_selection(calibration, scores, np.exp(z_new), 0.2),
            "unweighted": benjamini_hochberg(
                Calibration(calibration.scores, np.ones(300)).p_values(scores), 0.2
            ),
        }
        for name, selected in found.items():
            shares[name].append(selected[:50].sum() / max(selected.sum(), 1))
    assert np.mean(shares["weighted"]) <= 0.2
    assert np.mean(shares["unweighted"]) > 0.25


# ---------------------------------------------------------------- bounds


def is_rejected_by_simes(p_values, level):
    n = len(p_values)
    return any(p <= level * k / n for k, p in enumerate(sorted(p_values), start=1))


def closed_testing_bound(p_values, chosen, level):
    """Size of the largest part of the chosen set that lies in a set that Simes does not reject.

    A set is rejected by closed testing if Simes' test rejects it and all sets that contain it.
    """
    everything = range(len(p_values))
    most = 0
    for size in range(1, len(p_values) + 1):
        for subset in combinations(everything, size):
            if not is_rejected_by_simes(p_values[list(subset)], level):
                most = max(most, len(chosen & set(subset)))
    return most


@pytest.mark.parametrize("seed", range(6))
def test_bounds_are_those_of_closed_testing(seed):
    rng = np.random.default_rng(seed)
    p_values = rng.integers(1, 40, 8) / 40
    p_values[: rng.integers(0, 6)] = rng.choice([0.002, 0.005, 0.02])
    bounds = false_discovery_bounds(p_values, 0.2)
    for j in range(8):
        chosen = set(np.flatnonzero(p_values <= p_values[j]))
        expected = closed_testing_bound(p_values, chosen, 0.2) / len(chosen)
        assert_allclose(bounds[j], expected, atol=1e-12)


def test_without_small_p_values_all_may_be_false_and_without_large_ones_none():
    assert_array_equal(false_discovery_bounds(np.full(5, 0.9), 0.1), np.ones(5))
    assert_array_equal(false_discovery_bounds(np.full(5, 1e-4), 0.1), np.zeros(5))


def test_all_bounds_hold_together():
    """Conformal p-values of 60 normal samples and 20 outliers, one calibration set a draw."""
    rng = np.random.default_rng(0)
    n_broken = 0
    for _ in range(300):
        calibration = Calibration(rng.normal(size=200), np.ones(200))
        scores = np.append(rng.normal(size=60), rng.normal(size=20) - 3)
        p_values = calibration.p_values(scores)
        bounds = false_discovery_bounds(p_values, 0.2)
        is_normal = np.arange(80) < 60
        shares = [is_normal[p_values <= p].mean() for p in p_values]
        n_broken += np.any(shares > bounds + 1e-9)
    assert n_broken <= 300 * 0.2 + 2 * np.sqrt(300 * 0.2 * 0.8)


# ---------------------------------------------------------------- empty selections and checks


def test_it_is_said_how_many_calibration_samples_a_selection_takes():
    p_values = np.array([1 / 51] * 4 + [0.5] * 96)
    message = why_none(50.0, p_values, 0.1)
    assert message.startswith(
        "There are 50 calibration samples; to find the 4 of 100 that score lower than all of "
        "these, it takes 249. Fit to more"
    )
    assert benjamini_hochberg(np.array([1 / 250] * 4 + [0.5] * 96), 0.1).sum() == 4
    assert not benjamini_hochberg(np.array([1 / 249] * 4 + [0.5] * 96), 0.1).any()
    assert "50 calibration samples; to find anything, it takes 99." in why_none(
        50.0, p_values, 0.01
    )


def test_calibration_samples_are_not_to_blame_if_no_sample_is_extreme_or_there_are_enough():
    for n_calibration, least in (50.0, 0.05), (300.0, 1 / 301):
        p_values = np.array([least] * 4 + [0.5] * 96)
        assert why_none(n_calibration, p_values, 0.1).startswith("Outliers are not found if")
    assert why_none(50.0, np.full(100, 0.5), 0.1) == ""  # nothing is odd


def test_the_least_rate_selects_some_and_any_lower_one_none():
    p_values = np.array([0.004, 0.01, 0.02, 0.5, 0.8])
    assert least_rate(p_values, 0.01).endswith("finds any is 0.02: 1 samples. ")
    assert benjamini_hochberg(p_values, 0.02).sum() == 1
    assert not benjamini_hochberg(p_values, 0.0199).any()
    assert least_rate(np.ones(5), 0.1) == ""


@pytest.mark.parametrize("share", [0, 1, -0.1, 2, True, "0.1", None, np.nan])
def test_a_share_is_a_number_between_zero_and_one(share):
    with pytest.raises(ValueError, match=r"fdr must be a float in \(0, 1\), got"):
        check_share(share, "fdr")
    assert check_share(np.float32(0.5), "fdr") == 0.5


@pytest.mark.parametrize(
    ("ratio", "message"),
    [
        ([1, 2], r"ratio must have shape \(3,\), got \(2,\)"),
        ([1, 2, np.nan], "ratio must be finite, not negative, and not all zero"),
        ([1, 2, -1], "ratio must be finite, not negative"),
        ([0, 0, 0], "not all zero"),
        (["a", "b", "c"], "ratio must be numbers"),
    ],
)
def test_a_density_ratio_is_a_number_for_each_sample(ratio, message):
    with pytest.raises(ValueError, match=message):
        check_ratio(ratio, 3, "ratio")
