"""Outlier scores: the log density of code and residual, or minus the mean squared residual."""

from dataclasses import dataclass, replace
import math

import numpy as np

from skae._network import inference
from skae._network.inference import Model
from skae._outliers.density import Density, fit_density

BLOCK_ROWS = 4096


@dataclass(frozen=True)
class Scorer:
    """Score samples by a model and, if given, the density of its codes and residuals.

    Without a density the score is minus the mean of the squared standardised residuals.
    """

    model: Model
    density: Density | None = None

    def code_and_residuals(self, X):
        """Return the code, and the residual of the standardised features in float64."""
        code = inference.encode(self.model, X)
        residuals = np.subtract(X, inference.decode(self.model, code), dtype=np.float64)
        residuals /= self.model.scaling.scale
        return code, residuals

    def score_samples(self, X):
        """Return the score of each sample, ndarray of shape (n_samples,), float64."""
        scores = np.empty(len(X))
        for rows, code, residuals in self._blocks(X):
            if self.density is None:
                scores[rows] = -np.square(residuals).mean(axis=1)
            else:
                straightened = self.density.straighten(code, residuals)
                scores[rows] = self.density.log_density(straightened)
        return scores

    def score_features(self, X):
        """Return what each feature adds to the score of each sample, of the shape of X, float64."""
        contributions = np.empty(X.shape, np.float64)
        for rows, code, residuals in self._blocks(X):
            if self.density is None:
                contributions[rows] = np.square(residuals) / -X.shape[1]
            else:
                straightened = self.density.straighten(code, residuals)
                contributions[rows] = self.density.contributions(straightened)
        return contributions

    def _blocks(self, X):
        """Yield the slice of X, the code and the residuals of each block."""
        for start in range(0, len(X), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            yield rows, *self.code_and_residuals(X[rows])


def fit_scorer(result, seed, sizes=None):
    """Return a scorer with a density, fitted to the samples that the network was trained on.

    `sizes` are the numbers of components of its mixtures, as in `fit_density`.
    """
    scorer = Scorer(result.model)
    X, _, weights = result.trained_rows.arrays()
    Z = (X - result.model.scaling.mean.astype(np.float64)) / result.model.scaling.scale
    rng = np.random.default_rng(seed)
    density = fit_density(Z, *scorer.code_and_residuals(X), weights, rng, sizes)
    return replace(scorer, density=density)


def update_scorer(scorer, rows, memory):
    """Return the scorer with its density updated by new samples.

    After n samples the earlier statistics are multiplied by exp(-n / memory).
    """
    straightened = scorer.density.straighten(*scorer.code_and_residuals(rows.X))
    decay = math.exp(-rows.weights.sum() / memory)
    return replace(scorer, density=scorer.density.update(straightened, rows.weights, decay))
