"""What training is made of: from an estimator's parameters to objective, optimizer and epochs."""

from dataclasses import dataclass
from functools import partial
import math

import numpy as np

from skae._network.nested import N_READINGS, N_READINGS_ALONE, SizeDraws, share_read
from skae._training.batches import Feed
from skae._training.loop import SCHEDULES, Step, epochs
from skae._training.objective import Objective, row_losses
from skae.optimizers import OPTIMIZERS
from skae.penalties import PENALTIES

EVALUATION_ROWS = 512


@dataclass(frozen=True)
class Recipe:
    """Makes the parts of a training, for any model and rows, by an estimator's parameters.

    `run_jobs` does the jobs that parts of a batch are.
    """

    estimator: object
    run_jobs: object
    seed_rows: int
    seed_split: int
    total_weight: float

    def n_readings(self, fixed_encoder=False):
        """How many decoders of a nested network read each row."""
        if self.estimator.solver == "lbfgs":
            return math.inf
        return N_READINGS_ALONE if fixed_encoder else N_READINGS

    def decay(self, network, fixed_encoder=False):
        """Apart from the gradient alpha itself; as a penalty it is shared among the rows.

        Decoders that read a part of the rows learn so much less in a step, and lose as much less.
        """
        share = share_read(len(network.decoder_sizes), self.n_readings(fixed_encoder))
        alpha = self.estimator.alpha * share
        return alpha if self.estimator.solver in ("adam", "shampoo") else alpha / self.total_weight

    def objective(self, model, rows, fixed_encoder=False, batch_size=None):
        """The mean loss of a batch, with its gradient."""
        estimator = self.estimator
        if batch_size is None:
            batch_size = 200 if estimator.batch_size == "auto" else int(estimator.batch_size)
        network, draws = model.network, None
        if network.nested:
            rng = np.random.default_rng([self.seed_rows, model.state["steps"], 1])
            draws = SizeDraws(network.decoder_sizes, rng)
        feed = Feed(rows, model.scaling, model.target_scaling, batch_size, draws)
        return Objective(
            network,
            model.parameters,
            feed,
            self._penalty(),
            run_jobs=self.run_jobs,
            decoder_weights=model.decoder_weights,
            n_readings=self.n_readings(fixed_encoder),
            fixed_encoder=fixed_encoder,
        )

    def watch(self, model, rows):
        """Return a function that gives the loss of each row, at the parameters to be kept."""
        parameters = model.averaged or model.parameters
        feed = Feed(rows, model.scaling, model.target_scaling, EVALUATION_ROWS)
        objective = Objective(model.network, parameters, feed, self._penalty(), backward=False)
        return lambda: row_losses(objective, np.random.default_rng(self.seed_split))

    def epochs(self, model, objective, averaged=True):
        """Return the generator of epochs, with the optimizer's state that the model has."""
        estimator, feed = self.estimator, objective.feed
        optimizer = self._optimizer(model)
        fresh = optimizer.init(model.parameters.trained)
        if not fresh.keys() <= model.state.keys():
            model.state |= fresh
        schedule = estimator.learning_rate
        if averaged:
            model.start_average(estimator.averaging)
        elif schedule == "cosine":
            schedule = "constant"
        n_steps = estimator.max_iter * math.ceil(len(feed.rows) / feed.batch_size)
        rate = partial(
            SCHEDULES[schedule], estimator.learning_rate_init, estimator.power_t, n_steps
        )
        shuffle = estimator.shuffle and feed.batch_size < len(feed.rows)
        rng = np.random.default_rng([self.seed_rows, model.state["steps"]])
        decay = self.decay(model.network, objective.fixed_encoder)
        step = Step(objective, optimizer, model.state, decay)
        return epochs(objective, step, rate, shuffle, rng)

    def _penalty(self):
        estimator = self.estimator
        if estimator.sparsity is None:
            return None
        options = {"weight": float(estimator.sparsity_weight)}
        if estimator.sparsity == "kl":
            options["target"] = float(estimator.sparsity_target)
        return PENALTIES[estimator.sparsity](**options)

    def _optimizer(self, model):
        estimator = self.estimator
        if estimator.solver == "sgd":
            return OPTIMIZERS["sgd"](estimator.momentum, estimator.nesterovs_momentum)
        options = (estimator.beta_1, estimator.beta_2, estimator.epsilon)
        return OPTIMIZERS[estimator.solver](*options).for_shapes(model.parameters.shapes)
