"""Steps and loops: epochs of mini-batches (a generator) and L-BFGS."""

from functools import partial
import math

import numpy as np
from scipy import optimize

from skae._kernels import bind, replay
from skae._parallel import run_sequentially
from skae._training.objective import add_up


def constant(learning_rate_init, power_t, n_steps, t):
    """rate = learning_rate_init."""
    return learning_rate_init


def invscaling(learning_rate_init, power_t, n_steps, t):
    """rate = learning_rate_init / (t + 1)**power_t."""
    return learning_rate_init / (t + 1) ** power_t


def cosine(learning_rate_init, power_t, n_steps, t):
    """rate = learning_rate_init (1 + cos(pi t / n_steps)) / 2, zero from n_steps on.

    Loshchilov & Hutter, 2017, arXiv 1608.03983, equation 5, without restarts.
    """
    return learning_rate_init * (1 + math.cos(math.pi * min(t / n_steps, 1))) / 2


SCHEDULES = {"constant": constant, "invscaling": invscaling, "cosine": cosine}


class Step:
    """One step along an objective's gradient, its calls bound once: decay, optimizer, average.

    The weights lose `decay` times the rate of their size, apart from the gradient
    (Loshchilov & Hutter, 2019, arXiv 1711.05101): the biases do not. `state["average"]`, if
    there is one, follows the parameters as `follow` says.
    """

    def __init__(self, objective, optimizer, state, decay=0.0):
        parameters, gradient = objective.workspace.parameters, objective.gradient.trained
        self.optimizer, self.state, self.decay = optimizer, state, decay
        self.gradient = gradient
        n_parts = objective.n_parts
        self.others = [] if optimizer.prepares else objective.leave_sum()
        dtype = gradient.dtype
        self.kept, self.weight = np.ones((), dtype), np.zeros((), dtype)
        self.factors = [np.zeros((), dtype) for _ in range(optimizer.n_factors)]
        self.averages = "average" in state
        vectors = parameters.trained, gradient, state
        parts = optimizer.parts(*vectors, *self.factors, n_least=n_parts)
        parts = [bind(self._part(parameters, of, step)) for of, step in parts]
        self.run_jobs = objective.run_jobs if n_parts > 1 else run_sequentially
        self.calls = parts[0]
        if len(parts) > 1:
            self.calls = [partial(self.run_jobs, [partial(replay, part) for part in parts])]

    def _part(self, parameters, of, step):
        """Yield the calls for a slice of the vector: first the gradient's parts are added up."""
        theta = parameters.trained
        yield from add_up(self.gradient[of], [other[of] for other in self.others])
        if self.decay and of.start < parameters.weights.size:
            weights = parameters.weights[of]
            yield np.multiply, weights, self.kept, weights
        yield from step
        if self.averages:
            yield from follow(self.state["average"][of], theta[of], self.gradient[of], self.weight)

    def __call__(self, learning_rate):
        """Take the step."""
        state = self.state
        state["steps"] += 1
        for factor, value in zip(self.factors, self.optimizer.factors(state, learning_rate)):
            factor[...] = value
        if self.optimizer.prepares:
            self.optimizer.prepare(self.gradient, state, self.run_jobs)
        if self.decay:
            self.kept[...] = 1 - learning_rate * self.decay
        if self.averages:
            t = state["steps"]
            self.weight[...] = 1 - min(state["averaging"], (1 + t) / (10 + t))
        for call in self.calls:
            call()


def follow(average, theta, room, weight):
    """average += weight (theta - average),  weight = 1 - min(averaging, (1 + t) / (10 + t)).

    An exponential moving average of the parameters, with less memory in the first steps; it
    does what a decaying rate does, without knowing where training ends (Polyak & Juditsky,
    1992, SIAM J. Control Optim. 30; the form of Martens & Grosse, 2015, section 6.5).
    """
    yield np.subtract, theta, average, room
    yield np.multiply, room, weight, room
    yield np.add, average, room, average


def epochs(objective, step, rate, shuffle, rng):
    """Train for ever, one pass over the rows at a time; yield the mean loss of each pass.

    `rate(t)` is the learning rate of step t, which the state of `step` counts.

    Raise DivergedError when a batch's loss is not finite, or above 10**4 (1 + the first's).
    """
    feed, state = objective.feed, step.state
    objective.gather_in_parts()
    while True:
        total = 0.0
        for chosen in feed.chunks(feed.order(shuffle, rng)):
            feed.fill(chosen, rng)
            for index, n_rows in feed.slots(len(chosen)):
                loss = objective(index, n_rows)
                objective.check(loss)
                total += n_rows * loss
                step(rate(state["steps"]))
        yield total / len(feed.rows)


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
