"""Shampoo against the formulas of its docstring, written out plainly."""

from concurrent.futures import ThreadPoolExecutor
import copy
from functools import partial

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
import reference

from skae import _shampoo
from skae._kernels import bind, replay
from skae._parallel import run_sequentially
from skae._shampoo import Shampoo

SHAPES = ((3, 5), (5, 2), (1, 4), (4, 4))
N = sum(n * m for n, m in SHAPES)
RATE = 0.05


def start(dtype=np.float64):
    return np.random.default_rng(0).normal(size=N + 6).astype(dtype)


def in_threads(jobs):
    with ThreadPoolExecutor(3) as pool:
        for job in [pool.submit(job) for job in jobs]:
            job.result()


def gradient_of(theta):
    """Gradient of a quartic in mixed directions, which whitening can tell apart."""
    mixing = np.random.default_rng(1).normal(size=(len(theta), len(theta))) / len(theta)
    return (mixing @ mixing.T @ theta + theta**3 / 10).astype(theta.dtype)


def descend(optimizer, theta, state, n_steps, run_jobs=run_sequentially, gradient_of=gradient_of):
    factors = [np.zeros((), theta.dtype) for _ in range(optimizer.n_factors)]
    gradient = np.empty_like(theta)
    parts = [bind(part) for _, part in optimizer.parts(theta, gradient, state, *factors)]
    for _ in range(n_steps):
        gradient[...] = gradient_of(theta)
        for factor, value in zip(factors, optimizer.factors(state, RATE)):
            factor[...] = value
        optimizer.prepare(gradient, state, run_jobs)
        run_jobs([partial(replay, part) for part in parts])


def plain(theta, n_steps):
    """The same by loops over matrices that are made anew, with SciPy's power of a matrix."""
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    curvatures, roots = {}, {}
    for t in range(1, n_steps + 1):
        g = gradient_of(theta)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        update = RATE * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        first = 0
        for k, (n_rows, n_columns) in enumerate(SHAPES):
            of = slice(first, first + n_rows * n_columns)
            first = of.stop
            G, M = g[of].reshape(n_rows, n_columns), m[of].reshape(n_rows, n_columns)
            if n_rows > n_columns:
                G, M = G.T, M.T
            makes_root = t in (1, 2, 4, 8, 16, 32, 50, 100)
            if makes_root or t % 5 == 0:
                memory = min(0.95, 1 - 1 / t)
                curvatures[k] = memory * curvatures.get(k, 0) + (1 - memory) * G @ G.T
            if makes_root:
                C = curvatures[k] / np.trace(curvatures[k]) * len(G) + 0.01 * np.eye(len(G))
                values, vectors = np.linalg.eigh(C)
                roots[k] = vectors @ np.diag(values**-0.5) @ vectors.T
            D = roots[k] @ M
            D = D if n_rows <= n_columns else D.T
            update[of] = np.linalg.norm(update[of]) * D.ravel() / np.linalg.norm(D)
        theta = theta - update
    return theta


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_steps", [1, 7, 60])
def test_steps(n_steps, dtype):
    optimizer, theta = Shampoo(shapes=SHAPES), start(dtype)
    state = optimizer.init(theta)
    assert_array_equal(theta, start(dtype))
    descend(optimizer, theta, state, n_steps)
    assert all(a.dtype == dtype for a in state.values() if isinstance(a, np.ndarray))
    tolerance = 1e-8 if dtype == np.float64 else 2e-2
    assert_allclose(theta, plain(start(), n_steps), rtol=tolerance, atol=tolerance)


def test_without_matrices_it_is_adam():
    theta, of_adam = start(), reference.adam(gradient_of, start(), 30, RATE, 0.9, 0.999, 1e-8)
    optimizer = Shampoo()
    descend(optimizer, theta, optimizer.init(theta), 30)
    assert_allclose(theta, of_adam, rtol=1e-10)


def test_large_matrices_take_the_steps_of_adam(monkeypatch):
    monkeypatch.setattr(_shampoo, "LARGEST", 1)
    theta = start()
    optimizer = Shampoo(shapes=((4, 4), (4, 8)))
    state = optimizer.init(theta)
    assert state["roots"].size == 0
    descend(optimizer, theta, state, 30)
    of_adam = reference.adam(gradient_of, start(), 30, RATE, 0.9, 0.999, 1e-8)
    assert_allclose(theta, of_adam, rtol=1e-10)


def test_threads_change_nothing():
    found = []
    for run_jobs in (run_sequentially, in_threads):
        theta, optimizer = start(), Shampoo(shapes=SHAPES)
        descend(optimizer, theta, optimizer.init(theta), 20, run_jobs)
        found.append(theta)
    assert_array_equal(*found)


def test_stop_save_continue_equals_never_stopped():
    theta, optimizer = start(), Shampoo(shapes=SHAPES)
    state = optimizer.init(theta)
    descend(optimizer, theta, state, 13)
    saved, saved_state = theta.copy(), copy.deepcopy(state)
    descend(optimizer, theta, state, 40)
    assert (saved != theta).any()
    descend(optimizer, saved, saved_state, 40)
    assert_array_equal(saved, theta)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-12, 1e12])
def test_gradients_of_any_size(size, dtype):
    """What is zero stays where it is; what is tiny or huge gives steps of Adam's length."""
    theta, optimizer = start(dtype), Shampoo(shapes=SHAPES)
    state = optimizer.init(theta)

    def gradient_of(theta):
        return np.full_like(theta, size)

    with np.errstate(under="ignore"):
        descend(optimizer, theta, state, 12, gradient_of=gradient_of)
    assert np.isfinite(theta).all()
    assert np.abs(theta - start(dtype)).max() <= 12 * 3 * RATE
    if size == 0:
        assert_array_equal(theta, start(dtype))


def test_a_gradient_that_is_not_finite_spoils_no_root():
    theta, optimizer = start(), Shampoo(shapes=SHAPES)
    state = optimizer.init(theta)
    with np.errstate(invalid="ignore", over="ignore"):
        descend(optimizer, theta, state, 1, gradient_of=lambda theta: np.full_like(theta, np.inf))
    assert np.isfinite(state["roots"]).all()


def test_a_step_allocates_nothing(peak_memory):
    n = 200
    shapes = ((n, n), (n, n))
    theta = np.random.default_rng(0).normal(size=2 * n * n + n)
    optimizer = Shampoo(shapes=shapes)
    state, gradient = optimizer.init(theta), np.ones_like(theta)
    parts = optimizer.parts(theta, gradient, state, np.array(1e-8), np.array(0.1))
    calls = [call for _, part in parts for call in bind(part)]
    replay(calls)
    assert peak_memory(partial(replay, calls)) < 2**12


def test_it_sees_through_a_rotation():
    """A narrow valley that lies across the entries of W: there Adam is slow, Shampoo is not."""
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(10, 10)))[0]
    A = (axes * np.logspace(0, -4, 10)) @ axes.T
    heights = []
    for shapes in ((), ((10, 20),)):
        theta, optimizer = rng.normal(size=200), Shampoo(shapes=shapes)
        state = optimizer.init(theta)
        descend(
            optimizer,
            theta,
            state,
            100,
            gradient_of=lambda theta: (A @ theta.reshape(10, 20)).ravel(),
        )
        W = theta.reshape(10, 20)
        heights.append(np.vdot(W, A @ W))
    assert heights[1] < 0.2 * heights[0]
