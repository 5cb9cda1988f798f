"""Early stopping: when to stop, and which epoch to keep."""

import math

import numpy as np
from scipy.special import ndtr, stdtrit

from skae._training.ending import STALLED

N_ERRORS_TO_COMPARE = 1.0  # standard errors of the gain, subtracted to compare certain epochs
NORMAL_KURTOSIS, MIN_FREEDOM = 3.0, 0.5
MIN_RELATIVE_GAIN = 1e-6  # less is a rounding error
MIN_RELATIVE_LOSS = 1e-3  # of a code size, relative to the largest: less counts as this


class Patience:
    """Counts epochs in which the loss has not fallen by `tol` times its size, up to `n_epochs`."""

    def __init__(self, tol, n_epochs):
        self.tol = tol
        self.n_epochs = n_epochs
        self.lowest = math.inf
        self.n_stalled = 0

    def exhausted(self, loss):
        if loss < self.lowest - self.tol * abs(loss):
            self.lowest, self.n_stalled = loss, 0
        else:
            self.n_stalled += 1
        return STALLED if self.n_stalled >= self.n_epochs else None


class EpochSelector:
    """Select the epoch with the largest validation gain over epoch 0, once a gain is certain.

    The user guide on training has the formulas. An epoch is certain if the mean gain m exceeds k
    standard errors s, where k is the quantile of Student's t distribution with the tail probability
    that `n_errors` has in the normal distribution; for its degrees of freedom see
    `count_effective`. From the first certain epoch on, the epoch with the largest m -
    N_ERRORS_TO_COMPARE s is selected, until then epoch 0. With `n_errors` zero, the largest m is
    selected.

    Losses of shape (n_samples, n_sizes) are those of codes of several sizes. Each size counts in
    units of its loss at the start, and m and s are means over the sizes. An epoch is certain only
    if each size gains by half of k of its own standard errors, and selected only if each gains.

    `evidence` is the largest m so far, in standard errors as if all samples were independent.
    """

    parts = (None,)  # one part: all parameters

    def __init__(self, losses, weights, n_errors, groups=None):
        self.start = self.best_losses = losses
        self.shares = weights / weights.sum()
        self.n_errors, self.groups = n_errors, groups_in_order(groups, len(losses))
        self.unit = np.ones(losses.shape[1:])
        if losses.ndim == 2 and losses.any():
            means = np.abs(self.shares @ losses)
            self.unit = np.maximum(means, MIN_RELATIVE_LOSS * means.max())
        self.loss = self.mean(losses)
        self.min_gain = MIN_RELATIVE_GAIN * (abs(self.loss) if losses.ndim == 1 else 1.0)
        self.bound = -math.inf
        self.epoch = 0
        self.evidence = 0.0

    def mean(self, losses):
        """Return the weighted mean loss; of several sizes, in units of the whole code's."""
        means = self.shares @ losses
        return float(means if losses.ndim == 1 else np.mean(means / self.unit) * self.unit[0])

    def progress(self, losses):
        """Return the loss for `Patience`: of the worst size until all gain, then the mean."""
        if self.epoch:
            return self.mean(losses)
        return float(np.max(self.shares @ losses / self.unit) * self.unit.flat[0])

    def select_if_better(self, losses, epoch):
        gains = (self.start - losses) / self.unit
        means = self.shares @ gains
        deviations = ((gains - means).T * self.shares).T
        gain = float(np.mean(means))
        if gain > self.min_gain:
            error = float(np.mean(_standard_errors(deviations)))
            self.evidence = max(self.evidence, gain / error if error else math.inf)
        if self.groups is not None:
            deviations = sum_groups(deviations, self.groups)
        errors, bound = _standard_errors(deviations), gain
        if self.n_errors:
            bound -= N_ERRORS_TO_COMPARE * float(np.mean(errors))
        if self.epoch or not self.n_errors:
            is_better = bound > self.bound and np.min(means) > self.min_gain
        else:
            is_better = self._is_certain(means, errors, deviations)
        if is_better:
            self.bound, self.epoch, self.loss = bound, epoch, self.mean(losses)
            self.best_losses = losses.copy()
        return bool(is_better)

    def improved_parts(self, losses, epoch):
        return self.parts if self.select_if_better(losses, epoch) else ()

    def _is_certain(self, means, errors, deviations):
        if len(deviations) < 2:
            return False
        needed = required_errors(self.n_errors, count_effective(deviations)) * errors
        gain, least = np.mean(means - needed), np.min(means - needed / 2)
        return gain > self.min_gain and least > self.min_gain


class DecoderEpochSelector:
    """Select an epoch for each nested decoder.

    `columns` holds the columns of the losses of each decoder. A part is the index of a decoder.
    """

    def __init__(self, losses, weights, n_errors, columns, groups=None):
        whole = EpochSelector(losses, weights, n_errors, groups)
        self.shares, self.groups = whole.shares, whole.groups
        self.mean, self.progress = whole.mean, whole.progress
        self.columns = columns
        self.selectors = [
            EpochSelector(losses[:, chosen], weights, n_errors, groups) for chosen in columns
        ]
        self.parts = range(len(columns))
        self.start, self.best_losses = losses, losses.copy()

    @property
    def epochs(self):
        return [selector.epoch for selector in self.selectors]

    @property
    def epoch(self):
        return max(self.epochs)

    @property
    def loss(self):
        return self.mean(self.best_losses)

    def improved_parts(self, losses, epoch):
        return [part for part in self.parts if self.select_part_if_better(part, losses, epoch)]

    def select_part_if_better(self, part, losses, epoch):
        chosen = self.columns[part]
        is_better = self.selectors[part].select_if_better(losses[:, chosen], epoch)
        if is_better:
            self.best_losses[:, chosen] = losses[:, chosen]
        return is_better

    def reject(self, part):
        """Forget the losses of the selected epoch of a decoder, which is left as it started."""
        chosen = self.columns[part]
        self.best_losses[:, chosen] = self.start[:, chosen]


def groups_in_order(groups, n_samples):
    if groups is None:
        return None
    distinct, numbers = np.unique(groups, return_inverse=True)
    return None if len(distinct) == n_samples else numbers.ravel()


def sum_groups(values, groups):
    sums = np.zeros((int(groups.max()) + 1, *values.shape[1:]))
    np.add.at(sums, groups, values)
    return sums


def count_effective(deviations):
    """Return how many groups count for the standard error, from their deviations d.

    That is 3 (sum d**2)**2 / sum d**4: all if d is normally distributed, few if tails are heavy.
    """
    squares = np.square(deviations)
    sums = np.maximum(np.square(squares).sum(axis=0), np.finfo(float).tiny)
    return np.minimum(NORMAL_KURTOSIS * squares.sum(axis=0) ** 2 / sums, len(deviations))


def required_errors(n_errors, n_groups):
    """Return the standard errors that are as certain with n_groups as `n_errors` with many."""
    return -stdtrit(np.maximum(n_groups - 1, MIN_FREEDOM), ndtr(-n_errors))


def _standard_errors(deviations):
    n = len(deviations)
    return math.sqrt(n / max(n - 1, 1)) * np.sqrt(np.square(deviations).sum(axis=0))
