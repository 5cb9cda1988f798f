"""LossCurveDisplay."""

from numpy.testing import assert_allclose, assert_array_equal
from plots import SMALL, autoencoder, pipeline, rows
import pytest
from sklearn.neural_network import MLPRegressor

from skae import AutoencoderTransformer
from skae.plotting import LossCurveDisplay


def fitted(**parameters):
    return AutoencoderTransformer(2, **SMALL | parameters).fit(rows())


def test_curves_are_those_of_the_estimator():
    model = autoencoder()
    display = LossCurveDisplay.from_estimator(model)
    assert_array_equal(display.line_.get_xdata(), [1, 2, 3])
    assert_array_equal(display.line_.get_ydata(), model.loss_curve_)
    assert_array_equal(display.validation_line_.get_xdata(), [1, 2, 3])
    assert_array_equal(display.validation_line_.get_ydata(), model.validation_loss_curve_)


def test_marker_at_the_initial_model():
    model = fitted(learning_rate_init=0.3)
    assert model.best_iter_ == 0
    display = LossCurveDisplay.from_estimator(model)
    assert display.best_epoch == 0
    assert_array_equal(display.best_line_.get_data(), [[0], [model.best_loss_]])
    assert display.best_line_.get_label() == "epoch kept: 0 (initial model)"
    assert model.best_loss_ < min(model.validation_loss_curve_)


def test_marker_at_the_epoch_that_was_kept():
    model = fitted(linear_path=None, max_iter=8, learning_rate_init=0.05)
    assert model.best_iter_ > 0
    display = LossCurveDisplay.from_estimator(model)
    assert display.best_epoch == model.best_iter_
    assert display.best_loss == model.validation_loss_curve_[model.best_iter_ - 1]
    assert_allclose(display.best_loss, model.best_loss_)
    assert display.best_line_.get_label() == f"epoch kept: {model.best_iter_}"


def test_no_marker_without_early_stopping():
    display = LossCurveDisplay.from_estimator(fitted(early_stopping=False), name="plain")
    assert display.validation_line_ is None
    assert display.best_line_ is None
    assert display.best_epoch is None
    assert display.line_.get_label() == "plain, training samples"


def test_marker_at_the_last_epoch_after_partial_fit():
    model = fitted()
    model.partial_fit(rows())
    display = LossCurveDisplay.from_estimator(model)
    assert display.best_epoch == 4
    assert display.best_loss == model.loss_curve_[3]
    assert_array_equal(display.validation_line_.get_xdata(), [1, 2, 3])


def test_epochs_are_counted_over_warm_starts():
    model = fitted(early_stopping=False, warm_start=True, linear_path=None)
    model.set_params(early_stopping=True, learning_rate_init=0.05, max_iter=6).fit(rows())
    assert model.n_iter_ < len(model.loss_curve_)
    display = LossCurveDisplay.from_estimator(model)
    assert display.validation_line_.get_xdata()[-1] == len(model.loss_curve_)
    assert display.best_epoch == 3 + model.best_iter_
    assert_allclose(display.best_loss, model.best_loss_)
    model.set_params(early_stopping=False).fit(rows())
    display = LossCurveDisplay.from_estimator(model)
    assert display.first_validation_epoch == 1


def test_loss_curve_of_a_pipeline():
    display = LossCurveDisplay.from_estimator(pipeline())
    assert_array_equal(display.loss_curve, pipeline()[-1].loss_curve_)


def test_loss_curve_of_an_mlp():
    mlp = MLPRegressor(hidden_layer_sizes=(2,), max_iter=400, tol=1.0, random_state=0).fit(
        rows(), rows()[:, 0]
    )
    display = LossCurveDisplay.from_estimator(mlp)
    assert_array_equal(display.line_.get_ydata(), mlp.loss_curve_)
    assert display.best_line_ is None


@pytest.mark.parametrize(
    ("curve", "scale"), [([5.0, 1.0], "linear"), ([50.0, 1.0], "log"), ([50.0, -1.0], "linear")]
)
def test_scale_of_the_loss_axis(curve, scale):
    assert LossCurveDisplay(curve).plot().ax_.get_yscale() == scale


def test_zero_epochs_raise():
    with pytest.raises(ValueError, match=r"has completed no epoch of training \(max_iter=0\)"):
        LossCurveDisplay.from_estimator(fitted(max_iter=0))
