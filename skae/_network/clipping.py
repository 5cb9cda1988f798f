"""Bounds of columns: values that rows pile up at and never pass, as pixels do at black."""

import numpy as np

from skae._sampling import evenly_spaced
from skae.activations import Identity

COUNTED_ROWS = 4096
MISSED_ROWS = 10
MARGIN = 3.0  # ranges of a column while training, then greatest distances of outputs from rows


class Bounded(Identity):
    """a = min(max(z, lowest), highest) + what of z is further beyond than a margin;  da/dz = 1.

    The slope is one all the same: with a squared error that is, up to the margin, the matching
    loss of this output, convex in z, as the cross-entropy is that of the logistic function. z
    may lie beyond a bound for nothing where the target is at it, and is called back where it
    is not (Auer, Herbster & Warmuth, 1996, NIPS 8, "Exponentially many local minima for single
    neurons"). Beyond the margin lies what no training row was like: there a linear path goes on.
    """

    n_scratch = 1

    def __init__(self, lowest, highest, margin=np.inf):
        self.lowest, self.highest = np.atleast_2d(lowest), np.atleast_2d(highest)
        self.least, self.most = self.lowest - margin, self.highest + margin

    def forward(self, z, far):
        bounds = [(np.maximum, self.least, self.lowest), (np.minimum, self.most, self.highest)]
        bounds = [(cut, a.astype(z.dtype), b.astype(z.dtype)) for cut, a, b in bounds if is_any(b)]
        beside = z
        for cut, limit, _ in bounds:
            yield cut, beside, limit, far
            beside = far
        yield np.subtract, z, beside, far
        for cut, _, bound in bounds:
            yield cut, z, bound, z
        yield np.add, z, far, z


def is_any(bounds):
    """Whether some column has a bound."""
    return np.isfinite(bounds).any()


def measure_bounds(X):
    """Return where each column is bounded, an ndarray of shape (2, n_features), or None.

    Below and above, -inf and inf where there is no bound, None if there is none at all. From
    the last value but one to the last the number of rows changes by some ratio r. Had a
    tail gone on like that, about r n rows would lie beyond the n that hold the last value
    (n at most); where ten or more are missed, that value is a bound. Rows count, whatever their
    weights: what is met once may have been the last of its kind, as often as it is repeated.
    """
    some = X[evenly_spaced(len(X), COUNTED_ROWS)]
    found = np.empty((2, X.shape[1]))
    for bound, extreme, sign in zip(found, (X.min(axis=0), X.max(axis=0)), (-1, 1)):
        at_end = some == extreme
        others = np.where(at_end, -np.inf, sign * some)
        n_end, n_next = at_end.sum(axis=0), (others == others.max(axis=0)).sum(axis=0)
        missed = n_end * np.minimum(n_end / n_next, 1)
        is_bound = (missed >= MISSED_ROWS) & ~at_end.all(axis=0)
        bound[...] = np.where(is_bound, extreme, sign * np.inf)
    return found if is_any(found) else None


def loosened(bounds, X):
    """Return bounds without those that rows of X lie beyond by more than rounding."""
    rounding = 1e-6 * np.maximum(np.abs(bounds), 1)
    lowest, highest = bounds
    lowest = np.where(X.min(axis=0) < lowest - rounding[0], -np.inf, lowest)
    highest = np.where(X.max(axis=0) > highest + rounding[1], np.inf, highest)
    return np.stack([lowest, highest])
