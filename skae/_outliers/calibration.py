"""Calibration: conformal p-values and thresholds from scores of held-out samples."""

from dataclasses import dataclass, replace
import math
import warnings

import numpy as np

from skae._network.network import hidden_activation
from skae._outliers.robust import downweight_outliers, fit_ellipsoid
from skae._outliers.scoring import Scorer, fit_scorer
from skae._training.batches import prepared_rows
from skae._training.fit import fit_epochs
from skae._training.splitting import FoldSplitter

N_FOLDS = 5
N_FOLDS_OF_SMALL, MAX_SMALL_WEIGHT = 10, 250  # folds of small data, by the sum of the weights
MIN_CALIBRATION_WEIGHT = 500  # of held-out samples; with less, models of folds score more
HELD_OUT = -1


@dataclass(frozen=True)
class Calibration:
    """Scores of held-out samples; a weight of two counts as two copies."""

    scores: np.ndarray
    weights: np.ndarray

    def p_values(self, scores):
        """Return (1 + number of held-out samples that score no higher) / (1 + their number)."""
        ordered, at_ties = self._ordered()
        p_values = np.append(1 / (1 + self.weights.sum()), at_ties)
        return p_values[np.searchsorted(ordered, scores, side="right")]

    def threshold(self, rate):
        """Return the least score with a p-value above `rate`, or the highest one if none has."""
        ordered, at_ties = self._ordered()
        first = np.searchsorted(at_ties, rate, side="right")
        return float(ordered[min(first, len(ordered) - 1)])

    def _ordered(self):
        """Return the scores in ascending order, and the p-value of a sample that ties with each."""
        order = np.argsort(self.scores)
        n_no_higher = np.cumsum(self.weights[order])
        return self.scores[order], (1 + n_no_higher) / (1 + n_no_higher[-1])


def subsample_weights(weights, max_samples, seed):
    """Return the weights with zeros for the samples that are not drawn.

    At most `max_samples` are drawn at random. If there are more, a fifth or more is left out.
    """
    present = np.flatnonzero(weights)
    if len(present) <= max_samples:
        return weights
    n_drawn = min(max_samples, len(present) * (N_FOLDS - 1) // N_FOLDS)
    chosen = np.random.default_rng(seed).choice(present, n_drawn, replace=False)
    drawn = np.zeros_like(weights)
    drawn[chosen] = weights[chosen]
    return drawn


@dataclass(frozen=True)
class CalibrationSamples:
    """The samples of a fit; the boolean array `left_out` marks those that were not drawn for it."""

    X: np.ndarray
    weights: np.ndarray
    left_out: np.ndarray
    max_samples: int


def calibrate(samples, result, scorer, trainer, tasks):
    """Return the calibration of a scorer from samples that it was not fitted to.

    The training samples are used instead if the user interrupts.
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
    """Return scores of held-out samples, and the weights of these samples.

    Samples that were left out of training, or else held out by early stopping, are scored by the
    model itself. If they weigh too little, models trained without a fold score that fold.
    """
    X, weights = samples.X, samples.weights
    if samples.left_out.any():
        chosen = np.flatnonzero(samples.left_out)[: samples.max_samples]
        return scorer.score_samples(X[chosen]), weights[chosen]
    present = weights > 0
    X, weights = X[present], weights[present]
    n_folds = N_FOLDS_OF_SMALL if weights.sum() <= MAX_SMALL_WEIGHT else N_FOLDS
    groups = result.rows.splitter.groups[result.rows.member]
    folds = FoldSplitter(groups, weights).folds(n_folds)
    held_out = result.held_out
    folds[held_out] = HELD_OUT
    parts = []
    if held_out.any():
        parts.append((scorer.score_samples(X[held_out]), weights[held_out]))
    n_folds = folds.max() + 1  # fewer where few samples are distinct
    missing_weight = max(MIN_CALIBRATION_WEIGHT - weights[held_out].sum(), 0)
    n_scored = min(math.ceil(missing_weight * n_folds / weights.sum()), n_folds)
    calibration_tasks = tasks.calibration(n_scored)
    for k in range(n_scored if n_folds > 1 else 0):
        in_fold = folds == n_folds - 1 - k
        rows = prepared_rows(X[~in_fold], weights[~in_fold], divides_frequent=True)
        fold_scorer = _refitted_scorer(rows, result, scorer, trainer, calibration_tasks)
        parts.append((fold_scorer.score_samples(X[in_fold]), weights[in_fold]))
    if not parts:
        return scorer.score_samples(X), weights
    return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))


def _refitted_scorer(rows, result, scorer, trainer, tasks):
    """Return a scorer of the same size, trained on other samples for as many epochs."""
    options, model = trainer.options, result.model
    network = options.network
    if network.activation == "auto":
        activation = hidden_activation(model.spec) or "auto"
        options = replace(options, network=replace(network, activation=activation))
    rows = downweight_outliers(rows, fit_ellipsoid(rows, options.seeds.start))
    trainer = replace(trainer, options=options, total_weight=rows.weights.sum())
    n_epochs, n_components = result.history.n_epochs_kept, model.network.n_components
    refitted = fit_epochs(trainer, rows, n_epochs, n_components, tasks)
    if scorer.density is None:
        return Scorer(refitted.model)
    return fit_scorer(refitted, options.seeds.samples, scorer.density.sizes)
