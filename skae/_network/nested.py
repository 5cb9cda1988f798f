"""Nested codes: one network whose code can be truncated to any number of leading columns.

Truncating codes at random in training makes their first columns carry the most (Rippel, Gelbart &
Adams, 2014, ICML, "Learning ordered representations with nested dropout"). Each code size belongs
to the narrowest decoder that reads as many columns.
"""

from dataclasses import replace
from functools import partial
import math

import numpy as np

from skae._network.code_order import MAX_DECODED_NUMBERS, CodeErrors
from skae._network.inference import make_model
from skae._network.workspace import DecoderBatch
from skae._parallel import run_sequentially

READS_PER_SAMPLE, READS_WITH_FIXED_ENCODER = 2.5, 3.5  # decoders that read each sample
P_LARGEST, P_WHOLE = 0.35, 0.7  # least probability of a decoder's largest size, of the whole code
WEIGHT_OF_WHOLE = 2.0  # of the loss of the whole code; other decoders have weight one
MIN_RELATIVE_LOSS = 1e-3  # of a decoder, relative to the largest: less counts as this

# ---------------------------------------------------------------- training


def share_read(n_decoders, reads_per_sample=READS_PER_SAMPLE):
    return min(reads_per_sample / n_decoders, 1.0)


def spans(n_rows, n_decoders, reads_per_sample=READS_PER_SAMPLE):
    """Return the slice of a batch that each decoder reads.

    If 2.5 decoders read each sample, a step costs about twice as much as a plain one, whatever the
    size of the code.
    """
    length = math.ceil(n_rows * share_read(n_decoders, reads_per_sample))
    step = (n_rows - length) / max(n_decoders - 1, 1)
    return [slice(round(step * k), round(step * k) + length) for k in range(n_decoders)]


class CodeSizeSampler:
    """Draws a code size for each sample and decoder.

    A decoder draws its largest size with probability 0.35, or 0.7 if that is the whole code;
    otherwise each of its sizes, the largest included, with equal probability.
    """

    needs_shuffling = True

    def __init__(self, decoder_sizes, rng):
        self.largest = np.array(decoder_sizes)
        self.smallest = np.append(self.largest[1:], 0) + 1
        n_others = len(self.largest) - 1
        self.p_largest = np.append(P_WHOLE, np.full(n_others, P_LARGEST))
        self.rng = rng

    def __len__(self):
        return len(self.largest)

    def draw(self, out):
        """Fill an array of shape (n_rows, n_decoders)."""
        offsets = np.minimum(self.rng.random(out.shape) / (1 - self.p_largest), 1)
        offsets *= self.largest - self.smallest + 1
        np.minimum(self.smallest + np.floor(offsets), self.largest, out=out, casting="same_kind")


def training_batches(network, n_rows, sizes, decoder_weights, reads_per_sample):
    rows_of_decoders = spans(n_rows, len(network.decoder_sizes), reads_per_sample)
    return [
        (DecoderBatch(rows, k, sizes[rows, k : k + 1]), float(weight))
        for k, (rows, weight) in enumerate(zip(rows_of_decoders, decoder_weights, strict=True))
    ]


def validation_batches(network, n_rows, dtype):
    return [
        (
            DecoderBatch(slice(0, n_rows), network.decoder_of(n), np.full((n_rows, 1), n, dtype)),
            1.0,
        )
        for n in validated_sizes(network)
    ]


def decoder_weights(losses):
    """Return weights that count the loss of each decoder in units of its loss at the start.

    weight_k = c_k losses_0 / (C losses_k), where C is the sum of c: the weighted sum starts at the
    loss of the whole code. c is 2 for the whole code, which `transform` returns, and else 1.
    """
    losses = np.abs(losses)
    lowest = MIN_RELATIVE_LOSS * losses.max()
    losses = np.maximum(losses, lowest) if losses.any() else np.ones(len(losses))
    counts = np.append(WEIGHT_OF_WHOLE, np.ones(len(losses) - 1))
    return counts / counts.sum() * losses[0] / losses


# ---------------------------------------------------------------- validation


def validated_sizes(network):
    smallest = {size + 1 for size in network.decoder_sizes[1:]} - set(network.decoder_sizes)
    return network.decoder_sizes + tuple(sorted(smallest, reverse=True))


def validated_sizes_by_decoder(network):
    decoders = [network.decoder_of(size) for size in validated_sizes(network)]
    return [
        [i for i, decoder in enumerate(decoders) if decoder == k]
        for k in range(len(network.decoder_sizes))
    ]


def errors_by_size(model, X, weights, max_decoded=MAX_DECODED_NUMBERS, run_jobs=run_sequentially):
    """Return the squared error with 1, 2, ... columns of the code, and the variance of X.

    For a plain code the only error is that with all columns. Both are as in `CodeErrors`, the
    variance about the mean of the training samples. Each size is a job.
    """
    center = model.target_scaling.scaled(model.scaling.mean)
    code_errors = CodeErrors(model, X, weights, max_decoded, center)
    network = model.network
    sizes = range(1 if network.nested else network.n_components, network.n_components + 1)
    errors = np.empty(len(sizes))

    def measure(i):
        errors[i] = code_errors.squared_error(code_errors.code[:, : sizes[i]])

    run_jobs([partial(measure, i) for i in range(len(sizes))])
    return errors, code_errors.variance


def explained_variance_ratios(
    model, X, weights, max_decoded=MAX_DECODED_NUMBERS, run_jobs=run_sequentially
):
    """Return the share of the variance of X that each column of a nested code explains.

    That is what it adds to those before it, cut off at zero and where the sum is that of all.
    """
    errors, variance = errors_by_size(model, X, weights, max_decoded, run_jobs)
    if variance == 0:
        return np.zeros(model.network.n_components)
    explained = np.maximum(1 - errors / variance, 0)
    if model.columns_read is not None:
        explained = explained[np.array(model.columns_read) - 1]
    return np.diff(np.minimum(np.maximum.accumulate(explained), explained[-1]), prepend=0)


# ---------------------------------------------------------------- sizes of a fitted model


def count_columns(errors, variance, share):
    enough = np.flatnonzero(errors <= (1 - share) * variance)
    return int(enough[0]) + 1 if len(enough) else len(errors)


def columns_to_read(errors):
    """Return how many columns to decode of codes of 1, 2, ... columns: those with the least error.

    All columns of the whole code are decoded.
    """
    best = [int(np.argmin(errors[: size + 1])) + 1 for size in range(len(errors))]
    return [*best[:-1], len(errors)]


def shortened(model, size):
    """Return the model of the first `size` columns of a nested code.

    Its widest decoder is the one that reads codes of this size.
    """
    network, parameters = model.network, model.parameters
    code = network.n_encoder_layers
    widths = (*network.widths[:code], size, *network.widths[code + 1 :])
    shorter = replace(network, widths=widths)
    result = shorter.parameters(np.empty(shorter.n_parameters, parameters.flat.dtype))
    for k, n_columns in enumerate(shorter.decoder_sizes):
        for i in range(1, network.n_layers + 1):
            W, b = parameters.layers[network.layer_index(i, network.decoder_of(n_columns))]
            W_short, b_short = result.layers[shorter.layer_index(i, k)]
            n_in, n_out = W_short.shape
            W_short[...], b_short[...] = W[:n_in, :n_out], b[:n_out]
    for P, P_short in zip(parameters.path, result.path):
        n_in, n_out = P_short.shape
        P_short[...] = P[:n_in, :n_out]
    return make_model(
        model.spec | {"widths": list(widths)},
        result.flat,
        model.scaling,
        model.code_scale,
        model.input_radius,
        [*model.columns_read[: size - 1], size],
        model.box,
    )


def decoders_kept(network, size):
    """Return the indices of the decoders that remain after `shortened`, the widest first."""
    smaller = [network.decoder_of(n) for n in network.decoder_sizes if n < size]
    return [network.decoder_of(size), *smaller]
