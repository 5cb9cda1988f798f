"""Selections of outliers with false discoveries controlled, from conformal p-values."""

import math
from numbers import Real

import numpy as np
from scipy.stats import false_discovery_control

SLACK = 1 + 1e-9  # conformal p-values are fractions that often equal a limit, up to rounding


def check_share(share, name):
    """Return a share as a float; raise ValueError unless it is a number in (0, 1)."""
    if not isinstance(share, Real) or isinstance(share, bool) or not 0 < share < 1:
        raise ValueError(f"{name} must be a float in (0, 1), got {share!r}.")
    return float(share)


def check_ratio(ratio, n_samples, name):
    """Return a density ratio as an array; raise ValueError unless it suits the samples."""
    try:
        ratio = np.asarray(ratio, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be numbers. {error}") from error
    if ratio.shape != (n_samples,):
        raise ValueError(f"{name} must have shape ({n_samples},), got {ratio.shape}.")
    if not np.isfinite(ratio).all() or ratio.min() < 0 or not ratio.any():
        raise ValueError(f"{name} must be finite, not negative, and not all zero.")
    return ratio


def benjamini_hochberg(p_values, fdr):
    """Return which hypotheses the step-up procedure of Benjamini & Hochberg (1995) rejects.

    With conformal p-values of a common calibration set the rate holds (Bates, Candès, Lei, Romano &
    Sesia, 2023, Annals of Statistics 51, theorem 2).
    """
    return false_discovery_control(p_values) <= fdr * SLACK


class AuxiliaryPValues:
    """P-values of all samples after one of them has joined the calibration set.

    Its own p-value is then zero. Of the others only those are kept that can be below a limit.
    """

    def __init__(self, calibration, scores, limits, max_ratio):
        self.total = calibration.total
        ordered = np.sort(scores)
        below = calibration.weight_below(ordered)
        n_low = np.searchsorted(below, limits[-1] * (self.total + max_ratio), side="right")
        self.scores, self.below = ordered[:n_low], below[:n_low]
        self.limits = limits

    def count_rejected(self, score, ratio):
        """Return how many of the p-values the step-up procedure rejects."""
        is_higher = self.scores > score
        p_values = (self.below + ratio * is_higher) / (self.total + ratio)
        # The zero comes first; the place of the sample itself, the first of equal ones, is left.
        place = np.searchsorted(self.scores, score)
        p_values = np.concatenate([[0], p_values[:place], p_values[place + 1 :]])
        return np.flatnonzero(p_values <= self.limits[: len(p_values)])[-1] + 1


def weighted_selection(calibration, scores, ratio, fdr, seed=0):
    """Return which samples to report if they follow another law than the calibration.

    The weights of the calibration contain the ratio of the two densities at its samples; `ratio`
    is that at the new ones. This is weighted conformal selection with heterogeneous pruning (Jin &
    Candès, 2023, arXiv:2307.09291, algorithm 1), which draws a random number for each sample.
    """
    p_values = calibration.p_values(scores, ratio)
    limits = fdr * SLACK * np.arange(1, len(scores) + 1) / len(scores)
    candidates = np.flatnonzero(p_values <= limits[-1])
    auxiliary = AuxiliaryPValues(calibration, scores, limits, ratio.max())
    n_rejected = np.array([auxiliary.count_rejected(scores[j], ratio[j]) for j in candidates], int)
    is_first = p_values[candidates] <= limits[n_rejected - 1]
    candidates, n_rejected = candidates[is_first], n_rejected[is_first]
    draws = np.random.default_rng(seed).random(len(scores))[candidates]
    reduced = draws * n_rejected
    sizes = np.arange(len(candidates) + 1)
    n_within = np.searchsorted(np.sort(reduced), sizes, side="right")
    size = sizes[n_within >= sizes].max()
    selected = np.zeros(len(scores), bool)
    selected[candidates[reduced <= size]] = True
    return selected


def false_discovery_bounds(p_values, level):
    """Return bounds of the share of false discoveries, for each sample.

    The bound of a sample is that of reporting it and all samples with p-values that are not larger.
    All hold together with probability 1 - level, by closed testing with Simes' tests (Goeman &
    Solari, 2011, Statistical Science 26; by the shortcut of Goeman, Meijer, Krebs & Solari, 2019,
    Biometrika 106, lemma 2): among the k samples with the least p-values there are at least

        max over u <= k of  #{i <= k: h p_i <= u level} - u + 1

    outliers, where h is the size of the largest set of samples that Simes' test does not reject.
    """
    n_samples = len(p_values)
    ordered = np.sort(p_values)
    h = _largest_unrejected_size(ordered, level)
    n_least = np.searchsorted(ordered, p_values, side="right")  # of the set that each belongs to
    if h == 0:
        return np.zeros(n_samples)
    u = np.arange(1, n_samples + 1)
    n_small = np.searchsorted(ordered, u * level / h * SLACK, side="right")
    # u with at most k small p-values come first, and n_small is k at the next one.
    best = np.append(0, np.maximum.accumulate(np.maximum(n_small - u + 1, 0)))
    first_above = np.searchsorted(n_small, n_least, side="right")
    n_true = best[first_above]
    at_least = np.searchsorted(n_small, n_least, side="left")
    n_true = np.maximum(n_true, np.where(at_least < n_samples, n_least - at_least, 0))
    return 1 - n_true / n_least


def _largest_unrejected_size(ordered, level):
    """Return the largest size of a set of p-values that Simes' test does not reject.

    It consists of the largest p-values. Smaller ones are not rejected either: bisection finds it.
    """
    rejected, unrejected = len(ordered) + 1, 0
    while rejected - unrejected > 1:
        size = (rejected + unrejected) // 2
        limits = level * np.arange(1, size + 1) / size * SLACK
        if (ordered[-size:] > limits).all():
            unrejected = size
        else:
            rejected = size
    return unrejected


def least_rate(p_values, rate):
    """Name the least rate with which Benjamini & Hochberg reject any, above the given one."""
    adjusted = false_discovery_control(p_values)
    least = adjusted.min()
    if not rate < least < 1:
        return ""
    n_found = np.sum(adjusted <= least * SLACK)
    return f"The least fdr with which select finds any is {least:.2g}: {n_found:,} samples. "


def why_none(n_calibration, p_values, rate):
    """Return why Benjamini & Hochberg reject none with this rate, and what to do.

    That is an empty string if no single p-value is below the rate, although it could be.
    k samples with the least p-value, 1 / (n_calibration + 1), are rejected if that is at most
    rate k / n_samples.
    """
    if p_values.min() > SLACK * max(rate, 1 / (n_calibration + 1)):
        return ""
    n_samples, text = len(p_values), ""
    n_lowest = int(np.sum(p_values * (n_calibration + 1) <= SLACK))
    if n_calibration + 1 < 1 / (rate * SLACK):
        n_lowest, purpose = n_samples, "find anything"
    else:
        purpose = f"find the {n_lowest:,} of {n_samples:,} that score lower than all of these"
    n_needed = math.ceil(n_samples / (rate * SLACK * max(n_lowest, 1))) - 1
    if n_lowest and n_calibration < n_needed:
        text = (
            f"There are {n_calibration:,.6g} calibration samples; to {purpose}, it takes "
            f"{n_needed:,}. Fit to more samples in one call, or hold out more, by "
            "validation_fraction (by max_samples if there are more than that). "
        )
    return text + (
        "Outliers are not found if as many training samples are like them: leave out those that "
        "are known, but none because the detector flags it. For a fixed number of samples to look "
        "at, take those with the lowest score_samples."
    )
