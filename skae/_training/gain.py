"""Gain over the start on held-out samples, and a lower bound of it."""

from dataclasses import dataclass
import math

import numpy as np
from scipy.special import stdtrit

from skae._training.early_stopping import groups_in_order, sum_groups

CONFIDENCE = 0.95
UNSEEN_FACTOR = 1.5  # times the largest loss of a group: the loss of a group not yet seen
N_REPEATS = 2  # how often the group that most speaks against the gain is counted again
MIN_FREEDOM = 0.3  # degrees of freedom of Student's t
LOSS_NOUNS = {"squared_error": "error", "penalised": "loss with penalty"}


@dataclass(frozen=True)
class Gain:
    """Share of the loss at the start that training removed, on held-out samples.

    `lower_bound` is a one-sided 95 % confidence bound of the share on new samples. For nested codes
    both are dicts by validated code size; None if the gain was not measured.
    """

    value: float | dict | None = None
    lower_bound: float | dict | None = None

    @classmethod
    def of_start(cls, sizes=None):
        """Return the gain of a model that is left as it started: exactly zero."""
        zero = 0.0 if sizes is None else dict.fromkeys(sorted(sizes), 0.0)
        return cls(zero, zero)

    @property
    def is_certain(self):
        """Return whether new samples gain with 95 % confidence, for nested codes at each size."""
        bounds = self.lower_bound
        bounds = list(bounds.values()) if isinstance(bounds, dict) else [bounds]
        return None not in bounds and min(bounds) >= 0 and max(bounds) > 0

    def up_to(self, n_components):
        """Return the gain without code sizes above n_components."""
        if not isinstance(self.value, dict):
            return self
        both = self.value, self.lower_bound
        return Gain(*({j: gain for j, gain in each.items() if j <= n_components} for each in both))

    def lines(self, loss, start="PCA"):
        """Return lines for the user, one for each code size; none if there is no gain to state."""
        if self.value is None:
            return []
        text = f"Gain over {start}"
        if not isinstance(self.value, dict):
            return [f"{text}: {_describe(self.value, self.lower_bound, loss, start)}"]
        return [
            f"{text}, {size} component{'s' * (size > 1)}: {_describe(value, bound, loss, start)}"
            for (size, value), bound in zip(self.value.items(), self.lower_bound.values())
        ]


def _describe(value, bound, loss, start):
    if value == bound == 0:
        return f"none is certain on held-out samples, so {start} is kept."
    noun = LOSS_NOUNS.get(loss, f"{loss} loss")
    less = "less" if value >= 0 else "more"
    text = f"{100 * abs(value):.1f} % {less} {noun} on held-out samples"
    if not math.isfinite(bound):
        return f"{text}."
    if bound < 0:
        return f"{text}, but new samples may have up to {-100 * bound:.1f} % more."
    return f"{text}, at least {100 * bound:.1f} % less on new samples with 95 % confidence."


def measure_gain(selector, sizes=None, start_ratio=1.0):
    """Return the Gain of the epochs that a selector has selected.

    `sizes` are the code sizes of the columns of its losses, if codes are nested. `start_ratio` is
    the factor of the losses at the start in the lower bound: see `loss_ratio`.
    """
    if not selector.epoch:
        return Gain.of_start(sizes)
    start, best = selector.start, selector.best_losses
    sample_weights = selector.shares, selector.groups
    if sizes is None:
        value = relative_gain(start, best, selector.shares)
        return Gain(value, gain_lower_bound(start_ratio * start, best, *sample_weights))
    values, bounds = {}, {}
    ratios = np.broadcast_to(start_ratio, len(sizes))
    for size, before, after, ratio in zip(sizes, start.T, best.T, ratios, strict=True):
        is_unchanged = np.array_equal(before, after)
        values[size] = relative_gain(before, after, selector.shares)
        bound = 0.0 if is_unchanged else gain_lower_bound(ratio * before, after, *sample_weights)
        bounds[size] = bound
    return Gain(dict(sorted(values.items())), dict(sorted(bounds.items())))


def relative_gain(before, after, weights):
    loss = float(weights @ before)
    return 1 - float(weights @ after) / loss if loss > 0 else 0.0


def loss_ratio(held_out_loss, training_loss, share):
    """Return the expected loss of PCA of all samples relative to PCA of a share of them.

    `held_out_loss` is the mean loss of held-out samples by PCA of the other samples, which are the
    given share of all n. `training_loss` is that of all samples by PCA of all. If an expected loss
    differs from the limit L for many samples by c / n, in opposite directions for training samples
    and new samples, these are L + c / (share n) and L - c / n. The result is the ratio of L + c / n
    to the first one.
    """
    if not held_out_loss > 0:
        return 1.0
    gap = min(max(1 - training_loss / held_out_loss, 0.0), 1.0)
    return 1 - (1 - share) / (1 + share) * gap


def gain_lower_bound(before, after, weights, groups=None):
    """Return a one-sided 95 % lower bound of the relative gain 1 - E loss(e) / E loss(0).

    `before` and `after` are the losses of held-out samples in epoch 0 and in the selected epoch.
    The bound is that of a ratio estimator (Cochran, 1977, Sampling techniques, section 6.4). The
    user guide on training has the formula, and what is added for groups that were not held out: one
    with UNSEEN_FACTOR times the largest loss and no gain, and the largest r N_REPEATS times.
    """
    A, B = weights * before, weights * after
    groups = groups_in_order(groups, len(A))
    if groups is not None:
        A, B = sum_groups(A, groups), sum_groups(B, groups)
    largest = A.max(initial=0.0)
    if not (largest > 0 and np.isfinite(A).all() and np.isfinite(B).all()):
        return -math.inf
    A, B = np.append(A, UNSEEN_FACTOR * largest), np.append(B, UNSEEN_FACTOR * largest)
    ratio = float(B.sum() / A.sum())
    r = B - ratio * A
    n_groups = len(r)
    r = np.append(r, np.full(N_REPEATS, r.max()))
    if not r.any():
        return 1 - ratio
    n_effective = min(
        np.square(r).sum() ** 2 / np.square(r**2).sum(), A.sum() ** 2 / np.square(A).sum()
    )
    quantile = stdtrit(max(n_effective - 1, MIN_FREEDOM), CONFIDENCE)
    error = np.std(r, ddof=1) * math.sqrt(n_groups) / A.sum()
    return float(1 - ratio - quantile * error)
