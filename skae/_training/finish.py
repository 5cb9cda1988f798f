"""The end of a run: the best parameters, their extent, the order of the code; and previews."""

from dataclasses import dataclass, replace

import numpy as np

from skae._network import code_order, nested
from skae._network.code_order import MAX_DECODED_NUMBERS
from skae._network.inference import Model
from skae._training import extent
from skae._training.batches import TrainingRows
from skae._training.options import Seeds
from skae._training.run import History
from skae._training.splitting import Dealing

PREVIEW_DECODED_NUMBERS, PREVIEW_ROWS = 2**11, 1000


@dataclass(frozen=True)
class FitResult:
    """What training leaves: a model, its history, and the samples that it learned.

    `optimizer` is what an optimizer remembers for `partial_fit`. `dealing` says how samples
    were held out, None where none was. `validators` are pairs of a training state and the
    samples that judge the sizes of its code.
    """

    model: Model
    optimizer: dict
    decoder_weights: np.ndarray
    history: History
    n_samples_seen: int
    explained_variance_ratio: np.ndarray | None
    seeds: Seeds
    rows: TrainingRows
    learned: TrainingRows
    dealing: Dealing | None = None
    interrupted: bool = False
    validators: tuple = ()

    def held_out(self, X):
        """Return which samples were held out to choose the epoch, a boolean array."""
        if self.dealing is None:
            return np.zeros(len(X), bool)
        return self.dealing.folds(X) == 0


def begin_phase(run, name, n_epochs, state, fold=None):
    """End the phase before and begin one in which `state` is trained, without a fold."""
    run.phase.close()
    run.phase = run.tasks.phase(name, n_epochs, lambda: preview(run, state), fold)


def end(run, in_order=True):
    """End a run: return the FitResult of the best parameters, and end its last phase."""
    state = run.state
    run.phase.close()
    state.parameters.flat[...] = state.best.flat
    return _finish(run, state, state.model, (MAX_DECODED_NUMBERS, extent.MAX_ROWS), in_order)


def end_at_start(run):
    """Return the FitResult of the start, that is of PCA, as an interrupted search leaves it."""
    run.interrupted = True
    return end(run)


def end_pass(run):
    """Return the FitResult after one pass of `partial_fit`, which leaves the code as it is."""
    state = run.state
    model = extent.measure(run, state.model, state.optimizer["steps"])
    explained = _explained_variance_ratios(run, model, MAX_DECODED_NUMBERS)
    return _result(run, model, state.optimizer, state.decoder_weights, explained)


def preview(run, state):
    """Return the FitResult if the run ended with the present parameters of a state.

    The order of the code is found on fewer samples, or it would take longer than an epoch.
    """
    parameters = (state.averaged or state.parameters).copy()
    model = replace(state.model, parameters=parameters)
    return _finish(run, state, model, (PREVIEW_DECODED_NUMBERS, PREVIEW_ROWS))


def _finish(run, state, model, limits, in_order=True):
    """Measure the extent of a model, put its code in order, and return the FitResult.

    `limits` are how many numbers are decoded for the order, and how many samples are measured.
    """
    (max_decoded, max_rows), network_options = limits, run.options.network
    decoder_weights, n_steps = state.decoder_weights, state.optimizer["steps"]
    model = extent.measure(run, model, n_steps, max_rows)
    explained = None
    if in_order and model.network.nested:
        errors, variance = extent.errors_of_sizes(run.validators, max_decoded)
        model = replace(model, columns_read=nested.columns_to_read(errors))
        if network_options.is_share and not run.resumed:
            size = nested.count_columns(errors, variance, network_options.n_components)
            decoder_weights = decoder_weights[nested.decoders_kept(model.network, size)]
            model = nested.shortened(model, size)
    if in_order:
        explained = _explained_variance_ratios(run, model, max_decoded)
        if not model.network.nested:  # whose columns are in order, and must stay so
            order = np.argsort(-explained, kind="stable")
            explained = explained[order]
            code_order.reorder(model.network, model.parameters, order)
        code_order.fix_signs(model.network, model.parameters)
    return _result(run, model, {"steps": n_steps}, decoder_weights, explained)


def _explained_variance_ratios(run, model, max_decoded):
    module = nested if model.network.nested else code_order
    X, weights = run.rows.target, run.rows.weights
    return module.explained_variance_ratios(model, X, weights, max_decoded, run.trainer.run_jobs)


def _result(run, model, optimizer, decoder_weights, explained):
    n_before = run.previous.n_samples_seen if run.resumed else 0
    return FitResult(
        model=model,
        optimizer=optimizer,
        decoder_weights=decoder_weights,
        history=run.history.copy(),
        n_samples_seen=n_before + len(run.rows),
        explained_variance_ratio=explained,
        seeds=run.options.seeds,
        rows=run.rows,
        learned=run.learned,
        dealing=None if run.learned is run.rows else run.dealing,
        interrupted=run.interrupted,
        validators=tuple(run.validators),
    )
