"""What an autoencoder is, and how a batch goes through it and back.

Layer i computes `outputs[i] = f_i(outputs[i - 1] W_i + b_i)`, and `outputs[0]` is X. With a
linear path the code gains `X P_0` before its activation and the last layer gains `code P_1`
before its own. The path is given, not trained: what it misses is the layers' to learn.
"""

from dataclasses import dataclass

import numpy as np

from skae._calls import bind
from skae._parameters import Parameters, count_parameters
from skae.activations import Activation
from skae.losses import Loss


@dataclass(frozen=True)
class Network:
    """Widths from input to output, one activation a layer, and which output is the code."""

    widths: tuple[int, ...]
    activations: tuple[Activation, ...]
    n_encoder_layers: int
    linear_path: bool
    loss: Loss

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
    def shapes(self):
        return tuple(zip(self.widths, self.widths[1:]))

    @property
    def path_shapes(self):
        n_features, n_components = self.widths[0], self.n_components
        both = ((n_features, n_components), (n_components, n_features))
        return both if self.linear_path else ()

    @property
    def n_parameters(self):
        return count_parameters(self.shapes, self.path_shapes)

    def parameters(self, flat):
        """Return the views of a vector that this network computes with."""
        return Parameters(self.shapes, self.path_shapes, flat)


class Workspace:
    """Room for the layers `first` to `last` on up to n_rows rows, and the calls of a pass.

    The calls are bound to their arrays once and then replayed: on small networks a third of
    the time of a loop over layers goes into looking things up.
    """

    def __init__(self, network, parameters, n_rows, first=0, last=None):
        self.network = network
        self.parameters = parameters
        self.first = first
        self.last = network.n_layers if last is None else last
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

    def forward(self, X, link=True):
        """Yield the calls of the pass over X; `link=False` stops before the last activation.

        They leave the result in the first rows of `outputs[last]`.
        """
        network, n_rows = self.network, len(X)
        outputs = {self.first: X} | self._rows(self.outputs, n_rows)
        path = {network.n_encoder_layers: (0, 0), network.n_layers: (network.n_encoder_layers, 1)}
        for i in range(self.first + 1, self.last + 1):
            W, b = self.parameters.layers[i - 1]
            z = outputs[i]
            yield outputs[i - 1].dot, W, z
            yield np.add, z, b.reshape(1, -1), z
            if i in self.path_room:
                source, which = path[i]
                room = self.path_room[i][:n_rows]
                yield outputs[source].dot, self.parameters.path[which], room
                yield np.add, z, room, z
            if link or i < network.n_layers:
                yield from network.activations[i - 1].forward(z, *self._scratch(i, n_rows))

    def _rows(self, arrays, n_rows):
        return {i: a[:n_rows] for i, a in arrays.items()}

    def _scratch(self, i, n_rows):
        return [a[:n_rows] for a in self.scratch[i]]


class TrainingWorkspace(Workspace):
    """A workspace for whole steps: forward, loss, and backward into `gradient`."""

    def __init__(self, network, parameters, n_rows):
        super().__init__(network, parameters, n_rows)
        dtype = parameters.flat.dtype
        self.gradient = parameters.empty_like()
        self.deltas = {i: np.empty_like(a) for i, a in self.outputs.items()}
        self.errors = np.empty_like(self.outputs[network.n_layers])
        self.row_errors = np.empty(n_rows, dtype)
        self.ones_over_rows = np.ones(n_rows, dtype)
        self.feature_shares = np.full(network.widths[-1], 1 / network.widths[-1], dtype)

    def loss(self, X, target):
        """Yield the calls of the pass over X and the loss: each row's is in `row_errors`."""
        loss, last = self.network.loss, self.network.n_layers
        output, delta = self.outputs[last][: len(X)], self.deltas[last][: len(X)]
        errors = self.errors[: len(X)]
        yield from self.forward(X, link=not loss.fused)
        yield from loss.errors_and_delta(target, output, errors, delta)
        yield errors.dot, self.feature_shares, self.row_errors[: len(X)]

    def code(self, n_rows):
        """Return the code of the last forward pass, and room for its delta."""
        i = self.network.n_encoder_layers
        return self.outputs[i][:n_rows], self.deltas[i][:n_rows]

    def backward(self, X, column, penalty=None):
        """Yield the calls that follow those of `loss` and leave the gradient in `gradient`.

        `column` scales the rows' deltas: an array of shape (n_rows, 1) or one number.
        `penalty`, if given, is called with the code and its delta.
        """
        network, parameters, n_rows = self.network, self.parameters, len(X)
        n_layers, code = network.n_layers, network.n_encoder_layers
        outputs = {0: X} | self._rows(self.outputs, n_rows)
        deltas = self._rows(self.deltas, n_rows)
        ones = self.ones_over_rows[:n_rows]
        yield np.multiply, deltas[n_layers], column, deltas[n_layers]
        for i in range(n_layers, 0, -1):
            (W, _), (dW, db) = parameters.layers[i - 1], self.gradient.layers[i - 1]
            delta = deltas[i]
            if i < n_layers or not network.loss.fused:
                scratch = self._scratch(i, n_rows)
                yield from network.activations[i - 1].backward(outputs[i], delta, *scratch)
            yield outputs[i - 1].T.dot, delta, dW
            yield ones.dot, delta, db
            if i > 1:
                yield delta.dot, W.T, deltas[i - 1]
            if i - 1 == code and network.linear_path:
                room = self.path_room[code][:n_rows]
                yield deltas[n_layers].dot, parameters.path[1].T, room
                yield np.add, deltas[code], room, deltas[code]
            if i - 1 == code and penalty is not None:
                yield penalty, outputs[code], deltas[code]


class Pass:
    """Sends up to n_rows rows at a time through layers `first` to `last`, scaled beforehand."""

    def __init__(self, network, parameters, scaling, first=0, last=None, *, n_rows):
        self.scaling = scaling
        self.workspace = Workspace(network, parameters, n_rows, first, last)
        self.room = np.empty((n_rows, network.widths[first]), parameters.flat.dtype)
        self.bound = {}

    def __call__(self, rows):
        """Return the rows' output, which the next call overwrites."""
        n_rows = len(rows)
        if n_rows not in self.bound:
            room = self.room[:n_rows]
            output = self.workspace.outputs[self.workspace.last][:n_rows]
            self.bound[n_rows] = room, bind(self.workspace.forward(room)), output
        room, calls, output = self.bound[n_rows]
        self.scaling.apply(rows, room)
        for call in calls:
            call()
        return output


def blocks(X, network, parameters, scaling, first=0, last=None, n_rows=512):
    """Send X through layers `first` to `last`, a block of rows at a time.

    Yield each block's slice of X and its output, which the next block overwrites: memory
    does not grow with the rows of X.
    """
    n_rows = max(min(n_rows, len(X)), 1)
    send = Pass(network, parameters, scaling, first, last, n_rows=n_rows)
    for start in range(0, len(X), n_rows):
        rows = slice(start, min(start + n_rows, len(X)))
        yield rows, send(X[rows])
