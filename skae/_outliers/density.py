"""The density of samples, straightened by an autoencoder: mixtures of several sizes."""

from dataclasses import asdict, dataclass, replace
import math

import numpy as np
from scipy.special import logsumexp

from skae._network.scaling import divisors
from skae._outliers.mixture import (
    Mixture,
    best_n_components,
    fit_mixture,
    fit_mixtures,
    shrink_variances,
)
from skae._outliers.prototypes import Prototypes, fit_prototypes
from skae._outliers.robust import leading_axes

# Numbers of components, and the least weight of samples for each of them.
LEVELS = (6, 50), (16, 50), (64, 20)
TRUST_POWERS = (0, 1, 2)  # of the weights of distant samples, at these levels
FEW_COMPONENTS, MIN_FEW_WEIGHT = (1, 2, 3, 4, 6), 8  # compared if the first level has fewer
MAX_PROTOTYPES, MIN_PROTOTYPE_WEIGHT = 1000, 2
MAX_AXES = 50
MAX_SAMPLES = 5000
N_DRAWS = 4096  # that determine the integral of a geometric mean


@dataclass(frozen=True)
class Density:
    """log p of the straightened sample t(z).

    Q, the `basis`, is an orthonormal basis of the standardised samples that a linear regression on
    the code can predict. t(z) = Q Q' z + (I - Q Q') (z - r(Q Q' z)), with the reconstruction r,
    flattens the curved surface over the basis. A density of t is one of z.

    Along `axes` log p is the mean over `mixtures`, minus `log_integral`, which makes the integral
    of p one. Across the axes p is a Gaussian with one variance.

    Densities of version 0.2 also have `code_mean` and `slopes`, the linear regression of the
    samples on their codes: there t = (code - code_mean) slopes + (I - Q Q') (residual).
    """

    basis: np.ndarray
    axes: np.ndarray | None
    rest_variance: float
    mixtures: list
    log_integral: float = 0.0
    code_mean: np.ndarray | None = None
    slopes: np.ndarray | None = None

    @classmethod
    def from_dict(cls, state):
        """Return the density that `asdict` has turned into a dict."""
        mixtures = [
            Prototypes(**m) if "variances" in m else Mixture(**m) for m in state["mixtures"]
        ]
        return cls(**state | {"mixtures": mixtures})

    asdict = asdict

    @property
    def sizes(self):
        return [len(m.counts) for m in self.mixtures if isinstance(m, Mixture)]

    def project(self, Z):
        """Return the position of standardised samples along the basis, Q Q' z."""
        return (Z @ self.basis) @ self.basis.T

    def straighten(self, projected, residuals):
        """Return t of samples with the given Q Q' z and z - r(Q Q' z)."""
        return projected + residuals - self.project(residuals)

    def straighten_code(self, code, residuals):
        """Return t of samples with the given codes and residuals: see files of version 0.2."""
        return self.straighten((code - self.code_mean) @ self.slopes, residuals)

    def log_density(self, T):
        """Return log p of straightened samples."""
        P = self._along(T)
        result = np.mean([mixture.log_density(P) for mixture in self.mixtures], axis=0)
        result -= self.log_integral
        if self.axes is not None and self._n_rest(T):
            rest = np.square(T - P @ self.axes.T).sum(axis=1)
            result -= 0.5 * rest / self.rest_variance
            result -= 0.5 * self._n_rest(T) * math.log(2 * math.pi * self.rest_variance)
        return result

    def draw(self, n_samples, rng):
        """Return independent straightened samples; each mixture has the same share of them."""
        axes = self.axes
        if axes is None:
            axes = np.eye(self.mixtures[0].means.shape[1])
        n_features, n_axes = axes.shape
        which = rng.integers(len(self.mixtures), size=n_samples)
        along = np.empty((n_samples, n_axes))
        for k, mixture in enumerate(self.mixtures):
            chosen = which == k
            along[chosen] = mixture.draw(int(chosen.sum()), rng)
        result = along @ axes.T
        if n_axes < n_features:
            rest = rng.standard_normal(result.shape)
            rest -= (rest @ axes) @ axes.T
            result += np.sqrt(self.rest_variance) * rest
        return result

    def contributions(self, T):
        """Return the part of log p of straightened samples that each column adds."""
        P = self._along(T)
        axes = np.eye(T.shape[1]) if self.axes is None else self.axes
        result = np.mean([m.contributions(P, axes) for m in self.mixtures], axis=0)
        constant = self.log_integral
        if self._n_rest(T):
            result -= 0.5 * np.square(T - P @ axes.T) / self.rest_variance
            constant += 0.5 * self._n_rest(T) * math.log(2 * math.pi * self.rest_variance)
        result -= constant / T.shape[1]
        return result

    def _along(self, T):
        return T if self.axes is None else T @ self.axes

    def _n_rest(self, T):
        return 0 if self.axes is None else T.shape[1] - self.axes.shape[1]

    def update(self, T, weights, trust, decay):
        """Return the density after one update of its mixtures, `log_integral` unchanged.

        T, weights and trust are those of new samples, as in `fit_density`.
        """
        P = self._along(T)
        powers = [*TRUST_POWERS, 0] if self.slopes is None else [1] * len(self.mixtures)
        mixtures = [
            mixture.update(P, weights * trust**power, decay)
            for mixture, power in zip(self.mixtures, powers)
        ]
        return replace(self, mixtures=mixtures)

    def normalized(self):
        """Return the density with the integral of the geometric mean of its mixtures.

        It is the mean of (geometric mean) / (arithmetic mean) over samples of the latter.
        """
        mixtures = self.mixtures
        if self.slopes is not None or len(mixtures) == 1:
            return self
        rng = np.random.default_rng(0)
        P = np.concatenate([m.sample(N_DRAWS // len(mixtures), rng) for m in mixtures])
        logs = np.stack([mixture.log_density(P) for mixture in mixtures])
        ratios = logs.mean(axis=0) - logsumexp(logs, axis=0) + math.log(len(mixtures))
        return replace(self, log_integral=float(logsumexp(ratios) - math.log(len(P))))


def fit_basis(parts, code, weights):
    """Return Q, an orthonormal basis of the samples that their codes predict linearly.

    `parts` yields blocks of the standardised samples, in their order.
    """
    shares = weights / weights.sum()
    centered = code - shares @ code
    deviation = np.sqrt(shares @ np.square(centered))
    centered = np.sqrt(shares)[:, None] * (centered / divisors(deviation, code.dtype))
    U, values, rotation = np.linalg.svd(centered, full_matrices=False)
    found = values > 1e-6 * values[0]
    U = np.sqrt(shares)[:, None] * U[:, found]
    start, moments = 0, 0.0
    for Z in parts:
        moments = moments + U[start : start + len(Z)].T @ Z
        start += len(Z)
    slopes = (rotation[found] / values[found, None]).T @ moments
    _, values, directions = np.linalg.svd(slopes, full_matrices=False)
    return directions[values > 1e-6 * max(values[0], 1e-6)].T


def fit_density(basis, T, weights, trust, resolution, settings):
    """Fit the density to straightened samples.

    `trust` is the factor of the weight of a sample that is distant from the others; the finer a
    mixture, the higher the power of it that counts. None stands for samples that are all normal:
    then prototypes are added. `resolution` is the variance of the rounding of each column.
    `settings` are the random generator and the numbers of components, None for those of the module.
    """
    rng, sizes = settings
    is_clean = trust is None
    levels = [weights * (1.0 if is_clean else trust**power) for power in TRUST_POWERS]
    axes, rest_variance, P = None, 1.0, T
    if T.shape[1] > MAX_AXES:
        shares = levels[1] / levels[1].sum()
        axes = leading_axes(T, shares, MAX_AXES, rng)
        P = T @ axes
        along = float(shares @ np.square(P).sum(axis=1))
        across = float(shares @ np.einsum("ij,ij->i", T, T)) - along
        n_axes, total = axes.shape[1], levels[1].sum()
        rest_variance = max(across, 0.0) / max(T.shape[1] - n_axes, 1)
        rest_variance = shrink_variances(rest_variance, along / n_axes, n_axes, total)
        rest_variance += float(resolution.mean())
        floor = (axes * resolution[:, None]).T @ axes
    else:
        floor = np.diag(resolution)
    if sizes is None:
        sizes = _level_sizes(P, levels, rng, floor)
    if len(levels) == len(sizes) and len(set(sizes)) == 1:
        mixtures = fit_mixtures(P, np.stack(levels), sizes[0], rng, floor)
    else:
        mixtures = [fit_mixture(P, level, size, rng, floor) for level, size in zip(levels, sizes)]
    if is_clean:
        n_prototypes = max(int(weights.sum() // MIN_PROTOTYPE_WEIGHT), 1)
        n_prototypes = min(n_prototypes, MAX_PROTOTYPES, len(P))
        mixtures.append(fit_prototypes(P, weights, n_prototypes, rng, np.diag(floor)))
    return Density(basis, axes, rest_variance, mixtures).normalized()


def _level_sizes(P, levels, rng, floor):
    """Return the number of components of each mixture.

    If the samples are too few for the first level, held-out samples choose how many are best.
    """
    sizes = [
        min(size, max(int(level.sum() // least), 1))
        for (size, least), level in zip(LEVELS, levels, strict=True)
    ]
    if sizes[0] < LEVELS[0][0]:
        most = min(levels[1].sum() / MIN_FEW_WEIGHT, len(P))
        candidates = [size for size in FEW_COMPONENTS if size <= max(most, 1)]
        best = 1
        if len(candidates) > 1:
            best = best_n_components(P, levels[1], candidates, rng, floor)
        sizes = [best] * len(levels)
    return sizes
