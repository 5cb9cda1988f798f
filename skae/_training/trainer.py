"""The trainer: makes objectives, steps and epochs of mini-batches; and L-BFGS."""

from dataclasses import dataclass, replace
from functools import partial
import math

import numpy as np
from scipy import optimize

from skae._kernels import bind, replay
from skae._network import nested
from skae._parallel import run_sequentially
from skae._parametrized import warn
from skae._sparse import block_rows
from skae._training.batches import BatchLoader
from skae._training.bound import Bound, NoiseSampler
from skae._training.objective import Objective, Plan, add_up, count_parts, sample_losses
from skae._training.options import Options
from skae._training.quasi_newton import InverseHessian, PairCollector

VALIDATION_BATCH_ROWS = 512


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


def _rate_since(rate, first, t):
    return rate(t - first)


def warmed_up(rate, n_steps, t):
    """rate(t) min((t + 1) / n_steps, 1).

    The first steps of Adam have full length in directions of which it has seen one gradient.
    """
    return rate(t) * min((t + 1) / n_steps, 1)


SCHEDULES = {"constant": constant, "invscaling": invscaling, "cosine": cosine}


class Step:
    """A step of an optimizer: weight decay, update, moving average; the calls are bound once.

    Weights, but not biases, are multiplied by 1 - learning_rate decay (decoupled weight decay;
    Loshchilov & Hutter, 2019, arXiv 1711.05101). `state["average"]` is the average, if any.
    """

    def __init__(self, objective, optimizer, state, decay=0.0):
        workspace = objective.workspace
        parameters, gradient = workspace.parameters, workspace.gradient.trained
        self.optimizer, self.state, self.decay = optimizer, state, decay
        self.gradient, self.other_gradients = gradient, objective.other_gradients
        self.averages = "average" in state
        dtype, n_parts = gradient.dtype, objective.plan.n_parts
        self.decay_factor, self.average_weight = np.ones((), dtype), np.zeros((), dtype)
        self.factors = [np.zeros((), dtype) for _ in range(optimizer.n_factors)]
        vectors = parameters.trained, gradient, state
        parts = optimizer.parts(*vectors, *self.factors, n_least=n_parts)
        parts = [bind(self._part(parameters, piece, step)) for piece, step in parts]
        self.run_jobs = objective.run_jobs if n_parts > 1 else run_sequentially
        self.calls = parts[0]
        if len(parts) > 1:
            self.calls = [partial(self.run_jobs, [partial(replay, part) for part in parts])]

    def _part(self, parameters, piece, step):
        theta, gradient = parameters.trained[piece], self.gradient[piece]
        yield from add_up(gradient, [other[piece] for other in self.other_gradients])
        if self.decay and piece.start < parameters.weights.size:
            weights = parameters.weights[piece]
            yield np.multiply, weights, self.decay_factor, weights
        yield from step
        if self.averages:
            yield from update_average(
                self.state["average"][piece], theta, gradient, self.average_weight
            )

    def __call__(self, learning_rate):
        state = self.state
        state["steps"] += 1
        for factor, value in zip(self.factors, self.optimizer.factors(state, learning_rate)):
            factor[...] = value
        if self.optimizer.prepares:
            self.optimizer.prepare(self.gradient, state, self.run_jobs)
        if self.decay:
            self.decay_factor[...] = 1 - learning_rate * self.decay
        if self.averages:
            t = state["steps"]
            self.average_weight[...] = 1 - min(state["averaging"], (1 + t) / (10 + t))
        for call in self.calls:
            call()


def update_average(average, theta, difference, weight):
    """average += weight (theta - average),  weight = 1 - min(averaging, (1 + t) / (10 + t)).

    The moving average has the effect of a decaying learning rate without a planned end of training
    (Polyak & Juditsky, 1992, SIAM J. Control Optim. 30; in the form of Martens & Grosse, 2015,
    section 6.5).
    """
    yield np.subtract, theta, average, difference
    yield np.multiply, difference, weight, difference
    yield np.add, average, difference, average


def epochs(objective, step, rate, shuffle, rng):
    """Train for ever, one pass over the samples at a time; yield the mean loss of each pass.

    `rate(t)` is the learning rate of step t. Raise DivergedError as `Objective.check` does.
    """
    loader, state = objective.loader, step.state
    while True:
        total = 0.0
        for chosen in loader.chunks(loader.order(shuffle, rng)):
            loader.fill(chosen, rng)
            for index, n_rows in loader.slots(len(chosen)):
                loss = objective(index, n_rows)
                objective.check(loss)
                total += n_rows * loss
                if state["steps"] == 0:
                    objective.clear_first_gradient()
                step(rate(state["steps"]))
        yield total / len(loader.rows)


def lbfgs(objective, decay, limits, report, pairs=None):
    """Minimise the mean loss + decay |W|**2 / 2 over all samples by SciPy's L-BFGS-B.

    The loader has been filled before, so that noise stays the same. `report(loss)` is called after
    each iteration and returns True to stop. `pairs`, if given, is a list of steps and changes of
    the gradient to which each iteration adds. If it has some of an earlier call, L-BFGS continues
    as if that had not ended: in the variables u of x = start + S u, with the S of `InverseHessian`.
    `limits` are `max_iter` and `max_fun`; return the name of the one that was reached, or None.
    """
    parameters, gradient = objective.workspace.parameters, objective.workspace.gradient
    theta, n_rows = parameters.trained, len(objective.loader.rows)
    start, hessian, length = theta.astype(np.float64), None, 1.0

    def value_and_gradient(x):
        theta[...] = x
        value = objective(0, n_rows)
        value += 0.5 * decay * float(parameters.weights.dot(parameters.weights))
        gradient.weights += np.multiply(parameters.weights, decay)
        return value, gradient.trained.astype(np.float64)

    if pairs:
        hessian = InverseHessian(pairs)
        # SciPy's first step has length one in its variables; this makes it the one of L-BFGS.
        length = np.linalg.norm(hessian.apply_transposed(value_and_gradient(start)[1])) or 1.0

    def parameters_at(u):
        return u if hessian is None else start + length * hessian.apply(u)

    points = PairCollector([] if pairs is None else pairs)

    def objective_at(u):
        x = parameters_at(u)
        value, slope = value_and_gradient(x)
        if pairs is not None:
            points.evaluated(x, slope)
        return value, slope if hessian is None else length * hessian.apply_transposed(slope)

    def after_iteration(intermediate_result):
        theta[...] = parameters_at(intermediate_result.x)
        if pairs is not None:
            points.accepted()
        if report(float(intermediate_result.fun)):
            raise StopIteration

    result = optimize.minimize(
        objective_at,
        start if hessian is None else np.zeros_like(start),
        jac=True,
        method="L-BFGS-B",
        callback=after_iteration,
        options={"maxiter": limits[0], "maxfun": limits[1], "gtol": 1e-10, "ftol": 1e-14},
    )
    theta[...] = parameters_at(result.x)
    if result.status != 1:
        return None
    return "max_iter" if result.nit >= limits[0] else "max_fun"


@dataclass(frozen=True)
class Trainer:
    """Makes objectives, validation losses and epochs for training states, as the options say.

    `total_weight` is that of all training samples. `warn(message)` warns the user.
    """

    options: Options
    total_weight: float
    run_jobs: object = run_sequentially
    warn: object = warn

    def reads_per_sample(self, fixed_encoder):
        if self.options.solver.is_lbfgs:
            return math.inf
        return nested.READS_WITH_FIXED_ENCODER if fixed_encoder else nested.READS_PER_SAMPLE

    def decay(self, network, fixed_encoder=False):
        """Return the weight decay: alpha, divided by the total weight if it is a penalty.

        Nested decoders learn less in a step, by the share of a batch that each reads.
        """
        reads_per_sample = self.reads_per_sample(fixed_encoder)
        solver = self.options.solver
        alpha = solver.alpha
        if network.nested:
            alpha *= nested.share_read(len(network.decoder_sizes), reads_per_sample)
        return alpha if solver.decouples_decay else alpha / self.total_weight

    def objective(self, state, rows):
        solver, network = self.options.solver, state.model.network
        batch_size = len(rows) if solver.is_lbfgs else min(solver.batch_size, len(rows))
        n_parts, bound = 1, self.options.bound
        if self.options.penalty is None and not (bound is not None and bound.free_bits):
            n_parts = count_parts(network, batch_size, state.parameters.flat.dtype)
        is_cut = n_parts > 1 and not network.nested
        sampler = None
        if network.nested:
            rng = np.random.default_rng([self.options.seeds.samples, state.optimizer["steps"], 1])
            sampler = nested.CodeSizeSampler(network.decoder_sizes, rng)
        if bound is not None:
            seed = [self.options.seeds.samples, state.optimizer["steps"], 3]
            sampler = NoiseSampler(bound.n_draws * network.n_components, seed)
            n_warm_up = bound.kl_warm_up * math.ceil(len(rows) / batch_size)
            n_warm_up = 0 if solver.is_lbfgs else n_warm_up
            terms = bound.kl_weight, bound.free_bits, bound.n_draws
            bound = Bound(*terms, n_warm_up, state.optimizer)
        defers = is_cut and rows.corruption is None and not solver.is_lbfgs
        loader = BatchLoader(rows, state.model, batch_size, sampler, defers)
        plan = Plan(
            fixed_encoder=state.fixed_encoder or self.options.has_linear_encoder,
            linear_weight=self.options.linear_weight,
            decoder_weights=state.decoder_weights,
            reads_per_sample=self.reads_per_sample(state.fixed_encoder),
            n_parts=n_parts,
            leaves_sum=not (solver.is_lbfgs or solver.optimizer.prepares),
            bound=bound,
        )
        return Objective(state.model, loader, plan, self.options.penalty, self.run_jobs)

    def validation_losses(self, state, rows, of_best=False):
        """Return a function that computes the loss of each sample with the averaged parameters.

        With `of_best` it takes the best ones. Those of a state that was cast are restored.
        """
        trained = state.best if of_best else state.averaged or state.parameters
        parameters = state.restored(trained)
        model = replace(state.model, parameters=parameters)
        seed, bound, sampler = self.options.seeds.split, self.options.bound, None
        if bound is not None:
            sampler = NoiseSampler(bound.n_draws * model.network.n_components, seed)
            bound = Bound(bound.kl_weight, n_draws=bound.n_draws)
        n_rows = block_rows(rows.X, VALIDATION_BATCH_ROWS)
        loader = BatchLoader(rows, model, n_rows, sampler)
        plan = Plan(backward=False, bound=bound)
        objective = Objective(model, loader, plan, self.options.penalty)

        def losses():
            if parameters is not trained:
                parameters.trained[...] = trained.trained
            if bound is not None:
                sampler.restart()
            return sample_losses(objective, np.random.default_rng(seed))

        return losses

    def epochs(self, state, objective, averaged=True):
        """Return the generator of epochs; it continues from the state's optimizer memory.

        With `averaged=False`, for `partial_fit`, "cosine" means "constant".
        """
        solver, loader = self.options.solver, objective.loader
        optimizer = solver.optimizer.for_shapes(state.parameters.shapes)
        state.optimizer.pop("pairs", None)  # of L-BFGS
        fresh = optimizer.init(state.parameters.trained)
        if not fresh.keys() <= state.optimizer.keys():
            state.optimizer |= fresh
        schedule, power_t = solver.schedule.name, solver.schedule.power_t
        if averaged:
            state.start_average(solver.averaging)
        elif schedule == "cosine":
            schedule = "constant"
        n_steps = solver.max_iter * math.ceil(len(loader.rows) / loader.batch_size)
        rate = partial(SCHEDULES[schedule], solver.learning_rate_init, power_t, n_steps)
        if schedule == "cosine":  # each warm start begins it anew
            rate = partial(_rate_since, rate, state.n_steps_before)
        if solver.schedule.n_warm_up_steps:
            rate = partial(warmed_up, rate, solver.schedule.n_warm_up_steps)
        shuffle = solver.shuffle and loader.batch_size < len(loader.rows)
        rng = np.random.default_rng([self.options.seeds.samples, state.optimizer["steps"]])
        decay = self.decay(state.model.network, objective.plan.fixed_encoder)
        step = Step(objective, optimizer, state.optimizer, decay)
        return epochs(objective, step, rate, shuffle, rng)
