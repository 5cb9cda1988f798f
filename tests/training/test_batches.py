"""Training samples and mini-batches: which rows they hold, and how these are prepared."""

from types import SimpleNamespace

from gradients import make_loader, make_rows
import numpy as np
import pytest

from skae._network.nested import CodeSizeSampler
from skae._network.scaling import Scaling
from skae._training import batches as batches_module
from skae._training.batches import all_rows, deal_copies, grouped_rows, prepared_rows
from skae._training.splitting import GivenSplits
from skae.corruptions import UserNoise


def rows_of(n_rows=20, n_features=5, seed=0):
    return np.random.default_rng(seed).random((n_rows, n_features))


def serve(loader, order, rng=None):
    """Go through a loader as an epoch does: inputs, targets and weights of its batches."""
    served = []
    for chosen in loader.chunks(order):
        assert len(chosen) <= len(loader.inputs)
        loader.fill(chosen, rng)
        for index, n_rows in loader.slots(len(chosen)):
            inputs, targets, weights, sizes = loader.slot(index, n_rows)
            assert sizes is None
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
    monkeypatch.setattr(batches_module, "MAX_CHUNK_BATCHES", chunk_batches)
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
    fewer = chosen & (rng.random(20) < 0.6)
    part = make_rows(X, target, weights).part(chosen)
    for rows, mask in ((part, chosen), (part.part(fewer[chosen]), fewer)):
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
    at_once, in_parts = make_loader(rows, 8), make_loader(rows, 8, defers=True)
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
                assert (found is None) == (expected is None)
                np.testing.assert_array_equal(found, expected)


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


def test_a_loader_scales_what_it_serves_and_leaves_the_rows():
    X, target = rows_of(seed=1), rows_of(seed=2)
    before = X.copy(), target.copy()
    scaling = Scaling(X.mean(axis=0), np.asarray(0.3))
    loader = make_loader(make_rows(X, target), 20, scaling)
    loader.fill(np.arange(20), None)
    inputs, targets, weights, _ = loader.slot(0, 20)
    np.testing.assert_allclose(inputs, (X - X.mean(axis=0)) / 0.3)
    np.testing.assert_allclose(targets, (target - X.mean(axis=0)) / 0.3)
    assert weights is None
    np.testing.assert_array_equal((X, target), before)


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


def test_code_sizes_are_drawn_for_each_row_and_decoder():
    sampler = CodeSizeSampler((6, 3, 1), np.random.default_rng(0))
    loader = make_loader(make_rows(rows_of()), 8, sampler=sampler)
    loader.fill(np.arange(20), None)
    sizes = loader.slot(1, 8)[3]
    assert sizes.shape == (8, 3)
    first = sizes.copy()
    loader.fill(np.arange(20), None)
    again = loader.slot(1, 8)[3]
    assert np.shares_memory(sizes, again)
    assert (again != first).any()
    assert set(again[:, 0]) <= {4, 5, 6}
    assert set(again[:, 1]) <= {2, 3}
    assert set(again[:, 2]) == {1}


@pytest.mark.parametrize("is_nested", [False, True])
def test_unshuffled_rows_stay_in_their_batches(is_nested):
    """Several decoders read a batch by the places of its rows: these are shuffled."""
    sampler = CodeSizeSampler((2, 1), np.random.default_rng(0)) if is_nested else None
    loader = make_loader(make_rows(rows_of()), 8, sampler=sampler)
    order = loader.order(False, np.random.default_rng(0))
    assert np.array_equal(order, np.arange(20)) != is_nested
    for start in (0, 8, 16):
        batch = np.sort(order[start : start + 8])
        np.testing.assert_array_equal(batch, np.arange(start, min(start + 8, 20)))
    assert sorted(loader.order(True, np.random.default_rng(0))) == list(range(20))


# ---------------------------------------------------------------- noisy samples


def test_a_noisy_sample_is_about_as_large_as_asked_for():
    noise = UserNoise(lambda X, rng: X + rng.standard_normal(X.shape))
    X, weights = rows_of(), np.arange(1.0, 21)
    rows = make_rows(X, weights=weights, corruption=noise)
    clean, noisy, found_weights = rows.noisy_sample(50, np.random.default_rng(0))
    np.testing.assert_array_equal(clean, np.vstack([X] * 3))
    np.testing.assert_array_equal(found_weights, np.concatenate([weights] * 3))
    assert np.abs(noisy - clean).min() > 0
    clean, noisy, found_weights = rows.noisy_sample(10**6, np.random.default_rng(0))
    assert len(clean) == len(noisy) == len(found_weights) == 20 * batches_module.MAX_NOISE_DRAWS
    clean, _, found_weights = rows.noisy_sample(5, np.random.default_rng(0))
    np.testing.assert_array_equal(clean, X[found_weights.astype(int) - 1])
    assert len(clean) == 5


def test_given_noisy_rows_are_sampled_once():
    X, target = rows_of(seed=1), rows_of(seed=2)
    clean, noisy, weights = make_rows(X, target).noisy_sample(50, None)
    np.testing.assert_array_equal(clean, target)
    np.testing.assert_array_equal(noisy, X)
    assert (weights == 1).all()


# ---------------------------------------------------------------- preparation


def test_rows_of_weight_zero_are_left_out_and_few_rows_merged():
    X = np.array([[2.0, 1.0], [1.0, 5.0], [2.0, 1.0], [0.0, 9.0]])
    rows = prepared_rows(X, np.array([1.0, 2.0, 3.0, 0.0]))
    np.testing.assert_array_equal(rows.X, [[1, 5], [2, 1]])
    np.testing.assert_array_equal(rows.weights, [2, 4])
    assert rows.target is rows.X
    assert not rows.is_noisy


def test_many_rows_are_left_as_they_are(monkeypatch):
    monkeypatch.setattr(batches_module, "MAX_MERGED_ROWS", 3)
    X, X_clean = np.ones((4, 2)), np.zeros((4, 2))
    rows = prepared_rows(X, np.ones(4), X_clean)
    assert rows.X is X
    assert rows.target is X_clean
    assert rows.is_noisy
    rows = prepared_rows(X, np.array([1.0, 1.0, 0.0, 1.0]), X_clean)
    np.testing.assert_array_equal(rows.X, np.ones((1, 2)))
    np.testing.assert_array_equal(rows.target, np.zeros((1, 2)))
    np.testing.assert_array_equal(rows.weights, [3])


def test_all_rows_take_part():
    X = rows_of()
    rows = all_rows(X)
    assert rows.X is rows.target is X
    assert len(rows) == 20
    assert (rows.weights == 1).all()


# ---------------------------------------------------------------- groups


def options_of(verbose=False):
    return SimpleNamespace(seeds=SimpleNamespace(split=7), verbose=verbose)


def test_grouped_rows_keep_copies_together_and_know_the_given_samples():
    X = rows_of()[np.random.default_rng(1).integers(0, 20, 300)]
    weights = np.ones(300)
    weights[::10] = 0
    rows = grouped_rows(X, weights, None, options_of())
    present = X[weights > 0]
    np.testing.assert_array_equal(rows.X[rows.member], present)
    folds = rows.splitter.folds(5)[rows.member]
    assert len(np.unique(folds)) == 5
    for sample in np.unique(present, axis=0):
        assert len(np.unique(folds[(present == sample).all(axis=1)])) == 1


@pytest.mark.parametrize("n_rows", [400, 1400])
def test_a_frequent_row_is_in_every_fold(n_rows):
    X = np.random.default_rng(0).normal(size=(n_rows, 4))
    X[::2] = 0
    rows = grouped_rows(X, np.ones(n_rows), None, options_of())
    is_zero = ~rows.X.any(axis=1)
    for folds in (rows.splitter.folds(10), rows.splitter.folds(5)):
        assert (np.bincount(folds[is_zero]) > 0.2 * np.bincount(folds)).all()
    np.testing.assert_array_equal(rows.X[rows.member], X)
    assert len(prepared_rows(X, np.ones(n_rows))) == (201 if n_rows == 400 else n_rows)


def test_a_series_is_left_in_its_order():
    X = np.cumsum(np.random.default_rng(0).normal(size=(300, 4)), axis=0)
    X[1] = X[0]
    rows = grouped_rows(X, np.ones(300), None, options_of())
    assert rows.X is X
    assert len(np.unique(rows.splitter.groups)) < 60
    np.testing.assert_array_equal(rows.member, np.arange(300))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_dtypes_are_split_alike(dtype):
    X = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    expected = grouped_rows(X, np.ones(200), None, options_of()).splitter.folds(5)
    rows = grouped_rows(X.astype(dtype), np.ones(200), None, options_of())
    np.testing.assert_array_equal(rows.splitter.folds(5), expected)


def test_values_near_the_largest_number_are_grouped():
    X = 1.7e308 * np.random.default_rng(0).uniform(-1, 1, size=(100, 4))
    rows = grouped_rows(X, np.ones(100), None, options_of())
    assert len(np.unique(rows.splitter.groups)) == 100


def test_verbose_prints_what_depends_on_each_other(capsys):
    X = np.random.default_rng(0).normal(size=(200, 4))
    grouped_rows(X, np.ones(200), None, options_of(verbose=True))
    assert capsys.readouterr().out == ""
    twice = np.random.default_rng(1).permutation(np.repeat(X, 2, axis=0))
    grouped_rows(twice, np.ones(400), None, options_of())
    assert capsys.readouterr().out == ""
    grouped_rows(twice, np.ones(400), None, options_of(verbose=True))
    assert capsys.readouterr().out == "Among 400 samples 200 copies: kept in one fold each.\n"


@pytest.mark.parametrize("n_rows", [100, 1400])
def test_given_groups_and_splits_are_those_of_the_rows(n_rows):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows // 2, 4))[rng.integers(0, n_rows // 2, n_rows)]
    groups, is_late = rng.integers(0, 20, n_rows), np.arange(n_rows) >= n_rows // 2
    groups[is_late] += 20
    weights = np.where(np.arange(n_rows) % 7 == 0, 0.0, 1.0)
    splits = GivenSplits(groups, ((~is_late, is_late),))
    rows = grouped_rows(X, weights, None, options_of(), splits)
    given = np.flatnonzero(weights)
    np.testing.assert_array_equal(rows.given, given)
    np.testing.assert_array_equal(rows.X[rows.member], X[given])
    [(trained, held_out)] = rows.splits
    np.testing.assert_array_equal(held_out[rows.member], is_late[given])
    np.testing.assert_array_equal(trained, ~held_out)
    labels = rows.splitter.groups[rows.member]
    pairs = set(zip(labels.tolist(), groups[given].tolist(), strict=True))
    assert len(pairs) == len(np.unique(labels)) == len(np.unique(groups[given]))
    np.testing.assert_allclose(rows.weights.sum(), weights.sum())


@pytest.mark.parametrize("n_rows", [400, 1400])
def test_copies_in_discrete_data_are_dealt_to_all_folds(n_rows):
    X = np.eye(3)[np.random.default_rng(0).choice(3, n_rows, p=[0.5, 0.3, 0.2])]
    weights = np.where(np.arange(n_rows) % 7 == 0, 0.0, 1.0)
    grouped = grouped_rows(X, weights, None, options_of())
    rows = deal_copies(grouped, seed=7)
    np.testing.assert_array_equal(rows.X[rows.member], X[weights > 0])
    assert rows.weights.sum() == pytest.approx(weights.sum())
    folds = rows.splitter.folds(10)
    for category in np.eye(3):
        in_fold = np.bincount(folds[(category == rows.X).all(axis=1)], minlength=10)
        assert (in_fold > 0).all()
    assert deal_copies(grouped, seed=7).splitter.groups.tolist() == rows.splitter.groups.tolist()


def test_weights_of_discrete_data_are_copies():
    X = np.eye(3)[np.random.default_rng(0).choice(3, 300)]
    distinct, counts = np.unique(X, axis=0, return_counts=True)
    repeated = deal_copies(grouped_rows(X, np.ones(300), None, options_of()), seed=7)
    weighted = deal_copies(grouped_rows(distinct, counts.astype(float), None, options_of()), seed=7)
    np.testing.assert_array_equal(weighted.X, repeated.X)
    np.testing.assert_array_equal(weighted.weights, repeated.weights)
    np.testing.assert_array_equal(weighted.splitter.folds(5), repeated.splitter.folds(5))


def test_other_copies_stay_together():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    tables = [X, np.repeat(X[:40], 8, axis=0)[rng.permutation(320)], np.cumsum(X, axis=0)]
    for table in tables:
        rows = grouped_rows(table, np.ones(len(table)), None, options_of())
        assert deal_copies(rows, seed=7) is rows
