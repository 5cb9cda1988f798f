"""Corrections of a blend by networks, which are kept if hidden cells gain for certain.

A network reads filled samples and the mask of the cells that were filled, and returns what to add
to these cells: a denoising autoencoder whose noise hides cells (Vincent et al., 2008, ICML). One
network is trained without each fold; their mean is the correction.
"""

from dataclasses import dataclass, replace

import numpy as np

from skae._missing.blend import Trials
from skae._network import inference
from skae._network.inference import make_model
from skae._network.initialization import initialize_weights
from skae._network.network import build
from skae._network.scaling import identity_scaling, rounding_error
from skae._training.batches import all_rows
from skae._training.early_stopping import EpochSelector, Patience
from skae._training.ending import EXACT, print_end
from skae._training.objective import DivergedError
from skae._training.state import TrainingState
from skae._training.trainer import Trainer

N_ERRORS = 2.5  # standard errors that the gain of an epoch must exceed


@dataclass(frozen=True)
class Correction:
    """The mean output of networks of one architecture: a spec, and a vector for each network."""

    spec: dict
    thetas: list

    def models(self):
        return [_model(self.spec, theta) for theta in self.thetas]

    def __call__(self, filled, missing):
        """Return what to add to filled samples, zero for observed cells."""
        inputs = network_inputs(filled, missing, self.thetas[0].dtype)
        total = np.zeros(filled.shape)
        for model in self.models():
            total += outputs(model, inputs)
        return np.where(missing, total / len(self.thetas), 0)


def _model(spec, theta):
    return make_model(spec, theta, identity_scaling(spec["widths"][0], theta.dtype))


def network_inputs(filled, missing, dtype):
    """Return the filled samples and, beside them, the mask of the filled cells."""
    return np.concatenate([filled, missing], axis=1).astype(dtype)


def outputs(model, inputs):
    result = np.empty((len(inputs), model.network.widths[-1]))
    for rows, output in inference.blocks(inputs, model, "reconstruct", raw=True):
        result[rows] = output
    return result


def start_state(spec, dtype, seed):
    """Return the state of a network whose output is zero."""
    theta = np.empty(build(spec).n_parameters, dtype)
    model = _model(spec, theta)
    initialize_weights(model.network, model.parameters, np.random.default_rng(seed))
    model.parameters.layers[-1][0][...] = 0
    return TrainingState(model, {"steps": 0})


@dataclass(frozen=True)
class Lesson:
    """What networks are trained on: inputs, targets of hidden cells, and the trials behind them."""

    inputs: np.ndarray
    target: np.ndarray
    trials: Trials

    def rows(self, chosen):
        """Return the chosen trials as training rows; cells that are not hidden have no loss."""
        rows = all_rows(self.inputs, self.trials.weights, self.target)
        return replace(rows, index=np.flatnonzero(chosen), missing=~self.trials.hidden)

    def losses(self, states, chosen):
        """Return the loss of each trial, each fold's by the network trained without it."""
        filled = np.zeros(self.target.shape)
        for k, state in enumerate(states):
            model = replace(state.model, parameters=state.averaged or state.parameters)
            filled[chosen[k]] = outputs(model, self.inputs[chosen[k]])
        errors = np.where(self.trials.hidden, filled - self.target, 0)
        return np.einsum("ij,ij->i", errors, errors)


def fit_correction(blended, trials, dtype, trainer: Trainer):
    """Train networks on what a blend leaves in the trials; return (Correction or None, losses).

    The losses are the mean squared errors of the hidden cells after each epoch.
    """
    options, n_features = trainer.options, trials.X.shape[1]
    in_fold = [trials.in_fold(k) for k in range(trials.n_folds)]
    is_learnable = len(in_fold) > 1 and all(0 < held.sum() < len(held) for held in in_fold)
    if not is_learnable or options.solver.max_iter == 0:
        return None, []
    filled = np.where(trials.missing, blended, trials.X)
    target = np.where(trials.hidden, trials.X - blended, 0).astype(dtype)
    if np.abs(target).max(initial=0) <= rounding_error(dtype):
        print_end(EXACT, options)
        return None, []
    lesson = Lesson(network_inputs(filled, trials.missing, dtype), target, trials)
    n_components = options.network.n_components
    spec = options.network.spec(n_features, n_components)
    spec["widths"] = [2 * n_features, *spec["widths"][1:]]
    states = [start_state(spec, dtype, [options.seeds.start, k]) for k in range(len(in_fold))]
    kept, curve = _train(lesson, states, in_fold, trainer)
    return (Correction(spec, kept) if kept else None), curve


def _train(lesson, states, in_fold, trainer):
    """Train all networks in turn; return the vectors of the selected epoch, and the losses."""
    solver, trials = trainer.options.solver, lesson.trials
    for state in states:
        state.start_average(solver.averaging)
    losses, weights = trials.by_sample(lesson.losses(states, in_fold))
    selector = EpochSelector(losses, weights, N_ERRORS, trials.groups)
    patience = Patience(solver.tol, solver.n_iter_no_change)
    objectives = [trainer.objective(s, lesson.rows(~held)) for s, held in zip(states, in_fold)]
    passes = [trainer.epochs(state, o) for state, o in zip(states, objectives)]
    kept, curve, reason = [], [], None
    try:
        for epoch in range(1, solver.max_iter + 1):
            for epochs in passes:
                next(epochs)
            losses_of_trials = lesson.losses(states, in_fold)
            losses, _ = trials.by_sample(losses_of_trials)
            curve.append(float(trials.weights @ losses_of_trials / trials.n_cells))
            if trainer.options.verbose:
                print(f"Epoch {epoch}, validation loss = {curve[-1]:.6g}")
            if selector.improved_parts(losses, epoch):
                kept = [(state.averaged or state.parameters).flat.copy() for state in states]
            reason = patience.exhausted(selector.mean(losses))
            if reason:
                break
        print_end(reason or "max_iter", trainer.options)
    except DivergedError as error:
        trainer.warn(f"Training of the correction diverged: {error}. Its best epoch is kept.")
    return kept, curve
