"""Optimizers against the algorithms of their papers."""

import copy
import pickle

import numpy as np
import pytest
import reference

from skae import _kernels as kernels
from skae.optimizers import OPTIMIZERS

RATE = 0.05
CASES = [(name, i) for name, variants in reference.OPTIMIZERS.items() for i in range(len(variants))]


def make(case):
    """Return the optimizer of a case and its reference."""
    name, i = case
    options, function = reference.OPTIMIZERS[name][i]
    return OPTIMIZERS[name](**options), function


def gradient_of(theta):
    """Gradient of sum_i c_i theta_i**2 / 2 + theta_i**4 / 4."""
    return np.linspace(0.1, 3, len(theta)).astype(theta.dtype) * theta + theta**3


def start(dtype=np.float64):
    return np.random.default_rng(0).normal(size=30).astype(dtype)


def step(optimizer, theta, gradient, state, rate=RATE):
    kernels.run(optimizer.step(theta, gradient, state, *optimizer.factors(state, rate)))


def descend(optimizer, theta, state, n_steps):
    for _ in range(n_steps):
        step(optimizer, theta, gradient_of(theta), state)


def test_every_optimizer_has_a_reference():
    assert set(reference.OPTIMIZERS) == set(OPTIMIZERS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_steps(case, dtype):
    optimizer, function = make(case)
    for n_steps in (1, 2, 25):
        theta = start(dtype)
        state = optimizer.init(theta)
        descend(optimizer, theta, state, n_steps)
        assert theta.dtype == dtype
        assert all(a.dtype == dtype for a in state.values() if isinstance(a, np.ndarray))
        exact = function(gradient_of, start(dtype).astype(float), n_steps, RATE)
        tolerance = 1e-12 if dtype == np.float64 else 2e-5
        np.testing.assert_allclose(theta, exact, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_stop_save_continue_equals_never_stopped(case, duplicate):
    optimizer, _ = make(case)
    theta = start()
    state = optimizer.init(theta)
    descend(optimizer, theta, state, 10)
    saved_optimizer, saved, saved_state = duplicate((optimizer, theta, state))
    descend(optimizer, theta, state, 10)
    assert (saved != theta).any()
    descend(saved_optimizer, saved, saved_state, 10)
    np.testing.assert_array_equal(saved, theta)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_init_leaves_theta_alone_and_state_is_plain(case):
    optimizer, _ = make(case)
    theta = start()
    state = optimizer.init(theta)
    np.testing.assert_array_equal(theta, start())
    for value in state.values():
        assert isinstance(value, (int, np.ndarray))
        assert not np.shares_memory(value, theta)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_init_starts_afresh(case):
    optimizer, _ = make(case)
    first, second = start(), start()
    descend(optimizer, first, optimizer.init(first), 5)
    descend(optimizer, second, optimizer.init(second), 5)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_step_writes_into_theta(case):
    optimizer, _ = make(case)
    room = np.full(40, 0.25)
    theta = room[5:35]
    step(optimizer, theta, gradient_of(theta), optimizer.init(theta))
    assert (theta != 0.25).all()
    assert (room[:5] == 0.25).all()
    assert (room[35:] == 0.25).all()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_learning_rate_belongs_to_the_step(case):
    """A schedule may change it at every step; a rate of zero leaves plain descent in place."""
    optimizer, _ = make(case)
    theta = start()
    state = optimizer.init(theta)
    step(optimizer, theta, gradient_of(theta), state, 0.0)
    np.testing.assert_array_equal(theta, start())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_hyper_parameters_are_frozen(name):
    optimizer = OPTIMIZERS[name]()
    with pytest.raises(AttributeError):
        optimizer.momentum = 0.5
    with pytest.raises(AttributeError):
        optimizer.beta_1 = 0.5


def test_adam_with_a_gradient_of_zero_stays():
    theta = start()
    optimizer = OPTIMIZERS["adam"]()
    state = optimizer.init(theta)
    for _ in range(3):
        step(optimizer, theta, np.zeros_like(theta), state)
    np.testing.assert_array_equal(theta, start())
