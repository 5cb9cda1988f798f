"""Groups of columns that encode a category: in each sample one of them is high, the others low."""

import numpy as np

MIN_ROWS = 20  # that must show a group


def find_groups(X, missing=None):
    """Return the columns of each group of neighbours, of which one is high in every sample.

    A column is high where it has the larger one of its two values. Missing cells do not count.
    """
    known = np.ones(X.shape, bool) if missing is None else ~missing
    low, high = value_range(X, known)
    is_high = known & (high == X) & (high > low)
    is_binary = (is_high | (low == X) | ~known).all(axis=0) & known.any(axis=0)
    groups, start = [], 0
    while start < X.shape[1]:
        end, total, is_complete = start, np.zeros(len(X), int), np.ones(len(X), bool)
        while end < X.shape[1] and is_binary[end] and total.max() < 2:
            total += is_high[:, end]
            is_complete &= known[:, end]
            end += 1
            enough = end > start + 1 and is_complete.sum() >= MIN_ROWS
            if enough and (total[is_complete] == 1).all() and total.max() == 1:
                groups.append(np.arange(start, end))
                start = end - 1
                break
        start += 1
    return groups


def value_range(X, known):
    """Return the lowest and the highest known value of each column."""
    return np.where(known, X, np.inf).min(axis=0), np.where(known, X, -np.inf).max(axis=0)


def mend_groups(X, missing, groups, levels, bounds):
    """Write one category into groups of samples that have none or several, in missing cells.

    It is that of the missing cell with the largest of the `levels`, which have the shape of X,
    unless a cell that is not missing is high. `bounds` are the low and high values of columns.
    """
    for columns in groups:
        gaps, (low, high) = missing[:, columns], np.asarray(bounds)[:, columns]
        is_high = X[:, columns] > (low + high) / 2
        broken = gaps.any(axis=1) & (is_high.sum(axis=1) != 1)
        given = is_high & ~gaps
        is_open = gaps & (high > low) & ~given.any(axis=1, keepdims=True)
        best = np.where(is_open, levels[:, columns], -np.inf).argmax(axis=1)
        mended = is_open & (np.arange(len(columns)) == best[:, None])
        values = np.where(gaps, np.where(mended, high, low), X[:, columns])
        X[np.ix_(broken, columns)] = values[broken]


def choose_categories(X, missing, groups, levels, bounds):
    """Write into groups with missing cells the category that `mend_groups` takes, also unbroken."""
    for columns in groups:
        X[:, columns] = np.where(missing, bounds[0], X)[:, columns]
    mend_groups(X, missing, groups, levels, bounds)


def with_categories(X, missing, groups, is_binary):
    """Return samples whose groups with filled cells have their most probable category.

    Groups are of several columns; `is_binary` tells which columns hold zeros and ones alone.
    """
    result, bounds = X.copy(), np.outer([0, 1], np.ones(X.shape[1]))
    groups = [columns for columns in groups if len(columns) > 1 and is_binary[columns].all()]
    choose_categories(result, missing, groups, X, bounds)
    return result


def normalise_groups(X, missing, groups, bounds):
    """Scale missing cells so that the cells of each group add up to one, as probabilities do.

    `bounds` are the lowest and the highest value of each column, which count as 0 and 1.
    """
    for columns in groups:
        gaps, (low, high) = missing[:, columns], np.asarray(bounds)[:, columns]
        scale = np.where(high > low, high - low, 1)
        shares = (X[:, columns] - low) / scale
        left = np.clip(1 - np.where(gaps, 0, shares).sum(axis=1), 0, 1)
        total = np.where(gaps, shares, 0).sum(axis=1)
        factors = np.where(total > 0, left / np.where(total > 0, total, 1), 1)[:, None]
        X[:, columns] = np.where(gaps, shares * factors * scale + low, X[:, columns])


def draw_groups(X, missing, groups, bounds, rng):
    """Draw a category for each group with missing cells, which `normalise_groups` has scaled."""
    low, high = bounds
    levels = np.zeros(X.shape)
    for columns in groups:
        scale = np.where(high > low, high - low, 1)[columns]
        shares = (X - low)[:, columns] / scale
        levels[:, columns] = np.log(np.maximum(shares, 1e-12)) + rng.gumbel(size=shares.shape)
    choose_categories(X, missing, groups, levels, bounds)
