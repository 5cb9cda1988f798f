"""Gaussian codes: kernels against formulas; the steps are tested with the bound."""

import gradients
import numpy as np
from numpy.testing import assert_allclose
import pytest
from scipy import integrate, stats

from skae._kernels import run
from skae._network.gaussian_code import (
    MIN_NOISE_VARIANCE,
    GaussianWorkspace,
    deviations,
    kl_divergence,
    noise_variances,
)

DTYPES = [np.float32, np.float64]


@pytest.mark.parametrize("dtype", DTYPES)
def test_deviations(dtype):
    log_variance = np.array([[-4.0, 0.0, 1.0]], dtype)
    std, variance = np.empty((2, 1, 3), dtype)
    run(deviations(log_variance, std, variance))
    assert_allclose(variance, np.exp(log_variance), rtol=1e-6)
    assert_allclose(std, np.sqrt(variance), rtol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_divergence_is_that_of_its_integral(dtype):
    mean, variance = np.array([[0.0, 1.5, -0.3]], dtype), np.array([[1.0, 0.2, 3.0]], dtype)
    kl = np.empty((1, 3), dtype)
    run(kl_divergence(mean, variance, np.log(variance), kl))
    for j in range(3):
        q, p = stats.norm(mean[0, j], np.sqrt(variance[0, j])), stats.norm()
        z = np.linspace(-15, 15, 20_001)
        expected = integrate.trapezoid(q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), z)
        assert_allclose(kl[0, j], expected, rtol=1e-4, atol=1e-6)


def test_noise_variances_have_a_floor():
    assert_allclose(noise_variances(np.array([-np.inf, 0.0])), [MIN_NOISE_VARIANCE, 1.000001])


def test_a_step_allocates_no_arrays_of_its_own():
    """The decoder's workspace shares the gradient, and reads the draws in place of codes."""
    network, _ = gradients.make_network(n_noise_variances=1, linear_path=True)
    parameters = gradients.make_parameters(network, np.random.default_rng(0))
    workspace = GaussianWorkspace(network, parameters, 6, n_draws=2)
    code = network.n_encoder_layers
    assert workspace.decoder.gradient is workspace.gradient
    assert workspace.draws("z", 6).shape == (6, 2, 2)
    assert np.shares_memory(workspace.draws("z", 6), workspace.decoder.layers.outputs[code])
    assert workspace.samples("mean", 6).shape == (6, 2)
    assert np.shares_memory(workspace.samples("mean_delta", 6), workspace.encoder.deltas[code])
