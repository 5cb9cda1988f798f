"""How many columns a plain code needs: fits of some sizes, judged by rows they did not learn."""

import numpy as np

from skae._training.null_tasks import SILENCE
from skae._training.start import judge_sizes

MAX_JUDGED = 10_000  # rows
USUAL = 0.7
N_GUESSES = 6


def run(fit, tasks):
    """Run a fit, or one of the fewest columns that explain the share asked for; return which.

    A fit begins with PCA's number of columns, and keeps it where no rows can judge others.
    `tasks` are told of the trials aside; if anyone listens, the size that is found is run once
    more, to be told of as any other fit. Ctrl-C ends the search with what has been found, or
    else with PCA.
    """
    if not fit.seeks_size:
        fit.run(tasks=tasks)
        return fit
    n_most = fit.model.network.n_components
    share = fit.estimator.n_components
    search = Search(1 - fit.model.explained_by_pca[:n_most], 1 - share)
    sizing, found = tasks.sizing(), None
    while search.is_open:
        trial = fit.of_size(search.guess())
        trial.run(tasks=sizing)
        left = unexplained(trial)
        if search.is_enough(left):
            found = trial
        if fit.estimator.verbose:
            print(f"Columns: {search.size}, leaving {left:.3g} of the variance")
        if trial.interrupted:
            sizing.end()
            return found or _as_it_starts(fit, trial)
    sizing.end()
    if found is None or tasks is not SILENCE:
        found = fit.of_size(search.enough)
        found.run(tasks=tasks)
    return found


class Search:
    """For the fewest columns whose reconstruction leaves at most a share of the variance.

    They are more than `too_few` and no more than `enough`, which is PCA's number at first. Of
    what PCA leaves a model leaves much the same part at sizes that are near each other, so a
    few guesses find them; if not, halving does. `left_by_pca` is of 1, 2, ... columns.
    """

    def __init__(self, left_by_pca, left):
        self.left_by_pca, self.left = left_by_pca, left
        self.too_few, self.enough = 0, len(left_by_pca)
        self.part, self.n_guesses = USUAL, 0

    @property
    def is_open(self):
        """Whether there are sizes in between, which are not known to be enough nor too few."""
        return self.enough - self.too_few > 1

    def guess(self):
        """Return the size to try next."""
        self.n_guesses += 1
        if self.n_guesses <= N_GUESSES:
            size = int(np.sum(self.part * self.left_by_pca > self.left)) + 1
        else:
            size = (self.too_few + self.enough) // 2
        self.size = min(max(size, self.too_few + 1), self.enough - 1)
        return self.size

    def is_enough(self, left):
        """Take note of the share that the size just tried leaves; say whether that will do."""
        self.part = left / self.left_by_pca[self.size - 1]
        if left > self.left:
            self.too_few = self.size
            return False
        self.enough = self.size
        return True


def unexplained(fit):
    """The share of the variance of held-out rows that what a fit has kept leaves."""
    n_components = fit.model.network.n_components
    errors, variance = judge_sizes(fit.judges, MAX_JUDGED * n_components)
    return errors[-1] / variance if variance > 0 else 0.0


def _as_it_starts(fit, trial):
    """PCA, of PCA's number of columns; without a linear path nothing better than a trial."""
    if not fit.model.network.linear_path:
        return trial
    fit.finish()
    fit.interrupted = True
    return fit
