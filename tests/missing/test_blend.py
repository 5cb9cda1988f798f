"""Blends: hidden cells, weights by held-out trials, and when a single Gaussian is left alone."""

import numpy as np
import pytest

from skae._missing.blend import (
    Blend,
    IncompleteRows,
    certain_share,
    draw_folds,
    fit_blend,
    hidden_cells,
    make_trials,
    merge_equal,
    stacking_weights,
)


def clusters(n_rows=300, seed=0):
    """Two clusters, whose correlation is the opposite of that inside them."""
    rng = np.random.default_rng(seed)
    centers = np.array([[2, 2, 2], [-2, -2, -2]])[rng.integers(2, size=n_rows)]
    t = rng.normal(size=(n_rows, 1))
    return (centers + t * [1, -1, 0.5] + 0.2 * rng.normal(size=(n_rows, 3))) / 2.3


def rows_of(X, share=0.2, seed=1):
    missing = np.random.default_rng(seed).random(X.shape) < share
    return IncompleteRows(np.where(missing, 0, X), missing, np.ones(len(X)))


def blend_of(rows, sizes=(2, 4), seed=0):
    rng = np.random.default_rng(seed)
    trials = make_trials(rows, draw_folds(rows, rng), 2, rng)
    return *fit_blend(rows, trials, sizes, rng), trials


def test_hidden_cells_were_observed_and_follow_the_patterns():
    rng = np.random.default_rng(0)
    missing = rng.random((2000, 4)) < [0, 0.1, 0.5, 0.9]
    hidden = hidden_cells(missing, rng)
    assert not (hidden & missing).any()
    assert not hidden[:, 0].any()
    shares = hidden.sum(axis=0) / (~missing).sum(axis=0)
    np.testing.assert_allclose(shares[1:], [0.05, 0.25, 0.45], atol=0.05)
    all_gone = (missing | hidden).all(axis=1) & ~missing.all(axis=1)
    assert not all_gone.any()


def test_complete_samples_have_cells_to_hide():
    hidden = hidden_cells(np.zeros((500, 4), bool), np.random.default_rng(0))
    assert hidden.mean() == pytest.approx(0.2, abs=0.03)


def test_trials_by_sample():
    rows = rows_of(clusters(40))
    rng = np.random.default_rng(0)
    trials = make_trials(rows, draw_folds(rows, rng), 3, rng)
    losses = trials.losses(np.zeros(trials.X.shape))
    totals, weights = trials.by_sample(losses)
    assert totals.sum() == pytest.approx(np.square(trials.X)[trials.hidden].sum())
    assert len(totals) == len(weights) == len(np.unique(trials.rows))


def test_mixtures_win_where_there_are_clusters():
    X = clusters()
    rows = rows_of(X)
    blend, filled, trials = blend_of(rows)
    assert max(len(mixture.shares) for mixture in blend.mixtures) > 1
    single, _, _ = blend_of(rows, sizes=())
    test = rows_of(clusters(seed=5), seed=6)
    truth = clusters(seed=5)
    errors = [
        np.square(b.conditional_means(test.X, test.missing) - truth)[test.missing].mean()
        for b in (blend, single)
    ]
    assert errors[0] < 0.6 * errors[1]
    held_out = trials.losses(filled).sum() / trials.hidden.sum()
    assert 0.3 * errors[0] < held_out < 1.5 * errors[0]


def test_independent_features_leave_a_gaussian_alone():
    rows = rows_of(np.random.default_rng(0).normal(size=(200, 4)))
    blend, _, _ = blend_of(rows)
    filled = blend.conditional_means(rows.X, rows.missing)
    assert np.square(filled[rows.missing]).mean() < 0.05


def test_stacking_weights_prefer_the_better_prediction():
    rng = np.random.default_rng(0)
    rows = rows_of(clusters())
    trials = make_trials(rows, draw_folds(rows, rng), 2, rng)
    truth = trials.X[trials.hidden]
    noise = rng.normal(size=(2, len(truth)))
    weights = stacking_weights(truth + noise * [[0.1], [1.0]], trials)
    assert weights[0] > 0.5 > 0.35 > weights[1] >= 0


def test_certain_share():
    assert certain_share(np.array([1.0, 1.1, 0.9]), np.ones(3)) > 0.99
    assert certain_share(np.array([2.0, 0.0]), np.ones(2)) == pytest.approx(1 / 1.5)
    assert certain_share(np.array([10.0, -9, -0.5]), np.ones(3)) < 0.01
    assert certain_share(np.array([1.0, -3.0]), np.ones(2)) == 0
    assert certain_share(np.zeros(3), np.ones(3)) == 0


def test_merge_equal_adds_weights():
    X = np.array([[1.0, 2], [3, 0], [1, 2], [3, 0]])
    missing = np.array([[0, 0], [0, 1], [0, 0], [0, 0]], bool)
    merged = merge_equal(IncompleteRows(X, missing, np.array([1.0, 2, 3, 4])))
    assert sorted(merged.weights) == [2, 4, 4]
    assert len(merged) == 3


@pytest.mark.slow
def test_draws_have_their_centres():
    blend, _, _ = blend_of(rows_of(clusters()))
    test = rows_of(clusters(4, seed=3), share=0.5, seed=8)
    mean = blend.centres(test.X, test.missing)
    rng = np.random.default_rng(0)
    one_by_one = np.stack([blend.draw(test.X, test.missing, rng) for _ in range(400)])
    for draws in (one_by_one, blend.draws(test.X, test.missing, 400, rng)):
        np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.2)
        np.testing.assert_allclose(draws.var(axis=0), one_by_one.var(axis=0), atol=0.25)
    assert isinstance(blend, Blend)


def test_groups_are_whole():
    """They are in one fold, count once for the standard error, and keep their copies."""
    rng = np.random.default_rng(0)
    rows = rows_of(np.tile(clusters(20), (3, 1)))
    grouped = IncompleteRows(rows.X, rows.missing, rows.weights, np.arange(60) % 20)
    folds = draw_folds(grouped, rng)
    assert set(np.bincount(folds)) == {30}
    for group in range(20):
        assert len(set(folds[grouped.groups == group])) == 1
    assert merge_equal(grouped) is grouped
    trials = make_trials(grouped, folds, 2, rng)
    _, first = np.unique(trials.rows, return_index=True)
    np.testing.assert_array_equal(trials.groups, trials.rows[first] % 20)
    gains = np.tile([1.0, -0.4], 20)
    assert certain_share(gains, np.ones(40)) > 0.8
    assert certain_share(gains, np.ones(40), np.arange(40) % 2) < 0.3
