"""Sparsity of the code: value and derivative of each.

`value_and_add_gradient(code, delta, scale, state)` adds the derivative of the penalty of a
batch to `delta` and returns its value. `scale` holds the rows' weights, a column or one
number, which sum to 1 over the batch.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
import math

import numpy as np


class Penalty(ABC):
    """A price on codes that are not sparse."""

    @abstractmethod
    def init(self, n_rows, n_components, dtype):
        """Return buffers for batches of up to n_rows, and the state before the first."""

    @abstractmethod
    def value_and_add_gradient(self, code, delta, scale, share, state):
        """Return the value; add its derivative by the code to delta.

        `share` is the batch's part of the training rows.
        """


@dataclass(frozen=True)
class L1(Penalty):
    """weight sum_j mean_i |code_ij|."""

    weight: float

    def init(self, n_rows, n_components, dtype):
        return {"room": np.empty((n_rows, n_components), dtype)}

    def value_and_add_gradient(self, code, delta, scale, share, state):
        room = state["room"][: len(code)]
        np.sign(code, out=room)
        room *= scale
        room *= self.weight
        delta += room
        return float(np.vdot(room, code))


@dataclass(frozen=True)
class KullbackLeibler(Penalty):
    """weight sum_j r log(r / q_j) + (1 - r) log((1 - r) / (1 - q_j)),  q_j = mean_i code_ij.

    Ng, 2011, CS294A lecture notes "Sparse autoencoder", pages 14 to 16. `q` is a running
    mean over the batches in which a batch counts for its share of the training rows (the
    first ones, equally), so that the target means what it means on all of them; with one
    batch it is the mean.
    """

    weight: float
    target: float

    def init(self, n_rows, n_components, dtype):
        return {
            "mean": np.zeros(n_components, dtype),
            "n_batches": 0,
            "room": np.empty((n_rows, n_components), dtype),
            "row": np.empty((2, n_components), dtype),
            "ones": np.ones(n_rows, dtype),
        }

    def value_and_add_gradient(self, code, delta, scale, share, state):
        mean, room, ones = state["mean"], state["room"][: len(code)], state["ones"][: len(code)]
        numerator, denominator = state["row"]
        np.multiply(code, scale, out=room)
        ones.dot(room, numerator)
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
        np.multiply(scale, numerator, out=room)
        delta += room
        np.log(mean, out=numerator)
        np.subtract(1, mean, out=denominator)
        np.log(denominator, out=denominator)
        entropy = r * math.log(r) + (1 - r) * math.log(1 - r)
        cross = r * float(np.sum(numerator)) + (1 - r) * float(np.sum(denominator))
        return self.weight * (entropy * len(mean) - cross)


PENALTIES = {"l1": L1, "kl": KullbackLeibler}
