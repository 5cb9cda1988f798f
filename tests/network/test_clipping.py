"""Bounds of features: their measurement, and clipped outputs in training and inference."""

import pickle

from curved import curved_rows
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, DenoisingAutoencoder
from skae import _kernels as kernels
from skae._kernels import run
from skae._network.clipping import (
    BoundedExponential,
    ClippedOutput,
    any_finite,
    highest_logits,
    loosened,
    measure_bounds,
    scaled_bounds,
)
from skae._network.scaling import Scaling

SMALL = {"hidden_layer_sizes": (16,), "max_iter": 20, "learning_rate_init": 0.01}
SMALL |= {"early_stopping": False, "random_state": 0}
DTYPES = [np.float32, np.float64]


def clipped_rows(n_rows=300, seed=0, dtype=np.float64):
    """Return curved samples whose first three features are clipped at zero."""
    X = curved_rows(n_rows, seed=seed).astype(dtype)
    X[:, :3] = np.maximum(X[:, :3], 0)
    return X


def without(model, key):
    """Load the fitted state again, without a part of the description of the network."""
    spec = {name: value for name, value in model.architecture_.items() if name != key}
    model.__setstate__(model.__getstate__() | {"architecture_": spec})


def measured(column):
    """Return the bounds of a column beside another one by which all samples are distinct."""
    X = np.column_stack([np.asarray(column, float), np.random.default_rng(0).random(len(column))])
    found = measure_bounds(X)
    return [-np.inf, np.inf] if found is None else found[:, 0].tolist()


# ---------------------------------------------------------------- measuring bounds


def test_many_samples_at_an_extreme_are_a_bound():
    rng = np.random.default_rng(0)
    normal = rng.normal(size=400)
    assert measured(normal) == [-np.inf, np.inf]
    assert measured(np.maximum(normal, -0.5)) == [-0.5, np.inf]
    assert measured(np.minimum(normal, 1)) == [-np.inf, 1]
    assert measured(np.clip(normal, -1, 0.5)) == [-1, 0.5]
    assert measured(rng.integers(0, 2, 100)) == [0, 1]
    assert measured(np.full(100, 3.0)) == [-np.inf, np.inf]


def test_a_tail_that_thins_out_is_no_bound():
    rng = np.random.default_rng(0)
    counts = rng.poisson(1.0, 2000)
    assert measured(counts) == [0, np.inf]
    assert measured(np.round(rng.normal(size=4000))) == [-np.inf, np.inf]
    rare = np.zeros(500)
    rare[:15] = 1
    assert measured(rare) == [0, np.inf]  # ones are so few that twos may come


@pytest.mark.parametrize(("n_at_end", "is_bound"), [(9, False), (10, True)])
def test_a_bound_needs_ten_missing_samples(n_at_end, is_bound):
    column = np.append(np.zeros(n_at_end), np.arange(1.0, 50))
    assert (measured(column)[0] == 0) is is_bound


def test_a_sample_counts_once_whatever_its_weight():
    X = clipped_rows(60)
    fits = [(X, None), (X, np.full(60, 1000.0)), (X, np.full(60, 1e-6))]
    fits.append((np.repeat(X, 12, axis=0), None))
    for rows, weights in fits:
        model = AutoencoderTransformer(2, max_iter=0).fit(rows, None, weights)
        found = np.isfinite(model.bounds_)
        assert found[0].tolist() == 3 * [True] + 5 * [False]
        assert not found[1].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exact_copies_count_once(dtype):
    """Each of 200 samples is there twelve times; in some features a quarter is at zero."""
    X = clipped_rows(200, dtype=dtype)
    X[5, 0] = -0.0  # which equals 0.0
    expected = measure_bounds(X)
    assert np.isfinite(expected[0]).tolist() == 3 * [True] + 5 * [False]
    assert_array_equal(measure_bounds(np.repeat(X, 12, axis=0)), expected)
    normal = np.random.default_rng(0).normal(size=(200, 3)).astype(dtype)
    assert measure_bounds(np.repeat(normal, 12, axis=0)) is None
    model = AutoencoderTransformer(2, max_iter=0).fit(np.repeat(normal, 12, axis=0))
    assert model.bounds_ is None


def test_the_extremes_are_those_of_all_samples():
    X = np.maximum(np.random.default_rng(0).normal(size=(20_000, 2)), 0)
    X[7, 1] = -1e-3  # which is not among the rows that are counted
    found = measure_bounds(X)
    assert found[0].tolist() == [0, -np.inf]


def test_bounds_are_loosened_by_samples_beyond():
    bounds = np.array([[0.0, -np.inf, 0.0], [1.0, np.inf, 1.0]])
    X = np.array([[0.5, 9.0, -0.1], [1 + 1e-9, -9.0, 1.0]])
    expected = np.array([[0.0, -np.inf, -np.inf], [1.0, np.inf, 1.0]])
    assert_array_equal(loosened(bounds, X), expected)


def test_scaled_bounds_are_those_of_scaled_samples():
    bounds = np.array([[0.0, -np.inf], [1.0, 5.0]])
    scaling = Scaling(np.array([0.5, 1.0]), np.asarray(2.0))
    assert scaled_bounds(bounds, scaling) == [[-0.25, -np.inf], [0.25, 2.0]]
    assert scaled_bounds(None, scaling) is None
    assert any_finite(bounds)
    assert not any_finite(np.array([[-np.inf], [np.inf]]))


# ---------------------------------------------------------------- clipped outputs


@pytest.mark.parametrize("dtype", DTYPES)
def test_output_and_slope(dtype):
    bounds = np.array([[-1.0, -np.inf, -np.inf], [0.5, 2.0, np.inf]])
    z = (5 * np.random.default_rng(0).normal(size=(20, 3))).astype(dtype)
    a, da, excess = z.copy(), np.ones_like(z), np.zeros_like(z)
    kernels.run(ClippedOutput(*bounds).forward(a, excess))
    kernels.run(ClippedOutput(*bounds).backward(a.copy(), da, excess))
    assert a.dtype == dtype
    assert_array_equal(a, np.clip(z, *bounds.astype(dtype)))
    assert_array_equal(da, 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sides", ["both", "lowest", "highest"])
def test_output_beyond_the_margin(sides, dtype):
    lowest = [-np.inf, -np.inf] if sides == "highest" else [-1.0, -np.inf]
    highest = [np.inf, np.inf] if sides == "lowest" else [0.5, 2.0]
    margin = np.array([2.0, 1.0])
    z = (5 * np.random.default_rng(0).normal(size=(50, 2))).astype(dtype)
    a = z.copy()
    kernels.run(ClippedOutput(lowest, highest, margin).forward(a, np.zeros_like(z)))
    within = np.clip(z, np.array(lowest, dtype), np.array(highest, dtype))
    rest = z - within
    expected = within + np.sign(rest) * np.maximum(np.abs(rest) - margin, 0)
    assert_allclose(a, expected, rtol=1e-6, atol=1e-6)
    assert (np.abs(rest) > margin).any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("Estimator", [AutoencoderTransformer, DenoisingAutoencoder])
def test_nothing_is_restored_beyond_a_bound(Estimator, dtype):
    X = clipped_rows(dtype=dtype)
    model = Estimator(2, **SMALL).fit(X)
    assert_allclose(model.bounds_[0, :3], 0, atol=1e-6)
    assert (model.bounds_[0, 3:] == -np.inf).all()
    assert (model.bounds_[1] == np.inf).all()
    for rows in (model.reconstruct(X), model.inverse_transform(1.2 * model.transform(X))):
        assert rows[:, :3].min() >= -1e-6
        assert rows[:, 3:].min() < -0.1


def test_the_start_is_pca_clipped_to_the_bounds():
    X = load_digits().data / 16
    pca = PCA(5).fit(X)
    expected = pca.inverse_transform(pca.transform(X))
    free = AutoencoderTransformer(5, output_activation="identity", max_iter=0).fit(X)
    assert free.bounds_ is None
    assert_allclose(free.reconstruct(X), expected, atol=1e-9)
    model = AutoencoderTransformer(5, max_iter=0).fit(X)
    assert_allclose(model.transform(X), free.transform(X), atol=1e-9)
    assert_allclose(model.reconstruct(X), np.clip(expected, *model.bounds_), atol=1e-9)
    n_black = (X == 0).sum(axis=0)
    assert_array_equal(np.isfinite(model.bounds_[0]), (n_black >= 10) & (n_black < len(X)))
    errors = [np.square(m.reconstruct(X) - X).mean() for m in (model, free)]
    assert errors[0] < errors[1]


@pytest.mark.parametrize("max_iter", [0, 20])
def test_values_far_beyond_a_bound_are_restored_about_as_by_pca(max_iter):
    """What is no end after all, once in a while: a bound must not cost more than some errors."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2)) @ rng.normal(size=(2, 6)) + 0.01 * rng.normal(size=(300, 6))
    X[:, 0] = rng.integers(0, 2, 300)
    model = AutoencoderTransformer(4, **SMALL | {"max_iter": max_iter}).fit(X)
    assert model.bounds_[:, 0].round(6).tolist() == [0, 1]
    pca, row = PCA(4).fit(X), X[:1].copy()
    for value in (-50.0, 50.0, 1000.0):
        row[0, 0] = value
        found = model.reconstruct(row)[0, 0]
        by_pca = pca.inverse_transform(pca.transform(row))[0, 0]
        assert abs(value) > 10 * abs(found - by_pca)
        assert abs(found - by_pca) < 5
    without(model, "margin")  # as in files of versions that cut all
    model._box = None
    assert_allclose(model.reconstruct(np.repeat(row, 2, axis=0))[:, 0], 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("linear_path", ["pca", None])
def test_the_margin_is_three_times_the_greatest_error(linear_path, dtype):
    X = clipped_rows(dtype=dtype)
    model = AutoencoderTransformer(3, linear_path=linear_path, warm_start=True, **SMALL).fit(X)
    free = pickle.loads(pickle.dumps(model))
    without(free, "bounds")
    distance = np.abs(free.reconstruct(X) - X).max(axis=0) / model.scale_
    three_ranges = 3 * np.ptp(X, axis=0) / model.scale_
    margin = model.architecture_["margin"]
    expected = np.minimum(3 * distance, np.maximum(three_ranges, distance))
    assert_allclose(margin, expected, rtol=1e-4)
    assert (expected == 3 * distance).any()
    again = model.fit(X).architecture_["margin"]
    assert (np.array(again) >= margin).all()
    assert again != margin


@pytest.mark.slow
def test_samples_beyond_a_bound_are_exact_where_pca_is():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 6))
    X[:, 0] = np.minimum(X[:, 0], 0.5)
    X[:, 5] = X[:, :5].sum(axis=1) + 1e-4 * rng.normal(size=60)
    model, pca = AutoencoderTransformer(5, random_state=0).fit(X), PCA(5).fit(X)
    assert np.isclose(model.bounds_[1, 0], 0.5)
    beyond = X[:1].copy()
    beyond[0, 0] += 3
    beyond[0, 5] += 3
    errors = [np.abs(m.inverse_transform(m.transform(beyond)) - beyond).max() for m in (pca, model)]
    assert beyond[0, 0] > 1
    assert errors[1] < errors[0] + 1e-3


def test_bounds_help_on_unseen_samples():
    X, unseen = np.split(load_digits().data / 16, [1200])
    bounded = AutoencoderTransformer(16, **SMALL).fit(X)
    free = AutoencoderTransformer(16, output_activation="identity", **SMALL).fit(X)
    assert 1 - bounded.score(unseen) < 0.9 * (1 - free.score(unseen))


def test_estimators_without_bounds():
    X = clipped_rows()
    assert AutoencoderTransformer(2, **SMALL).fit(curved_rows(300)).bounds_ is None
    assert AutoencoderTransformer(2, loss="poisson", **SMALL).fit(np.abs(X)).bounds_ is None
    with pytest.warns(ConvergenceWarning):
        assert AutoencoderTransformer(2, solver="lbfgs", **SMALL).fit(X).bounds_ is None
    assert AutoencoderOutlierDetector(2, **SMALL).fit(X).bounds_ is None
    with pytest.raises(AttributeError, match="not fitted"):
        AutoencoderTransformer().bounds_  # noqa: B018


@pytest.mark.parametrize("loss", ["absolute_error", "huber"])
def test_other_losses_with_a_linear_output(loss):
    X = clipped_rows()
    model = AutoencoderTransformer(2, loss=loss, **SMALL).fit(X)
    assert model.reconstruct(X)[:, :3].min() >= -1e-9
    assert model.loss_ < model.loss_curve_[0]


def test_partial_fit_drops_bounds_that_samples_pass():
    X = clipped_rows()
    model = AutoencoderTransformer(2, **SMALL).partial_fit(X)
    assert np.isfinite(model.bounds_[0, :3]).all()
    beyond = X[:50].copy()
    beyond[0, 1] = -1
    model.partial_fit(beyond)
    assert np.isfinite(model.bounds_[0]).tolist() == [True, False, True] + 5 * [False]
    assert_allclose(model.bounds_[0, [0, 2]], 0, atol=1e-9)


def test_a_warm_start_needs_the_same_output():
    X = clipped_rows()
    model = AutoencoderTransformer(2, warm_start=True, **SMALL).fit(X)
    before = model.theta_.copy()
    message = "network: output_activation is now 'identity', was 'auto, with bounds'. Set"
    with pytest.raises(ValueError, match=message):
        model.set_params(output_activation="identity").fit(X)
    assert_array_equal(model.theta_, before)
    assert np.isfinite(model.set_params(output_activation="auto").fit(X).bounds_).any()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_l_bfgs_drops_the_bounds_at_a_warm_start():
    X = clipped_rows()
    model = AutoencoderTransformer(2, warm_start=True, **SMALL).fit(X)
    assert model.bounds_ is not None
    error = model.set_params(output_activation="auto", solver="lbfgs").fit(X).reconstruction_err_
    assert model.bounds_ is None
    assert error < AutoencoderTransformer(2, **SMALL | {"max_iter": 0}).fit(X).reconstruction_err_


def test_files_keep_bounds():
    X = clipped_rows()
    model = AutoencoderTransformer(2, **SMALL).fit(X)
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.reconstruct(X), model.reconstruct(X))
    without(again, "bounds")  # as in files of versions that had none
    assert again.bounds_ is None
    assert again.reconstruct(X)[:, :3].min() < 0


def test_reconstructions_of_every_size_are_clipped():
    X = clipped_rows()
    model = AutoencoderTransformer(3, nested=True, **SMALL).fit(X)
    for size in (1, 2, 3):
        assert model.reconstruct(X, n_components=size)[:, :3].min() >= -1e-9


# ---------------------------------------------------------------- exponential outputs


def counts(n_rows=300, dtype=np.float64):
    X = np.random.default_rng(0).poisson(5, (n_rows, 10)).astype(dtype)
    X[0] *= 5
    return X


@pytest.mark.parametrize("dtype", DTYPES)
def test_logits_are_bounded_at_twice_the_largest_target(dtype):
    target = np.array([[1.0, 0.0, 7.0], [3.0, 0.0, 2.0]])
    highest = highest_logits(target)
    assert_allclose(np.exp(highest), [6, 1, 14])
    activation, z = BoundedExponential(highest), np.array([[9, 9, 9], [0, -2, 1]], dtype)
    bounded, a = z.copy(), z.copy()
    run(activation.bound(bounded))
    assert_allclose(bounded, np.minimum(z, highest), rtol=1e-6)
    run(activation.forward(a))
    assert_allclose(a, np.exp(bounded), rtol=1e-6)
    da = np.ones_like(a)
    run(activation.backward(a, da))
    assert_array_equal(da, a)


EXPONENTIAL = [{"loss": "poisson"}, {"output_activation": "exponential"}]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("linear_path", ["pca", None])
@pytest.mark.parametrize("parameters", EXPONENTIAL, ids=str)
def test_samples_of_any_size_are_answered_finitely(parameters, linear_path, dtype):
    X = counts(dtype=dtype)
    model = AutoencoderTransformer(2, linear_path=linear_path, **SMALL | parameters).fit(X)
    assert np.isfinite(model.loss_curve_).all()
    far = np.concatenate([X[:50] * factor for factor in (1, 10, 1000, 1e6)]).astype(dtype)
    for answer in (model.reconstruct(far), model.transform(far), model.score_samples(far)):
        assert np.isfinite(answer).all()
    assert model.reconstruct(X).max() <= 2.001 * X.max()


@pytest.mark.parametrize("parameters", EXPONENTIAL, ids=str)
def test_large_counts_are_restored_as_by_pca(parameters):
    X = counts()
    model, pca = AutoencoderTransformer(2, **SMALL | parameters).fit(X), PCA(2).fit(X)
    for factor in (100, 1000):
        far = factor * X
        expected = np.maximum(pca.inverse_transform(pca.transform(far)), 0)
        assert np.square(model.reconstruct(far) - far).sum() <= 1.001 * (
            np.square(expected - far).sum()
        )


def test_the_bound_of_the_logits_rises_with_the_targets():
    X = counts()
    model = AutoencoderTransformer(2, loss="poisson", **SMALL).partial_fit(X)
    before = model.architecture_["highest_logits"]
    assert model.partial_fit(X[:20]).architecture_["highest_logits"] == before
    model.partial_fit(10 * X[:10])
    assert max(model.architecture_["highest_logits"]) > max(before)
