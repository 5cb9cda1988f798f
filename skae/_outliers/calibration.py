"""What new normal rows score: scores of rows that were not learned, and what they say."""

from dataclasses import dataclass
import math
import warnings

import numpy as np
from sklearn.base import clone

from skae._network.spec import hidden_activation
from skae._outliers.density import Density
from skae._training.fit import Fit
from skae._training.splitting import fold_numbers

N_FOLDS = 5
N_FOLDS_OF_FEW, FEW_ROWS = 10, 250
CALIBRATION_ROWS = 500
HELD_OUT = -1


@dataclass(frozen=True)
class Calibration:
    """Scores of normal rows that are new to the model; weights count as copies of rows."""

    scores: np.ndarray
    weights: np.ndarray

    def p_values(self, scores):
        """(1 + number of calibration rows with no higher score) / (1 + number of them)."""
        ordered, at_ties = self._ordered()
        p_values = np.append(1 / (1 + self.weights.sum()), at_ties)
        return p_values[np.searchsorted(ordered, scores, side="right")]

    def threshold(self, rate):
        """The score below which p-values are at most `rate`; the least one if none can be."""
        ordered, at_ties = self._ordered()
        first = np.searchsorted(at_ties, rate, side="right")
        return float(ordered[min(first, len(ordered) - 1)])

    def _ordered(self):
        """The scores in order, and the p-value of a row that ties with each."""
        order = np.argsort(self.scores)
        reached = np.cumsum(self.weights[order])
        return self.scores[order], (1 + reached) / (1 + reached[-1])


def draw(weights, n_drawn, seed):
    """Weights of so many rows, drawn at random, and zero for the others, a fifth at least."""
    kept = np.flatnonzero(weights)
    if len(kept) <= n_drawn:
        return weights
    n_drawn = min(n_drawn, len(kept) * (N_FOLDS - 1) // N_FOLDS)
    chosen = np.random.default_rng(seed).choice(kept, n_drawn, replace=False)
    drawn = np.zeros_like(weights)
    drawn[chosen] = weights[chosen]
    return drawn


def calibrate(detector, X, weights, fit, tasks):
    """Return the calibration of a detector that `fit` has just been trained for.

    It rests on rows held out, or on the training rows if the user wants no more trainings.
    """
    try:
        if not fit.interrupted:
            return Calibration(*_held_out_scores(detector, X, weights, fit, tasks))
    except KeyboardInterrupt:
        pass
    message = "Interrupted by user: the threshold rests on scores of the training rows."
    warnings.warn(message, stacklevel=2)
    return Calibration(detector._score_samples(X), weights)


def _held_out_scores(detector, X, weights, fit, tasks):
    """Scores of rows that the model has not learned, or one like it, and their weights."""
    kept, drawn = weights > 0, detector._draw(weights, fit.seed_split, False) > 0
    if not np.array_equal(kept, drawn):
        chosen = np.flatnonzero(kept & ~drawn)[: detector.max_samples]
        return detector._score_samples(X[chosen]), weights[chosen]
    X, weights = X[kept], weights[kept]
    n_folds = N_FOLDS_OF_FEW if weights.sum() <= FEW_ROWS else N_FOLDS
    folds = fold_numbers(X, n_folds, np.random.default_rng(fit.seed_split))
    folds[fit.held_out(X)] = HELD_OUT
    found, held = [], folds == HELD_OUT
    if held.any():
        found.append((detector._score_samples(X[held]), weights[held]))
    n_distinct_folds = folds.max() + 1
    missing = max(CALIBRATION_ROWS - weights[held].sum(), 0)
    n_scored = min(math.ceil(missing * n_distinct_folds / weights.sum()), n_distinct_folds)
    calibration = tasks.calibration(n_scored)
    for k in range(n_scored if n_distinct_folds > 1 else 0):
        held = folds == n_distinct_folds - 1 - k
        other = _trained_anew(detector, X[~held], weights[~held], fit, calibration)
        found.append((other._score_samples(X[held]), weights[held]))
    if not found:
        return detector._score_samples(X), weights
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


def _trained_anew(detector, X, weights, like, tasks):
    """A detector of the same size, trained as long as in the fit `like`, that knows other rows."""
    other = clone(detector).set_params(
        n_components=detector.n_components_, warm_start=False, verbose=False
    )
    if detector.activation == "auto":
        other.activation = hidden_activation(detector.architecture_) or "auto"
    other.n_features_in_ = detector.n_features_in_
    fit = Fit(other, X, weights, like.run_jobs)
    fit.run(like.n_epochs_kept, tasks)
    vars(other).update(fit.attributes())
    likely = detector.criterion == "likelihood"
    other._fit_density(fit, Density.from_dict(detector.density_).sizes if likely else None)
    return other
