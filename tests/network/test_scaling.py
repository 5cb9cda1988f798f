"""Centre and scale."""

import numpy as np
import pytest

from skae._network import scaling
from skae._network.scaling import (
    CACHED_NUMBERS,
    Scaling,
    columns_on_another_scale,
    divisors,
    identity_scaling,
    measure_scaling,
    repeat_if_short,
    rounding_errors,
)

DTYPES = [np.float32, np.float64]
BLOCK = CACHED_NUMBERS // 4


def rows(n_rows=50, dtype=np.float64):
    X = np.random.default_rng(0).normal(size=(n_rows, 4)) * [1, 10, 0.1, 3] + [0, 5, -2, 100]
    return X.astype(dtype)


def naive(X, weights, per_feature):
    X = X.astype(float)
    mean = np.average(X, axis=0, weights=weights)
    variance = np.average((X - mean) ** 2, axis=0, weights=weights)
    return mean, np.sqrt(variance if per_feature else variance.mean())


def assert_measured(X, weights, per_feature, rtol):
    scaling = measure_scaling(X, weights, per_feature)
    mean, scale = naive(X, weights, per_feature)
    assert scaling.mean.dtype == scaling.scale.dtype == X.dtype
    assert scaling.scale.shape == ((X.shape[1],) if per_feature else ())
    np.testing.assert_allclose(scaling.mean, mean, rtol=rtol)
    np.testing.assert_allclose(scaling.scale, scale, rtol=rtol)
    return scaling


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("per_feature", [False, True])
@pytest.mark.parametrize("n_rows", [2, 50, BLOCK, BLOCK + 1, 2 * BLOCK + 7])
def test_weighted_mean_and_deviation(n_rows, per_feature, dtype):
    X = rows(n_rows, dtype)
    weights = np.random.default_rng(1).random(n_rows)
    assert_measured(X, weights, per_feature, 1e-5 if dtype == np.float32 else 1e-11)


def test_many_numbers_are_measured_in_several_jobs(monkeypatch):
    X, weights = rows(3 * BLOCK + 7), np.arange(3 * BLOCK + 7)
    whole = measure_scaling(X, weights, per_feature=False)
    monkeypatch.setattr(scaling, "MIN_SHARED_NUMBERS", 4)
    n_jobs = []

    def backwards(jobs):
        n_jobs.append(len(jobs))
        for job in reversed(jobs):
            job()

    parts = measure_scaling(X, weights, per_feature=False, run_jobs=backwards)
    assert n_jobs == [4, 4]
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-14)
    np.testing.assert_allclose(parts.scale, whole.scale, rtol=1e-14)


@pytest.mark.parametrize("per_feature", [False, True])
def test_weighted_is_repeated(per_feature):
    X = rows(10)
    weights = np.arange(10)
    weighted = measure_scaling(X, weights.astype(float), per_feature)
    repeated = np.repeat(X, weights, axis=0)
    expected = measure_scaling(repeated, np.ones(len(repeated)), per_feature)
    np.testing.assert_allclose(weighted.mean, expected.mean, rtol=1e-13)
    np.testing.assert_allclose(weighted.scale, expected.scale, rtol=1e-13)
    scaled = measure_scaling(X, 1e6 * weights, per_feature)
    np.testing.assert_allclose(scaled.scale, expected.scale, rtol=1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("per_feature", [False, True])
def test_any_unit(per_feature, size, dtype):
    X = rows(dtype=dtype) * dtype(size)
    scaling = assert_measured(X, np.ones(50), per_feature, 1e-5)
    out = np.empty_like(X)
    scaling.apply(X, out)
    assert np.mean(out**2) == pytest.approx(1, rel=1e-3)
    assert np.abs(out.mean(axis=0)).max() < 1e-3


@pytest.mark.parametrize("per_feature", [False, True])
def test_a_huge_mean_does_not_hide_the_variance(per_feature):
    X = 1e8 + np.random.default_rng(0).normal(size=(1000, 3))
    assert_measured(X, np.ones(1000), per_feature, 1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e12, 1e-12])
def test_constant_columns_are_centred_and_left_unscaled(value, dtype):
    X = rows(dtype=dtype)
    X[:, 1] = value
    weights = np.random.default_rng(2).random(50)
    scaling = measure_scaling(X, weights, per_feature=True)
    assert scaling.scale[1] == 1
    assert scaling.mean[1] == pytest.approx(dtype(value), rel=1e-6)
    assert np.isfinite(scaling.scale).all()
    others = measure_scaling(np.delete(X, 1, axis=1), weights, per_feature=False)
    together = measure_scaling(X, weights, per_feature=False)
    assert together.scale == pytest.approx(float(others.scale) * np.sqrt(3 / 4), rel=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("per_feature", [False, True])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e12])
def test_equal_samples_are_left_unscaled(value, per_feature, dtype):
    X = np.full((30, 3), value, dtype)
    scaling = measure_scaling(X, np.random.default_rng(2).random(30), per_feature)
    assert (scaling.scale == 1).all()
    out = np.empty_like(X)
    scaling.apply(X, out)
    np.testing.assert_allclose(out, 0, atol=1e-6 * max(value, 1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("usual", [0.0, 1.5, -20.0])
def test_rare_values_are_scaled_by_their_share(usual, dtype):
    """exp(-distance**2 / 2) is their share, where the standard deviation would make it exp(-25)."""
    X = rows(200, dtype)
    X[:, 0] = usual
    X[7:11, 0] += np.array([3, -4, 4, 3], dtype)
    scaling = measure_scaling(X, np.ones(200), per_feature=True)
    distances = (X[7:11, 0] - dtype(usual)) / scaling.scale[0]
    assert np.exp(-np.mean(distances**2) / 2) == pytest.approx(4 / 200, rel=1e-3)
    assert scaling.mean[0] == pytest.approx(usual + 0.03, abs=1e-5)
    expected = naive(X, np.ones(200), True)[1]
    np.testing.assert_allclose(scaling.scale[1:], expected[1:], rtol=1e-5)
    assert scaling.scale[0] > 2 * expected[0]


@pytest.mark.parametrize("n_rare", [1, 24, 25, 26, 40, 75, 99])
def test_a_binary_column(n_rare):
    X = (np.arange(100)[:, None] < n_rare).astype(float)
    scale = measure_scaling(X, np.ones(100), per_feature=True).scale[0]
    share, deviation = min(n_rare, 100 - n_rare) / 100, X.std()
    expected = max(deviation, (-2 * np.log(share)) ** -0.5) if share <= 0.25 else deviation
    assert scale == pytest.approx(expected)
    weighted = measure_scaling(X[[0, -1]], np.array([n_rare, 100.0 - n_rare]), per_feature=True)
    assert weighted.scale[0] == pytest.approx(expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("per_feature", [False, True])
def test_apply_and_undo(per_feature, dtype):
    X = rows(dtype=dtype)
    kept = X.copy()
    scaling = measure_scaling(X, np.ones(50), per_feature)
    out = np.empty_like(X)
    scaling.apply(X, out)
    np.testing.assert_array_equal(X, kept)
    np.testing.assert_allclose(out, (X - scaling.mean) / scaling.scale, rtol=1e-5, atol=1e-5)
    scaling.undo(out)
    assert out.dtype == dtype
    np.testing.assert_allclose(out, X, rtol=1e-5, atol=1e-5)


def test_apply_in_place():
    X = rows()
    scaling = measure_scaling(X, np.ones(50), per_feature=True)
    expected = np.empty_like(X)
    scaling.apply(X, expected)
    scaling.apply(X, X)
    np.testing.assert_array_equal(X, expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_short_rows_are_repeated(dtype):
    short, long, one = np.arange(3, dtype=dtype), np.ones(10_000, dtype), np.ones((), dtype)
    found = repeat_if_short(short, 4)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, [short] * 4)
    assert repeat_if_short(long, 100) is long
    assert repeat_if_short(one, 4) is one


@pytest.mark.parametrize("dtype", DTYPES)
def test_identity_scaling(dtype):
    X = rows(dtype=dtype)
    scaling = identity_scaling(4, X.dtype)
    out = np.empty_like(X)
    scaling.apply(X, out)
    np.testing.assert_array_equal(out, X)
    scaling.undo(out)
    np.testing.assert_array_equal(out, X)
    assert scaling.mean.dtype == scaling.scale.dtype == dtype


def test_rounding_errors_are_no_divisors():
    for dtype, smallest in ((np.float32, 1e-3), (np.float64, 1e-9)):
        deviations = np.array([4, smallest, 4 * np.finfo(dtype).eps, 0])
        np.testing.assert_array_equal(divisors(deviations, dtype), [4, smallest, 1, 1])
    np.testing.assert_array_equal(divisors(np.zeros(2), np.float64), 1)


def test_rounding_errors_come_from_the_median_step():
    rng = np.random.default_rng(0)
    columns = [
        rng.integers(0, 3, 200),
        0.5 * rng.integers(0, 20, 200),
        np.where(rng.random(200) < 0.1, 1000, rng.integers(0, 3, 200)),
        np.full(200, 7.0),
        rng.normal(size=200),
    ]
    X = np.column_stack(columns).astype(float)
    found = np.sqrt(12) * rounding_errors(X, np.ones(200))
    np.testing.assert_allclose(found[:4], [1, 0.5, 1, 0])
    assert 0 < found[4] < 0.05
    np.testing.assert_array_equal(rounding_errors(X[:1], np.ones(1)), np.zeros(5))
    X[0] = 0.1  # of weight zero
    np.testing.assert_allclose(
        rounding_errors(X, np.append(0.0, np.ones(199))), rounding_errors(X[1:], np.ones(199))
    )


def test_the_scale_is_no_finer_than_the_rounding():
    """Rare values that count little would have a scale of about zero."""
    X = np.where(np.arange(1000) < 5, 1.0, 0.0)[:, np.newaxis]
    weights = np.where(X[:, 0] == 1, 1e-9, 1.0)
    scale = measure_scaling(X, weights, per_feature=True).scale
    np.testing.assert_allclose(scale, 1 / np.sqrt(12))


def test_a_few_columns_at_a_time_have_the_same_scales(monkeypatch):
    X = np.round(rows(), 1)
    expected = measure_scaling(X, np.ones(len(X)), per_feature=True).scale
    monkeypatch.setattr(scaling, "MAX_SORTED_NUMBERS", 1)
    found = measure_scaling(X, np.ones(len(X)), per_feature=True).scale
    np.testing.assert_array_equal(found, expected)


def test_a_scaling_is_frozen():
    with pytest.raises(AttributeError):
        Scaling(np.zeros(2), np.ones(())).mean = np.ones(2)


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_samples_on_another_scale_are_found(unit):
    rng = np.random.default_rng(0)
    X, alike = rng.uniform(size=(200, 3)) * unit, rng.uniform(size=(50, 3)) * unit
    assert len(columns_on_another_scale(X, alike)) == 0
    narrow, wide = 0.45 * unit + alike * [1, 0.1, 1], alike * [1, 5, 1]
    narrow[:, [0, 2]] = alike[:, [0, 2]]
    for other in (narrow, wide, alike + [0, 3 * unit, 0]):
        assert columns_on_another_scale(X, other).tolist() == [1]
    assert len(columns_on_another_scale(X, narrow[:19])) == 0
