"""The density of samples under an autoencoder: of code and residual together."""

from dataclasses import asdict, dataclass
import math

import numpy as np

from skae._outliers.mixture import Mixture, fit_mixture, shrink_variances

MIXTURE_SIZES, SAMPLES_PER_COMPONENT = (6, 16), 50
MAX_AXES = 50
MAX_SAMPLES = 5000


@dataclass(frozen=True)
class Density:
    """log p of the straightened sample t = (code - mean) B + residual (I - Q Q').

    B, the `slopes`, is the linear regression of the samples on their codes; Q, the `basis`, is an
    orthonormal basis of its range. t is the sample after the curved surface of reconstructions
    has been laid flat; for a linear network it is the sample itself. Along `axes` p is a mixture
    of Gaussians, across them a Gaussian with one variance. Of several mixtures the mean of log p
    counts.
    """

    code_mean: np.ndarray
    slopes: np.ndarray
    basis: np.ndarray
    axes: np.ndarray
    rest_variance: float
    mixtures: list

    @classmethod
    def from_dict(cls, state):
        """Return the density that `asdict` has turned into a dict."""
        return cls(**state | {"mixtures": [Mixture(**m) for m in state["mixtures"]]})

    asdict = asdict

    @property
    def sizes(self):
        """Return the numbers of components of the mixtures."""
        return [len(mixture.counts) for mixture in self.mixtures]

    def straighten(self, code, residuals):
        """Return t of each sample."""
        result = (code - self.code_mean) @ self.slopes
        result += residuals
        result -= (residuals @ self.basis) @ self.basis.T
        return result

    def log_density(self, T):
        """Return log p of straightened samples."""
        P = T @ self.axes
        result = np.mean([mixture.log_density(P) for mixture in self.mixtures], axis=0)
        n_rest = len(self.axes) - self.axes.shape[1]
        if n_rest:
            rest = np.square(T - P @ self.axes.T).sum(axis=1)
            result -= 0.5 * rest / self.rest_variance
            result -= 0.5 * n_rest * math.log(2 * math.pi * self.rest_variance)
        return result

    def contributions(self, T):
        """Return the part of log p of straightened samples that each column adds."""
        P = T @ self.axes
        result = np.mean([m.contributions(P, self.axes) for m in self.mixtures], axis=0)
        n_rest = len(self.axes) - self.axes.shape[1]
        if n_rest:
            result -= 0.5 * np.square(T - P @ self.axes.T) / self.rest_variance
            constant = 0.5 * n_rest * math.log(2 * math.pi * self.rest_variance)
            result -= constant / len(self.axes)
        return result

    def update(self, T, weights, decay):
        """Return the density after one update of its mixtures by new straightened samples."""
        P = T @ self.axes
        mixtures = [mixture.update(P, weights, decay) for mixture in self.mixtures]
        return Density(**vars(self) | {"mixtures": mixtures})


def fit_density(Z, code, residuals, weights, rng, sizes=None):
    """Fit the density to standardised samples, their codes and their residuals.

    `sizes` are the numbers of components of the mixtures, by default 6 and 16, or one for every
    50 samples if that is less. Of more than 5000 samples, 5000 are drawn.
    """
    if len(Z) > MAX_SAMPLES:
        chosen = rng.choice(len(Z), MAX_SAMPLES, replace=False)
        Z, code, residuals, weights = Z[chosen], code[chosen], residuals[chosen], weights[chosen]
    shares = weights / weights.sum()
    root = np.sqrt(shares)[:, None]
    code_mean = shares @ code
    centered = code - code_mean
    deviation = np.sqrt(shares @ np.square(centered))
    deviation = np.where(deviation > 0, deviation, 1)
    slopes = np.linalg.lstsq(root * (centered / deviation), root * Z, rcond=1e-6)[0]
    _, values, directions = np.linalg.svd(slopes, full_matrices=False)
    basis = directions[values > 1e-6 * max(values[0], 1e-6)].T
    n_features = Z.shape[1]
    density = Density(code_mean, slopes / deviation[:, None], basis, np.eye(n_features), 1.0, [])
    T = density.straighten(code, residuals)
    axes, rest_variance = density.axes, 1.0
    if n_features > MAX_AXES:
        axes = np.linalg.svd(root * T, full_matrices=False)[2][:MAX_AXES].T
        along = float(shares @ np.square(T @ axes).sum(axis=1))
        across = float(shares @ np.square(T).sum(axis=1)) - along
        n_axes = axes.shape[1]
        rest_variance = shrink_variances(
            across / (n_features - n_axes), along / n_axes, n_axes, weights.sum()
        )
    if sizes is None:
        max_size = max(int(weights.sum() // SAMPLES_PER_COMPONENT), 1)
        sizes = sorted({min(size, max_size) for size in MIXTURE_SIZES})
    mixtures = [fit_mixture(T @ axes, weights, size, rng) for size in sizes]
    return Density(
        **vars(density) | {"axes": axes, "rest_variance": rest_variance, "mixtures": mixtures}
    )
