"""The inverse Hessian in factors, and the pairs that it is made of."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest

from skae._training.quasi_newton import MAX_PAIRS, InverseHessian, PairCollector


def curved_pairs(n_pairs, n_parameters=7, seed=0):
    """Return steps, and the changes of the gradient of a convex quadratic."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n_parameters, n_parameters))
    curvature = root @ root.T + np.eye(n_parameters)
    steps = rng.normal(size=(n_pairs, n_parameters))
    return [(s, curvature @ s) for s in steps]


def bfgs(pairs):
    """The textbook formula of the inverse Hessian, as a matrix."""
    s, y = pairs[-1]
    H = np.eye(len(s)) * (s @ y) / (y @ y)
    for s, y in pairs:
        left = np.eye(len(s)) - np.outer(s, y) / (s @ y)
        H = left @ H @ left.T + np.outer(s, s) / (s @ y)
    return H


def matrix(function, n):
    return np.column_stack([function(column) for column in np.eye(n)])


@pytest.mark.parametrize("n_pairs", [1, 2, 6])
def test_the_product_is_the_bfgs_estimate(n_pairs):
    pairs = curved_pairs(n_pairs)
    hessian = InverseHessian(pairs)
    S = matrix(hessian.apply, 7)
    assert_allclose(S @ S.T, bfgs(pairs), rtol=1e-8, atol=1e-10)
    s, y = pairs[-1]
    assert_allclose(S @ S.T @ y, s)  # the secant equation
    assert_allclose(matrix(hessian.apply_transposed, 7), S.T, atol=1e-12)
    assert_allclose(matrix(hessian.solve, 7) @ S, np.eye(7), atol=1e-8)
    assert_allclose(matrix(hessian.solve_transposed, 7) @ S.T, np.eye(7), atol=1e-8)


def test_arguments_are_left_as_they_are():
    hessian, u = InverseHessian(curved_pairs(3)), np.arange(7.0)
    for name in ("apply", "apply_transposed", "solve", "solve_transposed"):
        getattr(hessian, name)(u)
        assert_array_equal(u, np.arange(7.0))


def test_pairs_are_those_of_accepted_points():
    pairs = []
    collector = PairCollector(pairs)
    points = np.random.default_rng(0).normal(size=(4, 3))
    for x in points[:3]:  # the second is a trial of the line search
        collector.evaluated(x, 2 * x)
    collector.accepted()
    collector.evaluated(points[3], 2 * points[3])
    collector.accepted()
    assert_allclose(pairs[0], [points[2] - points[0], 2 * (points[2] - points[0])])
    assert_allclose(pairs[1], [points[3] - points[2], 2 * (points[3] - points[2])])
    collector.evaluated(points[0], 3 * points[3] - points[0])  # curved downwards along this step
    collector.accepted()
    assert len(pairs) == 2


def test_the_last_pairs_are_kept():
    pairs = []
    collector = PairCollector(pairs)
    for k in range(2 * MAX_PAIRS):
        collector.evaluated(np.array([k**2]), np.array([k**2]))
        if k:
            collector.accepted()
    assert [s[0] for s, _ in pairs] == [2 * k - 1 for k in range(MAX_PAIRS, 2 * MAX_PAIRS)]
