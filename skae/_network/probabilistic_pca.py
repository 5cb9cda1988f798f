"""Probabilistic PCA, the linear case of a variational network, in closed form: the start.

    x = W z + noise,  z ~ N(0, I),  noise ~ N(0, v I)

Tipping & Bishop, 1999, J. Royal Statistical Society B 61. In terms of PCA's variances l_j and
directions u_j the columns of W are sqrt(l_j - v) u_j, v is the mean of the other variances, and
z given x is normal with the means sqrt(l_j - v) / l_j u_j' x and the variances v / l_j.

If each feature has a noise variance of its own, the linear case is factor analysis: probabilistic
PCA of the features divided by their noise deviations. The bound is then a function of the noise
variances alone, and its slope is known (Jöreskog, 1967, Psychometrika 32).
"""

import math

import numpy as np
from scipy import linalg, optimize

from skae._network.gaussian_code import MIN_NOISE_VARIANCE
from skae._sampling import row_slices
from skae._sparse import block_rows

BLOCK_ROWS = 4096
MIN_LOG_VARIANCE = math.log(1e-6)  # of a code at the start
N_FACTOR_ITERATIONS, MAX_FACTOR_PRODUCTS = 200, 2 * 10**8  # of factor analysis
MIN_NOISE_SHARE = 0.005  # of the variance of a feature, which would else be a column by itself


def noise_variance(variances, total, n_features, kl_weight):
    """Return the noise variance v, and how many directions are worth a column of the code.

    `variances` are those of PCA in descending order, `total` their sum over all n_features
    directions. With n columns that are used, v = rest / (n_features - n kl_weight) maximises the
    bound. A column is used if its variance is above kl_weight v.
    """
    n_most = min(len(variances), n_features - 1)
    if kl_weight > 0:
        n_most = min(n_most, math.ceil(n_features / kl_weight) - 1)
    for n_used in range(n_most, -1, -1):
        rest = max(total - variances[:n_used].sum(), 0.0)
        v = max(rest / (n_features - n_used * kl_weight), 2 * MIN_NOISE_VARIANCE)
        if n_used == 0 or variances[n_used - 1] > kl_weight * v:
            return v, n_used
    return v, 0


def start_as_probabilistic_pca(model, X, weights, directions, q, kl_weight):
    """Turn a linear path that starts as PCA into probabilistic PCA, with its noise variance.

    `directions` are PCA's, and q is the number by which its codes were divided. The distribution of
    columns that are not used is the prior.
    """
    network, parameters = model.network, model.parameters
    n_features, k = network.widths[0], network.n_components
    variances, features = _variances(model, X, weights, directions)
    total = features.sum()
    v, n_used = noise_variance(variances, total, n_features, kl_weight)
    effective = kl_weight * v  # what v is in the formulas if kl_weight is 1
    used = variances[:n_used]
    encoder, decoder = np.zeros(k), np.zeros(k)
    encoder[:n_used] = q * np.sqrt(used - effective) / used
    decoder[:n_used] = np.sqrt(used - effective) / q
    parameters.path[0][...] *= encoder
    parameters.path[1][...] *= decoder[:, None]
    _, head = parameters.layers[network.n_layers]
    head[:n_used] = np.log(np.maximum(effective / used, math.exp(MIN_LOG_VARIANCE)))
    _, theta = parameters.layers[network.n_layers + 1]
    if len(theta) == 1:
        v = np.full(1, v)
    elif len(theta):
        explained = (used - effective) @ np.square(directions[:n_used])
        v = np.maximum(features - explained, 2 * MIN_NOISE_VARIANCE)
        n_iterations = min(N_FACTOR_ITERATIONS, MAX_FACTOR_PRODUCTS // n_features**3)
        if kl_weight > 0 and n_iterations > 0:
            covariance = _covariance(model, X, weights)
            starts = v, features / 2  # of a few optima each may miss the best
            found = [factor_analysis(covariance, v, k, kl_weight, n_iterations) for v in starts]
            _, *best = min(found, key=lambda each: each[0])
            parameters.path[0][...], parameters.path[1][...], head[...], v = best
    if len(theta):
        theta[...] = np.log(v - MIN_NOISE_VARIANCE)


def _variances(model, X, weights, directions):
    """Return the variances of the scaled samples along the directions, and of each feature."""
    shares = weights / weights.sum()
    variances, features = np.zeros(len(directions)), np.zeros(X.shape[1])
    for block, rows in _scaled_blocks(model, X):
        variances += shares[block] @ np.square(rows @ directions.T)
        features += shares[block] @ np.square(rows)
    return variances, features


def _scaled_blocks(model, X):
    """Yield slices of the samples, and the scaled samples in float64."""
    dtype = model.scaling.mean.dtype
    for block in row_slices(len(X), block_rows(X, BLOCK_ROWS)):
        yield block, model.scaling.scaled(X[block], dtype).astype(np.float64, copy=False)


def factor_analysis(covariance, v, k, kl_weight, n_iterations):
    """Return the loss, encoder, decoder and log variances of k columns, and the noise variances.

    They maximise the bound of a linear model, from the noise variances v on; the loss is minus the
    bound. Columns that are not worth their divergence are zero and have the prior as their
    distribution.
    """
    features = np.diagonal(covariance)
    lowest = np.log(np.maximum(MIN_NOISE_SHARE * features, 2 * MIN_NOISE_VARIANCE))

    def directions_for(log_v):
        root = np.sqrt(kl_weight * np.exp(log_v))
        first = max(len(v) - k, 0)
        scaled = covariance / root / root[:, None]
        variances, axes = linalg.eigh(scaled, subset_by_index=[first, len(v) - 1])
        return root, np.maximum(variances[::-1], 1.0), axes[:, ::-1]

    def loss_and_slope(log_v):
        root, variances, axes = directions_for(log_v)
        gain = (variances - 1 - np.log(variances)).sum()
        loss = 0.5 * (log_v.sum() + (features / np.exp(log_v)).sum() - kl_weight * gain)
        explained = np.square(root[:, None] * axes) @ (variances - 1)
        return loss, 0.5 * (1 - (features - explained) / np.exp(log_v))

    start = np.maximum(np.log(np.maximum(v, MIN_NOISE_VARIANCE)), lowest)
    bounds, options = [(each, None) for each in lowest], {"maxiter": n_iterations, "ftol": 1e-9}
    result = optimize.minimize(
        loss_and_slope, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    root, variances, axes = directions_for(result.x)
    encoder, decoder, log_variances = np.zeros((len(v), k)), np.zeros((k, len(v))), np.zeros(k)
    n_found, lengths = len(variances), np.sqrt(variances - 1)
    encoder[:, :n_found] = axes / root[:, None] * (lengths / variances)
    decoder[:n_found] = (root[:, None] * axes * lengths).T
    log_variances[:n_found] = np.maximum(-np.log(variances), MIN_LOG_VARIANCE)
    return result.fun, encoder, decoder, log_variances, np.exp(result.x)


def _covariance(model, X, weights):
    """Return the covariance of the scaled samples."""
    shares = weights / weights.sum()
    covariance = np.zeros((X.shape[1], X.shape[1]))
    for block, rows in _scaled_blocks(model, X):
        covariance += (shares[block, None] * rows).T @ rows
    return covariance
