"""Outlier scores: the log density of straightened samples, or minus the mean squared residual."""

from dataclasses import dataclass, replace
import math

import numpy as np

from skae._network import inference
from skae._network.inference import Model
from skae._network.scaling import rounding_errors
from skae._outliers.completion import expected_squares, steps_to_components
from skae._outliers.density import MAX_SAMPLES, Density, fit_basis, fit_density
from skae._outliers.robust import Ellipsoid

MAX_BLOCK_ROWS, BLOCK_NUMBERS = 4096, 2**18  # samples and float64 numbers of a block
N_COMPLETION_STEPS = 2, 10  # with and without a density


@dataclass(frozen=True)
class Scorer:
    """Score samples by a model and, if given, a density.

    Without a density the score is minus the mean of the squared standardised residuals. Samples
    outside the `ellipsoid`, if there is one, counted less in training.
    """

    model: Model
    density: Density | None = None
    ellipsoid: Ellipsoid | None = None

    def code_and_residuals(self, X):
        code = inference.encode(self.model, X)
        residuals = np.subtract(X, inference.decode(self.model, code), dtype=np.float64)
        residuals /= self.model.scaling.scale
        return code, residuals

    def standardize(self, X):
        Z = np.subtract(X, self.model.scaling.mean, dtype=np.float64)
        Z /= self.model.scaling.scale
        return Z

    def straighten(self, X):
        """Return t of each sample: see `Density`."""
        if self.density.slopes is not None:
            return self.density.straighten_code(*self.code_and_residuals(X))
        Z = self.standardize(X)
        projected = self.density.project(Z)
        scaling = self.model.scaling
        base = (projected * scaling.scale + scaling.mean).astype(scaling.mean.dtype)
        Z -= self.standardize(inference.decode(self.model, inference.encode(self.model, base)))
        return self.density.straighten(projected, Z)

    def score_samples(self, X):
        """Return the score of each sample, ndarray of shape (n_samples,), float64."""
        scores = np.empty(len(X))
        for rows in blocks(X):
            if self.density is None:
                scores[rows] = -np.square(self.code_and_residuals(X[rows])[1]).mean(axis=1)
            else:
                scores[rows] = self.density.log_density(self.straighten(X[rows]))
        return scores

    def score_features(self, X):
        """Return what each feature adds to the score of each sample, of the shape of X, float64."""
        contributions = np.empty(X.shape, np.float64)
        for rows in blocks(X):
            if self.density is None:
                residuals = self.code_and_residuals(X[rows])[1]
                contributions[rows] = np.square(residuals) / -X.shape[1]
            else:
                contributions[rows] = self.density.contributions(self.straighten(X[rows]))
        return contributions

    def trust(self, X):
        """Return the factor of the weight of each sample, or None if all count in full."""
        return None if self.ellipsoid is None else self.ellipsoid.sample_weights(X)


def blocks(X, n_samples=None):
    """Yield the slices of X, or of n_samples samples like those, that are scored at once."""
    n_rows = min(max(BLOCK_NUMBERS // X.shape[1], 1), MAX_BLOCK_ROWS)
    for start in range(0, len(X) if n_samples is None else n_samples, n_rows):
        yield slice(start, start + n_rows)


def likely_completion(scorer, X, missing):
    """Return samples with their missing cells, which are filled, at more likely values, if any."""
    rows, result = np.flatnonzero(missing.any(axis=1)), X.copy()
    for block in blocks(X, len(rows)):
        best = X[rows[block]]
        for _ in range(N_COMPLETION_STEPS[scorer.density is None]):
            moved = _moved(scorer, best, missing[rows[block]])
            better = scorer.score_samples(moved) > scorer.score_samples(best)
            best[better] = moved[better]
        result[rows[block]] = best
    return result


def _moved(scorer, X, missing):
    """Return samples with missing cells at the mean of a component, or at the reconstruction."""
    box, scaling = scorer.model.box, scorer.model.scaling
    Z = scorer.standardize(X)
    if scorer.density is None:
        Z -= scorer.code_and_residuals(X)[1]
    else:
        Z += steps_to_components(scorer.density, scorer.straighten(X), missing)
    Z = Z if box is None else np.clip(Z, *box[:2])
    result = X.copy()
    np.copyto(result, Z * scaling.scale + scaling.mean, where=missing, casting="same_kind")
    return result


def expected_contributions(scorer, X, missing):
    """Return what each observed cell adds to the expected score of its sample, NaN for others.

    X has missing cells filled. What these would add is divided equally among the observed cells.
    Filled cells are more likely than drawn ones, by half the expected squared Mahalanobis distance
    of the latter. Without a density observed squares are averaged.
    """
    contributions = scorer.score_features(X)
    n_missing = missing.sum(axis=1, keepdims=True)
    n_observed = np.maximum(X.shape[1] - n_missing, 1)
    if scorer.density is None:
        contributions *= X.shape[1] / n_observed
    else:
        hidden = np.where(missing, contributions, 0).sum(axis=1, keepdims=True)
        hidden -= 0.5 * (missing @ expected_squares(scorer.density))[:, None]
        contributions += hidden / n_observed
    contributions[missing] = np.nan
    return contributions


def expected_scores(scorer, X, missing):
    """Return the expected score of each sample, if its missing cells are drawn; X has them filled.

    See `expected_contributions`. Of a sample without any value all cells count.
    """
    if missing is None:
        return scorer.score_samples(X)
    X = likely_completion(scorer, X, missing)
    if scorer.density is not None:
        return scorer.score_samples(X) - 0.5 * missing @ expected_squares(scorer.density)
    squares = -X.shape[1] * scorer.score_features(X)
    observed = ~missing | missing.all(axis=1)[:, None]
    return -np.average(squares, axis=1, weights=observed)


def fit_scorer(result, seed, ellipsoid=None, sizes=None):
    """Return a scorer with a density, fitted to the samples that the network was trained on.

    Their weights contain the factors of the `ellipsoid`. `sizes` are those of `fit_density`.
    """
    rows, model = result.trained_rows, result.model
    rng, X, chosen = np.random.default_rng(seed), rows.X, rows.index
    if len(chosen) > MAX_SAMPLES:
        chosen = chosen[rng.choice(len(chosen), MAX_SAMPLES, replace=False)]
    weights = rows.weights[chosen]
    scorer = Scorer(model, None, ellipsoid)
    parts = [chosen[block] for block in blocks(X[:1], len(chosen))]
    code = np.concatenate([inference.encode(model, X[part]) for part in parts])
    basis = fit_basis((scorer.standardize(X[part]) for part in parts), code, weights)
    scorer = replace(scorer, density=Density(basis, None, 1.0, []))
    trust = None if ellipsoid is None else np.concatenate([scorer.trust(X[p]) for p in parts])
    weights = weights if trust is None else weights / trust
    resolution = np.square(rounding_errors(X, weights, chosen) / model.scaling.scale)
    T = np.empty((len(chosen), X.shape[1]))
    for block, part in zip(blocks(T), parts, strict=True):
        T[block] = scorer.straighten(X[part])
    density = fit_density(basis, T, weights, trust, resolution, (rng, sizes))
    return replace(scorer, density=density)


def update_scorer(scorer, rows, memory):
    """Return the scorer with its density updated by new samples.

    After n samples the earlier statistics are multiplied by exp(-n / memory), block by block.
    """
    density = scorer.density
    for block in blocks(rows.X):
        X, weights = rows.X[block], rows.weights[block]
        trust = scorer.trust(X)
        trust = np.ones(len(X)) if trust is None else trust
        decay = math.exp(-weights.sum() / memory)
        density = density.update(scorer.straighten(X), weights / trust, trust, decay)
    return replace(scorer, density=density.normalized())
