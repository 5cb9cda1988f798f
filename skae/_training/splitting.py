"""Splits into folds that keep copies, groups and blocks of successive samples together."""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtr

from skae._sparse import is_sparse, side_by_side, sorted_rows
from skae._training.dependence import (
    FREQUENT_SHARE,
    MIN_OTHERS,
    Dependence,
    Standardized,
    join_near_copies,
)

N_DIRECTIONS, MAX_PARTS = 4, 1000
MIN_REPEATED = 20  # distinct samples of a repeated table
UNDERDISPERSED = 1e-3  # probability of numbers of copies as even as these, if they were random
HEAVY_SHARE = 0.1  # of the weight: a group with more is held out last


@dataclass(frozen=True)
class GivenSplits:
    """Groups and splits that the user gave.

    `groups` holds the number of the group of each sample, or is None. `splits` are pairs of boolean
    arrays over the samples: those to train on, and those held out. `max_numbers` limits the size of
    the part of X that a detector draws to train on.
    """

    groups: np.ndarray | None = None
    splits: tuple = ()
    max_numbers: int | None = None

    @property
    def are_independent(self):
        return self.groups is None and not self.splits

    @property
    def labels(self):
        """Return a number for each sample, equal for those that all splits treat alike, or None."""
        sides = [train + 2 * held_out for train, held_out in self.splits]
        if self.are_independent:
            return None
        columns = sides if self.groups is None else [self.groups, *sides]
        return np.unique(np.column_stack(columns), axis=0, return_inverse=True)[1].ravel()

    def part(self, chosen):
        """Return the groups and splits of the chosen samples, without splits that lose a side.

        Raise ValueError if that leaves a single group, or no split.
        """
        groups = None if self.groups is None else self.groups[chosen]
        splits = [tuple(side[chosen] for side in split) for split in self.splits]
        splits = tuple(split for split in splits if all(side.any() for side in split))
        if self.splits and not splits:
            raise ValueError(
                "No split of validation_split has samples on both sides among those that were "
                "drawn. Raise max_samples."
            )
        if groups is not None and not self.splits and (groups == groups[0]).all():
            raise ValueError(
                "groups must contain at least two groups, so that one can be held out, but all "
                "samples with a weight are in the same group. Fit without groups instead."
            )
        return GivenSplits(groups, splits)

    def of_rows(self, member):
        """Return the groups and splits of merged rows; `member` is the row of each sample."""
        first = np.unique(member, return_index=True)[1]
        groups = None if self.groups is None else self.groups[first]
        return GivenSplits(groups, tuple((train[first], out[first]) for train, out in self.splits))

    def __str__(self):
        """Return a line for the user, empty without splits."""
        if not self.splits:
            return ""
        n_train, n_out = (
            " to ".join(str(n) for n in sorted({min(numbers), max(numbers)}))
            for numbers in zip(*[(train.sum(), out.sum()) for train, out in self.splits])
        )
        n_splits = f"{len(self.splits)} split{'s' if len(self.splits) > 1 else ''}"
        return f"validation_split: {n_splits}, {n_train} samples to train on, {n_out} held out."


@dataclass(frozen=True)
class FoldSplitter:
    """Assigns samples to folds by their group; `groups` holds the group number of each sample.

    `dependence` is what was found of samples that depend on each other, if it was sought.
    """

    groups: np.ndarray
    weights: np.ndarray
    dependence: Dependence | None = None

    @property
    def n_groups(self):
        return int(self.groups.max()) + 1

    @property
    def has_given_groups(self):
        """Return whether the groups are those that the user gave."""
        return self.dependence is not None and self.dependence.n_groups is not None

    def folds(self, n_folds):
        """Return the fold of each sample, an int ndarray of shape (n_samples,).

        Folds have equal weight, up to the weight of a group. None is empty, so there are at most as
        many as groups. Each of five folds consists of two of ten, unless a group is heavier.
        """
        weight = np.bincount(self.groups, weights=self.weights)
        middle = np.cumsum(weight) - weight / 2
        folds = np.floor(middle * n_folds / weight.sum() * (1 - 1e-12)).astype(int)
        _, folds = np.unique(folds, return_inverse=True)
        wanted = min(n_folds, len(weight))
        if folds[-1] + 1 < wanted:  # a group is heavier than a fold: count groups instead
            folds = np.arange(len(weight)) * wanted // len(weight)
        return folds[self.groups]


def is_repeated_table(counts):
    """Return whether these numbers of copies of distinct samples are those of a repeated table.

    They then vary less than by chance, by the chi-squared test of their dispersion. Fewer than
    twenty, such as the values of one category, may be equal by design.
    """
    if len(counts) < MIN_REPEATED:
        return False
    dispersion = np.square(counts - counts.mean()).sum() / counts.mean()
    return bool(chdtr(len(counts) - 1, dispersion) < UNDERDISPERSED)


def splits_of_folds(folds):
    """Return a pair of boolean arrays for each fold: the samples to train on, and the held-out."""
    return [(folds != k, folds == k) for k in range(folds.max() + 1)]


@dataclass(frozen=True)
class MergedSamples:
    """Distinct samples in sorted order; `member` is the row number of each given sample."""

    X: np.ndarray
    weights: np.ndarray
    X_clean: np.ndarray | None
    member: np.ndarray


def merge_equal_rows(X, weights, X_clean=None, divides_frequent=False, labels=None):
    """Sort the samples and merge equal ones, adding their weights; the same for X_clean.

    Only samples with equal `labels` are merged, if given. The result of training then depends
    neither on the order of the samples nor on whether a sample is repeated or has a weight of two.

    With `divides_frequent` a sample with more than FREQUENT_SHARE of the weight is divided into
    equal rows that weigh about as much as the others, to be both trained on and held out.
    """
    X, X_clean, member = _distinct_rows(X, X_clean, labels)
    weights = np.bincount(member, weights=weights)
    n_parts = _count_parts(weights) if divides_frequent else np.ones(1, int)
    if n_parts.max() > 1:
        first = np.cumsum(n_parts) - n_parts
        member = first[member] + count_earlier(member) % n_parts[member]
        repeated = np.repeat(np.arange(len(weights)), n_parts)
        X, X_clean = X[repeated], None if X_clean is None else X_clean[repeated]
        weights = np.repeat(weights / n_parts, n_parts)
    return MergedSamples(X, weights, X_clean, member)


def _distinct_rows(X, X_clean, labels):
    """Return distinct samples in sorted order, those of X_clean, and the row of each sample."""
    columns = [X] if X_clean is None else [X, X_clean]
    if labels is not None:
        columns.append(labels[:, None].astype(X.dtype))
    if is_sparse(X):
        order, repeats = sorted_rows(X if len(columns) == 1 else side_by_side(columns))
        member = np.empty(len(X), int)
        member[order] = np.cumsum(~repeats) - 1
        first = order[~repeats]
        return X[first], None if X_clean is None else X_clean[first], member
    both = X if len(columns) == 1 else np.hstack(columns)
    distinct, member = np.unique(both, axis=0, return_inverse=True)
    n_features = X.shape[1]
    if X_clean is not None:
        X_clean = np.ascontiguousarray(distinct[:, n_features : 2 * n_features])
    return np.ascontiguousarray(distinct[:, :n_features]), X_clean, member.ravel()


def _count_parts(weights):
    n_parts = np.ones(len(weights), int)
    frequent = weights > weights.sum() * FREQUENT_SHARE
    if frequent.any() and np.sum(~frequent) >= MIN_OTHERS:
        n_others = weights[frequent] / weights[~frequent].mean()
        n_parts[frequent] = np.clip(np.rint(n_others), 1, MAX_PARTS)
    return n_parts


def count_earlier(labels):
    """Return for each element how many earlier ones have the same label."""
    order = np.argsort(labels, kind="stable")
    counts = np.bincount(labels)
    first = np.cumsum(counts) - counts
    found = np.empty(len(labels), int)
    found[order] = np.arange(len(labels)) - first[labels[order]]
    return found


# ---------------------------------------------------------------- groups


def group_samples(X, weights, rng, groups=None, blocks=None):
    """Group samples that depend on each other; return a FoldSplitter, groups in random order.

    `groups` are labels that the user gave, `blocks` those of `find_blocks`. Without either, exact
    and near copies form a group. Each copy of a sample with more than FREQUENT_SHARE of the
    weight is a group of its own.

    The order of the groups depends neither on the order of the samples, nor on their dtype, nor on
    the units of the features: standardized samples are ranked along a random direction, and the
    ranks permuted. (Rounding can exchange two samples that nearly tie.)
    """
    n_samples = len(X)
    if groups is not None:
        _, labels = np.unique(groups, return_inverse=True)
        dependence = Dependence(n_samples, n_groups=int(labels.max()) + 1)
        return FoldSplitter(_order_groups(labels, weights, rng)[labels], weights, dependence)
    if blocks is not None:
        length = int(np.bincount(blocks).max())
        dependence = Dependence(n_samples, block_length=length)
        return FoldSplitter(rng.permutation(blocks.max() + 1)[blocks], weights, dependence)
    standard = Standardized.measure(X, weights)
    positions = standard.project(X, _directions(rng, X.shape[1]))
    ranks, is_copy = _rank_distinct(X, positions)
    labels, n_near = join_near_copies(X, ranks, weights, positions, standard, rng)
    labels, n_frequent = _part_frequent(labels, ranks, weights)
    # A group is ranked as its first sample along the direction is.
    first = np.full(labels.max() + 1, n_samples)
    place = np.lexsort([count_earlier(ranks), ranks])
    at = np.empty(n_samples, int)
    at[place] = np.arange(n_samples)
    np.minimum.at(first, labels, at)
    order = np.empty(len(first), int)
    order[np.argsort(first)] = rng.permutation(len(first))
    n_copies = int(is_copy.sum())
    dependence = Dependence(n_samples, n_copies, n_frequent, n_near)
    return FoldSplitter(order[labels], weights, dependence)


def _order_groups(labels, weights, rng):
    """Return the place of each group: light ones in random order, then heavy ones by weight.

    The first fold, which a single split holds out, should not be a group with most of the samples.
    """
    weight = np.bincount(labels, weights=weights)
    order = rng.permutation(len(weight))
    heaviness = np.where(weight > HEAVY_SHARE * weight.sum(), weight, 0)
    order = order[np.argsort(heaviness[order], kind="stable")]
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    return places


def _directions(rng, n_features):
    directions = rng.standard_normal((N_DIRECTIONS, n_features))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _rank_distinct(X, positions):
    order = np.lexsort(positions.T[::-1])
    ordered = positions[order]
    is_new = np.append(True, np.any(ordered[1:] != ordered[:-1], axis=1))
    ranks, is_copy = np.empty(len(X), int), np.empty(len(X), bool)
    ranks[order] = np.cumsum(is_new) - 1
    is_copy[order] = ~is_new
    return ranks, is_copy


def _part_frequent(labels, ranks, weights):
    """Give each copy of a frequent sample its own group; return labels and their number."""
    weight = np.bincount(ranks, weights=weights)
    counts = np.bincount(ranks)
    is_frequent = (weight > FREQUENT_SHARE * weight.sum()) & (counts > 1)
    if not is_frequent.any() or len(counts) - is_frequent.sum() < MIN_OTHERS:
        return labels, 0
    chosen = np.flatnonzero(is_frequent[ranks])
    labels = labels.copy()
    labels[chosen] = labels.max() + 1 + np.arange(len(chosen))
    return np.unique(labels, return_inverse=True)[1], len(chosen)
