"""Draws from mixtures and densities."""

import numpy as np

from skae._outliers.mixture import Mixture


def draw_from_mixture(mixture: Mixture, n_samples, rng):
    """Return independent samples of a mixture, ndarray of shape (n_samples, n_axes)."""
    component = rng.choice(len(mixture.shares), n_samples, p=mixture.shares)
    return mixture.sample_of(component, rng)


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
