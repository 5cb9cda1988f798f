"""SampleDisplay and LatentGridDisplay."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from plots import NAMES, SHAPE, frame, group_names, image_values, pca, pipeline, rows, variational
import pytest
from scipy.stats import norm
from sklearn.mixture import GaussianMixture

from skae.plotting import LatentGridDisplay, SampleDisplay


def test_drawn_samples_stand_below_real_ones():
    display = SampleDisplay.from_estimator(
        variational(), rows(), n_samples=7, random_state=3, n_columns=4, image_shape=SHAPE
    )
    assert_array_equal(display.drawn, variational().sample(7, random_state=3))
    assert group_names(display) == ["real", "", "drawn", ""]
    assert [len(line) for line in display.images_] == [4, 3, 4, 3]
    assert_allclose(image_values(display.images_[1][2]), rows()[6].reshape(SHAPE))
    assert_allclose(image_values(display.images_[2][1]), display.drawn[1].reshape(SHAPE))


def test_heatmap_of_another_model():
    display = SampleDisplay.from_estimator(
        GaussianMixture(2, random_state=0).fit(rows()), frame(), n_samples=5
    )
    assert display.feature_names == NAMES
    assert [len(image_values(line[0])) for line in display.images_] == [5, 5]


def test_models_that_cannot_draw_raise():
    with pytest.raises(TypeError, match="PCA has no sample"):
        SampleDisplay.from_estimator(pca())
    with pytest.raises(ValueError, match="n_samples must be a positive int"):
        SampleDisplay.from_estimator(variational(), n_samples=0)


def test_grid_covers_the_prior():
    display = LatentGridDisplay.from_estimator(
        variational(), columns=[2, 0], n_steps=3, image_shape=SHAPE
    )
    quantiles = norm.ppf([0.025, 0.5, 0.975])
    assert_allclose(display.codes, [quantiles, quantiles])
    code = [[quantiles[0], 0, quantiles[2]]]  # component 2 is highest, component 0 lowest
    assert_allclose(display.decoded[0, 2], variational().inverse_transform(code)[0])
    assert_allclose(image_values(display.images_[-1][2]), display.decoded[0, 2].reshape(SHAPE))
    assert group_names(display) == ["2", "0", "-2"]
    assert display.ax_.get_xlabel() == "component 2"
    assert display.ax_.get_ylabel() == "component 0"


def test_grid_covers_the_codes_of_samples():
    display = LatentGridDisplay.from_estimator(pipeline(), frame(), n_steps=3)
    code = pipeline().transform(frame())
    assert_allclose(display.codes, np.quantile(code, [0.025, 0.5, 0.975], axis=0)[:, :2].T)
    middle = pipeline().inverse_transform(np.median(code, axis=0)[None])[0]
    assert_allclose(display.decoded[1, 1], middle)
    assert display.feature_names == NAMES


def test_grids_that_cannot_be_drawn():
    with pytest.raises(ValueError, match="X must be given: a PCA has no prior"):
        LatentGridDisplay.from_estimator(pca())
    for columns in ([0], [1, 1], [0, 1, 2]):
        with pytest.raises(ValueError, match="columns must be two components"):
            LatentGridDisplay.from_estimator(variational(), columns=columns)
