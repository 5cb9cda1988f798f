"""LossCurveDisplay, ComponentSearchDisplay and RateDistortionDisplay."""

from numpy.testing import assert_allclose, assert_array_equal
from plots import SMALL, autoencoder, component_search, pca, pipeline, rows, search, variational
import pytest
from sklearn.neural_network import MLPRegressor

from skae import AutoencoderTransformer
from skae.metrics import kl_weight_curve
from skae.plotting import ComponentSearchDisplay, LossCurveDisplay, RateDistortionDisplay

# ------------------------------------------------------------ LossCurveDisplay


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


# ------------------------------------------------------------ ComponentSearchDisplay


def test_scores_errors_and_the_chosen_number_are_drawn():
    display, fitted = ComponentSearchDisplay.from_estimator(component_search()), component_search()
    assert_array_equal(display.n_components, [1, 2, 4])
    means = fitted.cv_results_["mean_test_score"]
    assert_array_equal(display.scores_[0].get_data(), [[1, 2, 4], means])
    (marked,), (score,) = display.chosen_.get_data()
    assert (marked, score) == (fitted.n_components_, fitted.best_score_)
    best = means.argmax()
    assert display.limit_.get_ydata()[0] == means[best] - fitted.standard_errors_[best]
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert f"chosen: {fitted.n_components_}" in labels


def test_another_search_is_sent_elsewhere():
    with pytest.raises(TypeError, match=r"got GridSearchCV\. DistortionDisplay\.from_cv_results"):
        ComponentSearchDisplay.from_estimator(search())


# ------------------------------------------------------------ RateDistortionDisplay


@pytest.mark.parametrize("distortion", ["nats", "mean_squared_error"])
def test_the_curve_is_that_of_the_metric(distortion):
    weights = [2.0, 0.5, 1.0]
    display = RateDistortionDisplay.from_estimator(
        variational(), rows()[:40], rows()[40:], kl_weights=weights, distortion=distortion
    )
    curve = kl_weight_curve(variational(), rows()[:40], rows()[40:], kl_weights=weights)
    expected = curve.distortion if distortion == "nats" else curve.mean_squared_error
    assert_allclose(display.distortions, expected)
    assert_allclose(display.line_.get_xdata(), sorted(curve.rate))
    assert [text.get_text() for text in display.texts_] == ["2", "1", "0.5"]
    assert ("nats" in display.ax_.get_ylabel()) == (distortion == "nats")


def test_what_it_cannot_draw():
    with pytest.raises(ValueError, match="distortion must be one of"):
        RateDistortionDisplay.from_estimator(variational(), rows(), distortion="bits")
    with pytest.raises(TypeError, match="PCA has no kl_weight"):
        RateDistortionDisplay.from_estimator(pca(), rows())
