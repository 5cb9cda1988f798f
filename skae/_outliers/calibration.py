"""Calibration: conformal p-values and thresholds from scores of held-out samples."""

from collections.abc import Callable
from dataclasses import dataclass, replace
import math
from numbers import Integral

import numpy as np

from skae._network.network import hidden_activation
from skae._outliers.atoms import count_copies
from skae._outliers.robust import downweight_outliers, fit_ellipsoid
from skae._outliers.scoring import Scorer, blocks, expected_scores, fit_scorer
from skae._parametrized import warn
from skae._training.batches import prepared_rows, with_missing
from skae._training.fit import fit_epochs
from skae._training.splitting import FoldSplitter

FALSE_ALARM_RATE = 0.05  # at the threshold with contamination="auto"
N_FOLDS = 5
N_FOLDS_OF_SMALL, MAX_SMALL_WEIGHT = 10, 250  # folds of small data, by the sum of the weights
# Of held-out samples; with less, models of folds score more. Of many a share, up to the last.
MIN_CALIBRATION_WEIGHT, MIN_SHARE, MAX_MIN_WEIGHT = 500, 1 / 5, 1000
HELD_OUT = -1
AUTO_MAX_SAMPLES = 10_000
MAX_LEFT_OUT = 50_000  # samples that were not drawn for training, to calibrate on


@dataclass(frozen=True)
class Calibration:
    """Scores of held-out samples; a weight of two counts as two copies.

    Scores that differ by less than `tolerance`, relative to the larger of their size and one, tie:
    a model returns slightly different scores for equal samples in different blocks. A sample that
    ties with held-out ones counts as scoring no lower. `indices` are their row numbers in X.
    """

    scores: np.ndarray
    weights: np.ndarray
    tolerance: float = 0.0
    indices: np.ndarray | None = None

    def p_values(self, scores, weights=1.0):
        """Return the share of the weight that scores no higher than each of the new samples.

        The new sample is one of them, with the given weight.
        """
        no_higher = self._weight_before(scores + self._margin(scores), "right")
        return (weights + no_higher) / (weights + self.total)

    def weight_below(self, scores):
        """Return the weight of the held-out samples that score lower than each of the new ones."""
        return self._weight_before(scores - self._margin(scores), "left")

    def threshold(self, rate):
        """Return the least score with a p-value above `rate`, or the highest one if none has."""
        order = np.argsort(self.scores)
        n_no_higher = np.cumsum(self.weights[order])
        at_ties = (1 + n_no_higher) / (1 + n_no_higher[-1])
        first = np.searchsorted(at_ties, rate, side="right")
        score = self.scores[order[min(first, len(order) - 1)]]
        return float(score - self._margin(score))

    @property
    def total(self):
        """Return the sum of the weights, with the rounding errors of the sums in `p_values`."""
        return self._weight_before(np.inf, "right")

    def reweighted(self, ratio):
        return replace(self, weights=self.weights * ratio)

    def _margin(self, scores):
        return self.tolerance * np.clip(np.abs(scores), 1, np.finfo(float).max)

    def _weight_before(self, scores, side):
        order = np.argsort(self.scores)
        cumulative = np.append(0, np.cumsum(self.weights[order]))
        return cumulative[np.searchsorted(self.scores[order], scores, side=side)]


def count_max_samples(max_samples, n_samples):
    """Return how many samples to train on at most: a number, a share of them, or "auto"."""
    if isinstance(max_samples, str):
        return AUTO_MAX_SAMPLES
    if isinstance(max_samples, Integral):
        return int(max_samples)
    return max(int(max_samples * n_samples), 2)


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
    """The samples of a fit; the boolean array `left_out` marks those that were not drawn for it.

    Cells that `missing` marks, if any, are filled in X. The function `refill` fills them, given X,
    `missing` and the weights of the samples that tell how.
    """

    X: np.ndarray
    weights: np.ndarray
    left_out: np.ndarray
    missing: np.ndarray | None = None
    refill: Callable | None = None

    def filled_by(self, chosen):
        """Return the samples with missing cells filled by what the chosen samples tell alone.

        Samples that help to fill their own cells are nearer to the model than new ones.
        """
        if self.missing is None or not len(chosen):
            return self
        weights = np.zeros_like(self.weights)
        weights[chosen] = self.weights[chosen]
        return replace(self, X=self.refill(self.X, self.missing, weights))

    def scores(self, scorer, chosen):
        scores = np.empty(len(chosen))
        for block in blocks(self.X, len(chosen)):
            part = chosen[block]
            missing = None if self.missing is None else self.missing[part]
            scores[block] = expected_scores(scorer, self.X[part], missing)
        return scores

    def training_rows(self, chosen, spread):
        rows = prepared_rows(self.X[chosen], self.weights[chosen], divides_frequent=True)
        return rows if self.missing is None else with_missing(rows, self.missing[chosen], spread)


def calibrate(samples, result, scorer, trainer, tasks):
    """Return the calibration of a scorer from samples that it was not fitted to.

    The training samples are used instead if the user interrupts.
    """
    try:
        if not result.interrupted:
            if samples.left_out.any():
                return _calibrate_on_left_out(samples, scorer, trainer.options.seeds.split)
            calibrate = _calibrate_on_held_out
            if result.rows.splits:
                calibrate = _calibrate_on_splits
            return calibrate(samples, result, scorer, trainer, tasks)
    except KeyboardInterrupt:
        pass
    message = "Interrupted by user: the threshold rests on scores of the training samples."
    warn(message)
    return _calibration(scorer, samples, np.arange(len(samples.X)))


def _calibration(scorer, samples, indices):
    tolerance = tie_tolerance(scorer.model.parameters.flat.dtype)
    scores = samples.scores(scorer, indices)
    return Calibration(scores, samples.weights[indices], tolerance, indices)


def tie_tolerance(dtype):
    return math.sqrt(np.finfo(dtype).eps)


def _calibrate_on_left_out(samples, scorer, seed):
    chosen = np.flatnonzero(samples.left_out)
    if len(chosen) > MAX_LEFT_OUT:
        rng = np.random.default_rng(seed)
        chosen = np.sort(rng.choice(chosen, MAX_LEFT_OUT, replace=False))
    return _calibration(scorer, samples, chosen)


def _calibrate_on_held_out(samples, result, scorer, trainer, tasks):
    """Return the calibration from samples held out by early stopping, and from cross-validation.

    Samples that early stopping held out are scored by the model itself. If they weigh too little,
    models trained without a fold score that fold.

    The model itself scores atoms, as it would score new samples equal to them; they weigh as much
    as in X, relative to the other samples. Copies are in one fold, unless the law is discrete: then
    as many new samples repeat samples in X as samples of a random fold repeat others. With groups
    that the user gave, copies and atoms stay in their groups.
    """
    present = result.rows.given
    X, weights = samples.X[present], samples.weights[present]
    copies, has_groups = count_copies(X), result.rows.splitter.has_given_groups
    is_atom = copies.is_atom & (not has_groups)
    n_folds = N_FOLDS_OF_SMALL if weights.sum() <= MAX_SMALL_WEIGHT else N_FOLDS
    groups, held_out = result.rows.splitter.groups[result.rows.member], result.held_out & ~is_atom
    if copies.is_discrete and not has_groups:
        rng = np.random.default_rng(trainer.options.seeds.split)
        groups, held_out = rng.permutation(len(X)), np.zeros(len(X), bool)
    folds = FoldSplitter(groups, weights).folds(n_folds)
    n_folds = folds.max() + 1  # fewer where few samples are distinct
    folds[is_atom] = np.arange(is_atom.sum()) % n_folds  # atoms are in all folds
    folds[held_out] = HELD_OUT
    chosen = [np.flatnonzero(folds == HELD_OUT)]
    scores = []
    if len(chosen[0]):
        part = samples.filled_by(present[folds != HELD_OUT])
        scores.append(part.scores(scorer, present[chosen[0]]))
    n_scored = _count_folds(weights, is_atom, weights[chosen[0]].sum(), n_folds)
    calibration_tasks = tasks.calibration(n_scored)
    for k in range(n_folds - 1, n_folds - 1 - n_scored, -1):
        in_fold, others = folds == k, present[folds != k]
        part = samples.filled_by(others)
        rows = part.training_rows(others, result.rows.spread)
        fold_scorer = _refitted_scorer(rows, result, scorer, trainer, calibration_tasks)
        chosen.append(np.flatnonzero(in_fold & ~is_atom))
        scores.append(part.scores(fold_scorer, present[chosen[-1]]))
    chosen = np.concatenate(chosen)
    if not len(chosen):
        return _calibration(scorer, samples, present)
    atoms = np.flatnonzero(is_atom)
    share = weights[chosen].sum() / weights[~is_atom].sum()
    return Calibration(
        np.concatenate([*scores, samples.scores(scorer, present[atoms])]),
        np.append(weights[chosen], share * weights[atoms]),
        tie_tolerance(scorer.model.parameters.flat.dtype),
        present[np.append(chosen, atoms)],
    )


def _calibrate_on_splits(samples, result, scorer, trainer, tasks):
    """Return the calibration from the samples that the splits of the user hold out.

    A model trained on the other part of a split scores them: the model itself, if early stopping
    used this split alone. The weight of a sample is divided among the splits that hold it out.
    """
    present, member = result.rows.given, result.rows.member
    weights = samples.weights[present]
    splits = [(trained[member], np.flatnonzero(out[member])) for trained, out in result.rows.splits]
    is_trained = [np.array_equal(trained, ~result.held_out) for trained, _ in splits]
    calibration_tasks = tasks.calibration(len(splits) - sum(is_trained))
    scores = []
    for (trained, held_out), is_result in zip(splits, is_trained):
        split_scorer, others = scorer, present[trained]
        part = samples.filled_by(others)
        if not is_result:
            rows = part.training_rows(others, result.rows.spread)
            split_scorer = _refitted_scorer(rows, result, scorer, trainer, calibration_tasks)
        scores.append(part.scores(split_scorer, present[held_out]))
    chosen = np.concatenate([held_out for _, held_out in splits])
    return Calibration(
        np.concatenate(scores),
        (weights / np.maximum(np.bincount(chosen, minlength=len(present)), 1))[chosen],
        tie_tolerance(scorer.model.parameters.flat.dtype),
        present[chosen],
    )


def _count_folds(weights, is_atom, held_out_weight, n_folds):
    """Return the number of folds to score, so that enough samples are held out."""
    weight = weights[~is_atom].sum()
    if n_folds == 1 or weight == 0:
        return 0
    total = weights.sum()
    least = max(MIN_CALIBRATION_WEIGHT, min(MIN_SHARE * total, MAX_MIN_WEIGHT))
    missing_weight = least * weight / total - held_out_weight
    return min(math.ceil(max(missing_weight, 0) * n_folds / weight), n_folds)


def _refitted_scorer(rows, result, scorer, trainer, tasks):
    """Return a scorer of the same size, trained on other samples for as many epochs."""
    options, model = trainer.options, result.model
    network = options.network
    if network.activation == "auto":
        activation = hidden_activation(model.spec) or "auto"
        options = replace(options, network=replace(network, activation=activation))
    is_clean = scorer.ellipsoid is None
    ellipsoid = None if is_clean else fit_ellipsoid(rows, options.seeds.start)
    rows = downweight_outliers(rows, ellipsoid)
    trainer = replace(trainer, options=options, total_weight=rows.weights.sum())
    n_epochs, n_components = result.history.n_epochs_kept, model.network.n_components
    refitted = fit_epochs(trainer, rows, n_epochs, n_components, tasks)
    if scorer.density is None:
        return Scorer(refitted.model)
    return fit_scorer(refitted, options.seeds.samples, ellipsoid, scorer.density.sizes)
