"""Samples drawn as images and as heatmaps."""

import matplotlib.pyplot as plt
import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from plots import NAMES, SHAPE, image_values, pca, rows
import pytest

from skae.plotting import ReconstructionDisplay
from skae.plotting._image_grid import Heatmap, ImageGrid, ImageStyle, SampleGroup, choose_layout


def test_images_share_one_grey_scale():
    display = ReconstructionDisplay.from_estimator(pca(), rows(), image_shape=SHAPE, samples=4)
    originals, reconstructions, residuals = display.images_
    assert [len(images) for images in display.images_] == [4, 4, 4]
    for i in range(4):
        assert_array_equal(image_values(originals[i]), rows()[i].reshape(SHAPE))
        assert_allclose(
            image_values(reconstructions[i]), display.reconstructions["PCA"][i].reshape(SHAPE)
        )
        assert_allclose(image_values(residuals[i]), display.residuals["PCA"][i].reshape(SHAPE))
    limits = {image.get_clim() for image in originals + reconstructions}
    assert limits == {(rows().min(), rows().max())}
    half = (rows().max() - rows().min()) / 2
    assert {image.get_clim() for image in residuals} == {(-half, half)}


def test_images_do_not_overlap():
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


def test_heatmap_is_standardised_by_feature():
    display = ReconstructionDisplay.from_estimator(pca(), rows(), samples=5, feature_names=NAMES)
    (originals,), (reconstructions,), (residuals,) = display.images_
    mean, deviation = rows().mean(axis=0), rows().std(axis=0)
    assert_allclose(image_values(originals), (rows()[:5] - mean) / deviation)
    expected = (display.reconstructions["PCA"][:5] - mean) / deviation
    assert_allclose(image_values(reconstructions), expected)
    assert_allclose(image_values(residuals), display.residuals["PCA"][:5] / deviation)
    limit = min(max(np.abs(image_values(image)).max() for image in (originals, reconstructions)), 3)
    assert {image.get_clim() for (image,) in display.images_} == {(-limit, limit)}
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == NAMES


def test_constant_features_are_only_centred():
    X = np.column_stack([rows()[:, :3], np.full(60, 7.0)])
    display = ReconstructionDisplay.from_predictions(X, X)
    assert_array_equal(image_values(display.images_[0][0])[:, 3], 0)


def test_wide_heatmaps_have_no_feature_names():
    X = np.random.default_rng(0).normal(size=(5, 41))
    display = ReconstructionDisplay.from_predictions(X, X)
    assert display.ax_.get_xlabel() == "feature"
    assert len(display.ax_.get_xticks()) < 20


def test_colour_images():
    X = np.random.default_rng(0).uniform(10, 20, size=(6, 24))
    display = ReconstructionDisplay.from_predictions(X, X - 1, image_shape=(2, 4, 3))
    original, reconstruction, residual = (images[2] for images in display.images_)
    whole = (X - X.min()) / (X.max() - X.min())
    assert_allclose(image_values(original), whole[2].reshape(2, 4, 3))
    assert image_values(reconstruction).min() == 0
    assert_allclose(image_values(residual), 1)
    assert image_values(residual).shape == (2, 4)
    display = ReconstructionDisplay.from_predictions(X, X, image_shape=(4, 6, 1))
    assert image_values(display.images_[0][0]).shape == (4, 6)


def test_constant_images():
    X = np.full((3, 12), 4.0)
    display = ReconstructionDisplay.from_predictions(X, X, image_shape=SHAPE)
    assert display.images_[0][0].get_clim() == (3.5, 4.5)


def test_image_shape_chooses_the_layout():
    grid = choose_layout(rows(), SHAPE, NAMES)
    assert isinstance(grid, ImageGrid)
    assert grid.image_shape == SHAPE
    heatmap = choose_layout(rows(), None, NAMES)
    assert isinstance(heatmap, Heatmap)
    assert heatmap.feature_names == NAMES
    with pytest.raises(ValueError, match="is an image of 4 values"):
        choose_layout(rows(), (2, 2), NAMES)


@pytest.mark.parametrize("image_shape", [SHAPE, None])
def test_figures_grow_with_the_groups_and_their_names(image_shape):
    layout = choose_layout(rows(), image_shape, NAMES)
    group, longer = SampleGroup("short", rows()[:5]), SampleGroup("longer\nname", rows()[:5])
    width, height = layout.figsize([group])
    assert layout.figsize([group, group])[0] == width
    assert layout.figsize([group, group])[1] > height
    assert layout.figsize([longer])[0] > width


def test_heatmaps_label_the_first_and_the_last_sample():
    labels = ["first", "second", "third"]
    layout = choose_layout(rows(), None, NAMES, sample_labels=labels)
    ax = plt.figure().add_subplot()
    layout.draw(ax, [SampleGroup("group", rows()[:3])], ImageStyle(False, None))
    ticks = {tick.get_text(): y for tick, y in zip(ax.get_yticklabels(), ax.get_yticks())}
    assert ticks == {"first": 0.5, "group": 1.5, "third": 2.5}
