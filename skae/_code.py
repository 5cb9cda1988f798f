"""The order, the signs and the share of the columns of the code."""

import numpy as np

from skae._network import blocks
from skae._scaling import identity_scaling

MAX_DECODED = 2**15


def explained_variance_ratios(
    network, parameters, X, weights, scaling, target_scaling, max_decoded=MAX_DECODED
):
    """Share of the variance of X that each column of the code explains.

    What is lost when a column is held at its mean is that column's part, exactly so for a
    linear decoder; the parts are scaled to add up to the share that the whole
    reconstruction explains. Estimated on at most max_decoded / n_components rows, evenly
    spaced.
    """
    n_components = network.n_components
    n_rows = min(len(X), max(max_decoded // n_components, 16))
    chosen = np.linspace(0, len(X) - 1, n_rows).astype(int) if n_rows < len(X) else slice(None)
    X, weights = X[chosen], weights[chosen] / weights[chosen].sum()
    code_layer = network.n_encoder_layers
    code = np.empty((len(X), n_components), parameters.flat.dtype)
    for rows, output in blocks(X, network, parameters, scaling, last=code_layer):
        code[rows] = output
    target = np.empty_like(X, dtype=code.dtype)
    target_scaling.apply(X, out=target)
    center = weights @ target

    def squared_error(code):
        plain = identity_scaling(n_components, code.dtype)
        total = 0.0
        for rows, output in blocks(code, network, parameters, plain, first=code_layer):
            output -= target[rows]
            total += float(weights[rows] @ np.square(output).sum(axis=1, dtype=np.float64))
        return total

    variance = float(weights @ np.square(target - center).sum(axis=1))
    if variance == 0:
        return np.zeros(n_components)
    error = squared_error(code)
    lost = np.empty(n_components)
    for j in range(n_components):
        held = code.copy()
        held[:, j] = weights @ code[:, j]
        lost[j] = max(squared_error(held) - error, 0.0)
    explained = max(1 - error / variance, 0.0)
    return lost / (lost.sum() or 1.0) * explained


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
        for W, _ in parameters.layers[i + 1 :]:
            effect = effect @ W
    signs = np.sign(effect[np.arange(len(effect)), np.abs(effect).argmax(axis=1)])
    signs[signs == 0] = 1
    (W, b), (W_next, _) = parameters.layers[i - 1], parameters.layers[i]
    W *= signs
    b *= signs
    W_next *= signs[:, None]
    if network.linear_path:
        encoder, decoder = parameters.path
        encoder *= signs
        decoder *= signs[:, None]
