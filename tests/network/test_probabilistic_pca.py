"""Probabilistic PCA in closed form, also with another weight of the divergence."""

import numpy as np
from numpy.testing import assert_allclose
import pytest
from scipy import optimize

from skae._network.probabilistic_pca import noise_variance

VARIANCES = np.array([5.0, 3.0, 1.2, 1.0, 0.9, 0.4])


def loss(noise, variances, n_used, kl_weight):
    """Return minus the bound of a linear model with the best code for a noise variance.

    Column j has slope w and the posterior mean m x and variance s of its direction; the squared
    error and the divergence are expectations over a direction with variance l.
    """
    total = 0.5 * (len(variances) * np.log(noise) + variances[n_used:].sum() / noise)
    for variance in variances[:n_used]:

        def of_column(parameters, variance=variance):
            w, m, log_s = parameters
            error = variance * (1 - w * m) ** 2 + w**2 * np.exp(log_s)
            kl = 0.5 * (variance * m**2 + np.exp(log_s) - log_s - 1)
            return 0.5 * error / noise + kl_weight * kl

        starts = [(np.sqrt(variance), 1 / np.sqrt(variance), -1.0), (0.01, 0.01, 0.0)]
        total += min(optimize.minimize(of_column, start).fun for start in starts)
    return total


@pytest.mark.slow
@pytest.mark.parametrize("kl_weight", [0.5, 1.0, 1.7])
@pytest.mark.parametrize("n_components", [1, 2, 5])
def test_the_closed_form_is_the_optimum(n_components, kl_weight):
    found, n_used = noise_variance(VARIANCES[:n_components], VARIANCES.sum(), 6, kl_weight)

    def at(log_noise):
        return loss(np.exp(log_noise), VARIANCES, n_components, kl_weight)

    bounds = np.log(found) - 0.7, np.log(found) + 0.7
    best = optimize.minimize_scalar(at, bounds=bounds, method="bounded")
    assert_allclose(np.exp(best.x), found, rtol=1e-3)
    assert n_used <= n_components
    if kl_weight == 1:
        assert_allclose(found, VARIANCES[n_components:].mean())
        assert n_used == n_components


def test_columns_that_are_not_worth_it():
    assert noise_variance(VARIANCES, VARIANCES.sum(), 6, 2.0)[1] == 1
    assert noise_variance(VARIANCES, VARIANCES.sum(), 6, 50.0)[1] == 0
    assert noise_variance(np.ones(3), 3.0, 3, 1.0)[1] == 0


def test_without_weight_the_code_costs_nothing():
    found, n_used = noise_variance(VARIANCES[:2], VARIANCES.sum(), 6, 0.0)
    assert_allclose(found, VARIANCES[2:].sum() / 6)
    assert n_used == 2


def test_samples_without_noise_leave_a_little():
    found, n_used = noise_variance(np.array([4.0, 2.0]), 6.0, 6, 1.0)
    assert 0 < found < 1e-5
    assert n_used == 2
