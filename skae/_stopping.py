"""What decides when training stops and which epoch is kept."""

import math


class Patience:
    """Says when a loss has not fallen by `tol` times its size within `n_epochs` epochs."""

    def __init__(self, tol, n_epochs):
        self.tol = tol
        self.n_epochs = n_epochs
        self.lowest = math.inf
        self.n_stalled = 0

    def exhausted(self, loss):
        """Take note of an epoch's loss."""
        if loss < self.lowest - self.tol * abs(loss):
            self.lowest, self.n_stalled = loss, 0
        else:
            self.n_stalled += 1
        return self.n_stalled >= self.n_epochs


class Choice:
    """The epoch whose gain on watched rows, over the start, is greatest for certain.

    What counts is the mean of the rows' gains less `caution` standard errors of it; the
    start itself, whose gain is zero, is a candidate, and rounding is no gain. So few rows,
    or rows that disagree, leave the start as it is.
    """

    def __init__(self, losses, weights, caution):
        self.start = losses
        self.share = weights / weights.sum()
        self.caution = caution
        self.loss = self.mean(losses)
        self.bound = 1e-6 * abs(self.loss)
        self.epoch = 0

    def mean(self, losses):
        """Weighted mean of the rows' losses."""
        return float(self.share @ losses)

    def improves(self, losses, epoch):
        """Compare an epoch with the best one before it; take its place if it is better."""
        gains = self.start - losses
        mean = float(self.share @ gains)
        error = math.sqrt(float(self.share**2 @ (gains - mean) ** 2))
        bound = mean - self.caution * error
        if not bound > self.bound:
            return False
        self.bound, self.epoch, self.loss = bound, epoch, self.mean(losses)
        return True
