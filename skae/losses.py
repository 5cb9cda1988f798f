"""Errors of a reconstruction: the calls for value and derivative of each.

A row's loss is the mean of the errors over its features. A loss has a default `link`, the
activation of the output. With `fused = True` it owns its link: it is handed the output
before that activation (the logits), so that stable forms stay in one place, and no other
output activation is allowed. With `sums = True` a batch's sum of errors can be had for less
than the errors.
"""

from abc import ABC, abstractmethod

import numpy as np


class Loss(ABC):
    """Elementwise error of an output `Z` against its target `X`."""

    link = "identity"
    fused = False
    sums = False
    lowest, highest = -np.inf, np.inf

    @abstractmethod
    def errors_and_delta(self, X, Z, errors, delta):
        """Yield the calls of the elementwise errors and their slope; a fused loss spends Z."""


class SquaredError(Loss):
    """(z - x)**2 / 2,  delta = z - x."""

    sums = True

    def errors_and_delta(self, X, Z, errors, delta):
        yield np.subtract, Z, X, delta
        yield np.multiply, delta, 0.5, errors
        yield np.multiply, errors, delta, errors

    def sum_and_delta(self, X, Z, share, total, delta):
        """Yield the calls of total = share sum (z - x)**2 / 2, of shape (1,), and of the slope."""
        yield np.subtract, Z, X, delta
        flat = delta.reshape(-1)
        yield flat.dot, flat, total.reshape(())
        yield np.multiply, total, 0.5 * share, total


class AbsoluteError(Loss):
    """|z - x|,  delta = sign(z - x)."""

    def errors_and_delta(self, X, Z, errors, delta):
        yield np.subtract, Z, X, errors
        yield np.sign, errors, delta
        yield np.abs, errors, errors


class Huber(Loss):
    """delta (r - delta / 2),  r = z - x,  delta = min(max(r, -1), 1).

    Huber, 1964, Annals of Mathematical Statistics 35, page 73, with k = 1.
    """

    def errors_and_delta(self, X, Z, errors, delta):
        yield np.subtract, Z, X, errors
        yield np.maximum, errors, -1, delta
        yield np.minimum, delta, 1, delta
        yield np.multiply, errors, 2, errors
        yield np.subtract, errors, delta, errors
        yield np.multiply, errors, delta, errors
        yield np.multiply, errors, 0.5, errors


class LogLoss(Loss):
    """-x log p - (1 - x) log(1 - p) = max(z, 0) - x z - log((1 + |t|) / 2),  delta = p - x.

    p = (1 + t) / 2 and t = tanh(z / 2): neither logarithm meets a zero. Z is spent.
    """

    link = "logistic"
    fused = True
    lowest, highest = 0.0, 1.0

    def errors_and_delta(self, X, Z, errors, delta):
        yield np.multiply, Z, 0.5, delta
        yield np.tanh, delta, delta
        yield np.maximum, Z, 0, errors
        yield np.multiply, Z, X, Z
        yield np.subtract, errors, Z, errors
        yield np.abs, delta, Z
        yield np.add, Z, 1, Z
        yield np.multiply, Z, 0.5, Z
        yield np.log, Z, Z
        yield np.subtract, errors, Z, errors
        yield np.add, delta, 1, delta
        yield np.multiply, delta, 0.5, delta
        yield np.subtract, delta, X, delta


class Poisson(Loss):
    """exp(z) - x z,  delta = exp(z) - x. Z is spent."""

    link = "exponential"
    fused = True
    lowest = 0.0

    def errors_and_delta(self, X, Z, errors, delta):
        yield np.exp, Z, delta
        yield np.multiply, Z, X, Z
        yield np.subtract, delta, Z, errors
        yield np.subtract, delta, X, delta


LOSSES = {
    "squared_error": SquaredError(),
    "absolute_error": AbsoluteError(),
    "huber": Huber(),
    "log_loss": LogLoss(),
    "poisson": Poisson(),
}
