"""Blends of mixtures: which densities fill hidden cells of held-out samples best, and how well.

Candidates are Gaussians with more or less shrinkage, and mixtures of several sizes. Fitted without
a fold of the samples, each fills observed cells that are hidden from it there. The errors determine
the weights (stacking: Breiman, 1996, Machine Learning 24; van der Laan, Polley & Hubbard, 2007).
"""

from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter

import numpy as np
from scipy.optimize import nnls

from skae._missing.mixture import N_ITERATIONS, Mixture, fit_mixture, standard_normal
from skae._missing.normal_scores import ScoreMixture, fit_scores
from skae._missing.report import density_name
from skae._training.early_stopping import sum_groups
from skae._training.splitting import FoldSplitter

N_FOLDS = 2
N_MIXTURE_ITERATIONS, N_SCORE_ITERATIONS = 8, 4
MAX_HIDDEN_SHARE, USUAL_HIDDEN_SHARE = 0.5, 0.2  # of the observed cells of a trial
MIN_SAMPLES_PER_COMPONENT = 15
SHRINKAGES = 0.0, 1.0, 4.0  # prior counts of single Gaussians by feature; at least one in all
MIXTURE_PRIOR = 0.3  # times n_features
PRIOR_CELLS = 100  # as many cells pull the weights towards equal ones
MIN_WITHIN_SHARE = 0.05  # of the variance, in the clusters that a mixture starts with


@dataclass(frozen=True)
class IncompleteRows:
    """Samples, which of their cells are missing, their weights, and the numbers of their groups.

    Without groups samples are independent, and `groups` is None.
    """

    X: np.ndarray
    missing: np.ndarray
    weights: np.ndarray
    groups: np.ndarray | None = None

    def __len__(self):
        return len(self.X)

    def part(self, chosen):
        arrays = self.X, self.missing, self.weights, self.groups
        return IncompleteRows(*(None if array is None else array[chosen] for array in arrays))


@dataclass(frozen=True)
class Trials:
    """Samples with cells that were observed and are hidden.

    `rows` are row numbers of samples, one for each trial, `fold_of_row` the fold of each sample.
    `missing` marks the cells that are missing or hidden. `group_of_row` holds the group of each
    sample, if there are groups.
    """

    rows: np.ndarray
    fold_of_row: np.ndarray
    X: np.ndarray
    hidden: np.ndarray
    missing: np.ndarray
    weights: np.ndarray
    group_of_row: np.ndarray | None = None

    @property
    def n_folds(self):
        return self.fold_of_row.max() + 1

    @property
    def n_cells(self):
        """Return the weighted number of hidden cells."""
        return self.weights @ self.hidden.sum(axis=1)

    def in_fold(self, k):
        """Return a boolean array: which trials belong to samples of a fold."""
        return self.fold_of_row[self.rows] == k

    def part(self, chosen):
        """Return the trials that a boolean array marks, of the same samples."""
        arrays = self.X, self.hidden, self.missing, self.weights
        arrays = self.rows[chosen], self.fold_of_row, *(array[chosen] for array in arrays)
        return Trials(*arrays, self.group_of_row)

    def joined(self, others, n_rows):
        """Return these trials, of n_rows samples, and others of further samples."""
        pairs = [(getattr(self, name), getattr(others, name)) for name in vars(self)]
        pairs[0] = self.rows, others.rows + n_rows
        return Trials(*(None if pair[0] is None else np.concatenate(pair) for pair in pairs))

    def losses(self, filled):
        """Return the sum of the squared errors of the hidden cells of each trial."""
        errors = np.where(self.hidden, filled - self.X, 0)
        return np.einsum("ij,ij->i", errors, errors)

    def by_sample(self, losses):
        _, first, member = np.unique(self.rows, return_index=True, return_inverse=True)
        return np.bincount(member.ravel(), losses), self.weights[first]

    @property
    def groups(self):
        """Return the group of each sample that has a trial, as `by_sample` orders them, or None."""
        return None if self.group_of_row is None else self.group_of_row[np.unique(self.rows)]


@dataclass(frozen=True)
class Blend:
    """The weighted sum of the conditional means of mixtures, each within the range of its feature.

    `bounds` holds the minimum and the maximum of each feature in training: outside of it mixtures
    extrapolate overconfidently.
    """

    mixtures: list
    weights: np.ndarray
    bounds: np.ndarray

    def conditional_means(self, X, missing):
        """Return samples with their missing cells filled."""
        filled = np.array(X, np.float64)
        total = 0.0
        for mixture, weight in zip(self.mixtures, self.weights, strict=True):
            total = total + weight * np.clip(mixture.conditional_means(X, missing), *self.bounds)
        np.copyto(filled, total, where=missing)
        return filled

    def centres(self, X, missing):
        """Return the mean of the values that `draw` draws, for all cells of samples."""
        shares = self.weights / self.weights.sum()
        pairs = zip(shares, self.mixtures, strict=True)
        return sum(share * mixture.conditional_means(X, missing) for share, mixture in pairs)

    def draw(self, X, missing, rng):
        """Return samples with missing cells drawn, each sample from a mixture drawn by weight."""
        filled = np.array(X, np.float64)
        shares = self.weights / self.weights.sum()
        drawn = rng.choice(len(shares), len(X), p=shares)
        for k, mixture in enumerate(self.mixtures):
            rows = np.flatnonzero(drawn == k)
            filled[rows] = mixture.draws(X[rows], missing[rows], 1, rng)[0]
        return filled

    def draws(self, X, missing, n_draws, rng):
        """Return copies of samples with missing cells drawn, those of one mixture first.

        It is faster than `draw`: mixtures are conditioned once for all copies.
        """
        drawn = np.empty((n_draws, *X.shape))
        shares = self.weights / self.weights.sum()
        counts = rng.multinomial(n_draws, shares, size=len(X))
        starts = np.cumsum(counts, axis=1) - counts
        for k, mixture in enumerate(self.mixtures):
            copies = mixture.draws(X, missing, counts[:, k].max(), rng)
            copy, row = np.nonzero(np.arange(len(copies))[:, None] < counts[:, k])
            drawn[starts[row, k] + copy, row] = copies[copy, row]
        return drawn


def hidden_cells(missing, rng):
    """Return a boolean array: observed cells to hide, in the patterns in which cells are missing.

    Each sample takes the pattern of another one, thinned so that at most half of the cells of a
    column are hidden. In complete samples a fifth of the cells is hidden at random. A sample keeps
    an observed cell if it has any.
    """
    draws = rng.random(missing.shape)
    if missing.any():
        hidden = missing[rng.permutation(len(missing))] & (draws < MAX_HIDDEN_SHARE)
    else:
        hidden = draws < USUAL_HIDDEN_SHARE
    hidden &= ~missing
    nothing_left = (missing | hidden).all(axis=1)
    hidden[nothing_left] = False
    return hidden


def make_trials(rows, folds, n_repeats, rng):
    """Return the trials of samples, `n_repeats` for each, without those that hide no cell."""
    hidden = np.concatenate([hidden_cells(rows.missing, rng) for _ in range(n_repeats)])
    index = np.tile(np.arange(len(rows)), n_repeats)
    chosen = hidden.any(axis=1)
    index, hidden = index[chosen], hidden[chosen]
    missing = rows.missing[index] | hidden
    arrays = rows.X[index], hidden, missing, rows.weights[index], rows.groups
    return Trials(index, folds, *arrays)


def draw_folds(rows, rng):
    if rows.groups is None:
        return rng.permutation(np.arange(len(rows)) % min(N_FOLDS, len(rows)))
    _, labels = np.unique(rows.groups, return_inverse=True)
    order = rng.permutation(labels.max() + 1)
    return FoldSplitter(order[labels.ravel()], rows.weights).folds(N_FOLDS)


@dataclass
class Candidates:
    """Mixtures that were fitted to all samples, and what they fill in in the trials.

    `last_fits` holds the last candidate, fitted to all samples and without each fold.
    """

    rows: IncompleteRows
    trials: Trials
    bounds: np.ndarray
    mixtures: list = field(default_factory=list)
    filled: list = field(default_factory=list)
    errors: list = field(default_factory=list)
    last_fits: list = field(default_factory=list)
    verbose: bool = False

    def add(self, fit_density):
        """Fit a density to all samples and without each fold, and measure its error.

        `fit_density(chosen, last)` returns it, given a boolean array of samples and the last
        candidate that was fitted to these, or None.
        """
        rows, trials, started = self.rows, self.trials, perf_counter()
        last_fits = self.last_fits or [None] * (trials.n_folds + 1)
        fits = [fit_density(np.ones(len(rows), bool), last_fits[0])]
        filled = np.empty(trials.X.shape)
        for k in range(trials.n_folds):
            others = trials.fold_of_row != k
            fits.append(fit_density(others, last_fits[k + 1]) if others.any() else fits[0])
            chosen = trials.in_fold(k)
            means = fits[-1].conditional_means(trials.X[chosen], trials.missing[chosen])
            filled[chosen] = np.clip(means, *self.bounds)
        self.last_fits = fits
        self.mixtures.append(fits[0])
        self.filled.append(filled)
        self.errors.append(float(trials.weights @ trials.losses(filled)))
        if self.verbose:
            n_components = len(fits[0].shares)
            print(
                f"{density_name(fits[0].asdict()).capitalize()}, "
                f"{n_components} component{'s' * (n_components > 1)}, "
                f"validation loss = {self.errors[-1] / max(trials.n_cells, 1e-300):.6g}, "
                f"{perf_counter() - started:.2g} s"
            )


def fit_blend(rows, trials, sizes, rng, verbose=False):
    """Return the blend of the candidates, and what it fills in in the trials.

    `sizes` are the numbers of components of the mixtures to try, in ascending order. The best
    single Gaussian has the more weight the less certain the gain over it is. Without a gain it is
    returned alone. With `verbose`, the error of each candidate is printed.
    """
    n_features = rows.X.shape[1]
    candidates = Candidates(rows, trials, observed_range(rows), verbose=verbose)
    for shrinkage in SHRINKAGES:
        candidates.add(partial(_fit_gaussian, rows, max(shrinkage * n_features, 1.0)))
    single = int(np.argmin(candidates.errors))
    filled = candidates.mixtures[1].conditional_means(rows.X, rows.missing)
    for size in sizes:
        if size * MIN_SAMPLES_PER_COMPONENT <= rows.weights.sum() and 2 * size <= len(rows):
            seed = int(rng.integers(2**31))
            candidates.add(partial(_fit_clusters, rows, filled, size, seed))
            candidates.add(partial(_fit_scores, rows, filled))
    return _blended(candidates, single)


def _fit_gaussian(rows, prior_count, chosen, last):
    start = standard_normal(rows.X.shape[1]) if last is None else last
    return _fit_from(start, rows.part(chosen), prior_count)


def _fit_clusters(rows, filled, size, seed, chosen, last):
    """Return a mixture of samples, from the clusters that k-means finds in filled ones."""
    from sklearn.cluster import KMeans  # takes long to import

    part, filled = rows.part(chosen), filled[chosen]
    kmeans = KMeans(min(size, count_distinct(filled)), n_init=1, random_state=seed)
    start = _clustered(filled, part.weights, kmeans.fit_predict(filled, sample_weight=part.weights))
    return _fit_from(start, part, MIXTURE_PRIOR * filled.shape[1], N_MIXTURE_ITERATIONS)


def count_distinct(X):
    """Return the number of distinct samples, by their projections on one direction."""
    return len(np.unique((X @ np.cos(np.arange(1, X.shape[1] + 1))).round(9)))


def _fit_scores(rows, filled, chosen, last):
    """Return a mixture of the normal scores of samples, from the clusters of the last mixture."""
    part, filled = rows.part(chosen), filled[chosen]
    maps = fit_scores(part.X, part.missing, part.weights)
    start = _clustered(maps.forward(filled, False), part.weights, last.labels(filled))
    part = replace(part, X=maps.forward(part.X, part.missing))
    mixture = _fit_from(start, part, MIXTURE_PRIOR * filled.shape[1], N_SCORE_ITERATIONS)
    return ScoreMixture(**mixture.asdict(), knots=maps.knots)


def _fit_from(start, rows, prior_count, n_iterations=N_ITERATIONS):
    return fit_mixture(rows.X, rows.missing, rows.weights, start, prior_count, n_iterations)


def observed_range(rows):
    """Return the minimum and the maximum of the observed cells of each feature, of shape (2, n).

    Both are zero, the mean, for a feature without any.
    """
    lowest = np.where(rows.missing, np.inf, rows.X).min(axis=0)
    highest = np.where(rows.missing, -np.inf, rows.X).max(axis=0)
    is_empty = rows.missing.all(axis=0)
    return np.where(is_empty, 0, [lowest, highest])


def _clustered(filled, weights, labels):
    """Return the mixture to start with: the clusters of samples, and one covariance for all."""
    members = np.eye(labels.max() + 1)[labels] * weights[:, None]
    counts = members.sum(axis=0)
    means = members.T @ filled / np.maximum(counts, 1e-12)[:, None]
    deviations = filled - np.average(filled, axis=0, weights=weights)
    covariance = (deviations * weights[:, None]).T @ deviations / weights.sum()
    total = np.trace(covariance)
    within = weights @ np.square(filled - means[labels]).sum(axis=1) / weights.sum()
    covariance[np.diag_indices(len(covariance))] += MIN_WITHIN_SHARE
    covariance *= max(within / max(total, 1e-12), MIN_WITHIN_SHARE)
    covariances = np.repeat(covariance[None], len(means), axis=0)
    return Mixture((counts + 1) / (counts.sum() + len(counts)), means, covariances)


def _blended(candidates, single):
    """Return the blend and what it fills in in the trials."""
    trials, filled = candidates.trials, np.array(candidates.filled)
    bounds = candidates.bounds
    alone = Blend([candidates.mixtures[single]], np.ones(1), bounds), filled[single]
    if not trials.hidden.any():
        return alone
    weights = stacking_weights(filled[:, trials.hidden], trials)
    gains = trials.losses(filled[single]) - trials.losses(_held_out_blend(filled, trials))
    share = certain_share(*trials.by_sample(gains), trials.groups)
    if not weights.any() or share == 0:
        return alone
    weights *= share
    weights[single] += 1 - share
    blended = np.tensordot(weights, filled, axes=1)
    chosen = np.flatnonzero(weights)
    mixtures = [candidates.mixtures[k] for k in chosen]
    return Blend(mixtures, weights[chosen], bounds), blended


def _held_out_blend(filled, trials):
    """Return what the candidates fill in together, weighed without the trials of each fold.

    Weights fit the trials that they were found on too well, the more so the fewer these are.
    """
    blended = np.empty(trials.X.shape)
    for k in range(trials.n_folds):
        held_out = trials.in_fold(k)
        chosen = ~held_out if not held_out.all() else held_out
        others = trials.part(chosen)
        weights = stacking_weights(filled[:, chosen][:, others.hidden], others)
        blended[held_out] = np.tensordot(weights, filled[:, held_out], axes=1)
    return blended


def stacking_weights(predictions, trials):
    """Return non-negative weights of candidates that fit the hidden cells best.

    `predictions` has the shape (n_candidates, n_hidden_cells). Equal weights count as 100 cells.
    """
    n_candidates = len(predictions)
    root = np.sqrt(trials.weights)[np.nonzero(trials.hidden)[0]]
    root /= np.sqrt(np.mean(np.square(root)))
    design = np.vstack([(predictions * root).T, np.sqrt(PRIOR_CELLS) * np.eye(n_candidates)])
    equal = np.full(n_candidates, np.sqrt(PRIOR_CELLS) / n_candidates)
    return nnls(design, np.append(trials.X[trials.hidden] * root, equal))[0]


def certain_share(gains, weights, groups=None):
    """Return m**2 / (m**2 + s**2) of the mean gain m of samples and its standard error s.

    The result is 0 if there is no gain. It is what a linear estimate of a gain from one measurement
    would keep of it.
    """
    shares = weights / weights.sum()
    mean = shares @ gains
    deviations = shares * (gains - mean)
    if groups is not None:
        deviations = sum_groups(deviations, groups)
    square = max(mean, 0.0) ** 2
    return float(square / (square + np.square(deviations).sum())) if square > 0 else 0.0


def merge_equal(rows):
    """Return samples without copies; the weight of a sample is the sum of those of its copies.

    Samples with groups are returned as they are: copies can be in different groups.
    """
    if rows.groups is not None:
        return rows
    cells = np.concatenate([np.where(rows.missing, 0, rows.X), rows.missing], axis=1)
    _, first, member = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    merged = rows.part(first)
    return replace(merged, weights=np.bincount(member.ravel(), rows.weights))
