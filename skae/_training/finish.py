"""The end of a run, and previews: the extent of the model, the order of its code, the result."""

from dataclasses import dataclass, replace

import numpy as np

from skae._network import code_order, nested
from skae._network.code_order import MAX_DECODED_NUMBERS
from skae._network.inference import Model
from skae._network.scaling import divisors
from skae._parallel import run_sequentially
from skae._training import extent
from skae._training.batches import TrainingRows
from skae._training.code_scale import running_variances, with_code_scale
from skae._training.options import Seeds
from skae._training.run import History

PREVIEW_DECODED_NUMBERS, PREVIEW_ROWS = 2**11, 1000


@dataclass(frozen=True)
class FitResult:
    """The result of training: the model, its history, and the samples that it was trained on.

    `optimizer` is the memory with which `partial_fit` or a warm start continues.
    `explained_variance` is the variance of each column of the code. `trained_rows` are those of
    `rows` that were not held out, `validation_pairs` those of a `Run`.
    """

    model: Model
    optimizer: dict
    decoder_weights: np.ndarray
    history: History
    n_samples_seen: int
    explained_variance_ratio: np.ndarray | None
    explained_variance: np.ndarray | None
    seeds: Seeds
    rows: TrainingRows
    trained_rows: TrainingRows
    interrupted: bool = False
    validation_pairs: tuple = ()

    @property
    def code_deviations(self):
        if self.explained_variance is None:
            return None
        dtype = self.model.parameters.flat.dtype
        return divisors(np.sqrt(self.explained_variance), dtype).astype(dtype)

    @property
    def held_out(self):
        is_held_out = np.ones(len(self.rows.X), bool)
        is_held_out[self.trained_rows.index] = False
        return is_held_out[self.rows.member]

    @property
    def record(self):
        record, held_out = self.history.record, self.held_out
        if record["way"] == "passes":
            return record | {"n_train": self.n_samples_seen}
        n_held_out = int(held_out.sum())
        if record["way"] == "held-out":
            record = record | {"n_validation": n_held_out}
        return record | {"n_train": len(held_out) - n_held_out}


def begin_phase(run, name, n_epochs, state, excluded=None):
    """Close the last phase and begin one that trains `state`.

    `excluded()` marks the given samples that it is not trained on; None if it is trained on all.
    """
    run.phase.close()
    run.phase = run.tasks.phase(name, n_epochs, lambda: preview(run, state), excluded)


def end(run, in_order=True):
    state = run.state
    run.phase.close()
    continues = run.options.warm_start and state.is_unfinished and not state.fixed_encoder
    memory = {"unfinished": state.memory()} if continues else {}
    n_parameters = state.best.flat.size
    state.parameters.flat[...] = state.best.flat
    limits = MAX_DECODED_NUMBERS, extent.MAX_ROWS
    result = _finish(run, state, state.model, limits, in_order)
    if result.model.parameters.flat.size < n_parameters:  # a nested code has been shortened
        return result
    return replace(result, optimizer=result.optimizer | memory)


def end_pass(run):
    state = run.state
    model = extent.measure(run, state.model, state.optimizer["steps"])
    explained = _explained_variance_ratios(run, model, MAX_DECODED_NUMBERS)
    explained = explained, running_variances(run, model, extent.MAX_ROWS)
    return _result(run, model, state.optimizer, state.decoder_weights, explained)


def preview(run, state):
    """Return the FitResult as if the run ended with the present parameters of a state.

    Fewer samples determine the order of the code, which else takes longer than an epoch.
    """
    parameters = state.restored((state.averaged or state.parameters).copy())
    model = replace(state.model, parameters=parameters)
    return _finish(run, state, model, (PREVIEW_DECODED_NUMBERS, PREVIEW_ROWS))


def _finish(run, state, model, limits, in_order=True):
    """Measure the extent of a model, order its code, and return the FitResult.

    `limits` are the number of values to decode to find the order, and of samples to measure the
    extent.
    """
    (max_decoded, max_rows), network_options = limits, run.options.network
    decoder_weights, n_steps = state.decoder_weights, state.optimizer["steps"]
    model = extent.measure(run, model, n_steps, max_rows)
    explained = None, None
    if in_order and model.network.nested:
        errors, variance = extent.errors_of_sizes(run.validation_pairs, max_decoded)
        model = replace(model, columns_read=nested.columns_to_read(errors))
        if network_options.is_share and not run.resumed:
            size = nested.count_columns(errors, variance, network_options.n_components)
            decoder_weights = decoder_weights[nested.decoders_kept(model.network, size)]
            model = nested.shortened(model, size)
    if in_order:
        ratios = _explained_variance_ratios(run, model, max_decoded)
        is_ordered = model.network.nested or run.options.has_linear_encoder  # as in PCA
        if not is_ordered:
            order = np.argsort(-ratios, kind="stable")
            ratios = ratios[order]
            code_order.reorder(model.network, model.parameters, order)
        code_order.fix_signs(model.network, model.parameters)
        model, variances = with_code_scale(run, model, ratios, max_rows)
        explained = ratios, variances
    return _result(run, model, {"steps": n_steps}, decoder_weights, explained)


def _explained_variance_ratios(run, model, max_decoded):
    """Return the share of the variance that each column of the code explains.

    Large networks are measured on fewer samples, in threads.
    """
    module = nested if model.network.nested else code_order
    max_decoded = model.n_measured(max_decoded)
    run_jobs = run.trainer.run_jobs if model.is_large else run_sequentially
    given = run.rows.target, run.rows.weights, max_decoded, run_jobs
    return module.explained_variance_ratios(model, *given)


def _result(run, model, optimizer, decoder_weights, explained):
    n_before = run.previous.n_samples_seen if run.resumed else 0
    history = run.history.copy()
    history.gain = history.gain.up_to(model.network.n_components)
    return FitResult(
        model=model,
        optimizer=optimizer,
        decoder_weights=decoder_weights,
        history=history,
        n_samples_seen=n_before + run.rows.n_given,
        explained_variance_ratio=explained[0],
        explained_variance=explained[1],
        seeds=run.options.seeds,
        rows=run.rows,
        trained_rows=run.trained_rows,
        interrupted=run.interrupted,
        validation_pairs=tuple(run.validation_pairs),
    )
