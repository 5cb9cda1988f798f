"""What decides when training stops and which epoch is kept."""

import math

import numpy as np


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

    Losses of shape (n_rows, n_sizes) are those of codes of several sizes: each size counts
    in units of its loss at the start, and with half the caution each of them must gain.
    """

    parts = (None,)  # what is kept together: everything

    def __init__(self, losses, weights, caution):
        self.start = losses
        self.share = weights / weights.sum()
        self.caution = caution
        self.unit = np.ones(losses.shape[1:])
        if losses.ndim == 2 and losses.any():
            level = np.abs(self.share @ losses)
            self.unit = np.maximum(level, 1e-3 * level.max())
        self.loss = self.mean(losses)
        self.least = 1e-6 * (abs(self.loss) if losses.ndim == 1 else 1.0)
        self.bound = self.least
        self.epoch = 0

    def mean(self, losses):
        """Weighted mean of the rows' losses, several sizes in units of the first one's."""
        means = self.share @ losses
        return float(means if losses.ndim == 1 else np.mean(means / self.unit) * self.unit[0])

    def progress(self, losses):
        """What training is to lower next: the worst size's loss until all gain, then the mean."""
        if self.epoch:
            return self.mean(losses)
        return float(np.max(self.share @ losses / self.unit) * self.unit.flat[0])

    def improves(self, losses, epoch):
        """Compare an epoch with the best one before it; take its place if it is better."""
        gains = (self.start - losses) / self.unit
        means = self.share @ gains
        doubts = self.caution * np.sqrt(self.share**2 @ (gains - means) ** 2)
        bound = float(np.mean(means - doubts))
        if not (bound > self.bound and np.min(means - doubts / 2) > self.least):
            return False
        self.bound, self.epoch, self.loss = bound, epoch, self.mean(losses)
        return True

    def improved(self, losses, epoch):
        """Compare an epoch as `improves` does; return the parts that are to be kept of it."""
        return self.parts if self.improves(losses, epoch) else ()


class ChoiceOfEach:
    """A choice for every part by itself, whose losses are some of the columns."""

    def __init__(self, losses, weights, caution, columns):
        self.whole = Choice(losses, weights, caution)
        self.columns = columns
        self.each = [Choice(losses[:, chosen], weights, caution) for chosen in columns]
        self.parts = range(len(columns))
        self.kept = losses.copy()
        self.mean = self.progress = self.whole.mean

    @property
    def epochs(self):
        """The epoch of each part."""
        return [choice.epoch for choice in self.each]

    @property
    def epoch(self):
        """The last of them."""
        return max(self.epochs)

    @property
    def loss(self):
        """Mean of the rows' losses with each part as it is kept."""
        return self.mean(self.kept)

    def improved(self, losses, epoch):
        """Compare an epoch with the best ones before it; return the parts that it improves."""
        return [part for part in self.parts if self.improves_part(part, losses, epoch)]

    def improves_part(self, part, losses, epoch):
        """Compare an epoch with the best one before it for one part alone."""
        chosen = self.columns[part]
        found = self.each[part].improves(losses[:, chosen], epoch)
        if found:
            self.kept[:, chosen] = losses[:, chosen]
        return found
