"""Batches: which rows they hold, and what was done to them."""

from gradients import make_loader, make_rows
import numpy as np
import pytest

from skae._network.scaling import Scaling
from skae._training import batches as batches_module
from skae.corruptions import UserNoise


def rows_of(n_rows=20, n_features=5, seed=0):
    return np.random.default_rng(seed).random((n_rows, n_features))


def serve(loader, order, rng=None):
    """Go through a loader as an epoch does: inputs, targets and weights of its batches."""
    served = []
    for chosen in loader.chunks(order):
        assert len(chosen) <= loader.n_rows
        loader.fill(chosen, rng)
        for index, n_rows in loader.slots(len(chosen)):
            inputs, targets, weights = loader.slot(index, n_rows)
            weights = np.ones(n_rows) if weights is None else weights.copy()
            assert len(inputs) == len(targets) == len(weights) == n_rows
            served.append((inputs.copy(), targets.copy(), weights))
    return served


@pytest.mark.parametrize("chunk", [(1, 1), (2**20, 3), (200, 64), (2**20, 64)])
@pytest.mark.parametrize("batch_size", [1, 2, 7, 19, 20, 21, 200])
@pytest.mark.parametrize("n_rows", [1, 2, 20])
def test_every_row_is_served_once(monkeypatch, n_rows, batch_size, chunk):
    chunk_bytes, chunk_batches = chunk
    monkeypatch.setattr(batches_module, "CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr(batches_module, "CHUNK_BATCHES", chunk_batches)
    rng = np.random.default_rng(0)
    X, target, weights = rng.random((n_rows, 3)), rng.random((n_rows, 3)), rng.random(n_rows)
    loader = make_loader(make_rows(X, target, weights), batch_size)
    order = rng.permutation(n_rows)
    batches = serve(loader, order)
    inputs, targets, found_weights = (np.concatenate(a) for a in zip(*batches, strict=True))
    np.testing.assert_array_equal(inputs, X[order])
    np.testing.assert_array_equal(targets, target[order])
    np.testing.assert_allclose(found_weights, weights[order] / weights.mean())
    sizes = [len(batch[0]) for batch in batches]
    full = min(batch_size, n_rows)
    assert sizes[:-1] == [full] * (len(batches) - 1)
    assert 1 <= sizes[-1] <= full


@pytest.mark.parametrize("batch_size", [1, 4, 30])
def test_part_of_the_rows(batch_size):
    rng = np.random.default_rng(0)
    X, target, weights = rng.random((20, 3)), rng.random((20, 3)), rng.random(20)
    chosen = rng.random(20) < 0.6
    some = chosen & (rng.random(20) < 0.6)
    part = make_rows(X, target, weights).part(chosen)
    for rows, mask in ((part, chosen), (part.part(some[chosen]), some)):
        assert len(rows) == mask.sum()
        for found, all_of_it in zip(rows.arrays(), (X, target, weights), strict=True):
            np.testing.assert_array_equal(found, all_of_it[mask])
        batches = serve(make_loader(rows, batch_size), np.arange(mask.sum()))
        inputs, targets, found = (np.concatenate(a) for a in zip(*batches, strict=True))
        np.testing.assert_array_equal(inputs, X[mask])
        np.testing.assert_array_equal(targets, target[mask])
        np.testing.assert_allclose(found, weights[mask] / weights[mask].mean())


@pytest.mark.parametrize("own_target", [False, True])
def test_rows_gathered_later_in_parts_are_the_same(own_target):
    X, weights = rows_of(), np.random.default_rng(1).random(20)
    target = rows_of(seed=1) if own_target else X
    rows, order = make_rows(X, target, weights), np.random.default_rng(2).permutation(20)
    at_once, in_parts = make_loader(rows, 8), make_loader(rows, 8)
    assert in_parts.defer()
    for chosen in at_once.chunks(order):
        at_once.fill(chosen, None)
        in_parts.fill(chosen, None)
        for index, n_rows in in_parts.slots(len(chosen)):
            view = in_parts.view(index, n_rows)
            middle = view.start + 3
            in_parts.gather(slice(middle, view.stop))
            in_parts.gather(slice(view.start, middle))
            pairs = zip(in_parts.slot(index, n_rows), at_once.slot(index, n_rows), strict=True)
            for found, expected in pairs:
                np.testing.assert_array_equal(found, expected)


def test_noisy_rows_are_not_left_for_later():
    noise = UserNoise(lambda X, rng: X + rng.standard_normal(X.shape))
    loader = make_loader(make_rows(rows_of(), corruption=noise), 8)
    assert not loader.defer()
    loader.fill(np.arange(20), np.random.default_rng(0))
    assert np.abs(loader.slot(0, 8)[0]).min() > 0


def test_weights_of_one_size_are_none():
    loader = make_loader(make_rows(rows_of(), weights=np.full(20, 3.0)), 4)
    loader.fill(np.arange(20), None)
    assert loader.slot(0, 4)[2] is None


def test_a_slot_is_always_the_same_memory():
    loader = make_loader(make_rows(rows_of()), 4)
    loader.fill(np.arange(20), None)
    first = loader.slot(2, 4)[0]
    loader.fill(np.arange(20)[::-1], None)
    assert np.shares_memory(first, loader.slot(2, 4)[0])
    np.testing.assert_array_equal(first, loader.rows.X[::-1][8:12])


def test_feed_scales_what_it_serves_and_leaves_the_rows():
    X, target = rows_of(seed=1), rows_of(seed=2)
    kept = X.copy(), target.copy()
    scaling = Scaling(X.mean(axis=0), np.asarray(0.3))
    loader = make_loader(make_rows(X, target), 20, scaling)
    loader.fill(np.arange(20), None)
    inputs, targets, weights = loader.slot(0, 20)
    np.testing.assert_allclose(inputs, (X - X.mean(axis=0)) / 0.3)
    np.testing.assert_allclose(targets, (target - X.mean(axis=0)) / 0.3)
    assert weights is None
    np.testing.assert_array_equal((X, target), kept)


def test_noise_is_on_the_inputs_in_their_own_units():
    X = rows_of()
    scaling = Scaling(X.mean(axis=0), np.asarray(0.3))
    noise = UserNoise(lambda X, rng: X + rng.random(X.shape))
    loader = make_loader(make_rows(X, corruption=noise), 6, scaling)
    for _ in range(2):
        loader.fill(np.arange(20), np.random.default_rng(5))
        expected = X + np.random.default_rng(5).random(X.shape)
        np.testing.assert_allclose(loader.inputs[:20] * 0.3 + X.mean(axis=0), expected)
        np.testing.assert_allclose(loader.targets[:20] * 0.3 + X.mean(axis=0), X)


def test_rows_that_are_their_own_targets_are_gathered_once():
    X = rows_of()
    loader = make_loader(make_rows(X), 5)
    assert loader.inputs is loader.targets
    loader = make_loader(make_rows(X, X.copy()), 5)
    assert not np.shares_memory(loader.inputs, loader.targets)
