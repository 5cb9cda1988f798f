"""Optimizers against the algorithms of their papers."""

from concurrent.futures import ThreadPoolExecutor
import copy
from functools import partial
import pickle

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
import reference

from skae import optimizers
from skae._kernels import bind, replay
from skae._parallel import run_sequentially
from skae.optimizers import OPTIMIZERS, Adam, Shampoo

RATE = 0.05
CASES = [(name, i) for name, variants in reference.OPTIMIZERS.items() for i in range(len(variants))]
SHAPES = reference.SHAPES
N_PARAMETERS = sum(n_rows * n_columns for n_rows, n_columns in SHAPES) + 6


def make(case):
    """Return the optimizer of a case and its reference."""
    name, i = case
    options, function = reference.OPTIMIZERS[name][i]
    return OPTIMIZERS[name](**options).for_shapes(SHAPES), function


def shampoo(shapes=SHAPES):
    return Shampoo().for_shapes(shapes)


def gradient_of(theta):
    """Gradient of sum_i c_i theta_i**2 / 2 + theta_i**4 / 4."""
    return np.linspace(0.1, 3, len(theta)).astype(theta.dtype) * theta + theta**3


def mixed_gradient_of(theta):
    """Gradient of a quartic in mixed directions, which whitening can tell apart."""
    mixing = np.random.default_rng(1).normal(size=(len(theta), len(theta))) / len(theta)
    return (mixing @ mixing.T @ theta + theta**3 / 10).astype(theta.dtype)


def start(dtype=np.float64):
    return np.random.default_rng(0).normal(size=N_PARAMETERS).astype(dtype)


def in_threads(jobs):
    with ThreadPoolExecutor(3) as pool:
        for job in [pool.submit(job) for job in jobs]:
            job.result()


def descend(
    optimizer, theta, state, n_steps, gradient_of=gradient_of, run_jobs=run_sequentially, rate=RATE
):
    factors = [np.zeros((), theta.dtype) for _ in range(optimizer.n_factors)]
    gradient = np.empty_like(theta)
    parts = [bind(part) for _, part in optimizer.parts(theta, gradient, state, *factors)]
    for _ in range(n_steps):
        gradient[...] = gradient_of(theta)
        for factor, value in zip(factors, optimizer.factors(state, rate), strict=True):
            factor[...] = value
        if optimizer.prepares:
            optimizer.prepare(gradient, state, run_jobs)
        run_jobs([partial(replay, part) for part in parts])


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
        if isinstance(optimizer, Shampoo):  # a root of a matrix has fewer digits
            tolerance = 1e-8 if dtype == np.float64 else 2e-2
        assert_allclose(theta, exact, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_stop_save_continue_equals_never_stopped(case, duplicate):
    optimizer, _ = make(case)
    theta = start()
    state = optimizer.init(theta)
    descend(optimizer, theta, state, 13)
    saved_optimizer, saved, saved_state = duplicate((optimizer, theta, state))
    assert saved_optimizer == optimizer
    descend(optimizer, theta, state, 40)
    assert (saved != theta).any()
    descend(saved_optimizer, saved, saved_state, 40)
    assert_array_equal(saved, theta)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_init_leaves_theta_alone_and_state_is_plain(case):
    optimizer, _ = make(case)
    theta = start()
    state = optimizer.init(theta)
    assert_array_equal(theta, start())
    for value in state.values():
        assert isinstance(value, (int, np.ndarray))
        assert not np.shares_memory(value, theta)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_init_starts_afresh(case):
    optimizer, _ = make(case)
    first, second = start(), start()
    descend(optimizer, first, optimizer.init(first), 5)
    descend(optimizer, second, optimizer.init(second), 5)
    assert_array_equal(first, second)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_step_writes_into_theta(case):
    optimizer, _ = make(case)
    buffer = np.full(N_PARAMETERS + 10, 0.25)
    theta = buffer[5:-5]
    descend(optimizer, theta, optimizer.init(theta), 1)
    assert (theta != 0.25).all()
    assert (buffer[:5] == 0.25).all()
    assert (buffer[-5:] == 0.25).all()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_learning_rate_belongs_to_the_step(case):
    """A schedule may change it at every step; a rate of zero leaves plain descent in place."""
    optimizer, _ = make(case)
    theta = start()
    state = optimizer.init(theta)
    descend(optimizer, theta, state, 1, rate=0.0)
    assert_array_equal(theta, start())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_is_scale_free_says_whether_the_scale_of_the_loss_matters(name):
    optimizer, results = OPTIMIZERS[name]().for_shapes(SHAPES), []
    for scale in (1, 0.01):
        theta = start()
        state = optimizer.init(theta)
        descend(optimizer, theta, state, 1, lambda theta, scale=scale: scale * gradient_of(theta))
        results.append(theta)
    assert np.allclose(*results, rtol=1e-3, atol=1e-3) == optimizer.is_scale_free


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bound_optimizers_show_and_compare_the_same_parameters(case):
    optimizer, _ = make(case)
    assert optimizer == make(case)[0]
    assert hash(optimizer) == hash(make(case)[0])
    unbound = type(optimizer)(**optimizer.get_params())
    assert repr(unbound) == repr(optimizer)
    assert (unbound == optimizer) == (not isinstance(optimizer, Shampoo))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_hyper_parameters_are_frozen(name):
    optimizer = OPTIMIZERS[name]()
    with pytest.raises(AttributeError):
        optimizer.momentum = 0.5
    with pytest.raises(AttributeError):
        optimizer.beta_1 = 0.5


def test_adam_with_a_gradient_of_zero_stays():
    theta = start()
    optimizer = Adam()
    descend(optimizer, theta, optimizer.init(theta), 3, gradient_of=np.zeros_like)
    assert_array_equal(theta, start())


# ---------------------------------------------------------------- Shampoo


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_steps", [1, 7, 60])
def test_shampoo_in_mixed_directions(n_steps, dtype):
    optimizer, theta = shampoo(), start(dtype)
    descend(optimizer, theta, optimizer.init(theta), n_steps, mixed_gradient_of)
    exact = reference.shampoo(mixed_gradient_of, start(), n_steps, RATE)
    tolerance = 1e-8 if dtype == np.float64 else 2e-2
    assert_allclose(theta, exact, rtol=tolerance, atol=tolerance)


def test_shampoo_without_matrices_is_adam():
    theta, optimizer = start(), Shampoo()
    descend(optimizer, theta, optimizer.init(theta), 30, mixed_gradient_of)
    of_adam = reference.adam(mixed_gradient_of, start(), 30, RATE, 0.9, 0.999, 1e-8)
    assert_allclose(theta, of_adam, rtol=1e-10)


def test_large_matrices_take_the_steps_of_adam(monkeypatch):
    monkeypatch.setattr(optimizers, "MAX_SIDE", 1)
    theta, optimizer = start(), shampoo(((4, 4), (4, 8)))
    state = optimizer.init(theta)
    assert state["roots"].size == 0
    descend(optimizer, theta, state, 30, mixed_gradient_of)
    of_adam = reference.adam(mixed_gradient_of, start(), 30, RATE, 0.9, 0.999, 1e-8)
    assert_allclose(theta, of_adam, rtol=1e-10)


def test_threads_change_no_step_of_shampoo():
    results = []
    for run_jobs in (run_sequentially, in_threads):
        theta, optimizer = start(), shampoo()
        descend(optimizer, theta, optimizer.init(theta), 20, mixed_gradient_of, run_jobs)
        results.append(theta)
    assert_array_equal(*results)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-12, 1e12])
def test_shampoo_with_gradients_of_any_size(size, dtype):
    """What is zero stays where it is; what is tiny or huge gives steps of Adam's length."""
    theta, optimizer = start(dtype), shampoo()
    state = optimizer.init(theta)
    with np.errstate(under="ignore"):
        descend(optimizer, theta, state, 12, lambda theta: np.full_like(theta, size))
    assert np.isfinite(theta).all()
    assert np.abs(theta - start(dtype)).max() <= 12 * 3 * RATE
    if size == 0:
        assert_array_equal(theta, start(dtype))


def test_a_gradient_that_is_not_finite_spoils_no_root():
    theta, optimizer = start(), shampoo()
    state = optimizer.init(theta)
    with np.errstate(invalid="ignore", over="ignore"):
        descend(optimizer, theta, state, 1, lambda theta: np.full_like(theta, np.inf))
    assert np.isfinite(state["roots"]).all()


def test_a_step_of_shampoo_allocates_nothing(peak_memory):
    n = 200
    theta = np.random.default_rng(0).normal(size=2 * n * n + n)
    optimizer = shampoo(((n, n), (n, n)))
    state, gradient = optimizer.init(theta), np.ones_like(theta)
    parts = optimizer.parts(theta, gradient, state, np.array(1e-8), np.array(0.1))
    calls = [call for _, part in parts for call in bind(part)]
    replay(calls)
    assert peak_memory(partial(replay, calls)) < 2**12


def test_shampoo_sees_through_a_rotation():
    """A narrow valley that lies across the entries of W: there Adam is slow, Shampoo is not."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(10, 10)))[0]
    A = (axes * np.logspace(0, -4, 10)) @ axes.T
    heights = []
    for shapes in ((), ((10, 20),)):
        theta, optimizer = rng.normal(size=200), shampoo(shapes)
        state = optimizer.init(theta)
        descend(optimizer, theta, state, 100, lambda theta: (A @ theta.reshape(10, 20)).ravel())
        W = theta.reshape(10, 20)
        heights.append(np.vdot(W, A @ W))
    assert heights[1] < 0.2 * heights[0]
