"""Gaussian codes: the encoder of a variational network computes a distribution for each sample.

    mean = encoder(x),  s = exp(head / 2),  z = mean + s e,  e ~ N(0, I)

The code z is drawn in a way that derivatives pass through (Kingma & Welling, 2014, arXiv 1312.6114,
section 2.4). The prior of z is N(0, I). A loss with noise variances v, the squared error, is the
normal density of the target around the decoder's output.
"""

import math

import numpy as np

from skae._kernels import clear_missing
from skae._network.workspace import DecoderBatch, TrainingWorkspace, leading_rows, product

MIN_NOISE_VARIANCE = 1e-6  # of scaled samples, whose mean variance is 1
LOG_2_PI = math.log(2 * math.pi)


def deviations(log_variance, std, variance):
    """std = exp(log_variance / 2),  variance = std**2."""
    yield np.multiply, log_variance, 0.5, std
    yield np.exp, std, std
    yield np.multiply, std, std, variance


def kl_divergence(mean, variance, log_variance, kl):
    """kl = (mean**2 + variance - log_variance - 1) / 2, of each column from N(0, 1).

    Kingma & Welling, 2014, arXiv 1312.6114, appendix B.
    """
    yield np.multiply, mean, mean, kl
    yield np.add, kl, variance, kl
    yield np.subtract, kl, log_variance, kl
    yield np.subtract, kl, 1, kl
    yield np.multiply, kl, 0.5, kl


def noise_variances(theta):
    """Return v = MIN_NOISE_VARIANCE + exp(theta), the variances of scaled samples."""
    return MIN_NOISE_VARIANCE + np.exp(theta)


def sum_draws(values, out):
    np.sum(values, axis=1, out=out)


class GaussianWorkspace:
    """The arrays and the calls of a training step with `n_draws` codes drawn for each sample.

    The encoder's workspace holds one row for each sample, the decoder's one for each draw.
    """

    def __init__(self, network, parameters, n_rows, n_draws=1):
        self.encoder = TrainingWorkspace(network, parameters, n_rows)
        n_drawn, code = n_rows * n_draws, network.n_encoder_layers
        self.decoder = TrainingWorkspace(network, parameters, n_drawn, encoder=self.encoder)
        self.n_draws = n_draws
        dtype, k = parameters.flat.dtype, network.n_components
        names = "log_variance", "std", "variance", "kl", "log_variance_delta", "scratch"
        self.of_samples = {name: np.empty((n_rows, k), dtype) for name in names}
        self.of_draws = {name: np.empty((n_drawn, k), dtype) for name in ("z", "delta", "scratch")}
        self.decoder.layers.outputs[code] = self.of_draws["z"]
        self.decoder.deltas[code] = self.of_draws["delta"]
        self.decoder.layers.path_outputs[code] = self.of_draws["scratch"]
        self.head_delta = np.empty((n_rows, network.widths[code - 1]), dtype)
        self.targets = None
        if n_draws > 1:
            self.targets = np.empty((n_drawn, network.widths[-1]), dtype)
        n_noise, n_features = network.n_noise_variances, network.widths[-1]
        # v and its logarithm, 1 / v, d log v / d theta, and how many features each v is for
        names = "variance", "log", "precision", "slope", "scratch"
        self.noise = {name: np.empty((1, n_noise), dtype) for name in names}
        self.noise["halves"] = np.full(n_noise, 0.5 * n_features / max(n_noise, 1), dtype)
        self.noise["constant"] = np.empty((), dtype)
        self.noise["errors"] = np.empty(n_features, dtype)

    @property
    def network(self):
        return self.encoder.network

    @property
    def parameters(self):
        return self.encoder.parameters

    @property
    def gradient(self):
        return self.encoder.gradient

    def samples(self, name, n_rows):
        """Return an array of the codes of samples; "mean" and "mean_delta" are the encoder's."""
        if name.startswith("mean"):
            return self.encoder.code(n_rows)[name == "mean_delta"]
        return self.of_samples[name][:n_rows]

    def draws(self, name, n_rows):
        """Return an array of draws, of shape (n_rows, n_draws, n_components)."""
        drawn = self.of_draws[name][: n_rows * self.n_draws]
        return drawn.reshape(n_rows, self.n_draws, drawn.shape[1])

    def _head_inputs(self, X):
        code = self.network.n_encoder_layers
        return X if code == 1 else self.encoder.layers.outputs[code - 1][: len(X)]

    def encode(self, X, noise):
        """Yield the calls that compute the distribution of each code, and draw from it.

        `noise` has shape (n_rows, n_draws, n_components).
        """
        n_rows = len(X)
        W, b = self.parameters.layers[self.network.n_layers]
        log_variance, std = self.samples("log_variance", n_rows), self.samples("std", n_rows)
        yield from self.encoder.encode(X)
        yield from product(self._head_inputs(X), W, log_variance)
        yield np.add, log_variance, b.reshape(1, -1), log_variance
        yield from deviations(log_variance, std, self.samples("variance", n_rows))
        mean, z = self.samples("mean", n_rows), self.draws("z", n_rows)
        yield np.multiply, noise, std[:, None], z
        yield np.add, z, mean[:, None], z

    def decode(self, target, losses, incomplete=False):
        """Yield the calls that decode the draws; `losses` gets -log p(target | z) of each.

        Constants that depend on the target alone are left out. The bound of an `incomplete` target
        is that of the observed cells (Mattei & Frellsen, 2019, ICML, equation 3).
        """
        network, decoder = self.network, self.decoder
        loss, code, last = network.loss, network.n_encoder_layers, network.n_layers
        n_rows, n_drawn = len(target), len(target) * self.n_draws
        if self.targets is not None:
            repeated = self.targets[:n_drawn]
            shape = n_rows, self.n_draws, target.shape[1]
            yield np.add, target[:, None], 0, repeated.reshape(shape)
            target = repeated
        outputs = leading_rows(decoder.layers.outputs, n_drawn)
        yield from decoder.layers.forward(code, last, outputs, link=not loss.fused)
        errors, delta = decoder.errors[:n_drawn], decoder.deltas[last][:n_drawn]
        yield from loss.errors_and_delta(target, outputs[last], errors, delta)
        if network.n_noise_variances:
            yield from self._noise()
            yield np.multiply, errors, self.noise["precision"], errors
            yield np.multiply, delta, self.noise["precision"], delta
        if incomplete:
            yield clear_missing, target, errors
            yield clear_missing, target, delta
        n_features = network.widths[-1]
        yield errors.dot, np.ones(n_features, errors.dtype), losses
        if network.n_noise_variances and incomplete:
            yield from self._observed_constants(target, losses)
        elif network.n_noise_variances:
            yield np.add, losses, self.noise["constant"], losses

    def _observed_constants(self, target, losses):
        """losses += sum_j (log v_j + log 2 pi) / 2, over the observed features of each sample."""
        halves = self._observed_halves(len(target))
        logs, constants = np.empty(halves.shape[1], losses.dtype), np.empty_like(losses)
        yield np.add, self.noise["log"].reshape(-1), LOG_2_PI, logs
        yield np.add, np.zeros_like(halves), 0.5, halves
        yield clear_missing, target, halves
        yield halves.dot, logs, constants
        yield np.add, losses, constants, losses

    def _observed_halves(self, n_drawn):
        """Return the array of 1 / 2 for each observed cell of the target and 0 for others."""
        if "observed" not in self.noise:
            self.noise["observed"] = np.empty_like(self.decoder.errors)
        return self.noise["observed"][:n_drawn]

    def _noise(self):
        """Yield the calls that compute the noise variances, and the constant of the density."""
        noise, theta = self.noise, self.parameters.layers[self.network.n_layers + 1][1]
        variance, slope = noise["variance"], noise["slope"]
        yield np.exp, theta.reshape(1, -1), slope
        yield np.add, slope, MIN_NOISE_VARIANCE, variance
        yield np.divide, slope, variance, slope
        yield np.divide, 1, variance, noise["precision"]
        yield np.log, variance, noise["log"]
        constant = noise["constant"]
        yield noise["log"].reshape(-1).dot, noise["halves"], constant
        yield np.add, constant, 0.5 * self.network.widths[-1] * LOG_2_PI, constant

    def decode_backward(self, column, incomplete=False):
        """Yield the calls that go back to the draws; `column` has the weight of each draw."""
        if self.network.n_noise_variances and incomplete:
            yield from self._observed_noise_backward(column.reshape(-1))
        elif self.network.n_noise_variances:
            yield from self._noise_backward(column.reshape(-1))
        yield from self.decoder.decode_backward(DecoderBatch(slice(0, len(column))), column)

    def _noise_backward(self, weights):
        """d / d theta = d log v / d theta sum_i w_i (1 / 2 - errors_i), over all its features."""
        noise = self.noise
        gradient = self.gradient.layers[self.network.n_layers + 1][1]
        errors, halves, scratch = noise["errors"], noise["halves"], noise["scratch"].reshape(-1)
        total = np.empty((), weights.dtype)
        yield weights.dot, self.decoder.errors[: len(weights)], errors
        yield weights.dot, np.ones(len(weights), weights.dtype), total
        yield np.multiply, halves, total, gradient
        if len(gradient) == 1:
            yield errors.dot, np.ones(len(errors), errors.dtype), scratch.reshape(())
        else:
            yield np.add, errors, 0, scratch
        yield np.subtract, gradient, scratch, gradient
        yield np.multiply, gradient, noise["slope"].reshape(-1), gradient

    def _observed_noise_backward(self, weights):
        """As `_noise_backward`, over the observed cells."""
        noise, halves = self.noise, self._observed_halves(len(weights))
        gradient = self.gradient.layers[self.network.n_layers + 1][1]
        errors, counts = noise["errors"], np.empty_like(noise["errors"])
        yield weights.dot, halves, counts
        yield weights.dot, self.decoder.errors[: len(weights)], errors
        yield np.subtract, counts, errors, counts
        if len(gradient) == 1:
            yield counts.dot, np.ones(len(counts), counts.dtype), gradient.reshape(())
        else:
            yield np.add, counts, 0, gradient
        yield np.multiply, gradient, noise["slope"].reshape(-1), gradient

    def encode_backward(self, X, noise):
        """Yield the calls that go back from the draws, and complete the gradient.

        The deltas of mean and log variance hold the derivatives of all else in the loss.
        """
        n_rows, encoder = len(X), self.encoder
        code = self.network.n_encoder_layers
        mean_delta = self.samples("mean_delta", n_rows)
        delta, through = self.samples("log_variance_delta", n_rows), self.samples("scratch", n_rows)
        of_draws, scratch = self.draws("delta", n_rows), self.draws("scratch", n_rows)
        yield sum_draws, of_draws, through
        yield np.add, mean_delta, through, mean_delta
        yield np.multiply, of_draws, noise, scratch
        yield sum_draws, scratch, through
        yield np.multiply, through, self.samples("std", n_rows), through
        yield np.multiply, through, 0.5, through
        yield np.add, delta, through, delta
        W, _ = self.parameters.layers[self.network.n_layers]
        dW, db = self.gradient.layers[self.network.n_layers]
        yield self._head_inputs(X).T.dot, delta, dW
        yield np.ones(n_rows, delta.dtype).dot, delta, db
        outputs = {0: X} | leading_rows(encoder.layers.outputs, n_rows)
        deltas = leading_rows(encoder.deltas, n_rows)
        yield from encoder.layers_backward(code - 1, code, outputs, deltas)
        if code > 1:
            head_delta = self.head_delta[:n_rows]
            yield delta.dot, W.T, head_delta
            yield np.add, deltas[code - 1], head_delta, deltas[code - 1]
            yield from encoder.layers_backward(0, code - 1, outputs, deltas)
