"""Corrections by networks: kept where a blend misses a curve, and not where it misses nothing."""

import warnings

import numpy as np
import pytest

from skae._imputer import FIXED_PARAMETERS, AutoencoderImputer
from skae._missing.blend import IncompleteRows, draw_folds, fit_blend, make_trials
from skae._missing.correction import Correction, fit_correction
from skae._training.options import read_options
from skae._training.trainer import Trainer


def trainer_of(**parameters):
    imputer = AutoencoderImputer(random_state=0, n_components=4, **parameters)
    options = read_options(FIXED_PARAMETERS | imputer.get_params())
    return Trainer(options, 1.0, warn=warnings.warn)


def problem(curved, n_rows=1200, seed=0):
    """The third feature is a function of the others that no Gaussian knows, or a linear one."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    X[:, 2] = X[:, 0] * X[:, 1] if curved else X.sum(axis=1)
    X /= X.std(axis=0)
    missing = np.zeros(X.shape, bool)
    missing[:, 2] = rng.random(n_rows) < 0.5
    rows = IncompleteRows(np.where(missing, 0, X), missing, np.ones(n_rows))
    trials = make_trials(rows, draw_folds(rows, rng), 4, rng)
    _, filled = fit_blend(rows, trials, (), rng)
    return filled, trials


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_curve_is_learned(dtype):
    filled, trials = problem(curved=True)
    trainer = trainer_of(hidden_layer_sizes=(32,), learning_rate_init=5e-3, max_iter=40)
    correction, curve = fit_correction(filled, trials, dtype, trainer)
    assert min(curve) < 0.5 * curve[0]
    assert all(theta.dtype == dtype for theta in correction.thetas)
    added = correction(np.where(trials.missing, filled, trials.X), trials.missing)
    assert not added[~trials.missing].any()
    before, after = trials.losses(filled).sum(), trials.losses(filled + added).sum()
    assert after < 0.5 * before


def test_nothing_is_kept_where_there_is_nothing_to_learn():
    filled, trials = problem(curved=False, n_rows=200)
    correction, curve = fit_correction(filled, trials, np.float64, trainer_of())
    assert correction is None
    assert 0 < len(curve) < 100


def test_without_epochs_there_is_no_correction():
    filled, trials = problem(curved=True, n_rows=200)
    assert fit_correction(filled, trials, np.float64, trainer_of(max_iter=0)) == (None, [])


def test_the_mean_of_the_networks_is_added():
    spec = trainer_of().options.network.spec(2, 1)
    spec["widths"] = [4, *spec["widths"][1:]]
    n_parameters = 4 * 128 + 128 + 128 + 1 + 128 + 128 + 2 * 128 + 2
    thetas = [np.zeros(n_parameters), np.zeros(n_parameters)]
    thetas[0][-2:] = 1, 2  # the biases of the output
    added = Correction(spec, thetas)(np.zeros((3, 2)), np.array([[1, 0], [1, 1], [0, 0]], bool))
    np.testing.assert_array_equal(added, [[0.5, 0], [0.5, 1], [0, 0]])


def test_divergence_leaves_the_blend():
    filled, trials = problem(curved=True, n_rows=200)
    trainer = trainer_of(learning_rate_init=1e6, solver="sgd")
    with pytest.warns(UserWarning, match="diverged"), np.errstate(all="ignore"):
        correction, _ = fit_correction(filled, trials, np.float64, trainer)
    assert correction is None
