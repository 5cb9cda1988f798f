"""One run of fit: repeatability, weights, early stopping, interruption, divergence."""

import pickle
import subprocess
import sys
import warnings

from curved import curved_rows
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from thoroughness import first_of

from skae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    VariationalAutoencoder,
)
from skae._training import validation
from skae._training.early_stopping import EpochSelector
from skae.activations import ACTIVATIONS

ESTIMATORS = [
    AutoencoderTransformer,
    DenoisingAutoencoder,
    AutoencoderOutlierDetector,
    VariationalAutoencoder,
]
SMALL = {
    "hidden_layer_sizes": (8,),
    "max_iter": 5,
    "early_stopping": False,
    "random_state": 0,
}
# Options under which everything random takes part: weights, order, noise, held-out rows.
RANDOM = [
    {},
    {"batch_size": 16, "linear_path": None},
    {"early_stopping": True, "linear_path": None},
    {"solver": "sgd", "batch_size": 16, "validation_fraction": 0.3},
    {"solver": "lbfgs", "linear_path": None},
]
quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def rows(n_rows=60, n_features=5, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3)) @ np.random.default_rng(1).normal(size=(3, n_features))
    return X + 0.3 * rng.normal(size=X.shape) + np.arange(n_features)


def pca_error(n_components, X, unseen):
    pca = PCA(n_components).fit(X)
    return np.mean((unseen - pca.inverse_transform(pca.transform(unseen))) ** 2)


# ------------------------------------------------------------ repeatability


@quiet
@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("parameters", RANDOM, ids=str)
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_same_seed_same_bits(Estimator, parameters):
    X = rows()
    parameters = SMALL | parameters
    first = Estimator(**parameters).fit(X)
    again = Estimator(**parameters).fit(X)
    assert_array_equal(first.theta_, again.theta_)
    reused = Estimator(**parameters).fit(rows(40, 7, seed=3)).fit(X)
    assert_array_equal(first.theta_, reused.theta_)
    other = Estimator(**parameters | {"random_state": 1}).fit(X)
    assert not np.array_equal(first.theta_, other.theta_)


@pytest.mark.parametrize(
    "make",
    [np.random.default_rng, np.random.RandomState, np.int64, lambda seed: seed],
    ids=["Generator", "RandomState", "int64", "int"],
)
def test_kinds_of_random_state(make):
    X = rows()
    parameters = SMALL | {"linear_path": None}
    one = AutoencoderTransformer(**parameters | {"random_state": make(3)}).fit(X)
    two = AutoencoderTransformer(**parameters | {"random_state": make(3)}).fit(X)
    assert_array_equal(one.theta_, two.theta_)


@pytest.mark.parametrize("make", [np.random.default_rng, np.random.RandomState])
def test_a_generator_is_drawn_from(make):
    model = AutoencoderTransformer(**SMALL | {"linear_path": None, "random_state": make(3)})
    first = model.fit(rows()).theta_
    assert not np.array_equal(first, model.fit(rows()).theta_)


@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_global_random_state_is_left_alone_with_a_random_state(Estimator):
    X = rows()
    model = Estimator(**SMALL | {"random_state": 0, "linear_path": None})
    np.random.seed(0)  # noqa: NPY002
    before = pickle.dumps(np.random.get_state())  # noqa: NPY002
    model.fit(X).partial_fit(X)
    model.transform(X)
    assert pickle.dumps(np.random.get_state()) == before  # noqa: NPY002


@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_without_a_random_state_the_global_one_decides(Estimator):
    X = rows()
    model = Estimator(**SMALL | {"random_state": None, "linear_path": None})
    np.random.seed(42)  # noqa: NPY002
    first, second = model.fit(X).theta_, model.fit(X).theta_
    assert not np.array_equal(first, second)
    np.random.seed(42)  # noqa: NPY002
    np.testing.assert_array_equal(model.fit(X).theta_, first)


SCRIPT = """
import hashlib
import numpy as np
import skae
X = np.random.default_rng(0).normal(size=(80, 6)) ** 3
for name in ("AutoencoderTransformer", "DenoisingAutoencoder", "AutoencoderOutlierDetector"):
    for parameters in ({}, {"solver": "sgd", "batch_size": 16}, {"early_stopping": False}):
        model = getattr(skae, name)(max_iter=5, random_state=0, **parameters)
        for dtype in ("f4", "f8"):
            model.fit(X.astype(dtype))
            found = [model.theta_, model.transform(X), model.score_samples(X)]
            print(*[hashlib.sha256(array.tobytes()).hexdigest() for array in found])
"""


@pytest.mark.slow
def test_another_process_finds_the_same_bits(capsys):
    exec(SCRIPT, {})
    here = capsys.readouterr().out
    command = [sys.executable, "-c", SCRIPT]
    there = subprocess.run(command, capture_output=True, text=True, check=True)
    assert there.stdout == here
    assert len(here.split()) == 54


# ------------------------------------------------------------ weights and order


@quiet
@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("parameters", RANDOM, ids=str)
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_weights_are_repetitions_to_the_bit(Estimator, parameters):
    X = rows()
    weights = np.random.default_rng(2).integers(0, 4, len(X))
    weighted = Estimator(**SMALL | parameters).fit(X, sample_weight=weights)
    repeated = np.random.default_rng(3).permutation(np.repeat(X, weights, axis=0))
    plain = Estimator(**SMALL | parameters).fit(repeated)
    assert_array_equal(weighted.theta_, plain.theta_)
    assert_array_equal(weighted.transform(X), plain.transform(X))
    assert_allclose(weighted.reconstruction_err_, plain.reconstruction_err_, rtol=1e-9)
    if Estimator is AutoencoderOutlierDetector:
        assert_allclose(weighted.score_samples(X), plain.score_samples(X), rtol=1e-6)
        assert_allclose(weighted.offset_, plain.offset_, rtol=1e-6)


@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_a_row_of_weight_zero_may_hold_anything_finite(Estimator):
    X = rows()
    weights = np.ones(len(X))
    weights[::3] = 0
    wild = np.where(weights[:, None] == 0, 1e9, X)
    model = Estimator(**SMALL).fit(wild, sample_weight=weights)
    assert_array_equal(model.theta_, Estimator(**SMALL).fit(X[weights > 0]).theta_)


def test_weights_draw_the_model_to_the_rows_that_weigh():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(50, 3)) * [5, 1, 0.1], rng.normal(size=(50, 3)) * [0.1, 1, 5]])
    weights = np.repeat([1, 1e-3], 50)
    model = AutoencoderTransformer(2, **SMALL | {"max_iter": 20})
    light = -model.fit(X, sample_weight=weights).score_samples(X[:50]).mean()
    heavy = -model.fit(X, sample_weight=weights[::-1]).score_samples(X[:50]).mean()
    assert light < 0.1 * heavy


def test_weights_of_any_size():
    X = rows()
    parameters = SMALL | {"linear_path": None}
    one = AutoencoderTransformer(**parameters).fit(X)
    for weight in (1e-6, 1e6, 3):
        model = AutoencoderTransformer(**parameters).fit(X, sample_weight=np.full(len(X), weight))
        assert_allclose(model.reconstruct(X), one.reconstruct(X), rtol=1e-6, atol=1e-6)


# ------------------------------------------------------------ solvers, schedules, batches


@quiet
@pytest.mark.parametrize("batch_size", [1, 7, "auto", 10**6])
@pytest.mark.parametrize("solver", ["adam", "sgd", "shampoo"])
def test_batches_of_any_size(solver, batch_size):
    X = rows()
    model = AutoencoderTransformer(solver=solver, **SMALL | {"linear_path": None})
    model.set_params(batch_size=batch_size, learning_rate_init=1e-3).fit(X)
    n_batches = {1: 60, 7: 9, "auto": 1, 10**6: 1}[batch_size]
    assert model.t_ == 5 * n_batches
    assert model.n_iter_ == 5
    assert len(model.loss_curve_) == 5
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "cosine"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "shampoo"])
def test_schedules(solver, learning_rate):
    model = AutoencoderTransformer(
        **SMALL | {"max_iter": 30}, solver=solver, learning_rate=learning_rate, linear_path=None
    ).fit(rows())
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@pytest.mark.parametrize("solver", ["adam", "sgd", "shampoo"])
def test_partial_fit_takes_cosine_for_constant(solver):
    """There is no last epoch at which the learning rate could be zero."""
    X = rows()
    found = []
    for learning_rate in ("constant", "cosine"):
        options = SMALL | {"max_iter": 2, "solver": solver, "learning_rate": learning_rate}
        model = AutoencoderTransformer(**options)
        for _ in range(4):
            model.partial_fit(X)
        found.append(model.theta_)
    assert_array_equal(*found)


@pytest.mark.parametrize("momentum", [0, 0.5, 0.9])
@pytest.mark.parametrize("nesterovs_momentum", [False, True])
def test_momentum(nesterovs_momentum, momentum):
    model = AutoencoderTransformer(
        **SMALL | {"max_iter": 30},
        solver="sgd",
        momentum=momentum,
        nesterovs_momentum=nesterovs_momentum,
        linear_path=None,
    ).fit(rows())
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@quiet
def test_lbfgs_never_goes_up():
    model = AutoencoderTransformer(
        **SMALL | {"max_iter": 60, "linear_path": None}, solver="lbfgs", tol=0
    ).fit(rows())
    assert np.all(np.diff(model.loss_curve_) <= 1e-12)
    assert len(model.loss_curve_) == model.n_iter_ <= 60


def test_lbfgs_says_which_limit_it_met():
    X = rows()
    parameters = SMALL | {"solver": "lbfgs", "linear_path": None, "tol": 0}
    with pytest.warns(ConvergenceWarning, match="max_iter=5"):
        AutoencoderTransformer(**parameters).fit(X)
    with pytest.warns(ConvergenceWarning, match="max_fun"):
        AutoencoderTransformer(**parameters | {"max_iter": 500, "max_fun": 3}).fit(X)


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
@pytest.mark.parametrize("solver", ["adam", "sgd", "shampoo", "lbfgs"])
def test_no_iteration_is_the_start(Estimator, solver):
    X = rows()
    model = Estimator(**SMALL | {"solver": solver, "max_iter": 0}).fit(X)
    assert model.n_iter_ == 0
    assert model.t_ == 0
    assert model.loss_curve_ == []
    again = Estimator(**SMALL | {"max_iter": 0}).fit(X)
    assert_array_equal(model.theta_, again.theta_)


def test_training_stops_when_nothing_improves():
    X = rows()
    model = AutoencoderTransformer(
        **SMALL | {"max_iter": 500}, solver="sgd", learning_rate_init=1e-9, linear_path=None
    ).fit(X)
    assert model.n_iter_ < 50
    assert model.set_params(tol=0, n_iter_no_change=500, max_iter=60).fit(X).n_iter_ == 60


def test_fit_is_silent_and_verbose_is_a_line_an_epoch(capsys):
    X = rows()
    AutoencoderTransformer(**SMALL).fit(X)
    AutoencoderTransformer(**SMALL | {"early_stopping": True}).fit(X)
    AutoencoderOutlierDetector(**SMALL).fit(X).partial_fit(X)
    assert capsys.readouterr().out == ""
    model = AutoencoderTransformer(**SMALL | {"verbose": True}).fit(X)
    lines = capsys.readouterr().out.splitlines()
    lines = lines[: -len(model._report())]
    assert len(lines) == model.n_iter_ == 5
    assert lines[0].startswith("Epoch 1, loss = ")
    assert f"{model.loss_curve_[-1]:.6g}" in lines[-1]


# ------------------------------------------------------------ going on


@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_warm_start_goes_on(Estimator):
    X = rows()
    model = Estimator(**SMALL | {"warm_start": True, "linear_path": None, "max_iter": 30})
    model.fit(X)
    first, theta = list(model.loss_curve_), model.theta_.copy()
    model.fit(X)
    assert model.loss_curve_[:30] == first
    assert len(model.loss_curve_) == 60
    assert model.loss_curve_[-1] < first[-1]
    assert not np.array_equal(model.theta_, theta)
    model.set_params(warm_start=False).fit(X)
    assert_array_equal(model.theta_, theta)


def test_warm_start_keeps_its_geometry():
    X = rows()
    model = AutoencoderTransformer(**SMALL | {"warm_start": True}).fit(X)
    mean, scale = model.mean_.copy(), model.scale_.copy()
    model.fit(X * 3 + 7)
    assert_array_equal(model.mean_, mean)
    assert_array_equal(model.scale_, scale)


@pytest.mark.parametrize(
    "parameters",
    [
        {"hidden_layer_sizes": (3,)},
        {"n_components": 3},
        {"activation": "tanh"},
        {"linear_path": None},
        {"loss": "huber"},
    ],
    ids=str,
)
def test_another_network_cannot_go_on(parameters):
    X = rows()
    model = AutoencoderTransformer(**SMALL | {"warm_start": True}).fit(X)
    model.set_params(**parameters)
    before = pickle.dumps(model)
    for method in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="warm_start=False"):
            method(X)
        assert pickle.dumps(model) == before


@pytest.mark.slow
@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
@pytest.mark.parametrize("solver", ["adam", "sgd", "shampoo"])
def test_saving_and_loading_between_chunks_changes_nothing(Estimator, solver):
    X = rows()
    parameters = SMALL | {"solver": solver, "linear_path": None}
    steady, saved = Estimator(**parameters), Estimator(**parameters)
    for start in (0, 20, 40, 0, 20):
        assert steady.partial_fit(X[start : start + 20]) is steady
        saved = pickle.loads(pickle.dumps(saved)).partial_fit(X[start : start + 20])
    assert_array_equal(steady.theta_, saved.theta_)
    assert steady.t_ == saved.t_ == 5
    assert steady.n_samples_seen_ == 100
    assert steady.n_iter_ == 5
    assert len(steady.loss_curve_) == 5


def test_chunks_get_new_orders_and_new_noise():
    seen = []

    def noise(X, rng):
        seen.append(rng.random(4))
        return X + rng.normal(size=X.shape)

    model = DenoisingAutoencoder(noise=noise, **SMALL)
    for _ in range(3):
        model.partial_fit(rows())
    assert len(np.unique(seen, axis=0)) == len(seen) >= 3


def test_chunks_of_one_row_after_the_first():
    X = rows()
    model = AutoencoderTransformer(**SMALL).partial_fit(X[:30])
    for row in X[30:]:
        model.partial_fit(row[None])
    assert model.t_ == 31
    assert model.score(X) > 0.5
    with pytest.raises(ValueError, match="minimum of 2"):
        AutoencoderTransformer(**SMALL).partial_fit(X[:1])


def test_chunks_after_fit_and_fit_after_chunks():
    X = rows()
    model = AutoencoderTransformer(**SMALL).fit(X)
    theta = model.theta_.copy()
    model.partial_fit(X)
    assert len(model.loss_curve_) == 6
    assert_array_equal(model.fit(X).theta_, theta)
    assert len(model.loss_curve_) == 5


def test_chunks_keep_the_dtype_of_the_first():
    X = rows()
    model = AutoencoderTransformer(**SMALL).partial_fit(X.astype(np.float32)).partial_fit(X)
    assert model.theta_.dtype == np.float32
    model = AutoencoderTransformer(**SMALL).partial_fit(X).partial_fit(X.astype(np.float32))
    assert model.theta_.dtype == np.float64


# ------------------------------------------------------------ early stopping


def noisy_rows():
    """Few rows and many columns of noise: whoever trains for long learns the noise."""
    return np.random.default_rng(0).normal(size=(700, 12)) * np.linspace(2, 1, 12)


@pytest.mark.parametrize("Estimator", [AutoencoderTransformer, DenoisingAutoencoder])
@pytest.mark.parametrize("given", [False, True])
def test_the_best_epoch_is_restored(Estimator, given):
    X, X_val = noisy_rows()[:600], noisy_rows()[600:]
    model = Estimator(
        2, max_iter=60, learning_rate_init=0.02, alpha=0, tol=0, n_iter_no_change=60, random_state=0
    )
    model.set_params(averaging=0, hidden_layer_sizes=(32,))
    if "noise" in model.get_params():
        model.set_params(noise=None)
    model.fit(X, X_val=X_val if given else None)
    losses = model.validation_loss_curve_
    assert len(losses) == 60
    assert losses[-1] > min(losses)
    error = -model.score_samples(X_val).mean()
    assert error <= pca_error(2, X, X_val) * 1.01
    if given:
        assert_allclose(error / (2 * model.scale_**2), model.best_loss_, rtol=1e-9)


def test_validation_samples_are_not_learned_from():
    X = rows(300)
    model = AutoencoderTransformer(**SMALL | {"max_iter": 0})
    with pytest.warns(UserWarning, match="X_val is on another scale"):
        model.fit(X, X_val=X * 100 + 5)
    assert_allclose(model.mean_, X.mean(axis=0))
    alone = AutoencoderTransformer(**SMALL | {"max_iter": 0}).fit(X)
    assert_array_equal(model.theta_, alone.theta_)


@pytest.mark.slow
@quiet
@pytest.mark.usefixtures("two_calibration_folds")
@pytest.mark.parametrize("solver", ["adam", "sgd", "shampoo", "lbfgs"])
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_early_stopping_with_every_solver(Estimator, solver):
    X = rows(100)
    model = Estimator(**SMALL | {"early_stopping": True, "solver": solver}).fit(X)
    assert len(model.validation_loss_curve_) >= 1
    assert np.isfinite(model.validation_loss_curve_).all()
    model.fit(X, X_val=rows(50, seed=5))
    assert np.isfinite(model.best_loss_)


@quiet
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("solver", ["adam", "sgd", "shampoo", "lbfgs"])
def test_what_is_validated_is_what_is_trained(solver, given):
    """On rows that a network reconstructs better than PCA, that is seen and kept."""
    t = np.random.default_rng(0).uniform(-1, 1, 700)
    X = np.column_stack([t, t**2, np.sin(3 * t)])
    model = AutoencoderTransformer(
        1,
        hidden_layer_sizes=(32,),
        solver=solver,
        learning_rate_init=0.01,
        alpha=1e-4,
        max_iter=40,
        n_iter_no_change=40,
        random_state=0,
    ).fit(X[:600], X_val=X[600:] if given else None)
    losses = model.validation_loss_curve_
    assert losses[-1] < losses[0]
    assert -model.score_samples(X[600:]).mean() < 0.9 * pca_error(1, X[:600], X[600:])


@pytest.mark.parametrize("n_rows", [2, 3, 5, 8])
@pytest.mark.parametrize("Estimator", first_of(ESTIMATORS))
def test_early_stopping_on_few_rows(Estimator, n_rows):
    model = Estimator(1, **SMALL | {"early_stopping": True})
    try:
        model.fit(rows(n_rows))
    except ValueError as error:
        assert "early_stopping" in str(error)  # noqa: PT017
    else:
        assert np.isfinite(model.reconstruct(rows())).all()


def rows_some_far_off(n_rows, distance, seed):
    """Rows on a curved surface, but for one of forty, which is anywhere, far away."""
    X = curved_rows(n_rows, seed=seed)
    X += 0.05 * np.random.default_rng(seed + 1).normal(size=X.shape)
    far = X[::40]
    far[...] = distance * np.random.default_rng(seed + 2).normal(size=far.shape)
    return X


@pytest.mark.parametrize(("n_rows", "distance", "seed"), [(300, 10, 1), (800, 20, 0)])
def test_layers_are_bounded_where_rows_far_off_undo_the_gain(n_rows, distance, seed):
    X = rows_some_far_off(n_rows, distance, seed)
    options = {"hidden_layer_sizes": (32,), "learning_rate_init": 0.01, "max_iter": 60}
    options["random_state"] = 0
    relu = AutoencoderTransformer(5, activation="relu", **options).fit(X)
    assert relu.best_iter_ == 0
    auto = AutoencoderTransformer(5, **options).fit(X)
    assert auto.architecture_["activations"] == ["isru", "identity", "isru", "identity"]
    assert relu.n_iter_ < auto.best_iter_ <= auto.n_iter_ == len(auto.loss_curve_)
    assert relu.n_iter_ <= 60
    assert auto.explained_variance_ratio_.sum() > relu.explained_variance_ratio_.sum()


def test_validation_rows_of_another_dtype():
    X = rows()
    model = AutoencoderTransformer(**SMALL).fit(X.astype(np.float32), X_val=X)
    assert model.theta_.dtype == np.float32
    model.fit(X, X_val=np.round(X).astype(int))
    assert model.theta_.dtype == np.float64


# ------------------------------------------------------------ interruption


class Interrupting:
    """Noise that presses Ctrl-C in its n-th call, and counts its calls."""

    def __init__(self, n_calls=None, error=KeyboardInterrupt):
        self.n_calls, self.error, self.n = n_calls, error, 0

    def __call__(self, X, rng):
        self.n += 1
        if self.n == self.n_calls:
            raise self.error
        return X + rng.normal(size=X.shape)


def fit_through_interrupt(model, X):
    """Fit; an interrupt that escapes shall fail one test, not end them all."""
    try:
        with pytest.warns(UserWarning, match="interrupted"):
            assert model.fit(X) is model
    except KeyboardInterrupt:
        pytest.fail("the interrupt was not caught")


@pytest.mark.parametrize("n_epochs", [0, 2])
def test_interrupt_keeps_the_best_model_so_far(n_epochs):
    X = rows()
    noise = Interrupting()
    parameters = SMALL | {"learning_rate": "constant", "linear_path": None}
    shorter = DenoisingAutoencoder(noise=noise, **parameters | {"max_iter": n_epochs}).fit(X)
    model = DenoisingAutoencoder(**parameters | {"max_iter": 20})
    fit_through_interrupt(model.set_params(noise=Interrupting(noise.n + 1)), X)
    assert model.n_iter_ == n_epochs
    assert_array_equal(model.theta_, shorter.theta_)
    assert np.isfinite(model.reconstruct(X)).all()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.99])
@pytest.mark.parametrize("n_rows", [60, 700])
def test_interrupt_with_early_stopping(n_rows, share):
    X = rows(n_rows)
    noise = Interrupting()
    options = {"hidden_layer_sizes": (16,), "max_iter": 20, "random_state": 0}
    model = DenoisingAutoencoder(2, noise=noise, **options).fit(X)
    fit_through_interrupt(model.set_params(noise=Interrupting(int(share * noise.n))), X)
    assert np.isfinite(model.theta_).all()
    assert model.score(X) > 0


@quiet
def test_interrupt_of_lbfgs(monkeypatch):
    X = rows()
    model = AutoencoderTransformer(**SMALL | {"solver": "lbfgs", "linear_path": None})
    Relu, calls = ACTIVATIONS["relu"], []
    forward = Relu.forward

    def interrupt(z):
        calls.append(1)
        if len(calls) == 12:
            raise KeyboardInterrupt

    def interruptible(self, z, *scratch):
        yield interrupt, z
        yield from forward(self, z, *scratch)

    monkeypatch.setattr(Relu, "forward", interruptible)
    fit_through_interrupt(model, X)
    assert np.isfinite(model.transform(X)).all()
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_interrupt_between_chunks_leaves_the_model_as_it_was():
    """Whoever calls is told, so that the loop over the chunks ends too."""
    X = rows()
    model = DenoisingAutoencoder(noise="gaussian", **SMALL).partial_fit(X)
    before = pickle.dumps(model)
    model.set_params(noise=Interrupting(1))
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X)
    assert pickle.dumps(model.set_params(noise="gaussian")) == before


@pytest.mark.parametrize("error", [KeyError, MemoryError, SystemExit])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_any_other_exception_leaves_the_model_as_it_was(early_stopping, error):
    X = rows()
    model = DenoisingAutoencoder(**SMALL, noise="gaussian").fit(X)
    model.set_params(early_stopping=early_stopping)
    before = pickle.dumps(model)
    for method in ("fit", "partial_fit"):
        if hasattr(model, method):
            model.set_params(noise=Interrupting(3 if method == "fit" else 1, error))
            with pytest.raises(error):
                getattr(model, method)(X[:40])
            assert pickle.dumps(model.set_params(noise="gaussian")) == before


# ------------------------------------------------------------ divergence


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [1e3, 1e300])
@pytest.mark.parametrize("solver", ["adam", "sgd", "shampoo"])
@pytest.mark.parametrize("linear_path", ["pca", None])
def test_divergence_is_named_and_the_model_stays_finite(linear_path, solver, rate, dtype):
    X = rows().astype(dtype)
    model = AutoencoderTransformer(
        **SMALL | {"max_iter": 50}, solver=solver, learning_rate_init=rate, linear_path=linear_path
    )
    with pytest.warns(ConvergenceWarning, match="learning_rate_init"):
        model.fit(X)
    assert np.isfinite(model.theta_).all()
    assert np.isfinite(model.transform(X)).all()
    assert np.isfinite(model.reconstruct(X)).all()
    assert model.score(X) > -10


@pytest.mark.parametrize("n_rows", [60, 700])
@pytest.mark.parametrize("solver", ["adam", "sgd", "shampoo"])
def test_divergence_with_early_stopping_falls_back_to_the_start(solver, n_rows):
    X = rows(n_rows)
    model = AutoencoderTransformer(
        2, max_iter=20, solver=solver, learning_rate_init=1e4, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X)
    assert -model.score_samples(X).mean() <= pca_error(2, X, X) * 1.02


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(("rate", "n_epochs"), [(1e-3, 40), (0.3, 1)])
def test_a_last_training_that_is_worse_than_the_start_is_not_kept(
    rate, n_epochs, nested, monkeypatch
):
    """Folds may find epochs good that are bad on all rows, as a row far from them is in some."""
    X = curved_rows(100, noise=0.05)

    def certain(run, folds, n_errors):
        """Return the selector of a cross-validation in which all losses have halved."""
        losses = run.trainer.validation_losses(run.state, run.rows)()
        run.validation_pairs *= 5
        selector = EpochSelector(losses, run.rows.weights, 0)
        assert selector.select_if_better(losses / 2, n_epochs)
        return selector

    monkeypatch.setattr(validation, "cross_validate", certain)
    options = {"max_iter": 40, "learning_rate_init": rate, "nested": nested, "random_state": 0}
    model = AutoencoderTransformer(2, **options).fit(X)
    error = model.reconstruction_err_ / pca_error(2, X, X)
    if rate == 1e-3:
        assert model.best_iter_ == n_epochs
        assert error < 0.99
        gain = {1: 0.5, 2: 0.5} if nested else 0.5
    else:
        assert model.best_iter_ == 0
        assert error == pytest.approx(1)
        gain = {1: 0, 2: 0} if nested else 0
        assert model.gain_over_pca_bound_ == gain
    assert model.gain_over_pca_ == pytest.approx(gain)


@pytest.mark.parametrize("solver", ["adam", "sgd", "shampoo"])
def test_divergence_of_chunks(solver):
    """However small the chunks: what grew in the chunk before counts too."""
    X = rows()
    model = AutoencoderTransformer(**SMALL, solver=solver, learning_rate_init=1e3, linear_path=None)

    def train():
        for _ in range(20):
            model.partial_fit(X)

    with pytest.warns(ConvergenceWarning, match="learning_rate_init"):
        train()
    assert np.isfinite(model.reconstruct(X)).all()
    assert model.score(X) > -1e6


@pytest.mark.slow
@pytest.mark.usefixtures("two_calibration_folds")
def test_a_rate_that_is_right_does_not_warn():
    X = load_digits().data[:200] / 16
    for Estimator in ESTIMATORS:
        for solver in ("adam", "sgd"):
            Estimator(4, **SMALL | {"max_iter": 20}, solver=solver).fit(X)


# ---------------------------------------------------------------- fits in pieces


PIECES = {"hidden_layer_sizes": (16,), "learning_rate_init": 0.01, "random_state": 0}
WAYS_IN_PIECES = {
    "adam": {},
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "shampoo": {"solver": "shampoo"},
    "lbfgs": {"solver": "lbfgs"},
    "without average": {"averaging": 0.0},
    "invscaling": {"learning_rate": "invscaling", "power_t": 0.2},
    "nested": {"nested": True},
}


def in_pieces(n_pieces, X, **parameters):
    """Fit as many times for one epoch."""
    model = AutoencoderTransformer(3, max_iter=1, warm_start=True, **PIECES | parameters)
    for _ in range(n_pieces):
        model.fit(X)
    return model


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("way", WAYS_IN_PIECES)
def test_fits_of_one_epoch_are_as_one_fit(way, dtype):
    """Without held-out samples and with full batches nothing else differs."""
    X, parameters = curved_rows(150, noise=0.05).astype(dtype), WAYS_IN_PIECES[way]
    parameters = parameters | {"early_stopping": False, "shuffle": False, "tol": 0}
    once = AutoencoderTransformer(3, max_iter=12, **PIECES | parameters).fit(X)
    pieces = in_pieces(12, X, **parameters)
    tolerance = {"lbfgs": 2e-2, "nested": 0.1}.get(way, 1e-3)
    assert_allclose(pieces.loss_curve_, once.loss_curve_, rtol=tolerance)
    if way != "nested":  # of which samples are dealt to decoders anew
        assert_allclose(pieces.reconstruct(X), once.reconstruct(X), atol=0.02 * X.std())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("parameters", "n_rows"),
    [
        ({}, 300),  # which one fit cross-validates
        ({}, 700),
        ({"solver": "lbfgs"}, 700),
        ({"learning_rate": "cosine"}, 700),
        ({"linear_path": None}, 700),
    ],
    ids=str,
)
def test_fits_of_one_epoch_with_held_out_samples_reach_what_one_fit_reaches(parameters, n_rows):
    X, X_new = curved_rows(n_rows, noise=0.05), curved_rows(1000, noise=0.05, seed=1)
    once = AutoencoderTransformer(3, max_iter=25, **PIECES | parameters).fit(X)
    pieces = in_pieces(25, X, **parameters)
    assert pieces.score(X_new) > once.score(X_new) - 0.02 * abs(once.score(X_new))
    start = AutoencoderTransformer(3, max_iter=0, **PIECES | parameters).fit(X)
    assert once.score(X_new) > start.score(X_new) + 0.02


def test_what_training_continues_with_is_stored_only_for_warm_starts():
    X = curved_rows(100)
    parameters = PIECES | {"max_iter": 3}
    model = AutoencoderTransformer(3, **parameters).fit(X)
    assert set(model._optimizer_state) == {"steps"}
    model.set_params(warm_start=True).fit(X)
    assert "unfinished" in model._optimizer_state
    model.partial_fit(X)
    assert "unfinished" not in model._optimizer_state
    assert "average" not in model._optimizer_state
    # A fit that has converged is continued from the parameters that it kept.
    model.set_params(tol=10.0, n_iter_no_change=1).fit(X)
    assert set(model._optimizer_state) == {"steps"}


def test_a_pass_continues_from_the_kept_parameters():
    X, models = curved_rows(150), []
    for warm_start in (False, True):
        model = AutoencoderTransformer(3, max_iter=4, warm_start=warm_start, **PIECES)
        models.append(model.fit(X).partial_fit(X))
    assert_array_equal(models[0].theta_, models[1].theta_)


def test_changed_parameters_are_continued_from():
    X = curved_rows(150)
    parameters = PIECES | {"max_iter": 2, "early_stopping": False, "learning_rate_init": 1e-9}
    model = AutoencoderTransformer(3, warm_start=True, averaging=0, alpha=0, **parameters).fit(X)
    model.coefs_[0][...] += 1
    changed = model.theta_.copy()
    assert_allclose(model.fit(X).theta_, changed, atol=1e-6)


def test_the_solver_may_change_between_fits_in_pieces():
    X = curved_rows(150)
    model = AutoencoderTransformer(3, max_iter=3, warm_start=True, **PIECES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for solver in ("adam", "lbfgs", "sgd", "adam", "shampoo", "lbfgs"):
            model.set_params(solver=solver).fit(X)
    assert len(model.loss_curve_) == 18
    assert model.score(X) > AutoencoderTransformer(3, max_iter=0).fit(X).score(X)


@quiet
def test_lbfgs_after_adam_keeps_its_own_last_parameters():
    X = curved_rows(150)
    parameters = PIECES | {"max_iter": 10, "early_stopping": False}
    model = AutoencoderTransformer(3, warm_start=True, **parameters).fit(X)
    model.set_params(solver="lbfgs").fit(X)
    memory = model._optimizer_state["unfinished"]
    assert "averaged" not in memory
    assert_array_equal(memory["theta"], memory["best"])


@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_averaging_may_change_between_fits_in_pieces(averaging):
    X = curved_rows(150)
    model = AutoencoderTransformer(3, max_iter=3, warm_start=True, **PIECES).fit(X)
    model.set_params(averaging=averaging).fit(X)
    memory = model._optimizer_state["unfinished"]
    assert ("averaged" in memory) == (averaging > 0)
