"""Splits into folds that keep copies, groups and blocks of successive samples together."""

from dataclasses import dataclass

import numpy as np

from skae._training.dependence import (
    FREQUENT_SHARE,
    MIN_OTHERS,
    Dependence,
    Standardized,
    join_near_copies,
)

N_DIRECTIONS, MAX_PARTS = 4, 1000


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
        """Return the number of groups."""
        return int(self.groups.max()) + 1

    def folds(self, n_folds):
        """Return the fold of each sample, an int ndarray of shape (n_samples,).

        Folds have equal weight, up to the weight of a group. None is empty, so there are fewer
        than `n_folds` if there are fewer groups. Each of five folds consists of two of ten, unless
        a group is heavier than a fold.
        """
        weight = np.bincount(self.groups, weights=self.weights)
        middle = np.cumsum(weight) - weight / 2
        folds = np.floor(middle * n_folds / weight.sum() * (1 - 1e-12)).astype(int)
        _, folds = np.unique(folds, return_inverse=True)
        wanted = min(n_folds, len(weight))
        if folds[-1] + 1 < wanted:  # a group is heavier than a fold: count groups instead
            folds = np.arange(len(weight)) * wanted // len(weight)
        return folds[self.groups]


@dataclass(frozen=True)
class MergedSamples:
    """Distinct samples in sorted order; `member` is the row number of each given sample."""

    X: np.ndarray
    weights: np.ndarray
    X_clean: np.ndarray | None
    member: np.ndarray


def merge_equal_rows(X, weights, X_clean=None, divides_frequent=False):
    """Sort the samples and merge equal ones, adding their weights; the same for X_clean.

    The result of training then depends neither on the order of the samples nor on whether a
    sample is repeated or has a weight of two, not even by a rounding error.

    With `divides_frequent` a sample with more than FREQUENT_SHARE of the weight is divided into
    equal rows that weigh about as much as the others. New data will contain it too, so it has to
    be both trained on and held out.
    """
    both = X if X_clean is None else np.hstack([X, X_clean])
    distinct, member = np.unique(both, axis=0, return_inverse=True)
    member = member.ravel()
    weights = np.bincount(member, weights=weights)
    n_parts = _count_parts(weights) if divides_frequent else np.ones(1, int)
    if n_parts.max() > 1:
        first = np.cumsum(n_parts) - n_parts
        member = first[member] + count_earlier(member) % n_parts[member]
        distinct = np.repeat(distinct, n_parts, axis=0)
        weights = np.repeat(weights / n_parts, n_parts)
    n_features = X.shape[1]
    if X_clean is not None:
        X_clean = np.ascontiguousarray(distinct[:, n_features:])
    return MergedSamples(np.ascontiguousarray(distinct[:, :n_features]), weights, X_clean, member)


def _count_parts(weights):
    """Return the number of rows that each distinct sample is divided into, mostly one."""
    n_parts = np.ones(len(weights), int)
    frequent = weights > weights.sum() * FREQUENT_SHARE
    if frequent.any() and np.sum(~frequent) >= MIN_OTHERS:
        n_others = weights[frequent] / weights[~frequent].mean()
        n_parts[frequent] = np.clip(np.rint(n_others), 1, MAX_PARTS)
    return n_parts


def count_earlier(labels):
    """Return how many earlier elements have the same label, for each element."""
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

    The order of the groups depends on the values in X and on `rng`. It depends neither on the
    order of the samples, nor on their dtype, nor on the units of the features: standardized
    samples are ranked along a random direction, and the ranks permuted. (Rounding can exchange
    two samples that nearly tie.)
    """
    n_samples = len(X)
    if groups is not None:
        _, labels = np.unique(groups, return_inverse=True)
        dependence = Dependence(n_samples, n_groups=int(labels.max()) + 1)
        return FoldSplitter(rng.permutation(labels.max() + 1)[labels], weights, dependence)
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


def _directions(rng, n_features):
    directions = rng.standard_normal((N_DIRECTIONS, n_features))
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _rank_distinct(X, positions):
    """Return the rank of each sample among the distinct ones, and whether it repeats one.

    Samples with equal positions along all directions are taken to be equal.
    """
    order = np.lexsort(positions.T[::-1])
    ordered = positions[order]
    is_new = np.append(True, np.any(ordered[1:] != ordered[:-1], axis=1))
    ranks, is_copy = np.empty(len(X), int), np.empty(len(X), bool)
    ranks[order] = np.cumsum(is_new) - 1
    is_copy[order] = ~is_new
    return ranks, is_copy


def _part_frequent(labels, ranks, weights):
    """Give each copy of a frequent sample a group of its own; return labels and their number."""
    weight = np.bincount(ranks, weights=weights)
    counts = np.bincount(ranks)
    is_frequent = (weight > FREQUENT_SHARE * weight.sum()) & (counts > 1)
    if not is_frequent.any() or len(counts) - is_frequent.sum() < MIN_OTHERS:
        return labels, 0
    chosen = np.flatnonzero(is_frequent[ranks])
    labels = labels.copy()
    labels[chosen] = labels.max() + 1 + np.arange(len(chosen))
    return np.unique(labels, return_inverse=True)[1], len(chosen)
