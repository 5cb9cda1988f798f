"""Draws from mixtures and densities."""

import numpy as np

from skae._outliers.mixture import Mixture


def draw_from_mixture(mixture: Mixture, n_samples, rng):
    """Return samples of a mixture, ndarray of shape (n_samples, n_axes)."""
    shares = mixture.counts + 1
    labels = rng.choice(len(shares), n_samples, p=shares / shares.sum())
    result = rng.standard_normal((n_samples, mixture.means.shape[1]))
    for j, (mean, root) in enumerate(zip(mixture.means, mixture.roots, strict=True)):
        drawn = labels == j
        result[drawn] = result[drawn] @ np.linalg.inv(root) + mean
    return result


def draw_from_density(density, n_samples, rng):
    """Return straightened samples of a density; each of its mixtures has the same share."""
    mean = density.mixtures[0].means[0]
    axes = np.eye(len(mean)) if density.axes is None else density.axes
    n_features, n_axes = axes.shape
    which = rng.integers(len(density.mixtures), size=n_samples)
    along = np.empty((n_samples, n_axes))
    for k, mixture in enumerate(density.mixtures):
        chosen = which == k
        along[chosen] = draw_from_mixture(mixture, int(chosen.sum()), rng)
    result = along @ axes.T
    if n_axes < n_features:
        rest = rng.standard_normal(result.shape)
        rest -= (rest @ axes) @ axes.T
        result += np.sqrt(density.rest_variance) * rest
    return result
