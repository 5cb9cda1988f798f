"""What an autoencoder is, and how a batch goes through it and back.

Layer i computes `outputs[i] = f_i(outputs[i - 1] W_i + b_i)`, and `outputs[0]` is X. With a
linear path the code gains `X P_0` before its activation and the last layer gains `code P_1`
before its own. The path is given, not trained: what it misses is the layers' to learn. Once
that is done, rows and codes beyond the reach of what was learned are drawn in to it for the
layers, not for the path: far out, what the network adds to PCA stays as large as it has been.

A nested network reads codes of any size, that is their first columns: it has one encoder, and
a decoder for the whole code and for each of some sizes below it. Codes between two of these
sizes go to the larger decoder, with zeros for the columns that they lack.
"""

from dataclasses import dataclass

import numpy as np

from skae._network.nested import sizes_of_decoders
from skae._network.parameters import Parameters, count_parameters
from skae._network.scaling import written_out
from skae.activations import Activation
from skae.losses import Loss

FEW, MANY = 64, 512  # rows of a product
SMALL = 10**6  # numbers that are multiplied in one product


@dataclass(frozen=True)
class Network:
    """Widths from input to output, one activation a layer, and which output is the code."""

    widths: tuple[int, ...]
    activations: tuple[Activation, ...]
    n_encoder_layers: int
    linear_path: bool
    loss: Loss
    nested: bool = False

    @property
    def n_layers(self):
        return len(self.activations)

    @property
    def n_components(self):
        return self.widths[self.n_encoder_layers]

    @property
    def latent_activation(self):
        return self.activations[self.n_encoder_layers - 1]

    @property
    def output_activation(self):
        return self.activations[-1]

    @property
    def decoder_sizes(self):
        """How many columns of the code each decoder reads: all of them, then less and less."""
        return sizes_of_decoders(self.n_components) if self.nested else (self.n_components,)

    @property
    def watched_sizes(self):
        """Sizes of code that stand for all: the largest and the least of each decoder."""
        least = {size + 1 for size in self.decoder_sizes[1:]} - set(self.decoder_sizes)
        return self.decoder_sizes + tuple(sorted(least, reverse=True))

    @property
    def watched_by_decoder(self):
        """Of each decoder where the sizes that it is for are among those that are watched."""
        decoders = [self.decoder_of(size) for size in self.watched_sizes]
        return [
            [i for i, decoder in enumerate(decoders) if decoder == k]
            for k in range(len(self.decoder_sizes))
        ]

    def decoder_of(self, size):
        """Which decoder reads codes of a size: the narrowest that reads them all."""
        return sum(size <= columns for columns in self.decoder_sizes) - 1

    def layer(self, i, decoder=0):
        """Where the parameters of layer i are, the encoder's or a decoder's."""
        n_before = decoder * (self.n_layers - self.n_encoder_layers)
        return i - 1 + (n_before if i > self.n_encoder_layers else 0)

    @property
    def shapes(self):
        pairs = tuple(zip(self.widths, self.widths[1:]))
        shapes = pairs[: self.n_encoder_layers]
        (_, width), *others = pairs[self.n_encoder_layers :]
        for size in self.decoder_sizes:
            shapes += ((size, width), *others)
        return shapes

    @property
    def path_shapes(self):
        n_features, n_components = self.widths[0], self.n_components
        both = ((n_features, n_components), (n_components, n_features))
        return both if self.linear_path else ()

    @property
    def n_parameters(self):
        return count_parameters(self.shapes, self.path_shapes)

    @property
    def n_parameters_of_a_row(self):
        """How many parameters a step computes with for each row, about."""
        n_parameters = count_parameters(self.shapes[: self.n_layers], self.path_shapes)
        return 2 * n_parameters if self.nested else n_parameters

    def parameters(self, flat):
        """Return the views of a vector that this network computes with."""
        return Parameters(self.shapes, self.path_shapes, flat)


def draw_in(z, square, ones, norms, near):
    """near = z min(1, sqrt(square) / |z|), row by row."""
    yield np.multiply, z, z, near
    yield near.dot, ones, norms
    yield np.maximum, norms, square, norms
    yield np.divide, square, norms, norms
    yield np.sqrt, norms, norms
    yield np.multiply, z, norms.reshape(-1, 1), near


def product(a, W, out):
    """Yield the call of out = a W.

    Many rows go through a small layer a few at a time: OpenBLAS then has kernels that copy
    nothing, which take a fifth off.
    """
    n_rows, n_in = a.shape
    if n_rows >= MANY and n_rows % FEW == 0 and FEW * W.size <= SMALL and a.flags.c_contiguous:
        yield np.matmul, a.reshape(-1, FEW, n_in), W, out.reshape(-1, FEW, W.shape[1])
    else:
        yield a.dot, W, out


class Workspace:
    """Room for the layers `first` to `last` on up to n_rows rows, and the calls of a pass.

    The calls are bound to their arrays once and then replayed: on small networks a third of
    the time of a loop over layers goes into looking things up. `size` says how many columns
    of the code are decoded, all of them by default. `reach`, if given, are the greatest norms
    of rows and of codes that layers beside a linear path are to read. With `steady=True` the
    parameters stay as they are: biases are written out for every row.
    """

    def __init__(
        self, network, parameters, n_rows, first=0, last=None, size=None, reach=None, steady=False
    ):
        self.network = network
        self.parameters = parameters
        self.steady = steady
        self.first = first
        self.last = network.n_layers if last is None else last
        self.size = network.n_components if size is None else size
        self.decoder = network.decoder_of(self.size)
        self.n_columns_read = network.decoder_sizes[self.decoder]
        dtype = parameters.flat.dtype
        self.outputs = {
            i + 1: np.empty((n_rows, network.widths[i + 1]), dtype)
            for i in range(self.first, self.last)
        }
        self.scratch = {
            i: np.zeros((network.activations[i - 1].n_scratch, *a.shape), dtype)
            for i, a in self.outputs.items()
        }
        self.path_room = {
            i: np.empty_like(a)
            for i, a in self.outputs.items()
            if network.linear_path and i in (network.n_encoder_layers, network.n_layers)
        }
        self.cut = None
        if self.size < network.n_components and network.n_encoder_layers in self.outputs:
            self.cut = np.zeros((n_rows, self.n_columns_read), dtype)
        self.near = {}
        if reach is not None and network.linear_path:
            widths = {0: network.widths[0], network.n_encoder_layers: self.n_columns_read}
            for (i, width), limit in zip(widths.items(), reach):
                if self.first <= i < self.last:
                    room = np.empty(n_rows, dtype), np.empty((n_rows, width), dtype)
                    self.near[i + 1] = limit * limit, np.ones(width, dtype), *room

    def forward(self, X):
        """Yield the calls of the pass over X, which leave the result in `outputs[last]`."""
        outputs = {self.first: X} | self._rows(self.outputs, len(X))
        code = self.network.n_encoder_layers
        if self.cut is None:
            yield from self._layers(self.first, self.last, outputs, self.decoder)
            return
        cut = self.cut[: len(X)]
        yield from self._layers(self.first, code, outputs)
        yield np.multiply, outputs[code][:, : self.size], 1, cut[:, : self.size]
        yield from self._layers(code, self.last, outputs | {code: cut}, self.decoder)

    def _layers(self, first, last, outputs, decoder=0, link=True):
        """Yield the calls that compute `outputs[first + 1]` to `outputs[last]`.

        `link=False` stops before the last activation of the network.
        """
        network, n_rows = self.network, len(outputs[first])
        path = {network.n_encoder_layers: (0, 0), network.n_layers: (network.n_encoder_layers, 1)}
        for i in range(first + 1, last + 1):
            W, b = self.parameters.layers[network.layer(i, decoder)]
            z, read = outputs[i], outputs[i - 1]
            if i in self.near:
                square, ones, norms, near = self.near[i]
                near = near[:n_rows]
                yield from draw_in(read, square, ones, norms[:n_rows], near)
                read = near
            yield from product(read, W, z)
            yield np.add, z, self._bias(b, n_rows), z
            if i in self.path_room:
                source, which = path[i]
                P, room = self.parameters.path[which], self.path_room[i][:n_rows]
                yield from product(outputs[source], P[: outputs[source].shape[1]], room)
                yield np.add, z, room, z
            if link or i < network.n_layers:
                yield from network.activations[i - 1].forward(z, *self._scratch(i, n_rows))

    def _bias(self, b, n_rows):
        return written_out(b, n_rows) if self.steady else b.reshape(1, -1)

    def _rows(self, arrays, n_rows):
        return {i: a[:n_rows] for i, a in arrays.items()}

    def _scratch(self, i, n_rows):
        return [a[:n_rows] for a in self.scratch[i]]


@dataclass(frozen=True)
class Reading:
    """What a decoder reads of a batch: some of its rows, each code cut to the row's size.

    `sizes` has a row's size in each row, or is None where nothing is cut.
    """

    rows: slice
    decoder: int = 0
    sizes: np.ndarray | None = None

    def __len__(self):
        return self.rows.stop - self.rows.start


class TrainingWorkspace(Workspace):
    """A workspace for whole steps: forward, loss, and backward into `gradient`.

    A batch is encoded, then read by one decoder after the other, forward and backward, and
    their gradients by the code go back through the encoder together. A workspace `beside`
    another one has room for decoders alone: it reads the code of the other and writes into its
    gradient, but keeps the delta of the code to itself.
    """

    def __init__(self, network, parameters, n_rows, beside=None):
        code = network.n_encoder_layers
        super().__init__(network, parameters, n_rows, first=0 if beside is None else code)
        dtype = parameters.flat.dtype
        self.gradient = parameters.empty_like() if beside is None else beside.gradient
        self.deltas = {i: np.empty_like(a) for i, a in self.outputs.items()}
        if beside is not None:
            self.outputs[code] = beside.outputs[code]
            self.deltas[code] = np.empty_like(beside.deltas[code])
        self.is_single = n_rows == 1 and not network.nested
        if self.is_single:  # its deltas are the gradients of the biases
            for i, (_, db) in enumerate(self.gradient.layers, start=1):
                self.deltas[i] = db.reshape(1, -1)
        self.errors = np.empty_like(self.outputs[network.n_layers])
        self.ones_over_rows = np.ones(n_rows, dtype)
        self.feature_shares = np.full(network.widths[-1], 1 / network.widths[-1], dtype)
        self.columns = np.arange(network.n_components, dtype=dtype).reshape(1, -1)
        self.read_room = [
            {name: np.empty((n_rows, size), dtype) for name in ("code", "mask", "delta", "path")}
            for size in network.decoder_sizes
            if network.nested
        ]

    def encode(self, X):
        """Yield the calls that leave the code of X in its output."""
        code = self.network.n_encoder_layers
        yield from self._layers(0, code, {0: X} | self._rows(self.outputs, len(X)))

    def begin_delta(self, n_rows):
        """Yield the call that leaves no delta beside the code, for decoders to add theirs."""
        yield np.add, 0, 0, self.code(n_rows)[1]

    def read(self, reading, target, found, share=None):
        """Yield the calls, after those of `encode`, that decode and compare with the target.

        Each row's loss is left in `found`; or with a `share` their sum, times the share, which
        takes a loss that `sums`.
        """
        network, n_rows = self.network, len(reading)
        loss, last, code = network.loss, network.n_layers, network.n_encoder_layers
        outputs = self._rows(self.outputs, n_rows)
        outputs[code] = self.outputs[code][reading.rows]
        if reading.sizes is not None:
            room = self._rows(self.read_room[reading.decoder], n_rows)
            read, mask = room["code"], room["mask"]
            n_columns = read.shape[1]
            yield np.greater, reading.sizes, self.columns[:, :n_columns], mask
            yield np.multiply, outputs[code][:, :n_columns], mask, read
            outputs[code] = read
        yield from self._layers(code, last, outputs, reading.decoder, link=not loss.fused)
        errors, delta = self.errors[:n_rows], self.deltas[last][:n_rows]
        if share is not None:
            share = share / network.widths[-1]
            yield from loss.sum_and_delta(target, outputs[last], share, found, delta)
            return
        yield from loss.errors_and_delta(target, outputs[last], errors, delta)
        yield errors.dot, self.feature_shares, found

    def code(self, n_rows):
        """Return the code of the last forward pass, and room for its delta."""
        i = self.network.n_encoder_layers
        return self.outputs[i][:n_rows], self.deltas[i][:n_rows]

    def read_backward(self, reading, column):
        """Yield the calls that follow those of `read`, down to the delta of the code.

        `column` scales the rows' deltas: an array of shape (n_rows, 1) or one number.
        """
        network, n_rows = self.network, len(reading)
        n_layers, code = network.n_layers, network.n_encoder_layers
        outputs, deltas = (self._rows(a, n_rows) for a in (self.outputs, self.deltas))
        outputs[code], deltas[code] = (a[code][reading.rows] for a in (self.outputs, self.deltas))
        total, room = deltas[code], {"path": self.path_room.get(code)}
        if reading.sizes is not None:
            room = self._rows(self.read_room[reading.decoder], n_rows)
            outputs[code], deltas[code] = room["code"], room["delta"]
        delta = deltas[n_layers]
        yield np.multiply, delta, column, delta
        yield from self._layers_backward(code, n_layers, outputs, deltas, reading.decoder)
        if network.linear_path:
            P, path_room = self.parameters.path[1], room["path"][:n_rows]
            yield delta.dot, P[: outputs[code].shape[1]].T, path_room
            yield np.add, deltas[code], path_room, deltas[code]
        if reading.sizes is not None:
            part = total[:, : outputs[code].shape[1]]
            yield np.multiply, deltas[code], room["mask"], deltas[code]
            yield np.add, part, deltas[code], part

    def encode_backward(self, X, penalty=None, fixed=False):
        """Yield the calls from the delta of the code back: the gradient is then in `gradient`.

        `penalty`, if given, is called with the code and its delta. A `fixed` encoder has the
        gradient zero.
        """
        outputs = {0: X} | self._rows(self.outputs, len(X))
        if penalty is not None:
            yield penalty, *self.code(len(X))
        if fixed:
            for gradients in self.gradient.layers[: self.network.n_encoder_layers]:
                for gradient in gradients:
                    yield np.add, 0, 0, gradient
            return
        deltas = self._rows(self.deltas, len(X))
        yield from self._layers_backward(0, self.network.n_encoder_layers, outputs, deltas)

    def _layers_backward(self, first, last, outputs, deltas, decoder=0):
        """Yield the calls that turn `deltas[last]` into gradients and `deltas[first]`."""
        network, n_rows = self.network, len(deltas[last])
        ones = self.ones_over_rows[:n_rows]
        for i in range(last, first, -1):
            k = network.layer(i, decoder)
            (W, _), (dW, db) = self.parameters.layers[k], self.gradient.layers[k]
            delta = deltas[i]
            if i < network.n_layers or not network.loss.fused:
                scratch = self._scratch(i, n_rows)
                yield from network.activations[i - 1].backward(outputs[i], delta, *scratch)
            yield outputs[i - 1].T.dot, delta, dW
            if not self.is_single:
                yield ones.dot, delta, db
            if i > 1:
                yield delta.dot, W.T, deltas[i - 1]
