"""Samples drawn as images and as heatmaps."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from plots import (
    NAMES,
    SHAPE,
    pca,
    rows,
    shown,
)

from skae.plotting import (
    ReconstructionDisplay,
)


def test_images_show_the_first_rows_on_one_scale():
    display = ReconstructionDisplay.from_estimator(pca(), rows(), image_shape=SHAPE, samples=4)
    originals, reconstructions, residuals = display.images_
    assert [len(images) for images in display.images_] == [4, 4, 4]
    for i in range(4):
        assert_array_equal(shown(originals[i]), rows()[i].reshape(SHAPE))
        assert_allclose(shown(reconstructions[i]), display.reconstructions["PCA"][i].reshape(SHAPE))
        assert_allclose(shown(residuals[i]), display.residuals["PCA"][i].reshape(SHAPE))
    limits = {image.get_clim() for image in originals + reconstructions}
    assert limits == {(rows().min(), rows().max())}
    half = (rows().max() - rows().min()) / 2
    assert {image.get_clim() for image in residuals} == {(-half, half)}


def test_images_stand_side_by_side_without_overlap():
    display = ReconstructionDisplay.from_estimator(pca(), rows(), image_shape=SHAPE, samples=3)
    boxes = np.array([[image.get_extent() for image in images] for images in display.images_])
    left, right, bottom, top = np.moveaxis(boxes, -1, 0)
    assert_allclose(right - left, SHAPE[1])
    assert_allclose(bottom - top, SHAPE[0])
    assert np.all(left[:, 1:] > right[:, :-1])
    assert np.all(top[1:] > bottom[:-1])
    x, y = display.ax_.get_xlim(), display.ax_.get_ylim()
    assert x[0] < left.min() < right.max() < x[1]
    assert y[0] > bottom.max() > top.min() > y[1]
    assert display.ax_.get_aspect() == 1


def test_a_table_is_standardised_by_column():
    display = ReconstructionDisplay.from_estimator(pca(), rows(), samples=5, feature_names=NAMES)
    (originals,), (reconstructions,), (residuals,) = display.images_
    mean, spread = rows().mean(axis=0), rows().std(axis=0)
    assert_allclose(shown(originals), (rows()[:5] - mean) / spread)
    found = (display.reconstructions["PCA"][:5] - mean) / spread
    assert_allclose(shown(reconstructions), found)
    assert_allclose(shown(residuals), display.residuals["PCA"][:5] / spread)
    limit = min(max(np.abs(shown(image)).max() for image in (originals, reconstructions)), 3)
    assert {image.get_clim() for (image,) in display.images_} == {(-limit, limit)}
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == NAMES


def test_columns_that_do_not_vary_are_left_alone():
    X = np.column_stack([rows()[:, :3], np.full(60, 7.0)])
    display = ReconstructionDisplay.from_predictions(X, X)
    assert_array_equal(shown(display.images_[0][0])[:, 3], 0)


def test_wide_tables_number_their_features():
    X = np.random.default_rng(0).normal(size=(5, 41))
    display = ReconstructionDisplay.from_predictions(X, X)
    assert display.ax_.get_xlabel() == "feature"
    assert len(display.ax_.get_xticks()) < 20


def test_colour_images():
    X = np.random.default_rng(0).uniform(10, 20, size=(6, 24))
    display = ReconstructionDisplay.from_predictions(X, X - 1, image_shape=(2, 4, 3))
    original, reconstruction, residual = (images[2] for images in display.images_)
    whole = (X - X.min()) / (X.max() - X.min())
    assert_allclose(shown(original), whole[2].reshape(2, 4, 3))
    assert shown(reconstruction).min() == 0
    assert_allclose(shown(residual), 1)
    assert shown(residual).shape == (2, 4)
    display = ReconstructionDisplay.from_predictions(X, X, image_shape=(4, 6, 1))
    assert shown(display.images_[0][0]).shape == (4, 6)


def test_images_of_one_value():
    X = np.full((3, 12), 4.0)
    display = ReconstructionDisplay.from_predictions(X, X, image_shape=SHAPE)
    assert display.images_[0][0].get_clim() == (3.5, 4.5)
