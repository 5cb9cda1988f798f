"""Early stopping: when to stop, and which epoch to keep."""

import math

import numpy as np

MIN_RELATIVE_GAIN = 1e-6  # less is a rounding error
MIN_RELATIVE_LOSS = 1e-3  # of a code size, relative to the largest: less counts as this


class Patience:
    """Counts epochs in which the loss has not fallen by `tol` times its size, up to `n_epochs`."""

    def __init__(self, tol, n_epochs):
        self.tol = tol
        self.n_epochs = n_epochs
        self.lowest = math.inf
        self.n_stalled = 0

    def exhausted(self, loss):
        """Record the loss of an epoch; return whether to stop."""
        if loss < self.lowest - self.tol * abs(loss):
            self.lowest, self.n_stalled = loss, 0
        else:
            self.n_stalled += 1
        return self.n_stalled >= self.n_epochs


class EpochSelector:
    """Select the epoch with the largest lower confidence bound of the validation gain over epoch 0.

    The bound is the mean gain of the validation samples minus `n_errors` standard errors. Epoch 0
    is a candidate, with gain zero: few or inconsistent validation samples leave the start in
    place. A gain as small as a rounding error does not count.

    Losses of shape (n_samples, n_sizes) are those of codes of several sizes. Each size counts in
    units of its loss at the start. An epoch is then selected only if each size gains, minus half
    of `n_errors` standard errors.
    """

    parts = (None,)  # one part: all parameters

    def __init__(self, losses, weights, n_errors):
        self.start = losses
        self.shares = weights / weights.sum()
        self.n_errors = n_errors
        self.unit = np.ones(losses.shape[1:])
        if losses.ndim == 2 and losses.any():
            means = np.abs(self.shares @ losses)
            self.unit = np.maximum(means, MIN_RELATIVE_LOSS * means.max())
        self.loss = self.mean(losses)
        self.min_gain = MIN_RELATIVE_GAIN * (abs(self.loss) if losses.ndim == 1 else 1.0)
        self.bound = self.min_gain
        self.epoch = 0

    def mean(self, losses):
        """Return the weighted mean loss; of several sizes, in units of the whole code's."""
        means = self.shares @ losses
        return float(means if losses.ndim == 1 else np.mean(means / self.unit) * self.unit[0])

    def progress(self, losses):
        """Return the loss for `Patience`: of the worst size until all gain, then the mean."""
        if self.epoch:
            return self.mean(losses)
        return float(np.max(self.shares @ losses / self.unit) * self.unit.flat[0])

    def select_if_better(self, losses, epoch):
        """Select an epoch if it is better than the selected one; return whether it is."""
        gains = (self.start - losses) / self.unit
        means = self.shares @ gains
        margins = self.n_errors * np.sqrt(self.shares**2 @ (gains - means) ** 2)
        bound = float(np.mean(means - margins))
        if not (bound > self.bound and np.min(means - margins / 2) > self.min_gain):
            return False
        self.bound, self.epoch, self.loss = bound, epoch, self.mean(losses)
        return True

    def improved_parts(self, losses, epoch):
        """Select an epoch if it is better; return the parts to keep of it: all or none."""
        return self.parts if self.select_if_better(losses, epoch) else ()


class DecoderEpochSelector:
    """Select an epoch for each nested decoder.

    `columns` holds for each decoder the columns of the losses that are its own. A part is here the
    index of a decoder.
    """

    def __init__(self, losses, weights, n_errors, columns):
        self.whole = EpochSelector(losses, weights, n_errors)
        self.columns = columns
        self.selectors = [EpochSelector(losses[:, chosen], weights, n_errors) for chosen in columns]
        self.parts = range(len(columns))
        self.best_losses = losses.copy()

    def mean(self, losses):
        """Return the weighted mean loss; of several sizes, in units of the whole code's."""
        return self.whole.mean(losses)

    def progress(self, losses):
        """Return the loss for `Patience`: that of the worst size."""
        return self.whole.progress(losses)

    @property
    def epochs(self):
        """Return the selected epoch of each decoder."""
        return [selector.epoch for selector in self.selectors]

    @property
    def epoch(self):
        """Return the latest selected epoch."""
        return max(self.epochs)

    @property
    def loss(self):
        """Return the mean loss with each decoder at its selected epoch."""
        return self.mean(self.best_losses)

    def improved_parts(self, losses, epoch):
        """Select an epoch for the decoders that it improves; return these."""
        return [part for part in self.parts if self.select_part_if_better(part, losses, epoch)]

    def select_part_if_better(self, part, losses, epoch):
        """Select an epoch for one decoder if it is better; return whether it is."""
        chosen = self.columns[part]
        is_better = self.selectors[part].select_if_better(losses[:, chosen], epoch)
        if is_better:
            self.best_losses[:, chosen] = losses[:, chosen]
        return is_better
