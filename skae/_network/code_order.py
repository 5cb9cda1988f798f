"""The order, the signs, the number and the share of the columns of the code."""

from dataclasses import replace
from functools import partial

import numpy as np

from skae._network.inference import blocks
from skae._network.scaling import identity_scaling
from skae._parallel import MANY_PARAMETERS, run_sequentially
from skae._sampling import evenly_spaced

MAX_DECODED = 2**15


def explained_variance_ratios(
    network,
    parameters,
    X,
    weights,
    scaling,
    target_scaling,
    max_decoded=MAX_DECODED,
    run_jobs=run_sequentially,
    columns_read=None,
):
    """Share of the variance of X that each column of the code explains.

    What is lost when a column is held at its mean is that column's part, exactly so for a
    linear decoder; the parts are scaled to add up to the share that the whole
    reconstruction explains. Of nested codes a column's part is what it adds to the columns
    before it, and none if that is negative or more than the whole code explains;
    `columns_read` says how many of 1, 2, ... columns are decoded. Estimated on at most
    max_decoded / n_components rows, evenly spaced, and half of that by a large network, by
    jobs that `run_jobs` does.
    """
    n_components = network.n_components
    is_large = parameters.flat.size > MANY_PARAMETERS
    max_decoded = max_decoded // 2 if is_large else max_decoded
    run_jobs = run_jobs if is_large else run_sequentially
    some = X, weights, scaling, target_scaling, max_decoded
    if network.nested:
        errors, variance = errors_by_size(network, parameters, *some, run_jobs)
        if variance == 0:
            return np.zeros(n_components)
        explained = np.maximum(1 - errors / variance, 0)
        if columns_read is not None:
            explained = explained[np.array(columns_read) - 1]
        return np.diff(np.minimum(np.maximum.accumulate(explained), explained[-1]), prepend=0)
    code, weights, variance, squared_error = _decoding(network, parameters, *some)
    if variance == 0:
        return np.zeros(n_components)
    error = squared_error(code)
    lost = np.empty(n_components)

    def hold(j):
        held = code.copy()
        held[:, j] = weights @ code[:, j]
        lost[j] = max(squared_error(held) - error, 0.0)

    run_jobs([partial(hold, j) for j in range(n_components)])
    explained = max(1 - error / variance, 0.0)
    return lost / (lost.sum() or 1.0) * explained


def errors_by_size(
    network,
    parameters,
    X,
    weights,
    scaling,
    target_scaling,
    max_decoded=MAX_DECODED,
    run_jobs=run_sequentially,
):
    """Squared error with 1, 2, ... columns of nested codes, and that of the model's mean.

    Of a plain code with all columns alone. Both are means over the rows, as many as above, and
    sums over the features, in the target's scale. `run_jobs` does a job for each size.
    """
    center = np.empty_like(scaling.mean)
    target_scaling.apply(scaling.mean, out=center)
    some = X, weights, scaling, target_scaling, max_decoded
    code, _, variance, squared_error = _decoding(network, parameters, *some, center)
    sizes = range(1 if network.nested else network.n_components, network.n_components + 1)
    errors = np.empty(len(sizes))

    def measure(i):
        errors[i] = squared_error(code[:, : sizes[i]])

    run_jobs([partial(measure, i) for i in range(len(sizes))])
    return errors, variance


def _decoding(network, parameters, X, weights, scaling, target_scaling, max_decoded, center=None):
    """Code some rows; return code, weights, variance and how to get the error of a code."""
    n_rows = min(len(X), max(max_decoded // network.n_components, 16))
    chosen = evenly_spaced(len(X), n_rows) if n_rows < len(X) else slice(None)
    X, weights = X[chosen], weights[chosen] / weights[chosen].sum()
    code_layer = network.n_encoder_layers
    code = np.empty((len(X), network.n_components), parameters.flat.dtype)
    for rows, output in blocks(X, network, parameters, scaling, last=code_layer):
        code[rows] = output
    target = np.empty_like(X, dtype=code.dtype)
    target_scaling.apply(X, out=target)
    center = weights @ target if center is None else center

    def squared_error(code):
        size = code.shape[1]
        plain, total = identity_scaling(size, code.dtype), 0.0
        for rows, output in blocks(code, network, parameters, plain, first=code_layer, size=size):
            output -= target[rows]
            total += float(weights[rows] @ np.square(output).sum(axis=1, dtype=np.float64))
        return total

    variance = float(weights @ np.square(target - center).sum(axis=1))
    return code, weights, variance, squared_error


def shorten(network, parameters, size):
    """Return the vector of a nested network whose code ends after so many columns.

    The widest decoder is the one that reads codes of that size.
    """
    n_layers, code = network.n_layers, network.n_encoder_layers
    widths = (*network.widths[:code], size, *network.widths[code + 1 :])
    shorter = replace(network, widths=widths)
    found = shorter.parameters(np.empty(shorter.n_parameters, parameters.flat.dtype))
    for k, n_columns in enumerate(shorter.decoder_sizes):
        for i in range(1, n_layers + 1):
            W, b = parameters.layers[network.layer(i, network.decoder_of(n_columns))]
            W_found, b_found = found.layers[shorter.layer(i, k)]
            n_in, n_out = W_found.shape
            W_found[...], b_found[...] = W[:n_in, :n_out], b[:n_out]
    for P, P_found in zip(parameters.path, found.path):
        n_in, n_out = P_found.shape
        P_found[...] = P[:n_in, :n_out]
    return found.flat


def reorder(network, parameters, order):
    """Permute the columns of the code: what encodes them and what decodes them."""
    i = network.n_encoder_layers
    (W, b), (W_next, _) = parameters.layers[i - 1], parameters.layers[i]
    W[...], b[...], W_next[...] = W[:, order], b[order], W_next[order]
    if network.linear_path:
        encoder, decoder = parameters.path
        encoder[...], decoder[...] = encoder[:, order], decoder[order]


def fix_signs(network, parameters):
    """Turn each column of a linear code so that its largest effect is positive.

    The effect is that of the linear path, so that PCA's columns keep the sign PCA gives
    them, or else of the decoder's weights multiplied.
    """
    i = network.n_encoder_layers
    if not network.latent_activation.is_identity:
        return
    if network.linear_path:
        effect = parameters.path[1]
    else:
        effect = parameters.layers[i][0]
        for W, _ in parameters.layers[i + 1 : network.n_layers]:
            effect = effect @ W
    signs = np.sign(effect[np.arange(len(effect)), np.abs(effect).argmax(axis=1)])
    signs[signs == 0] = 1
    W, b = parameters.layers[i - 1]
    W *= signs
    b *= signs
    for k, n_columns in enumerate(network.decoder_sizes):
        W_next, _ = parameters.layers[network.layer(i + 1, k)]
        W_next *= signs[:n_columns, None]
    if network.linear_path:
        encoder, decoder = parameters.path
        encoder *= signs
        decoder *= signs[:, None]
