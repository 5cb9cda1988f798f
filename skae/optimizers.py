"""Optimizers on one flat vector: `init` makes the state, `step` writes the next vector.

Hyper-parameters are frozen; what changes lives in the state, a dict of arrays and integers.
The learning rate is handed in with every step, because schedules belong to the loop: `step`
yields its calls once, and `factors` gives the numbers in them that change. `parts` are a
step's calls in pieces that may be made side by side.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
import math

import numpy as np

PIECE = 2**18  # numbers: long enough calls for two threads not to wait for each other
ALIGNED = 16  # numbers that processors take at a time


class Optimizer(ABC):
    """A rule for the next vector, given the gradient at this one; `n_factors` change."""

    n_factors = 1
    prepares = False  # whether `prepare` is to see the whole gradient before a step begins

    @abstractmethod
    def init(self, theta):
        """Return the state before the first step."""

    @abstractmethod
    def factors(self, state, learning_rate):
        """Count a step and return the numbers that it takes, in a tuple."""

    @abstractmethod
    def step(self, theta, gradient, state, *factors):
        """Yield the calls of a step, which spend the gradient."""

    def parts(self, theta, gradient, state, *factors, n_least=1):
        """Yield slices of the vector and their steps, which do not depend on each other.

        There are `n_least` of them or more: of a short vector one is enough.
        """
        for of in slices(theta.size, n_least):
            yield of, self.step(*pieces(of, theta, gradient, state), *factors)


def slices(size, n_least=1):
    """Cut a vector into equal pieces, a multiple of n_least."""
    n_pieces = n_least * math.ceil(size / (n_least * PIECE))
    length = ALIGNED * math.ceil(size / (n_pieces * ALIGNED))
    return [slice(start, min(start + length, size)) for start in range(0, size, length)]


def pieces(of, theta, gradient, state):
    """Views of a piece of the vector, of the gradient, and of the arrays of the state."""
    part = {key: a[of] if isinstance(a, np.ndarray) else a for key, a in state.items()}
    return theta[of], gradient[of], part


@dataclass(frozen=True)
class Sgd(Optimizer):
    """theta += v,  v = momentum v - rate g;  Nesterov: theta += momentum v - rate g.

    Sutskever, Martens, Dahl & Hinton, 2013, ICML, equations 1 to 4, written for the
    parameters after the look-ahead.
    """

    momentum: float = 0.9
    nesterovs_momentum: bool = True

    def init(self, theta):
        return {"velocity": np.zeros_like(theta)} if self.momentum else {}

    def factors(self, state, learning_rate):
        return (learning_rate,)

    def step(self, theta, gradient, state, rate):
        yield np.multiply, gradient, rate, gradient
        if not self.momentum:
            yield np.subtract, theta, gradient, theta
            return
        velocity = state["velocity"]
        yield np.multiply, velocity, self.momentum, velocity
        yield np.subtract, velocity, gradient, velocity
        if not self.nesterovs_momentum:
            yield np.add, theta, velocity, theta
            return
        yield np.subtract, theta, gradient, theta
        yield np.multiply, velocity, self.momentum, gradient
        yield np.add, theta, gradient, theta


@dataclass(frozen=True)
class Adam(Optimizer):
    """theta -= rate m / (sqrt(v) + epsilon), m and v running means of g and g**2.

    Kingma & Ba, 2015, arXiv 1412.6980, algorithm 1, with the bias corrections in two
    factors. The state holds m / (1 - beta_1) and v / (1 - beta_2): two passes fewer.
    """

    n_factors = 2

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def init(self, theta):
        return {"first": np.zeros_like(theta), "second": np.zeros_like(theta), "t": 0}

    def factors(self, state, learning_rate):
        state["t"] += 1
        first_scale = (1 - self.beta_1) / (1 - self.beta_1 ** state["t"])
        second_scale = math.sqrt((1 - self.beta_2) / (1 - self.beta_2 ** state["t"]))
        return self.epsilon / second_scale, learning_rate * first_scale / second_scale

    def step(self, theta, gradient, state, epsilon, rate):
        yield from self.update(gradient, state, epsilon, rate)
        yield np.subtract, theta, gradient, theta

    def update(self, gradient, state, epsilon, rate):
        """Yield the calls that turn the gradient into what the step subtracts."""
        first, second = state["first"], state["second"]
        yield np.multiply, first, self.beta_1, first
        yield np.add, first, gradient, first
        yield np.multiply, gradient, gradient, gradient
        yield np.multiply, second, self.beta_2, second
        yield np.add, second, gradient, second
        yield np.sqrt, second, gradient
        yield np.add, gradient, epsilon, gradient
        yield np.divide, first, gradient, gradient
        yield np.multiply, gradient, rate, gradient


OPTIMIZERS = {"sgd": Sgd, "adam": Adam}
