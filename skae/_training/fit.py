"""Fit: train a model on prepared samples by the procedure that the options ask for."""

from dataclasses import replace
from functools import partial

import numpy as np

from skae._network import nested
from skae._parametrized import warn
from skae._sampling import evenly_spaced
from skae._training import component_search
from skae._training.batches import validation_rows
from skae._training.callbacks import NULL_TASKS
from skae._training.code_scale import start_variances
from skae._training.early_stopping import Patience
from skae._training.ending import DIVERGED
from skae._training.finish import begin_phase, end, end_pass
from skae._training.objective import DivergedError
from skae._training.report import has_risen, rate_warning, unfinished_warning
from skae._training.restart import restarted_state, should_restart
from skae._training.run import (
    History,
    Run,
    announce,
    report,
    report_end,
    run_epochs,
    warn_diverged,
)
from skae._training.state import resumed_state, start_state
from skae._training.trainer import VALIDATION_BATCH_ROWS
from skae._training.validation import (
    activation_with_fixed_encoder,
    hold_out,
    train_folds,
    train_for,
)

# ---------------------------------------------------------------- entry points


def fit(trainer, rows, X_val=None, previous=None, tasks=NULL_TASKS):
    """Train until early stopping or `max_iter`; return the FitResult.

    Training resumes from a `previous` fit, if given. `X_val` is an array, or TrainingRows if cells
    are missing. If a share of the variance is asked for, models of several sizes are trained and
    the smallest that explains it is returned.
    """
    run = _start(trainer, rows, previous, X_val)
    searches = _searches_components(run, X_val)
    n_phases, n_restarts = _count_phases(run, X_val)
    tasks.begin(n_phases + searches, n_restarts)
    if searches:
        result = component_search.search(run, partial(_run_size, run, X_val), tasks)
    else:
        result = _train_to_end(run, X_val, tasks)
    history = result.history
    message = history.record.get("high_rate")
    # The number of epochs of a detector is chosen by the outliers that it finds.
    if history.best_iter and not trainer.options.network.is_detector:
        message = unfinished_warning(history.record, history.latest_losses, trainer.options.solver)
    if message is not None:
        trainer.warn(message)
    return result


def fit_epochs(trainer, rows, n_epochs, n_components, tasks=NULL_TASKS):
    """Train on all samples for n_epochs; return the FitResult, the code unordered."""
    run = _start(trainer, rows, n_components=n_components)
    run.tasks = tasks
    with np.errstate(over="ignore", invalid="ignore"):
        train_for(run, n_epochs)
    return end(run, in_order=False)


def partial_fit(trainer, rows, previous=None, change=None):
    """Train one pass over the samples, from a new start or after a `previous` pass.

    `change` tells whether a new start is due after a previous pass, or may be better: see `Change`.
    """
    run = _start(trainer, rows, previous and previous.forget_training())
    if run.resumed and change is not None and should_restart(run, change):
        announce(run, "Training starts anew from PCA of all samples of earlier calls.")
        run.state, variances = restarted_state(run, change), None
        if not change.is_shifted:
            variances, run.state.optimizer["code_mean"] = start_variances(
                run.state.model, change.earlier
            )
        run.previous = replace(run.previous, explained_variance=variances)
        if run.state.model.network.nested:
            _weigh_decoders(run, None)
    state, history = run.state, run.history
    history.record["way"] = "passes"
    start = state.parameters.flat.copy()
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            objective = trainer.objective(state, rows)
            loss = next(trainer.epochs(state, objective, averaged=False))
            objective.check_last()
        history.loss_curve.append(loss)
        report(run)
    except DivergedError as error:
        state.parameters.flat[...] = start
        state.forget_steps()
        warn_diverged(run, error)
    history.n_iter = history.best_iter = len(history.loss_curve)
    history.best_loss = min(history.loss_curve, default=None)
    return end_pass(run)


# ---------------------------------------------------------------- the start


def _start(trainer, rows, previous=None, X_val=None, n_components=None):
    if previous is None:
        state = start_state(rows, trainer.options, trainer.run_jobs, n_components)
    else:
        state = resumed_state(previous, trainer.options, rows.target)
    is_nested = state.model.network.nested
    run = Run(trainer, rows, state, previous, keeps_fold_models=is_nested)
    if run.resumed:
        curves = list(previous.loss_curve), list(previous.validation_loss_curve)
        run.history = History(*curves)
    elif is_nested:
        _weigh_decoders(run, X_val)
    return run


def _weigh_decoders(run, X_val):
    state, rows = run.state, run.rows
    mask = np.zeros(len(rows), bool)
    mask[evenly_spaced(len(rows), VALIDATION_BATCH_ROWS)] = True
    n_decoders = len(state.model.network.decoder_sizes)
    losses = run.trainer.validation_losses(state, rows.part(mask))()[:, :n_decoders]
    weights = rows.weights[mask]
    losses = np.abs(weights / weights.sum() @ losses)
    state.decoder_weights = nested.decoder_weights(losses)
    validates = X_val is not None or run.options.early_stopping
    if validates and run.builds_on_pca:
        state.fixed_encoder = bool(losses.min() < nested.MIN_RELATIVE_LOSS * losses.max())
        if state.fixed_encoder:
            state.restart(activation_with_fixed_encoder(run))


def _searches_components(run, X_val):
    options, network = run.options, run.state.model.network
    validates = X_val is not None or options.early_stopping
    can_compare = validates and options.solver.max_iter > 0 and network.n_components > 1
    is_asked = options.network.is_share and not run.resumed and options.searches_components
    return is_asked and can_compare and not network.nested


def _count_phases(run, X_val):
    """Return how many phases there can be, and how often the first of them may be repeated.

    They are cross-validation and refit, or training, after which both may follow if held-out
    samples leave the result in doubt.
    """
    network = run.options.network
    if X_val is None and not run.options.validates:
        return 1, 0
    if X_val is None and run.is_cross_validated:
        return 2, 0
    n_restarts = run.builds_on_pca * ((network.activation == "auto") + network.nested)
    return 3 if X_val is None and run.may_train_halves else 1, n_restarts


# ---------------------------------------------------------------- training


def _run_size(run, X_val, n_components, tasks):
    state = start_state(run.rows, run.options, run.trainer.run_jobs, n_components)
    other = Run(run.trainer, run.rows, state, keeps_fold_models=True)
    return _train_to_end(other, X_val, tasks)


def _train_to_end(run, X_val, tasks):
    run.tasks = tasks
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            _train(run, X_val)
    except KeyboardInterrupt:
        run.interrupted = True
        run.history.record["ending"] = "interrupted"
        warn("Training interrupted by user: the best model so far is kept.")
    _record_high_rate(run)
    return end(run)


def _record_high_rate(run):
    """Record that the loss rose far above that of the start, which is kept.

    The losses are compared on the same samples: one that is far from the others changes any mean.
    """
    history, rows, solver = run.history, run.rows, run.options.solver
    n_latest = len(history.latest_losses)
    has_other_reason = history.record["ending"] == DIVERGED or solver.is_lbfgs or run.resumed
    is_comparable = not (run.state.model.network.nested or run.options.bound is not None)
    if history.best_iter or not n_latest or has_other_reason or not is_comparable:
        return
    highest = max(history.loss_curve[-n_latest:])
    if has_risen(history.best_loss, highest):
        losses = run.trainer.validation_losses(run.state, rows, of_best=True)()
        start = float(rows.weights @ losses / rows.weights.sum())
        if has_risen(start, highest):
            history.record["high_rate"] = rate_warning(start, highest, solver)


def _train(run, X_val):
    if run.options.solver.max_iter == 0:
        return
    if X_val is not None:
        hold_out(run, validation_rows(X_val, run.rows.corruption, run.options.seeds.split))
    elif not run.options.early_stopping:
        _train_plain(run)
    elif run.is_cross_validated:
        train_folds(run, run.splits)
    else:
        [(trained, held_out)] = run.splits
        if trained.any():  # otherwise all samples are equal and the start is the best model
            run.trained_rows = run.rows.part(trained)
            hold_out(run, run.rows.part(held_out), run.marks_given(~trained))


def _train_plain(run):
    state, history, solver = run.state, run.history, run.options.solver
    patience = Patience(solver.tol, solver.n_iter_no_change)

    def monitor(loss, epoch):
        history.add(loss)
        state.keep()
        history.best_iter = history.n_iter
        report(run)
        history.best_loss = loss if history.best_loss is None else min(loss, history.best_loss)
        return patience.exhausted(loss)

    begin_phase(run, "training", run.n_left, state)
    try:
        report_end(run, run_epochs(run, [(state, run.rows)], run.n_left, monitor))
    except DivergedError as error:
        state.restore_previous_best()
        warn_diverged(run, error)
