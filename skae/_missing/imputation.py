"""Imputation: fit a blend of densities and its correction to samples, and fill their cells."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from skae._missing.blend import (
    Blend,
    draw_folds,
    fit_blend,
    make_trials,
    merge_equal,
)
from skae._missing.correction import Correction, fit_correction
from skae._missing.mixture import Mixture
from skae._missing.normal_scores import ScoreMixture
from skae._missing.one_hot import draw_groups, find_groups, normalise_groups, value_range
from skae._sampling import row_slices
from skae._training.trainer import Trainer

MAX_DENSITY_ROWS = 3000
MIN_TRIALS, MAX_REPEATS = 2000, 4  # hidden cells are drawn so often for each sample
BLOCK_ROWS = 4096
MEASURED_TRIALS, MEASURED_DRAWS = 1000, 40  # for the spread of draws
MAX_DRAWN_NUMBERS = 400_000
INTERVAL, MIN_DEVIATION = 0.9, 1e-6
PRIOR_CELLS = 50  # as many cells pull the spread of a feature towards that of all


@dataclass(frozen=True)
class Imputation:
    """What fills incomplete samples: standardisation, blend, correction, and spread of draws.

    Cells of each of the `groups` of columns, which are one-hot, add up to one: their lowest and
    highest values in training, which are `levels`, count as 0 and 1.

    `spread` is the factor of each feature by which draws deviate more from the filled value than
    those of the blend, so that 90 % of the hidden cells were inside the central 90 %.
    """

    mean: np.ndarray
    scale: np.ndarray
    blend: Blend
    correction: Correction | None
    spread: np.ndarray
    groups: list
    levels: np.ndarray

    def asdict(self):
        """Return the imputation as a dict of arrays and plain containers."""
        correction = None if self.correction is None else vars(self.correction)
        return {
            "mean": self.mean,
            "scale": self.scale,
            "mixtures": [mixture.asdict() for mixture in self.blend.mixtures],
            "weights": self.blend.weights,
            "bounds": self.blend.bounds,
            "correction": correction,
            "spread": self.spread,
            "groups": self.groups,
            "levels": self.levels,
        }

    @classmethod
    def from_dict(cls, state):
        """Return the imputation that `asdict` has turned into a dict."""
        mixtures = [ScoreMixture(**m) if "knots" in m else Mixture(**m) for m in state["mixtures"]]
        blend = Blend(mixtures, state["weights"], state["bounds"])
        correction = state["correction"]
        correction = None if correction is None else Correction(**correction)
        found = state["mean"], state["scale"], blend, correction, state["spread"]
        groups = state.get("groups", []), state.get("levels")  # absent from files of 0.3.1
        return cls(*found, *groups)

    def fill(self, X, missing, rng=None):
        """Return samples with missing cells filled, or drawn if there is a `rng`."""
        return fill_in_blocks(X, missing, partial(self._fill_block, rng=rng))

    def _fill_block(self, X, missing, rng):
        """Return filled samples; values beyond the training range are read as its end."""
        Z = np.clip((X - self.mean) / self.scale, *self.blend.bounds)
        Z = np.where(missing, 0, Z)
        filled = self.blend.conditional_means(Z, missing)
        if self.correction is not None:
            filled += self.correction(filled, missing)
        if rng is not None:
            drawn = self.blend.draw(Z, missing, rng)
            filled += self.spread * (drawn - self.blend.centres(Z, missing))
        np.clip(filled, *self.blend.bounds, out=filled)
        filled = filled * self.scale + self.mean
        np.copyto(filled, X, where=~missing)
        normalise_groups(filled, missing, self.groups, self.levels)
        if rng is not None:
            draw_groups(filled, missing, self.groups, self.levels, rng)
        return filled


def fill_in_blocks(X, missing, fill):
    """Return samples with missing cells filled by `fill(samples, missing)`, in the dtype of X.

    It is called with blocks of incomplete samples in float64.
    """
    filled = X.copy()
    incomplete = np.flatnonzero(missing.any(axis=1))
    for block in row_slices(len(incomplete), BLOCK_ROWS):
        rows = incomplete[block]
        values = fill(X[rows].astype(np.float64), missing[rows])
        filled[rows] = np.where(missing[rows], values, X[rows])
    return filled


def standardisation(X, missing, weights):
    """Return the weighted mean and standard deviation of the observed cells of each column.

    The deviation is 1 for columns without variation.
    """
    shares = np.where(missing, 0, weights[:, None])
    total = np.maximum(shares.sum(axis=0), np.finfo(np.float64).tiny)
    shares /= total
    first = X[np.argmin(missing, axis=0), np.arange(X.shape[1])]
    centered = np.where(missing, 0, X - first)
    offset = np.einsum("ij,ij->j", shares, centered)
    centered -= offset
    scale = np.sqrt(np.einsum("ij,ij,ij->j", shares, centered, centered))
    rounding = 1e-12 * np.maximum(np.abs(first), np.abs(first + offset))
    return first + offset, np.where(scale > rounding, scale, 1.0)


def fit_imputation(samples, sizes, max_samples, trainer: Trainer):
    """Return the Imputation, the losses of its correction by epoch, and the errors of features.

    `samples` are IncompleteRows in their own units. At most 3000 of them determine the densities,
    `max_samples` the correction. `sizes` are the numbers of components of the mixtures to try.
    """
    options, dtype = trainer.options, samples.X.dtype
    rng = np.random.default_rng(options.seeds.split)
    chosen = np.flatnonzero(samples.weights)
    if len(chosen) > max_samples:
        chosen = np.sort(rng.choice(chosen, max_samples, replace=False))
    rows = samples.part(chosen)
    X, missing = rows.X.astype(np.float64), rows.missing
    mean, scale = standardisation(X, missing, rows.weights)
    rows = replace(rows, X=np.where(missing, 0, (X - mean) / scale))
    groups, levels = find_groups(X, missing), np.array(value_range(X, ~missing))
    if len(rows) <= MAX_DENSITY_ROWS:
        rows = merge_equal(rows)
    few = rows
    if len(rows) > MAX_DENSITY_ROWS:
        drawn = rng.permutation(len(rows))
        few, rest = rows.part(drawn[:MAX_DENSITY_ROWS]), rows.part(drawn[MAX_DENSITY_ROWS:])
    n_repeats = min(max(MIN_TRIALS // len(few), 1), MAX_REPEATS)
    trials = make_trials(few, draw_folds(few, rng), n_repeats, rng)
    blend, filled = fit_blend(few, trials, sizes, rng, options.verbose)
    if few is not rows:  # the blend has not seen the rest
        others = make_trials(rest, draw_folds(rest, rng), 1, rng)
        others_filled = blend.conditional_means(others.X, others.missing)
        filled = np.concatenate([filled, others_filled])
        trials = trials.joined(others, len(few))
    correction, curve = fit_correction(filled, trials, dtype, trainer)
    if correction is not None:
        added = correction(np.where(trials.missing, filled, trials.X), trials.missing)
        filled = np.clip(filled + added, *blend.bounds)
    normalise_groups(filled, trials.missing, groups, (levels - mean) / scale)
    spread = measure_spread(blend, filled, trials, rng)
    imputation = Imputation(mean, scale, blend, correction, spread, groups, levels)
    return imputation, curve, hidden_errors(filled, trials)


def hidden_errors(filled, trials):
    """Return the root mean squared error of the hidden cells of each feature; NaN without any."""
    shares = np.where(trials.hidden, trials.weights[:, None], 0)
    squares = np.einsum("ij,ij->j", shares, np.square(filled - trials.X))
    totals = shares.sum(axis=0)
    return np.sqrt(np.where(totals > 0, squares, np.nan) / np.where(totals > 0, totals, 1))


def measure_spread(blend, filled, trials, rng):
    """Return the factors by which 90 % of the hidden cells come to lie in intervals of 90 %.

    The intervals are those between quantiles of draws, about the filled values.
    """
    n_features = trials.X.shape[1]
    n_trials = min(MEASURED_TRIALS, MAX_DRAWN_NUMBERS // (MEASURED_DRAWS * n_features) + 1)
    chosen = rng.permutation(len(trials.X))[:n_trials]
    hidden, X, missing = trials.hidden[chosen], trials.X[chosen], trials.missing[chosen]
    if not hidden.any():
        return np.ones(n_features)
    draws = blend.draws(X, missing, MEASURED_DRAWS, rng)
    deviations = draws - blend.centres(X, missing)
    low, high = np.quantile(deviations, [0.5 - INTERVAL / 2, 0.5 + INTERVAL / 2], axis=0)
    errors = X - filled[chosen]
    limits = np.where(errors > 0, np.maximum(high, MIN_DEVIATION), np.minimum(low, -MIN_DEVIATION))
    ratios = errors / limits
    overall = np.quantile(ratios[hidden], INTERVAL)
    spread = np.empty(n_features)
    for j in range(n_features):
        own = ratios[hidden[:, j], j]
        factor = np.quantile(own, INTERVAL) if len(own) else overall
        spread[j] = (len(own) * factor + PRIOR_CELLS * overall) / (len(own) + PRIOR_CELLS)
    return spread
