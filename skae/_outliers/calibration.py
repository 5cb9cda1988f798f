"""Calibration: scores of normal samples that are new to the model, thresholds and p-values."""

from dataclasses import dataclass, replace
import math
import warnings

import numpy as np

from skae._network.network import hidden_activation
from skae._outliers.robust import fit_ellipsoid_of, robust_rows
from skae._outliers.scoring import Scorer, fit_scorer
from skae._training.batches import prepared_rows
from skae._training.fit import fit_epochs
from skae._training.splitting import fold_numbers

N_FOLDS = 5
N_FOLDS_OF_FEW, MAX_FEW_ROWS = 10, 250
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


@dataclass(frozen=True)
class CalibrationSamples:
    """The samples of a fit, of which some may have been `left_out` of training by a draw."""

    X: np.ndarray
    weights: np.ndarray
    left_out: np.ndarray
    max_samples: int


def calibrate(samples, result, scorer, trainer, tasks):
    """Return the calibration of a scorer, from samples that it has not learned.

    It rests on the training samples if the user has interrupted the fit.
    """
    try:
        if not result.interrupted:
            return Calibration(*_held_out_scores(samples, result, scorer, trainer, tasks))
    except KeyboardInterrupt:
        pass
    message = "Interrupted by user: the threshold rests on scores of the training samples."
    warnings.warn(message, stacklevel=2)
    return Calibration(scorer.score_samples(samples.X), samples.weights)


def _held_out_scores(samples, result, scorer, trainer, tasks):
    """Return scores of samples that the model, or one like it, has not learned, and weights."""
    X, weights = samples.X, samples.weights
    if samples.left_out.any():
        chosen = np.flatnonzero(samples.left_out)[: samples.max_samples]
        return scorer.score_samples(X[chosen]), weights[chosen]
    kept = weights > 0
    X, weights = X[kept], weights[kept]
    n_folds = N_FOLDS_OF_FEW if weights.sum() <= MAX_FEW_ROWS else N_FOLDS
    folds = fold_numbers(X, n_folds, np.random.default_rng(trainer.options.seeds.split))
    folds[result.held_out(X)] = HELD_OUT
    parts, held = [], folds == HELD_OUT
    if held.any():
        parts.append((scorer.score_samples(X[held]), weights[held]))
    n_distinct_folds = folds.max() + 1
    n_missing = max(CALIBRATION_ROWS - weights[held].sum(), 0)
    n_scored = min(math.ceil(n_missing * n_distinct_folds / weights.sum()), n_distinct_folds)
    calibration = tasks.calibration(n_scored)
    for k in range(n_scored if n_distinct_folds > 1 else 0):
        held = folds == n_distinct_folds - 1 - k
        rows = prepared_rows(X[~held], weights[~held])
        other = _trained_anew(rows, result, scorer, trainer, calibration)
        parts.append((other.score_samples(X[held]), weights[held]))
    if not parts:
        return scorer.score_samples(X), weights
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def _trained_anew(rows, result, scorer, trainer, tasks):
    """Return a scorer of the same size, trained as long as the result, on other samples."""
    options, model = trainer.options, result.model
    network = options.network
    if network.activation == "auto":
        activation = hidden_activation(model.spec) or "auto"
        options = replace(options, network=replace(network, activation=activation))
    rows = robust_rows(rows, fit_ellipsoid_of(rows, options.seeds.start))
    trainer = replace(trainer, options=options, total_weight=rows.weights.sum())
    n_epochs, n_components = result.history.n_epochs_kept, model.network.n_components
    other = fit_epochs(trainer, rows, n_epochs, n_components, tasks)
    if scorer.density is None:
        return Scorer(other.model)
    return fit_scorer(other, options.seeds.samples, scorer.density.sizes)
