"""Folds of samples: equal weight, copies and groups on one side of a split."""

import numpy as np
import pytest

from skae._training.splitting import (
    MAX_PARTS,
    GivenSplits,
    group_samples,
    is_repeated_table,
    merge_equal_rows,
)


def rows(n_rows=60, n_features=4, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, n_features)).astype(dtype)


def rng(seed=7):
    return np.random.default_rng(seed)


def grouped(X, **options):
    """Group samples that all have weight one."""
    return group_samples(X, np.ones(len(X)), rng(), **options)


def fold_numbers(X, n_folds, rng):
    """Return the folds of samples that all have weight one."""
    return group_samples(X, np.ones(len(X)), rng).folds(n_folds)


def is_together(labels, folds):
    """Return whether samples with the same label are in the same fold."""
    return all(len(np.unique(folds[labels == label])) == 1 for label in np.unique(labels))


# ---------------------------------------------------------------- merging


def test_merging_sorts_rows_and_adds_weights():
    X = np.array([[2.0, 1.0], [1.0, 5.0], [2.0, 1.0], [1.0, 4.0], [2.0, 1.0]])
    merged = merge_equal_rows(X, np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    np.testing.assert_array_equal(merged.X, [[1, 4], [1, 5], [2, 1]])
    np.testing.assert_array_equal(merged.weights, [4, 2, 9])
    np.testing.assert_array_equal(merged.member, [2, 1, 2, 0, 2])
    assert merged.X_clean is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_merging_hides_order_and_repetition(dtype):
    X = rows(20, dtype=dtype)
    counts = np.random.default_rng(1).integers(1, 4, 20)
    weighted = merge_equal_rows(X, counts.astype(float))
    repeated = np.repeat(X, counts, axis=0)
    order = np.random.default_rng(2).permutation(len(repeated))
    merged = merge_equal_rows(repeated[order], np.ones(len(order)))
    np.testing.assert_array_equal(merged.X, weighted.X)
    np.testing.assert_array_equal(merged.weights, weighted.weights)
    np.testing.assert_array_equal(merged.X[merged.member], repeated[order])
    assert merged.X.dtype == dtype
    assert merged.weights.dtype == np.float64
    assert merged.X.flags.c_contiguous


def test_merging_leaves_its_arguments():
    X, weights = rows(20)[::-1], np.ones(20)
    X[3] = X[5]
    kept = X.copy()
    merge_equal_rows(X, weights)
    np.testing.assert_array_equal(X, kept)
    assert (weights == 1).all()


def test_merging_keeps_rows_and_their_clean_ones_together():
    X = np.array([[1.0, 2.0], [0.0, 2.0], [1.0, 2.0], [0.0, 2.0]])
    X_clean = np.array([[5.0, 5.0], [6.0, 6.0], [5.0, 5.0], [7.0, 7.0]])
    merged = merge_equal_rows(X, np.array([1.0, 1.0, 1.0, 2.0]), X_clean)
    np.testing.assert_array_equal(merged.X, [[0, 2], [0, 2], [1, 2]])
    np.testing.assert_array_equal(merged.X_clean, [[5, 5], [6, 6], [7, 7]][1:] + [[5, 5]])
    np.testing.assert_array_equal(merged.weights, [1, 2, 2])


@pytest.mark.parametrize("is_repeated", [False, True])
def test_a_frequent_row_is_divided_into_rows_that_weigh_like_the_others(is_repeated):
    X, weights = np.vstack([np.zeros(4), rows(40)]), np.ones(41)
    weights[0] = 60
    if is_repeated:
        X, weights = np.vstack([np.zeros((59, 4)), X]), np.ones(100)
    merged = merge_equal_rows(X, weights, divides_frequent=True)
    assert len(merged.X) == 100
    np.testing.assert_array_equal(merged.weights, 1)
    assert np.sum(~merged.X.any(axis=1)) == 60
    np.testing.assert_array_equal(merged.X[merged.member], X)
    assert len(np.unique(merged.member)) == len(X)


def test_a_frequent_row_is_divided_neither_among_few_others_nor_without_end():
    weights = np.array([100.0, *np.ones(10)])
    assert len(merge_equal_rows(rows(11), weights, divides_frequent=True).X) == 11
    weights = np.array([1e9, *np.ones(40)])
    merged = merge_equal_rows(rows(41), weights, divides_frequent=True)
    assert len(merged.X) == 40 + MAX_PARTS
    assert merged.weights.sum() == pytest.approx(1e9 + 40)


def test_a_frequent_row_is_divided_only_on_request():
    merged = merge_equal_rows(rows(41), np.array([60.0, *np.ones(40)]))
    assert len(merged.X) == 41
    assert merged.weights.max() == 60


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("has_clean", [False, True])
def test_only_samples_with_equal_labels_are_merged(has_clean, dtype):
    X = np.repeat(rows(4, dtype=dtype), 3, axis=0)
    X_clean = X + 1 if has_clean else None
    labels = np.tile([5, 5, 900], 4)
    merged = merge_equal_rows(X, np.ones(12), X_clean, labels=labels)
    assert merged.X.dtype == dtype
    assert sorted(merged.weights) == [1] * 4 + [2] * 4
    np.testing.assert_array_equal(merged.X[merged.member], X)
    assert len({(member, label) for member, label in zip(merged.member, labels, strict=True)}) == 8
    if has_clean:
        np.testing.assert_array_equal(merged.X_clean, merged.X + 1)


# ---------------------------------------------------------------- folds


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_folds", [2, 3, 5, 7, 10, 60])
def test_folds_are_of_equal_size(n_folds, dtype):
    folds = fold_numbers(rows(dtype=dtype), n_folds, rng())
    assert folds.shape == (60,)
    assert np.issubdtype(folds.dtype, np.integer)
    sizes = np.bincount(folds)
    assert len(sizes) == n_folds
    assert np.ptp(sizes) <= 1


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_fewer_rows_than_folds(n_rows):
    folds = fold_numbers(rows(n_rows), 10, rng())
    assert sorted(folds) == list(range(n_rows))


def test_equal_rows_alone_are_one_fold():
    assert not fold_numbers(np.ones((30, 3)), 10, rng()).any()


@pytest.mark.parametrize("n_rows", [50, 1000])
def test_folds_depend_neither_on_dtype_nor_on_units_nor_on_order(n_rows):
    X = rows(n_rows, 6)
    folds = fold_numbers(X, 10, rng())
    order = rng(1).permutation(n_rows)
    columns = rng(2).uniform(0.1, 10, (2, 6))
    for other in (
        X.astype(np.float32),
        np.asfortranarray(X),
        8 * X,
        1e-9 * X,
        1e150 * X,
        1e-150 * X,
        1.7 * X + 3,
        X + 1e6,
        X * columns[0] + columns[1],
    ):
        np.testing.assert_array_equal(fold_numbers(other, 10, rng()), folds)
    np.testing.assert_array_equal(fold_numbers(X[order], 10, rng()), folds[order])


def test_folds_depend_on_the_seed():
    X = rows(1000)
    differ = fold_numbers(X, 10, rng(1)) != fold_numbers(X, 10, rng(2))
    assert 0.8 < differ.mean() < 0.97


def test_folds_are_dealt_at_random():
    """The same mean in every fold, along the direction that samples are ranked by too."""
    X = rows(20_000, 1)
    for seed in range(3):
        folds = fold_numbers(X, 10, rng(seed))
        means = [X[folds == k].mean() for k in range(10)]
        assert np.abs(means).max() < 4 / np.sqrt(2000)


def test_folds_lie_within_those_of_a_divisor():
    found = grouped(rows(1000))
    ten, five, two = (found.folds(n) for n in (10, 5, 2))
    np.testing.assert_array_equal(ten // 2, five)
    np.testing.assert_array_equal(ten // 5, two)


def test_a_weight_counts_as_copies():
    X = rows(200)
    counts = rng().integers(1, 6, 200)
    weighted = group_samples(X, counts.astype(float), rng()).folds(10)
    repeated = fold_numbers(np.repeat(X, counts, axis=0), 10, rng())
    np.testing.assert_array_equal(np.repeat(weighted, counts), repeated)
    weights = np.bincount(weighted, weights=counts)
    assert np.ptp(weights) <= 10


@pytest.mark.parametrize("heavy", [10.0, 1e6])
def test_no_fold_is_empty_where_a_sample_is_heavier_than_a_fold(heavy):
    weights = np.ones(40)
    weights[11] = heavy
    folds = group_samples(rows(40), weights, rng()).folds(10)
    assert len(np.unique(folds)) == folds.max() + 1 == 10


# ---------------------------------------------------------------- copies


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copies_stay_together(dtype):
    which = rng().integers(0, 80, 300)
    X = rows(80, 7, dtype=dtype)[which]
    found = grouped(X)
    assert is_together(which, found.folds(10))
    n_distinct = len(np.unique(which))
    assert found.n_groups == n_distinct
    assert found.dependence.n_copies == 300 - n_distinct
    assert str(found.dependence).startswith(f"Among 300 samples {300 - n_distinct} copies")


def test_zeros_of_either_sign_are_equal():
    X = rows(100)
    X[:, 1] = 0
    negative = X.copy()
    negative[:, 1] = -0.0
    assert is_together(np.tile(np.arange(100), 2), fold_numbers(np.vstack([X, negative]), 5, rng()))


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_a_frequent_row_is_shared_among_folds(shift):
    """A row of zeros is a row like any other."""
    X = rows(1000) + 10
    X[rng().random(1000) < 0.6] = shift
    n_frequent = np.sum((shift == X).all(axis=1))
    found = grouped(X)
    shares = [np.mean((X[found.folds(10) == k] == shift).all(axis=1)) for k in range(10)]
    assert max(shares) - min(shares) < 0.4
    assert min(shares) > 0.4
    assert found.dependence.n_frequent == n_frequent
    assert str(found.dependence) == (
        f"{n_frequent} copies of frequent samples: shared among the folds."
    )


def test_hundreds_of_frequent_rows_among_few_others_stay_together():
    X = np.repeat(rows(8), 20, axis=0)
    assert is_together(np.repeat(np.arange(8), 20), fold_numbers(X, 4, rng()))


# ---------------------------------------------------------------- groups and splitters


@pytest.mark.parametrize("as_text", [False, True])
def test_groups_stay_together(as_text):
    groups = rng(1).integers(0, 30, 200)
    found = grouped(rows(200), groups=groups.astype(str) if as_text else groups)
    folds = found.folds(5)
    assert is_together(groups, folds)
    assert len(np.unique(folds)) == 5
    assert found.n_groups == found.dependence.n_groups == 30
    assert str(found.dependence) == "200 samples in 30 groups: each is in one fold."


def test_groups_of_unequal_size_make_folds_of_about_equal_size():
    groups = np.repeat(np.arange(40), rng(1).integers(1, 20, 40))
    sizes = np.bincount(grouped(rows(len(groups)), groups=groups).folds(5))
    assert np.ptp(sizes) <= 40


def test_a_heavy_group_is_held_out_last():
    """The first fold is the one that a single split holds out."""
    labels = np.repeat(np.arange(12), [60, *[3] * 10, 10])
    for seed in range(5):
        folds = group_samples(rows(100), np.ones(100), rng(seed), groups=labels).folds(10)
        assert folds[0] == folds.max()
        assert 3 <= np.sum(folds == 0) <= 13
    folds = group_samples(rows(100), np.ones(100), rng(), groups=labels > 0).folds(10)
    np.testing.assert_array_equal(folds, labels == 0)


# ---------------------------------------------------------------- what users give


def sides(*numbers, n_samples=6):
    return tuple(np.isin(np.arange(n_samples), side) for side in numbers)


def test_labels_distinguish_what_a_split_distinguishes():
    assert GivenSplits().labels is None
    splits = sides([0, 1], [2, 3]), sides([1, 2, 3], [0, 4])
    found = GivenSplits(None, splits).labels
    assert [found.tolist().count(label) for label in found] == [1, 1, 2, 2, 1, 1]
    assert found[2] == found[3]
    found = GivenSplits(np.array([0, 0, 0, 1, 1, 1]), splits).labels
    assert len(np.unique(found)) == 6
    assert len(np.unique(GivenSplits(np.array([0, 0, 0, 1, 1, 1])).labels)) == 2


def test_a_part_of_given_splits():
    given = GivenSplits(np.array([0, 0, 1, 1, 2, 2]), (sides([0, 1], [2, 3]), sides([4], [5])))
    part = given.part(np.array([0, 2, 4]))
    np.testing.assert_array_equal(part.groups, [0, 1, 2])
    [(trained, held_out)] = part.splits  # the other has lost a side
    np.testing.assert_array_equal(trained, [True, False, False])
    np.testing.assert_array_equal(held_out, [False, True, False])
    with pytest.raises(ValueError, match="Raise max_samples"):
        given.part(np.array([0, 1, 4]))
    with pytest.raises(ValueError, match="at least two groups"):
        GivenSplits(given.groups).part(np.array([0, 1]))


def test_given_splits_of_merged_rows():
    given = GivenSplits(np.array([0, 0, 1, 1, 2, 2]), (sides([0, 1], [2, 3]),))
    found = given.of_rows(np.array([2, 2, 0, 0, 1, 3]))
    np.testing.assert_array_equal(found.groups, [1, 2, 0, 2])
    np.testing.assert_array_equal(found.splits[0], [[0, 0, 1, 0], [1, 0, 0, 0]])


def test_a_line_about_given_splits():
    assert str(GivenSplits(np.arange(6))) == ""
    given = GivenSplits(None, (sides([0, 1], [2, 3]), sides([1, 2, 3], [4, 5])))
    expected = "validation_split: 2 splits, 2 to 3 samples to train on, 2 held out."
    assert str(given) == expected


def test_even_numbers_of_copies_are_those_of_a_repeated_table():
    drawn = np.bincount(np.random.default_rng(0).integers(0, 40, 400))
    assert not is_repeated_table(drawn)
    assert is_repeated_table(np.full(40, 10))
    assert is_repeated_table(np.append(np.full(38, 10), [9, 8]))  # a few rows have been removed
    assert not is_repeated_table(np.full(10, 50))  # as few may be the values of one category
