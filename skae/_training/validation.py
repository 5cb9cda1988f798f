"""Training with validation samples: held out once, or in each fold of a cross-validation."""

from dataclasses import dataclass

import numpy as np

from skae._network.nested import validated_sizes_by_decoder
from skae._network.network import hidden_activation
from skae._training.batches import TrainingRows
from skae._training.early_stopping import DecoderEpochSelector, EpochSelector, Patience
from skae._training.finish import begin_phase
from skae._training.objective import DivergedError
from skae._training.options import BOUNDED_ACTIVATION, PLAIN_ACTIVATION
from skae._training.run import report, run_epochs, warn_diverged, warn_unfinished
from skae._training.state import TrainingState, start_state

N_ERRORS, N_ERRORS_OF_FOLDS = 1.0, 2.5  # standard errors that a gain must exceed


@dataclass(frozen=True)
class Member:
    """A state, the samples that it is trained on, and its validation samples.

    In cross-validation `mask` marks the latter among all samples.
    """

    state: TrainingState
    rows: TrainingRows
    validation: TrainingRows
    mask: np.ndarray | None = None


def select_epochs(run, losses, weights, n_errors):
    """Return an EpochSelector, or a DecoderEpochSelector if only the decoders are trained."""
    if run.state.fixed_encoder:
        columns = validated_sizes_by_decoder(run.state.model.network)
        return DecoderEpochSelector(losses, weights, n_errors, columns)
    return EpochSelector(losses, weights, n_errors)


def hold_out(run, validation, fold=None):
    """Train on `run.trained_rows`; keep the epoch that validation samples select."""
    members = [Member(run.state, run.trained_rows, validation)]
    weights = validation.weights[validation.index]
    run.validation_pairs = [(run.state, validation)]
    while run.n_left > 0:
        begin_phase(run, "training", run.n_left, run.state, fold)
        selector = _train_validated(run, members, weights, N_ERRORS)
        if not _restart_unless_improved(run, members, selector):
            return


def cross_validate(run):
    """Train a state without each fold, all in turn; return the selector of the epochs."""
    folds, members, state = run.folds, [], run.state
    n_components = state.model.network.n_components
    for k in range(folds.max() + 1):
        mask = folds == k
        rows = run.rows.part(~mask)
        fold_state = start_state(rows, run.options, n_components=n_components)
        fold_state.decoder_weights = state.decoder_weights
        if state.fixed_encoder:
            fold_state.fixed_encoder = True
            fold_state.restart(activation_with_fixed_encoder(run))
        members.append(Member(fold_state, rows, run.rows.part(mask), mask))
    begin_phase(run, "cross-validation", run.n_left, members[0].state, fold=0)
    run.validation_pairs = [(member.state, member.validation) for member in members]
    while True:
        selector = _train_validated(run, members, run.rows.weights, N_ERRORS_OF_FOLDS)
        if not _restart_unless_improved(run, members, selector):
            return selector


def refit(run, selector):
    """Train on all samples for as many epochs as cross-validation has selected.

    If only the decoders are trained, each has its own number of epochs. Parameters with a greater
    loss on all samples than the start are not kept: a sample far from all others can spoil the
    first epochs here even if it did not in the folds.
    """
    if not selector.epoch:
        return
    state, history = run.state, run.history

    def losses():
        return run.trainer.validation_losses(state, run.rows)()

    check = select_epochs(run, losses(), run.rows.weights, n_errors=0)
    start = state.best.flat.copy()

    def keep_decoders(loss, epoch):
        due = [k for k, selected in zip(selector.parts, selector.epochs) if selected == epoch]
        losses_now = losses() if due else None
        for decoder in due:
            if check.select_part_if_better(decoder, losses_now, epoch):
                state.keep(decoder)
                history.best_iter = history.n_before + epoch

    if state.fixed_encoder:
        train_for(run, selector.epoch, keep_decoders)
    elif train_for(run, selector.epoch):
        if check.select_if_better(losses(), selector.epoch):
            history.best_iter = history.n_before + selector.epoch
        else:
            state.best.flat[...] = start
            history.best_iter = 0


def train_for(run, n_epochs, monitor=None):
    """Train on all samples for n_epochs; return whether training did not diverge.

    Without a `monitor` the last epoch is kept.
    """

    def keep(loss, epoch):
        run.state.keep()
        run.history.best_iter = epoch

    if n_epochs == 0:
        return True
    begin_phase(run, "refit", n_epochs, run.state)
    try:
        run_epochs(run, [(run.state, run.rows)], n_epochs, monitor or keep)
    except DivergedError:
        if monitor is None:
            run.state.restore_previous_best()
        warn_diverged(run)
        return False
    return True


def _train_validated(run, members, weights, n_errors):
    """Train members until early stopping, or as long as epochs are left; return the selector."""
    history, solver = run.history, run.options.solver
    is_held_out = len(members) == 1
    if not solver.is_lbfgs:
        for member in members:
            member.state.start_average(solver.averaging)
    losses = _validation_losses(run, members)
    selector = select_epochs(run, losses(), weights, n_errors)
    patience = Patience(solver.tol, solver.n_iter_no_change)
    history.n_before = history.n_iter

    def monitor(loss, epoch):
        losses_now = losses()
        history.add(loss, selector.mean(losses_now))
        for part in selector.improved_parts(losses_now, epoch):
            for member in members if is_held_out or run.keeps_fold_models else ():
                member.state.keep(part)
        history.best_loss = selector.loss
        if is_held_out:
            history.best_iter = history.n_before + selector.epoch if selector.epoch else 0
        report(run)
        progress = selector.progress if is_held_out else selector.mean
        return patience.exhausted(progress(losses_now))

    try:
        pairs = [(member.state, member.rows) for member in members]
        warn_unfinished(run, run_epochs(run, pairs, run.n_left, monitor))
    except DivergedError:
        warn_diverged(run)
        run.is_over = True
    return selector


def _validation_losses(run, members):
    """Return a function that computes the validation losses of all members, in sample order."""
    functions = [run.trainer.validation_losses(m.state, m.validation) for m in members]
    if len(members) == 1:
        return functions[0]

    def losses():
        losses_of_members = [function() for function in functions]
        result = np.empty((len(run.rows), *losses_of_members[0].shape[1:]))
        for member, losses_of_member in zip(members, losses_of_members):
            result[member.mask] = losses_of_member
        return result

    return losses


def _restart_unless_improved(run, members, selector):
    """Restart in another way if no epoch was selected; return whether training restarts.

    With activation="auto" it restarts with a bounded activation: samples far from the others may be
    the reason, and bounded layers change less there. A nested network then restarts with the
    encoder fixed, so that decoders read PCA's codes. In cross-validation it does so at once, as
    bounded layers hardly ever helped there.
    """
    if selector.epoch or run.is_over or run.n_left <= 0:
        return False
    state = run.state
    if state.fixed_encoder or not run.builds_on_pca:
        return False
    network = run.options.network
    is_first = hidden_activation(state.model.spec) == network.first_activation()
    is_auto = network.activation == "auto" and is_first
    if is_auto and not (network.nested and run.is_cross_validated):
        fixed_encoder, activation = False, BOUNDED_ACTIVATION
    elif network.nested:
        fixed_encoder, activation = True, activation_with_fixed_encoder(run)
    else:
        return False
    others = [member.state for member in members if member.state is not state]
    for each in (state, *others):
        each.fixed_encoder = fixed_encoder
        each.restart(activation)
    return True


def activation_with_fixed_encoder(run):
    """Return the hidden activation for a fixed encoder, or None to leave it as it is."""
    return PLAIN_ACTIVATION if run.options.network.activation == "auto" else None
