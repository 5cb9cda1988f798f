"""Losses: the errors of a reconstruction and their derivative.

The loss of a sample is the mean of the errors over its features.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from skae._kernels import Array, Calls
from skae._parametrized import Parametrized, Range

__all__ = ["AbsoluteError", "Huber", "LogLoss", "Loss", "Poisson", "SquaredError"]


class Loss(Parametrized, ABC):
    """Base class of losses, elementwise errors of an output Z against its target X.

    The parameter `loss` of the estimators takes an instance or a name. Subclasses implement
    `errors_and_delta`; all else has a default. Make a subclass with parameters a frozen dataclass:
    its instances then compare by value.

    `errors_and_delta` is a generator, like the kernels of an activation: it yields NumPy calls as
    tuples ``(function, *operands, out)``, which are bound to their arrays once and replayed for
    every batch. An array that is spent may be overwritten. `fit` tries subclasses out, and warns if
    finite differences contradict the derivative.

    Attributes
    ----------
    link : str
        Name of the output activation that ``output_activation="auto"`` stands for; "identity" by
        default.
    fused : bool
        Whether the loss includes its link; False by default. If True, Z is the output before the
        activation (the logits), so that the formula can be numerically stable, and the estimator
        accepts no other output activation.
    sums : bool
        Whether the loss implements `sum_and_delta`, which computes the sum of the errors of a batch
        in less time than the errors themselves; False by default.
    lowest, highest : float
        Bounds of the targets on which the loss is defined; infinite by default.

    See Also
    --------
    skae.activations.Activation : Base class of activations.

    Examples
    --------
    The logarithm of the hyperbolic cosine, whose derivative is tanh:

    >>> import math
    >>> import numpy as np
    >>> from skae.losses import Loss
    >>> class LogCosh(Loss):
    ...     def errors_and_delta(self, X, Z, errors, delta):
    ...         yield np.subtract, Z, X, delta
    ...         yield np.negative, delta, errors
    ...         yield np.logaddexp, delta, errors, errors
    ...         yield np.subtract, errors, math.log(2), errors
    ...         yield np.tanh, delta, delta
    >>> X, Z = np.array([[0.0, 1.0]]), np.array([[0.0, 3.0]])
    >>> errors, delta = np.empty((2, 1, 2))
    >>> for function, *operands, out in LogCosh().errors_and_delta(X, Z, errors, delta):
    ...     _ = function(*operands, out=out)
    >>> errors.round(3)
    array([[0.   , 1.325]])
    >>> delta.round(3)
    array([[0.   , 0.964]])
    """

    link: ClassVar[str] = "identity"
    fused: ClassVar[bool] = False
    sums: ClassVar[bool] = False
    lowest: ClassVar[float] = -np.inf
    highest: ClassVar[float] = np.inf
    _optional = ("sum_and_delta",)

    @abstractmethod
    def errors_and_delta(self, X: Array, Z: Array, errors: Array, delta: Array) -> Calls:
        """Yield the calls of the elementwise errors and of their derivative with respect to Z.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Targets; left as they are.
        Z : ndarray of shape (n_rows, n_features)
            Outputs; spent by a fused loss, else left as they are.
        errors : ndarray of shape (n_rows, n_features)
            Where the errors go.
        delta : ndarray of shape (n_rows, n_features)
            Where the derivatives go.

        Yields
        ------
        call : tuple
            A function, its operands, and the array that it writes into.
        """

    def sum_and_delta(self, X: Array, Z: Array, share: float, total: Array, delta: Array) -> Calls:
        """Yield the calls of a multiple of the sum of the errors, and of their derivative.

        Only needed if `sums` is True.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Targets; left as they are.
        Z : ndarray of shape (n_rows, n_features)
            Outputs; spent by a fused loss, else left as they are.
        share : float
            Factor of the sum. The derivative is not multiplied by it.
        total : ndarray of shape (1,)
            Where the sum goes.
        delta : ndarray of shape (n_rows, n_features)
            Where the derivatives go.

        Yields
        ------
        call : tuple
            A function, its operands, and the array that it writes into.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class SquaredError(Loss):
    """Squared error: ``(z - x)**2 / 2,  delta = z - x``."""

    sums = True

    def errors_and_delta(self, X: Array, Z: Array, errors: Array, delta: Array) -> Calls:
        yield np.subtract, Z, X, delta
        yield np.multiply, delta, 0.5, errors
        yield np.multiply, errors, delta, errors

    def sum_and_delta(self, X: Array, Z: Array, share: float, total: Array, delta: Array) -> Calls:
        yield np.subtract, Z, X, delta
        flat = delta.reshape(-1)
        yield flat.dot, flat, total.reshape(())
        yield np.multiply, total, 0.5 * share, total


@dataclass(frozen=True)
class AbsoluteError(Loss):
    """Absolute error: ``|z - x|,  delta = sign(z - x)``."""

    def errors_and_delta(self, X: Array, Z: Array, errors: Array, delta: Array) -> Calls:
        yield np.subtract, Z, X, errors
        yield np.sign, errors, delta
        yield np.abs, errors, errors


@dataclass(frozen=True)
class Huber(Loss):
    """Huber loss: ``delta (r - delta / 2),  r = z - x,  delta = min(max(r, -k), k)``.

    That is ``r**2 / 2`` up to ``|r| = k`` and ``k |r| - k**2 / 2`` beyond (Huber, 1964, Annals of
    Mathematical Statistics 35, page 73).

    Parameters
    ----------
    k : float, default=1.0
        Residual beyond which the loss grows linearly, in the units of the scaled samples. With an
        output activation other than "identity", in the units of X.
    """

    k: float = 1.0
    _ranges = {"k": Range(0, closed="neither")}

    def errors_and_delta(self, X: Array, Z: Array, errors: Array, delta: Array) -> Calls:
        yield np.subtract, Z, X, errors
        yield np.maximum, errors, -self.k, delta
        yield np.minimum, delta, self.k, delta
        yield np.multiply, errors, 2, errors
        yield np.subtract, errors, delta, errors
        yield np.multiply, errors, delta, errors
        yield np.multiply, errors, 0.5, errors


@dataclass(frozen=True)
class LogLoss(Loss):
    """Log loss: ``-x log p - (1 - x) log(1 - p),  delta = p - x,  p = logistic(z)``.

    Computed as ``max(z, 0) - x z - log((1 + |t|) / 2)`` with ``t = tanh(z / 2)`` and
    ``p = (1 + t) / 2``, which avoids the logarithm of zero. Z is spent.
    """

    link = "logistic"
    fused = True
    lowest, highest = 0.0, 1.0

    def errors_and_delta(self, X: Array, Z: Array, errors: Array, delta: Array) -> Calls:
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


@dataclass(frozen=True)
class Poisson(Loss):
    """Poisson loss: ``exp(z) - x z,  delta = exp(z) - x``; Z is spent.

    z counts as 80 if it is more, so that errors and derivatives are finite in float32.
    """

    link = "exponential"
    fused = True
    lowest = 0.0

    def errors_and_delta(self, X: Array, Z: Array, errors: Array, delta: Array) -> Calls:
        yield np.minimum, Z, 80, Z
        yield np.exp, Z, delta
        yield np.multiply, Z, X, Z
        yield np.subtract, delta, Z, errors
        yield np.subtract, delta, X, delta


LOSSES = {
    "squared_error": SquaredError,
    "absolute_error": AbsoluteError,
    "huber": Huber,
    "log_loss": LogLoss,
    "poisson": Poisson,
}
