"""Search for the fewest components: trial fits of several sizes, compared on held-out samples."""

import numpy as np

from skae._training.callbacks import NULL_TASKS
from skae._training.extent import errors_of_sizes
from skae._training.finish import end

MAX_SCORED_ROWS = 10_000
FIRST_RATIO = 0.7  # first guess of the share that a model leaves unexplained, relative to PCA
MAX_GUESSES = 6


def search(run, run_size, tasks):
    """Return the FitResult of the fewest components that explain the share that is asked for.

    The state of `run` has PCA's number of components, the most that are tried.
    `run_size(n_components, tasks)` trains a model. With callbacks, which see the trial fits as one
    phase, the size that is found is trained again. After an interrupt the result is that of the
    fewest components found to suffice, else the start of `run`, or without a linear path the trial.
    """
    share = run.options.network.n_components
    n_most = run.state.model.network.n_components
    bisection = Bisection(1 - run.state.explained_by_pca[:n_most], 1 - share)
    trials, best = tasks.search(), None
    while bisection.is_open:
        trial = run_size(bisection.guess(), trials)
        unexplained = unexplained_share(trial)
        if bisection.is_enough(unexplained):
            best = trial
        if run.options.verbose:
            print(f"Components: {bisection.size}, leaving {unexplained:.3g} of the variance")
        if trial.interrupted:
            trials.end()
            if best is None and run.state.model.network.linear_path:
                run.interrupted = True
                best = end(run)
            return best or trial
    trials.end()
    if best is None or tasks is not NULL_TASKS:
        best = run_size(bisection.enough, tasks)
    return best


class Bisection:
    """Search for the fewest components that leave at most a share of the variance unexplained.

    They are more than `too_few` and at most `enough`. `unexplained_by_pca` holds the shares that
    PCA leaves with 1, 2, ... components. The share that a model leaves is similar, relative to PCA,
    at similar sizes: a few guesses by this ratio find the size, otherwise bisection does.
    """

    def __init__(self, unexplained_by_pca, max_unexplained):
        self.unexplained_by_pca, self.max_unexplained = unexplained_by_pca, max_unexplained
        self.too_few, self.enough = 0, len(unexplained_by_pca)
        self.ratio, self.n_guesses = FIRST_RATIO, 0

    @property
    def is_open(self):
        return self.enough - self.too_few > 1

    def guess(self):
        """Return the size to try next."""
        self.n_guesses += 1
        if self.n_guesses <= MAX_GUESSES:
            size = int(np.sum(self.ratio * self.unexplained_by_pca > self.max_unexplained)) + 1
        else:
            size = (self.too_few + self.enough) // 2
        self.size = min(max(size, self.too_few + 1), self.enough - 1)
        return self.size

    def is_enough(self, unexplained):
        """Record the share that the last guess leaves unexplained; return whether it is enough."""
        self.ratio = unexplained / self.unexplained_by_pca[self.size - 1]
        if unexplained > self.max_unexplained:
            self.too_few = self.size
            return False
        self.enough = self.size
        return True


def unexplained_share(result):
    """Return the share of the variance of held-out samples that a result leaves unexplained."""
    n_components = result.model.network.n_components
    errors, variance = errors_of_sizes(result.validation_pairs, MAX_SCORED_ROWS * n_components)
    return errors[-1] / variance if variance > 0 else 0.0
