"""Moments of the samples of successive calls of `partial_fit`, from which training can start anew.

Mean, scale and PCA of the first samples may be poor. The moments of all samples are therefore
updated in each call (Chan, Golub & LeVeque, 1983, The American Statistician 37; for PCA, Ross, Lim,
Lin & Yang, 2008, International J. of Computer Vision 77). The page on scaling out says when
training starts anew.
"""

from dataclasses import asdict, dataclass, replace
import math

import numpy as np
from scipy import linalg

from skae._network.initialization import leading_directions
from skae._network.scaling import Scaling
from skae._parametrized import warn
from skae._sampling import evenly_spaced, row_slices
from skae._sparse import column_means, is_sparse

MAX_DIRECTIONS, MAX_EXACT_COLUMNS = 64, 128  # of the scatter; up to 128 features have all
MAX_ROWS, MAX_WIDE_ROWS = 2000, 256  # of samples with more features
BLOCK_NUMBERS = 2**18  # of the samples whose deviations are squared at once
CHECK_FACTOR = 1.05  # the weight of all samples grows by this between two comparisons with PCA
MIN_COMPARED_ROWS = 20
MAX_SHIFT, MAX_RATIO = 4.0, 5.0  # of the means, in deviations, and of the deviations
MIN_UNLIKE_SHARE = 0.5  # of the features
# Two calls with as many samples are sorted if this share of the means differs by more deviations.
MIN_SORTED_ROWS, MAX_SORTED_SHIFT, MIN_SORTED_SHARE = 100, 0.5, 0.25
MAX_ODD_WEIGHT = 500.0  # of samples on another level, after which they are the usual ones
LEARNED = (
    " They are learned all the same. With warnings.simplefilter('error', "
    "skae.ShiftedSamplesWarning) this is an error instead, and nothing is learned."
)


class ShiftedSamplesWarning(UserWarning):
    """Warning that samples are on another level or scale than those before, or sorted.

    `partial_fit` issues it, and `predict` of an outlier detector.
    """


@dataclass(frozen=True)
class Moments:
    """Weight, mean and sums of squared deviations of samples, and a matrix F of few rows.

    F'F is about the scatter of the samples about their mean.
    """

    weight: float
    mean: np.ndarray
    squares: np.ndarray
    factor: np.ndarray

    @classmethod
    def of(cls, X, weights, n_directions):
        """Return the moments of samples; F is that of a part of them if they are many."""
        weight, first = float(weights.sum()), X[0].astype(np.float64)
        if is_sparse(X):
            mean = column_means(X, weights, np.zeros(X.shape[1]), 1)
            squares = weight * column_means(X, weights, mean, 2)
        else:
            blocks = row_slices(len(X), max(BLOCK_NUMBERS // X.shape[1], 1))
            mean = first + sum(weights[rows] @ (X[rows] - first) for rows in blocks) / weight
            squares = sum(weights[rows] @ np.square(X[rows] - mean) for rows in blocks)
        max_rows = MAX_WIDE_ROWS if X.shape[1] > n_directions else MAX_ROWS
        chosen = evenly_spaced(len(X), max_rows) if len(X) > max_rows else slice(None)
        rows = np.sqrt(weights[chosen])[:, None] * (X[chosen] - mean)
        rows *= math.sqrt(weight / weights[chosen].sum())
        return cls(weight, mean, squares, _compressed(rows, n_directions))

    @property
    def deviations(self):
        return np.sqrt(self.squares / self.weight)

    def followed_by(self, new, decay, n_directions):
        """Return the moments of these samples, their weights multiplied by decay, and new ones."""
        before = decay * self.weight
        total = before + new.weight
        shift = new.mean - self.mean
        between = before * new.weight / total
        rows = [math.sqrt(decay) * self.factor, new.factor, math.sqrt(between) * shift[None, :]]
        return Moments(
            weight=total,
            mean=self.mean + new.weight / total * shift,
            squares=decay * self.squares + new.squares + between * np.square(shift),
            factor=_compressed(np.concatenate(rows), n_directions),
        )

    def scaling(self, per_feature, dtype):
        """Return the scaling to the mean and the root mean square deviation."""
        variances = self.squares / self.weight
        rounding = 10 * np.finfo(dtype).eps * np.abs(self.mean)
        variances = np.where(np.sqrt(variances) <= rounding, 0.0, variances)
        scale = np.asarray(math.sqrt(variances.mean()) or 1.0)
        if per_feature:
            scale = np.where(variances > 0, np.sqrt(variances), 1.0)
        return Scaling(self.mean.astype(dtype), scale.astype(dtype))

    def directions(self, scaling, n_components):
        """Return the directions of PCA, as `principal_directions` does."""
        rows = self.factor / scaling.scale / math.sqrt(self.weight)
        if not rows.any():
            return np.zeros((0, rows.shape[1]))
        _, values, directions = linalg.svd(rows, full_matrices=False)
        return leading_directions(values**2, directions, n_components)[1]

    def is_unlike(self, other):
        """Return whether the other samples are on another level or scale in most features.

        Counted are the features that vary in either. Fewer than 20 samples are too few to tell.
        """
        if min(self.weight, other.weight) < MIN_COMPARED_ROWS:
            return False
        deviations = np.stack([self.deviations, other.deviations])
        deviations = deviations[:, deviations.any(axis=0)]
        low, high = deviations.min(axis=0), deviations.max(axis=0)
        shift = np.abs(self.mean - other.mean)[self.squares + other.squares > 0]
        is_unlike = (low > 0) & ((shift > MAX_SHIFT * high) | (high > MAX_RATIO * low))
        return bool(is_unlike.sum() > MIN_UNLIKE_SHARE * len(high))

    def is_sorted_before(self, new):
        """Return whether the means of many features differ by more than samples in random order.

        Fewer than 100 samples are too few to tell.
        """
        if min(self.weight, new.weight) < MIN_SORTED_ROWS:
            return False
        deviations = np.sqrt((self.squares + new.squares) / (self.weight + new.weight))
        varies = deviations > 0
        shift = np.abs(self.mean - new.mean)[varies] / deviations[varies]
        return bool(np.mean(shift > MAX_SORTED_SHIFT) > MIN_SORTED_SHARE) if varies.any() else False


def _compressed(rows, n_directions):
    """Return at most n_directions rows R for which R'R is nearest to that of the rows.

    They are multiples of the principal directions, never the rows themselves.
    """
    n_rows, n_columns = rows.shape
    is_wide = n_rows < n_columns
    gram = rows @ rows.T if is_wide else rows.T @ rows
    first = max(len(gram) - n_directions, 0)
    values, vectors = linalg.eigh(gram, subset_by_index=[first, len(gram) - 1])
    values, vectors = values[::-1], vectors.T[::-1]
    present = values > 1e-14 * max(values[0], 0)
    values, vectors = values[present], vectors[present]
    return vectors @ rows if is_wide else np.sqrt(values)[:, None] * vectors


@dataclass(frozen=True)
class Stream:
    """The moments of all samples so far, and those of the last ones if these are unlike all before.

    `seen_weight` is the weight of all samples, `checked_weight` that at the last comparison with
    PCA. After n of N samples the moments before are multiplied by n / N, so that a poor start is
    forgotten with the square of N (Shamir & Zhang, 2013, ICML).
    """

    moments: Moments
    seen_weight: float
    checked_weight: float
    odd: Moments | None = None

    @classmethod
    def from_dict(cls, state):
        """Return the stream that `asdict` has turned into a dict."""
        odd = state["odd"]
        moments = {"moments": Moments(**state["moments"]), "odd": odd and Moments(**odd)}
        return cls(**state | moments)

    asdict = asdict


@dataclass(frozen=True)
class Change:
    """What new samples change: the stream after them, and what is to be done.

    `earlier` are the moments before the new samples, if PCA of these is to be compared with the
    model. With `is_shifted` training starts anew, as samples stay on another level or scale. With
    `turns_odd` the new samples are the first of these.
    """

    stream: Stream
    earlier: Moments | None = None
    is_shifted: bool = False
    turns_odd: bool = False


def follow(state, X, weights, network=None):
    """Return the Change by new samples; warn if they are too few, sorted, or unlike all before.

    `state` is the stream before as a dict, None at the start, after `fit` and in files of earlier
    versions. At the start the options of the `network` tell how many samples are needed.
    """
    chosen = np.flatnonzero(weights)
    if len(chosen) < len(X):
        X, weights = X[chosen], weights[chosen]
    n_columns = X.shape[1]
    n_directions = n_columns if n_columns <= MAX_EXACT_COLUMNS else MAX_DIRECTIONS
    new = Moments.of(X, weights, n_directions)
    if state is None:
        _warn_if_few(len(X), network)
        return Change(Stream(new, new.weight, new.weight))
    before = Stream.from_dict(state)
    change = _changed(before, new, n_directions)
    is_second = before.seen_weight == before.moments.weight and before.odd is None
    if is_second and not change.turns_odd and before.moments.is_sorted_before(new):
        warn(
            "The samples of the second call differ from those of the first one, as if X were "
            "sorted. Shuffle the samples before they are cut into chunks: training on sorted "
            "chunks takes more passes.",
            ShiftedSamplesWarning,
        )
    if change.turns_odd:
        warn(
            "X is on another level or scale than the samples of earlier calls. Transform all "
            "samples in the same way. If X stays there, training will start anew and forget the "
            "samples before." + LEARNED,
            ShiftedSamplesWarning,
        )
    return change


def _warn_if_few(n_samples, network):
    """Warn if the samples of the first call are too few for PCA with this number of components."""
    if network is None or network.is_share or not network.linear_path:
        return
    if n_samples <= network.n_components:
        warn(
            f"The first call of partial_fit has {n_samples} samples, too few for PCA with "
            f"n_components={network.n_components}: training will start anew after later calls. "
            "Pass more samples in the first call.",
        )


def _changed(stream, new, n_directions):
    before, seen = stream.moments, stream.seen_weight + new.weight
    if not before.is_unlike(new):
        is_due = seen >= CHECK_FACTOR * stream.checked_weight
        moments = before.followed_by(new, stream.seen_weight / seen, n_directions)
        checked = seen if is_due else stream.checked_weight
        return Change(Stream(moments, seen, checked), before if is_due else None)
    turns_odd = stream.odd is None
    odd = new if turns_odd else stream.odd.followed_by(new, 1.0, n_directions)
    if odd.weight >= min(MAX_ODD_WEIGHT, stream.seen_weight / 2):
        return Change(Stream(odd, odd.weight, odd.weight), None, True, turns_odd)
    return Change(replace(stream, odd=odd), turns_odd=turns_odd)
