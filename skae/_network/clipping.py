"""Clipped outputs: limits that many samples share and none passes, such as black pixels."""

import numpy as np

from skae._sampling import evenly_spaced
from skae.activations import Activation

COUNTED_ROWS = 4096
MIN_MISSED_ROWS = 10
MARGIN = 3.0  # ranges of a column in training; after it, greatest errors of unclipped outputs


class ClippedOutput(Activation):
    """a = min(max(z, lowest), highest) + the excess of z over the margin,  da/dz = 1.

    Straight-through clipping: an output beyond the bound costs nothing if the target is at the
    bound. With a squared error and up to the margin this is the matching loss of the clipped
    output, convex in z, as the cross-entropy is that of the logistic function (Auer, Herbster &
    Warmuth, 1996, NIPS 8, "Exponentially many local minima for single neurons"). A larger
    excess comes from the sample, not from the network, and is left in.
    """

    is_identity = True
    n_scratch = 1

    def __init__(self, lowest, highest, margin=np.inf):
        self.lowest, self.highest = np.atleast_2d(lowest), np.atleast_2d(highest)
        self.outer_lowest, self.outer_highest = self.lowest - margin, self.highest + margin
        self.limits = []
        if any_finite(self.lowest):
            self.limits.append((np.maximum, self.outer_lowest, self.lowest))
        if any_finite(self.highest):
            self.limits.append((np.minimum, self.outer_highest, self.highest))

    def forward(self, z, excess):
        within = z
        for clip, outer, _ in self.limits:
            yield clip, within, outer.astype(z.dtype), excess
            within = excess
        yield np.subtract, z, within, excess
        for clip, _, bound in self.limits:
            yield clip, z, bound.astype(z.dtype), z
        yield np.add, z, excess, z

    def backward(self, a, da, excess):
        yield from ()

    def inverse(self, a):
        return a.copy()


def any_finite(bounds):
    """Return whether any column has a bound."""
    return np.isfinite(bounds).any()


def measure_bounds(X):
    """Return where each column is bounded, an ndarray of shape (2, n_features), or None.

    The first row holds the lower bounds, the second the upper ones, -inf and inf where there is
    none; None stands for no bound at all. From the last value but one to the last the number of
    samples changes by some ratio r. Had a tail gone on like that, about r n samples (n at most)
    would lie beyond the n that hold the last value. Where ten or more of these are missing, the
    last value is a bound. Samples count once whatever their weights: a sample that is met once
    may have been the last of its kind, however often it is repeated.
    """
    sample = X[evenly_spaced(len(X), COUNTED_ROWS)]
    bounds = np.empty((2, X.shape[1]))
    for bound, extreme, sign in zip(bounds, (X.min(axis=0), X.max(axis=0)), (-1, 1)):
        at_end = sample == extreme
        others = np.where(at_end, -np.inf, sign * sample)
        n_end, n_next = at_end.sum(axis=0), (others == others.max(axis=0)).sum(axis=0)
        n_missed = n_end * np.minimum(n_end / n_next, 1)
        is_bound = (n_missed >= MIN_MISSED_ROWS) & ~at_end.all(axis=0)
        bound[...] = np.where(is_bound, extreme, sign * np.inf)
    return bounds if any_finite(bounds) else None


def loosened(bounds, X):
    """Return the bounds without those that samples of X pass by more than rounding."""
    rounding = 1e-6 * np.maximum(np.abs(bounds), 1)
    lowest, highest = bounds
    lowest = np.where(X.min(axis=0) < lowest - rounding[0], -np.inf, lowest)
    highest = np.where(X.max(axis=0) > highest + rounding[1], np.inf, highest)
    return np.stack([lowest, highest])


def scaled_bounds(bounds, scaling):
    """Return bounds in the geometry of the network, as lists; None for None."""
    return None if bounds is None else ((bounds - scaling.mean) / scaling.scale).tolist()
