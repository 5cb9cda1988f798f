"""Samples that depend on each other: near copies, and successive samples of a series."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from skae._sampling import evenly_spaced, row_slices
from skae._sparse import block_rows, column_blocks, column_means, is_sparse, repeats_previous

BLOCK_ROWS = 4096
FREQUENT_SHARE, MIN_OTHERS = 0.05, 20  # of the weight; samples
N_SUBSET, N_SUBSETS = 24, 16  # samples among which nearest neighbours are sought; repetitions
MIN_ROWS_OF_NEIGHBOURS = 96
NEAR = 0.1  # times the distance between nearest neighbours of independent samples
TINY = 1e-2  # times the distance of two samples; nearer ones are always near copies
N_ORDERS, N_NEIGHBOURS = 2, 5  # directions to sort along; neighbours to look at in each order
SPREAD = 3  # standard deviations of a distance that is projected on a random direction
LAGS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80, 120, 200, 300, 500)
N_PAIRS, MIN_SERIAL_ROWS, MIN_BLOCKS = 400, 30, 10
SERIAL, INDEPENDENT = 0.4, 0.8  # shares of the largest squared distance between lags
BLOCK_LAGS = 4
LARGE_OFFSET = 100  # standard deviations
MAX_EXPONENT = 1023
REPORTED_SHARE = 0.3  # of near copies; fewer can be chance in one or two dimensions


@dataclass(frozen=True)
class Dependence:
    """Numbers of samples that depend on each other.

    `n_copies` repeat another sample exactly. `n_frequent` are copies of frequent samples, which
    are shared among the folds. `n_near` are near copies of another sample. `n_groups` counts the
    groups that the user gave, `block_length` the samples in a block of successive ones.
    """

    n_samples: int
    n_copies: int = 0
    n_frequent: int = 0
    n_near: int = 0
    n_groups: int | None = None
    block_length: int | None = None

    def __str__(self):
        """Return a line for the user, empty if no dependence was found."""
        if self.n_groups is not None:
            return f"{self.n_samples} samples in {self.n_groups} groups: each is in one fold."
        if self.block_length is not None:
            return (
                "Successive samples resemble each other: folds hold blocks of "
                f"{self.block_length} successive samples."
            )
        found = []
        if self.n_copies > self.n_frequent:
            found.append(f"{self.n_copies - self.n_frequent} copies")
        if self.n_near > REPORTED_SHARE * self.n_samples:
            found.append(f"{self.n_near} near copies")
        text = f"Among {self.n_samples} samples {' and '.join(found)}: kept in one fold each. "
        text = text if found else ""
        if self.n_frequent:
            text += f"{self.n_frequent} copies of frequent samples: shared among the folds."
        return text.strip()


# ---------------------------------------------------------------- scale


@dataclass(frozen=True)
class Standardized:
    """Standardizes features: mean and deviation, in units of a power of two for each feature.

    With `is_rounded` values are rounded to float32, so that both dtypes give equal results.
    """

    unit: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    is_rounded: bool

    @classmethod
    def measure(cls, X, weights):
        share = weights / weights.sum()
        largest = np.maximum(X.max(axis=0), -X.min(axis=0)).astype(float)
        unit = np.exp2(np.minimum(np.frexp(largest)[1], MAX_EXPONENT))
        if is_sparse(X):
            mean = column_means(X, share, np.zeros(X.shape[1]), 1)
            square = column_means(X, share, mean, 2) / np.square(unit)
            mean = mean / unit
        else:
            mean, square = np.zeros((2, X.shape[1]))
            blocks = row_slices(len(X), BLOCK_ROWS)
            for rows in blocks:
                mean += share[rows] @ (X[rows] / unit)
            for rows in blocks:
                square += share[rows] @ np.square(X[rows] / unit - mean)
        deviation = np.sqrt(square)
        is_constant = deviation <= 1e-12 * np.abs(mean)
        is_far = (np.abs(mean) > LARGE_OFFSET * deviation) & ~is_constant
        deviation[is_constant] = np.inf
        return cls(unit, mean, deviation, not is_far.any())

    def apply(self, X):
        """Return the standardized samples, in float64."""
        X = X / self.unit
        if self.is_rounded:
            X = X.astype(np.float32)
        return (X - self.mean) / self.deviation

    def project(self, X, directions):
        """Return the position of each sample along each direction, shape (n, n_directions).

        Features are added one after the other, so that equal samples have equal positions, which a
        matrix product does not guarantee.
        """
        found = np.empty((len(X), len(directions)))
        for rows in row_slices(len(X), block_rows(X, BLOCK_ROWS)):
            block = np.ascontiguousarray(self.apply(X[rows]).T)
            for k, direction in enumerate(directions):
                products = block * direction[:, None]
                found[rows, k] = np.add.reduce(products, axis=0)
        return found


# ---------------------------------------------------------------- near copies


def join_near_copies(X, ranks, weights, positions, standard, rng):
    """Return group labels in which near copies share a label, and the number of near copies.

    `ranks` number the distinct samples, `positions` are their projections. Samples within
    `_near_distance` are linked. Linked ones with more than FREQUENT_SHARE of the weight are a dense
    cluster and stay apart, if there are at least MIN_OTHERS others.
    """
    _, first = np.unique(ranks, return_index=True)
    n_distinct = len(first)
    if n_distinct < 4:
        return ranks, 0
    near = _near_distance(X, first, standard, rng)
    positions = positions[first]
    along = min(SPREAD / np.sqrt(X.shape[1]), 1) * near  # what a direction shows of it
    links = [np.empty((2, 0), int)]
    for k in range(N_ORDERS):
        order = np.argsort(positions[:, k], kind="stable")
        ordered = positions[order]
        for lag in range(1, N_NEIGHBOURS + 1):
            distances = np.abs(ordered[lag:] - ordered[:-lag]).max(axis=1)
            pairs = np.flatnonzero(distances <= along)
            a, b = order[pairs], order[pairs + lag]
            links.append(np.stack([a, b])[:, _are_near(X, first[a], first[b], standard, near)])
    a, b = np.concatenate(links, axis=1)
    if not len(a):
        return ranks, 0
    graph = coo_matrix((np.ones(len(a)), (a, b)), shape=(n_distinct, n_distinct))
    _, labels = connected_components(graph, directed=False)
    sizes, weight = np.bincount(labels), np.bincount(labels[ranks], weights=weights)
    is_dense = (sizes > 2) & (weight > FREQUENT_SHARE * weight.sum())
    if np.sum(~is_dense) >= MIN_OTHERS:
        apart = np.flatnonzero(is_dense[labels])
        labels[apart] = len(sizes) + apart
    labels = np.unique(labels, return_inverse=True)[1]
    is_linked = np.bincount(labels)[labels] > 1
    return labels[ranks], int(is_linked.sum())


def _near_distance(X, rows, standard, rng):
    """Return the distance below which two samples are near copies.

    That is NEAR times the nearest-neighbour distance r(n) that n independent samples would have.
    It is extrapolated from subsets of 12 and 24 samples:

        r(n) = r(24) (24 / n)**power,  power = log2(r(12) / r(24)), in [1 / n_features, 1].

    Large groups of copies hide this distance. TINY times the median distance of two samples,
    times 24 / n, is therefore the least value.
    """
    n_subset = min(N_SUBSET, len(rows))
    half = n_subset // 2
    pairs, whole, halves = [], [], []
    for _ in range(N_SUBSETS):
        subset = standard.apply(X[rows[rng.choice(len(rows), n_subset, replace=False)]])
        distances = np.stack([np.square(row - subset).sum(axis=1) for row in subset])
        pairs.append(distances[np.triu_indices(n_subset, 1)])
        distances[np.diag_indices(n_subset)] = np.inf
        whole.append(distances.min(axis=1))
        halves += [distances[:half, :half].min(axis=1), distances[half:, half:].min(axis=1)]
    tiny = TINY * np.sqrt(np.median(pairs)) * min(N_SUBSET / len(rows), 1)
    if len(rows) < MIN_ROWS_OF_NEIGHBOURS:
        return tiny
    r24, r12 = (np.sqrt(max(np.quantile(found, 0.75), 1e-300)) for found in (whole, halves))
    power = np.clip(np.log2(r12 / r24), 1 / X.shape[1], 1)
    return max(NEAR * r24 * (N_SUBSET / len(rows)) ** power, tiny)


def _are_near(X, a, b, standard, near):
    found = np.empty(len(a), bool)
    for pairs in row_slices(len(a), block_rows(X, BLOCK_ROWS)):
        difference = standard.apply(X[a[pairs]]) - standard.apply(X[b[pairs]])
        found[pairs] = np.square(difference).sum(axis=1) <= near**2
    return found


# ---------------------------------------------------------------- time


def find_blocks(X):
    """Return block numbers of successive samples if these resemble each other, else None.

    d(h) is the lower quartile of squared distances between samples h places apart. It is the same
    for every h if samples are independent. There are blocks if d(1) is below SERIAL times the
    largest d(h). A block is BLOCK_LAGS times as long as the lag at which d reaches INDEPENDENT
    times the largest, but there are at least MIN_BLOCKS blocks.

    Copies of the sample before are ignored, and features in ascending or descending order, such as
    a key that a table is sorted by. An order by class hardly changes a lower quartile.
    """
    is_new = np.append(True, ~repeats_previous(X))
    if not is_new.all():
        blocks = find_blocks(X[is_new])
        return None if blocks is None else blocks[np.cumsum(is_new) - 1]
    n_samples = len(X)
    if n_samples < MIN_SERIAL_ROWS:
        return None
    subset = X[evenly_spaced(n_samples, BLOCK_ROWS)]
    scale = np.empty(X.shape[1])
    for columns, block in column_blocks(subset):
        block = block.astype(np.float64)
        steps = np.diff(block, axis=0)
        is_sorted = (steps >= 0).all(axis=0) | (steps <= 0).all(axis=0)  # or constant
        scale[columns] = np.where(is_sorted, np.inf, block.std(axis=0))
    lags = [lag for lag in LAGS if lag <= n_samples // 5]
    distances = []
    for lag in lags:
        i = evenly_spaced(n_samples - lag, N_PAIRS)
        squares = np.empty(len(i))
        for block in row_slices(len(i), block_rows(X, len(i))):
            rows = i[block]
            difference = (np.asarray(X[rows + lag], np.float64) - X[rows]) / scale
            squares[block] = np.square(difference).sum(axis=1)
        distances.append(np.quantile(squares, 0.25))
    greatest = max(distances)
    if not distances[0] < SERIAL * greatest:
        return None
    long_enough = np.array(distances) >= INDEPENDENT * greatest
    length = BLOCK_LAGS * lags[int(np.argmax(long_enough))]
    length = max(min(length, n_samples // MIN_BLOCKS), 1)
    return np.arange(n_samples) // length
