"""Blockwise inference: encode, decode or reconstruct with a model, whatever the number of rows."""

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from skae._kernels import bind
from skae._network.network import Network, Parameters, build
from skae._network.scaling import Scaling, identity_scaling
from skae._network.workspace import Workspace
from skae._parallel import MANY_PARAMETERS, job_runner, run_sequentially

FEW_ROWS = 100  # below, no thread is asked for
BLOCK_ROWS, PIECE_ROWS = 512, 4096  # pieces are whole blocks, so that they change no result
MANY_ROWS, LONG_BLOCK_ROWS, LONG_PIECE_ROWS = 2**15, 2048, 2**14  # of small networks
MAX_PIECES = 16
MIN_STEADY_BLOCKS = 4


@dataclass
class Model:
    """A network with its parameters and its geometry: what inference needs.

    `spec` describes the network. `code_scale` times the code of the network is the code that
    users see: in the units of X, as PCA's, where it is linear and the features have one scale.
    `input_radius` holds the greatest norms of inputs and of codes that the layers read as they
    are, None before they are known. `columns_read` says how many of 1, 2, ... columns of a
    nested code are decoded, None for all of them.
    """

    spec: dict
    parameters: Parameters
    scaling: Scaling
    code_scale: np.ndarray | None = None
    input_radius: np.ndarray | None = None
    columns_read: list | None = None
    network: Network = field(init=False)
    target_scaling: Scaling = field(init=False)
    single_row_passes: dict = field(init=False, default_factory=dict)

    def __post_init__(self):
        self.network = build(self.spec)
        self.target_scaling = self.scaling
        if not self.network.output_activation.is_identity:  # targets in the units of X
            mean = self.scaling.mean
            self.target_scaling = identity_scaling(len(mean), mean.dtype)

    def with_spec(self, **changes):
        """Return the model with another description of its network and the same parameters."""
        return replace(self, spec=self.spec | changes)

    @property
    def bounds(self):
        """Return the bounds of the outputs in the units of X, or None: see `ClippedOutput`."""
        bounds = self.spec.get("bounds")
        return None if bounds is None else np.array(bounds) * self.scaling.scale + self.scaling.mean

    @property
    def is_large(self):
        """Return whether threads gain by sharing its rows."""
        return self.parameters.flat.size > MANY_PARAMETERS

    def n_columns_read(self, size):
        """Return how many of so many columns of the code are decoded."""
        return size if self.columns_read is None else self.columns_read[size - 1]


def make_model(spec, theta, *geometry):
    """Return the Model of a description and a vector; `geometry` are its further fields."""
    return Model(spec, build(spec).parameters(theta), *geometry)


class Pass:
    """A pass of up to n_rows rows at a time through a model, its calls bound once.

    `part` is "encode", "decode" or "reconstruct". With `raw=True` codes and outputs are those
    of the network in its own geometry, with no input radius; otherwise codes are divided by
    `code_scale` on the way in, outputs are in the units of X, and an encoder's output is yet to
    be multiplied by `code_scale`.
    """

    def __init__(self, model, part, size=None, *, n_rows, raw=False, steady=False):
        network, dtype = model.network, model.parameters.flat.dtype
        code = network.n_encoder_layers
        span = {
            "encode": (0, code),
            "decode": (code, network.n_layers),
            "reconstruct": (0, network.n_layers),
        }[part]
        radius = None if raw else model.input_radius
        self.workspace = Workspace(model, n_rows, span, size, radius, steady)
        self.scaling, width = model.scaling, network.widths[0]
        if part == "decode":
            n_columns = network.n_components if size is None else size
            self.scaling = identity_scaling(n_columns, dtype)
            if not raw:
                self.scaling = Scaling(self.scaling.mean, model.code_scale)
            width = self.workspace.n_columns_read
        self.unscaling = None if raw or part == "encode" else model.target_scaling
        self.inputs = np.zeros((n_rows, width), dtype)
        self.bound = {}

    def __call__(self, rows):
        """Return the output of the rows, which the next call overwrites."""
        n_rows = len(rows)
        if n_rows not in self.bound:
            self.bound[n_rows] = self._bind(n_rows)
        inputs, calls, output, scaling, unscaling = self.bound[n_rows]
        scaling.apply(rows, inputs[:, : rows.shape[1]])
        for call in calls:
            call()
        if unscaling is not None:
            unscaling.undo(output)
        return output

    def _bind(self, n_rows):
        layers = self.workspace.layers
        scalings = self.scaling, self.unscaling
        if layers.steady:
            scalings = [scaling and scaling.written_out(n_rows) for scaling in scalings]
        inputs = self.inputs[:n_rows]
        output = layers.outputs[self.workspace.last][:n_rows]
        return inputs, bind(self.workspace.forward(inputs)), output, *scalings


def blocks(X, model, part, size=None, *, n_rows=BLOCK_ROWS, raw=False):
    """Send X through a part of the model, a block of rows at a time, as `Pass` does.

    Yield the slice of X and the output of each block, which the next block overwrites: memory
    does not grow with the number of rows.
    """
    n_rows = max(min(n_rows, len(X)), 1)
    steady = len(X) >= MIN_STEADY_BLOCKS * n_rows
    send = Pass(model, part, size, n_rows=n_rows, raw=raw, steady=steady)
    for start in range(0, len(X), n_rows):
        rows = slice(start, min(start + n_rows, len(X)))
        yield rows, send(X[rows])


def each_block(model, X, part, use, size=None):
    """Call `use` with the slice of X and the output of each block.

    Binding the calls of a pass takes longer than sending one row through it: for single rows
    the model keeps what it has bound. Many rows through a large network are spread over
    threads, a piece at a time; so are very many through a small one, in blocks so long that
    threads need not wait for each other.
    """
    if len(X) == 1:
        passes = model.single_row_passes
        if (part, size) not in passes:
            passes[part, size] = Pass(model, part, size, n_rows=1)
        use(slice(0, 1), passes[part, size](X))
        return
    is_large = model.is_large
    is_long = not is_large and len(X) >= MANY_ROWS
    block_rows, piece_rows = BLOCK_ROWS, PIECE_ROWS
    if is_long:
        block_rows, piece_rows = LONG_BLOCK_ROWS, LONG_PIECE_ROWS
    piece_rows *= max(len(X) // (MAX_PIECES * piece_rows), 1)

    def send_piece(start):
        piece = X[start : start + piece_rows]
        for rows, output in blocks(piece, model, part, size, n_rows=block_rows):
            use(slice(start + rows.start, start + rows.stop), output)

    if len(X) <= FEW_ROWS:
        send_piece(0)
        return
    with job_runner() as run_jobs:
        run_jobs = run_jobs if is_large or is_long else run_sequentially
        run_jobs([partial(send_piece, start) for start in range(0, len(X), piece_rows)])


def encode(model, X):
    """Return the code of each row, of the dtype of X."""
    code = np.empty((len(X), model.network.n_components), X.dtype)

    def use(rows, output):
        np.multiply(output, model.code_scale, out=code[rows])

    each_block(model, X, "encode", use)
    return code


def decode(model, code):
    """Return the reconstruction of each code, in the units of the training samples."""
    size = model.n_columns_read(code.shape[1])
    return reconstruct(model, code[:, :size], size, "decode")


def reconstruct(model, X, size=None, part="reconstruct"):
    """Return the reconstruction of each row by the first `size` columns of its code."""
    result = np.empty((len(X), model.network.widths[-1]), X.dtype)

    def use(rows, output):
        result[rows] = output

    each_block(model, X, part, use, size)
    return result


def mean_squared_errors(model, X):
    """Return the mean squared error of each row, in the squared units of X."""
    errors = np.empty(len(X), X.dtype)
    shares = np.full(X.shape[1], 1 / X.shape[1], model.parameters.flat.dtype)

    def use(rows, output):
        output -= X[rows]
        np.multiply(output, output, out=output)
        errors[rows] = output.dot(shares)

    each_block(model, X, "reconstruct", use)
    return errors
