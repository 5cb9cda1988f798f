"""When to stop, and what to keep."""

import math

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from scipy import stats

from skae._training.early_stopping import (
    DecoderEpochSelector,
    EpochSelector,
    Patience,
    count_effective,
    required_errors,
)


def epochs_until_exhausted(losses, tol, n_epochs):
    patience = Patience(tol, n_epochs)
    for epoch, loss in enumerate(losses, start=1):
        if patience.exhausted(loss):
            return epoch
    return None


def test_patience_with_a_loss_that_falls():
    assert epochs_until_exhausted(0.9 ** np.arange(100), 1e-3, 3) is None


@pytest.mark.parametrize("n_epochs", [1, 3, 10])
def test_patience_ends_after_so_many_epochs_without_gain(n_epochs):
    losses = [3, 2, 1] + [1] * 20
    assert epochs_until_exhausted(losses, 1e-3, n_epochs) == 3 + n_epochs


def test_patience_with_a_loss_that_rises_or_is_zero():
    assert epochs_until_exhausted([1, 2, 3, 4, 5], 1e-3, 3) == 4
    assert epochs_until_exhausted([1] + [0] * 9, 1e-3, 3) == 5


def test_patience_adds_up_small_gains():
    """What counts is the fall within the epochs together, not that of each of them."""
    slow = 1 - 0.0004 * np.arange(60)
    assert epochs_until_exhausted(slow, 1e-3, 10) is None
    assert epochs_until_exhausted(slow, 1e-3, 2) == 3


def test_patience_is_relative_to_the_loss():
    losses = np.array([1.0, 0.9, 0.899, 0.898, 0.8975, 0.897, 0.8965, 0.896])
    for scale in (1e-12, 1.0, 1e12):
        assert epochs_until_exhausted(scale * losses, 0.01, 3) == 5
        assert epochs_until_exhausted(scale * (losses - 2), 0.01, 3) == 5


def test_patience_with_losses_that_are_not_numbers():
    assert epochs_until_exhausted([1, math.nan, math.nan, math.nan], 1e-3, 3) == 4
    assert epochs_until_exhausted([1, math.inf, math.inf, math.inf], 1e-3, 3) == 4


def choose(curves, weights=None, n_errors=1.0, groups=None):
    """Feed a selector the rows' losses of epochs 0, 1, ...; the epoch that it ends with."""
    curves = np.asarray(curves, float)
    weights = np.ones(curves.shape[1]) if weights is None else weights
    selector = EpochSelector(curves[0], weights, n_errors, groups)
    kept = 0
    for epoch, losses in enumerate(curves[1:], start=1):
        if selector.select_if_better(losses, epoch):
            kept = epoch
    assert selector.epoch == kept
    assert selector.loss == pytest.approx(np.average(curves[kept], weights=weights))
    assert_array_equal(selector.best_losses, curves[kept])
    return kept


def curves_of(means, errors, n=400, seed=0):
    """Return losses of epochs whose gains have exactly these means and standard errors."""
    noise = np.random.default_rng(seed).standard_normal(n)
    noise = (noise - noise.mean()) / noise.std(ddof=1) * np.sqrt(n)
    start = np.full(n, 100.0)
    gains = [mean + error * noise for mean, error in zip(means, errors, strict=True)]
    return np.stack([start, *(start - gain for gain in gains)])


def test_choice_of_the_best_epoch():
    assert choose([[4, 4, 4], [3, 3, 3], [1, 1, 1], [2, 2, 2]]) == 2


def test_choice_of_the_start_where_nothing_is_better():
    assert choose([[4, 4, 4], [5, 5, 5], [4, 4, 4]]) == 0
    assert choose([[4, 4, 4], [4, 4, 4]], n_errors=0) == 0


def test_rounding_is_no_gain():
    start = np.ones(50)
    assert choose([start, start - 1e-9]) == 0
    assert choose([start, start - 1e-5]) == 1


@pytest.mark.parametrize("n_errors", [1.0, 2.5, 3.0])
@pytest.mark.parametrize("n", [5, 30, 4000])
def test_a_certain_gain_is_so_many_standard_errors(n, n_errors):
    """As many as Student's t, with the degrees of freedom that count, needs to be as certain."""
    deviations = curves_of([0], [1], n=n)[1] - 100
    n_effective = 3 * np.sum(deviations**2) ** 2 / np.sum(deviations**4)
    df = min(n_effective, n) - 1
    needed = stats.t.isf(stats.norm.sf(n_errors), df)
    assert needed >= n_errors
    assert n < 4000 or needed == pytest.approx(n_errors, rel=0.01)
    assert choose(curves_of([1.001 * needed], [1], n=n), n_errors=n_errors) == 1
    assert choose(curves_of([0.999 * needed], [1], n=n), n_errors=n_errors) == 0


def test_few_samples_that_make_the_error_count_as_few():
    """Normal deviations all count, equal ones too; of a few large ones only these do, times 3."""
    rng = np.random.default_rng(0)
    assert count_effective(rng.normal(size=100_000)) == pytest.approx(100_000, rel=0.02)
    assert count_effective(np.tile([1.0, -1.0], 20)) == 40
    few = np.zeros(500)
    few[:4] = [1.0, -1.0, 1.0, -1.0]
    assert count_effective(few) == pytest.approx(12)
    assert count_effective(np.zeros(5)) == 0
    both = np.stack([few, np.tile([1.0, -1.0], 250)], axis=1)
    assert_allclose(count_effective(both), [12, 500])


def test_required_errors_are_quantiles_of_students_t():
    for n in (2, 5, 30, 1000):
        expected = stats.t.isf(stats.norm.sf(3.0), n - 1)
        assert required_errors(3.0, n) == pytest.approx(expected)
    assert required_errors(3.0, np.array([1, 0])).min() > 1e3
    assert choose([[4.0], [1.0]]) == 0


def test_from_the_first_certain_epoch_on_gains_less_one_error_are_compared():
    assert choose(curves_of([9, 4, 8, 8], [5, 1, 3, 6]), n_errors=3) == 3
    assert choose(curves_of([4, 9, 8], [1, 5, 4.5]), n_errors=3) == 2
    assert choose(curves_of([4, 9, 8], [1, 6.5, 5.5]), n_errors=3) == 1
    assert choose(curves_of([9, 9, 9], [5, 4, 3.5]), n_errors=3) == 0


def test_without_caution_the_mean_decides():
    assert choose(curves_of([1, 3, 2], [9, 9, 0.1]), n_errors=0) == 2


def test_samples_of_a_group_count_as_one():
    curves = np.repeat(curves_of([2], [1], n=200), 3, axis=1)
    groups = np.repeat(np.arange(200), 3)
    assert choose(curves, n_errors=3) == 1
    assert choose(curves, n_errors=3, groups=groups) == 0
    assert choose(curves, n_errors=3, groups=7 * groups - 50) == 0
    assert choose(curves, n_errors=1.95, groups=groups) == 1
    assert choose(curves, n_errors=2.01, groups=groups) == 0
    assert choose(curves, n_errors=3, groups=np.arange(600)) == 1


def test_evidence_is_the_largest_gain_in_standard_errors():
    curves = curves_of([0.4, 1.5, 2], [1, 0.75, 4])
    selector = EpochSelector(curves[0], np.ones(400), 3.0, np.arange(400) // 4)
    assert selector.evidence == 0
    found = []
    for epoch, losses in enumerate(curves[1:], start=1):
        selector.select_if_better(losses, epoch)
        found.append(selector.evidence)
    assert found == pytest.approx([0.4, 2, 2])
    worse = EpochSelector(curves[0], np.ones(400), 3.0)
    worse.select_if_better(curves[0] + 1, 1)
    assert worse.evidence == 0


def test_choice_is_cautious_where_rows_disagree():
    disagreeing = np.tile([[4.0, 4.0], [0.0, 5.0]], 4)
    assert choose(disagreeing, n_errors=0.0) == 1
    assert choose(disagreeing, n_errors=2.5) == 0
    assert choose(np.tile([[4.0, 4.0], [3.9, 3.8]], 4), n_errors=2.5) == 1


def test_choice_weighs_rows():
    curves = [[4, 4, 4], [5, 5, 1]]
    assert choose(curves, np.array([1, 1, 10]), n_errors=0.5) == 1
    assert choose(curves, np.array([10, 10, 1]), n_errors=0.5) == 0


def test_choice_of_rows_whose_losses_have_no_unit():
    curves = np.array([[4, 4, 4, 3], [3, 2, 3, 3], [2, 4, 3, 1], [1, 1, 1, 1]], float)
    assert choose(curves) == choose(1e9 * curves) == choose(1e-9 * curves)


def test_choice_over_sizes_wants_a_gain_at_each():
    start = np.tile([1.0, 0.1], (6, 1))
    all_gain, one_loses = start * [0.5, 0.9], start * [0.1, 1.01]
    assert choose_over_sizes([start, all_gain]) == 1
    assert choose_over_sizes([start, one_loses]) == 0
    assert choose_over_sizes([start, one_loses, all_gain, one_loses]) == 2
    assert choose_over_sizes([start, start]) == 0


def test_loss_over_sizes_is_that_of_the_first_at_the_start():
    start = np.tile([3.0, 0.1], (6, 1))
    selector = EpochSelector(start, np.ones(6), 1.0)
    assert selector.loss == pytest.approx(3)
    assert selector.mean(start * [1, 0.5]) == pytest.approx(3 * 0.75)


def test_choice_over_sizes_measures_each_in_units_of_its_start():
    """A tenth less of what is small counts as much as a tenth less of what is large."""
    start = np.tile([1.0, 1e-2], (6, 1))
    curves = [start, start * [0.9, 0.5], start * [0.6, 0.9]]
    assert choose_over_sizes(curves) == 1
    assert choose_over_sizes([start, curves[2], curves[1]]) == 2
    assert choose_over_sizes(1e9 * np.array(curves)) == 1


def test_choice_over_sizes_is_half_as_cautious_with_each():
    """All gain for certain together, the second one half for certain."""
    start = np.ones((4, 3))
    disagreeing = np.array([[0.5, 0.0, 0.5], [0.5, 0.0, 0.5], [0.5, 1.2, 0.5], [0.5, 1.2, 0.5]])
    assert choose_over_sizes([start, disagreeing], n_errors=1.0) == 1
    assert choose_over_sizes([start, disagreeing], n_errors=4.0) == 0


def test_choice_over_sizes_where_the_start_leaves_next_to_nothing_at_one():
    start = np.tile([1.0, 1e-9], (6, 1))
    assert choose_over_sizes([start, start * [0.1, 1.1]]) == 0
    assert choose_over_sizes([0 * start, 0 * start]) == 0


def test_progress_is_that_of_the_worst_size_until_an_epoch_is_chosen():
    start = np.tile([2.0, 0.1], (6, 1))
    selector = EpochSelector(start, np.ones(6), 1.0)
    assert selector.progress(start * [0.5, 1.5]) == pytest.approx(2 * 1.5)
    assert selector.improved_parts(start * [0.5, 1.5], 1) == ()
    assert selector.improved_parts(start * [0.5, 0.7], 2) == (None,)
    assert selector.progress(start * [0.5, 1.5]) == pytest.approx(2 * 1.0)
    alone = EpochSelector(start[:, 0], np.ones(6), 1.0)
    assert alone.progress(start[:, 0] * 3) == alone.mean(start[:, 0] * 3) == pytest.approx(6)


def test_each_part_has_its_own_epoch():
    start = np.tile([1.0, 2.0, 0.1], (6, 1))
    selector = DecoderEpochSelector(start, np.ones(6), 1.0, [[0, 2], [1]])
    assert selector.loss == pytest.approx(1)
    assert selector.improved_parts(start * [0.9, 1.1, 0.8], 1) == [0]
    assert selector.improved_parts(start * [0.2, 0.5, 1.1], 2) == [1]
    assert selector.improved_parts(start * [0.9, 0.6, 0.9], 3) == []
    assert selector.epochs == [1, 2]
    assert selector.epoch == 2
    assert selector.loss == pytest.approx((0.9 + 0.5 + 0.8) / 3)
    assert selector.progress(start * 2) == selector.mean(start * 2) == pytest.approx(2)


def test_a_part_that_is_rejected_is_as_it_started():
    start = np.tile([1.0, 2.0, 0.1], (6, 1))
    selector = DecoderEpochSelector(start, np.ones(6), 1.0, [[0, 2], [1]])
    selector.improved_parts(start / 2, 1)
    assert_array_equal(selector.best_losses, start / 2)
    selector.reject(0)
    assert_array_equal(selector.best_losses, start * [1, 0.5, 1])


def test_a_part_is_compared_alone():
    start = np.tile([1.0, 2.0, 0.1], (6, 1))
    selector = DecoderEpochSelector(start, np.ones(6), 0.0, [[0, 2], [1]])
    assert selector.select_part_if_better(0, start * [0.9, 0.1, 0.8], 3)
    assert not selector.select_part_if_better(1, start * [0.1, 1.1, 0.1], 5)
    assert selector.epochs == [3, 0]


def choose_over_sizes(curves, n_errors=1.0):
    """Feed a selector the losses of rows at several sizes; the epoch that it ends with."""
    selector = EpochSelector(np.asarray(curves[0]), np.ones(len(curves[0])), n_errors)
    for epoch, losses in enumerate(curves[1:], start=1):
        selector.select_if_better(np.asarray(losses), epoch)
    return selector.epoch
