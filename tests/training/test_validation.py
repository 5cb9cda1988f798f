"""Training with validation: which epoch is selected, restarts, and the refit."""

import math
from types import SimpleNamespace

from curved import curved_rows
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from runs import make_run, previous_of

from skae._network.nested import validated_sizes
from skae._training.early_stopping import DecoderEpochSelector, EpochSelector
from skae._training.state import start_state
from skae._training.validation import (
    cross_validate,
    hold_out,
    refit,
    select_epochs,
    train_for,
)

OPTIONS = {
    "hidden_layer_sizes": (32,),
    "activation": "tanh",
    "learning_rate_init": 0.03,  # too high in the end: the best epoch is not the last
    "max_iter": 30,
    "n_iter_no_change": 30,
    "tol": 0,
}


def make_held_out_run(n_rows=600, **options):
    """Return a run that learns the first two thirds of its samples, and the validation set."""
    run = make_run(curved_rows(n_rows), **OPTIONS | options)
    is_learned = np.arange(n_rows) < 2 * n_rows // 3
    run.trained_rows = run.rows.part(is_learned)
    return run, run.rows.part(~is_learned)


def noise_of(n_rows):
    """Return samples without structure: PCA is the best that there is."""
    return np.random.default_rng(0).normal(size=(n_rows, 6))


def new_state(run):
    """Return another state that is as that of the run was at its start."""
    return start_state(run.rows, run.options)


def losses_of_epochs(run, state, rows, validation, n_epochs):
    """Train in a plain loop; return the validation losses and the parameters, from epoch 0 on."""
    trainer = run.trainer
    state.start_average(run.options.solver.averaging)
    validation_losses = trainer.validation_losses(state, validation)
    passes = trainer.epochs(state, trainer.objective(state, rows))
    losses, parameters = [validation_losses()], [state.parameters.flat.copy()]
    for _ in range(n_epochs):
        next(passes)
        losses.append(validation_losses())
        parameters.append((state.averaged or state.parameters).flat.copy())
    return np.array(losses), parameters


def best_epoch(losses, n_errors):
    """Return the epoch whose mean gain less standard errors of it is the greatest."""
    gains = losses[0] - losses
    n_rows = gains.shape[1]
    bounds = gains.mean(axis=1) - n_errors * gains.std(axis=1) / math.sqrt(n_rows)
    return int(np.argmax(bounds))


# ---------------------------------------------------------------- selection


@pytest.mark.parametrize(("rate", "averaging"), [(0.003, 0.9), (0.03, 0.0), (0.03, 0.99)])
def test_held_out_samples_select_the_epoch_of_a_plain_loop(rate, averaging):
    run, validation = make_held_out_run(learning_rate_init=rate, averaging=averaging)
    losses, parameters = losses_of_epochs(run, new_state(run), run.trained_rows, validation, 30)
    expected = best_epoch(losses, n_errors=1)
    assert expected > 0
    hold_out(run, validation)
    history = run.history
    assert history.best_iter == expected
    assert history.n_iter == 30
    assert_array_equal(run.state.best.flat, parameters[expected])
    assert_allclose(history.validation_loss_curve, losses[1:].mean(axis=1), rtol=1e-12)
    assert history.best_loss == pytest.approx(losses[expected].mean())
    [(state, rows)] = run.validation_pairs
    assert state is run.state
    assert rows is validation


@pytest.mark.parametrize("keeps_fold_models", [False, True])
@pytest.mark.parametrize(
    ("rate", "n_samples", "is_certain"), [(0.03, 400, True), (0.001, 120, False)]
)
def test_folds_select_the_epoch_of_plain_loops(rate, n_samples, is_certain, keeps_fold_models):
    X = curved_rows(n_samples)
    run = make_run(X, **OPTIONS | {"learning_rate_init": rate})
    run.keeps_fold_models = keeps_fold_models
    folds = run.folds
    losses, parameters = np.empty((31, len(X))), []
    for k in range(5):
        rows, validation = run.rows.part(folds != k), run.rows.part(folds == k)
        state = start_state(rows, run.options)
        losses[:, folds == k], of_fold = losses_of_epochs(run, state, rows, validation, 30)
        parameters.append(of_fold)
    expected = best_epoch(losses, n_errors=2.5)
    assert best_epoch(losses, n_errors=1) > 0
    assert (expected > 0) == is_certain
    start = run.state.parameters.flat.copy()
    selector = cross_validate(run)
    assert selector.epoch == expected
    assert_allclose(run.history.validation_loss_curve, losses[1:].mean(axis=1), rtol=1e-12)
    assert len(run.validation_pairs) == 5
    for k, (state, rows) in enumerate(run.validation_pairs):
        assert_array_equal(rows.index, np.flatnonzero(folds == k))
        kept = parameters[k][expected if keeps_fold_models else 0]
        assert_array_equal(state.best.flat, kept)
    assert_array_equal(run.state.parameters.flat, start)
    assert run.history.best_iter == 0  # no model of all samples has been trained yet


def test_decoders_that_learn_alone_have_an_epoch_each():
    run = make_run(curved_rows(60), nested=True)
    losses = np.ones((60, len(validated_sizes(run.state.model.network))))
    assert type(select_epochs(run, losses, run.rows.weights, 1.0)) is EpochSelector
    run.state.fixed_encoder = True
    selector = select_epochs(run, losses, run.rows.weights, 1.0)
    assert type(selector) is DecoderEpochSelector
    assert len(selector.parts) == len(run.state.model.network.decoder_sizes)


# ---------------------------------------------------------------- restarts


def activations_of(state):
    return state.model.spec["activations"]


@pytest.mark.parametrize("activation", ["auto", "tanh"])
@pytest.mark.parametrize("is_cross_validated", [False, True])
def test_without_a_good_epoch_training_restarts_with_another_activation(
    is_cross_validated, activation
):
    """Once, and only if the activation is free to choose."""
    X = noise_of(100 if is_cross_validated else 600)
    parameters = OPTIONS | {"activation": activation, "n_iter_no_change": 3}
    run = make_run(X, **parameters)
    if is_cross_validated:
        assert cross_validate(run).epoch == 0
    else:
        mask = np.arange(len(X)) < 400
        run.trained_rows = run.rows.part(mask)
        hold_out(run, run.rows.part(~mask))
    hidden = "isru" if activation == "auto" else "tanh"
    for state in (run.state, *(state for state, _ in run.validation_pairs)):
        assert activations_of(state) == [hidden, "identity", hidden, "identity"]
    history = run.history
    assert history.best_iter == 0
    assert (history.n_before > 0) == (activation == "auto")
    assert history.n_before < history.n_iter == len(history.loss_curve) <= 30


def test_a_restart_begins_where_a_fit_with_that_activation_does():
    X = noise_of(100)
    options = OPTIONS | {
        "n_iter_no_change": 3,
        "learning_rate_init": 0.01,
        "averaging": 0,
        "learning_rate": "constant",
    }
    run = make_run(X, **options | {"activation": "auto"})
    cross_validate(run)
    bounded = make_run(X, **options | {"activation": "isru"})
    cross_validate(bounded)
    n_before, n_epochs = run.history.n_before, bounded.history.n_iter
    assert bounded.history.n_before == 0
    assert_allclose(
        run.history.validation_loss_curve[n_before : n_before + n_epochs],
        bounded.history.validation_loss_curve,
        rtol=1e-6,
    )


@pytest.mark.parametrize("reason", ["resumed", "no linear path", "diverged", "no epochs left"])
def test_training_is_not_restarted(reason):
    options = OPTIONS | {"activation": "auto", "n_iter_no_change": 3}
    if reason == "no linear path":
        options |= {"linear_path": None, "learning_rate_init": 1e-12}
    if reason == "diverged":
        options |= {"solver": "sgd", "learning_rate_init": 1e12}
    if reason == "no epochs left":
        options |= {"max_iter": 2}
    told = []
    run = make_run(noise_of(600), warn=told.append, **options)
    run.previous = previous_of(run) if reason == "resumed" else None
    mask = np.arange(600) < 400
    run.trained_rows = run.rows.part(mask)
    with np.errstate(all="ignore"):
        hold_out(run, run.rows.part(~mask))
    assert run.history.n_before == 0
    assert run.history.best_iter == 0
    assert activations_of(run.state)[0] == "relu"
    assert len(told) == run.is_over == (reason == "diverged")


# ---------------------------------------------------------------- the refit


def loss_of(run, parameters):
    state = new_state(run)
    state.parameters.flat[...] = parameters
    return run.trainer.validation_losses(state, run.rows)().mean()


def test_a_refit_trains_on_all_samples_for_the_selected_epochs():
    run = make_run(curved_rows(150), **OPTIONS | {"averaging": 0})
    _, parameters = losses_of_epochs(run, new_state(run), run.rows, run.rows, 12)
    run.history.n_before = 7
    refit(run, SimpleNamespace(epoch=12))
    assert_array_equal(run.state.best.flat, parameters[12])
    assert run.history.best_iter == 7 + 12


def test_a_refit_that_is_worse_than_the_start_is_not_kept():
    run = make_run(curved_rows(150), **OPTIONS | {"learning_rate_init": 0.3})
    start = run.state.best.flat.copy()
    refit(run, SimpleNamespace(epoch=1))
    assert loss_of(run, run.state.parameters.flat) > loss_of(run, start)
    assert_array_equal(run.state.best.flat, start)
    assert run.history.best_iter == 0


def test_without_a_selected_epoch_there_is_no_refit():
    run = make_run(curved_rows(150), **OPTIONS)
    start = run.state.parameters.flat.copy()
    refit(run, SimpleNamespace(epoch=0))
    assert_array_equal(run.state.parameters.flat, start)
    assert run.state.optimizer == {"steps": 0}


def test_decoders_alone_are_kept_each_at_its_epoch():
    options = {"nested": True, "averaging": 0, "learning_rate_init": 1e-3}
    run = make_run(curved_rows(150), **OPTIONS | options)
    run.state.fixed_encoder = True
    start = run.state.best.copy()
    network, state = run.state.model.network, run.state
    seen = []

    class Phase:
        def begin_epoch(self):
            pass

        def end_epoch(self):
            seen.append(state.parameters.copy())

        def close(self):
            pass

    run.tasks = SimpleNamespace(phase=lambda *args: Phase())
    refit(run, SimpleNamespace(epoch=8, epochs=[8, 5], parts=range(2)))
    assert len(seen) == 8
    for decoder, epoch in enumerate((8, 5)):
        for i in range(network.n_encoder_layers + 1, network.n_layers + 1):
            k = network.layer_index(i, decoder)
            for kept, expected in zip(state.best.layers[k], seen[epoch - 1].layers[k], strict=True):
                assert_array_equal(kept, expected)
            assert (state.best.layers[k][0] != start.layers[k][0]).any()
    assert run.history.best_iter == 8


# ---------------------------------------------------------------- a number of epochs


def test_so_many_epochs_keep_the_last():
    run = make_run(curved_rows(150), **OPTIONS)
    _, parameters = losses_of_epochs(run, new_state(run), run.rows, run.rows, 4)
    assert train_for(run, 4)
    assert run.history.best_iter == 4
    assert_array_equal(run.state.best.flat, parameters[4])
    assert train_for(run, 0)
    assert_array_equal(run.state.best.flat, parameters[4])


def test_so_many_epochs_fall_back_where_they_diverge():
    told = []
    parameters = OPTIONS | {"solver": "sgd", "learning_rate_init": 1e12, "linear_path": None}
    run = make_run(curved_rows(150), warn=told.append, **parameters)
    with np.errstate(all="ignore"):
        assert not train_for(run, 4)
    assert len(told) == 1
    assert np.isfinite(run.state.best.flat).all()
