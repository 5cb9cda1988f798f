"""Groups of one-hot columns: found, kept whole in draws, and filled by probabilities."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest

from skae import AutoencoderImputer
from skae._missing.one_hot import (
    draw_groups,
    find_groups,
    mend_groups,
    normalise_groups,
    with_categories,
)


def categories(n_rows=200, sizes=(3, 4)):
    """Return one number, and two categories that depend on it, one of them scaled."""
    rng = np.random.default_rng(0)
    t = rng.normal(size=n_rows)
    parts = [t[:, None]]
    for scale, k in enumerate(sizes, start=1):
        chosen = np.clip(np.rint(t + 0.5 * rng.normal(size=n_rows)) + 1, 0, k - 1).astype(int)
        parts.append(scale * np.eye(k)[chosen] - (scale - 1))
    return np.hstack(parts)


def test_find_groups():
    X = categories()
    found = find_groups(X)
    assert [list(columns) for columns in found] == [[1, 2, 3], [4, 5, 6, 7]]
    gaps = np.random.default_rng(0).random(X.shape) < 0.1
    incomplete = np.where(gaps, 0, X)
    assert [list(g) for g in find_groups(incomplete, gaps)] == [[1, 2, 3], [4, 5, 6, 7]]
    X[5, 1:4] = 1, 1, 0
    assert [list(columns) for columns in find_groups(X)] == [[4, 5, 6, 7]]
    assert find_groups(X[:10]) == []
    assert find_groups(np.zeros((50, 3))) == []


def test_mend_groups_changes_only_what_is_missing_and_broken():
    groups, bounds = [np.arange(3)], np.array([[0.0] * 3, [1.0] * 3])
    X = np.array([[0, 0, 0], [1, 1, 0], [0, 1, 0], [1, 1, 0], [0, 1, 1], [1, 1, 0]], float)
    missing = np.ones(X.shape, bool)
    missing[3:, 0] = False
    missing[5] = False
    levels = np.tile([0.1, 0.3, 0.2], (6, 1))
    levels[0] = 3, 2, 1
    mend_groups(X, missing, groups, levels, bounds)
    assert_array_equal(X, [[1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]])


def test_normalised_cells_are_the_probabilities_of_draws():
    groups, bounds = [np.arange(3)], np.array([[-1.0] * 3, [1.0] * 3])
    X = np.array([[0.0, -0.5, -0.5], [-1, 0.5, 1], [1, 0.5, 0.5], [-1.0] * 3])
    missing = np.array([[1, 1, 1], [0, 1, 1], [0, 1, 1], [1, 1, 0]], bool)
    normalise_groups(X, missing, groups, bounds)
    assert_allclose((X + 1) / 2, [[0.5, 0.25, 0.25], [0, 3 / 7, 4 / 7], [1, 0, 0], [0, 0, 0]])
    drawn = np.repeat(X[:2], 4000, axis=0)
    gaps = np.repeat(missing[:2], 4000, axis=0)
    draw_groups(drawn, gaps, groups, bounds, np.random.default_rng(0))
    assert_array_equal(drawn.sum(axis=1), -1)
    assert_allclose((drawn[:4000].mean(axis=0) + 1) / 2, [0.5, 0.25, 0.25], atol=0.03)
    assert_allclose((drawn[4000:].mean(axis=0) + 1) / 2, [0, 3 / 7, 4 / 7], atol=0.03)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_imputer_fills_probabilities_and_draws_categories(dtype):
    X = categories().astype(dtype)
    missing = np.random.default_rng(1).random(X.shape) < 0.2
    missing[:50, 1:4] = True
    incomplete = np.where(missing, np.nan, X)
    imputer = AutoencoderImputer(mixture_sizes=(), max_iter=0, random_state=0).fit(incomplete)
    filled = imputer.transform(incomplete)
    assert_allclose(filled[:, 1:4].sum(axis=1), 1, rtol=1e-5)
    assert_allclose((filled[:, 4:] + 1).sum(axis=1) / 2, 1, rtol=1e-5)
    assert_array_equal(filled[~missing], X[~missing])
    drawn = imputer.draw(incomplete, 2)
    assert set(np.unique(drawn[..., 1:4])) == {0, 1}
    assert set(np.unique(drawn[..., 4:])) == {-1, 1}
    assert_array_equal(drawn[..., 1:4].sum(axis=-1), 1)
    assert_array_equal(drawn[..., 4:].sum(axis=-1), -2)


def test_filled_cells_of_one_hot_features_become_categories():
    groups = [np.array([0, 1, 2])]
    X = np.array([[0.2, 0.5, 0.3], [0, 0.5, 0.6], [1, 0.4, 0], [0.4, 0.1, 0.2]])
    missing = np.array([[1, 1, 1], [0, 1, 1], [0, 1, 1], [0, 0, 0]], bool)
    found = with_categories(X, missing, groups, np.ones(3, bool))
    assert_array_equal(found, [[0, 1, 0], [0, 0, 1], [1, 0, 0], X[3]])
    assert_array_equal(with_categories(X, missing, groups, np.array([1, 1, 0], bool)), X)
