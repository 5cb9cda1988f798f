"""The end of training: no epoch in vain, and a line that says why."""

import numpy as np
import pytest
from runs import make_run

from skae import AutoencoderOutlierDetector, AutoencoderTransformer, DenoisingAutoencoder
from skae._training import ending
from skae._training.ending import is_exact, rounding_error, rounding_loss
from skae.losses import LOSSES

SMALL = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}


def low_rank(n_samples=600, n_features=6, rank=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_samples, rank)) @ rng.normal(size=(rank, n_features)) + 3


# ---------------------------------------------------------------- nothing in vain


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "X",
    [low_rank(), low_rank(100), low_rank()[:, :2], low_rank(rank=1)[:, :1]],
    ids=["rank 2", "cross-validated", "as many components as columns", "one column"],
)
@pytest.mark.parametrize("Estimator", [AutoencoderTransformer, AutoencoderOutlierDetector])
def test_no_epoch_where_pca_is_exact(Estimator, X, dtype):
    model = Estimator(min(2, X.shape[1]), **SMALL).fit(X.astype(dtype))
    assert model.n_iter_ == model.best_iter_ == 0
    assert model.loss_curve_ == model.validation_loss_curve_ == []
    assert model.gain_over_pca_ == model.gain_over_pca_bound_ == 0
    assert 0 <= model.best_loss_ < 1e-9
    tolerance = 1e-4 if dtype == np.float32 else 1e-12
    code = model.transform(X.astype(dtype))
    np.testing.assert_allclose(model.inverse_transform(code), X, atol=tolerance)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("Estimator", "parameters"),
    [
        (AutoencoderTransformer, {"early_stopping": False}),  # nobody asks held-out samples
        (AutoencoderTransformer, {"sparsity": "l1"}),
        (AutoencoderTransformer, {"nested": True}),  # one column is not enough
        (AutoencoderTransformer, {"linear_path": None}),
        (DenoisingAutoencoder, {}),
    ],
    ids=str,
)
def test_epochs_where_something_can_be_learned(Estimator, parameters):
    model = Estimator(2, **SMALL | parameters).fit(low_rank())
    assert model.n_iter_ >= 3


def test_exact_are_rounding_errors_alone():
    shares = np.full(4, 0.25)
    for dtype, greatest in ((np.float64, 1.2e-11), (np.float32, 1.5e-5)):
        model = make_run(low_rank().astype(dtype)).state.model
        error = rounding_error(dtype)
        assert greatest / 2 < error < greatest
        assert is_exact(np.full(4, 0.4 * error**2), shares, model)
        assert not is_exact(np.full(4, 0.6 * error**2), shares, model)
        one_size = np.column_stack([np.full(4, 0.6 * error**2), np.zeros(4)])
        assert not is_exact(one_size, shares, model)
    for parameters in ({"output_activation": "logistic"}, {"loss": "log_loss"}):
        X = np.random.default_rng(0).random((50, 4))
        model = make_run(X, **parameters).state.model
        assert not is_exact(np.zeros(4), shares, model)  # in other units than deviations


@pytest.mark.parametrize("name", ["absolute_error", "huber", "squared_error"])
def test_the_loss_of_rounding_errors(name):
    error = rounding_error(np.float64)
    expected = {"squared_error": error**2 / 2, "huber": error**2 / 2, "absolute_error": error}
    assert rounding_loss(LOSSES[name](), np.float64) == pytest.approx(expected[name], abs=0)


# ---------------------------------------------------------------- what the user is told


def endings(capsys):
    lines = capsys.readouterr().out.splitlines()
    return [line for line in lines if line.startswith("Epochs: ")]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({}, ending.EXACT),
        ({"linear_path": None}, "max_iter"),
        ({"linear_path": None, "early_stopping": False}, "max_iter"),
        (
            {"linear_path": None, "tol": 0.99, "n_iter_no_change": 2},
            ending.STALLED,
        ),
        ({"linear_path": None, "solver": "lbfgs"}, "max_iter"),
    ],
    ids=str,
)
def test_a_line_says_why_training_ended(parameters, reason, capsys):
    AutoencoderTransformer(2, **SMALL | parameters).fit(low_rank())
    assert capsys.readouterr().out == ""
    AutoencoderTransformer(2, verbose=1, **SMALL | parameters).fit(low_rank())
    (line,) = endings(capsys)
    assert line.endswith(f" {ending.SENTENCES[reason]}.")
