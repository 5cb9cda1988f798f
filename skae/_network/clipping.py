"""Clipped outputs: bounds that many samples share and none exceeds, such as black pixels."""

import numpy as np

from skae._sampling import evenly_spaced
from skae._sparse import column_blocks, is_sparse
from skae.activations import Activation, Exponential

COUNTED_ROWS = 4096
MIN_MISSING_SAMPLES = 10
HIGHEST_FACTOR, MIN_HIGHEST = 2.0, 1.0  # of an exponential output: times the largest target
MARGIN_FACTOR = 3.0  # times the range of a column during training, its greatest error after it


class ClippedOutput(Activation):
    """a = min(max(z, lowest), highest) + the excess of z beyond the margin,  da/dz = 1.

    Straight-through clipping: an output beyond the bound costs nothing if the target is at the
    bound. Up to the margin, the squared error of `a` is the matching loss of clipping, convex in z
    (Auer, Herbster & Warmuth, 1996, NIPS 8, "Exponentially many local minima for single neurons").
    A larger excess comes from the sample, not from the network, and is kept.
    """

    is_identity = True
    n_scratch = 1
    __eq__, __hash__ = object.__eq__, object.__hash__  # arrays have no truth value

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


class BoundedExponential(Activation):
    """a = exp(min(z, h)),  da/dz = a, with a bound h for each feature.

    Samples far from the others thus have a finite loss. The derivative ignores the bound, so
    that an output beyond it is called back.
    """

    def __init__(self, highest):
        self.highest = np.atleast_2d(highest)

    __eq__, __hash__ = object.__eq__, object.__hash__  # arrays have no truth value

    def bound(self, z):
        """z = min(z, h), in place: what a loss that contains the exponential reads."""
        yield np.minimum, z, self.highest.astype(z.dtype), z

    def forward(self, z):
        yield from self.bound(z)
        yield from Exponential().forward(z)

    def backward(self, a, da):
        yield from Exponential().backward(a, da)

    def inverse(self, a):
        return Exponential().inverse(a)


def highest_logits(target):
    """Return the bound h of `BoundedExponential`, a list: exp(h) is twice the largest target."""
    return np.log(np.maximum(HIGHEST_FACTOR * target.max(axis=0), MIN_HIGHEST)).tolist()


def any_finite(bounds):
    return np.isfinite(bounds).any()


def measure_bounds(X):
    """Return the bounds of each column, an ndarray of shape (2, n_features), or None.

    The first row holds the lower bounds, the second the upper ones, -inf and inf where there is
    none. Let n samples have the extreme value of a column, and r be the ratio of n to the number of
    samples with the value next to it. If the tail went on at this ratio, about r n samples (n at
    most) would lie beyond. The extreme value is a bound if ten or more are missing. Each distinct
    sample counts once: copies are no evidence that many share a value.
    """
    sample = _distinct(X[evenly_spaced(len(X), COUNTED_ROWS)])
    bounds = np.empty((2, X.shape[1]))
    extremes = np.stack([X.min(axis=0), X.max(axis=0)])
    for columns, block in column_blocks(sample):
        _find_bounds(block, extremes[:, columns], bounds[:, columns])
    return bounds if any_finite(bounds) else None


def _find_bounds(sample, extremes, bounds):
    for bound, extreme, sign in zip(bounds, extremes, (-1, 1)):
        is_extreme = sample == extreme
        others = np.where(is_extreme, -np.inf, sign * sample)
        n_extreme, n_next = is_extreme.sum(axis=0), (others == others.max(axis=0)).sum(axis=0)
        n_missing = n_extreme * np.minimum(n_extreme / n_next, 1)
        is_bound = (n_missing >= MIN_MISSING_SAMPLES) & ~is_extreme.all(axis=0)
        bound[...] = np.where(is_bound, extreme, sign * np.inf)


def _distinct(X):
    if is_sparse(X):
        csr = X.csr
        entries = [slice(*ends) for ends in zip(csr.indptr, csr.indptr[1:])]
        samples = [(csr.indices[e].tobytes(), csr.data[e].tobytes()) for e in entries]
    else:
        samples = [sample.tobytes() for sample in X + 0.0]  # -0.0 + 0.0 is 0.0
    seen = {sample: i for i, sample in enumerate(samples)}
    return X if len(seen) == len(X) else X[sorted(seen.values())]


def loosened(bounds, X):
    """Return the bounds without those that samples of X exceed by more than rounding."""
    rounding = 1e-6 * np.maximum(np.abs(bounds), 1)
    lowest, highest = bounds
    lowest = np.where(X.min(axis=0) < lowest - rounding[0], -np.inf, lowest)
    highest = np.where(X.max(axis=0) > highest + rounding[1], np.inf, highest)
    return np.stack([lowest, highest])


def scaled_bounds(bounds, scaling):
    """Return bounds scaled as the network reads samples, as lists; return None for None."""
    return None if bounds is None else ((bounds - scaling.mean) / scaling.scale).tolist()
