"""Initialization: random weights for the layers, PCA for the linear path."""

from contextlib import suppress
from functools import partial
import math

import numpy as np
from scipy import linalg, optimize
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh, svds

from skae._kernels import run
from skae._network.extrapolation import is_exponential
from skae._network.scaling import Scaling, divisors, rounding_error
from skae._parallel import run_sequentially
from skae._sampling import evenly_spaced
from skae._sparse import block_rows, column_means, fits_block, is_sparse, measured_rows

MAX_DENSE_SIDE = 1500  # of a matrix that is decomposed at once
MIN_ROWS_PER_COLUMN, MAX_COVARIANCE_COLUMNS = 10, 1000  # to decompose the covariance instead
MAX_GRAM_SIDE = 2000  # of a matrix of products, in place of which products with vectors are used
MIN_LANCZOS_SIDE, MAX_LANCZOS_SHARE = 500, 0.1  # of a matrix, and of its eigenvectors to find
FIRST_DIRECTIONS = 32  # to find first, if a share of the variance is asked for
MEASURED_ROWS, GAIN_ROWS = 1000, 250
OUTPUT_WEIGHT_SCALE = 0.2
BLOCK_ROWS, N_JOBS = 4096, 2
BLOCK_NUMBERS = 2**20  # float64 numbers of columns that are multiplied at once
MIN_MEAN_COUNT = 1e-2  # of a feature with an exponential output, as in `Exponential.inverse`
PATH_PENALTY = 10.0  # in units of the mean variance divided by the number of samples


def initialize_weights(network, parameters, rng):
    """Draw W with variance gain**2 / n_in and set b to zero.

    He, Zhang, Ren & Sun, 2015, arXiv 1502.01852, equation 10. The random numbers are those of any
    dtype. With a linear path the last layers of encoder and decoder are zero, so that the network
    starts as the path alone, and hidden biases between -1 and 1, so that units bend at different
    inputs.
    """
    parameters.flat[...] = 0
    n_layers, code = network.n_layers, network.n_encoder_layers
    layer_numbers = [*range(1, n_layers + 1)]
    layer_numbers += [*range(code + 1, n_layers + 1)] * (len(network.decoder_sizes) - 1)
    layers = parameters.layers[: len(layer_numbers)]  # those of a variational code stay zero
    for i, (W, _) in zip(layer_numbers, layers, strict=True):
        W[...] = rng.standard_normal(W.shape)
        W *= network.activations[i - 1].gain / math.sqrt(len(W))
    if not network.linear_path:
        return
    for i, (W, b) in zip(layer_numbers, layers, strict=True):
        if i in (code, n_layers):
            W[...] = 0
        else:
            b[...] = rng.uniform(-1, 1, size=b.shape)


def initialize_output(network, parameters, mean):
    """Start a network without a linear path near the mean: b = f**-1(mean), W / 5.

    Large output weights add noise at first; unlearning it kills ReLU units.
    """
    for decoder in range(len(network.decoder_sizes)):
        W, b = parameters.layers[network.layer_index(network.n_layers, decoder)]
        W *= OUTPUT_WEIGHT_SCALE
        if not network.output_activation.is_identity:
            b += network.output_activation.inverse(mean)


def initialize_means(network, parameters, target):
    """Set the biases of a logistic code so that its mean activations are the target.

    With zero biases each mean is 0.5, from where an optimizer needs many steps.
    """
    _, b = parameters.layers[network.n_encoder_layers - 1]
    b[...] = math.log(target / (1 - target))


def initialize_path(model, X, weights, directions):
    """Start the linear path as PCA: code = x V / q, output = q code V'.

    q is the root mean square of PCA's codes, so that the layers read codes of size one. Return it,
    or 1 if the code is not linear: then each component is divided by its own standard deviation, if
    that is no rounding error, and P_1 is the linear regression of the samples on their codes. If
    the output is not linear, its bias is the inverse of the activation at the mean, and P_1 is
    multiplied by the one number that fits the samples best. For an exponential output P_1 is the
    regression of logarithms first.
    """
    network, parameters = model.network, model.parameters
    dtype, n_components = parameters.flat.dtype, len(directions)
    encoder, decoder = parameters.path
    encoder[...] = 0
    decoder[...] = 0
    encoder[:, :n_components] = directions.T
    output_activation, latent_activation = network.output_activation, network.latent_activation
    output_bias = np.zeros(X.shape[1], dtype)
    chosen = evenly_spaced(len(X), measured_rows(X, MEASURED_ROWS))
    inputs = model.scaling.scaled(X[chosen], dtype)
    shares = weights[chosen] / weights[chosen].sum()
    code = inputs @ encoder
    variances = shares @ code**2
    q = 1.0
    if latent_activation.is_identity:
        q = math.sqrt(variances.mean()) or 1.0
        encoder /= q
        decoder[:n_components] = q * directions
        code /= q
    else:
        encoder /= divisors(np.sqrt(variances), dtype)
        code = inputs @ encoder + parameters.layers[network.n_encoder_layers - 1][1]
        _apply(latent_activation, code)
        code_mean = (shares @ code).astype(dtype)
        code -= code_mean
        root = np.sqrt(shares)[:, None]
        decoder[...] = linalg.lstsq(root * code, root * inputs, rounding_error(dtype))[0]
    if not output_activation.is_identity:
        target = model.target_scaling.scaled(X[chosen], dtype)
        if is_exponential(network):
            decoder[...] = _regress_logarithms(code, target, shares)
        start = output_activation.inverse(shares @ target)
        few = evenly_spaced(len(code), GAIN_ROWS)
        output, few_shares = code[few].astype(float) @ decoder, shares[few] / shares[few].sum()
        gain = _best_gain(network, output, start, target[few], few_shares)
        if is_exponential(network):
            start += _missing_logarithm(
                gain * (code.astype(float) @ decoder) + start, target, shares
            )
        decoder *= gain
        output_bias += start
    for k, n_columns in enumerate(network.decoder_sizes):
        bias = parameters.layers[network.layer_index(network.n_layers, k)][1]
        bias += output_bias
        if not latent_activation.is_identity:
            bias -= code_mean[:n_columns] @ decoder[:n_columns]
    return q


def _apply(activation, z):
    """z = activation(z), in place."""
    run(activation.forward(z, *np.zeros((activation.n_scratch, *z.shape), z.dtype)))


def regress_path(model, X, X_noisy, weights, n_samples):
    """Let the path denoise: replace P_0 by the ridge regression of the codes of X on X_noisy.

    `X_noisy` holds corrupted copies of X, of `n_samples` different samples. The intercept goes into
    the bias of the code. The penalty is on the distance from P_0, so that few samples, whose
    covariance is badly known, change it little. With fewer than two rows for each feature it stays.
    """
    n_rows, n_features = X.shape
    if n_rows < 2 * n_features:
        return
    network, parameters = model.network, model.parameters
    root = np.sqrt(weights / weights.sum())
    noisy = _scaled_rows(X_noisy, np.ones(n_rows), model.scaling, slice(None))
    code = _scaled_rows(X, np.ones(n_rows), model.scaling, slice(None)) @ parameters.path[0]
    mean, code_mean = root**2 @ noisy, root**2 @ code
    noisy = root[:, None] * (noisy - mean)
    gram = noisy.T @ noisy
    moments = noisy.T @ (root[:, None] * (code - code_mean))
    penalty = PATH_PENALTY / n_samples * np.trace(gram) / n_features
    gram[np.diag_indices(n_features)] += penalty + 1e-6 * np.trace(gram) / n_features + 1e-12
    moments += penalty * parameters.path[0]
    slopes = linalg.solve(gram, moments, assume_a="pos")
    parameters.path[0][...] = slopes
    parameters.layers[network.n_encoder_layers - 1][1][...] = code_mean - mean @ slopes


def _regress_logarithms(code, target, shares):
    """Return the ridge regression of log(1 + x / m) on the code, m the means of the features.

    The ridge is a thousandth of the mean variance of the code. Zeros have finite logarithms, and
    those of the largest samples do not outweigh all others, as the samples themselves do.
    """
    means = np.maximum(shares @ target, MIN_MEAN_COUNT)
    logarithms = np.log1p(np.maximum(target.astype(float), 0) / means)
    logarithms -= shares @ logarithms
    centered = code - shares @ code
    gram = (centered * shares[:, None]).T @ centered
    gram[np.diag_indices(len(gram))] += 1e-3 * np.trace(gram) / len(gram) + 1e-12
    return linalg.solve(gram, centered.T @ (shares[:, None] * logarithms), assume_a="pos")


def _missing_logarithm(logits, target, shares):
    """Return what to add to logits so that the mean of each exponential is that of the targets."""
    means = np.maximum(shares @ target, MIN_MEAN_COUNT)
    highest = logits.max(axis=0)  # subtracted, so that no exponential overflows
    return np.log(means) - np.log(shares @ np.exp(logits - highest)) - highest


def _best_gain(network, output, bias, target, shares):
    """Return the number g that minimises the mean loss of the output `g output + bias`.

    Exponentials of float32 overflow early: it is computed in float64.
    """
    output, target = output.astype(float), target.astype(float)
    errors, delta = np.empty_like(output), np.empty_like(output)

    def mean_loss(gain):
        Z = gain * output
        Z += bias
        if not network.loss.fused:
            _apply(network.output_activation, Z)
        run(network.loss.errors_and_delta(target, Z, errors, delta))
        return float(shares @ errors.sum(axis=1))

    bounds = (0, 20 / (math.sqrt(float(np.square(output).mean())) or 1.0))
    return optimize.minimize_scalar(mean_loss, bounds=bounds, method="bounded").x


def principal_directions(X, weights, scaling, n_components, run_jobs=run_sequentially, share=None):
    """Return the variances, the directions and the total variance of PCA of the scaled samples.

    These are ndarrays of shape (n,) and (n, n_features), in descending order of the variances, and
    one number; n is at most n_components. If a share of the variance is given, directions that are
    not needed to exceed it may be missing. The largest entry of each direction is positive.
    """
    if fits_block(X):
        X = np.asarray(X)
    n_rows, n_features = X.shape
    root = np.sqrt(weights / weights.sum())
    wanted = n_components, share
    is_small = not is_sparse(X) and (
        max(n_rows, n_features) <= MAX_DENSE_SIDE or n_rows <= n_features <= 4 * MAX_DENSE_SIDE
    )
    is_tall = n_features <= MAX_COVARIANCE_COLUMNS and n_rows >= MIN_ROWS_PER_COLUMN * n_features
    if is_small and not is_tall and not _finds_few(min(X.shape), *wanted):
        rows = _scaled_rows(X, root, scaling, slice(None))
        total = float(np.vdot(rows, rows))
        _, values, directions = linalg.svd(rows, full_matrices=False, overwrite_a=True)
        variances = values**2
    elif n_features <= min(n_rows, MAX_GRAM_SIDE):
        sums = np.zeros((N_JOBS, n_features, n_features))
        dtype = np.float64 if is_small or is_sparse(X) else X.dtype
        n_block_rows = block_rows(X, BLOCK_ROWS)

        def add_up(k):
            for start in range(k * n_block_rows, n_rows, N_JOBS * n_block_rows):
                rows = _scaled_rows(X, root, scaling, slice(start, start + n_block_rows), dtype)
                sums[k] += rows.T @ rows

        run_jobs([partial(add_up, k) for k in range(N_JOBS)])
        covariance = np.add(*sums, out=sums[0])
        total = float(np.trace(covariance))
        variances, directions = _leading_eigenvectors(covariance, total, wanted)
    elif n_rows <= MAX_GRAM_SIDE and not is_sparse(X):
        variances, directions, total = _directions_of_products(X, root, scaling, wanted)
    else:
        variances, directions, total = _truncated_svd(X, root, scaling, wanted)
    return *leading_directions(variances, directions, n_components if total > 0 else 0), total


def _finds_few(side, n_components, share):
    n_first = n_components if share is None else min(n_components, FIRST_DIRECTIONS)
    return side >= MIN_LANCZOS_SIDE and n_first <= MAX_LANCZOS_SHARE * side


def _leading_eigenvectors(matrix, total, wanted):
    """Return eigenvalues in descending order and eigenvectors, as rows, of a spent matrix.

    `total` is its trace, `wanted` the number of eigenvectors and the share of the trace.
    """
    n_components, share = wanted
    if total > 0 and _finds_few(len(matrix), *wanted):
        n_first = n_components if share is None else min(n_components, FIRST_DIRECTIONS)
        start = np.random.default_rng(0).standard_normal(len(matrix))
        with suppress(ArpackError):
            values, vectors = eigsh(matrix, k=n_first, v0=start)
            if share is None or _is_explained(values, total, share):
                order = np.argsort(values)[::-1]
                return values[order], vectors.T[order]
    values, vectors = linalg.eigh(matrix, overwrite_a=True)
    return values[::-1], vectors.T[::-1]


def _is_explained(variances, total, share):
    return variances.sum() > share * (1 + 1e-6) * total


def _directions_of_products(X, root, scaling, wanted):
    n_rows, n_features = X.shape
    n_columns = max(BLOCK_NUMBERS // n_rows, 1)
    blocks = [slice(start, start + n_columns) for start in range(0, n_features, n_columns)]

    def columns(block):
        part = Scaling(scaling.mean[block], np.broadcast_to(scaling.scale, n_features)[block])
        return _scaled_rows(X[:, block], root, part, slice(None))

    products = np.zeros((n_rows, n_rows))
    for block in blocks:
        part = columns(block)
        products += part @ part.T
    total = float(np.trace(products))
    variances, vectors = _leading_eigenvectors(products, total, wanted)
    n_positive = int(np.sum(variances > 1e-14 * max(variances[0], 0)))
    variances, vectors = variances[:n_positive], vectors[:n_positive]
    vectors = vectors / np.sqrt(variances)[:, None]
    directions = np.empty((n_positive, n_features))
    for block in blocks:
        directions[:, block] = vectors @ columns(block)
    return variances, directions, total


def leading_directions(variances, directions, n_components):
    """Return the first n_components variances that are not zero, and their directions.

    The largest entry of each direction is made positive.
    """
    n_positive = int(np.sum(variances > 1e-14 * variances[:1]))
    n_found = min(n_components, n_positive)
    variances, directions = variances[:n_found], directions[:n_found]
    signs = np.sign(directions[np.arange(n_found), np.abs(directions).argmax(axis=1)])
    return variances, directions * signs[:, None]


def _truncated_svd(X, root, scaling, wanted):
    n_components, share = wanted
    n_rows, n_features = X.shape

    def blocks():
        for start in range(0, n_rows, BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            yield block, _scaled_rows(X, root, scaling, block, X.dtype)

    def multiply(v):
        return np.concatenate([rows @ v for _, rows in blocks()])

    def multiply_transposed(u):
        return sum(rows.T @ u[block] for block, rows in blocks())

    if is_sparse(X):
        multiply, multiply_transposed = _centred_products(X.csr, root, scaling)
        weights = np.square(root)
        mean, scale = scaling.mean.astype(np.float64), scaling.scale.astype(np.float64)
        total = float((column_means(X, weights, mean, 2) * weights.sum() / scale**2).sum())
    else:
        total = sum(float(np.vdot(rows, rows)) for _, rows in blocks())
    operator = LinearOperator(
        (n_rows, n_features), matvec=multiply, rmatvec=multiply_transposed, dtype=X.dtype
    )
    if total == 0 or min(X.shape) == 1:
        return np.zeros(0), np.zeros((0, n_features)), 0.0
    start = np.random.default_rng(0).standard_normal(min(X.shape))
    n_components = min(n_components, min(X.shape) - 1)
    n_found = n_components if share is None else min(n_components, FIRST_DIRECTIONS)
    _, values, directions = svds(operator, k=n_found, v0=start)
    while n_found < n_components and not _is_explained(values**2, total, share):
        n_found = min(4 * n_found, n_components)
        _, values, directions = svds(operator, k=n_found, v0=start)
    order = np.argsort(values)[::-1]
    return values[order] ** 2, directions[order], total


def _centred_products(csr, root, scaling):
    """Return the functions v -> Y v and u -> Y' u, where Y = root (X - mean) / scale.

    The mean is subtracted from the products, so that a sparse X stays sparse.
    """
    root, factor = root.astype(csr.dtype), scaling.factor
    mean = (scaling.mean * factor).astype(csr.dtype)

    def multiply(v):
        v = v.ravel().astype(csr.dtype, copy=False)
        return root * (csr @ (factor * v) - mean @ v)

    def multiply_transposed(u):
        u = root * u.ravel().astype(csr.dtype, copy=False)
        return factor * (csr.T @ u) - mean * u.sum()

    return multiply, multiply_transposed


def _scaled_rows(X, root, scaling, block, dtype=np.float64):
    rows = scaling.scaled(X[block], dtype)
    rows *= root[block, None]
    return rows
