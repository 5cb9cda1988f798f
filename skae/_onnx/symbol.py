"""Symbols: arrays of an ONNX graph under construction, to which NumPy functions add nodes."""

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from skae._kernels import mark_greatest


def _log1p(x):
    """log(1 + x) without loss of digits: log(u) x / (u - 1), u = 1 + x (HP-15C, 1982).

    Where rounding makes u = 1 the result is x.
    """
    u = x + 1
    difference = u - 1
    is_zero = difference == 0
    return is_zero.choose(x, np.log(u) * x / is_zero.choose(1, difference))


NODES = {
    np.abs: "Abs",
    np.add: "Add",
    np.divide: "Div",
    np.equal: "Equal",
    np.exp: "Exp",
    np.greater_equal: "GreaterOrEqual",
    np.log: "Log",
    np.matmul: "MatMul",
    np.maximum: "Max",
    np.minimum: "Min",
    np.multiply: "Mul",
    np.negative: "Neg",
    np.sign: "Sign",
    np.sqrt: "Sqrt",
    np.subtract: "Sub",
    np.tanh: "Tanh",
}
COMPOSITES = {np.log1p: _log1p, np.square: lambda x: x * x}
COMPARISONS = {np.equal, np.greater_equal}


class Symbol(NDArrayOperatorsMixin):
    """An array of a graph under construction; NumPy functions of it add nodes to the graph.

    After `out=` or `+=` the symbol stands for the result, cast to its own dtype. A symbol without
    a name stands for an array that has not been written to; it reads as zero.
    """

    def __init__(self, scope, container, dtype, name=None):
        self.scope = scope
        self.container = container
        self.dtype = np.dtype(dtype)
        self.name = name

    def __array_ufunc__(self, ufunc, method, *inputs, out=None):
        if method != "__call__" or ufunc not in NODES | COMPOSITES:
            return NotImplemented
        dtype = np.result_type(*(x.dtype if isinstance(x, Symbol) else x for x in inputs))
        symbols = [self.lift(x, dtype) for x in inputs]
        if ufunc in COMPOSITES:
            result = COMPOSITES[ufunc](*symbols)
        else:
            result = self.node(NODES[ufunc], symbols, bool if ufunc in COMPARISONS else dtype)
        if out is None:
            return result
        out[0].name = result.astype(out[0].dtype).name
        return out[0]

    def empty(self, dtype):
        """Return a symbol without a name, to write a result to."""
        return Symbol(self.scope, self.container, dtype)

    def node(self, operator, inputs, dtype, n_results=1, **attributes):
        """Add a node of an ONNX operator; return its result, the first if it has several."""
        name, *others = (
            self.scope.get_unique_variable_name(operator.lower()) for _ in range(n_results)
        )
        self.container.add_node(
            operator,
            [symbol.name for symbol in inputs],
            [name, *others],
            name=self.scope.get_unique_operator_name(operator),
            **attributes,
        )
        return Symbol(self.scope, self.container, dtype, name)

    def lift(self, x, dtype):
        """Return a symbol of this dtype for a symbol, an array or a number."""
        from onnx.numpy_helper import from_array

        if isinstance(x, Symbol) and x.name is None:
            x = 0
        if isinstance(x, Symbol):
            return x.astype(dtype)
        name = self.scope.get_unique_variable_name("constant")
        content = from_array(np.ascontiguousarray(np.asarray(x, dtype)), name)
        self.container.add_initializer(name, content.data_type, np.shape(x), content)
        return Symbol(self.scope, self.container, dtype, name)

    def astype(self, dtype):
        from onnx.helper import np_dtype_to_tensor_dtype

        if self.dtype == dtype:
            return self
        return self.node("Cast", [self], dtype, to=np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def choose(self, yes, no):
        """Return `yes` where self is true, else `no`, in the dtype of the symbol among them."""
        dtype = (yes if isinstance(yes, Symbol) else no).dtype
        return self.node("Where", [self, self.lift(yes, dtype), self.lift(no, dtype)], dtype)

    def mark_greatest(self, k, out):
        """Write 1 to `out` where self is among the k greatest of its row, else 0."""
        greatest = self.node("TopK", [self, self.lift([k], np.int64)], self.dtype, n_results=2)
        last = [greatest, self.lift([k - 1], np.int64)]
        kth_greatest = self.node("Gather", last, self.dtype, axis=1)
        out.name = (self >= kth_greatest).astype(out.dtype).name

    def sum_columns(self, n_columns):
        return self @ np.ones((n_columns, 1), self.dtype)


ON_SYMBOLS = {mark_greatest: Symbol.mark_greatest}
