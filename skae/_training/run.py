"""A run of training: its state, its history, and the loop over epochs."""

from dataclasses import dataclass, field, replace

import numpy as np

from skae._training.batches import TrainingRows
from skae._training.callbacks import NULL_TASKS
from skae._training.ending import ASKED, CONVERGED, DIVERGED, LIMITS
from skae._training.gain import Gain
from skae._training.splitting import splits_of_folds
from skae._training.state import Previous, TrainingState
from skae._training.trainer import Trainer, lbfgs

N_FOLDS = 5
MAX_CROSS_VALIDATED_ROWS, MAX_CROSS_VALIDATED_CELLS = 500, 200_000
MAX_HALVED_ROWS, MAX_HALVED_NUMBERS = 20_000, 2**21  # the latter for detectors


@dataclass
class History:
    """The losses of all epochs, and the epoch that is kept.

    `n_iter` counts the epochs of this call of fit, `n_before` those before its last restart. The
    loss curves include epochs before a warm start. `record` says how the epoch was selected and why
    training ended: see `report`.
    """

    loss_curve: list = field(default_factory=list)
    validation_loss_curve: list = field(default_factory=list)
    n_iter: int = 0
    n_before: int = 0
    best_iter: int = 0
    best_loss: float | None = None
    gain: Gain = field(default_factory=Gain)
    record: dict = field(default_factory=lambda: {"way": "plain", "ending": "tol"})

    def add(self, loss, validation_loss=None):
        self.n_iter += 1
        self.loss_curve.append(loss)
        if validation_loss is not None:
            self.validation_loss_curve.append(validation_loss)

    @property
    def n_epochs_kept(self):
        n_earlier = len(self.loss_curve) - self.n_iter
        return n_earlier + max(self.best_iter - self.n_before, 0)

    @property
    def latest_losses(self):
        n_latest = self.n_iter - self.n_before
        return (self.validation_loss_curve or self.loss_curve)[-n_latest:] if n_latest else []

    def fitted_attributes(self):
        return {
            "n_iter_": self.n_iter,
            "best_iter_": self.best_iter,
            "loss_curve_": self.loss_curve,
            "validation_loss_curve_": self.validation_loss_curve,
            "loss_": self.loss_curve[-1] if self.loss_curve else None,
            "best_loss_": self.best_loss,
            "gain_over_pca_": self.gain.value,
            "gain_over_pca_bound_": self.gain.lower_bound,
        }

    def copy(self):
        curves = self.loss_curve.copy(), self.validation_loss_curve.copy()
        record = self.record.copy()
        return replace(self, loss_curve=curves[0], validation_loss_curve=curves[1], record=record)


@dataclass
class Run:
    """One training: the trainer, all samples, the state, and the history.

    With a `previous` fit, training resumes from it. `trained_rows` are the samples that the state
    is trained on. `validation_pairs` are pairs of a state and the samples to measure its errors on,
    held-out ones if there are any. With `keeps_fold_models` the states of cross-validation keep
    their best parameters for that. `tasks` and their present `phase` report to callbacks. A run
    that is over is not restarted.
    """

    trainer: Trainer
    rows: TrainingRows
    state: TrainingState
    previous: Previous | None = None
    keeps_fold_models: bool = False
    history: History = field(default_factory=History)
    tasks: object = NULL_TASKS
    phase: object = NULL_TASKS
    trained_rows: TrainingRows | None = None
    validation_pairs: list = field(default_factory=list)
    is_over: bool = False
    interrupted: bool = False

    def __post_init__(self):
        self.trained_rows = self.rows
        self.validation_pairs = [(self.state, self.rows)]

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
    def measures_gain(self):
        """Return whether the gain over PCA is a share of its loss: a bound has no zero."""
        return self.builds_on_pca and self.options.bound is None

    @property
    def is_cross_validated(self):
        """Return whether the epoch is selected by cross-validation.

        That is so if the user gave several splits, or no splits and few samples.
        """
        if self.rows.splits:
            can_validate = not (self.resumed or self.options.solver.is_lbfgs)
            return can_validate and len(self.rows.splits) > 1
        is_small = N_FOLDS <= len(self.rows) <= MAX_CROSS_VALIDATED_ROWS
        is_small = is_small and self.rows.X.size <= MAX_CROSS_VALIDATED_CELLS
        return is_small and not self.resumed and not self.options.solver.is_lbfgs

    @property
    def folds(self):
        n_folds = max(round(1 / self.options.validation_fraction), 2)
        return self.rows.splitter.folds(N_FOLDS if self.is_cross_validated else n_folds)

    @property
    def splits(self):
        """Return pairs of boolean arrays: the rows that a model is trained on, and those held out.

        Without cross-validation there is one pair: the last that the user gave, or the first fold.
        """
        if self.rows.splits:
            return self.rows.splits if self.is_cross_validated else self.rows.splits[-1:]
        splits = splits_of_folds(self.folds)
        return splits if self.is_cross_validated else splits[:1]

    @property
    def may_train_halves(self):
        """Return whether a hold-out in doubt may be followed by two-fold cross-validation."""
        if self.resumed or self.options.solver.is_lbfgs or len(self.rows) > MAX_HALVED_ROWS:
            return False
        n_numbers = len(self.rows) * self.rows.X.shape[1]
        if self.options.network.is_detector and n_numbers > MAX_HALVED_NUMBERS:
            return False  # its density makes up for what the network leaves
        splitter = self.rows.splitter
        return splitter is not None and splitter.n_groups > 1 and not self.rows.splits

    def marks_given(self, mask):
        return lambda: mask[self.rows.member]

    @property
    def n_left(self):
        return self.options.solver.max_iter - self.history.n_iter


def report(run):
    if run.options.verbose:
        history = run.history
        text = f"Epoch {len(history.loss_curve)}, loss = {history.loss_curve[-1]:.6g}"
        if history.validation_loss_curve:
            text += f", validation loss = {history.validation_loss_curve[-1]:.6g}"
        print(text)


def announce(run, text):
    if run.options.verbose:
        print(text)


def warn_diverged(run, error):
    text = f"in epoch {len(run.history.loss_curve) + 1}: {error}"
    run.history.record |= {"ending": DIVERGED, "divergence": text}
    rate = run.options.solver.learning_rate_init
    run.trainer.warn(
        f"Training diverged {text}. The model before it is kept. Lower learning_rate_init (now "
        f"{rate:g})."
    )


def run_epochs(run, pairs, n_epochs, monitor):
    """Train states, epoch by epoch in turn, for n_epochs or until `monitor` returns a reason.

    `pairs` are pairs of a state and its training samples. `monitor(loss, epoch)` is called after
    each epoch with their mean loss; it also keeps the best parameters. Return the reason for the
    end: that of `monitor`, one of `ending`, or the name of the parameter that limits training.
    """
    phase, n_done, reason = run.phase, 0, None
    phase.begin_epoch()

    def after_epoch(loss):
        nonlocal n_done, reason
        n_done += 1
        reason = monitor(loss, n_done)
        run.is_over = phase.end_epoch()
        if run.is_over:
            reason = ASKED
        if not reason and n_done < n_epochs:
            phase.begin_epoch()
        return reason

    if run.options.solver.is_lbfgs:
        limit = _run_lbfgs(run, *pairs[0], n_epochs, after_epoch)
        return reason or limit or CONVERGED
    objectives = [run.trainer.objective(state, rows) for state, rows in pairs]
    passes = [run.trainer.epochs(state, o) for (state, _), o in zip(pairs, objectives)]
    for losses in zip(*passes):
        if after_epoch(sum(losses) / len(losses)) or n_done >= n_epochs:
            break
    for objective in objectives:
        objective.check_last()
    for state, _ in pairs:
        state.is_unfinished = not reason
    return reason or "max_iter"


def _run_lbfgs(run, state, rows, max_iter, after_iteration):
    objective = run.trainer.objective(state, rows)
    rng = np.random.default_rng(run.options.seeds.samples)
    objective.loader.fill(np.arange(len(rows)), rng)
    decay = run.trainer.decay(state.model.network)
    limits = max_iter, run.options.solver.max_fun
    pairs = list(state.optimizer.get("pairs", ())) if run.options.warm_start else None
    name = lbfgs(objective, decay, limits, after_iteration, pairs)
    state.is_unfinished = name is not None
    if pairs:
        state.optimizer["pairs"] = np.array(pairs)
    return name


def report_end(run, reason):
    """Record why training ended; warn if a limit stopped L-BFGS.

    `reason` is what `run_epochs` returns.
    """
    solver = run.options.solver
    run.history.record["ending"] = reason
    if reason in LIMITS and solver.is_lbfgs:
        run.trainer.warn(
            f"L-BFGS stopped at {reason}={getattr(solver, reason)} before it had converged: "
            f"raise {reason}, or tol (now {solver.tol})."
        )
