"""Where training starts: random weights, and PCA on the linear path."""

from functools import partial
import math

import numpy as np
from scipy import linalg, optimize
from scipy.sparse.linalg import LinearOperator, svds

from skae._kernels import run
from skae._parallel import run_sequentially
from skae._sampling import evenly_spaced

MAX_DENSE_SIDE = 1500  # of a matrix that is decomposed as a whole
MIN_ROWS_PER_COLUMN, MAX_COVARIANCE_COLUMNS = 10, 1000  # where the covariance is decomposed
MEASURED_ROWS, FITTED_ROWS = 1000, 250
OUTPUT_WEIGHT_SCALE = 0.2
BLOCK_ROWS, N_PARTS = 4096, 2


def initialize_weights(network, parameters, rng):
    """Draw W with variance gain**2 / n_in and set b to zero.

    He, Zhang, Ren & Sun, 2015, arXiv 1502.01852, equation 10. With a linear path the last layers
    of encoder and decoder are zero, so that the network starts as the path alone. The hidden
    biases then spread the bends of the activations over the range of the inputs.
    """
    parameters.flat[...] = 0
    n_layers, code = network.n_layers, network.n_encoder_layers
    numbers = [*range(1, n_layers + 1)]
    numbers += [*range(code + 1, n_layers + 1)] * (len(network.decoder_sizes) - 1)
    for i, (W, _) in zip(numbers, parameters.layers, strict=True):
        rng.standard_normal(out=W, dtype=W.dtype)
        W *= network.activations[i - 1].gain / math.sqrt(len(W))
    if not network.linear_path:
        return
    for i, (W, b) in zip(numbers, parameters.layers, strict=True):
        if i in (code, n_layers):
            W[...] = 0
        else:
            b[...] = rng.uniform(-1, 1, size=b.shape)


def initialize_output(network, parameters, mean):
    """Start a network without a path near the mean of the samples: b = f**-1(mean), W / 5.

    Large output weights add noise at first; unlearning it kills ReLU units. From a fifth of
    their size the last weights grow to what is of use.
    """
    for decoder in range(len(network.decoder_sizes)):
        W, b = parameters.layers[network.layer(network.n_layers, decoder)]
        W *= OUTPUT_WEIGHT_SCALE
        if not network.output_activation.is_identity:
            b += network.output_activation.inverse(mean)


def initialize_means(network, parameters, target):
    """Start a logistic code with biases that put its means at the target.

    From zero, where each mean is a half, an optimizer would need many steps of its rate.
    """
    _, b = parameters.layers[network.n_encoder_layers - 1]
    b[...] = math.log(target / (1 - target))


def initialize_path(model, X, weights, directions):
    """Start the linear path as PCA: code = x V / q, output = code q V'.

    q is one number, the root mean square of PCA's codes, so that the layers meet codes of size
    one. With another output activation than the identity the output starts at its inverse of
    the mean, and q V' is multiplied by the one number that fits the samples best. With another
    latent activation each component is divided by its own deviation instead, and the decoder's
    side is the linear regression of the samples on their codes.

    Return q, or 1 where the code is not linear.
    """
    network, parameters = model.network, model.parameters
    n_components = len(directions)
    encoder, decoder = parameters.path
    encoder[...] = 0
    decoder[...] = 0
    encoder[:, :n_components] = directions.T
    link, latent = network.output_activation, network.latent_activation
    level = np.zeros(X.shape[1], parameters.flat.dtype)
    chosen = evenly_spaced(len(X), MEASURED_ROWS)
    inputs = np.empty((len(chosen), X.shape[1]), parameters.flat.dtype)
    model.scaling.apply(X[chosen], out=inputs)
    share = weights[chosen] / weights[chosen].sum()
    code = inputs @ encoder
    variances = share @ code**2
    size = 1.0
    if latent.is_identity:
        size = math.sqrt(variances.mean()) or 1.0
        encoder /= size
        decoder[:n_components] = size * directions
        code /= size
    else:
        encoder /= np.where(variances > 0, np.sqrt(variances), 1)
        code = inputs @ encoder + parameters.layers[network.n_encoder_layers - 1][1]
        run(latent.forward(code, *np.zeros((latent.n_scratch, *code.shape), code.dtype)))
        center = (share @ code).astype(code.dtype)
        code -= center
        root = np.sqrt(share)[:, None]
        decoder[...] = linalg.lstsq(root * code, root * inputs)[0]
    if not link.is_identity:
        target = np.empty_like(inputs)
        model.target_scaling.apply(X[chosen], out=target)
        level += link.inverse(share @ target)
        fitted = evenly_spaced(len(code), FITTED_ROWS)
        output = code[fitted] @ decoder
        decoder *= _best_gain(network, output, level, target[fitted], share[fitted])
    for k, n_columns in enumerate(network.decoder_sizes):
        bias = parameters.layers[network.layer(network.n_layers, k)][1]
        bias += level
        if not latent.is_identity:
            bias -= center[:n_columns] @ decoder[:n_columns]
    return size


def regress_path(model, X, X_noisy, weights):
    """Let the path denoise: its code becomes the linear regression of PCA's on noisy samples.

    The encoder's side turns into the ridge regression, with an intercept in the bias of the
    code, of the codes of X on X_noisy, the corrupted copies. It is left as it is where there
    are fewer than two samples for each feature.
    """
    n_rows, n_features = X.shape
    if n_rows < 2 * n_features:
        return
    network, parameters = model.network, model.parameters
    root = np.sqrt(weights / weights.sum())
    noisy = _scaled_rows(X_noisy, np.ones(n_rows), model.scaling, slice(None))
    code = _scaled_rows(X, np.ones(n_rows), model.scaling, slice(None)) @ parameters.path[0]
    center, code_center = root**2 @ noisy, root**2 @ code
    noisy = root[:, None] * (noisy - center)
    gram = noisy.T @ noisy
    gram[np.diag_indices(n_features)] += 1e-6 * np.trace(gram) / n_features + 1e-12
    slopes = linalg.solve(gram, noisy.T @ (root[:, None] * (code - code_center)), assume_a="pos")
    parameters.path[0][...] = slopes
    parameters.layers[network.n_encoder_layers - 1][1][...] = code_center - center @ slopes


def _best_gain(network, output, bias, target, share):
    """Return the number g that minimises the mean loss of the output `g output + bias`."""
    link = network.output_activation
    errors, delta = np.empty_like(output), np.empty_like(output)

    def mean_loss(gain):
        Z = gain * output
        Z += bias
        if not network.loss.fused:
            run(link.forward(Z, *np.zeros((link.n_scratch, *Z.shape), Z.dtype)))
        run(network.loss.errors_and_delta(target, Z, errors, delta))
        return float(share @ errors.sum(axis=1))

    bounds = (0, 20 / (math.sqrt(float(np.square(output).mean())) or 1.0))
    return optimize.minimize_scalar(mean_loss, bounds=bounds, method="bounded").x


def principal_directions(X, weights, scaling, n_components, run_jobs=run_sequentially):
    """Return the variances, the directions and the total variance of PCA of the scaled samples.

    These are ndarrays of shape (n,) and (n, n_features), n at most n_components, in descending
    order, and one number. The largest entry of each direction is positive. Where there are ten
    times as many rows as columns the directions are the eigenvectors of the covariance, as in
    scikit-learn's PCA. The covariance of many rows is added up in a fixed number of jobs.
    """
    n_rows, n_features = X.shape
    share = np.sqrt(weights / weights.sum())
    is_small = (
        max(n_rows, n_features) <= MAX_DENSE_SIDE or n_rows <= n_features <= 4 * MAX_DENSE_SIDE
    )
    is_tall = n_features <= MAX_COVARIANCE_COLUMNS and n_rows >= MIN_ROWS_PER_COLUMN * n_features
    if is_small and not is_tall:
        rows = _scaled_rows(X, share, scaling, slice(None))
        total = float(np.vdot(rows, rows))
        _, values, directions = linalg.svd(rows, full_matrices=False, overwrite_a=True)
        variances = values**2
    elif n_features <= MAX_DENSE_SIDE:
        parts = np.zeros((N_PARTS, n_features, n_features))
        dtype = np.float64 if is_small else X.dtype

        def add_up(part):
            for start in range(part * BLOCK_ROWS, n_rows, N_PARTS * BLOCK_ROWS):
                rows = _scaled_rows(X, share, scaling, slice(start, start + BLOCK_ROWS), dtype)
                parts[part] += rows.T @ rows

        run_jobs([partial(add_up, part) for part in range(N_PARTS)])
        covariance = parts.sum(axis=0)
        total = float(np.trace(covariance))
        variances, vectors = linalg.eigh(covariance, overwrite_a=True)
        variances, directions = variances[::-1], vectors.T[::-1]
    else:
        variances, directions, total = _truncated(X, share, scaling, n_components)
    n_positive = int(np.sum(variances > 1e-14 * variances[0])) if total > 0 else 0
    n_kept = min(n_components, n_positive)
    variances, directions = variances[:n_kept], directions[:n_kept]
    signs = np.sign(directions[np.arange(n_kept), np.abs(directions).argmax(axis=1)])
    return variances, directions * signs[:, None], total


def _truncated(X, share, scaling, n_components):
    """Return the leading components by Lanczos iteration, for data both wide and long."""
    n_rows, n_features = X.shape

    def blocks():
        for start in range(0, n_rows, BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            yield block, _scaled_rows(X, share, scaling, block, X.dtype)

    def multiply(v):
        return np.concatenate([rows @ v for _, rows in blocks()])

    def multiply_transposed(u):
        return sum(rows.T @ u[block] for block, rows in blocks())

    operator = LinearOperator(
        (n_rows, n_features), matvec=multiply, rmatvec=multiply_transposed, dtype=X.dtype
    )
    total = sum(float(np.vdot(rows, rows)) for _, rows in blocks())
    if total == 0 or min(X.shape) == 1:
        return np.zeros(0), np.zeros((0, n_features)), 0.0
    start = np.random.default_rng(0).standard_normal(min(X.shape))
    n_components = min(n_components, min(X.shape) - 1)
    _, values, directions = svds(operator, k=n_components, v0=start)
    order = np.argsort(values)[::-1]
    return values[order] ** 2, directions[order], total


def _scaled_rows(X, share, scaling, block, dtype=np.float64):
    rows = np.empty(X[block].shape, dtype)
    scaling.apply(X[block], out=rows)
    rows *= share[block, None]
    return rows
