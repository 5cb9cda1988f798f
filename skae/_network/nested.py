"""Nested codes: one network whose code can be cut to any size.

Truncating codes at random makes their first columns carry the most (Rippel, Gelbart & Adams,
2014, ICML, "Learning ordered representations with nested dropout"). Here each decoder has sizes
of its own: from one more than the next narrower decoder reads up to what it reads itself.
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
SHARE_OF_LARGEST, SHARE_OF_WHOLE = 0.35, 0.7  # of the draws: a decoder's largest size, all columns
WEIGHT_OF_WHOLE = 2.0  # of the loss of the whole code, beside one for any other size
MIN_RELATIVE_LOSS = 1e-3  # of a decoder, beside the largest: below, nothing is left to learn

# ---------------------------------------------------------------- training


def share_read(n_decoders, reads_per_sample=READS_PER_SAMPLE):
    """Return which share of a batch each decoder reads."""
    return min(reads_per_sample / n_decoders, 1.0)


def spans(n_rows, n_decoders, reads_per_sample=READS_PER_SAMPLE):
    """Return each decoder's slice of a batch.

    Encoding is half the work of a plain step and a decoder the other half. With the optimizer's
    work on more parameters, two and a half decoders a sample make a step of about twice the
    cost, whatever the size of the code.
    """
    length = math.ceil(n_rows * share_read(n_decoders, reads_per_sample))
    step = (n_rows - length) / max(n_decoders - 1, 1)
    return [slice(round(step * k), round(step * k) + length) for k in range(n_decoders)]


class CodeSizeSampler:
    """Draws a code size for every sample and decoder.

    A decoder often draws its largest size, else any of its sizes alike. The whole code is drawn
    the most, as it is what `transform` returns.
    """

    def __init__(self, decoder_sizes, rng):
        self.largest = np.array(decoder_sizes)
        self.smallest = np.append(self.largest[1:], 0) + 1
        n_others = len(self.largest) - 1
        self.share_of_largest = np.append(SHARE_OF_WHOLE, np.full(n_others, SHARE_OF_LARGEST))
        self.rng = rng

    def __len__(self):
        return len(self.largest)

    def draw(self, out):
        """Fill an array of shape (n_rows, n_decoders)."""
        places = np.minimum(self.rng.random(out.shape) / (1 - self.share_of_largest), 1)
        places *= self.largest - self.smallest + 1
        np.minimum(self.smallest + np.floor(places), self.largest, out=out, casting="same_kind")


def training_batches(network, n_rows, sizes, decoder_weights, reads_per_sample):
    """Return the part of a training batch that each decoder reads, with the weight of its loss."""
    rows_of_decoders = spans(n_rows, len(network.decoder_sizes), reads_per_sample)
    return [
        (DecoderBatch(rows, k, sizes[rows, k : k + 1]), float(weight))
        for k, (rows, weight) in enumerate(zip(rows_of_decoders, decoder_weights, strict=True))
    ]


def validation_batches(network, n_rows, dtype):
    """Return a batch of all rows for each validated size, each with the weight one."""
    return [
        (
            DecoderBatch(slice(0, n_rows), network.decoder_of(n), np.full((n_rows, 1), n, dtype)),
            1.0,
        )
        for n in validated_sizes(network)
    ]


def decoder_weights(losses):
    """Weigh the losses of the decoders so that each counts in units of its loss at the start.

    weight_k = c_k losses_0 / (C losses_k) with C the sum of c: together they start at the loss
    of the whole code, which counts twice, as it is what `transform` returns. A loss below a
    thousandth of the largest counts as that.
    """
    losses = np.abs(losses)
    least = MIN_RELATIVE_LOSS * losses.max()
    losses = np.maximum(losses, least) if losses.any() else np.ones(len(losses))
    counts = np.append(WEIGHT_OF_WHOLE, np.ones(len(losses) - 1))
    return counts / counts.sum() * losses[0] / losses


# ---------------------------------------------------------------- validation


def validated_sizes(network):
    """Return the code sizes that stand for all: the largest and the smallest of each decoder."""
    smallest = {size + 1 for size in network.decoder_sizes[1:]} - set(network.decoder_sizes)
    return network.decoder_sizes + tuple(sorted(smallest, reverse=True))


def validated_sizes_by_decoder(network):
    """Return for each decoder the places of its sizes among those that are validated."""
    decoders = [network.decoder_of(size) for size in validated_sizes(network)]
    return [
        [i for i, decoder in enumerate(decoders) if decoder == k]
        for k in range(len(network.decoder_sizes))
    ]


def errors_by_size(model, X, weights, max_decoded=MAX_DECODED_NUMBERS, run_jobs=run_sequentially):
    """Return the squared error with 1, 2, ... columns of the code, and the variance of X.

    Of a plain code, the error with all columns alone. The variance is about the mean of the
    training samples; both are as `CodeErrors` says. One job a size.
    """
    center = np.empty_like(model.scaling.mean)
    model.target_scaling.apply(model.scaling.mean, out=center)
    measured = CodeErrors(model, X, weights, max_decoded, center)
    network = model.network
    sizes = range(1 if network.nested else network.n_components, network.n_components + 1)
    errors = np.empty(len(sizes))

    def measure(i):
        errors[i] = measured.of(measured.code[:, : sizes[i]])

    run_jobs([partial(measure, i) for i in range(len(sizes))])
    return errors, measured.variance


def explained_variance_ratios(
    model, X, weights, max_decoded=MAX_DECODED_NUMBERS, run_jobs=run_sequentially
):
    """Return the share of the variance of X that each column of a nested code explains.

    The part of a column is what it adds to the columns before it, none if that is negative or
    more than the whole code explains.
    """
    if model.is_large:
        max_decoded //= 2
    else:
        run_jobs = run_sequentially
    errors, variance = errors_by_size(model, X, weights, max_decoded, run_jobs)
    if variance == 0:
        return np.zeros(model.network.n_components)
    explained = np.maximum(1 - errors / variance, 0)
    if model.columns_read is not None:
        explained = explained[np.array(model.columns_read) - 1]
    return np.diff(np.minimum(np.maximum.accumulate(explained), explained[-1]), prepend=0)


# ---------------------------------------------------------------- sizes of a fitted model


def count_columns(errors, variance, share):
    """Return the fewest columns of nested codes that explain a share of the variance, or all."""
    enough = np.flatnonzero(errors <= (1 - share) * variance)
    return int(enough[0]) + 1 if len(enough) else len(errors)


def columns_to_read(errors):
    """Return how many of 1, 2, ... columns to decode: those with the least error; of all, all."""
    best = [int(np.argmin(errors[: size + 1])) + 1 for size in range(len(errors))]
    return [*best[:-1], len(errors)]


def shortened(model, size):
    """Return a model of the first `size` columns of a nested code, whatever its decoders.

    The widest decoder of the result is the one that reads codes of that size.
    """
    network, parameters = model.network, model.parameters
    code = network.n_encoder_layers
    widths = (*network.widths[:code], size, *network.widths[code + 1 :])
    shorter = replace(network, widths=widths)
    result = shorter.parameters(np.empty(shorter.n_parameters, parameters.flat.dtype))
    for k, n_columns in enumerate(shorter.decoder_sizes):
        for i in range(1, network.n_layers + 1):
            W, b = parameters.layers[network.layer(i, network.decoder_of(n_columns))]
            W_short, b_short = result.layers[shorter.layer(i, k)]
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
    )


def decoders_kept(network, size):
    """Return which decoders a nested code that is cut to a size keeps, the widest first."""
    smaller = [network.decoder_of(n) for n in network.decoder_sizes if n < size]
    return [network.decoder_of(size), *smaller]
