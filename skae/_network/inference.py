"""Blockwise inference: encode, decode or reconstruct any number of rows with a model."""

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from skae._kernels import bind, spurious_ignored
from skae._network.network import Network, Parameters, build
from skae._network.scaling import Scaling, identity_scaling
from skae._network.workspace import Workspace
from skae._parallel import MANY_PARAMETERS, job_runner, run_sequentially
from skae._sparse import block_rows

FEW_ROWS = 100  # up to which threads are not used
BLOCK_ROWS, PIECE_ROWS = 512, 4096  # pieces are whole blocks, so that they change no result
MIN_BLOCK_ROWS, MAX_BLOCK_NUMBERS = 32, 2**18  # of a layer that a block is sent through
MANY_ROWS, LONG_BLOCK_ROWS, LONG_PIECE_ROWS = 2**15, 2048, 2**14  # for small networks
MAX_PIECES = 16
ONE_ROW = slice(0, 1)
MIN_REPEATING_BLOCKS = 4  # for fewer it does not pay to repeat biases and scalings


@dataclass
class Model:
    """A network with its parameters and scalings: all that inference needs.

    `spec` is the dict that describes the network. `code_scale` times its code is what users see:
    one number, or one for each column of a whitened code. `input_radius` holds the greatest norms
    of inputs and of codes that the layers read as they are, None before it is measured.
    `columns_read[j - 1]` is the number of columns that are decoded of a nested code of j columns;
    None stands for all. `box` holds the lowest and highest inputs and PCA's lowest and highest
    outputs, scaled: see `Fade`. None where nothing fades.
    """

    spec: dict
    parameters: Parameters
    scaling: Scaling
    code_scale: np.ndarray | None = None
    input_radius: np.ndarray | None = None
    columns_read: list | None = None
    box: np.ndarray | None = None
    network: Network = field(init=False)
    target_scaling: Scaling = field(init=False)
    single_row_passes: dict = field(init=False, default_factory=dict)

    def __post_init__(self):
        self.network = build(self.spec)
        self.target_scaling = self.scaling
        if not self.network.output_activation.is_identity:  # then targets are in the units of X
            mean = self.scaling.mean
            self.target_scaling = identity_scaling(len(mean), mean.dtype)

    def with_spec(self, **changes):
        return replace(self, spec=self.spec | changes)

    @property
    def bounds(self):
        bounds = self.spec.get("bounds")
        return None if bounds is None else np.array(bounds) * self.scaling.scale + self.scaling.mean

    @property
    def plain_layers(self):
        layers = self.parameters.layers
        return layers[: self.network.n_layers] if self.network.is_variational else layers

    @property
    def is_large(self):
        """Return whether it is faster to send rows through the model in threads."""
        return self.parameters.flat.size > MANY_PARAMETERS

    def n_measured(self, n_most):
        """Return how many of n_most samples to measure a fitted model on.

        They are fewer for a large network, where a sample takes more time, but at least a tenth.
        """
        n_affordable = n_most * MANY_PARAMETERS // self.parameters.flat.size
        return min(n_most, max(n_affordable, n_most // 10))

    def code_scale_of(self, size):
        return self.code_scale[:size] if self.code_scale.ndim else self.code_scale

    def n_columns_read(self, size):
        return size if self.columns_read is None else self.columns_read[size - 1]


def make_model(spec, theta, *others):
    """Return the Model of a spec, the vector of its parameters, and its other fields in order."""
    return Model(spec, build(spec).parameters(theta), *others)


class Pass:
    """A pass through a model for up to n_rows rows at a time; its calls are bound once.

    `part` is "encode", "decode" or "reconstruct". With `raw=True` codes and outputs are those of
    the network, unscaled, and no input radius applies. Otherwise codes to decode are divided by
    `code_scale`, and outputs are in the units of X. An encoded code is never multiplied by
    `code_scale`: that is left to the caller.
    """

    def __init__(self, model, part, size=None, *, n_rows, raw=False, repeats_rows=False):
        network, dtype = model.network, model.parameters.flat.dtype
        code = network.n_encoder_layers
        span = {
            "encode": (0, code),
            "decode": (code, network.n_layers),
            "reconstruct": (0, network.n_layers),
        }[part]
        radius = None if raw else model.input_radius
        self.workspace = Workspace(model, n_rows, span, size, radius, repeats_rows)
        self.input_scaling, width = model.scaling, network.widths[0]
        if part == "decode":
            n_columns = network.n_components if size is None else size
            self.input_scaling = identity_scaling(n_columns, dtype)
            if not raw:
                self.input_scaling = Scaling(
                    self.input_scaling.mean, model.code_scale_of(n_columns)
                )
            width = self.workspace.n_columns_read
        self.output_scaling = None if raw or part == "encode" else model.target_scaling
        self.inputs = np.zeros((n_rows, width), dtype)
        self.bound_calls = {}

    def __call__(self, rows):
        """Return the output for the rows, an array that the next call overwrites."""
        n_rows = len(rows)
        if n_rows not in self.bound_calls:
            self.bound_calls[n_rows] = self._bind(n_rows)
        inputs, calls, output, input_scaling, output_scaling = self.bound_calls[n_rows]
        input_scaling.apply(rows, inputs[:, : rows.shape[1]])
        for call in calls:
            call()
        if output_scaling is not None:
            output_scaling.undo(output)
        return output

    def _bind(self, n_rows):
        """Return inputs, calls, output and both scalings for blocks of n_rows rows."""
        layers = self.workspace.layers
        scalings = self.input_scaling, self.output_scaling
        if layers.repeats_rows:
            scalings = [scaling and scaling.repeated(n_rows) for scaling in scalings]
        inputs = self.inputs[:n_rows]
        output = layers.outputs[self.workspace.last][:n_rows]
        return inputs, bind(self.workspace.forward(inputs)), output, *scalings


def blocks(X, model, part, size=None, *, n_rows=BLOCK_ROWS, raw=False):
    """Send X through a part of the model, a block of rows at a time: see `Pass`.

    Yield the slice of X and the output of each block, which the next block overwrites.
    """
    while n_rows > MIN_BLOCK_ROWS and n_rows * max(model.network.widths) > MAX_BLOCK_NUMBERS:
        n_rows //= 2  # so that blocks of wide samples are not large either
    n_rows = max(min(block_rows(X, n_rows), len(X)), 1)
    repeats_rows = len(X) >= MIN_REPEATING_BLOCKS * n_rows
    send = Pass(model, part, size, n_rows=n_rows, raw=raw, repeats_rows=repeats_rows)
    for start in range(0, len(X), n_rows):
        rows = slice(start, min(start + n_rows, len(X)))
        yield rows, send(X[rows])


def send_row(model, X, part, size=None):
    """Return the output for one row, an array that the next call overwrites."""
    key = part, size
    passes = model.single_row_passes
    if key not in passes:
        passes[key] = Pass(model, part, size, n_rows=1)
    return passes[key](X)


def each_block(model, X, part, use, size=None):
    """Call `use` with the slice of X and the output of each block, under `spurious_ignored`.

    To bind the calls of a pass takes longer than to send one row through it: the model keeps its
    passes for single rows. More than 100 rows of a large network are shared among threads, a
    piece at a time. So are very many rows of a small one, in blocks so long that threads hardly
    wait for each other.
    """
    if len(X) == 1:
        use(ONE_ROW, send_row(model, X, part, size))
        return
    is_large = model.is_large
    is_long = not is_large and len(X) >= MANY_ROWS
    n_block_rows, piece_rows = BLOCK_ROWS, PIECE_ROWS
    if is_long:
        n_block_rows, piece_rows = LONG_BLOCK_ROWS, LONG_PIECE_ROWS
    piece_rows *= max(len(X) // (MAX_PIECES * piece_rows), 1)

    @spurious_ignored()
    def send_piece(start):
        piece = X[start : start + piece_rows]
        for rows, output in blocks(piece, model, part, size, n_rows=n_block_rows):
            use(slice(start + rows.start, start + rows.stop), output)

    if len(X) <= FEW_ROWS:
        send_piece(0)
        return
    with job_runner() as run_jobs:
        run_jobs = run_jobs if is_large or is_long else run_sequentially
        run_jobs([partial(send_piece, start) for start in range(0, len(X), piece_rows)])


def encode(model, X):
    code = np.empty((len(X), model.network.n_components), X.dtype)
    if len(X) == 1:
        return np.multiply(send_row(model, X, "encode"), model.code_scale, out=code)

    def use(rows, output):
        np.multiply(output, model.code_scale, out=code[rows])

    each_block(model, X, "encode", use)
    return code


def decode(model, code):
    size = model.n_columns_read(code.shape[1])
    return reconstruct(model, code[:, :size], size, "decode")


def reconstruct(model, X, size=None, part="reconstruct"):
    """Return the reconstruction of each sample from the first `size` columns of its code."""
    result = np.empty((len(X), model.network.widths[-1]), X.dtype)

    def use(rows, output):
        result[rows] = output

    each_block(model, X, part, use, size)
    return result


def mean_squared_errors(model, X):
    errors = np.empty(len(X), X.dtype)
    shares = np.full(X.shape[1], 1 / X.shape[1], model.parameters.flat.dtype)

    def use(rows, output):
        output -= X[rows]
        np.multiply(output, output, out=output)
        errors[rows] = output.dot(shares)

    each_block(model, X, "reconstruct", use)
    return errors
