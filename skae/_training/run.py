"""A training under way: the state that it changes, what it counts, and whom it tells."""

from dataclasses import dataclass, field, replace

import numpy as np

from skae._training.batches import TrainingRows
from skae._training.callbacks import NULL_TASKS
from skae._training.splitting import Dealing
from skae._training.state import Previous, TrainingState
from skae._training.trainer import Trainer, lbfgs

N_FOLDS = 5
MAX_CROSS_VALIDATED_ROWS, MAX_CROSS_VALIDATED_CELLS = 500, 200_000


@dataclass
class History:
    """Losses of the epochs so far, and which epoch is kept.

    `n_iter` counts the epochs of this call of fit, `n_before` those before its last restart.
    """

    loss_curve: list = field(default_factory=list)
    validation_loss_curve: list = field(default_factory=list)
    n_iter: int = 0
    n_before: int = 0
    best_iter: int = 0
    best_loss: float | None = None

    def add(self, loss, validation_loss=None):
        """Add the losses of an epoch."""
        self.n_iter += 1
        self.loss_curve.append(loss)
        if validation_loss is not None:
            self.validation_loss_curve.append(validation_loss)

    @property
    def n_epochs_kept(self):
        """Return how long the model that is kept was trained, before a warm start too."""
        n_earlier = len(self.loss_curve) - self.n_iter
        return n_earlier + max(self.best_iter - self.n_before, 0)

    def copy(self):
        """Return a history that later epochs are not added to."""
        curves = self.loss_curve.copy(), self.validation_loss_curve.copy()
        return replace(self, loss_curve=curves[0], validation_loss_curve=curves[1])


@dataclass
class Run:
    """One training: a trainer and samples, the state that changes, and its history.

    Training goes on from a `previous` fit, if there is one. `learned` are the samples that the
    state is trained on, and `validators` pairs of a state and the samples that judge it, held
    out where there are such. With `judges_sizes` the models of cross-validation are kept for
    that. `tasks` are told of phases, and the `phase` of its epochs. A run that is over is not
    restarted in another way.
    """

    trainer: Trainer
    rows: TrainingRows
    state: TrainingState
    previous: Previous | None = None
    judges_sizes: bool = False
    history: History = field(default_factory=History)
    tasks: object = NULL_TASKS
    phase: object = NULL_TASKS
    learned: TrainingRows | None = None
    validators: list = field(default_factory=list)
    is_over: bool = False
    interrupted: bool = False

    def __post_init__(self):
        self.learned = self.rows
        self.validators = [(self.state, self.rows)]

    @property
    def resumed(self):
        return self.previous is not None

    @property
    def options(self):
        return self.trainer.options

    @property
    def builds_on_pca(self):
        return self.state.model.network.linear_path and not self.resumed

    @property
    def is_cross_validated(self):
        """Return whether the samples are few enough to choose the epoch by cross-validation."""
        is_small = N_FOLDS <= len(self.rows) <= MAX_CROSS_VALIDATED_ROWS
        is_small = is_small and self.rows.X.size <= MAX_CROSS_VALIDATED_CELLS
        return is_small and not self.resumed and not self.options.solver.is_lbfgs

    @property
    def dealing(self):
        """Return how samples are dealt to folds, the first of which is the held-out one."""
        n_folds = max(round(1 / self.options.validation_fraction), 2)
        n_folds = N_FOLDS if self.is_cross_validated else n_folds
        return Dealing(n_folds, self.options.seeds.split)

    @property
    def n_left(self):
        """Return how many epochs are left."""
        return self.options.solver.max_iter - self.history.n_iter


def report(run):
    """Print the losses of the last epoch at `verbose`."""
    if run.options.verbose:
        history = run.history
        text = f"Iteration {len(history.loss_curve)}, loss = {history.loss_curve[-1]:.6g}"
        if history.validation_loss_curve:
            text += f", validation loss = {history.validation_loss_curve[-1]:.6g}"
        print(text)


def warn_diverged(run):
    """Warn that training diverged."""
    rate = run.options.solver.learning_rate_init
    run.trainer.warn(
        f"Training diverged in iteration {len(run.history.loss_curve) + 1}; the model before it "
        f"is kept. Lower learning_rate_init (now {rate})."
    )


def run_epochs(run, members, n_epochs, judge):
    """Train members side by side until `judge` says stop or n_epochs are over.

    `members` are pairs of a state and its samples. `judge(loss)` is called after each epoch
    with their mean loss; it takes care of what is kept. Raise DivergedError as `epochs` does.
    Return the name of the limit that stopped L-BFGS, if one did.
    """
    phase, n_done = run.phase, 0
    phase.begin_epoch()

    def after_epoch(loss):
        nonlocal n_done
        n_done += 1
        stop = judge(loss)
        run.is_over = phase.end_epoch()
        stop = run.is_over or stop
        if not stop and n_done < n_epochs:
            phase.begin_epoch()
        return stop

    if run.options.solver.is_lbfgs:
        return _run_lbfgs(run, *members[0], n_epochs, after_epoch)
    objectives = [run.trainer.objective(state, rows) for state, rows in members]
    passes = [run.trainer.epochs(state, o) for (state, _), o in zip(members, objectives)]
    for losses in zip(*passes):
        if after_epoch(sum(losses) / len(losses)) or n_done >= n_epochs:
            break
    for objective in objectives:
        objective.check_last()
    return None


def _run_lbfgs(run, state, rows, max_iter, after_iteration):
    objective = run.trainer.objective(state, rows)
    rng = np.random.default_rng(run.options.seeds.samples)
    objective.loader.fill(np.arange(len(rows)), rng)
    decay = run.trainer.decay(state.model.network)
    return lbfgs(objective, decay, max_iter, run.options.solver.max_fun, after_iteration)


def warn_unfinished(run, name):
    """Warn if L-BFGS was stopped by the parameter of this name, None for none."""
    if name is not None:
        solver = run.options.solver
        run.trainer.warn(
            f"L-BFGS stopped at {name}={getattr(solver, name)} before it had converged: "
            f"raise {name}, or tol (now {solver.tol})."
        )
