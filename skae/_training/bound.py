"""The bound on the likelihood that variational networks maximise, and its gradient.

The loss of a sample is minus the bound, in nats of the scaled sample, divided by the number of
features like every loss here:

    -log p(x | z) + w KL(q(z | x), p(z))

This is the evidence lower bound if w = 1 (Kingma & Welling, 2014, arXiv 1312.6114) and that of
the beta-VAE otherwise (Higgins et al., 2017, ICLR). With several draws it is the importance
weighted bound of Burda, Grosse & Salakhutdinov, 2016, arXiv 1509.00519, equation 8.
"""

from dataclasses import dataclass
from functools import partial
import math

import numpy as np

from skae._kernels import bind
from skae._network.gaussian_code import kl_divergence


@dataclass(frozen=True)
class BoundOptions:
    """The bound of a variational network, and the noise of its decoder.

    The weight of the KL divergence rises to `kl_weight` in `kl_warm_up` epochs. The mean divergence
    of each column of the code counts at least `free_bits`. `n_draws` codes are drawn for a sample.
    """

    kl_weight: float = 1.0
    kl_warm_up: int = 0
    free_bits: float = 0.0
    n_draws: int = 1
    noise_per_feature: bool = False

    def n_noise_variances(self, loss, n_features):
        if loss.fused:
            return 0
        return n_features if self.noise_per_feature else 1


@dataclass(frozen=True)
class Bound:
    """The terms of the loss: weight of the KL divergence, free bits, and draws for each sample.

    The weight rises linearly in the first `n_warm_up` steps, which the optimizer's state counts.
    """

    kl_weight: float = 1.0
    free_bits: float = 0.0
    n_draws: int = 1
    n_warm_up: int = 0
    state: dict | None = None

    def set_weight(self, weight):
        share = 1.0
        if self.n_warm_up:
            share = min((self.state["steps"] + 1) / self.n_warm_up, 1.0)
        weight[...] = share * self.kl_weight


class NoiseSampler:
    """Draws standard normal noise: `n_numbers` for each sample, the same after each `restart`."""

    needs_shuffling = False

    def __init__(self, n_numbers, seed):
        self.n_numbers = n_numbers
        self.seed = seed
        self.restart()

    def __len__(self):
        return self.n_numbers

    def restart(self):
        self.rng = np.random.default_rng(self.seed)

    def draw(self, out):
        self.rng.standard_normal(out=out, dtype=out.dtype)


def bind_bound(bound, workspace, slot, n_batch, backward=True, incomplete=False):
    """Return the calls of a batch, the functions of the parts of its loss, and sample losses.

    The batch may be a part of one with n_batch rows. `workspace` is a GaussianWorkspace.
    """
    X, target, weights, noise = slot
    n_rows, n_features = target.shape
    dtype = X.dtype
    noise = noise.reshape(n_rows, bound.n_draws, -1)
    shares = np.full(n_rows, 1 / n_batch, dtype)
    nats, losses = np.empty(n_rows * bound.n_draws, dtype), np.empty(n_rows, dtype)
    weight = np.empty((), dtype)
    calls = [] if weights is None else bind([(np.divide, weights, n_batch, shares)])
    calls.append(partial(bound.set_weight, weight))
    calls += bind(workspace.encode(X, noise))
    calls += bind(workspace.decode(target, nats, incomplete))
    column = np.empty((n_rows, 1), dtype)
    calls += bind([(np.divide, shares[:, None], n_features, column)])
    parts = [partial(shares.dot, losses)]
    if bound.n_draws > 1:
        calls += bind(_importance_weighted(workspace, noise, nats, weight, losses))
        if backward:
            arrays = column, nats, weight
            calls += bind(_importance_weighted_backward(workspace, *arrays, incomplete))
    else:
        kl = _divergences(workspace, nats, weight, losses)
        if bound.free_bits and backward:
            total = np.empty((), dtype)
            kl = [*kl, *_free_bits(workspace, shares, weight, bound.free_bits, total)]
            kl.append((np.add, nats, 0, losses))
            parts.append(total.item)
        calls += bind(kl)
        if backward:
            calls += bind(workspace.decode_backward(column, incomplete))
            calls += bind(_divergences_backward(workspace, column, weight))
    calls += bind([(np.divide, losses, n_features, losses)])
    if backward:
        calls += bind(workspace.encode_backward(X, noise))
    return calls, parts, losses


# ---------------------------------------------------------------- one draw


def _divergences(workspace, nats, weight, losses):
    """losses = nats + weight KL; all columns count."""
    n_rows = len(nats)
    arrays = [workspace.samples(name, n_rows) for name in ("mean", "variance", "log_variance")]
    kl = workspace.samples("kl", n_rows)
    yield from kl_divergence(*arrays, kl)
    yield kl.dot, np.ones(kl.shape[1], kl.dtype), losses
    yield np.multiply, losses, weight, losses
    yield np.add, losses, nats, losses
    yield np.add, 1, 0, workspace.samples("scratch", n_rows)


def _free_bits(workspace, shares, weight, free_bits, total):
    """total = weight sum_j max(mean KL_j, free bits) / n_features, after `_divergences`.

    Columns with less have no gradient (Kingma et al., 2016, arXiv 1606.04934, appendix C.8).
    """
    n_rows = len(shares)
    kl, counts = (workspace.samples(name, n_rows) for name in ("kl", "scratch"))
    means = np.empty((1, kl.shape[1]), kl.dtype)
    yield shares.dot, kl, means.reshape(-1)
    yield np.greater, means, free_bits, counts
    yield np.maximum, means, free_bits, means
    yield means.reshape(-1).dot, np.ones(kl.shape[1], kl.dtype), total
    yield np.multiply, total, weight, total
    yield np.divide, total, workspace.network.widths[-1], total


def _divergences_backward(workspace, column, weight):
    """d KL / d mean = mean,  d KL / d log_variance = (variance - 1) / 2, times column weight."""
    n_rows = len(column)
    counts = workspace.samples("scratch", n_rows)
    factors = workspace.samples("kl", n_rows)
    yield np.multiply, counts, column, factors
    yield np.multiply, factors, weight, factors
    mean_delta = workspace.samples("mean_delta", n_rows)
    delta = workspace.samples("log_variance_delta", n_rows)
    yield np.multiply, workspace.samples("mean", n_rows), factors, mean_delta
    yield np.subtract, workspace.samples("variance", n_rows), 1, delta
    yield np.multiply, delta, factors, delta
    yield np.multiply, delta, 0.5, delta


# ---------------------------------------------------------------- several draws


def _importance_weighted(workspace, noise, nats, weight, losses):
    """losses = -log mean_s exp(-nats_s + weight (log p(z_s) - log q(z_s | x))).

    The shares of the draws in the sum replace `nats`.
    """
    n_rows, n_draws, k = noise.shape
    z, squares = workspace.draws("z", n_rows), workspace.draws("scratch", n_rows)
    log_variance = workspace.samples("log_variance", n_rows)
    halves, of_draws = np.full(k, 0.5, nats.dtype), np.empty_like(nats)
    of_samples, by_sample = np.empty_like(losses), of_draws.reshape(n_rows, n_draws)
    yield np.multiply, z, z, squares
    yield squares.reshape(-1, k).dot, halves, of_draws
    yield np.multiply, noise, noise, squares
    squares_of_noise = np.empty_like(nats)
    yield squares.reshape(-1, k).dot, halves, squares_of_noise
    yield np.subtract, of_draws, squares_of_noise, of_draws
    yield log_variance.dot, halves, of_samples
    yield np.subtract, by_sample, of_samples[:, None], by_sample
    yield np.multiply, of_draws, weight, of_draws
    yield np.add, nats, of_draws, nats
    yield _softmin, nats.reshape(n_rows, n_draws), losses


def _softmin(values, losses):
    """losses = -log mean_s exp(-values_s); the shares of the terms replace the values."""
    lowest = values.min(axis=1, keepdims=True)
    np.subtract(lowest, values, out=values)
    np.exp(values, out=values)
    totals = values.sum(axis=1, keepdims=True)
    values /= totals
    losses[...] = (lowest - np.log(totals))[:, 0] + math.log(values.shape[1])


def _importance_weighted_backward(workspace, column, nats, weight, incomplete):
    """Each draw counts by its share in the sum (arXiv 1509.00519, equation 13)."""
    n_rows = len(column)
    n_draws = workspace.n_draws
    of_draws = np.empty((n_rows * n_draws, 1), nats.dtype)
    yield np.multiply, nats.reshape(n_rows, n_draws), column, of_draws.reshape(n_rows, n_draws)
    yield from workspace.decode_backward(of_draws, incomplete)
    z, scratch = workspace.draws("z", n_rows), workspace.draws("scratch", n_rows)
    delta = workspace.draws("delta", n_rows)
    yield np.multiply, z, of_draws.reshape(n_rows, n_draws, 1), scratch
    yield np.multiply, scratch, weight, scratch
    yield np.add, delta, scratch, delta
    yield np.add, 0, 0, workspace.samples("mean_delta", n_rows)
    of_variance = workspace.samples("log_variance_delta", n_rows)
    yield np.multiply, column, weight, of_variance
    yield np.multiply, of_variance, -0.5, of_variance
