"""Training samples, and a loader of mini-batches that gathers, corrupts and scales them."""

from dataclasses import dataclass, replace
import math

import numpy as np

from skae._sampling import evenly_spaced, row_slices
from skae._sparse import measured_rows
from skae._training.dependence import find_blocks
from skae._training.splitting import (
    FoldSplitter,
    GivenSplits,
    count_earlier,
    group_samples,
    is_repeated_table,
    merge_equal_rows,
)

CHUNK_BYTES, MAX_CHUNK_BATCHES = 2**20, 16
MAX_MERGED_ROWS = 1000
MAX_NOISE_DRAWS = 20  # for each sample
MIN_MEAN_COPIES = 5  # of each distinct sample, where copies are taken to be independent
NO_SPLITS = GivenSplits()


@dataclass(frozen=True)
class TrainingRows:
    """Samples, their targets (X itself, or clean samples), their weights, and the noise to add.

    `index` holds the row numbers of the samples that take part, so that a part needs no copy.
    `splitter` splits the samples into folds; None if they are not to be split. `splits` are those
    that the user gave: see `GivenSplits`. `given` holds the numbers of the user's samples that the
    rows were made from, `member` the row number of each of these. `left_out` marks those of the
    user's samples that were not drawn and can calibrate a detector. `missing` marks the cells of
    the target that were missing and have no loss, if there are any. `spread` is the covariance that
    the samples lack because of the filling, or None.
    """

    X: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    index: np.ndarray
    corruption: object = None
    splitter: FoldSplitter | None = None
    member: np.ndarray | None = None
    missing: np.ndarray | None = None
    splits: tuple = ()
    given: np.ndarray | None = None
    left_out: np.ndarray | None = None
    spread: np.ndarray | None = None

    def __len__(self):
        return len(self.index)

    @property
    def n_given(self):
        """Return how many of the user's samples the rows were made from."""
        return len(self.index if self.member is None else self.member)

    @property
    def is_noisy(self):
        return self.corruption is not None or self.target is not self.X

    @property
    def groups(self):
        return None if self.splitter is None else self.splitter.groups[self.index]

    @property
    def is_incomplete(self):
        return self.missing is not None

    def part(self, mask):
        return replace(self, index=self.index[mask])

    def arrays(self):
        if len(self.index) == len(self.X):
            return self.X, self.target, self.weights
        X = self.X[self.index]
        target = X if self.target is self.X else self.target[self.index]
        return X, target, self.weights[self.index]

    def noisy_sample(self, n_rows, rng):
        """Return targets, noisy samples and weights, evenly spaced; at most about n_rows of each.

        If noise can be drawn, samples are repeated with new noise to make up n_rows; fewer if X is
        sparse, as those with noise are dense.
        """
        X, target, weights = self.arrays()
        if self.corruption is not None:
            n_rows = measured_rows(target, n_rows)
        if len(X) > n_rows:
            chosen = evenly_spaced(len(X), n_rows)
            X, target, weights = X[chosen], target[chosen], weights[chosen]
        if self.corruption is None:
            return target, X, weights
        target = np.asarray(target)
        n_draws = min(math.ceil(n_rows / len(X)), MAX_NOISE_DRAWS)
        target, weights = np.tile(target, (n_draws, 1)), np.tile(weights, n_draws)
        noisy = np.empty_like(target)
        self.corruption.corrupt(target, noisy, rng)
        return target, noisy, weights


def all_rows(X, weights=None, X_clean=None):
    weights = np.ones(len(X)) if weights is None else weights
    index = np.arange(len(X))
    return TrainingRows(X, X if X_clean is None else X_clean, weights, index, member=index)


def prepared_rows(X, weights, X_clean=None, divides_frequent=False, labels=None):
    given = np.flatnonzero(weights)
    X, weights, X_clean = _without_zero_weights(X, weights, X_clean)
    if len(X) > MAX_MERGED_ROWS:
        return replace(all_rows(X, weights, X_clean), given=given)
    merged = merge_equal_rows(X, weights, X_clean, divides_frequent, labels)
    rows = all_rows(merged.X, merged.weights, merged.X_clean)
    return replace(rows, member=merged.member, given=given)


def grouped_rows(X, weights, X_clean, options, splits=NO_SPLITS):
    """Return prepared TrainingRows with a splitter that keeps groups of samples together.

    `splits` are those that the user gave. Without groups, successive samples that resemble each
    other are left in their order. If `verbose`, print which samples depend on each other.
    """
    given = np.flatnonzero(weights)
    splits = splits.part(given)
    X, weights, X_clean = _without_zero_weights(X, weights, X_clean)
    with np.errstate(all="ignore"):  # of values near the largest number
        blocks = None if splits.groups is not None else find_blocks(X)
        if blocks is None:
            labels = splits.labels
            rows = prepared_rows(X, weights, X_clean, labels is None, labels)
        else:
            rows = all_rows(X, weights, X_clean)
        of_rows = splits.of_rows(rows.member)
        rng = np.random.default_rng(options.seeds.split)
        splitter = group_samples(rows.X, rows.weights, rng, of_rows.groups, blocks)
    if options.verbose:
        dependence = splitter.dependence
        n_copies = dependence.n_copies + max(len(X) - len(rows), 0)
        found = replace(dependence, n_samples=len(X), n_copies=n_copies), splits
        for text in filter(None, map(str, found)):
            print(text)
    return replace(rows, splitter=splitter, splits=of_rows.splits, given=given)


def validation_rows(X, corruption, seed):
    """Return X, an array or TrainingRows, with a splitter that groups dependent samples."""
    rows = replace(X if isinstance(X, TrainingRows) else all_rows(X), corruption=corruption)
    X = rows.X
    with np.errstate(all="ignore"):  # of values near the largest number
        rng = np.random.default_rng(seed)
        splitter = group_samples(X, rows.weights, rng, blocks=find_blocks(X))
    return replace(rows, splitter=splitter)


def deal_copies(rows, seed):
    """Return rows with a splitter that may put copies of a sample into different folds.

    This is done if there are five copies or more of each distinct sample, on average: new samples
    then repeat them, unless a table was repeated.
    """
    dependence, total = rows.splitter.dependence, rows.weights.sum()
    n_distinct = dependence.n_samples - dependence.n_copies
    if dependence.block_length is not None or total < MIN_MEAN_COPIES * n_distinct:
        return rows
    if n_distinct == 1:  # nothing to learn
        return rows
    member = np.unique(rows.X, axis=0, return_inverse=True)[1].ravel()
    counts = np.bincount(member, rows.weights)
    if is_repeated_table(counts):
        return rows
    n_parts = np.ones(len(rows), int)
    if len(rows) <= MAX_MERGED_ROWS:
        share = min(1, MAX_MERGED_ROWS / total)
        n_parts = np.maximum(np.rint(share * rows.weights).astype(int), 1)
    divided = divide_rows(rows, n_parts)
    order = np.random.default_rng(seed).permutation(len(divided))
    weights = divided.weights
    return replace(divided, splitter=FoldSplitter(order, weights, dependence))


def divide_rows(rows, n_parts):
    first = np.cumsum(n_parts) - n_parts
    member = first[rows.member] + count_earlier(rows.member) % n_parts[rows.member]
    X, weights = np.repeat(rows.X, n_parts, axis=0), np.repeat(rows.weights / n_parts, n_parts)
    missing = None if rows.missing is None else np.repeat(rows.missing, n_parts, axis=0)
    made = {"member": member, "given": rows.given, "missing": missing, "spread": rows.spread}
    return replace(all_rows(X, weights), **made)


def with_missing(rows, missing, spread=None):
    """Return TrainingRows in which missing cells have no loss, given those of all samples."""
    if missing is None:
        return rows if spread is None else replace(rows, spread=spread)
    marks = np.zeros(rows.target.shape, bool)
    marks[rows.member] = missing if rows.given is None else missing[rows.given]
    return replace(rows, missing=marks, spread=spread)


def _without_zero_weights(X, weights, X_clean):
    chosen = np.flatnonzero(weights)
    if len(chosen) == len(X):
        return X, weights, X_clean
    return X[chosen], weights[chosen], None if X_clean is None else X_clean[chosen]


class BatchLoader:
    """Loads mini-batches: gathers, corrupts and scales samples, a chunk of batches at a time.

    A slot is the place of a batch in the chunk. Its arrays are the same after each `fill`, so that
    calls can be bound to them. `gathered` holds the arrays that samples are copied to: those of the
    slots, unless the network has another dtype than the samples. With `defers=True`, `fill` leaves
    gathering to callers of `gather`. `sampler` draws numbers for each sample: the sizes of a nested
    code, or the noise of a Gaussian one.
    """

    def __init__(self, rows, model, batch_size, sampler=None, defers=False):
        n_features, dtype = rows.X.shape[1], model.parameters.flat.dtype
        self.rows = rows
        self.scalings = model.scaling, model.target_scaling
        self.batch_size = min(batch_size, len(rows))
        self.defers = defers
        batch_bytes = self.batch_size * n_features * dtype.itemsize
        n_batches = min(max(CHUNK_BYTES // batch_bytes, 1), MAX_CHUNK_BATCHES)
        n_rows = min(n_batches * self.batch_size, len(rows))
        self.inputs = self.targets = np.empty((n_rows, n_features), dtype)
        if rows.is_noisy or rows.is_incomplete or model.target_scaling is not model.scaling:
            self.targets = np.empty((n_rows, rows.target.shape[1]), dtype)
        self.gathered = self.inputs, self.targets
        if model.scaling.mean.dtype != dtype:
            wide = model.scaling.mean.dtype
            self.gathered = tuple(np.empty(array.shape, wide) for array in self.gathered)
        weights = rows.weights[rows.index]
        self.all_weights = self.weights = None
        if not np.all(weights == weights[0]):
            self.all_weights = (weights / weights.mean()).astype(dtype)
            self.weights = np.empty(n_rows, dtype)
        self.row_numbers = np.empty(n_rows, rows.index.dtype)
        self.sampler, self.draws = sampler, None
        if sampler is not None:
            self.draws = np.empty((n_rows, len(sampler)), dtype)

    def fill(self, chosen, rng):
        """Load samples, at most a chunk; `chosen` indexes those that take part."""
        n_rows = len(chosen)
        np.take(self.rows.index, chosen, out=self.row_numbers[:n_rows], mode="clip")
        if not self.defers:
            self.gather(slice(0, n_rows), rng)
        if self.weights is not None:
            np.take(self.all_weights, chosen, out=self.weights[:n_rows], mode="clip")
        if self.draws is not None:
            self.sampler.draw(self.draws[:n_rows])

    def gather(self, view, rng=None):
        """Copy the loaded samples in a slice of the chunk to their slots, scaled."""
        rows, row_numbers = self.rows, self.row_numbers[view]
        scaling, target_scaling = self.scalings
        inputs, targets = (array[view] for array in self.gathered)
        source, has_targets = inputs, self.targets is not self.inputs
        if has_targets:
            np.take(rows.target, row_numbers, axis=0, out=targets, mode="clip")
        if rows.corruption is not None:
            rows.corruption.corrupt(targets, inputs, rng)
        elif has_targets and rows.target is rows.X:
            source = targets
        else:
            np.take(rows.X, row_numbers, axis=0, out=inputs, mode="clip")
        scaling.apply(source, out=inputs)
        if has_targets and not target_scaling.is_identity:
            target_scaling.apply(targets, out=targets)
        if self.inputs is not self.gathered[0]:
            np.copyto(self.inputs[view], inputs, casting="same_kind")
            if has_targets:
                np.copyto(self.targets[view], targets, casting="same_kind")
        if rows.is_incomplete:
            np.copyto(self.targets[view], np.nan, where=rows.missing[row_numbers])

    def slots(self, n_rows):
        for start in range(0, n_rows, self.batch_size):
            yield start // self.batch_size, min(self.batch_size, n_rows - start)

    def all_slots(self):
        n_rows, chunk_rows = len(self.rows), len(self.inputs)
        return {*self.slots(chunk_rows), *self.slots(n_rows % chunk_rows)}

    def slot(self, index, n_rows):
        view = self.view(index, n_rows)
        arrays = self.inputs, self.targets, self.weights, self.draws
        return [None if a is None else a[view] for a in arrays]

    def view(self, index, n_rows):
        start = index * self.batch_size
        return slice(start, start + n_rows)

    def order(self, shuffle, rng):
        """Return the order of the samples in an epoch.

        For nested codes, samples are always shuffled within their batch, as their place in it
        determines which decoders read them.
        """
        if shuffle:
            return rng.permutation(len(self.rows))
        order = np.arange(len(self.rows))
        if self.sampler is not None and self.sampler.needs_shuffling:
            for batch in row_slices(len(order), self.batch_size):
                rng.shuffle(order[batch])
        return order

    def chunks(self, order):
        return (order[rows] for rows in row_slices(len(order), len(self.inputs)))
