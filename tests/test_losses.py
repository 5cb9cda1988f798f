"""Losses against their formulas."""

import numpy as np
import pytest
import reference

from skae import _kernels as kernels
from skae.activations import ACTIVATIONS
from skae.losses import LOSSES

DTYPES = [np.float32, np.float64]
FUSED = [name for name, loss in LOSSES.items() if loss.fused]


def run(loss, X, Z):
    """Return errors and delta; check that X is unchanged, and Z unless the loss is fused."""
    x, z = X.copy(), Z.copy()
    errors, delta = np.full_like(X, np.nan), np.full_like(X, np.nan)
    kernels.run(loss.errors_and_delta(x, z, errors, delta))
    np.testing.assert_array_equal(x, X)
    if not loss.fused:
        np.testing.assert_array_equal(z, Z)
    assert errors.dtype == delta.dtype == X.dtype
    return errors, delta


def targets(loss, dtype):
    """Return rows on which every loss is defined, with whole numbers and bounds among them."""
    X = np.random.default_rng(0).random((9, 7))
    X[:3] = np.round(X[:3])
    assert loss.lowest <= 0
    assert loss.highest >= 1
    return X.astype(dtype)


def test_every_loss_has_a_reference():
    assert set(reference.LOSSES) == set(LOSSES)
    assert set(reference.LOSSES_OF_LOGITS) == set(FUSED)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LOSSES)
def test_errors_and_delta(name, dtype):
    loss = LOSSES[name]()
    X = targets(loss, dtype)
    Z = (2 * np.random.default_rng(1).normal(size=X.shape)).astype(dtype)
    errors, delta = run(loss, X, Z)
    link = loss.link if loss.fused else "identity"
    exact, exact_delta = reference.loss_of_output(name, link, X.astype(float), Z.astype(float))
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(errors, exact, rtol=100 * eps, atol=20 * eps)
    np.testing.assert_allclose(delta, exact_delta, rtol=100 * eps, atol=20 * eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.sums])
def test_the_sum_is_that_of_the_errors(name, dtype):
    loss = LOSSES[name]()
    X = targets(loss, dtype)
    Z = np.random.default_rng(1).normal(size=X.shape).astype(dtype)
    errors, delta = run(loss, X, Z)
    total, slope = np.full(1, np.nan, dtype), np.full_like(X, np.nan)
    kernels.run(loss.sum_and_delta(X.copy(), Z.copy(), 0.3, total, slope))
    rtol = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(total, 0.3 * errors.sum(dtype=float), rtol=rtol)
    np.testing.assert_array_equal(slope, delta)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LOSSES)
def test_far_away_and_exact_hits(name, dtype):
    loss = LOSSES[name]()
    highest = 80.0 if name == "poisson" else 1e3  # exp(80) still fits a float32
    z = np.array([0.0, -0.0, 1.0, -1.0, highest, -1e3, 1e-30, 20, -20], dtype)
    X, Z = (np.ascontiguousarray(a) for a in np.meshgrid(np.array([0, 1, 0.5], dtype), z))
    errors, delta = run(loss, X, Z)
    of_logits = reference.LOSSES_OF_LOGITS if loss.fused else reference.LOSSES
    error, slope = of_logits[name]
    eps = np.finfo(dtype).eps
    exact = error(X.astype(float), Z.astype(float))
    np.testing.assert_allclose(errors, exact, rtol=20 * eps, atol=20 * eps)
    exact_delta = slope(X.astype(float), Z.astype(float))
    np.testing.assert_allclose(delta, exact_delta, rtol=20 * eps, atol=20 * eps)


@pytest.mark.parametrize("name", LOSSES)
def test_delta_is_the_slope_of_the_errors(name):
    loss = LOSSES[name]()
    X = targets(loss, np.float64)
    Z = np.random.default_rng(2).normal(size=X.shape)
    h = 1e-6
    above, below = run(loss, X, Z + h)[0], run(loss, X, Z - h)[0]
    np.testing.assert_allclose(run(loss, X, Z)[1], (above - below) / (2 * h), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", LOSSES)
def test_the_best_output_is_the_target(name):
    """The link of a loss reaches every target, where the error is least."""
    loss = LOSSES[name]()
    X = np.random.default_rng(3).uniform(0.05, 0.95, size=(5, 4))
    Z = ACTIVATIONS[loss.link]().inverse(X) if loss.fused else X
    errors, delta = run(loss, X, Z)
    np.testing.assert_allclose(delta, 0, atol=1e-12)
    for step in (-0.1, 0.1):
        assert (run(loss, X, Z + step)[0] > errors).all()


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_else_is_written(name):
    loss = LOSSES[name]()
    buffers = np.full((4, 8, 6), 0.25)
    X, Z, errors, delta = (buffer[2:6] for buffer in buffers)
    kernels.run(loss.errors_and_delta(X, Z, errors, delta))
    assert (buffers[:, :2] == 0.25).all()
    assert (buffers[:, 6:] == 0.25).all()


@pytest.mark.parametrize("name", LOSSES)
def test_link_is_an_activation(name):
    loss = LOSSES[name]()
    assert loss.link in ACTIVATIONS
    assert loss.fused or loss.link == "identity"


@pytest.mark.parametrize("k", [0.25, 1, 3.0])
def test_huber_is_linear_from_k_on(k):
    X = targets(LOSSES["huber"](), np.float64)
    Z = 4 * np.random.default_rng(4).normal(size=X.shape)
    errors, delta = run(LOSSES["huber"](k), X, Z)
    np.testing.assert_allclose(errors, reference.huber(X, Z, k), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(delta, np.clip(Z - X, -k, k))
