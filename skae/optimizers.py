"""Optimizers on one flat vector: `init` makes the state, `step` writes the next vector.

Hyper-parameters are frozen; what changes lives in the state, a dict of arrays and integers.
The learning rate is an argument of `step`, because schedules belong to the loop. `gradient`
is spent.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
import math

import numpy as np


class Optimizer(ABC):
    """A rule for the next vector, given the gradient at this one."""

    @abstractmethod
    def init(self, theta):
        """Return the state before the first step."""

    @abstractmethod
    def step(self, theta, gradient, state, learning_rate):
        """Write the next vector into theta; the gradient is spent."""


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

    def step(self, theta, gradient, state, learning_rate):
        gradient *= learning_rate
        if not self.momentum:
            theta -= gradient
            return
        velocity = state["velocity"]
        velocity *= self.momentum
        velocity -= gradient
        if not self.nesterovs_momentum:
            theta += velocity
            return
        theta -= gradient
        np.multiply(velocity, self.momentum, out=gradient)
        theta += gradient


@dataclass(frozen=True)
class Adam(Optimizer):
    """theta -= rate m / (sqrt(v) + epsilon), m and v running means of g and g**2.

    Kingma & Ba, 2015, arXiv 1412.6980, algorithm 1, with the bias corrections in two
    scalars. The state holds m / (1 - beta_1) and v / (1 - beta_2): two passes fewer.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8

    def init(self, theta):
        return {
            "first": np.zeros_like(theta),
            "second": np.zeros_like(theta),
            "room": np.empty_like(theta),
            "t": 0,
        }

    def step(self, theta, gradient, state, learning_rate):
        first, second, room = state["first"], state["second"], state["room"]
        state["t"] += 1
        first_scale = (1 - self.beta_1) / (1 - self.beta_1 ** state["t"])
        second_scale = math.sqrt((1 - self.beta_2) / (1 - self.beta_2 ** state["t"]))
        first *= self.beta_1
        first += gradient
        gradient *= gradient
        second *= self.beta_2
        second += gradient
        np.sqrt(second, out=gradient)
        gradient += self.epsilon / second_scale
        np.divide(first, gradient, out=room)
        room *= learning_rate * first_scale / second_scale
        theta -= room


OPTIMIZERS = {"sgd": Sgd, "adam": Adam}
