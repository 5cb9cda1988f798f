"""Rows to learn from, and how they come to training: gathered, corrupted, scaled, in batches."""

from dataclasses import dataclass, replace
import math

import numpy as np

from skae._sampling import evenly_spaced

CHUNK_BYTES = 2**20
CHUNK_BATCHES = 16


@dataclass(frozen=True)
class Rows:
    """What to learn from: rows, their clean targets (X itself, mostly), weights, and noise.

    `index` says which of the rows take part: a part of them costs no copy.
    """

    X: np.ndarray
    target: np.ndarray
    weights: np.ndarray
    index: np.ndarray
    corruption: object = None

    def __len__(self):
        return len(self.index)

    @property
    def is_noisy(self):
        return self.corruption is not None or self.target is not self.X

    def part(self, chosen):
        """Return these rows, cut down to those that a boolean array marks."""
        return replace(self, index=self.index[chosen])

    def arrays(self):
        """Return X, target and weights of the rows that take part."""
        if len(self.index) == len(self.X):
            return self.X, self.target, self.weights
        X = self.X[self.index]
        target = X if self.target is self.X else self.target[self.index]
        return X, target, self.weights[self.index]

    def noisy_sample(self, n_rows, rng):
        """Return clean rows, noisy copies and weights, about n_rows where noise can be drawn."""
        X, target, weights = self.arrays()
        if len(X) > n_rows:
            chosen = evenly_spaced(len(X), n_rows)
            X, target, weights = X[chosen], target[chosen], weights[chosen]
        if self.corruption is None:
            return target, X, weights
        n_draws = min(math.ceil(n_rows / len(X)), 20)
        target, weights = np.tile(target, (n_draws, 1)), np.tile(weights, n_draws)
        noisy = np.empty_like(target)
        self.corruption.corrupt(target, noisy, rng)
        return target, noisy, weights


class Feed:
    """Serves batches: rows gathered, corrupted and scaled a chunk of batches at a time.

    A slot is a batch's place in the chunk: `slot(k, n_rows)` gives the arrays that the k-th
    batch after a `fill` is found in, always the same ones, so calls may be bound to them.
    `size_draws`, for nested codes, draws a size for each row and decoder.
    """

    def __init__(self, rows, scaling, target_scaling, batch_size, size_draws=None):
        n_features = rows.X.shape[1]
        dtype = scaling.mean.dtype
        self.rows, self.scaling, self.target_scaling = rows, scaling, target_scaling
        self.batch_size = min(batch_size, len(rows))
        batch_bytes = self.batch_size * n_features * dtype.itemsize
        n_batches = min(max(CHUNK_BYTES // batch_bytes, 1), CHUNK_BATCHES)
        self.n_rows = min(n_batches * self.batch_size, len(rows))
        self.inputs = np.empty((self.n_rows, n_features), dtype)
        self.has_own_target = rows.is_noisy or target_scaling is not scaling
        self.targets = np.empty_like(self.inputs) if self.has_own_target else self.inputs
        weights = rows.weights[rows.index]
        self.all_weights = self.weights = None
        if not np.all(weights == weights[0]):
            self.all_weights = (weights / weights.mean()).astype(dtype)
            self.weights = np.empty(self.n_rows, dtype)
        self.found = np.empty(self.n_rows, rows.index.dtype)
        self.is_deferred = False
        self.size_draws, self.sizes = size_draws, None
        if size_draws is not None:
            self.sizes = np.empty((self.n_rows, len(size_draws)), dtype)

    def fill(self, chosen, rng):
        """Take the chosen rows, at most n_rows of them, counted among those that take part."""
        n_rows = len(chosen)
        np.take(self.rows.index, chosen, out=self.found[:n_rows], mode="clip")
        if not self.is_deferred:
            self.gather(slice(0, n_rows), rng)
        if self.weights is not None:
            np.take(self.all_weights, chosen, out=self.weights[:n_rows], mode="clip")
        if self.sizes is not None:
            self.size_draws.draw(self.sizes[:n_rows])

    def gather(self, view, rng=None):
        """Copy some of the rows that were taken to where their slots are, scaled."""
        rows, found = self.rows, self.found[view]
        inputs, targets = self.inputs[view], self.targets[view]
        source = inputs
        if self.has_own_target:
            np.take(rows.target, found, axis=0, out=targets, mode="clip")
        if rows.corruption is not None:
            rows.corruption.corrupt(targets, inputs, rng)
        elif self.has_own_target and rows.target is rows.X:
            source = targets
        else:
            np.take(rows.X, found, axis=0, out=inputs, mode="clip")
        self.scaling.apply(source, out=inputs)
        if self.has_own_target and not self.target_scaling.is_identity:
            self.target_scaling.apply(targets, out=targets)

    def defer(self):
        """Leave it to those who use a slot to gather it, a part each: return whether they must.

        Noise is drawn for all rows in turn.
        """
        self.is_deferred = self.rows.corruption is None
        return self.is_deferred

    def slots(self, n_rows):
        """Yield (index, number of rows) of the batches that n_rows filled rows make."""
        for start in range(0, n_rows, self.batch_size):
            yield start // self.batch_size, min(self.batch_size, n_rows - start)

    def slot(self, index, n_rows):
        """Return views of a slot: inputs, targets, weights or None."""
        view = self.view(index, n_rows)
        weights = None if self.weights is None else self.weights[view]
        return self.inputs[view], self.targets[view], weights

    def slot_sizes(self, index, n_rows):
        """Return a view of the sizes drawn for a slot, or None."""
        return None if self.sizes is None else self.sizes[self.view(index, n_rows)]

    def view(self, index, n_rows):
        """Return where a slot is among the rows that were taken."""
        start = index * self.batch_size
        return slice(start, start + n_rows)

    def order(self, shuffle, rng):
        """Return the order of the rows in an epoch.

        A row's place in its batch decides which decoders read its code: unless all rows are
        shuffled, those of each batch are, where there are several decoders.
        """
        if shuffle:
            return rng.permutation(len(self.rows))
        order = np.arange(len(self.rows))
        if self.sizes is not None:
            for start in range(0, len(order), self.batch_size):
                rng.shuffle(order[start : start + self.batch_size])
        return order

    def chunks(self, order):
        """Cut an order of rows into pieces that fill takes."""
        for start in range(0, len(order), self.n_rows):
            yield order[start : start + self.n_rows]
