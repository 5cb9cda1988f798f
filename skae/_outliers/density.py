"""The likelihood of a row under an autoencoder: of its code and its residual together."""

from dataclasses import asdict, dataclass
import math

import numpy as np

from skae._outliers.mixture import Mixture, drawn_to_mean, fit_mixture

SIZES = (6, 16)
ROWS_PER_COMPONENT = 50
MAX_AXES = 50
MAX_ROWS = 5000


@dataclass(frozen=True)
class Density:
    """log p of the straightened row t = (code - mean) B + residual (I - Q Q').

    B is the linear regression of the rows on their codes and Q an orthonormal basis of its
    range: t is the row with the curved surface that the network reproduces laid flat, and
    for a linear network the row itself. p is a mixture of Gaussians along `axes` and one
    variance across them; of several mixtures the mean of log p counts.
    """

    code_mean: np.ndarray
    slopes: np.ndarray
    basis: np.ndarray
    axes: np.ndarray
    rest_variance: float
    mixtures: list

    @classmethod
    def from_dict(cls, state):
        """Rebuild from what `asdict` gives."""
        return cls(**state | {"mixtures": [Mixture(**m) for m in state["mixtures"]]})

    asdict = asdict

    @property
    def sizes(self):
        """Numbers of components of the mixtures."""
        return [len(mixture.counts) for mixture in self.mixtures]

    def straighten(self, code, residuals):
        """t of each row."""
        result = (code - self.code_mean) @ self.slopes
        result += residuals
        result -= (residuals @ self.basis) @ self.basis.T
        return result

    def log_density(self, T):
        """log p of straightened rows."""
        P = T @ self.axes
        result = np.mean([mixture.log_density(P) for mixture in self.mixtures], axis=0)
        n_rest = len(self.axes) - self.axes.shape[1]
        if n_rest:
            rest = np.square(T - P @ self.axes.T).sum(axis=1)
            result -= 0.5 * rest / self.rest_variance
            result -= 0.5 * n_rest * math.log(2 * math.pi * self.rest_variance)
        return result

    def contributions(self, T):
        """What each column adds to log p of straightened rows: a square and a constant."""
        P = T @ self.axes
        result = np.mean([m.contributions(P, self.axes) for m in self.mixtures], axis=0)
        n_rest = len(self.axes) - self.axes.shape[1]
        if n_rest:
            result -= 0.5 * np.square(T - P @ self.axes.T) / self.rest_variance
            constant = 0.5 * n_rest * math.log(2 * math.pi * self.rest_variance)
            result -= constant / len(self.axes)
        return result

    def update(self, T, weights, decay):
        """The density after one more step of learning, on new straightened rows."""
        P = T @ self.axes
        mixtures = [mixture.update(P, weights, decay) for mixture in self.mixtures]
        return Density(**vars(self) | {"mixtures": mixtures})


def fit_density(Z, code, residuals, weights, rng, sizes=None):
    """Learn the density of rows, given standardised, with their codes and residuals.

    `sizes` are the numbers of components of the mixtures: 6 and 16, but 50 rows for each
    component. Of more than 5000 rows as many are drawn.
    """
    if len(Z) > MAX_ROWS:
        chosen = rng.choice(len(Z), MAX_ROWS, replace=False)
        Z, code, residuals, weights = Z[chosen], code[chosen], residuals[chosen], weights[chosen]
    share = weights / weights.sum()
    root = np.sqrt(share)[:, None]
    code_mean = share @ code
    centered = code - code_mean
    spread = np.sqrt(share @ np.square(centered))
    spread = np.where(spread > 0, spread, 1)
    slopes = np.linalg.lstsq(root * (centered / spread), root * Z, rcond=1e-6)[0]
    _, values, directions = np.linalg.svd(slopes, full_matrices=False)
    basis = directions[values > 1e-6 * max(values[0], 1e-6)].T
    n_features = Z.shape[1]
    density = Density(code_mean, slopes / spread[:, None], basis, np.eye(n_features), 1.0, [])
    T = density.straighten(code, residuals)
    axes, rest_variance = density.axes, 1.0
    if n_features > MAX_AXES:
        axes = np.linalg.svd(root * T, full_matrices=False)[2][:MAX_AXES].T
        along = float(share @ np.square(T @ axes).sum(axis=1))
        across = float(share @ np.square(T).sum(axis=1)) - along
        rest_variance = drawn_to_mean(
            across / (n_features - axes.shape[1]),
            along / axes.shape[1],
            axes.shape[1],
            weights.sum(),
        )
    if sizes is None:
        most = max(int(weights.sum() // ROWS_PER_COMPONENT), 1)
        sizes = sorted({min(size, most) for size in SIZES})
    mixtures = [fit_mixture(T @ axes, weights, size, rng) for size in sizes]
    return Density(
        **vars(density) | {"axes": axes, "rest_variance": rest_variance, "mixtures": mixtures}
    )
