"""The search for the fewest components: models of some sizes, judged by held-out samples."""

import numpy as np

from skae._training.callbacks import NULL_TASKS
from skae._training.extent import errors_of_sizes

MAX_JUDGED_ROWS = 10_000
FIRST_RATIO = 0.7  # guess of what a model leaves, relative to what PCA leaves
MAX_GUESSES = 6


def search(run, run_size, give_up, tasks):
    """Return the result of the fewest components that explain the share that is asked for.

    `run`, at its start, has PCA's number of components, which is kept where no smaller one is
    enough. `run_size(n_components, tasks)` trains a model. `tasks` are told of the trials
    aside; if anyone listens, the size found is trained once more, to be told of as any other
    fit. Ctrl-C ends the search with the best size so far, or else with `give_up()`, which
    is PCA; without a linear path with the trial itself.
    """
    share = run.options.network.n_components
    n_most = run.state.model.network.n_components
    bisection = Bisection(1 - run.state.explained_by_pca[:n_most], 1 - share)
    trials, best = tasks.search(), None
    while bisection.is_open:
        trial = run_size(bisection.guess(), trials)
        left = unexplained(trial)
        if bisection.is_enough(left):
            best = trial
        if run.options.verbose:
            print(f"Components: {bisection.size}, leaving {left:.3g} of the variance")
        if trial.interrupted:
            trials.end()
            is_pca = run.state.model.network.linear_path
            return best or (give_up() if is_pca else trial)
    trials.end()
    if best is None or tasks is not NULL_TASKS:
        best = run_size(bisection.enough, tasks)
    return best


class Bisection:
    """Search for the fewest columns whose reconstruction leaves at most a share of the variance.

    They are more than `too_few` and at most `enough`, which is PCA's number at first. What a
    model leaves, relative to PCA, is much the same at sizes near each other, so that a few
    guesses find the size; if not, halving does. `left_by_pca` is that of 1, 2, ... columns.
    """

    def __init__(self, left_by_pca, left):
        self.left_by_pca, self.left = left_by_pca, left
        self.too_few, self.enough = 0, len(left_by_pca)
        self.ratio, self.n_guesses = FIRST_RATIO, 0

    @property
    def is_open(self):
        """Return whether some size is known neither to be enough nor to be too few."""
        return self.enough - self.too_few > 1

    def guess(self):
        """Return the size to try next."""
        self.n_guesses += 1
        if self.n_guesses <= MAX_GUESSES:
            size = int(np.sum(self.ratio * self.left_by_pca > self.left)) + 1
        else:
            size = (self.too_few + self.enough) // 2
        self.size = min(max(size, self.too_few + 1), self.enough - 1)
        return self.size

    def is_enough(self, left):
        """Take note of the share that the size just tried leaves; return whether it will do."""
        self.ratio = left / self.left_by_pca[self.size - 1]
        if left > self.left:
            self.too_few = self.size
            return False
        self.enough = self.size
        return True


def unexplained(result):
    """Return the share of the variance of held-out samples that a result leaves unexplained."""
    n_components = result.model.network.n_components
    errors, variance = errors_of_sizes(result.validators, MAX_JUDGED_ROWS * n_components)
    return errors[-1] / variance if variance > 0 else 0.0
