"""What a variational model says of new samples: their distribution of codes, and log p(x)."""

from functools import partial
import math

import numpy as np
from scipy.special import gammaln, logsumexp

from skae._kernels import bind, replay, spurious_ignored
from skae._network.gaussian_code import LOG_2_PI, noise_variances
from skae._network.inference import Pass
from skae._network.workspace import Workspace, leading_rows
from skae._parallel import job_runner
from skae._sampling import row_slices
from skae._sparse import block_rows, is_sparse

BLOCK_ROWS, DRAWN_ROWS = 512, 2048  # samples to encode at once, draws to decode at once
PIECE_ROWS = 64  # samples of a job
RESAMPLED_DRAWS = 512  # of which one is a draw from the posterior


class PosteriorPass:
    """A pass through the encoder for up to n_rows samples: mean and log variance of each code."""

    def __init__(self, model, n_rows):
        network = model.network
        self.encode = Pass(model, "encode", n_rows=n_rows)
        self.W, self.b = model.parameters.layers[network.n_layers]
        self.code = network.n_encoder_layers

    def __call__(self, X):
        """Return mean and log variance of each code; the next call overwrites the mean."""
        mean = self.encode(X)
        layers = self.encode.workspace.layers
        if self.code > 1:
            inputs = layers.outputs[self.code - 1]
        elif 1 in layers.pulled_in:
            inputs = layers.pulled_in[1][-1]
        else:
            inputs = self.encode.inputs
        return mean, inputs[: len(X)] @ self.W + self.b


def _posteriors(model, X):
    """Yield (slice of rows, mean, log variance) of the codes, block by block."""
    n_rows = max(min(block_rows(X, BLOCK_ROWS), len(X)), 1)
    send = PosteriorPass(model, n_rows)
    for block in row_slices(len(X), n_rows):
        yield block, *send(X[block])


@spurious_ignored()
def posterior_deviations(model, X):
    result = np.empty((len(X), model.network.n_components), X.dtype)
    for block, _, log_variance in _posteriors(model, X):
        result[block] = np.exp(0.5 * log_variance)
    return result


@spurious_ignored()
def mean_divergences(model, X, weights=None):
    """Return the mean KL divergence of each column of the code from the prior, in nats."""
    total = np.zeros(model.network.n_components)
    shares = np.full(len(X), 1 / len(X)) if weights is None else weights / weights.sum()
    for block, mean, log_variance in _posteriors(model, X):
        log_variance = log_variance.astype(np.float64)
        kl = 0.5 * (np.square(mean) + np.exp(log_variance) - log_variance - 1)
        total += shares[block] @ kl
    return total


class Likelihood:
    """log p(x | z) of up to n_rows pairs of a sample and a code, in float64.

    Samples and codes are scaled as the network reads them; the result is in nats of the scaled
    sample, without the constants that depend on the sample alone.
    """

    def __init__(self, model, n_rows):
        network = model.network
        self.network = network
        code, last = network.n_encoder_layers, network.n_layers
        dtype = model.parameters.flat.dtype
        self.workspace = Workspace(model, n_rows, (code, last), None, model.input_radius)
        self.z = np.empty((n_rows, network.n_components), dtype)
        self.target, self.errors, self.delta = np.empty((3, n_rows, network.widths[-1]), dtype)
        self.precision = np.ones(network.widths[-1], dtype)
        self.constant = 0.0
        if network.n_noise_variances:
            v = noise_variances(model.parameters.layers[network.n_layers + 1][1].astype(float))
            v = np.broadcast_to(v, network.widths[-1])
            self.precision = (1 / v).astype(dtype)
            self.constant = -0.5 * float(np.sum(np.log(v) + LOG_2_PI))
        self.bound_calls = {}

    def __call__(self, n_rows, observed=None):
        """Return log p(target | z) of the first n_rows rows of `target` and `z`.

        Only those that `observed` marks count, up to a constant.
        """
        if n_rows not in self.bound_calls:
            self.bound_calls[n_rows] = self._bind(n_rows)
        replay(self.bound_calls[n_rows])
        if observed is not None:
            self.errors[:n_rows] *= observed
        return self.constant - self.errors[:n_rows].dot(self.precision).astype(np.float64)

    def _bind(self, n_rows):
        network, loss = self.network, self.network.loss
        layers, code = self.workspace.layers, network.n_encoder_layers
        outputs = {code: self.z[:n_rows]} | leading_rows(layers.outputs, n_rows)
        last = network.n_layers
        calls = bind(layers.forward(code, last, outputs, link=not loss.fused))
        arrays = self.errors[:n_rows], self.delta[:n_rows]
        return calls + bind(loss.errors_and_delta(self.target[:n_rows], outputs[last], *arrays))


@spurious_ignored()
def log_likelihood_bound(model, X, noise):
    """Return a lower bound on log p(x) of each sample, in nats of samples in their own units.

    This is log mean_s p(x | z_s) p(z_s) / q(z_s | x) with the codes z_s = mean + deviation noise_s
    (Burda, Grosse & Salakhutdinov, 2016, arXiv 1509.00519, equation 8). All samples share the
    noise, of shape (n_draws, n_components), so that the bound of one does not depend on the others.
    """
    result = np.empty(len(X))
    n_rows, n_drawn = block_rows(X, PIECE_ROWS), block_rows(X, DRAWN_ROWS)

    def score_piece(piece):
        result[piece] = _bounds_of_piece(model, X[piece], noise, n_drawn)

    with job_runner() as run_jobs:
        run_jobs([partial(score_piece, piece) for piece in row_slices(len(X), n_rows)])
    result += _constants(model, X)
    return result


def _bounds_of_piece(model, X, noise, n_drawn):
    """Return the bound of each sample, without the constants; decode n_drawn codes at once."""
    n_draws, k = noise.shape
    mean, log_variance = PosteriorPass(model, len(X))(X)
    std = np.exp(0.5 * log_variance)
    target = model.target_scaling.scaled(X, mean.dtype)
    log_q = -0.5 * (np.square(noise, dtype=np.float64).sum(axis=1) + k * LOG_2_PI)
    log_ratios = np.empty((len(X), n_draws))
    log_determinants = 0.5 * log_variance.sum(axis=1, dtype=np.float64)
    n_together = max(n_drawn // n_draws, 1)
    likelihood = Likelihood(model, min(n_together * n_draws, n_drawn))
    for rows in row_slices(len(X), n_together):
        for draws in row_slices(n_draws, n_drawn):
            shape = rows.stop - rows.start, draws.stop - draws.start
            n_pairs = shape[0] * shape[1]
            z = likelihood.z[:n_pairs].reshape(*shape, k)
            np.multiply(noise[draws], std[rows, None], out=z)
            z += mean[rows, None]
            likelihood.target[:n_pairs].reshape(*shape, -1)[...] = target[rows, None]
            log_p = -0.5 * (np.square(z, dtype=np.float64).sum(axis=2) + k * LOG_2_PI)
            log_p += likelihood(n_pairs).reshape(shape)
            log_ratios[rows, draws] = log_p - log_q[draws] + log_determinants[rows, None]
    return logsumexp(log_ratios, axis=1) - math.log(n_draws)


@spurious_ignored()
def draw_codes(model, X, missing, rng):
    """Return a code of each sample, drawn given its observed cells; the others are filled in X.

    Half of the candidates are drawn from the encoder's distribution for the filled sample, half
    from the prior. Of these one is chosen with the probability p(observed | z) p(z) / q(z), where q
    is the density of the candidates: sampling importance resampling (Rubin, 1988, Bayesian
    Statistics 3; Mattei & Frellsen, 2019, arXiv 1812.02633).
    """
    k, n_draws = model.network.n_components, RESAMPLED_DRAWS
    result = np.empty((len(X), k), model.parameters.flat.dtype)
    n_together = DRAWN_ROWS // n_draws
    likelihood, send = Likelihood(model, n_together * n_draws), PosteriorPass(model, n_together)
    for rows in row_slices(len(X), n_together):
        n_rows = rows.stop - rows.start
        mean, log_variance = (each.astype(np.float64) for each in send(X[rows]))
        std = np.exp(0.5 * log_variance)[:, None]
        z = rng.standard_normal((n_rows, n_draws, k))
        z[:, ::2] = z[:, ::2] * std + mean[:, None]
        log_prior = -0.5 * np.square(z).sum(axis=2)
        log_encoder = -0.5 * np.square((z - mean[:, None]) / std).sum(axis=2)
        log_encoder -= 0.5 * log_variance.sum(axis=1, keepdims=True)
        likelihood.z[: n_rows * n_draws] = z.reshape(-1, k)
        targets = likelihood.target[: n_rows * n_draws].reshape(n_rows, n_draws, -1)
        targets[...] = model.target_scaling.scaled(X[rows], result.dtype)[:, None]
        observed = np.repeat(~missing[rows], n_draws, axis=0)
        logs = likelihood(n_rows * n_draws, observed).reshape(n_rows, n_draws)
        logs += log_prior - np.logaddexp(log_prior, log_encoder)
        shares = np.cumsum(np.exp(logs - logs.max(axis=1, keepdims=True)), axis=1)
        chosen = (rng.random((n_rows, 1)) * shares[:, -1:] > shares).sum(axis=1)
        result[rows] = z[np.arange(n_rows), chosen]
    return result


def _constants(model, X):
    """Return the part of log p(x) that depends on the sample alone, and on its units."""
    network = model.network
    if network.n_noise_variances:
        scale = model.scaling.scale.astype(np.float64)
        return -float(np.broadcast_to(np.log(scale), X.shape[1]).sum())
    if network.loss.lowest == 0 and network.loss.highest == np.inf:
        if is_sparse(X):  # the constant of a zero is zero
            constants = np.zeros(len(X))
            for _, rows, _, values in X.entry_blocks():
                logarithms = gammaln(np.maximum(values, 0).astype(np.float64) + 1)
                constants -= np.bincount(rows, logarithms, minlength=len(X))
            return constants
        return -gammaln(np.maximum(X, 0).astype(np.float64) + 1).sum(axis=1)
    return 0.0
