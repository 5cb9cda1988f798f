"""Penalties on the latent code: value and derivative of each, for sparse codes."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
import math
from typing import Any

import numpy as np

from skae._kernels import Array
from skae._parametrized import Parametrized, Range

__all__ = ["L1", "KullbackLeibler", "Penalty"]


class Penalty(Parametrized, ABC):
    """Base class of penalties, which are added to the loss to shape the latent code.

    The parameter `sparsity` of the estimators takes an instance or a name. Subclasses implement
    `init` and `value_and_add_gradient`; all else has a default. Make a subclass with parameters a
    frozen dataclass: its instances then compare by value. What changes during training is in the
    state that `init` returns, with the arrays that are needed, so that batches allocate nothing.

    Attributes
    ----------
    latent_activation : str or None
        Name of the latent activation that the penalty needs; None, the default, allows any.
    initial_mean : float or None
        Mean of each component that the initial biases produce; needs the latent activation
        "logistic". None, the default, leaves the biases as they are.

    See Also
    --------
    skae.losses.Loss : Base class of losses.

    Examples
    --------
    Half the mean squared code, whose derivative is the code:

    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from skae.penalties import Penalty
    >>> @dataclass(frozen=True)
    ... class L2(Penalty):
    ...     weight: float = 1.0
    ...
    ...     def init(self, n_rows, n_components, dtype):
    ...         return {"buffer": np.empty((n_rows, n_components), dtype)}
    ...
    ...     def value_and_add_gradient(self, code, delta, scale, share, state):
    ...         buffer = state["buffer"][: len(code)]
    ...         np.multiply(code, scale, out=buffer)
    ...         buffer *= self.weight
    ...         delta += buffer
    ...         return 0.5 * float(np.vdot(buffer, code))
    >>> code, delta = np.array([[1.0, 2.0], [3.0, 0.0]]), np.zeros((2, 2))
    >>> penalty = L2(weight=0.1)
    >>> state = penalty.init(2, 2, code.dtype)
    >>> round(penalty.value_and_add_gradient(code, delta, 0.5, 1.0, state), 6)
    0.35
    >>> delta
    array([[0.05, 0.1 ],
           [0.15, 0.  ]])
    """

    latent_activation: str | None = None
    initial_mean: float | None = None
    _optional = ()

    @abstractmethod
    def init(self, n_rows: int, n_components: int, dtype: np.dtype[Any]) -> dict[str, Any]:
        """Return the state before the first batch, with the buffers that batches need.

        Parameters
        ----------
        n_rows : int
            Number of samples in the largest batch.
        n_components : int
            Number of components of the code.
        dtype : dtype
            Data type of the code.

        Returns
        -------
        state : dict
            Whatever `value_and_add_gradient` needs; it may change it.
        """

    @abstractmethod
    def value_and_add_gradient(
        self, code: Array, delta: Array, scale: Array, share: float, state: dict[str, Any]
    ) -> float:
        """Return the penalty of a batch, and add its derivative with respect to the code to delta.

        Parameters
        ----------
        code : ndarray of shape (n_rows, n_components)
            Latent codes of the batch; left as they are.
        delta : ndarray of shape (n_rows, n_components)
            Derivative of the loss with respect to the code; that of the penalty is added.
        scale : ndarray of shape () or (n_rows, 1)
            Weights of the samples, which sum to 1 over the batch; one number if all are equal.
        share : float
            Size of the batch relative to the number of training samples.
        state : dict
            What `init` returned.

        Returns
        -------
        value : float
            The penalty.
        """


@dataclass(frozen=True)
class L1(Penalty):
    """L1 penalty: ``weight sum_j mean_i |code_ij|``.

    Parameters
    ----------
    weight : float, default=1.0
        Factor of the penalty.
    """

    weight: float = 1.0
    _ranges = {"weight": Range(0, closed="left")}

    def init(self, n_rows: int, n_components: int, dtype: np.dtype[Any]) -> dict[str, Any]:
        return {"buffer": np.empty((n_rows, n_components), dtype)}

    def value_and_add_gradient(
        self, code: Array, delta: Array, scale: Array, share: float, state: dict[str, Any]
    ) -> float:
        buffer = state["buffer"][: len(code)]
        np.sign(code, out=buffer)
        buffer *= scale
        buffer *= self.weight
        delta += buffer
        return float(np.vdot(buffer, code))


@dataclass(frozen=True)
class KullbackLeibler(Penalty):
    """Kullback-Leibler penalty: ``weight sum_j r log(r / q_j) + (1-r) log((1-r) / (1 - q_j))``.

    r is the target and ``q_j`` the mean of component j of the code over all training samples (Ng,
    2011, CS294A lecture notes "Sparse autoencoder", pages 14 to 16), estimated by a moving average
    over batches. The weight of a batch is its share of the training samples; the first batches have
    equal weights.

    Parameters
    ----------
    weight : float, default=1.0
        Factor of the penalty.
    target : float, default=0.05
        Mean activation at which the penalty aims for each component.
    """

    weight: float = 1.0
    target: float = 0.05
    latent_activation = "logistic"
    _ranges = {"weight": Range(0, closed="left"), "target": Range(0, 1, "neither")}

    @property
    def initial_mean(self) -> float:
        """The target."""
        return self.target

    def init(self, n_rows: int, n_components: int, dtype: np.dtype[Any]) -> dict[str, Any]:
        return {
            "mean": np.zeros(n_components, dtype),
            "n_batches": 0,
            "buffer": np.empty((n_rows, n_components), dtype),
            "rows": np.empty((2, n_components), dtype),
            "ones": np.ones(n_rows, dtype),
        }

    def value_and_add_gradient(
        self, code: Array, delta: Array, scale: Array, share: float, state: dict[str, Any]
    ) -> float:
        mean, buffer, ones = state["mean"], state["buffer"][: len(code)], state["ones"][: len(code)]
        numerator, denominator = state["rows"]
        np.multiply(code, scale, out=buffer)
        ones.dot(buffer, numerator)
        numerator -= mean
        state["n_batches"] += 1
        numerator *= max(share, 1 / state["n_batches"])
        mean += numerator
        np.maximum(mean, 1e-6, out=mean)
        np.minimum(mean, 1 - 1e-6, out=mean)
        r = self.target
        np.divide(-r, mean, out=numerator)
        np.subtract(1, mean, out=denominator)
        np.divide(1 - r, denominator, out=denominator)
        numerator += denominator
        numerator *= self.weight
        np.multiply(scale, numerator, out=buffer)
        delta += buffer
        np.log(mean, out=numerator)
        np.subtract(1, mean, out=denominator)
        np.log(denominator, out=denominator)
        entropy = r * math.log(r) + (1 - r) * math.log(1 - r)
        cross = r * float(np.sum(numerator)) + (1 - r) * float(np.sum(denominator))
        return self.weight * (entropy * len(mean) - cross)


PENALTIES = {"l1": L1, "kl": KullbackLeibler}
