"""Errors of a reconstruction: value and derivative of each.

A row's loss is the mean of the errors over its features. A loss has a default `link`, the
activation of the output. With `fused = True` it owns its link: it is handed the output
before that activation (the logits), so that stable forms stay in one place, and no other
output activation is allowed.
"""

from abc import ABC, abstractmethod

import numpy as np


class Loss(ABC):
    """Elementwise error of an output `Z` against its target `X`."""

    link = "identity"
    fused = False
    lowest, highest = -np.inf, np.inf

    @abstractmethod
    def errors_and_delta(self, X, Z, errors, delta):
        """Write the elementwise errors and their derivative by Z; a fused loss spends Z."""


class SquaredError(Loss):
    """(z - x)**2 / 2,  delta = z - x."""

    def errors_and_delta(self, X, Z, errors, delta):
        np.subtract(Z, X, out=delta)
        np.multiply(delta, 0.5, out=errors)
        errors *= delta


class AbsoluteError(Loss):
    """|z - x|,  delta = sign(z - x)."""

    def errors_and_delta(self, X, Z, errors, delta):
        np.subtract(Z, X, out=errors)
        np.sign(errors, out=delta)
        np.abs(errors, out=errors)


class Huber(Loss):
    """delta (r - delta / 2),  r = z - x,  delta = min(max(r, -1), 1).

    Huber, 1964, Annals of Mathematical Statistics 35, page 73, with k = 1.
    """

    def errors_and_delta(self, X, Z, errors, delta):
        np.subtract(Z, X, out=errors)
        np.maximum(errors, -1, out=delta)
        np.minimum(delta, 1, out=delta)
        errors *= 2
        errors -= delta
        errors *= delta
        errors *= 0.5


class LogLoss(Loss):
    """-x log p - (1 - x) log(1 - p) = max(z, 0) - x z - log((1 + |t|) / 2),  delta = p - x.

    p = (1 + t) / 2 and t = tanh(z / 2): neither logarithm meets a zero. Z is spent.
    """

    link = "logistic"
    fused = True
    lowest, highest = 0.0, 1.0

    def errors_and_delta(self, X, Z, errors, delta):
        np.multiply(Z, 0.5, out=delta)
        np.tanh(delta, out=delta)
        np.maximum(Z, 0, out=errors)
        Z *= X
        errors -= Z
        np.abs(delta, out=Z)
        Z += 1
        Z *= 0.5
        np.log(Z, out=Z)
        errors -= Z
        delta += 1
        delta *= 0.5
        delta -= X


class Poisson(Loss):
    """exp(z) - x z,  delta = exp(z) - x. Z is spent."""

    link = "exponential"
    fused = True
    lowest = 0.0

    def errors_and_delta(self, X, Z, errors, delta):
        np.exp(Z, out=delta)
        Z *= X
        np.subtract(delta, Z, out=errors)
        delta -= X


LOSSES = {
    "squared_error": SquaredError(),
    "absolute_error": AbsoluteError(),
    "huber": Huber(),
    "log_loss": LogLoss(),
    "poisson": Poisson(),
}
