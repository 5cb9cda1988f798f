"""The columns of a code: the variance that each explains, their order and their signs."""

from functools import partial

import numpy as np

from skae._network.inference import BLOCK_ROWS, blocks
from skae._parallel import run_sequentially
from skae._sampling import evenly_spaced, row_slices
from skae._sparse import block_rows, is_sparse

MAX_DECODED_NUMBERS = 2**15  # samples times components


class CodeErrors:
    """Measures how reconstructions of the same samples change with their codes.

    At most max_decoded / n_components samples are taken, evenly spaced; `code` holds their codes.
    Errors are weighted means over the samples and sums over the features, of scaled targets.
    `variance` is the error of `center`, by default the mean of the targets.
    """

    def __init__(self, model, X, weights, max_decoded=MAX_DECODED_NUMBERS, center=None):
        n_rows = min(len(X), max(max_decoded // model.network.n_components, 16))
        chosen = evenly_spaced(len(X), n_rows) if n_rows < len(X) else slice(None)
        X, weights = X[chosen], weights[chosen] / weights[chosen].sum()
        self.model, self.weights = model, weights
        self.code = np.empty((len(X), model.network.n_components), model.parameters.flat.dtype)
        for rows, output in blocks(X, model, "encode", raw=True):
            self.code[rows] = output
        self.X, self.target = X, None
        if not is_sparse(X):
            self.target = self._scaled(X)
        center = self._mean() if center is None else center
        self.variance = 0.0
        for rows in self._blocks():
            squares = np.square(self._target_of(rows) - center).sum(axis=1)
            self.variance += float(self.weights[rows] @ squares)

    def _scaled(self, X):
        return self.model.target_scaling.scaled(X, self.code.dtype)

    def _target_of(self, rows):
        return self._scaled(self.X[rows]) if self.target is None else self.target[rows]

    def _blocks(self):
        """Return slices of rows: all at once, or blocks of sparse samples."""
        return row_slices(len(self.X), block_rows(self.X, len(self.X)))

    def _mean(self):
        return sum(self.weights[rows] @ self._target_of(rows) for rows in self._blocks())

    def squared_error(self, code):
        total = 0.0
        n_rows = block_rows(self.X, BLOCK_ROWS)
        size = code.shape[1]
        for rows, output in blocks(code, self.model, "decode", size, n_rows=n_rows, raw=True):
            output -= self._target_of(rows)
            squares = np.square(output).sum(axis=1, dtype=np.float64)
            total += float(self.weights[rows] @ squares)
        return total


def explained_variance_ratios(
    model, X, weights, max_decoded=MAX_DECODED_NUMBERS, run_jobs=run_sequentially
):
    """Return the share of the variance of X that each column of a plain code explains.

    That is the error that arises when the column is set to its mean; for a linear decoder this is
    exact. The shares are scaled to add up to that of the whole code. Each column is a job.
    """
    n_components = model.network.n_components
    errors = CodeErrors(model, X, weights, max_decoded)
    if errors.variance == 0:
        return np.zeros(n_components)
    code, error = errors.code, errors.squared_error(errors.code)
    increases = np.empty(n_components)

    def measure_increase(j):
        without = code.copy()
        without[:, j] = errors.weights @ code[:, j]
        increases[j] = max(errors.squared_error(without) - error, 0.0)

    run_jobs([partial(measure_increase, j) for j in range(n_components)])
    explained = max(1 - error / errors.variance, 0.0)
    return increases / (increases.sum() or 1.0) * explained


def code_variances(model, X, weights):
    """Return the variance and the mean of each column of the code, and the samples' total variance.

    All are weighted means, of the network's own code and of scaled samples.
    """
    n_columns = model.network.n_components + X.shape[1]
    sums, shares = np.zeros((2, n_columns)), weights / weights.sum()
    n_rows = min(len(X), block_rows(X, BLOCK_ROWS))
    values, center = np.empty((n_rows, n_columns)), None
    for rows, output in blocks(X, model, "encode", raw=True):
        block = values[: len(output)]
        block[:, : -X.shape[1]] = output
        model.scaling.apply(X[rows], out=block[:, -X.shape[1] :])
        center = block[0].copy() if center is None else center
        block -= center
        sums += shares[rows] @ block, shares[rows] @ np.square(block)
    variances = np.maximum(sums[1] - sums[0] ** 2, 0)
    means, n_components = sums[0] + center, model.network.n_components
    return variances[:n_components], means[:n_components], float(variances[n_components:].sum())


def reorder(network, parameters, order):
    """Permute the columns of a plain code, in the encoder and in the decoder."""
    i = network.n_encoder_layers
    (W, b), (W_next, _) = parameters.layers[i - 1], parameters.layers[i]
    W[...], b[...], W_next[...] = W[:, order], b[order], W_next[order]
    if network.is_variational:
        W, b = parameters.layers[network.n_layers]
        W[...], b[...] = W[:, order], b[order]
    if network.linear_path:
        encoder, decoder = parameters.path
        encoder[...], decoder[...] = encoder[:, order], decoder[order]


def fix_signs(network, parameters):
    """Flip columns of a linear code so that the largest effect of each on the output is positive.

    The effect is P_1 if there is a linear path, so that PCA's columns keep their signs, and else
    the product of the decoder's weights.
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
        W_next, _ = parameters.layers[network.layer_index(i + 1, k)]
        W_next *= signs[:n_columns, None]
    if network.linear_path:
        encoder, decoder = parameters.path
        encoder *= signs
        decoder *= signs[:, None]
