"""Extrapolation: beside a linear path, networks fade out for samples unlike those of training.

Let r be the share of the L1 norm of a sample that is left after clipping to the box of the training
values. A network's output is multiplied by a factor that falls smoothly from 1 to 0 as 1 - r grows.
"""

import numpy as np
from scipy import linalg

from skae._network.clipping import BoundedExponential
from skae.activations import Exponential

# Shares of the L1 norm outside the box: up to the first the factor is 1, from the second on 0.
ENCODER_SHARES, DECODER_SHARES = (0.1, 0.3), (0.05, 0.2)
OUTPUT_BOX_FACTOR = 1.2  # times the greatest outputs: codes of users may lie a little further out


def can_fade(network):
    """Return whether the linear path alone is PCA, or for an exponential output becomes it."""
    is_linear = network.output_activation.is_identity or is_exponential(network)
    return network.linear_path and network.latent_activation.is_identity and is_linear


def is_exponential(network):
    """Return whether outputs grow exponentially with the code."""
    return isinstance(network.output_activation, Exponential | BoundedExponential)


def is_bounded(network):
    return isinstance(network.output_activation, BoundedExponential)


def linear_decoder(network, parameters, n_columns):
    """Return the matrix from the first columns of the code to PCA's output, scaled as inputs.

    This is P_1 if the output is linear, else the pseudoinverse of P_0.
    """
    encoder, decoder = parameters.path
    if not is_exponential(network):
        return decoder[:n_columns]
    return linalg.pinv(encoder[:, :n_columns]).astype(encoder.dtype)


def measure_box(X, code, network, parameters):
    """Return the lowest and highest inputs, and 1.2 times those of PCA's outputs for their codes.

    This is an ndarray of shape (4, n_features). The box holds zero, the mean of the samples.
    """
    box = np.zeros((4, X.shape[1]), code.dtype)
    box[0], box[1] = np.minimum(X.min(axis=0), 0), np.maximum(X.max(axis=0), 0)
    for size in network.decoder_sizes:
        output = code[:, :size] @ linear_decoder(network, parameters, size)
        output *= OUTPUT_BOX_FACTOR
        box[2] = np.minimum(box[2], output.min(axis=0))
        box[3] = np.maximum(box[3], output.max(axis=0))
    return box


def union(box, other):
    result = np.minimum(box, other)
    result[1::2] = np.maximum(box[1::2], other[1::2])
    return result


class Fade:
    """The factors of the samples of a pass, and the calls that compute them."""

    def __init__(self, box, shares, n_rows):
        n_columns, dtype = box.shape[1], box.dtype
        self.lowest, self.highest = box[:1], box[1:]
        self.shares = shares
        self.clipped = np.empty((n_rows, n_columns), dtype)
        self.ones = np.ones(n_columns, dtype)
        self.factors, self.norms = np.empty((2, n_rows), dtype)
        self.tiny = np.finfo(dtype).tiny  # so that the factor of zeros is one

    def column(self, n_rows):
        return self.factors[:n_rows].reshape(-1, 1)

    def measure(self, z):
        """factors = s(u),  u = min(max((r - 1 + b) / (b - a), 0), 1),  s(u) = u u (3 - 2 u)."""
        n_rows = len(z)
        clipped, u, norms = self.clipped[:n_rows], self.factors[:n_rows], self.norms[:n_rows]
        first, last = self.shares
        yield np.abs, z, clipped
        yield clipped.dot, self.ones, norms
        yield np.add, norms, self.tiny, norms
        yield np.maximum, z, self.lowest, clipped
        yield np.minimum, clipped, self.highest, clipped
        yield np.abs, clipped, clipped
        yield clipped.dot, self.ones, u
        yield np.add, u, self.tiny, u
        yield np.divide, u, norms, u
        yield np.subtract, u, 1 - last, u
        yield np.multiply, u, 1 / (last - first), u
        yield np.maximum, u, 0, u
        yield np.minimum, u, 1, u
        yield np.multiply, u, -2, norms
        yield np.add, norms, 3, norms
        yield np.multiply, u, u, u
        yield np.multiply, u, norms, u


class OutputFade(Fade):
    """The fade of the output from that of the whole decoder to that of PCA, which is not clipped.

    For an exponential output, PCA's output is in the units of X, and at least zero. `path_output`
    is the array of the linear path's output.
    """

    def __init__(self, model, n_columns, n_rows, path_output):
        super().__init__(model.box[2:], DECODER_SHARES, n_rows)
        self.is_exponential = is_exponential(model.network)
        self.scaling = model.scaling
        self.linear, self.matrix = path_output, None
        if self.is_exponential:
            self.linear = np.empty_like(path_output)
            self.matrix = linear_decoder(model.network, model.parameters, n_columns)

    def measure_output(self, code):
        """Yield the calls that compute PCA's output and the factors, after those of the path."""
        linear = self.linear[: len(code)]
        if self.is_exponential:
            yield code.dot, self.matrix, linear
        yield from self.measure(linear)
        if self.is_exponential:
            yield np.multiply, linear, self.scaling.scale, linear
            yield np.add, linear, self.scaling.mean, linear
            yield np.maximum, linear, 0, linear

    def blend(self, output):
        """output = w output + (1 - w) linear,  w the factors."""
        n_rows = len(output)
        linear, factors = self.linear[:n_rows], self.factors[:n_rows]
        rest = self.norms[:n_rows]
        yield np.multiply, output, self.column(n_rows), output
        yield np.subtract, 1, factors, rest
        yield np.multiply, linear, rest.reshape(-1, 1), linear
        yield np.add, output, linear, output
