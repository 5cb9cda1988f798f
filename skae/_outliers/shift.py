"""Warnings that new samples as a whole, not a few of them, differ from the training samples."""

from dataclasses import dataclass
import math
import warnings

import numpy as np

from skae._network.scaling import COMPARED_ROWS, are_on_another_scale, listed
from skae._sampling import evenly_spaced
from skae._training.stream import LEARNED, ShiftedSamplesWarning

MIN_ROWS = 100  # of new samples; with fewer nothing is said
MAX_GRID_COLUMNS = 2  # decision boundaries are drawn from grids, which mostly hold outliers
MIN_FLAGGED_SHARE = 0.5
MIN_DEVIATIONS = 5  # of the share that is flagged from the expected one, in standard deviations
MIN_SHRINKAGE = 20
MAX_MISSING_SHARE = 0.5
N_LEVELS = 40  # quantiles are those of the shares k / 40
QUARTET = [1, 9, 29, 37]  # those of 5 %, 25 %, 75 % and 95 % among them
MIN_FACTOR, MIN_OFFSET = 1.4, 1.0  # of a change of units; the offset in standard deviations
MIN_DISTANCE, MAX_LEFT_DISTANCE = 0.15, 1 / 3  # of two distributions; share of it that may be left
FALSE_WARNING_RATE = 1e-3  # of blocks of like samples

LEVELS = np.arange(1, N_LEVELS) / N_LEVELS


def is_shifted(is_flagged, rate, n_calibration):
    """Return whether most samples are flagged, and far more than the expected share `rate`.

    The threshold is an estimate from `n_calibration` scores, whose error counts too.
    """
    n_samples, share = len(is_flagged), np.mean(is_flagged)
    deviation = math.sqrt(rate * (1 - rate) * (1 / n_samples + 1 / n_calibration))
    return bool(share > MIN_FLAGGED_SHARE and share > rate + MIN_DEVIATIONS * deviation)


def are_apart(quantiles, others):
    """Return for each column whether the middle nine tenths of both lie apart.

    A column also counts whose middle nine tenths have shrunk to a twentieth of its middle half.
    """
    width = others[3] - others[0]
    shrunk = (width > 0) & (MIN_SHRINKAGE * width < quantiles[2] - quantiles[1])
    return (others[0] > quantiles[3]) | (others[3] < quantiles[0]) | shrunk


def compared_quantiles(X):
    """Return 39 quantiles of each column, which are values of the column: of 1000 rows at most."""
    ordered = np.sort(X[evenly_spaced(len(X), COMPARED_ROWS)], axis=0)
    return ordered[(np.arange(1, N_LEVELS) * len(ordered) - 1) // N_LEVELS]


def kept_for_comparison(X):
    """Return the attributes that tell what X was like, by name."""
    return {"_quantiles": compared_quantiles(X), "_n_compared": min(len(X), COMPARED_ROWS)}


def are_in_other_units(quantiles, n_before, X):
    """Return for each column whether other units explain how X differs from samples before.

    The difference is Kuiper's distance of the distributions. It has to be large, beyond chance,
    and to vanish for the most part if an offset is subtracted from the values of X, if they are
    divided by a factor, or both if they spread more than before. `quantiles` are those of
    `n_before` samples.
    """
    X = X[evenly_spaced(len(X), COMPARED_ROWS)]
    root = math.sqrt(n_before * len(X) / (n_before + len(X)))
    found = np.zeros(X.shape[1], bool)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        factors, offsets, are_likely = _other_units(quantiles, compared_quantiles(X))
        for j in np.flatnonzero(are_likely.any(axis=0) & (quantiles[0] < quantiles[-1])):
            before, values = (a[:, j].astype(np.float64) for a in (quantiles, X))
            distance = _distance(before, values)
            if distance >= MIN_DISTANCE:
                # Kuiper (1960); the correction for few samples is that of Stephens (1970).
                size = 2 * ((root + 0.155 + 0.24 / root) * distance) ** 2
                by_chance = 4 * size * math.exp(-size) * X.shape[1]
                units = zip(factors[are_likely[:, j], j], offsets[are_likely[:, j], j], strict=True)
                left = min(_distance(before, (values - b) / a) for a, b in units)
                is_explained = left <= MAX_LEFT_DISTANCE * distance
                found[j] = is_explained and by_chance <= FALSE_WARNING_RATE
    return found


def _other_units(before, now):
    """Return factors and offsets that may turn quantiles before into those of now, and where.

    Each is an array of shape (n_candidates, n_columns); the last one is boolean.
    """
    before, now = before.astype(np.float64), now.astype(np.float64)
    deviation, mean = before.std(axis=0), before.mean(axis=0)
    slopes = np.mean((before - mean) * now, axis=0) / deviation**2
    shifts = [middle(now, axis=0) - middle(before, axis=0) for middle in (np.mean, np.median)]
    sizes = [
        (np.abs(a).mean(axis=0), np.median(np.abs(a), axis=0), np.sqrt(np.square(a).mean(axis=0)))
        for a in (before, now)
    ]
    ratios = np.divide(sizes[1], sizes[0])
    ones, zeros = np.ones_like(shifts), np.zeros_like(ratios)
    return (
        np.vstack([ratios, slopes, ones]),
        np.vstack([zeros, now.mean(axis=0) - slopes * mean, shifts]),
        np.vstack(
            [
                (np.abs(np.log(ratios)) >= math.log(MIN_FACTOR)) & np.isfinite(np.log(ratios)),
                slopes >= MIN_FACTOR,  # logarithms of other units differ by a shift alone
                np.abs(shifts) >= MIN_OFFSET * deviation,
            ]
        ),
    )


def _distance(quantiles, values):
    """Return Kuiper's distance of the distribution of values from that with these quantiles."""
    values = np.sort(values)
    below = LEVELS[np.searchsorted(quantiles, quantiles, "left")]  # of equal ones the first level
    up_to = LEVELS[np.searchsorted(quantiles, quantiles, "right") - 1]
    more_below = np.searchsorted(values, quantiles, "left") / len(values) - below
    less_up_to = up_to - np.searchsorted(values, quantiles, "right") / len(values)
    return max(more_below.max(), 0) + max(less_up_to.max(), 0)


@dataclass(frozen=True)
class Before:
    """Quantiles of the columns of samples before, their number, and the names of the columns.

    The quantiles are None if they are not known. There are four in files of version 0.3.1.
    """

    quantiles: np.ndarray | None
    n_samples: int
    names: list


def warn_of_shift(filled, before, flags=None, stacklevel=3):
    """Warn if most samples are flagged, or if a column is on another level or scale than before.

    There should be MIN_ROWS samples or more, with fewer chance would decide. Columns with mostly
    filled cells are not compared. `flags` are the arguments
    of `is_shifted`. Without them the samples are about to be learned, and the warning says so.
    """
    X, missing = filled.X, filled.missing
    most_flagged = bool(flags) and X.shape[1] > MAX_GRID_COLUMNS and is_shifted(*flags)
    columns, quantiles, others, names = np.arange(0), before.quantiles, None, before.names
    if quantiles is not None:
        others, moved = compared_quantiles(X)[QUARTET], False
        if len(quantiles) == len(LEVELS):
            moved = are_in_other_units(quantiles, before.n_samples, X)
            quantiles = quantiles[QUARTET]
        moved |= are_apart(quantiles, others)
        if most_flagged:
            moved |= are_on_another_scale(quantiles, others)
        if missing is not None:
            moved &= np.mean(missing, axis=0) <= MAX_MISSING_SHARE
        columns = np.flatnonzero(moved)
    if not most_flagged and not len(columns):
        return
    text = ""
    if most_flagged:
        is_flagged, rate, _ = flags
        text = (
            f"{100 * np.mean(is_flagged):.0f} % of {len(X):,} samples are flagged, where "
            f"{100 * rate:.2g} % of samples like the training samples would be. "
        )
    if len(columns):
        named = listed([_comparison(j, quantiles, others, names) for j in columns], "; ")
        text += (
            f"X is on another level or scale than in training in {len(columns)} of {X.shape[1]} "
            f"features: {named}. Check their units, how X was prepared, and whether it is a "
            "selection of samples."
        )
    elif quantiles is not None:
        text += (
            "No single feature is on another level or scale: check whether columns are mixed up "
            "or depend on each other in another way."
        )
    if flags is None:
        text += LEARNED
    warnings.warn(text, ShiftedSamplesWarning, stacklevel=stacklevel)


def warn_of_gaps(missing, names, stacklevel=3):
    """Warn if most cells of a feature are missing, of samples after complete training samples."""
    columns = np.flatnonzero(np.mean(missing, axis=0) > MAX_MISSING_SHARE)
    if len(columns):
        named = listed([repr(str(names[j])) for j in columns])
        warnings.warn(
            f"Most cells of X are missing in {len(columns)} of {missing.shape[1]} features, which "
            f"were complete in training: {named}. Samples are judged by the others alone.",
            ShiftedSamplesWarning,
            stacklevel=stacklevel,
        )


def _comparison(j, quantiles, others, names):
    """Return the middle half of a column, now and in training."""
    now, before = (" to ".join(f"{value:.4g}" for value in q[1:3, j]) for q in (others, quantiles))
    return f"{str(names[j])!r} (middle half {now}, in training {before})"
