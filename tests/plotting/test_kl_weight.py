"""RateDistortionDisplay."""

from numpy.testing import assert_allclose
from plots import pca, rows, variational
import pytest

from skae.metrics import kl_weight_curve
from skae.plotting import RateDistortionDisplay


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
