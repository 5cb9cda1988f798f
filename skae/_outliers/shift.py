"""Warnings that new samples as a whole, not a few of them, differ from the training samples."""

import math

import numpy as np

from skae._network.scaling import COMPARED_ROWS, are_on_another_scale, listed
from skae._parametrized import warn
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
    shrunk = MIN_SHRINKAGE * (others[3] - others[0]) < quantiles[2] - quantiles[1]
    return (others[0] > quantiles[3]) | (others[3] < quantiles[0]) | shrunk


def compared_quantiles(X):
    """Return 39 quantiles of each column, which are values of the column: of 1000 rows at most."""
    ordered = np.sort(X[evenly_spaced(len(X), COMPARED_ROWS)], axis=0)
    return ordered[(np.arange(1, N_LEVELS) * len(ordered) - 1) // N_LEVELS]


def kept_for_comparison(X, missing):
    """Return the attributes that tell what X was like, by name."""
    return {
        "_quantiles": compared_quantiles(X),
        "_n_compared": min(len(X), COMPARED_ROWS),
        "_missing_shares": np.zeros(X.shape[1]) if missing is None else missing.mean(axis=0),
    }


def are_in_other_units(quantiles, n_before, X):
    """Return for each column whether other units explain how X differs from samples before.

    Kuiper's distance of the distributions has to be large, beyond chance, and to vanish for the
    most part in other units. `quantiles` are those of `n_before` samples.
    """
    X = X[evenly_spaced(len(X), COMPARED_ROWS)].astype(np.float64)
    root = math.sqrt(n_before * len(X) / (n_before + len(X)))
    found = np.zeros(X.shape[1], bool)
    with np.errstate(all="ignore"):
        units = _other_units(quantiles.astype(np.float64), compared_quantiles(X))
        for j in np.flatnonzero(units[0].any(axis=0) & (quantiles[0] < quantiles[-1])):
            distance = _distance(quantiles[:, j], X[:, j])
            if distance >= MIN_DISTANCE:
                # Kuiper (1960); the correction for few samples is that of Stephens (1970).
                size = 2 * ((root + 0.155 + 0.24 / root) * distance) ** 2
                left = [
                    _distance(quantiles[:, j], (X[:, j] - offset) / factor)
                    for is_likely, factor, offset in units[:, :, j].T
                    if is_likely
                ]
                by_chance = 4 * size * math.exp(-size) * X.shape[1] > FALSE_WARNING_RATE
                found[j] = min(left) <= MAX_LEFT_DISTANCE * distance and not by_chance
    return found


def _other_units(before, now):
    """Return factors and offsets that may turn quantiles before into those of now.

    The result has the shape (3, n_candidates, n_columns): is it likely, the factor, the offset.
    Logarithms of other units differ by an offset. Both differ only if X spreads more than before.
    """
    found, (deviation, mean) = [], (before.std(axis=0), before.mean(axis=0))
    for middle in (np.mean, np.median):
        offset = middle(now, axis=0) - middle(before, axis=0)
        found.append((np.abs(offset) >= MIN_OFFSET * deviation, np.ones_like(mean), offset))
        for power in (1, 2):
            ratio = middle(np.abs(now) ** power, axis=0) / middle(np.abs(before) ** power, axis=0)
            factor = ratio ** (1 / power)
            is_likely = (factor > 0) & (np.maximum(factor, 1 / factor) >= MIN_FACTOR)
            found.append((is_likely & (factor < np.inf), factor, np.zeros_like(mean)))
    slope = np.mean((before - mean) * now, axis=0) / deviation**2
    found.append((slope >= MIN_FACTOR, slope, now.mean(axis=0) - slope * mean))
    return np.array(found).transpose(1, 0, 2)


def _distance(quantiles, values):
    """Return Kuiper's distance of the distribution of values from that with these quantiles."""
    below, up_to = (
        np.searchsorted(np.sort(values), quantiles, side) / len(values)
        - LEVELS[np.searchsorted(quantiles, quantiles, side) - (side == "right")]
        for side in ("left", "right")  # of equal quantiles the first level, or the last one
    )
    return max(below.max(), 0) - min(up_to.min(), 0)


def warn_of_shift(filled, before, flags=None):
    """Warn if most samples are flagged, or if a column is on another level or scale than before.

    `before` holds quantiles, the number of their samples, and names of columns. Earlier versions
    saved four quantiles, or none. Columns with mostly filled cells are not compared. `flags` are
    the arguments of `is_shifted`; without them the samples are about to be learned.
    """
    X, missing = filled.X, filled.missing
    is_grid = X.shape[1] <= MAX_GRID_COLUMNS
    most_flagged = bool(flags) and not is_grid and is_shifted(*flags)
    columns, others, (quantiles, n_before, names) = np.arange(0), None, before
    if quantiles is not None:
        others, moved = compared_quantiles(X)[QUARTET], False
        if len(quantiles) == len(LEVELS):
            moved = not is_grid and are_in_other_units(quantiles, n_before, X)
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
        j = np.argmax(_shifts(quantiles, others))
        text += (
            "No single feature is on another level or scale for certain; the most different one is "
            f"{_comparison(j, quantiles, others, names)}. Check units, and whether columns are "
            "mixed up."
        )
    if flags is None:
        text += LEARNED
    warn(text, ShiftedSamplesWarning)


def _shifts(quantiles, others):
    """Return how far the middle half of each column moved, in units of its width in training."""
    width = np.maximum(quantiles[2] - quantiles[1], (quantiles[3] - quantiles[0]) / 4)
    with np.errstate(all="ignore"):
        return np.nan_to_num(np.abs(others - quantiles)[1:3].max(axis=0) / width)


def warn_of_gaps(missing, shares, names, learns=False):
    """Warn if most cells of a feature are missing, and far more than these shares in training.

    `learns` says that the samples are about to be learned.
    """
    last = LEARNED if learns else " Samples are judged by the others alone."
    columns = np.flatnonzero(np.mean(missing, axis=0) - shares > MAX_MISSING_SHARE)
    if missing.all():
        warn("All cells of X are missing.", ShiftedSamplesWarning)
    elif len(columns):
        named = listed([repr(str(names[j])) for j in columns])
        warn(
            f"Most cells of X are missing in {len(columns)} of {missing.shape[1]} features, far "
            f"more than in training: {named}.{last}",
            ShiftedSamplesWarning,
        )


def _comparison(j, quantiles, others, names):
    """Return the middle half of a column, now and in training."""
    now, before = (" to ".join(f"{value:.4g}" for value in q[1:3, j]) for q in (others, quantiles))
    return f"{str(names[j])!r} (middle half {now}, in training {before})"
