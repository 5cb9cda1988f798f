"""WeightsDisplay."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from plots import SHAPE, SMALL, autoencoder, pipeline, rows
import pytest
from sklearn.neural_network import MLPRegressor

from skae import AutoencoderTransformer
from skae.plotting import WeightsDisplay


def test_units_with_the_largest_weights_come_first():
    display = WeightsDisplay.from_estimator(autoencoder(), SHAPE, n_units=3)
    coefs = autoencoder().coefs_[0]
    assert_array_equal(display.units, np.argsort(-np.square(coefs).sum(axis=0))[:3])
    assert_array_equal(display.weights, coefs.T[display.units])
    for image, weights in zip(display.images_, display.weights):
        assert_array_equal(np.asarray(image.get_array()), weights.reshape(SHAPE))
        assert image.get_clim() == (-np.abs(weights).max(), np.abs(weights).max())
    assert len(display.images_) == 3


def test_all_units_keep_their_order():
    display = WeightsDisplay.from_estimator(pipeline(), SHAPE, n_units=None)
    assert_array_equal(display.units, np.arange(5))
    assert_array_equal(display.weights, pipeline()[-1].coefs_[0].T)


def test_linear_path_is_added_to_weights_of_the_code():
    model = AutoencoderTransformer(2, **SMALL | {"hidden_layer_sizes": ()}).fit(rows())
    display = WeightsDisplay.from_estimator(model, SHAPE, n_units=None)
    assert_allclose(display.weights, (model.coefs_[0] + model.path_coefs_[0]).T)
    change = np.diff(model.transform(rows()[:2]), axis=0)[0] / model.code_scale_
    step = np.diff(rows()[:2], axis=0)[0] / model.scale_
    assert_allclose(display.weights @ step, change)


def test_weights_of_an_mlp_and_colour_images():
    mlp = MLPRegressor(hidden_layer_sizes=(2,), max_iter=400, tol=1.0).fit(rows(), rows()[:, 0])
    display = WeightsDisplay.from_estimator(mlp, (2, 2, 3), n_units=None)
    expected = mlp.coefs_[0][:, 0].reshape(2, 2, 3).mean(axis=2)
    assert_allclose(np.asarray(display.images_[0].get_array()), expected)


def test_a_wrong_image_shape_raises():
    with pytest.raises(ValueError, match="image_shape"):
        WeightsDisplay.from_estimator(autoencoder(), (4, 4))
    with pytest.raises(ValueError, match="feature_names"):
        WeightsDisplay.from_estimator(autoencoder(), feature_names=["one"])


def test_weights_of_tables_are_a_heatmap():
    display = WeightsDisplay.from_estimator(autoencoder(), n_units=3, feature_names="abcdefghijkl")
    (image,) = display.images_
    assert_array_equal(np.asarray(image.get_array()), display.weights)
    assert image.get_clim() == (-np.abs(display.weights).max(), np.abs(display.weights).max())
    texts = [
        [t.get_text() for t in ticks]
        for ticks in (display.ax_.get_xticklabels(), display.ax_.get_yticklabels())
    ]
    assert texts == [list("abcdefghijkl"), [str(unit) for unit in display.units]]
    squares = WeightsDisplay(np.eye(49)).plot().ax_
    assert squares.get_xlabel() == "feature (if samples are images, pass image_shape=(7, 7))"
    assert len(squares.get_yticks()) < 30


def test_zero_weights_are_drawn():
    display = WeightsDisplay(np.zeros((2, 12)), SHAPE).plot()
    assert display.images_[0].get_clim() == (-1, 1)
