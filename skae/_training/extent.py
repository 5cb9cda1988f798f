"""The extent of a model: how far inputs, codes and outputs reach on training samples."""

from dataclasses import replace
from functools import partial, reduce
import math

import numpy as np

from skae._network.clipping import MARGIN_FACTOR
from skae._network.extrapolation import can_fade, measure_box, union
from skae._network.inference import blocks
from skae._network.nested import errors_by_size
from skae._parallel import run_sequentially
from skae._sampling import evenly_spaced, row_slices

MAX_ROWS, MAX_RESTORED_ROWS = 10_000, 2000
PIECE_ROWS = 2048
RADIUS_FACTOR = 1.5  # times the greatest norm; less costs accuracy, 2 leaves some large losses


def measure(run, model, n_steps, max_rows=MAX_ROWS):
    """Return the model with a measured input radius, box and clip margin."""
    rng = np.random.default_rng([run.options.seeds.samples, n_steps, 2])
    if model.network.linear_path:
        target, noisy, _ = run.rows.noisy_sample(max_rows, rng)
        samples = (target, noisy) if run.rows.is_noisy else (target,)
        radius, box = measure_reach(model, samples, run.trainer.run_jobs)
        model = replace(model, input_radius=radius, box=box)
    margin = measure_clip_margin(model, run.rows, MAX_RESTORED_ROWS, run.resumed)
    return model if margin is None else model.with_spec(margin=margin)


def measure_reach(model, samples, run_jobs=run_sequentially):
    """Return the input radius and the box of inputs and of PCA's outputs, or None for the box.

    The input radius is 1.5 times the greatest norms of inputs and of their codes. Neither becomes
    smaller than before. `samples` are arrays: clean samples, and noisy ones if any. A model of an
    earlier version that had a radius without a box has no box.
    """
    before, box = model.input_radius, model.box
    norms = [np.ones(2) if before is None else before.astype(float)]
    boxes = [] if box is None else [box]
    has_box = can_fade(model.network) and (box is not None or before is None)

    def add(X):
        greatest, box = _extent_of(model, X, has_box)
        norms.append(greatest)
        boxes.extend(box)

    run_jobs = run_jobs if model.is_large else run_sequentially
    for X in samples:
        run_jobs([partial(add, X[piece]) for piece in row_slices(len(X), PIECE_ROWS)])
    radius = np.max(norms, axis=0).astype(model.parameters.flat.dtype)
    return radius, reduce(union, boxes) if has_box else None


def _extent_of(model, X, has_box):
    """Return 1.5 times the greatest norms of scaled inputs and codes, and a list of their boxes."""
    greatest, boxes = np.zeros(2), []
    for rows, code in blocks(X, model, "encode", raw=True):
        inputs = model.scaling.scaled(X[rows], code.dtype)
        if has_box:
            boxes.append(measure_box(inputs, code, model.network, model.parameters))
        for k, values in enumerate((inputs, code)):
            squares = np.square(values, out=values).sum(axis=1, dtype=float)
            greatest[k] = max(greatest[k], RADIUS_FACTOR * math.sqrt(squares.max()))
    return greatest, boxes


def measure_clip_margin(model, rows, max_rows, resumed):
    """Return the margin beyond the bounds of each column, a list; None if there are no bounds.

    It is three times the greatest error of the unclipped output: see `ClippedOutput`. After a first
    fit it is at most the margin used in training, unless the error is larger, after a resumed fit
    at least the margin before.
    """
    if model.spec.get("bounds") is None:
        return None
    X, target, _ = rows.arrays()
    chosen = evenly_spaced(len(X), max_rows)
    X, target = X[chosen], target[chosen]
    unclipped = model.with_spec(bounds=None)
    error = np.zeros(X.shape[1])
    for block, output in blocks(X, unclipped, "reconstruct", raw=True):
        expected = model.target_scaling.scaled(target[block], output.dtype)
        error = np.maximum(error, np.abs(output - expected).max(axis=0))
    margin, before = MARGIN_FACTOR * error, model.spec.get("margin", np.inf)
    if resumed:
        return np.maximum(margin, before).tolist()
    return np.minimum(margin, np.maximum(before, error)).tolist()


def errors_of_sizes(validation_pairs, max_decoded):
    """Return the squared error with 1, 2, ... columns of the code, and the variance.

    The errors are those of the best parameters of each state on its validation samples.
    """
    total, variance = 0.0, 0.0
    for state, rows in validation_pairs:
        _, target, weights = rows.arrays()
        errors = errors_by_size(state.best_model, target, weights, max_decoded)
        total, variance = (a + weights.sum() * b for a, b in zip((total, variance), errors))
    return total, variance
