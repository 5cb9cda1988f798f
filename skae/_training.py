"""The loops: epochs of mini-batches (a generator) and L-BFGS."""

from functools import partial
import math

import numpy as np
from scipy import optimize

from skae._network import TrainingWorkspace


def constant(learning_rate_init, t, n_steps, power_t):
    """rate = learning_rate_init."""
    return learning_rate_init


def invscaling(learning_rate_init, t, n_steps, power_t):
    """rate = learning_rate_init / (t + 1)**power_t."""
    return learning_rate_init / (t + 1) ** power_t


def cosine(learning_rate_init, t, n_steps, power_t):
    """rate = learning_rate_init (1 + cos(pi t / n_steps)) / 2, zero from n_steps on.

    Loshchilov & Hutter, 2017, arXiv 1608.03983, equation 5, without restarts.
    """
    return learning_rate_init * (1 + math.cos(math.pi * min(t / n_steps, 1))) / 2


SCHEDULES = {"constant": constant, "invscaling": invscaling, "cosine": cosine}


class DivergedError(FloatingPointError):
    """The loss of a batch is not finite, or far above that of the first batch."""


class Objective:
    """Mean loss of a batch, with its gradient: the calls of every slot, bound on first use."""

    def __init__(self, network, parameters, feed, penalty=None, backward=True):
        self.feed = feed
        self.workspace = TrainingWorkspace(network, parameters, feed.batch_size)
        self.gradient = self.workspace.gradient
        self.penalty = penalty
        self.penalty_value = 0.0
        if penalty is not None:
            self.penalty_state = penalty.init(
                feed.batch_size, network.n_components, parameters.flat.dtype
            )
        self.backward = backward
        self.bound = {}
        self.limit = math.inf

    def __call__(self, index, n_rows):
        """Run a slot: return its mean loss, leave the gradient in `gradient.flat`."""
        self.last = index, n_rows
        bound = self.bound.get(self.last)
        if bound is None:
            bound = self.bound[index, n_rows] = self._bind(index, n_rows)
        calls, sum_errors = bound
        for call in calls:
            call()
        return float(sum_errors()) + self.penalty_value

    def check(self, loss):
        """Raise DivergedError for a loss that is not finite or far above the first one."""
        if self.limit == math.inf:
            self.limit = 1e4 * (abs(loss) + 1)
        if not loss < self.limit:
            raise DivergedError

    def check_last(self):
        """Check the loss that the last batch has by now."""
        self.check(self(*self.last))

    def _bind(self, index, n_rows):
        inputs, targets, weights = self.feed.slot(index, n_rows)
        row_errors = self.workspace.row_errors[:n_rows]
        dtype = row_errors.dtype
        calls = self.workspace.loss(inputs, targets)
        factors = np.full(n_rows, 1 / n_rows, dtype)
        column = factors[:1].reshape(())
        delta_column = column / np.asarray(inputs.shape[1], dtype)
        if weights is not None:
            column = factors[:, None]
            delta_column = np.empty_like(column)
            calls.append(partial(np.divide, weights, n_rows, factors))
            calls.append(partial(np.divide, column, inputs.shape[1], delta_column))
        penalize = None
        if self.penalty is not None:
            share = n_rows / len(self.feed.rows) if self.backward else 1.0
            penalize = partial(self._penalize, column=column, share=share)
        if self.backward:
            calls += self.workspace.backward(inputs, delta_column, penalize)
        elif penalize is not None:
            calls.append(partial(penalize, *self.workspace.code(n_rows)))
        return calls, partial(factors.dot, row_errors)

    def _penalize(self, code, delta, column, share):
        self.penalty_value = self.penalty.value_and_add_gradient(
            code, delta, column, share, self.penalty_state
        )


def row_losses(objective, rng):
    """Loss of every row of an objective's feed, in their order, with the penalty; float64."""
    feed = objective.feed
    losses = np.empty(len(feed.rows))
    for chosen in feed.chunks(np.arange(len(losses))):
        feed.fill(chosen, rng)
        for index, n_rows in feed.slots(len(chosen)):
            objective(index, n_rows)
            first = chosen[0] + index * feed.batch_size
            losses[first : first + n_rows] = objective.workspace.row_errors[:n_rows]
            losses[first : first + n_rows] += objective.penalty_value
    return losses


def epochs(objective, optimizer, state, rate, decay, shuffle, rng):
    """Train for ever, one pass over the rows at a time; yield the mean loss of each pass.

    `rate(t)` is the learning rate of step t; `state["steps"]` counts them. The weights lose
    `decay` times the rate of their size at every step, apart from the gradient (Loshchilov
    & Hutter, 2019, arXiv 1711.05101): the biases do not. `state["average"]`, if there is
    one, follows the parameters as `average_into` says.

    Raise DivergedError when a batch's loss is not finite, or above 10**4 (1 + the first's).
    """
    feed, parameters = objective.feed, objective.workspace.parameters
    theta, gradient = parameters.trained, objective.gradient.trained
    while True:
        order = rng.permutation(len(feed.rows)) if shuffle else np.arange(len(feed.rows))
        total = 0.0
        for chosen in feed.chunks(order):
            feed.fill(chosen, rng)
            for index, n_rows in feed.slots(len(chosen)):
                learning_rate = rate(state["steps"])
                state["steps"] += 1
                loss = objective(index, n_rows)
                objective.check(loss)
                total += n_rows * loss
                if decay:
                    np.multiply(
                        parameters.weights, 1 - learning_rate * decay, out=parameters.weights
                    )
                optimizer.step(theta, gradient, state, learning_rate)
                if "average" in state:
                    average_into(state["average"], theta, gradient, state)
        yield total / len(feed.rows)


def average_into(average, theta, room, state):
    """average += (1 - d) (theta - average),  d = min(averaging, (1 + t) / (10 + t)).

    An exponential moving average of the parameters, with less memory in the first steps; it
    does what a decaying rate does, without knowing where training ends (Polyak & Juditsky,
    1992, SIAM J. Control Optim. 30; the form of Martens & Grosse, 2015, section 6.5).
    """
    t = state["steps"]
    np.subtract(theta, average, out=room)
    room *= 1 - min(state["averaging"], (1 + t) / (10 + t))
    average += room


def lbfgs(objective, decay, max_iter, max_fun, report):
    """Minimise the mean loss + decay |W|**2 / 2 over all rows by SciPy's L-BFGS-B.

    `report(loss)` is called after every iteration and stops the run by returning True. Noise
    on the rows is drawn once: the method needs a function that stays the same. Return
    "max_iter" or "max_fun" if that ended the run, else None.
    """
    parameters = objective.workspace.parameters
    theta, gradient = parameters.trained, objective.gradient
    n_rows = len(objective.feed.rows)

    def value_and_gradient(x):
        theta[...] = x
        value = objective(0, n_rows)
        value += 0.5 * decay * float(parameters.weights.dot(parameters.weights))
        gradient.weights += np.multiply(parameters.weights, decay)
        return value, gradient.trained.astype(np.float64)

    def after_iteration(intermediate_result):
        theta[...] = intermediate_result.x
        if report(float(intermediate_result.fun)):
            raise StopIteration

    result = optimize.minimize(
        value_and_gradient,
        theta.astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        callback=after_iteration,
        options={"maxiter": max_iter, "maxfun": max_fun, "gtol": 1e-10, "ftol": 1e-14},
    )
    theta[...] = result.x
    if result.status != 1:
        return None
    return "max_iter" if result.nit >= max_iter else "max_fun"
