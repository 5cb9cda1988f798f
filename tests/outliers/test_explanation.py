"""Explanations: groups of columns, shares of blame, and values that a density expects."""

from types import SimpleNamespace

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest

from skae._network.scaling import Scaling
from skae._outliers.explanation import (
    Feature,
    Region,
    describe,
    explain,
    is_one_hot,
    most_likely,
    read_features,
    shares_of_blame,
)

NAMES = ["size", "colour_red", "colour_blue", "x", "y"]
COVARIANCE = np.array([[1.0, 0.8, 0], [0.8, 1, 0.3], [0, 0.3, 4]])
SCALING = Scaling(np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 2.0]))

REGION = Region.of(SimpleNamespace(scaling=SCALING, box=None))


def gaussian(X):
    """Log density up to a constant."""
    centered = X - SCALING.mean
    return -0.5 * np.einsum("ij,jk,ik->i", centered, np.linalg.inv(COVARIANCE), centered)


def conditional_mean(x, j):
    others = np.arange(3) != j
    slopes = np.linalg.solve(COVARIANCE[np.ix_(others, others)], COVARIANCE[others, j])
    return SCALING.mean[j] + slopes @ (x - SCALING.mean)[others]


# ---------------------------------------------------------------- features


def test_columns_in_no_group_are_features_of_their_own():
    features = read_features(NAMES, {"colour": ["colour_blue", 1], "place": ["y", "x"]})
    assert [feature.name for feature in features] == ["size", "colour", "place"]
    assert [feature.columns.tolist() for feature in features] == [[0], [2, 1], [4, 3]]
    assert features[1].labels == ["blue", "red"]
    assert features[2].labels == ["y", "x"]


def test_names_may_be_numbers_and_tuples():
    features = read_features([10, 11, ("a", 1)], {"both": [11, ("a", 1)]})
    assert [feature.columns.tolist() for feature in features] == [[0], [1, 2]]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"colour": []}, r"groups\['colour'\] must list columns"),
        ({"colour": ["x", "x"]}, "in no other group, each once; got"),
        ({"colour": ["x"], "place": ["y", 3]}, r"groups\['place'\] must list columns"),
        ({"colour": ["green"]}, "has the column 'green', but X has no such column"),
        ({"colour": [5]}, "has the column 5, but X has no such column"),
        ({"colour": [-1]}, "has the column -1, but"),
    ],
)
def test_groups_name_columns_that_exist_once(groups, message):
    with pytest.raises(ValueError, match=message):
        read_features(NAMES, groups)


# ---------------------------------------------------------------- blame


def test_shares_of_blame():
    """Typical contributions are 1: the features lack 2, 0 and 6, and nothing."""
    contributions = np.array([[-1.0, 2.0, -5.0], [1.0, 3.0, 2.0]])
    features = [Feature(j, np.array([j])) for j in range(3)]
    shares = shares_of_blame(contributions, 3.0, features)
    assert_allclose(shares, [[0.25, 0, 0.75], [0, 0, 0]])
    grouped = [features[0], Feature("both", np.array([1, 2]))]
    assert_allclose(shares_of_blame(contributions, 3.0, grouped)[0], [2 / 7, 5 / 7])


def test_missing_cells_lack_nothing():
    """A typical score of 3 is divided among the two observed cells."""
    contributions = np.array([[-1.0, np.nan, -5.0]])
    features = [Feature(j, np.array([j])) for j in range(3)]
    shares = shares_of_blame(contributions, 3.0, features)
    assert_allclose(shares, [[2.5 / 9, np.nan, 6.5 / 9]])
    table = explain(gaussian, np.ones((1, 3)), shares, features, 3, REGION)
    assert table["feature"] == [2, 0, 1]
    assert table["share"][-1] == 0


def test_explain_puts_the_largest_share_first():
    X = np.array([[1.0, 2.0, 9.0], [7.0, 2.0, 3.0]])
    features = read_features(["a", "b", "c"], {})
    shares = np.array([[0.2, 0.1, 0.7], [0.5, 0.5, 0.0]])
    table = explain(gaussian, X, shares, features, 2, REGION)
    assert table["sample"] == [0, 0, 1, 1]
    assert table["rank"] == [1, 2, 1, 2]
    assert table["feature"] == ["c", "a", "a", "b"]
    assert table["value"] == [9.0, 1.0, 7.0, 2.0]
    assert table["share"] == [0.7, 0.2, 0.5, 0.5]
    expected = [conditional_mean(X[i], j) for i, j in [(0, 2), (0, 0), (1, 0), (1, 1)]]
    assert_allclose(table["expected"], expected, atol=0.01)


def test_no_more_features_are_named_than_there_are():
    features = read_features(["a", "b", "c"], {})
    table = explain(gaussian, np.ones((4, 3)), np.ones((4, 3)) / 3, features, 10, REGION)
    assert table["feature"] == ["a", "b", "c"] * 4


# ---------------------------------------------------------------- expected values


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_samples", [1, 250])
def test_of_a_gaussian_the_conditional_mean_is_expected(n_samples, dtype):
    X = (np.random.default_rng(0).normal(size=(n_samples, 3)) + SCALING.mean).astype(dtype)
    before = X.copy()
    for j in range(3):
        found = most_likely(gaussian, X, Feature(j, np.array([j])), REGION)
        assert found.dtype == dtype
        assert_array_equal(np.delete(found, j, axis=1), np.delete(X, j, axis=1))
        expected = [conditional_mean(x, j) for x in X.astype(float)]
        assert_allclose(found[:, j], expected, atol=0.01)
    assert_array_equal(X, before)


def test_a_value_beyond_the_range_is_kept_if_nothing_scores_higher():
    X = np.array([[40.0, 2.0, 3.0]])
    found = most_likely(lambda X: X[:, 0], X, Feature("a", np.array([0])), REGION)
    assert found[0, 0] >= 40


def test_columns_of_a_group_are_sought_together():
    X = np.array([[5.0, -3.0, 3.0]])
    found = most_likely(gaussian, X, Feature("both", np.array([0, 1]), ["a", "b"]), REGION)
    assert gaussian(found) > -0.05
    assert found[0, 2] == 3


def test_of_a_one_hot_feature_the_best_category_is_expected():
    X = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
    feature = Feature("colour", np.array([1, 2]), ["red", "blue"])
    assert is_one_hot(X, feature)
    found = most_likely(lambda X: X[:, 1] * X[:, 0] + 0.5 * X[:, 2], X, feature, REGION)
    assert_array_equal(found, [[0, 0, 1], [1, 1, 0]])
    assert describe(X, feature, True) == ["red + blue", "none"]
    assert describe(found, feature, True) == ["blue", "red"]


def test_other_groups_have_tuples_as_values():
    X = np.array([[0.0, 0.5, 1.0]])
    feature = Feature("place", np.array([1, 2]), ["x", "y"])
    assert not is_one_hot(X, feature)
    assert describe(X, feature, False) == [(0.5, 1.0)]
    assert not is_one_hot(np.ones((2, 3)), Feature("size", np.array([0])))


def test_expected_values_lie_within_the_values_of_the_training_samples():
    box = np.array([[-1.5, -9, 0], [0.5, 9, 1], [0, 0, 0], [0, 0, 0]])
    region = Region.of(SimpleNamespace(scaling=SCALING, box=box))
    assert_allclose(region.lowest, [-0.5, -7, 3])
    assert_allclose(region.highest, [1.5, 11, 5])
    for rising, expected in ((1, 1.5), (-1, -0.5)):
        found = most_likely(
            lambda X, sign=rising: sign * X[:, 0],
            np.array([[9.0, 0, 0], [-9, 0, 0], [1.2, 0, 0]]),
            Feature("a", np.array([0])),
            region,
        )
        assert_allclose(found[:, 0], expected)
