"""Training with validation samples: held out once, or in each fold of a cross-validation."""

from dataclasses import dataclass, replace

import numpy as np

from skae._network.nested import validated_sizes, validated_sizes_by_decoder
from skae._network.network import hidden_activation
from skae._training import ending
from skae._training.batches import TrainingRows
from skae._training.early_stopping import DecoderEpochSelector, EpochSelector, Patience
from skae._training.finish import begin_phase
from skae._training.gain import Gain, loss_ratio, measure_gain
from skae._training.normality import are_normal
from skae._training.objective import DivergedError
from skae._training.options import BOUNDED_ACTIVATION, PLAIN_ACTIVATION
from skae._training.run import History, announce, report, report_end, run_epochs, warn_diverged
from skae._training.splitting import splits_of_folds
from skae._training.state import TrainingState, start_state
from skae.losses import SquaredError

# Standard errors that a gain must exceed: on held-out samples and over halves, over five folds, and
# on held-out samples if only decoders are trained, or if training resumes.
N_ERRORS, N_ERRORS_OF_FOLDS, N_ERRORS_OF_DECODERS = 2.25, 2.5, 1.0
N_HALVES = 2
MIN_ROUNDED_LOSS = 1e-6  # of scaled samples, for training in single precision
FEW_GROUPS = 30  # of noisy samples: with fewer, the lower bound of the gain must be positive
MIN_EVIDENCE = 1.0  # standard errors of the best mean gain, for halves to be worth a training
N_TRIAL_EPOCHS = 3  # in which samples that look normally distributed must show a gain


@dataclass(frozen=True)
class Member:
    """A state, the samples that it is trained on, and its validation samples.

    In cross-validation `mask` marks the latter among all samples.
    """

    state: TrainingState
    rows: TrainingRows
    validation: TrainingRows
    mask: np.ndarray | None = None


def select_epochs(run, losses, weights, n_errors, groups=None):
    if run.state.fixed_encoder:
        columns = validated_sizes_by_decoder(run.state.model.network)
        return DecoderEpochSelector(losses, weights, n_errors, columns, groups)
    return EpochSelector(losses, weights, n_errors, groups)


def hold_out(run, validation, excluded=None):
    """Train on `run.trained_rows`; keep the epoch that validation samples select.

    `excluded()` marks the given samples that are held out; it is None if X_val was given. If few
    held-out samples leave in doubt whether any epoch is better than the start, halves of all
    samples decide: see `_train_halves`.
    """
    members = [Member(run.state, run.trained_rows, validation)]
    if _may_round(run, members):
        members = [replace(members[0], state=run.state.cast(np.float32))]
    trained = members[0].state
    way = "validation set" if excluded is None else "held-out"
    run.history.record |= {"way": way, "n_validation": len(validation)}
    while run.n_left > 0:
        run.validation_pairs = [(run.state, validation)]
        begin_phase(run, "training", run.n_left, trained, excluded)
        n_errors = N_ERRORS
        if run.state.fixed_encoder or run.resumed:
            n_errors = N_ERRORS_OF_DECODERS
        try:
            selector = _train_validated(run, members, n_errors)
        finally:
            run.state.optimizer["steps"] = trained.optimizer["steps"]
            if run.history.best_iter and trained is not run.state:
                run.state.adopt(trained)
        if excluded is not None and _is_doubtful(run, selector):
            _train_halves(run)
            return
        if not _restart_unless_improved(run, members, selector):
            return


def _may_round(run, members):
    """Return whether members are trained in float32 where X is float64.

    An epoch then takes little more than half the time. PCA must leave errors that are large beside
    rounding errors. What warm starts continue from, and L-BFGS, keep the dtype of X.
    """
    options = run.options
    may_continue = run.resumed or (options.warm_start and len(members) == 1)
    if may_continue or options.solver.is_lbfgs:
        return False
    is_double = run.state.parameters.flat.dtype == np.float64
    return is_double and bool(np.mean(_validation_losses(run, members)()) > MIN_ROUNDED_LOSS)


def train_folds(run, splits, n_errors=N_ERRORS_OF_FOLDS):
    """Select the epoch by cross-validation, then train on all samples; return whether it is kept.

    `splits` are pairs of boolean arrays: the samples to train on, and the validation samples.
    """
    history = run.history
    held_out = run.marks_given(np.any([held_out for _, held_out in splits], axis=0))()
    n_validation = int(held_out.sum())
    history.record |= {"way": "folds", "n_folds": len(splits), "n_validation": n_validation}
    selector = cross_validate(run, splits, n_errors)
    history.gain = Gain()
    ratio = 1.0
    if selector.epoch and run.measures_gain:
        ratio = _start_ratio(run, selector, splits)
    if not _is_uncertain(run, measure_gain(selector, _sizes(run), ratio)):
        refit(run, selector)
    if run.measures_gain:
        history.gain = Gain.of_start(_sizes(run))
        if history.best_iter:
            history.gain = measure_gain(selector, _sizes(run), ratio)
    return history.best_iter > 0


def _is_uncertain(run, gain):
    """Return whether few noisy samples leave in doubt that new ones gain.

    Their noise is drawn too seldom for standard errors to be relied on.
    """
    is_few = run.rows.splitter is not None and run.rows.splitter.n_groups < FEW_GROUPS
    return run.rows.is_noisy and run.measures_gain and is_few and not gain.is_certain


def cross_validate(run, splits, n_errors=N_ERRORS_OF_FOLDS):
    members, state = [], run.state
    n_components = state.model.network.n_components
    activation = hidden_activation(state.model.spec)
    for trained, held_out in splits:
        rows = run.rows.part(trained)
        fold_state = start_state(rows, run.options, n_components=n_components)
        fold_state.decoder_weights = state.decoder_weights
        if state.fixed_encoder:
            fold_state.fixed_encoder = True
            fold_state.restart(activation_with_fixed_encoder(run))
        elif activation != hidden_activation(fold_state.model.spec):
            fold_state.restart(activation)
        members.append(Member(fold_state, rows, run.rows.part(held_out), held_out))
    if _may_round(run, members):
        members = [replace(each, state=each.state.cast(np.float32)) for each in members]
    excluded = run.marks_given(~splits[0][0])
    begin_phase(run, "cross-validation", run.n_left, members[0].state, excluded)
    run.validation_pairs = [(member.state, member.validation) for member in members]
    while True:
        selector = _train_validated(run, members, n_errors)
        if not _restart_unless_improved(run, members, selector):
            return selector


def refit(run, selector):
    """Train on all samples for as many epochs as cross-validation has selected.

    If only the decoders are trained, each has its own number of epochs. Parameters with a greater
    loss on all samples than the start are not kept, and the selector forgets them: a sample far
    from all others can spoil the first epochs here even if it did not in the folds.
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
        for decoder, selected in zip(selector.parts, selector.epochs):
            if selected and not check.epochs[decoder]:
                selector.reject(decoder)
    elif train_for(run, selector.epoch):
        if check.select_if_better(losses(), selector.epoch):
            history.best_iter = history.n_before + selector.epoch
        else:
            state.best.flat[...] = start
            state.is_unfinished = False
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
    except DivergedError as error:
        if monitor is None:
            run.state.restore_previous_best()
        warn_diverged(run, error)
        return False
    return True


def _train_halves(run):
    """Select the epoch by two-fold cross-validation, then train on all samples.

    The history begins anew: the epochs before were a trial. If no epoch is kept, the held-out
    samples remain those of before.
    """
    announce(run, "The held-out samples leave the gain in doubt: training starts again on halves.")
    before, trial = (run.trained_rows, run.validation_pairs), run.history
    run.history = History(record=trial.record | {"n_trial": trial.n_iter})
    run.trained_rows = run.rows
    run.state.restart()
    if not train_folds(run, splits_of_folds(run.rows.splitter.folds(N_HALVES)), N_ERRORS):
        run.trained_rows, run.validation_pairs = before


def _is_doubtful(run, selector):
    if selector.epoch or run.is_over or run.state.fixed_encoder:
        return False
    return run.may_train_halves and selector.evidence > MIN_EVIDENCE


def _train_validated(run, members, n_errors):
    history, solver = run.history, run.options.solver
    is_held_out = len(members) == 1
    rows = members[0].validation
    if not is_held_out:
        rows = run.rows.part(count_validations(members) > 0)
    if not solver.is_lbfgs:
        for member in members:
            member.state.start_average(solver.averaging)
    losses = _validation_losses(run, members)
    start = _validation_losses(run, members, of_best=True)() if run.resumed else losses()
    selector = select_epochs(run, start, rows.arrays()[2], n_errors, rows.groups)
    patience = Patience(solver.tol, solver.n_iter_no_change)
    history.n_before = history.n_iter
    history.best_loss = selector.loss

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
        if epoch == N_TRIAL_EPOCHS and _has_nothing_to_learn(run, selector):
            return ending.NORMAL
        progress = selector.progress if is_held_out else selector.mean
        return patience.exhausted(progress(losses_now))

    try:
        if ending.is_exact(start, selector.shares, run.state.model):
            run.is_over, reason = True, ending.EXACT
        else:
            pairs = [(member.state, member.rows) for member in members]
            reason = run_epochs(run, pairs, run.n_left, monitor)
            run.is_over |= reason == ending.NORMAL
        report_end(run, reason)
    except DivergedError as error:
        warn_diverged(run, error)
        run.is_over = True
    finally:
        if is_held_out and run.measures_gain:
            history.gain = measure_gain(selector, _sizes(run))
    return selector


def _has_nothing_to_learn(run, selector):
    """Return whether PCA is optimal, no epoch contradicts, and patience may end training."""
    network, rows, solver = run.state.model.network, run.rows, run.options.solver
    is_optimal = isinstance(network.loss, SquaredError) and run.options.penalty is None
    is_optimal = is_optimal and network.latent_activation.is_identity and run.measures_gain
    is_optimal = is_optimal and solver.n_iter_no_change < solver.max_iter
    if not is_optimal or rows.is_noisy or rows.is_incomplete or run.state.fixed_encoder:
        return False
    X, _, weights = rows.arrays()
    if selector.evidence > MIN_EVIDENCE or np.ptp(weights) > 0:
        return False
    return are_normal(run.state.model.scaling.scaled(X), network.n_components)


def _sizes(run):
    network = run.state.model.network
    return validated_sizes(network) if network.nested else None


def _start_ratio(run, selector, splits):
    weights = run.rows.arrays()[2]
    losses = run.trainer.validation_losses(run.state, run.rows)()
    held_out, training = selector.shares @ selector.start, weights / weights.sum() @ losses
    share = 1 - 1 / len(splits)
    if run.rows.splits:
        share = np.mean([weights[trained].sum() for trained, _ in splits]) / weights.sum()
    pairs = zip(np.atleast_1d(held_out), np.atleast_1d(training))
    ratios = np.array([loss_ratio(*pair, share) for pair in pairs])
    return ratios if losses.ndim > 1 else float(ratios[0])


def _validation_losses(run, members, of_best=False):
    """Return a function that computes the validation losses of all members, in sample order.

    A sample has the mean of its losses by several members, and is omitted without any.
    """
    compute = run.trainer.validation_losses
    functions = [compute(member.state, member.validation, of_best) for member in members]
    if len(members) == 1:
        return functions[0]

    counts = count_validations(members)
    is_validated = counts > 0

    def losses():
        losses_of_members = [function() for function in functions]
        total = np.zeros((len(run.rows), *losses_of_members[0].shape[1:]))
        for member, losses_of_member in zip(members, losses_of_members):
            total[member.mask] += losses_of_member
        return total[is_validated] / counts[is_validated].reshape(-1, *[1] * (total.ndim - 1))

    return losses


def count_validations(members):
    return np.sum([member.mask for member in members], axis=0)


def _restart_unless_improved(run, members, selector):
    """Restart in another way if no epoch was selected; return whether training restarts.

    With activation="auto" it restarts with a bounded activation, which suffers less from samples
    far from the others. A nested network then restarts with the encoder fixed, so that decoders
    read PCA's codes; in cross-validation it does so at once.
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
    way = f"with activation={activation!r}" if not fixed_encoder else "of the decoders alone"
    announce(run, f"No epoch is certain to improve on the start: training starts again, {way}.")
    others = [member.state for member in members if member.state is not state]
    for each in (state, *others):
        each.fixed_encoder = fixed_encoder
        each.restart(activation)
    return True


def activation_with_fixed_encoder(run):
    return PLAIN_ACTIVATION if run.options.network.activation == "auto" else None
