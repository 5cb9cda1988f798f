"""Steps, epochs of mini-batches and L-BFGS: what they do, and what stops them."""

import copy
import math

from gradients import (
    fill,
    make_network,
    make_objective,
    make_parameters,
    make_penalty,
    make_rows,
)
import numpy as np
from numpy.testing import assert_allclose
import pytest
import reference
from runs import make_run

from skae import AutoencoderTransformer
from skae._training import batches
from skae._training.objective import DivergedError
from skae._training.trainer import SCHEDULES, Step, epochs, lbfgs, warmed_up
from skae.corruptions import UserNoise
from skae.optimizers import OPTIMIZERS, slices
from skae.penalties import PENALTIES


def rows_of(n_rows=20, n_features=5, seed=0):
    return np.random.default_rng(seed).random((n_rows, n_features))


def train(
    rows,
    n_epochs=3,
    *,
    batch_size=None,
    optimizer=None,
    decay=0.0,
    shuffle=False,
    rate=0.1,
    penalty=None,
    seed=0,
    **network_options,
):
    """Train a small network that is the same for every seed: parameters, state and losses."""
    n_features = rows.X.shape[1]
    network, _ = make_network((n_features, 4, 2), **network_options)
    parameters = make_parameters(network, np.random.default_rng(1), rows.X.dtype)
    objective = make_objective(network, parameters, rows, batch_size, penalty)
    optimizer = OPTIMIZERS["adam"]() if optimizer is None else optimizer
    state = {"steps": 0} | optimizer.init(parameters.trained)
    rng = np.random.default_rng(seed)
    step = Step(objective, optimizer, state, decay)
    passes = epochs(objective, step, lambda t: rate, shuffle, rng)
    losses = [next(passes) for _ in range(n_epochs)]
    return parameters, state, losses


# ---------------------------------------------------------------- the textbook


def test_one_epoch_is_the_textbook_s_row_by_row():
    X = rows_of(12)
    names = ["logistic", "logistic", "logistic", "logistic"]
    network, _ = make_network((5, 4, 2), hidden=names[0], latent=names[1], output=names[3])
    start = make_parameters(network, np.random.default_rng(1))
    expected = reference.sgd_epoch(X, X, start.layers, names, 0.5)
    plain = OPTIMIZERS["sgd"](momentum=0.0)
    found, state, _ = train(
        make_rows(X),
        1,
        batch_size=1,
        optimizer=plain,
        rate=0.5,
        hidden=names[0],
        latent=names[1],
        output=names[3],
    )
    assert state["steps"] == 12
    for (W, b), (W_expected, b_expected) in zip(found.layers, expected, strict=True):
        np.testing.assert_allclose(W, W_expected, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(b, b_expected, rtol=1e-10, atol=1e-10)
    assert np.abs(found.flat - start.flat).max() > 1e-3


@pytest.mark.parametrize("hidden", [(), (4,), (5, 3)])
@pytest.mark.parametrize("activation", ["logistic", "relu"])
def test_the_textbook_through_an_estimator(activation, hidden):
    """`fit` sorts few rows and puts the code's columns in order: neither changes the epoch."""
    X = np.unique(rows_of(15), axis=0)
    options = {
        "n_components": 2,
        "hidden_layer_sizes": hidden,
        "activation": activation,
        "linear_path": None,
        "output_activation": "logistic",
        "solver": "sgd",
        "momentum": 0.0,
        "batch_size": 1,
        "learning_rate": "constant",
        "learning_rate_init": 0.5,
        "averaging": 0,
        "alpha": 0.0,
        "early_stopping": False,
        "shuffle": False,
        "random_state": 0,
    }
    start = AutoencoderTransformer(max_iter=0, **options).fit(X)
    layers = list(zip(start.coefs_, start.intercepts_, strict=True))
    names = start.architecture_["activations"]
    inputs = (X - start.mean_) / start.scale_
    expected = reference.sgd_epoch(inputs, X, layers, names, 0.5)
    _, reconstruction = reference.forward(inputs, expected, (), names, len(hidden) + 1)
    found = AutoencoderTransformer(max_iter=1, **options).fit(X)
    assert found.t_ == 15
    np.testing.assert_allclose(found.reconstruct(X), reconstruction, rtol=1e-10, atol=1e-10)
    assert np.abs(found.reconstruct(X) - start.reconstruct(X)).max() > 1e-3


# ---------------------------------------------------------------- epochs


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("noisy", [False, True])
def test_chunks_change_nothing(monkeypatch, shuffle, noisy):
    """How many batches are gathered at a time is a question of speed alone."""
    noise = UserNoise(lambda X, rng: X + rng.standard_normal(X.shape)) if noisy else None
    weights = np.random.default_rng(3).random(23)
    rows = make_rows(rows_of(23), weights=weights / weights.mean(), corruption=noise)
    found = []
    for chunk_batches in (1, 2, 64):
        monkeypatch.setattr(batches, "MAX_CHUNK_BATCHES", chunk_batches)
        parameters, _, losses = train(rows, batch_size=4, shuffle=shuffle)
        found.append((parameters.trained.copy(), losses))
    for theta, losses in found[1:]:
        np.testing.assert_array_equal(theta, found[0][0])
        assert losses == found[0][1]


@pytest.mark.parametrize("shuffle", [False, True])
def test_order_of_the_rows(shuffle):
    seen = []

    def record(X, rng):
        seen.append(X[:, 0].copy())
        return X

    X = rows_of(23)
    train(make_rows(X, corruption=UserNoise(record)), 3, batch_size=4, shuffle=shuffle)
    visits = np.concatenate(seen).reshape(3, 23)
    for visit in visits:
        assert sorted(visit) == sorted(X[:, 0])
        assert np.array_equal(visit, X[:, 0]) != shuffle
    assert np.array_equal(visits[0], visits[1]) != shuffle


def test_the_loss_of_an_epoch_is_the_mean_over_its_samples():
    X = rows_of(23)
    _, _, [in_batches] = train(make_rows(X), 1, batch_size=5, rate=0.0)
    _, _, [at_once] = train(make_rows(X), 1, rate=0.0)
    assert in_batches == pytest.approx(at_once, rel=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_lowers_the_loss(name):
    X = rows_of(40)
    _, _, losses = train(make_rows(X), 60, batch_size=8, optimizer=OPTIMIZERS[name](), shuffle=True)
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_float32_stays_float32(name):
    rows = make_rows(rows_of().astype(np.float32), weights=np.ones(20, np.float32))
    parameters, state, losses = train(rows, 5, batch_size=6, optimizer=OPTIMIZERS[name]())
    assert parameters.flat.dtype == np.float32
    assert all(a.dtype == np.float32 for a in state.values() if isinstance(a, np.ndarray))
    exact, _, exact_losses = train(
        make_rows(rows_of()), 5, batch_size=6, optimizer=OPTIMIZERS[name]()
    )
    np.testing.assert_allclose(losses, exact_losses, rtol=1e-3)
    np.testing.assert_allclose(parameters.trained, exact.trained, rtol=0.05, atol=5e-3)


@pytest.mark.parametrize("penalty", [None, *PENALTIES])
def test_whole_weights_are_repetition_in_a_full_batch(penalty):
    X = rows_of(8)
    weights = np.array([1, 2, 1, 3, 1, 1, 2, 1])
    weighted = make_rows(X, weights=weights / weights.mean())
    repeated = make_rows(np.repeat(X, weights, axis=0))
    found, expected = (
        train(rows, 10, penalty=penalty, latent="logistic")[0] for rows in (weighted, repeated)
    )
    np.testing.assert_allclose(found.trained, expected.trained, rtol=1e-6, atol=1e-8)


def test_a_full_batch_does_not_know_an_order():
    X = rows_of()
    order = np.random.default_rng(4).permutation(len(X))
    found, expected = (train(make_rows(rows), 10)[0] for rows in (X[order], X))
    np.testing.assert_allclose(found.trained, expected.trained, rtol=1e-6, atol=1e-8)


def test_decay_acts_on_the_weights_apart_from_the_gradient():
    X = rows_of()
    plain = OPTIMIZERS["sgd"](momentum=0.0)
    start, _, _ = train(make_rows(X), 0, linear_path=True)
    step, _, _ = train(make_rows(X), 1, optimizer=plain, linear_path=True)
    decayed, _, _ = train(make_rows(X), 1, optimizer=plain, decay=0.5, linear_path=True)
    np.testing.assert_allclose(
        decayed.weights, step.weights - 0.1 * 0.5 * start.weights, rtol=1e-12, atol=1e-14
    )
    for (_, b), (_, b_expected) in zip(decayed.layers, step.layers, strict=True):
        np.testing.assert_array_equal(b, b_expected)


def test_the_linear_path_stays_as_it_started():
    for optimizer in (OPTIMIZERS["sgd"](), OPTIMIZERS["adam"]()):
        start, _, _ = train(make_rows(rows_of()), 0, linear_path=True)
        end, _, _ = train(make_rows(rows_of()), 5, optimizer=optimizer, decay=0.1, linear_path=True)
        for P, P_start in zip(end.path, start.path, strict=True):
            np.testing.assert_array_equal(P, P_start)
        assert (end.trained != start.trained).all()


def test_the_rate_is_asked_at_every_step():
    asked = []
    network, _ = make_network()
    parameters = make_parameters(network, np.random.default_rng(1))
    objective = make_objective(network, parameters, make_rows(rows_of()), 6)
    plain = OPTIMIZERS["sgd"](momentum=0.0)
    state = {"steps": 7}
    step = Step(objective, plain, state)
    passes = epochs(objective, step, lambda t: asked.append(t) or 0.1, False, None)
    next(passes)
    next(passes)
    assert asked == list(range(7, 15))
    assert state["steps"] == 15


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_stop_save_continue_equals_never_stopped(name):
    rows = make_rows(rows_of(23))
    network, _ = make_network()
    parameters = make_parameters(network, np.random.default_rng(1))
    optimizer = OPTIMIZERS[name]()
    state = {"steps": 0} | optimizer.init(parameters.trained)
    rng = np.random.default_rng(2)

    def train_on(parameters, state, rng):
        objective = make_objective(network, parameters, rows, 5)
        step = Step(objective, optimizer, state, 0.01)
        passes = epochs(objective, step, lambda t: 0.1 / (1 + t), True, rng)
        for _ in range(3):
            next(passes)

    train_on(parameters, state, rng)
    saved = copy.deepcopy((parameters, state, rng))
    train_on(parameters, state, rng)
    train_on(*saved)
    np.testing.assert_array_equal(saved[0].trained, parameters.trained)
    assert saved[1]["steps"] == state["steps"] == 30


def test_parameters_are_averaged():
    rows = make_rows(rows_of(23))
    network, _ = make_network()
    parameters = make_parameters(network, np.random.default_rng(1))
    objective = make_objective(network, parameters, rows, 5)
    plain = OPTIMIZERS["sgd"](momentum=0.0)
    average = parameters.trained.copy()
    state = {"steps": 0, "average": average, "averaging": 0.6}
    expected, seen = average.copy(), []

    def rate(t):
        seen.append(parameters.trained.copy())
        return 0.1

    passes = epochs(objective, Step(objective, plain, state), rate, True, np.random.default_rng(0))
    for _ in range(4):
        next(passes)
    seen.append(parameters.trained.copy())
    for t, theta in enumerate(seen[1:], start=1):
        d = min(0.6, (1 + t) / (10 + t))
        expected = d * expected + (1 - d) * theta
    np.testing.assert_allclose(average, expected, rtol=1e-10, atol=1e-12)
    assert state["average"] is average


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_divergence_is_an_error_of_its_own(name):
    with pytest.raises(DivergedError), np.errstate(all="ignore"):
        train(
            make_rows(100 * rows_of()),
            200,
            batch_size=4,
            optimizer=OPTIMIZERS[name](),
            rate=1e3,
            hidden="identity",
        )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_a_number_is_divergence(bad):
    X = rows_of()
    X[13, 2] = bad
    with pytest.raises(DivergedError), np.errstate(all="ignore"):
        train(make_rows(X), 1, batch_size=5)


def test_divergence_stops_before_the_step():
    """The parameters after the last good step are still finite."""
    network, _ = make_network()
    parameters = make_parameters(network, np.random.default_rng(1))
    X = rows_of()
    X[13] = np.nan
    objective = make_objective(network, parameters, make_rows(X), 5)
    plain = OPTIMIZERS["sgd"](momentum=0.0)
    state = {"steps": 0}
    with pytest.raises(DivergedError):
        next(epochs(objective, Step(objective, plain, state), lambda t: 0.1, False, None))
    assert state["steps"] == 2
    assert np.isfinite(parameters.flat).all()


# ---------------------------------------------------------------- L-BFGS


def minimise(
    X, *, decay=0.0, dtype=np.float64, report=lambda loss: False, max_iter=5000, **options
):
    network, _ = make_network((X.shape[1], 2), **options)
    parameters = make_parameters(network, np.random.default_rng(1), dtype)
    objective = make_objective(network, parameters, make_rows(X.astype(dtype)))
    fill(objective)
    finished = lbfgs(objective, decay, (max_iter, 10**5), report)
    return parameters, objective, finished


def test_lbfgs_of_a_linear_autoencoder_is_pca():
    X = rows_of(30)
    parameters, objective, limit_met = minimise(X)
    _, variances, _ = reference.pca(X, np.full(30, 1 / 30))
    assert limit_met is None
    least = variances[2:].sum() / 2 / X.shape[1]
    assert objective(0, 30) == pytest.approx(least, rel=1e-6)
    assert np.shares_memory(parameters.layers[0][0], parameters.flat)


def test_lbfgs_stops_where_the_gradient_with_decay_is_zero():
    X = rows_of(30)
    decay = 1e-3
    parameters, objective, limit_met = minimise(X, decay=decay, latent="tanh", linear_path=True)
    assert limit_met is None
    objective(0, 30)
    gradient = objective.workspace.gradient
    gradient.weights[...] += decay * parameters.weights
    assert np.abs(gradient.trained).max() < 1e-6


def test_lbfgs_reports_losses_that_fall():
    losses = []
    minimise(rows_of(30), decay=1e-3, report=losses.append)
    assert len(losses) > 3
    assert (np.diff(losses) <= 0).all()


def test_lbfgs_stops_when_told_to():
    X = rows_of(30)
    losses = []

    def report(loss):
        losses.append(loss)
        return len(losses) == 4

    _, objective, _ = minimise(X, report=report)
    assert len(losses) == 4
    assert objective(0, 30) == pytest.approx(losses[-1], rel=1e-9)


def test_lbfgs_says_when_it_ran_out_of_iterations():
    _, _, limit_met = minimise(rows_of(30), max_iter=2)
    assert limit_met == "max_iter"


def test_lbfgs_in_float32():
    X = rows_of(30)
    parameters, objective, _ = minimise(X, dtype=np.float32)
    _, variances, _ = reference.pca(X, np.full(30, 1 / 30))
    assert parameters.flat.dtype == np.float32
    assert objective(0, 30) == pytest.approx(variances[2:].sum() / 2 / 5, rel=1e-2)


def test_lbfgs_leaves_the_linear_path():
    start, _, _ = minimise(rows_of(30), max_iter=1, linear_path=True)
    end, _, _ = minimise(rows_of(30), linear_path=True)
    for P, P_start in zip(end.path, start.path, strict=True):
        np.testing.assert_array_equal(P, P_start)


# ---------------------------------------------------------------- schedules


def test_schedules():
    assert set(SCHEDULES) == {"constant", "invscaling", "cosine"}
    constant, invscaling, cosine = (SCHEDULES[n] for n in ("constant", "invscaling", "cosine"))
    assert [constant(0.3, 0.5, 100, t) for t in (0, 5, 1000)] == [0.3] * 3
    for t in (0, 3, 99):
        assert invscaling(0.3, 0.5, 100, t) == pytest.approx(0.3 / math.sqrt(t + 1))
        assert invscaling(0.3, 0.0, 100, t) == 0.3
    assert cosine(0.3, 0.5, 100, 0) == 0.3
    assert cosine(0.3, 0.5, 100, 50) == pytest.approx(0.15)
    assert cosine(0.3, 0.5, 100, 25) == pytest.approx(0.15 * (1 + math.sqrt(0.5)))
    assert cosine(0.3, 0.5, 100, 100) == cosine(0.3, 0.5, 100, 10**6) == pytest.approx(0)


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_never_rise_and_are_python_floats(name):
    rates = [SCHEDULES[name](0.3, 0.5, 40, t) for t in range(60)]
    assert all(type(rate) is float for rate in rates)
    assert (np.diff(rates) <= 0).all()
    assert rates[-1] >= 0


# ---------------------------------------------------------------- penalties over batches


@pytest.mark.parametrize("name", PENALTIES)
def test_penalties_of_batches_add_up(name):
    """Batches price the codes about as all rows at once do."""
    X = rows_of(400)
    network, _ = make_network(latent="logistic")
    values = []
    for batch_size in (400, 20):
        parameters = make_parameters(network, np.random.default_rng(1))
        objective = make_objective(network, parameters, make_rows(X), batch_size, name)
        plain = OPTIMIZERS["sgd"](momentum=0.0)
        step = Step(objective, plain, {"steps": 0})
        passes = epochs(objective, step, lambda t: 0.0, False, None)
        values.append([next(passes) for _ in range(3)][-1])
    assert values[1] == pytest.approx(values[0], rel=0.02)
    assert make_penalty(name).weight > 0


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "shampoo"])
@pytest.mark.parametrize("n_rows", [400, 430, 530])
def test_batches_in_parts_take_the_steps_of_whole_ones(monkeypatch, optimizer, n_rows):
    """The last batch has as many parts as the others, fewer rows, or a single part."""
    rows, found = make_rows(rows_of(n_rows)), []
    for large in (math.inf, 0):
        monkeypatch.setattr("skae._training.objective.MIN_PARALLEL_FLOPS", large)
        make = {name: OPTIMIZERS[name]() for name in OPTIMIZERS}
        make["shampoo"] = make["shampoo"].for_shapes(((5, 4), (4, 2), (2, 4), (4, 5)))
        parameters, _, losses = train(
            rows, batch_size=200, optimizer=make[optimizer], rate=0.01, decay=0.1
        )
        found.append((parameters.trained.copy(), losses))
    np.testing.assert_allclose(*(theta for theta, _ in found), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(*(losses for _, losses in found), rtol=1e-9)


def test_vectors_are_cut_into_equal_pieces():
    for size, n_least in ((5, 1), (2**18 + 1, 1), (10**6, 2), (7, 4), (2**20, 2)):
        found = slices(size, n_least)
        assert found[0].start == 0
        assert found[-1].stop == size
        assert [of.stop for of in found[:-1]] == [of.start for of in found[1:]]
        lengths = [of.stop - of.start for of in found]
        assert max(lengths) <= 2**18
        assert len(found) >= n_least or size < 16 * n_least
        assert max(lengths) - min(lengths) <= 16 * len(found)


# ---------------------------------------------------------------- what a trainer makes


def trainer_of(X, **options):
    """Return a trainer, samples, and the state at the start."""
    run = make_run(X, **options)
    return run.trainer, run.rows, run.state


@pytest.mark.parametrize("noisy", [False, True])
def test_noisy_rows_are_not_left_for_later(monkeypatch, noisy):
    """Noise is drawn for all rows of a chunk in turn, whatever the parts of a batch."""
    monkeypatch.setattr("skae._training.objective.MIN_PARALLEL_FLOPS", 0)
    noise = UserNoise(lambda X, rng: X + rng.standard_normal(X.shape)) if noisy else None
    trainer, rows, state = trainer_of(rows_of(400), corruption=noise)
    objective = trainer.objective(state, rows)
    loader = objective.loader
    assert objective.plan.n_parts == 2
    assert loader.defers != noisy
    loader.inputs[...] = 0
    loader.fill(np.arange(400), np.random.default_rng(0))
    assert (np.abs(loader.slot(0, 200)[0]).min() > 0) == noisy
    objective(0, 200)
    assert np.abs(loader.slot(0, 200)[0]).min() > 0
    trainer, rows, state = trainer_of(rows_of(400), solver="lbfgs")  # fills the loader once
    assert not trainer.objective(state, rows).loader.defers


@pytest.mark.parametrize(
    ("solver", "leaves_sum"), [("adam", True), ("shampoo", False), ("lbfgs", False)]
)
def test_a_step_adds_up_the_gradients_unless_the_optimizer_prepares_it(
    monkeypatch, solver, leaves_sum
):
    monkeypatch.setattr("skae._training.objective.MIN_PARALLEL_FLOPS", 0)
    trainer, rows, state = trainer_of(rows_of(400), solver=solver)
    objective = trainer.objective(state, rows)
    assert objective.plan.n_parts == 2
    assert len(objective.other_gradients) == leaves_sum


@pytest.mark.parametrize(("solver", "n_units"), [("adam", 1), ("sgd", 60), ("lbfgs", 60)])
def test_decay_is_alpha_or_its_share_of_a_sample(solver, n_units):
    weights = np.full(20, 3.0)
    trainer, _, state = trainer_of(rows_of(), weights=weights, solver=solver, alpha=0.3)
    assert trainer.decay(state.model.network) == pytest.approx(0.3 / n_units)


def test_validation_losses_are_those_of_the_average_where_there_is_one():
    trainer, rows, state = trainer_of(rows_of())
    plain = trainer.validation_losses(state, rows)
    start = plain()
    state.start_average(0.9)
    averaged = trainer.validation_losses(state, rows)
    state.parameters.flat *= 2
    np.testing.assert_array_equal(averaged(), start)
    assert (plain() != start).any()
    state.averaged.flat *= 2
    np.testing.assert_array_equal(averaged(), plain())


@pytest.mark.parametrize("noisy", [False, True])
def test_validation_losses_see_one_noise(noisy):
    noise = UserNoise(lambda X, rng: X + rng.standard_normal(X.shape)) if noisy else None
    trainer, rows, state = trainer_of(rows_of(), corruption=noise)
    losses = trainer.validation_losses(state, rows)
    np.testing.assert_array_equal(losses(), losses())


def test_the_rate_rises_in_the_first_steps():
    rates = [warmed_up(lambda t: 0.5 / (t + 1), 4, t) for t in range(6)]
    assert rates == pytest.approx([0.125, 0.125, 0.125, 0.125, 0.1, 0.5 / 6])


def test_an_automatic_rate_rises_up_to_its_value(monkeypatch):
    """Over all calls of `partial_fit`, and from the start again in the next `fit`."""
    rates = []
    step = Step.__call__
    monkeypatch.setattr(Step, "__call__", lambda self, rate: rates.append(rate) or step(self, rate))
    model = AutoencoderTransformer(2, hidden_layer_sizes=(32,), batch_size=10, random_state=0)
    X = rows_of(300, 5)
    for _ in range(2):
        model.partial_fit(X)
    expected = 8e-3 * np.minimum(np.arange(1, 61) / 50, 1)
    assert_allclose(rates, expected)
    model.set_params(max_iter=1, early_stopping=False).fit(X)
    assert_allclose(rates[60:], expected[:30])


def test_without_averaging_cosine_is_constant():
    """What the training of chunks needs: the number of steps is not known."""
    found = []
    for learning_rate, averaged in (("cosine", False), ("constant", False), ("cosine", True)):
        trainer, rows, state = trainer_of(
            rows_of(), learning_rate=learning_rate, averaging=0, batch_size=5
        )
        passes = trainer.epochs(state, trainer.objective(state, rows), averaged)
        for _ in range(3):
            next(passes)
        assert "average" not in state.optimizer
        assert state.optimizer["steps"] == 12
        found.append(state.parameters.flat.copy())
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


# ---------------------------------------------------------------- float32 and float64


def near_a_curve():
    t = np.random.default_rng(0).uniform(-1, 1, (400, 2))
    X = np.hstack([t, t**2, np.sin(3 * t), t[:, :1] * t[:, 1:]])
    return X.astype(np.float32)


@pytest.mark.parametrize("options", [{}, {"nested": True}, {"solver": "shampoo"}], ids=str)
def test_float32_and_float64_take_the_same_steps(options):
    """Also where PCA is the start: its first gradient would be rounding errors."""
    options = {"max_iter": 2, "early_stopping": False, "random_state": 0} | options
    X = near_a_curve()
    code, expected = (
        AutoencoderTransformer(2, **options).fit(rows).transform(rows)
        for rows in (X, X.astype(float))
    )
    assert_allclose(code, expected, atol=1e-4 * expected.std())


def test_the_encoder_rests_in_the_first_step_beside_pca():
    options = {"max_iter": 1, "early_stopping": False, "random_state": 0, "alpha": 0.0}
    X = near_a_curve()[:150]  # one batch
    start, step = (AutoencoderTransformer(2, **options | {"max_iter": n}).fit(X) for n in (0, 1))
    for layer, (W, W_before) in enumerate(zip(step.coefs_, start.coefs_)):
        assert np.array_equal(W, W_before) == (layer < 5)  # the last layer of g learns first
    options["linear_path"] = None
    start, step = (AutoencoderTransformer(2, **options | {"max_iter": n}).fit(X) for n in (0, 1))
    assert not np.array_equal(step.coefs_[0], start.coefs_[0])
