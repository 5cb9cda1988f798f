"""Warnings that new samples as a whole, not a few of them, differ from the training samples."""

import math
import warnings

import numpy as np

from skae._network.scaling import are_on_another_scale, column_quantiles
from skae._training.stream import ShiftedSamplesWarning

MIN_ROWS = 100  # of new samples; with fewer nothing is said
MAX_GRID_COLUMNS = 2  # decision boundaries are drawn from grids, which mostly hold outliers
MIN_FLAGGED_SHARE = 0.5
MIN_DEVIATIONS = 5  # of the share that is flagged from the expected one, in standard deviations
MIN_SHRINKAGE = 20
MAX_NAMES = 5
MAX_MISSING_SHARE = 0.5


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


def latest_quantiles(X, before):
    """Return the quantiles of the columns of X, or those before if X has few rows."""
    return column_quantiles(X) if len(X) >= MIN_ROWS else before


def warn_of_shift(is_flagged, rate, n_calibration, X, quantiles, names):
    """Warn if most samples are flagged, or if a column is on a level unknown from training.

    X should have MIN_ROWS rows or more, with fewer chance would decide.
    `quantiles` are those of the columns in training, or None if they are not known.
    """
    most_flagged = X.shape[1] > MAX_GRID_COLUMNS and is_shifted(is_flagged, rate, n_calibration)
    columns, others = np.arange(0), None
    if quantiles is not None:
        others = column_quantiles(X)
        apart = are_apart(quantiles, others)
        moved = apart | are_on_another_scale(quantiles, others) if most_flagged else apart
        columns = np.flatnonzero(moved)
    if not most_flagged and not len(columns):
        return
    text = ""
    if most_flagged:
        text = (
            f"{100 * np.mean(is_flagged):.0f} % of {len(X):,} samples are flagged, where "
            f"{100 * rate:.2g} % of samples like the training samples would be. "
        )
    if len(columns):
        listed = "; ".join(_comparison(j, quantiles, others, names) for j in columns[:MAX_NAMES])
        more = f"; and {len(columns) - MAX_NAMES} more" if len(columns) > MAX_NAMES else ""
        text += (
            f"X is on another level or scale than in training in {len(columns)} of {X.shape[1]} "
            f"features: {listed}{more}. Check their units and how X was prepared."
        )
    elif quantiles is not None:
        text += (
            "No single feature is on another level or scale: check whether columns are mixed up "
            "or depend on each other in another way."
        )
    warnings.warn(text.strip(), ShiftedSamplesWarning, stacklevel=4)


def warn_of_gaps(missing, names):
    """Warn if most cells of a feature are missing, of samples after complete training samples."""
    columns = np.flatnonzero(np.mean(missing, axis=0) > MAX_MISSING_SHARE)
    if len(columns):
        listed = ", ".join(repr(str(names[j])) for j in columns[:MAX_NAMES])
        more = f" and {len(columns) - MAX_NAMES} more" if len(columns) > MAX_NAMES else ""
        warnings.warn(
            f"Most cells of X are missing in {len(columns)} of {missing.shape[1]} features, which "
            f"were complete in training: {listed}{more}. Samples are judged by the others alone.",
            ShiftedSamplesWarning,
            stacklevel=4,
        )


def _comparison(j, quantiles, others, names):
    """Return the middle half of a column, now and in training."""
    now, before = (" to ".join(f"{value:.4g}" for value in q[1:3, j]) for q in (others, quantiles))
    return f"{str(names[j])!r} (middle half {now}, in training {before})"
