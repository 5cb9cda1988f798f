"""Workspaces: the arrays of a pass through a network, and the calls that fill them.

The calls are bound to their arrays once and then replayed: on small networks, look-ups take a
third of the time of a loop over layers.
"""

from dataclasses import dataclass

import numpy as np

from skae._kernels import clear_missing
from skae._network.extrapolation import ENCODER_SHARES, Fade, OutputFade, is_bounded
from skae._network.scaling import repeat_if_short

TILE_ROWS, MIN_TILED_ROWS = 64, 512
MAX_TILE_PRODUCTS = 10**6  # multiplications in the product of one tile


def pull_in(z, squared_radius, ones, norms, pulled):
    """pulled = z min(1, radius / |z|), row by row."""
    yield np.multiply, z, z, pulled
    yield pulled.dot, ones, norms
    yield np.maximum, norms, squared_radius, norms
    yield np.divide, squared_radius, norms, norms
    yield np.sqrt, norms, norms
    yield np.multiply, z, norms.reshape(-1, 1), pulled


def product(a, W, out):
    """out = a W.

    Many rows are multiplied by a small W in tiles: for these OpenBLAS has kernels that copy
    nothing, which saves a fifth of the time.
    """
    n_rows, n_in = a.shape
    is_small = TILE_ROWS * W.size <= MAX_TILE_PRODUCTS and a.flags.c_contiguous
    if n_rows >= MIN_TILED_ROWS and n_rows % TILE_ROWS == 0 and is_small:
        tiles = (-1, TILE_ROWS)
        yield np.matmul, a.reshape(*tiles, n_in), W, out.reshape(*tiles, W.shape[1])
    else:
        yield a.dot, W, out


def leading_rows(arrays, n_rows):
    return {i: a[:n_rows] for i, a in arrays.items()}


class Layers:
    """Layers `first + 1` to `last`: arrays for up to n_rows samples, and the calls of a pass.

    `outputs`, `scratch` and `path_outputs` hold arrays by the number of the layer, `pulled_in`
    those of `pull_in` by the number of the layer that reads them, and `fades` the `Fade` of the
    code and of the output; a `Workspace` with an input radius fills both. With `repeats_rows=True`
    biases are repeated for every row, which is faster, but the parameters must stay as they are.
    """

    def __init__(self, network, parameters, n_rows, first, last, repeats_rows=False):
        self.network = network
        self.parameters = parameters
        self.repeats_rows = repeats_rows
        dtype = parameters.flat.dtype
        self.outputs = {
            i: np.empty((n_rows, network.widths[i]), dtype) for i in range(first + 1, last + 1)
        }
        self.scratch = {
            i: np.zeros((network.activations[i - 1].n_scratch, *a.shape), dtype)
            for i, a in self.outputs.items()
        }
        self.path_outputs = {
            i: np.empty_like(a)
            for i, a in self.outputs.items()
            if network.linear_path and i in (network.n_encoder_layers, network.n_layers)
        }
        self.pulled_in, self.fades = {}, {}

    def forward(self, first, last, outputs, decoder=0, link=True):
        """Yield the calls that compute `outputs[first + 1]` to `outputs[last]`.

        `link=False` stops before the last activation of the network, but bounds the logits.
        """
        network, n_rows = self.network, len(outputs[first])
        code = network.n_encoder_layers
        path = {code: (0, 0), network.n_layers: (code, 1)}  # layer: (input, matrix) of the path
        for i in range(first + 1, last + 1):
            W, b = self.parameters.layers[network.layer_index(i, decoder)]
            z, inputs = outputs[i], outputs[i - 1]
            if i in self.pulled_in:
                squared_radius, ones, norms, pulled = self.pulled_in[i]
                pulled = pulled[:n_rows]
                yield from pull_in(inputs, squared_radius, ones, norms[:n_rows], pulled)
                inputs = pulled
            yield from product(inputs, W, z)
            bias = repeat_if_short(b, n_rows) if self.repeats_rows else b.reshape(1, -1)
            yield np.add, z, bias, z
            if i in self.path_outputs:
                yield from self._add_path(i, *path[i], outputs, z)
            if not link and i == network.n_layers and is_bounded(network):
                yield from network.output_activation.bound(z)
            elif link or i < network.n_layers:
                scratch = self.scratch[i][:, :n_rows]
                yield from network.activations[i - 1].forward(z, *scratch)
            if i in self.fades and i == network.n_layers:
                yield from self.fades[i].blend(z)

    def _add_path(self, i, source, which, outputs, z):
        code, n_rows = outputs[source], len(z)
        P, path_output = self.parameters.path[which], self.path_outputs[i][:n_rows]
        fade = self.fades.get(i)
        inputs = code
        if fade is not None and source and fade.is_exponential:
            inputs = self.pulled_in[source + 1][-1][:n_rows]
        yield from product(inputs, P[: inputs.shape[1]], path_output)
        if fade is not None and source:
            yield from fade.measure_output(code)
        elif fade is not None:
            yield from fade.measure(code)
            yield np.multiply, z, fade.column(n_rows), z
        yield np.add, z, path_output, z


class Workspace:
    """The arrays and the calls of inference for up to n_rows samples.

    `span` holds the numbers of the outputs that go in and come out, `size` the number of columns of
    the code that are decoded, by default all. `input_radius`, if given, holds the greatest norms of
    inputs and of codes; the layers beside a linear path read what lies further out as if it were at
    that distance. If the model has a box, their outputs fade.
    """

    def __init__(self, model, n_rows, span, size=None, input_radius=None, repeats_rows=False):
        network, parameters = model.network, model.parameters
        self.network = network
        self.first, self.last = span
        self.size = network.n_components if size is None else size
        self.decoder = network.decoder_of(self.size)
        self.n_columns_read = network.decoder_sizes[self.decoder]
        self.layers = Layers(network, parameters, n_rows, *span, repeats_rows)
        dtype = parameters.flat.dtype
        self.padded = None
        if self.size < network.n_components and network.n_encoder_layers in self.layers.outputs:
            self.padded = np.zeros((n_rows, self.n_columns_read), dtype)
        if input_radius is not None and network.linear_path:
            widths = {0: network.widths[0], network.n_encoder_layers: self.n_columns_read}
            for (i, width), radius in zip(widths.items(), input_radius):
                if self.first <= i < self.last:
                    arrays = np.empty(n_rows, dtype), np.empty((n_rows, width), dtype)
                    ones = np.ones(width, dtype)
                    self.layers.pulled_in[i + 1] = radius * radius, ones, *arrays
            if model.box is not None:
                self._add_fades(model, n_rows)

    def _add_fades(self, model, n_rows):
        """Let the code and the output fade to those of PCA: see `Fade`."""
        layers, code, last = self.layers, self.network.n_encoder_layers, self.network.n_layers
        if code in layers.path_outputs:
            layers.fades[code] = Fade(model.box[:2], ENCODER_SHARES, n_rows)
        if last in layers.path_outputs:
            path_output = layers.path_outputs[last]
            layers.fades[last] = OutputFade(model, self.n_columns_read, n_rows, path_output)

    def forward(self, X):
        outputs = {self.first: X} | leading_rows(self.layers.outputs, len(X))
        code = self.network.n_encoder_layers
        if self.padded is None:
            yield from self.layers.forward(self.first, self.last, outputs, self.decoder)
            return
        padded = self.padded[: len(X)]
        yield from self.layers.forward(self.first, code, outputs)
        yield np.multiply, outputs[code][:, : self.size], 1, padded[:, : self.size]
        yield from self.layers.forward(code, self.last, outputs | {code: padded}, self.decoder)


@dataclass(frozen=True)
class DecoderBatch:
    """The rows of a batch that one decoder reads.

    `sizes` has shape (n_rows, 1) and holds the size to which each code is truncated, or is None.
    """

    rows: slice
    decoder: int = 0
    sizes: np.ndarray | None = None

    def __len__(self):
        return self.rows.stop - self.rows.start


class TrainingWorkspace:
    """The arrays and the calls of a training step: forward, loss, and backward into `gradient`.

    A batch is encoded, then decoded by one decoder after the other, forward and backward. Their
    deltas of the code are added up and go back through the encoder once. With an `encoder`, another
    workspace, this one is for decoders alone: it reads its code and writes into its gradient, but
    has a delta of the code of its own.
    """

    def __init__(self, network, parameters, n_rows, encoder=None):
        code, last = network.n_encoder_layers, network.n_layers
        self.network = network
        self.layers = Layers(network, parameters, n_rows, 0 if encoder is None else code, last)
        outputs = self.layers.outputs
        dtype = parameters.flat.dtype
        self.gradient = parameters.empty_like() if encoder is None else encoder.gradient
        self.deltas = {i: np.empty_like(a) for i, a in outputs.items()}
        if encoder is not None:
            outputs[code] = encoder.layers.outputs[code]
            self.deltas[code] = np.empty_like(encoder.deltas[code])
        self.deltas_are_bias_gradients = n_rows == 1 and not network.nested  # 6 % of such a step
        if self.deltas_are_bias_gradients:
            for i, (_, db) in enumerate(self.gradient.layers, start=1):
                self.deltas[i] = db.reshape(1, -1)
        self.errors = np.empty_like(outputs[last])
        self.ones = np.ones(n_rows, dtype)
        self.feature_shares = np.full(network.widths[-1], 1 / network.widths[-1], dtype)
        self.column_numbers = np.arange(network.n_components, dtype=dtype).reshape(1, -1)
        self.truncated = [
            {name: np.empty((n_rows, size), dtype) for name in ("code", "mask", "delta", "path")}
            for size in network.decoder_sizes
            if network.nested
        ]

    @property
    def parameters(self):
        return self.layers.parameters

    def code(self, n_rows):
        i = self.network.n_encoder_layers
        return self.layers.outputs[i][:n_rows], self.deltas[i][:n_rows]

    def encode(self, X):
        outputs = {0: X} | leading_rows(self.layers.outputs, len(X))
        yield from self.layers.forward(0, self.network.n_encoder_layers, outputs)

    def init_bends(self, weight):
        """Return two arrays for `straighten`, and the weight of each column of the code.

        As the rows of P_1 are orthogonal, that is the squared length of its row.
        """
        code, P = self.layers.outputs[self.network.n_encoder_layers], self.parameters.path[1]
        factors = np.square(P).sum(axis=1) * (weight / 2 / P.shape[1])
        return np.empty_like(code), np.empty_like(code), factors.astype(P.dtype)

    def measure_bends(self, bends):
        """bends = code - X P_0, after `encode`."""
        code, _ = self.code(len(bends))
        path_output = self.layers.path_outputs[self.network.n_encoder_layers][: len(bends)]
        yield np.subtract, code, path_output, bends

    def straighten(self, bends, scaled, factors, shares):
        """code_delta += the derivative of the loss weight sum_i shares_i |bends_i P_1|**2 / 2n.

        n is the number of features. The loss is the inner product of `bends` and `scaled`.
        """
        _, delta = self.code(len(bends))
        yield np.multiply, bends, factors, scaled
        yield np.multiply, scaled, shares, scaled
        yield np.add, delta, scaled, delta
        yield np.add, delta, scaled, delta

    def clear_code_delta(self, n_rows):
        """Yield the call that sets the delta of the code to zero, before decoders add theirs."""
        yield np.add, 0, 0, self.code(n_rows)[1]

    def decode(self, batch, target, losses, share=None, incomplete=False):
        """Yield the calls that decode a batch and compare it with the target, after `encode`.

        They write the loss of each sample to `losses`; with a `share`, which needs a loss with
        `sums`, the share times the sum of the losses. Cells of an `incomplete` target that are NaN
        have no loss.
        """
        network, n_rows = self.network, len(batch)
        loss, last, code = network.loss, network.n_layers, network.n_encoder_layers
        outputs = leading_rows(self.layers.outputs, n_rows)
        outputs[code] = self.layers.outputs[code][batch.rows]
        if batch.sizes is not None:
            truncated = leading_rows(self.truncated[batch.decoder], n_rows)
            n_columns = truncated["code"].shape[1]
            columns = self.column_numbers[:, :n_columns]
            yield np.greater, batch.sizes, columns, truncated["mask"]
            yield np.multiply, outputs[code][:, :n_columns], truncated["mask"], truncated["code"]
            outputs[code] = truncated["code"]
        yield from self.layers.forward(code, last, outputs, batch.decoder, link=not loss.fused)
        errors, delta = self.errors[:n_rows], self.deltas[last][:n_rows]
        if share is not None:
            share = share / network.widths[-1]
            yield from loss.sum_and_delta(target, outputs[last], share, losses, delta)
            return
        yield from loss.errors_and_delta(target, outputs[last], errors, delta)
        if incomplete:
            yield clear_missing, target, errors
            yield clear_missing, target, delta
        yield errors.dot, self.feature_shares, losses

    def decode_backward(self, batch, column):
        """Yield the calls that go back from the output to the delta of the code, after `decode`.

        `column` holds factors of the samples' deltas, or one number.
        """
        network, n_rows = self.network, len(batch)
        n_layers, code = network.n_layers, network.n_encoder_layers
        outputs = leading_rows(self.layers.outputs, n_rows)
        deltas = leading_rows(self.deltas, n_rows)
        outputs[code] = self.layers.outputs[code][batch.rows]
        deltas[code] = code_delta = self.deltas[code][batch.rows]
        path_delta = self.layers.path_outputs.get(code)
        if batch.sizes is not None:
            truncated = leading_rows(self.truncated[batch.decoder], n_rows)
            outputs[code], deltas[code] = truncated["code"], truncated["delta"]
            path_delta = truncated["path"]
        delta = deltas[n_layers]
        yield np.multiply, delta, column, delta
        yield from self.layers_backward(code, n_layers, outputs, deltas, batch.decoder)
        if network.linear_path:
            P, path_delta = self.parameters.path[1], path_delta[:n_rows]
            yield delta.dot, P[: outputs[code].shape[1]].T, path_delta
            yield np.add, deltas[code], path_delta, deltas[code]
        if batch.sizes is not None:
            code_delta = code_delta[:, : outputs[code].shape[1]]
            yield np.multiply, deltas[code], truncated["mask"], deltas[code]
            yield np.add, code_delta, deltas[code], code_delta

    def encode_backward(self, X, penalty=None, fixed=False):
        """Yield the calls that go back from the delta of the code and complete the gradient.

        `penalty` is called with the code and its delta first. A `fixed` encoder's gradient is zero.
        """
        n_rows, n_encoder_layers = len(X), self.network.n_encoder_layers
        if penalty is not None:
            yield penalty, *self.code(n_rows)
        if fixed:
            for gradients in self.gradient.layers[:n_encoder_layers]:
                for gradient in gradients:
                    yield np.add, 0, 0, gradient
            return
        outputs = {0: X} | leading_rows(self.layers.outputs, n_rows)
        deltas = leading_rows(self.deltas, n_rows)
        yield from self.layers_backward(0, n_encoder_layers, outputs, deltas)

    def layers_backward(self, first, last, outputs, deltas, decoder=0):
        network, n_rows = self.network, len(deltas[last])
        ones = self.ones[:n_rows]
        for i in range(last, first, -1):
            k = network.layer_index(i, decoder)
            (W, _), (dW, db) = self.parameters.layers[k], self.gradient.layers[k]
            delta = deltas[i]
            if i < network.n_layers or not network.loss.fused:
                scratch = self.layers.scratch[i][:, :n_rows]
                yield from network.activations[i - 1].backward(outputs[i], delta, *scratch)
            yield outputs[i - 1].T.dot, delta, dW
            if not self.deltas_are_bias_gradients:
                yield ones.dot, delta, db
            if i > 1:
                yield delta.dot, W.T, deltas[i - 1]
