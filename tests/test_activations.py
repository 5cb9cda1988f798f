"""Activations against their formulas."""

import numpy as np
import pytest
import reference

from skae import _kernels as kernels
from skae.activations import ACTIVATIONS, Activation, TopK

DTYPES = [np.float32, np.float64]
# Slopes may be any between those of the two sides where a function has a kink.
KINKS = {"relu": (0, 1), "leaky_relu": (0.01, 1)}
WITH_INVERSE = [name for name, A in ACTIVATIONS.items() if A.inverse is not Activation.inverse]


def inputs(dtype):
    """Return ordinary numbers, both zeros, and extremes."""
    tiny = np.finfo(dtype).tiny
    extremes = [0.0, -0.0, 1e3, -1e3, 60, -60, tiny, -tiny, tiny / 8, -tiny / 8, 1e-6, -1e-6]
    ordinary = np.random.default_rng(0).normal(size=58) * 3
    return np.concatenate([ordinary, extremes]).astype(dtype).reshape(10, 7)


def run(activation, z, da=None):
    """Run forward and backward on copies; return the output and the rewritten da."""
    a = z.copy()
    scratch = np.zeros((activation.n_scratch, *z.shape), z.dtype)
    with np.errstate(over="ignore"):  # exp(1000) is infinite, and no kernel's fault
        kernels.run(activation.forward(a, *scratch))
        output = a.copy()
        slope = np.ones_like(z) if da is None else da.copy()
        kernels.run(activation.backward(a, slope, *scratch))
    return output, slope


def test_every_activation_has_a_reference():
    assert set(reference.ACTIVATIONS) == set(ACTIVATIONS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_forward_and_backward(name, dtype):
    z = inputs(dtype)
    output, slope = run(ACTIVATIONS[name](), z)
    function, derivative = reference.ACTIVATIONS[name]
    with np.errstate(over="ignore"):
        exact, exact_slope = function(z.astype(float)), derivative(z.astype(float))
        if dtype == np.float32:  # what float64 can hold may be infinite here
            exact, exact_slope = exact.astype(dtype), exact_slope.astype(dtype)
    assert output.dtype == slope.dtype == dtype
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(output, exact, rtol=20 * eps, atol=10 * eps)
    if name in KINKS:
        lowest, highest = KINKS[name]
        at_kink = z == 0
        assert ((slope[at_kink] >= lowest) & (slope[at_kink] <= highest)).all()
        slope[at_kink] = exact_slope[at_kink]
    np.testing.assert_allclose(slope, exact_slope, rtol=20 * eps, atol=300 * eps)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_backward_multiplies_da(name, dtype):
    z = np.random.default_rng(1).normal(size=(6, 5)).astype(dtype)
    da = np.random.default_rng(2).normal(size=(6, 5)).astype(dtype)
    _, slope = run(ACTIVATIONS[name](), z)
    _, dz = run(ACTIVATIONS[name](), z, da)
    np.testing.assert_allclose(dz, da * slope, rtol=10 * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_references_agree_with_finite_differences(name):
    z = np.random.default_rng(3).normal(size=40)
    function, derivative = reference.ACTIVATIONS[name]
    h = 1e-6
    np.testing.assert_allclose(
        derivative(z), (function(z + h) - function(z - h)) / (2 * h), rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nothing_else_is_written(name, dtype):
    """Kernels get views of larger arrays and leave the rest of these as it is."""
    activation = ACTIVATIONS[name]()
    z = np.random.default_rng(4).normal(size=(4, 6)).astype(dtype)
    buffers = np.full((2 + activation.n_scratch, 8, 6), 0.25, dtype)
    arrays = [buffer[2:6] for buffer in buffers]
    a, da, *scratch = arrays
    a[...], da[...] = z, 1
    for array in scratch:
        array[...] = 0
    kernels.run(activation.forward(a, *scratch))
    assert (da == 1).all()
    kernels.run(activation.backward(a, da, *scratch))
    assert (buffers[:, :2] == 0.25).all()
    assert (buffers[:, 6:] == 0.25).all()
    np.testing.assert_array_equal(da, run(activation, z)[1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_scratch_serves_again(name, dtype):
    """Scratch is zero only before the first forward; later batches find old values in it."""
    activation = ACTIVATIONS[name]()
    scratch = np.zeros((activation.n_scratch, 10, 7), dtype)
    rng = np.random.default_rng(5)
    for n_rows in (10, 10, 3, 10):
        z = rng.normal(size=(n_rows, 7)).astype(dtype)
        expected = run(activation, z)
        a, da = z.copy(), np.ones_like(z)
        kernels.run(activation.forward(a, *scratch[:, :n_rows]))
        np.testing.assert_array_equal(a, expected[0])
        kernels.run(activation.backward(a, da, *scratch[:, :n_rows]))
        np.testing.assert_array_equal(da, expected[1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_negative_zero_at_every_length(name, dtype):
    """Vectorised loops and their remainders treat the sign of a zero alike."""
    for n in range(1, 40):
        z = np.full(n, -0.0, dtype)
        output, slope = run(ACTIVATIONS[name](), z)
        positive, positive_slope = run(ACTIVATIONS[name](), -z)
        assert (output == positive).all()
        assert (slope == positive_slope).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", WITH_INVERSE)
def test_inverse(name, dtype):
    activation = ACTIVATIONS[name]()
    z = np.linspace(-2, 2, 25).astype(dtype)
    a, _ = run(activation, z)
    original = a.copy()
    z_again = activation.inverse(a)
    np.testing.assert_array_equal(a, original)
    assert not np.shares_memory(z_again, a)
    assert z_again.dtype == dtype
    a_again, _ = run(activation, z_again)
    np.testing.assert_allclose(a_again, a, rtol=1e-4 if dtype == np.float32 else 1e-10, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", WITH_INVERSE)
def test_inverse_is_moderate_everywhere(name, dtype):
    a = np.array([-100, -1, -0.0, 0, 1, 100], dtype)
    z_again = ACTIVATIONS[name]().inverse(a)
    assert np.isfinite(z_again).all()
    assert (np.abs(z_again) <= 1e4).all()
    assert (np.diff(z_again) >= 0).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_is_identity_says_what_it_is(name):
    z = np.linspace(-2, 2, 9)
    assert ACTIVATIONS[name]().is_identity == np.array_equal(run(ACTIVATIONS[name](), z)[0], z)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [1, 2, 5, 7])
@pytest.mark.parametrize("shape", [(1, 7), (12, 7), (7,)])
def test_top_k_keeps_k_of_each_row(shape, k, dtype):
    z = np.random.default_rng(6).normal(size=shape).astype(dtype)
    output, slope = run(TopK(k / 7).for_width(7), z)
    np.testing.assert_array_equal(output, reference.top_k(z, k))
    np.testing.assert_array_equal(slope, reference.is_kept(z, k))
    assert (slope.sum(axis=-1) == k).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_top_k_treats_equal_numbers_alike(dtype):
    z = np.array([[3, 1, 2, 2, 2], [0, 0, 0, 0, -0.0], [-1, -1, -2, -3, -4]], dtype)
    output, slope = run(TopK(0.4).for_width(5), z)
    np.testing.assert_array_equal(slope, [[1, 0, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 0, 0, 0]])
    np.testing.assert_array_equal(output, z * slope)


@pytest.mark.parametrize(
    ("n_units", "share", "k"), [(1000, 0.025, 25), (3, 0.05, 1), (1, 0.9, 1), (10, 0.99, 10)]
)
def test_top_k_keeps_a_share_and_at_least_one(n_units, share, k):
    bound = TopK(share).for_width(n_units)
    assert bound._n_kept == k
    assert bound.get_params() == {"share": share}
    assert bound == TopK(share).for_width(n_units)
    assert (bound == TopK(share)) == (k == 1)
