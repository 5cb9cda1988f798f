"""The gain over the start on held-out samples, and its lower bound."""

import math

import numpy as np
import pytest
from scipy import stats

from skae._training.early_stopping import DecoderEpochSelector, EpochSelector
from skae._training.gain import Gain, gain_lower_bound, loss_ratio, measure_gain, relative_gain


def losses(n=400, gain=0.3, spread=0.1, seed=0):
    """Return losses before and after, as of independent samples with light tails."""
    rng = np.random.default_rng(seed)
    before = rng.gamma(5, size=n)
    return before, before * (1 - gain + spread * rng.normal(size=n))


def shares(n):
    return np.full(n, 1 / n)


def test_the_gain_is_relative_to_the_loss_before():
    assert relative_gain(np.array([1.0, 3.0]), np.array([1.0, 1.0]), shares(2)) == 0.5
    assert relative_gain(np.array([1.0, 3.0]), np.array([1.0, 1.0]), np.array([1.0, 0.0])) == 0
    assert relative_gain(np.zeros(2), np.zeros(2), shares(2)) == 0


def test_the_bound_is_that_of_a_ratio_of_many_light_samples():
    """Fieller's and the delta method's bounds agree then with it."""
    before, after = losses(20_000)
    ratio = after.sum() / before.sum()
    error = np.std(after - ratio * before) / math.sqrt(len(before)) / before.mean()
    expected = 1 - ratio - stats.norm.ppf(0.95) * error
    assert gain_lower_bound(before, after, shares(20_000)) == pytest.approx(expected, abs=2e-4)


def test_the_bound_has_no_unit_and_no_order():
    before, after = losses(50)
    bound = gain_lower_bound(before, after, shares(50))
    assert bound < relative_gain(before, after, shares(50))
    assert gain_lower_bound(1e9 * before, 1e9 * after, 7 * shares(50)) == pytest.approx(bound)
    assert gain_lower_bound(before[::-1], after[::-1], shares(50)) == pytest.approx(bound)


def test_more_samples_raise_the_bound_and_heavier_ones_lower_it():
    before, after = losses(40)
    few, many = (np.tile(before, k) for k in (1, 10)), (np.tile(after, k) for k in (1, 10))
    bounds = [gain_lower_bound(b, a, shares(len(b))) for b, a in zip(few, many)]
    assert bounds[0] < bounds[1] < relative_gain(before, after, shares(40))
    heavy = before.copy()
    heavy[0] *= 40
    heavy_after = after.copy()
    heavy_after[0] *= 40
    assert gain_lower_bound(heavy, heavy_after, shares(40)) < bounds[0]


def test_samples_of_a_group_count_as_one():
    before, after = losses(40)
    tripled = np.repeat(before, 3), np.repeat(after, 3), shares(120)
    groups = np.repeat(np.arange(40), 3)
    expected = gain_lower_bound(before, after, shares(40))
    assert gain_lower_bound(*tripled, groups) == pytest.approx(expected)
    assert gain_lower_bound(*tripled) > expected


def test_a_certain_loss_has_a_negative_bound_and_no_samples_have_none():
    before, after = losses(gain=-0.3)
    assert gain_lower_bound(before, after, shares(400)) < -0.29
    assert gain_lower_bound(np.zeros(4), np.zeros(4), shares(4)) == -math.inf
    assert gain_lower_bound(np.ones(4), np.full(4, np.inf), shares(4)) == -math.inf


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 60, 300])
@pytest.mark.parametrize("law", ["gamma", "lognormal", "pareto"])
def test_the_bound_holds_in_95_of_100_draws(law, n):
    """Of losses with light and heavy tails whose large ones gain less."""
    rng = np.random.default_rng(n)

    def draw(n):
        noise = 0.3 * rng.normal(size=n)
        before = {
            "gamma": lambda: rng.gamma(2, size=n),
            "lognormal": lambda: np.exp(rng.normal(size=n)),
            "pareto": lambda: 1 + rng.pareto(2.5, size=n),
        }[law]()
        return before, before * np.maximum(0.6 + 0.4 * before / (1 + before) + noise, 0)

    truth = relative_gain(*draw(400_000), np.ones(400_000))
    wrong = [gain_lower_bound(*draw(n), shares(n)) > truth for _ in range(400)]
    assert np.mean(wrong) < 0.05


def test_pca_of_all_samples_is_better_than_pca_of_a_share():
    """By the generalisation gap of c / n on either side of the limit."""
    limit, c, n, share = 1.0, 20.0, 100, 0.5
    held_out, training = limit + c / (share * n), limit - c / n
    expected = (limit + c / n) / held_out
    assert loss_ratio(held_out, training, share) == pytest.approx(expected)
    assert loss_ratio(1.0, 1.0, 0.8) == 1
    assert loss_ratio(1.0, 2.0, 0.8) == 1
    assert loss_ratio(0.0, 0.0, 0.8) == 1
    assert loss_ratio(1.0, 0.5, 0.9) > loss_ratio(1.0, 0.5, 0.5)


def selected(before, after, n_errors=0):
    selector = EpochSelector(before, np.ones(len(before)), n_errors)
    selector.select_if_better(after, 7)
    return selector


def test_a_model_that_is_left_as_it_started_gains_exactly_nothing():
    before, after = losses(gain=-0.1)
    assert measure_gain(selected(before, after)) == Gain(0.0, 0.0)
    before = np.stack([before, before], axis=1)
    gain = measure_gain(selected(before, before), sizes=(2, 1))
    assert gain == Gain({1: 0.0, 2: 0.0}, {1: 0.0, 2: 0.0})


def test_the_gain_of_a_selected_epoch():
    before, after = losses()
    gain = measure_gain(selected(before, after))
    assert gain.value == pytest.approx(1 - after.sum() / before.sum())
    assert gain.lower_bound == gain_lower_bound(before, after, shares(400))
    stricter = measure_gain(selected(before, after), start_ratio=0.9)
    assert stricter.value == gain.value
    assert stricter.lower_bound == gain_lower_bound(0.9 * before, after, shares(400))
    assert stricter.lower_bound < gain.lower_bound


def test_each_code_size_has_its_own_gain():
    before, after = losses()
    before, after = np.stack([before, 2 * before], axis=1), np.stack([after, before], axis=1)
    gain = measure_gain(selected(before, after), sizes=(4, 1), start_ratio=np.array([1.0, 0.8]))
    assert list(gain.value) == list(gain.lower_bound) == [1, 4]
    assert gain.value == pytest.approx({1: 0.5, 4: relative_gain(*losses(), shares(400))})
    assert gain.lower_bound[4] == gain_lower_bound(*losses(), shares(400))
    expected = gain_lower_bound(1.6 * before[:, 0], after[:, 1], shares(400))
    assert gain.lower_bound[1] == pytest.approx(expected)


def test_a_decoder_that_is_left_as_it_started_gains_nothing():
    before, after = losses()
    before, after = np.stack([before, before], axis=1), np.stack([after, 2 * before], axis=1)
    selector = DecoderEpochSelector(before, np.ones(400), 1.0, [[0], [1]])
    selector.improved_parts(after, 3)
    gain = measure_gain(selector, sizes=(2, 1))
    assert gain.value[1] == gain.lower_bound[1] == 0
    assert gain.value[2] > gain.lower_bound[2] > 0


def test_sizes_that_a_code_has_lost_are_left_out():
    gain = Gain({1: 0.1, 2: 0.2, 4: 0.4}, {1: 0.0, 2: 0.1, 4: 0.3})
    assert gain.up_to(4) == gain
    assert gain.up_to(3) == Gain({1: 0.1, 2: 0.2}, {1: 0.0, 2: 0.1})
    for plain in (Gain(), Gain(0.2, 0.1)):
        assert plain.up_to(1) == plain


def test_lines_for_the_user():
    assert Gain().lines("huber") == []
    assert Gain(0.25, 0.125).lines("huber") == [
        "Gain over PCA: 25.0 % less huber loss on held-out samples, at least 12.5 % less on new "
        "samples with 95 % confidence."
    ]
    assert Gain(0.25, -0.05).lines("squared_error")[0].endswith("may have up to 5.0 % more.")
    assert Gain.of_start().lines("squared_error", "the linear path") == [
        "Gain over the linear path: none is certain on held-out samples, so the linear path is "
        "kept."
    ]
    assert "12.5 % less loss with penalty on" in Gain(0.125, 0.1).lines("penalised", "the start")[0]
    assert Gain(0.25, -math.inf).lines("huber")[0].endswith("loss on held-out samples.")
    assert Gain({1: 0.0, 3: 0.3}, {1: 0.0, 3: 0.2}).lines("squared_error") == [
        "Gain over PCA, 1 component: none is certain on held-out samples, so PCA is kept.",
        "Gain over PCA, 3 components: 30.0 % less error on held-out samples, at least 20.0 % less "
        "on new samples with 95 % confidence.",
    ]
