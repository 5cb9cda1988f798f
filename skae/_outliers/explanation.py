"""Explanations of outliers: the features that lower a score most, and their most likely values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

RADIUS, SPACING = 5, 0.25  # of the values that are tried, around the mean, in units of the scale
N_REFINEMENTS, N_STEPS = 3, 4  # rounds with steps that are a quarter as long
N_SWEEPS = 10  # over the columns of a feature
BLOCK_ROWS = 4096  # that are scored at once


@dataclass(frozen=True)
class Feature:
    """A feature to explain: one column, or several with their labels."""

    name: object
    columns: np.ndarray
    labels: list | None = None


@dataclass(frozen=True)
class Region:
    """Where values are sought: around the mean, and within the values of the training samples."""

    mean: np.ndarray
    scale: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray

    @classmethod
    def of(cls, model):
        """Return the region of a model; without a box it has no limits."""
        mean, scale = (a.astype(np.float64) for a in (model.scaling.mean, model.scaling.scale))
        box = np.array([[-np.inf], [np.inf]]) if model.box is None else model.box[:2]
        return cls(mean, scale, *(mean + scale * box))

    def values(self, column, centre, step, n_steps):
        """Return equally spaced values about each centre, inside of the region."""
        values = np.add.outer(centre, step * np.arange(-n_steps, n_steps + 1))
        return np.clip(values, self.lowest[column], self.highest[column])


def read_features(names, groups):
    """Return the features: one for each item of `groups`, and one for each other column.

    A group stands where its first column is. Its columns are given by names or by indices. Raise
    ValueError if a group is empty, names a column that does not exist, or shares a column.
    """
    if not isinstance(groups, Mapping | None):
        raise ValueError(f"groups must be a dict of lists of columns or None, got {groups!r}.")
    place = {name: j for j, name in enumerate(names)}
    features = {j: Feature(name, np.array([j])) for j, name in enumerate(names)}
    grouped = set()
    for group, members in (groups or {}).items():
        if isinstance(members, str) or not isinstance(members, Iterable):
            raise ValueError(f"groups[{group!r}] must be a list of columns, got {members!r}.")
        columns = [_find_column(group, member, place) for member in members]
        if not columns or len({*columns, *grouped}) < len(columns) + len(grouped):
            raise ValueError(
                f"groups[{group!r}] must list columns that are in no other group, each once; got "
                f"{members!r}."
            )
        grouped.update(columns)
        labels = [str(names[j]).removeprefix(f"{group}_") for j in columns]
        features[min(columns)] = Feature(group, np.array(columns), labels)
        for j in sorted(columns)[1:]:
            del features[j]
    return [features[j] for j in sorted(features)]


def _find_column(group, member, place):
    """Return the index of a column that is given by its name or by its index."""
    if member in place:
        return place[member]
    if isinstance(member, int | np.integer) and 0 <= member < len(place):
        return int(member)
    raise ValueError(f"groups[{group!r}] has the column {member!r}, but X has no such column.")


def shares_of_blame(contributions, typical, features):
    """Return the share of each feature in what a score lacks of a typical one.

    The score `typical` is divided equally among the columns; a feature lacks what its contributions
    are below that. The shares of a sample sum to one, or are all zero if it lacks nothing.
    Contributions that are NaN, of missing cells, lack nothing, and a feature without any other has
    the share NaN.
    """
    observed = ~np.isnan(contributions)
    n_observed = np.maximum(observed.sum(axis=1, keepdims=True), 1)
    lacking = np.where(observed, typical / n_observed - contributions, 0)
    sums = np.stack([lacking[:, feature.columns].sum(axis=1) for feature in features], axis=1)
    blame = np.maximum(sums, 0)
    total = blame.sum(axis=1, keepdims=True)
    shares = np.divide(blame, total, out=np.zeros_like(blame), where=total > 0)
    known = np.stack([observed[:, feature.columns].any(axis=1) for feature in features], axis=1)
    return np.where(known, shares, np.nan)


def explain(score_samples, X, shares, features, n_leading, region):
    """Return a table of the features with the largest shares, as {name of a column: list}.

    `shares` has a row for each sample and a column for each feature. Those that are NaN come last
    and are returned as zero.
    """
    leading = np.argsort(-shares, axis=1, kind="stable")[:, :n_leading]
    values, expected = np.empty(leading.shape, object), np.empty(leading.shape, object)
    for number, feature in enumerate(features):
        rows, ranks = np.nonzero(leading == number)
        if len(rows):
            likely = most_likely(score_samples, X[rows], feature, region)
            with_labels = is_one_hot(X[rows], feature)
            for place, value, other in zip(
                zip(rows, ranks, strict=True),
                describe(X[rows], feature, with_labels),
                describe(likely, feature, with_labels),
                strict=True,
            ):
                values[place], expected[place] = value, other
    n_samples, n_leading = leading.shape
    return {
        "sample": np.repeat(np.arange(n_samples), n_leading).tolist(),
        "rank": np.tile(np.arange(1, n_leading + 1), n_samples).tolist(),
        "feature": [features[number].name for number in leading.ravel()],
        "value": values.ravel().tolist(),
        "expected": expected.ravel().tolist(),
        "share": np.nan_to_num(np.take_along_axis(shares, leading, axis=1)).ravel().tolist(),
    }


def is_one_hot(X, feature):
    """Return whether a feature has several columns, all of them zero or one."""
    return len(feature.columns) > 1 and bool(np.isin(X[:, feature.columns], (0, 1)).all())


def describe(X, feature, with_labels):
    """Return the value of a feature in each sample.

    That is a float; of a one-hot feature the labels of the columns with a one; of another feature
    with several columns a tuple of floats.
    """
    if feature.labels is None:
        return X[:, feature.columns[0]].astype(float).tolist()
    if not with_labels:
        return [tuple(row) for row in X[:, feature.columns].astype(float).tolist()]
    chosen = [[feature.labels[k] for k in np.flatnonzero(row)] for row in X[:, feature.columns]]
    return [" + ".join(labels) or "none" for labels in chosen]


def most_likely(score_samples, X, feature, region):
    """Return the samples with the feature changed to the value at which they score highest.

    The other features stay as they are. Of a one-hot feature each category is tried, of a column
    the values inside of the region, in steps that are refined, and the one it has or its limit.
    """
    result = X.copy()
    if is_one_hot(X, feature):
        categories = np.eye(len(feature.columns), dtype=X.dtype)
        candidates = np.broadcast_to(categories, (len(X), *categories.shape))
        result[:, feature.columns] = _best(score_samples, result, feature.columns, candidates)
        return result
    for _ in range(N_SWEEPS if len(feature.columns) > 1 else 1):
        for j in feature.columns:
            step = SPACING * region.scale[j]
            centres = np.full(len(X), region.mean[j])
            values = region.values(j, centres, step, int(RADIUS / SPACING))
            values = np.column_stack([values, region.values(j, result[:, j], 0, 0)])
            result[:, [j]] = _best(score_samples, result, [j], values[:, :, None])
            for _ in range(N_REFINEMENTS):
                step = step / N_STEPS
                values = region.values(j, result[:, j], step, N_STEPS)
                result[:, [j]] = _best(score_samples, result, [j], values[:, :, None])
    return result


def _best(score_samples, X, columns, candidates):
    """Return the candidate values of some columns with which each sample scores highest.

    `candidates` has shape (n_samples, n_candidates, n_columns).
    """
    n_candidates = candidates.shape[1]
    best = np.empty((len(X), len(columns)), X.dtype)
    block = max(BLOCK_ROWS // n_candidates, 1)
    for start in range(0, len(X), block):
        rows = slice(start, start + block)
        tried = np.repeat(X[rows], n_candidates, axis=0)
        tried[:, columns] = candidates[rows].reshape(-1, len(columns))
        scores = score_samples(tried).reshape(-1, n_candidates)
        best[rows] = candidates[rows][np.arange(len(scores)), scores.argmax(axis=1)]
    return best
