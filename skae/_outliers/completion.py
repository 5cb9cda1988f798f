"""Missing cells at the mean of the most probable component of a density, given the other cells.

The mean over all components may lie where no samples are, as between categories.
"""

import numpy as np

from skae._outliers.mixture import Mixture, measured_share

BLOCK_NUMBERS = 2**18  # of the matrices of a block of samples


def steps_to_components(density, T, missing):
    """Return what to add to straightened samples, zero for observed cells.

    With the precision P of a component and d the distance from its mean, its conditional mean is
    -P_mm^-1 (P d)_m away, where m are the missing cells. The finest mixture counts.
    """
    mixture = [m for m in density.mixtures if isinstance(m, Mixture)][-1]
    axes = np.eye(T.shape[1]) if density.axes is None else density.axes
    components = []
    for mean, root, log_norm in zip(mixture.means, mixture.roots, mixture.log_norms, strict=True):
        base = axes @ root
        D = T - axes @ mean
        whitened = D @ base
        slopes = whitened @ base.T
        constant = log_norm - 0.5 * np.square(whitened).sum(axis=1)
        if density.axes is not None:
            slopes += (D - (D @ axes) @ axes.T) / density.rest_variance
        components.append((base, slopes, constant))
    steps = np.zeros_like(T)
    counts = missing.sum(axis=1)
    for m in np.unique(counts[counts > 0]):
        same = np.flatnonzero(counts == m)
        n_rows = max(BLOCK_NUMBERS // (m * (m + axes.shape[1])), 1)
        for start in range(0, len(same), n_rows):
            rows = same[start : start + n_rows]
            columns = np.nonzero(missing[rows])[1].reshape(-1, m)
            steps[rows[:, None], columns] = _best_steps(components, density, axes, rows, columns)
    return steps


def _best_steps(components, density, axes, rows, columns):
    highest, result = np.full(len(rows), -np.inf), np.zeros(columns.shape)
    rest = 0.0
    if density.axes is not None:
        A = axes[columns]
        rest = (np.eye(columns.shape[1]) - A @ A.swapaxes(1, 2)) / density.rest_variance
    for base, slopes, constants in components:
        B = base[columns]
        slope = slopes[rows[:, None], columns]
        factors = np.linalg.cholesky(B @ B.swapaxes(1, 2) + rest)
        whitened = np.linalg.solve(factors, slope[..., None])
        evidence = constants[rows] + 0.5 * np.square(whitened).sum(axis=(1, 2))
        evidence -= np.log(np.diagonal(factors, axis1=1, axis2=2)).sum(axis=1)
        better = evidence > highest
        highest[better] = evidence[better]
        step = np.linalg.solve(factors[better].swapaxes(1, 2), whitened[better])
        result[better] = -step[..., 0]
    return result


def expected_squares(density):
    """Return what each column adds to the squared Mahalanobis distance of samples on average.

    That is less than 1 where samples vary less than the density, as within categories, or where
    variances were shrunk.
    """
    axes = np.eye(len(density.basis)) if density.axes is None else density.axes
    mixtures = [m for m in density.mixtures if isinstance(m, Mixture)]
    result = np.zeros(len(axes))
    for mixture in mixtures:
        scatters = mixture.squares - mixture.sums[:, :, None] * mixture.means[:, None]
        precisions = mixture.roots @ mixture.roots.swapaxes(1, 2)
        products = (scatters @ precisions).sum(axis=0) / mixture.counts.sum()
        result += np.einsum("ik,kl,il->i", axes, products, axes) / len(mixtures)
    if density.axes is None:
        return result
    level, n_axes = mixtures[min(1, len(mixtures) - 1)], axes.shape[1]
    total = level.counts.sum()
    along = np.trace(level.squares.sum(axis=0)) / total / n_axes
    rest = measured_share(density.rest_variance, along, n_axes, total)
    return result + rest * (1 - np.square(axes).sum(axis=1))
