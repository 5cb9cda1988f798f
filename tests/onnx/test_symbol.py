"""Symbols: the graph that NumPy's functions leave behind computes what these do on arrays."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from sklearn.base import BaseEstimator, TransformerMixin

from skae._onnx.exporter import OnnxExport
from skae._onnx.symbol import COMPARISONS, COMPOSITES, NODES, Symbol

DTYPES = [np.float32, np.float64]


class Function(OnnxExport, TransformerMixin, BaseEstimator):
    """A function of three columns as something to export."""

    n_features_in_ = 3

    def __init__(self, function=None, n_columns=3):
        self.function = function
        self.n_columns = n_columns

    def fit(self, X, y=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    @property
    def _onnx_outputs(self):
        return {"result": self.n_columns}

    def _onnx_nodes(self, X):
        return [self.function(X)]


def exported(function, X, n_columns=3):
    """What the graph of a function of X returns."""
    onnxruntime = pytest.importorskip("onnxruntime")
    skl2onnx = pytest.importorskip("skl2onnx")
    graph = skl2onnx.to_onnx(Function(function, n_columns), X[:1])
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"X": X})[0]


def rows(dtype):
    X = np.random.default_rng(0).normal(size=(20, 3))
    X[0, 0] = 0
    return X.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("function", [*NODES, *COMPOSITES], ids=lambda function: function.__name__)
def test_every_function(function, dtype):
    X = rows(dtype)
    if function in {np.log, np.log1p, np.sqrt}:
        X = np.abs(X) + dtype(1e-3)
    others = [()] if function.nin == 1 else [(0.5,), (np.asarray([1, -2, 3], dtype),)]
    if function is np.matmul:
        X = np.round(64 * X) / 64  # exact sums, in whatever order they are added up
        others = [(np.arange(9, dtype=dtype).reshape(3, 3),)]
    for other in others:
        found = exported(lambda X, other=other: function(X, *other), X)
        assert found.dtype == dtype
        expected = function(X, *other)
        if function in COMPARISONS:
            assert_array_equal(found, expected)
        else:
            assert_allclose(found, expected, rtol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_operators_and_writing_in_place(dtype):
    weights = np.asarray([1, 2, 3], dtype)

    def function(X):
        result = 2 - X * weights
        result /= 4
        other = X + result
        result += other
        np.multiply(result, other, out=result)
        result -= 1
        return np.maximum(-result, 0) @ np.eye(3, dtype=dtype)

    X = rows(dtype)
    assert_allclose(exported(function, X), function(X), atol=20 * np.finfo(dtype).eps)


def test_what_is_written_to_keeps_its_dtype():
    X = rows(np.float32)
    mean = np.asarray([1e4, 2e4, 3e4]) + 1 / 3

    def on_symbols(X):
        room = X.empty(np.float32)
        np.subtract(X, mean, out=room)
        assert room.dtype == np.float32
        assert (X - mean).dtype == np.float64
        return room

    expected = np.empty_like(X)
    np.subtract(X, mean, out=expected)
    assert_array_equal(exported(on_symbols, X), expected)


def test_room_reads_as_zero():
    X = rows(np.float64)
    assert_array_equal(exported(lambda X: np.maximum(X, X.empty(X.dtype)), X), np.maximum(X, 0))


@pytest.mark.parametrize("dtype", DTYPES)
def test_log1p_keeps_the_digits_of_small_numbers(dtype):
    X = np.logspace(-30, 5, 60).reshape(20, 3).astype(dtype)
    X[0] = 0
    assert_allclose(exported(np.log1p, X), np.log1p(X), rtol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_choices_and_sums(dtype):
    X = rows(dtype)
    found = exported(lambda X: (X >= 0).choose(X, -1), X)
    assert_array_equal(found, np.where(X >= 0, X, dtype(-1)))
    found = exported(lambda X: X.sum_columns(3), X, 1)
    assert_allclose(found[:, 0], X.sum(axis=1), atol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("function", [np.cbrt, np.add.reduce])
def test_functions_that_graphs_do_not_know(function):
    with pytest.raises(TypeError):
        function(Symbol(None, None, np.float64, "x"))
