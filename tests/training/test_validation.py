"""Training with validation: which epoch is selected, restarts, and the refit."""

from dataclasses import replace
import math
from types import SimpleNamespace

from curved import curved_rows
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from runs import make_run, previous_of
from scipy import stats

from skae import AutoencoderTransformer
from skae._network.nested import validated_sizes
from skae._training import validation
from skae._training.early_stopping import DecoderEpochSelector, EpochSelector
from skae._training.gain import Gain, gain_lower_bound
from skae._training.state import start_state
from skae._training.trainer import Trainer
from skae._training.validation import (
    cross_validate,
    hold_out,
    refit,
    select_epochs,
    train_folds,
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


@pytest.fixture
def in_float64(monkeypatch):
    """Train in float64, as the plain loops do that results are compared with."""
    monkeypatch.setattr(validation, "MIN_ROUNDED_LOSS", np.inf)


def make_held_out_run(n_rows=600, **options):
    """Return a run that learns the first two thirds of its samples, and the validation set."""
    run = make_run(curved_rows(n_rows), **OPTIONS | options)
    is_learned = np.arange(n_rows) < 2 * n_rows // 3
    run.trained_rows = run.rows.part(is_learned)
    return run, run.rows.part(~is_learned)


def noise_of(n_rows):
    """Return samples without structure, which differ from normally distributed ones."""
    return np.random.default_rng(0).uniform(-2, 2, size=(n_rows, 6))


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


def best_epoch(losses, n_errors=2.25):
    """Return the epoch with the largest mean gain less one error, from the first certain one on.

    It is 0 if no epoch is certain.
    """
    gains = losses[0] - losses
    n_rows = gains.shape[1]
    means, errors = gains.mean(axis=1), gains.std(axis=1, ddof=1) / math.sqrt(n_rows)
    kurtosis = [stats.kurtosis(each, fisher=False) for each in gains[1:]]
    df = np.minimum(3 * n_rows / np.array(kurtosis), n_rows) - 1
    needed = stats.t.isf(stats.norm.sf(n_errors), df)
    certain = np.flatnonzero(means[1:] > needed * errors[1:])
    if len(certain) == 0:
        return 0
    first = int(certain[0]) + 1
    return first + int(np.argmax((means - errors)[first:]))


# ---------------------------------------------------------------- selection


@pytest.mark.usefixtures("in_float64")
@pytest.mark.parametrize(("rate", "averaging"), [(0.01, 0.9), (0.03, 0.0), (0.03, 0.99)])
def test_held_out_samples_select_the_epoch_of_a_plain_loop(rate, averaging):
    run, validation = make_held_out_run(learning_rate_init=rate, averaging=averaging)
    losses, parameters = losses_of_epochs(run, new_state(run), run.trained_rows, validation, 30)
    expected = best_epoch(losses)
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
    before, after = losses[0], losses[expected]
    assert history.gain.value == pytest.approx(1 - after.mean() / before.mean())
    shares = np.full(200, 1 / 200)
    assert history.gain.lower_bound == gain_lower_bound(before, after, shares, validation.groups)


@pytest.mark.usefixtures("in_float64")
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
    assert best_epoch(losses, n_errors=0.5) > 0
    assert (expected > 0) == is_certain
    start = run.state.parameters.flat.copy()
    selector = cross_validate(run, run.splits)
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


def test_samples_that_depend_on_each_other_count_as_one():
    """A gain that is certain if all held-out samples are independent is not if few groups are."""
    run, validation = make_held_out_run(n_iter_no_change=5)
    hold_out(run, validation)
    assert run.history.best_iter > 0
    run, validation = make_held_out_run(n_iter_no_change=5)
    groups = np.where(validation.index[0] <= np.arange(600), np.arange(600) // 100, 0)
    splitter = replace(validation.splitter, groups=groups)
    hold_out(run, replace(validation, splitter=splitter))
    assert run.history.best_iter == 0
    assert run.history.gain == Gain.of_start()


def test_a_warm_start_needs_one_standard_error():
    run, validation = make_held_out_run(learning_rate_init=1e-3)
    losses, _ = losses_of_epochs(run, new_state(run), run.trained_rows, validation, 30)
    assert best_epoch(losses) == 0 < best_epoch(losses, n_errors=1)
    run.previous = previous_of(run)
    hold_out(run, validation)
    assert run.history.best_iter == best_epoch(losses, n_errors=1)
    assert run.history.gain == Gain()  # the start is not PCA


# ---------------------------------------------------------------- halves

# Held-out samples cannot tell, halves can; and halves cannot either.
DOUBTFUL, HOPELESS = {"gain": 0.65}, {"gain": 0.2}
DOUBTFUL_TWICE = {"gain": 0.4}
QUICK = OPTIONS | {"learning_rate_init": 0.01, "averaging": 0.9, "max_iter": 60}


def doubtful_rows(gain, n_rows=600):
    """Return samples of low rank, curved by some gain, with heavy tails."""
    rng = np.random.default_rng(1)
    factors = rng.normal(size=(n_rows, 3))
    curved = gain * factors[:, :1] ** 2 + rng.normal(size=(n_rows, 1))
    rows = np.hstack([factors, curved]) @ rng.normal(size=(4, 12))
    return rows * np.exp(0.8 * rng.normal(size=(n_rows, 1)))


def halved_run(law, **options):
    """Return a run of doubtful samples whose held-out samples have been validated on."""
    run = make_run(doubtful_rows(**law), **QUICK | {"n_components": 3} | options)
    folds = run.folds
    run.trained_rows = run.rows.part(folds != 0)
    hold_out(run, run.rows.part(folds == 0), run.marks_given(folds == 0))
    return run


def test_doubtful_gains_are_decided_by_halves():
    run = halved_run(DOUBTFUL)
    history = run.history
    n_trial = history.record["n_trial"]
    assert history.best_iter > history.n_before == 0 < n_trial
    assert history.n_iter == len(history.loss_curve) == len(history.validation_loss_curve) <= 60
    assert run.trained_rows is run.rows
    halves = run.rows.splitter.folds(2)
    assert [len(rows) for _, rows in run.validation_pairs] == [300, 300]
    losses = np.empty((61, 600))
    for k in range(2):
        rows, validation = run.rows.part(halves != k), run.rows.part(halves == k)
        state = start_state(rows, run.options)
        losses[:, halves == k], _ = losses_of_epochs(run, state, rows, validation, 60)
    n_epochs = best_epoch(losses[: history.n_iter + 1])
    assert history.best_iter == n_epochs
    assert 0 < history.gain.lower_bound < history.gain.value
    mean = losses.mean(axis=1)
    assert history.gain.value == pytest.approx(1 - mean[n_epochs] / mean[0])
    n_steps_held_out, n_steps = 3 * n_trial, 3 * n_epochs
    assert run.state.optimizer["steps"] == n_steps_held_out + n_steps
    assert loss_of(run, run.state.best.flat) < loss_of(run, new_state(run).best.flat)


def test_where_halves_cannot_tell_the_start_is_left(monkeypatch):
    monkeypatch.setattr("skae._training.validation.MIN_EVIDENCE", 0.5)
    run = halved_run(HOPELESS, activation="relu")
    history = run.history
    assert history.record["n_trial"] > 0
    assert history.best_iter == 0
    assert history.gain == Gain.of_start()
    assert_array_equal(run.state.best.flat, new_state(run).parameters.flat)
    assert len(run.trained_rows) == 540
    [(_, rows)] = run.validation_pairs
    assert len(rows) == 60


def test_halves_are_tried_with_the_other_activation_too():
    run = halved_run(DOUBTFUL_TWICE, activation="auto", tol=1e-3, n_iter_no_change=8)
    history = run.history
    assert activations_of(run.state)[0] == "isru"
    for state, _ in run.validation_pairs:
        assert activations_of(state)[0] == "isru"
    assert 0 < history.record["n_trial"] <= 60
    assert 0 < history.n_before < history.best_iter <= history.n_iter <= 60


@pytest.mark.parametrize("reason", ["few", "no evidence", "lbfgs", "other samples", "resumed"])
def test_halves_are_not_trained(reason, monkeypatch):
    """If they would take too long or cannot help."""
    if reason == "few":
        monkeypatch.setattr("skae._training.run.MAX_HALVED_ROWS", 599)
    if reason == "no evidence":
        monkeypatch.setattr("skae._training.validation.MIN_EVIDENCE", 100)
    options = QUICK | {"n_components": 3, "n_iter_no_change": 2}
    if reason == "lbfgs":
        options |= {"solver": "lbfgs", "max_iter": 3}
    run = make_run(doubtful_rows(**HOPELESS), warn=lambda message: None, **options)
    if reason == "resumed":
        run.previous = previous_of(run)
    folds = run.folds
    run.trained_rows = run.rows.part(folds != 0)
    excluded = None if reason == "other samples" else run.marks_given(folds == 0)
    hold_out(run, run.rows.part(folds == 0), excluded)
    assert "n_trial" not in run.history.record


def test_the_gain_over_folds_is_relative_to_pca_of_all_samples():
    X = curved_rows(300)
    run = make_run(X, **OPTIONS | {"learning_rate_init": 0.03, "n_iter_no_change": 5})
    other = make_run(X, **OPTIONS | {"n_iter_no_change": 5})
    selector = cross_validate(other, other.splits)
    assert train_folds(run, run.splits)
    gain = run.history.gain
    plain = gain_lower_bound(selector.start, selector.best_losses, selector.shares)
    assert gain.value == pytest.approx(1 - selector.loss / selector.start.mean())
    assert plain - 0.1 < gain.lower_bound < plain
    noise = make_run(noise_of(100), **OPTIONS | {"n_iter_no_change": 3})
    assert not train_folds(noise, noise.splits)
    assert noise.history.gain == Gain.of_start()


def test_nested_codes_have_a_gain_for_each_size():
    run = make_run(curved_rows(300), **OPTIONS | {"nested": True, "n_components": 3})
    assert train_folds(run, run.splits)
    assert list(run.history.gain.value) == [1, 2, 3]
    assert all(run.history.gain.lower_bound[k] < run.history.gain.value[k] for k in (1, 2, 3))


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
        assert cross_validate(run, run.splits).epoch == 0
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


@pytest.mark.usefixtures("in_float64")
def test_a_restart_begins_where_a_fit_with_that_activation_does():
    X = noise_of(100)
    options = OPTIONS | {
        "n_iter_no_change": 3,
        "learning_rate_init": 0.01,
        "averaging": 0,
        "learning_rate": "constant",
    }
    run = make_run(X, **options | {"activation": "auto"})
    cross_validate(run, run.splits)
    bounded = make_run(X, **options | {"activation": "isru"})
    cross_validate(bounded, bounded.splits)
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


# ---------------------------------------------------------------- splits of the user


def test_overlapping_splits_count_each_sample_once(monkeypatch):
    """A sample has the mean of its losses; samples that no split holds out do not count."""
    run = make_run(curved_rows(60), **OPTIONS | {"max_iter": 1})
    number = np.arange(60)
    splits = (number < 30, number >= 50), (number < 40, number >= 45), (number < 20, number >= 55)
    run.rows = replace(run.rows, splits=splits)
    seen = []
    monkeypatch.setattr(validation, "select_epochs", lambda run, *given: select(run, seen, *given))
    cross_validate(run, run.splits)
    [(losses, weights)] = seen
    assert len(losses) == len(weights) == 15
    states = [start_state(run.rows.part(trained), run.options) for trained, _ in splits]
    of_models = np.full((3, 60), np.nan)
    for k, (state, (_, held_out)) in enumerate(zip(states, splits, strict=True)):
        of_models[k, held_out] = run.trainer.validation_losses(state, run.rows.part(held_out))()
    assert_allclose(losses, np.nanmean(of_models[:, 45:], axis=0), rtol=1e-12)


def select(run, seen, losses, weights, *given):
    seen.append((losses, weights))
    return select_epochs(run, losses, weights, *given)


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


# ---------------------------------------------------------------- dtypes


@pytest.mark.parametrize("n_rows", [120, 600])
@pytest.mark.parametrize("is_exact", [False, True])
def test_float64_is_trained_in_float32_where_errors_of_pca_are_large(n_rows, is_exact, monkeypatch):
    """The model that is kept is float64 and has the exact path of PCA."""
    trained, real = [], Trainer.objective

    def objective(self, state, rows):
        trained.append(state.parameters.flat.dtype.name)
        return real(self, state, rows)

    monkeypatch.setattr(Trainer, "objective", objective)
    X = curved_rows(n_rows)
    if is_exact:
        X = X[:, :3] @ np.ones((3, 5)).cumsum(1) ** [[1], [2], [3]] + 1e-5 * X[:, 3:]
    options = OPTIONS | {"max_iter": 20, "random_state": 0}
    model = AutoencoderTransformer(3, **options).fit(X)
    start = AutoencoderTransformer(3, **options | {"max_iter": 0}).fit(X)
    assert trained[0] == ("float64" if is_exact else "float32")
    assert trained[-1] == ("float32" if n_rows == 600 and not is_exact else "float64")
    assert model.theta_.dtype == model.transform(X).dtype == np.float64
    assert is_exact or model.best_iter_ > 0
    components = np.abs(start.components_ @ model.components_.T)
    assert_allclose(np.sort(components.max(axis=1)), np.ones(3), rtol=1e-12)
