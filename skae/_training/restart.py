"""A new start of training in `partial_fit`: when PCA of all samples is better than the model."""

from dataclasses import replace

import numpy as np

from skae._network import inference
from skae._network.extrapolation import linear_decoder
from skae._sparse import measured_rows
from skae._training.state import start_state

MAX_COMPARED_ROWS = 1000
MAX_RELATIVE_ERROR = 0.98  # of PCA of all samples, relative to that of the model's linear path


def should_restart(run, change):
    """Return whether training should start anew.

    This is so if samples are on another level or scale than before, or if PCA of all earlier
    samples is better on the new ones than the model, and by two hundredths better than its linear
    path.
    """
    if change.is_shifted:
        return True
    network, options = run.state.model.network, run.options
    can_compare = network.linear_path and network.latent_activation.is_identity
    if change.earlier is None or not can_compare or options.network.is_detector:
        return False
    seed = [options.seeds.samples, run.state.optimizer["steps"], 3]
    n_rows = measured_rows(run.rows.X, MAX_COMPARED_ROWS)
    target, X, weights = run.rows.noisy_sample(n_rows, np.random.default_rng(seed))
    samples = np.asarray(target), np.asarray(X), weights
    candidate = _start(run, replace(run.rows, target=run.rows.X, corruption=None), change.earlier)
    linear_errors = [_linear_error(state.model, *samples) for state in (candidate, run.state)]
    if linear_errors[0] >= MAX_RELATIVE_ERROR * linear_errors[1]:
        return False
    error, error_before = (_error(run, state, samples) for state in (candidate, run.state))
    return error < error_before


def restarted_state(run, change):
    """Return the state of a new start from the moments of all samples.

    The number of steps goes on. The extent of earlier samples is kept unless they are forgotten.
    """
    state, before = _start(run, run.rows, change.stream.moments), run.state
    state.optimizer = {"steps": before.optimizer["steps"]}
    state.n_steps_before = before.n_steps_before
    if change.is_shifted:
        return state
    _widen(state.model, before.model)
    highest = before.model.spec.get("highest_logits")
    if highest is not None:
        highest = np.maximum(highest, state.model.spec["highest_logits"]).tolist()
        state.model = replace(state.model, spec=state.model.spec | {"highest_logits": highest})
    return state


def _start(run, rows, moments):
    n_components = run.state.model.network.n_components
    return start_state(rows, run.options, run.trainer.run_jobs, n_components, moments)


def _linear_error(model, target, X, weights):
    """Return the mean squared error of PCA by the linear path, in the units of X."""
    network, parameters = model.network, model.parameters
    decoder = linear_decoder(network, parameters, network.n_components)
    output = model.scaling.scaled(X) @ parameters.path[0] @ decoder
    model.scaling.undo(output)
    return _mean_square(output, target, weights)


def _error(run, state, samples):
    """Return the loss, or the mean squared error if the unit of the loss depends on the scale."""
    target, X, weights = samples
    if state.model.network.output_activation.is_identity:
        return _mean_square(inference.reconstruct(state.model, X), target, weights)
    losses = run.trainer.validation_losses(state, run.rows)()
    return run.rows.arrays()[2] @ losses.reshape(len(losses), -1)[:, 0]


def _mean_square(output, target, weights):
    with np.errstate(over="ignore"):
        squares = np.square(output - target, dtype=np.float64).mean(axis=1)
    return float(weights @ squares / weights.sum())


def _widen(model, before):
    """Give a new model the extent of the one before: input radius and box."""
    if before.input_radius is None:
        return
    shift = (before.scaling.mean - model.scaling.mean) / model.scaling.scale
    ratios = before.scaling.scale / model.scaling.scale
    ratio = float(np.max(ratios))
    encoder, encoder_before = model.parameters.path[0], before.parameters.path[0]
    code_ratio = ratio * np.linalg.norm(encoder) / (np.linalg.norm(encoder_before) or 1.0)
    radius = before.input_radius * [ratio, code_ratio]
    radius += np.linalg.norm(shift), np.linalg.norm(shift @ encoder)
    model.input_radius = radius.astype(before.input_radius.dtype)
    if before.box is not None:
        box = before.box * ratios + shift
        box[::2], box[1::2] = np.minimum(box[::2], 0), np.maximum(box[1::2], 0)
        model.box = box.astype(before.box.dtype)
