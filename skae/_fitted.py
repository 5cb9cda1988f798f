"""What a fitted estimator is: views of its parameters, and how rows go through its network."""

from functools import partial
import threading
from weakref import WeakKeyDictionary

import numpy as np

from skae._network import spec
from skae._network.inference import Pass, blocks
from skae._network.scaling import Scaling
from skae._parallel import MANY_PARAMETERS, job_runner, run_sequentially
from skae._training.start import target_scaling

FEW_ROWS = 100
BLOCK, PIECE = 512, 4096  # rows; pieces are whole blocks, so that they change no result
MANY_ROWS, LONG_BLOCK, LONG_PIECE = 2**15, 2048, 2**14  # of small networks
MOST_PIECES = 16


class _SingleRows(threading.local):
    """The passes that a thread has bound for single rows of each estimator it has met."""

    def __init__(self):
        self.passes = WeakKeyDictionary()


_single_rows = _SingleRows()


class FittedNetwork:
    """Reads the fitted attributes `theta_`, `architecture_`, `mean_`, `scale_` and their like."""

    @property
    def _network(self):
        return spec.build(self.architecture_)

    @property
    def _parameters(self):
        return self._network.parameters(self.theta_)

    @property
    def coefs_(self):
        """Weights of each layer, ndarray of shape (n_in, n_out): views of `theta_`."""
        return [W for W, _ in self._fitted_parameters().layers]

    @property
    def intercepts_(self):
        """Biases of each layer, ndarray of shape (n_out,): views of `theta_`."""
        return [b for _, b in self._fitted_parameters().layers]

    @property
    def path_coefs_(self):
        """Matrices of the linear path, two or none: views of `theta_`."""
        return list(self._fitted_parameters().path)

    @property
    def bounds_(self):
        """Least and greatest values that columns are restored to, or None: see the class."""
        self._fitted_parameters()
        bounds = self.architecture_.get("bounds")
        return None if bounds is None else np.array(bounds) * self.scale_ + self.mean_

    def _fitted_parameters(self):
        if "theta_" not in vars(self):
            raise AttributeError(f"This {type(self).__name__} instance is not fitted yet.")
        return self._parameters

    @property
    def _scaling(self):
        return Scaling(self.mean_, self.scale_)

    @property
    def _target_scaling(self):
        return target_scaling(self._network, self._scaling)

    # ---------------------------------------------------------------- private twins

    def _each_block(self, X, part, use, size=None):
        """Call `use` with each block's slice of X and its code, or what is decoded, or both.

        `size` is how many columns of the code are decoded, if not all of them.
        Binding the calls of a pass takes longer than to send one row through it: for single
        rows each thread keeps what it has bound, as long as the estimator stays as it is.
        Many rows through a large network are spread over threads, a piece at a time, and very
        many through a small one, in blocks so long that threads need not wait for each other.
        """
        if len(X) == 1:
            fitted = self.theta_, self.mean_, self.scale_, self.code_scale_
            passes = _single_rows.passes.setdefault(self, {})
            bound_to, send = passes.get((part, size), ((), None))
            if not (bound_to and all(a is b for a, b in zip(bound_to, fitted))):
                send = Pass(*self._path_of(part, size), n_rows=1)
                passes[part, size] = fitted, send
            use(slice(0, 1), send(X))
            return
        path = self._path_of(part, size)
        is_large = self.theta_.size > MANY_PARAMETERS
        is_long = not is_large and len(X) >= MANY_ROWS
        n_rows, n_piece = (LONG_BLOCK, LONG_PIECE) if is_long else (BLOCK, PIECE)
        n_piece *= max(len(X) // (MOST_PIECES * n_piece), 1)

        def send_piece(start):
            for rows, output in blocks(X[start : start + n_piece], *path, n_rows=n_rows):
                use(slice(start + rows.start, start + rows.stop), output)

        if len(X) <= FEW_ROWS:
            send_piece(0)
            return
        with job_runner() as run_jobs:
            run_jobs = run_jobs if is_large or is_long else run_sequentially
            run_jobs([partial(send_piece, start) for start in range(0, len(X), n_piece)])

    def _path_of(self, part, size):
        """Network, parameters, scaling, layers, size, reach and unscaling, as `blocks` has them."""
        network, parameters, code = self._network, self._parameters, self._network.n_encoder_layers
        if part == "encode":
            return network, parameters, self._scaling, 0, code, None, self._reach, None
        scaling, first, unscale = self._scaling, 0, self._target_scaling
        if part == "decode":
            n_columns = network.n_components if size is None else size
            scaling = Scaling(np.zeros(n_columns, parameters.flat.dtype), self.code_scale_)
            first = code
        return network, parameters, scaling, first, network.n_layers, size, self._reach, unscale

    @property
    def _reach(self):
        return vars(self).get("reach_")  # which files of older versions lack

    def _encode(self, X):
        code = np.empty((len(X), self.n_components_), X.dtype)
        self._each_block(
            X, "encode", lambda rows, output: np.multiply(output, self.code_scale_, out=code[rows])
        )
        return code

    def _decode(self, code):
        size = self._n_columns_read(code.shape[1])
        return self._reconstruct(code[:, :size], size, "decode")

    def _n_columns_read(self, size):
        """How many of so many columns of the code are decoded."""
        found = vars(self).get("_columns_read")
        return size if found is None else found[size - 1]

    def _reconstruct(self, X, size=None, part="reconstruct"):
        result = np.empty((len(X), self.n_features_in_), X.dtype)

        def use(rows, output):
            result[rows] = output

        self._each_block(X, part, use, size)
        return result

    def _mean_squared_errors(self, X):
        """Mean squared error of each row, in the squared units of X."""
        errors = np.empty(len(X), X.dtype)
        shares = np.full(X.shape[1], 1 / X.shape[1], self.theta_.dtype)

        def use(rows, output):
            output -= X[rows]
            np.multiply(output, output, out=output)
            errors[rows] = output.dot(shares)

        self._each_block(X, "reconstruct", use)
        return errors
