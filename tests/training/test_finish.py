"""The end of a run, and what it would be if the run ended now."""

import copy
from dataclasses import replace
from types import SimpleNamespace

from curved import curved_rows
from gradients import make_rows
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from runs import make_run, make_trainer, previous_of
from sklearn.decomposition import PCA

from skae._network import inference
from skae._training.batches import all_rows
from skae._training.finish import begin_phase, end, end_pass, preview
from skae._training.fit import fit, fit_epochs, partial_fit
from skae._training.run import run_epochs

OPTIONS = {"hidden_layer_sizes": (8,), "activation": "tanh", "learning_rate_init": 0.01}


def fitted(X, **parameters):
    """Return the FitResult of training on X."""
    rows = make_rows(X)
    return fit(make_trainer(rows, **OPTIONS | {"max_iter": 4} | parameters), rows)


def trained_run(n_epochs=3, **parameters):
    """Return a run in which some epochs have been trained and the last one kept."""
    run = make_run(curved_rows(100), **OPTIONS | parameters)

    def monitor(loss, epoch):
        run.history.add(loss)
        run.state.keep()
        run.history.best_iter = run.history.n_iter
        return False

    run_epochs(run, [(run.state, run.rows)], n_epochs, monitor)
    return run


# ---------------------------------------------------------------- previews


@pytest.mark.parametrize("nested", [False, True])
def test_a_preview_leaves_the_run_as_it_is(nested):
    run = trained_run(nested=nested)
    state, history = run.state, run.history
    state.best.flat += 1
    arrays = state.parameters.flat, state.averaged.flat, state.best.flat, state.previous_best.flat
    before = copy.deepcopy((arrays, state.optimizer, state.model.spec, history))
    model = state.model
    result = preview(run, state)
    assert state.model is model
    assert state.optimizer.keys() == before[1].keys()
    for name, value in before[1].items():
        assert_array_equal(state.optimizer[name], value)
    for array, expected in zip(arrays, before[0], strict=True):
        assert_array_equal(array, expected)
        assert not np.shares_memory(array, result.model.parameters.flat)
    assert model.spec == before[2]
    assert model.input_radius is None
    assert model.columns_read is None
    assert history == before[3]
    history.add(1.0)
    assert result.history == before[3]


@pytest.mark.parametrize("averaging", [0, 0.9])
def test_a_preview_is_the_end_where_the_last_epoch_is_kept(averaging):
    run = trained_run(averaging=averaging)
    shown, result = preview(run, run.state), end(run)
    assert_array_equal(shown.model.parameters.flat, result.model.parameters.flat)
    assert shown.model.spec == result.model.spec
    assert_array_equal(shown.model.input_radius, result.model.input_radius)
    assert_array_equal(shown.explained_variance_ratio, result.explained_variance_ratio)
    assert shown.history == result.history
    assert shown.n_samples_seen == result.n_samples_seen == 100


# ---------------------------------------------------------------- the end


def test_the_end_is_the_best_epoch_in_order():
    run = trained_run(n_components=4)
    best = run.state.best.flat.copy()
    run.state.parameters.flat += 1
    closed = []
    run.phase = SimpleNamespace(close=lambda: closed.append(True))
    result = end(run)
    assert closed == [True]
    assert_array_equal(np.sort(np.abs(result.model.parameters.flat)), np.sort(np.abs(best)))
    assert (np.diff(result.explained_variance_ratio) <= 0).all()
    assert result.optimizer == {"steps": 3}
    assert result.model.input_radius is not None


def test_the_code_is_left_as_it_is_if_asked_to():
    run = trained_run(n_components=4)
    best = run.state.best.flat.copy()
    result = end(run, in_order=False)
    assert_array_equal(result.model.parameters.flat, best)
    assert result.explained_variance_ratio is None


def test_a_run_that_ends_at_its_start_is_pca():
    X = curved_rows(100)
    run = make_run(X, **OPTIONS, n_components=3)
    run.interrupted = True
    result = end(run)
    assert result.interrupted
    pca = PCA(3).fit(X)
    expected = pca.inverse_transform(pca.transform(X))
    assert_allclose(inference.reconstruct(result.model, X), expected, atol=1e-9)
    assert_allclose(result.explained_variance_ratio, pca.explained_variance_ratio_)


def test_the_end_of_a_pass_keeps_the_optimizer_s_memory_and_the_order():
    run = trained_run(n_components=4)
    parameters = run.state.parameters.flat.copy()
    result = end_pass(run)
    assert_array_equal(result.model.parameters.flat, parameters)
    assert result.optimizer is run.state.optimizer
    assert result.optimizer.keys() > {"steps"}
    assert result.explained_variance_ratio.shape == (4,)


def test_a_phase_begins_when_the_one_before_has_ended():
    run = trained_run()
    told = []

    class Phase:
        def __init__(self, name, n_epochs, show, excluded):
            told.append((name, n_epochs, excluded))
            self.name, self.show = name, show

        def close(self):
            told.append(f"end of {self.name}")

    run.tasks = SimpleNamespace(phase=Phase)
    excluded = run.marks_given(np.arange(len(run.rows)) < 3)
    begin_phase(run, "training", 5, run.state, excluded)
    begin_phase(run, "refit", 3, run.state)
    assert told == [("training", 5, excluded), "end of training", ("refit", 3, None)]
    assert_array_equal(run.phase.show().model.parameters.flat, end(run).model.parameters.flat)


# ---------------------------------------------------------------- results


def test_held_out_samples_of_a_result():
    """The samples that selected the epoch, in the order of the given ones."""
    X = curved_rows(600)
    result = fitted(X, validation_fraction=0.25)
    held_out = result.held_out
    assert held_out.dtype == bool
    assert held_out.sum() == 150
    assert_array_equal(np.flatnonzero(~held_out), result.trained_rows.index)
    given = replace(result, rows=replace(result.rows, member=np.arange(599, -1, -1)))
    assert_array_equal(given.held_out, held_out[::-1])


@pytest.mark.parametrize(
    ("n_rows", "parameters"),
    [(600, {"early_stopping": False}), (100, {}), (600, {"max_iter": 0})],
    ids=["without early stopping", "cross-validated", "not trained"],
)
def test_where_all_samples_are_learned_none_is_held_out(n_rows, parameters):
    X = curved_rows(n_rows)
    result = fitted(X, **parameters)
    assert result.trained_rows is result.rows
    assert_array_equal(result.held_out, np.zeros(n_rows, bool))


def test_given_validation_samples_leave_all_others_to_be_learned():
    X = curved_rows(600)
    rows = all_rows(X)
    result = fit(make_trainer(rows, **OPTIONS, max_iter=4), rows, curved_rows(50, seed=1))
    assert not result.held_out.any()


def test_samples_seen_add_up_over_passes():
    X = curved_rows(100)
    rows = all_rows(X)
    trainer = make_trainer(rows, **OPTIONS)
    assert partial_fit(trainer, rows).n_samples_seen == 100
    assert fit_epochs(trainer, rows, 3, 2).n_samples_seen == 100
    run = trained_run()
    run.previous = previous_of(run, n_samples_seen=250)
    assert end(run).n_samples_seen == 350
