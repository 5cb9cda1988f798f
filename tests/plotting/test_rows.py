"""Displays of rows: reconstructions, noise, paths through the code."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from plots import NAMES, SHAPE, autoencoder, denoiser, detector, frame, pca, pipeline, rows
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA

from skae import DenoisingAutoencoder
from skae.metrics import reconstruction_score
from skae.plotting import (
    DenoisingDisplay,
    InterpolationDisplay,
    ReconstructionDisplay,
    TraversalDisplay,
)


def names_of(display):
    return [tick.get_text() for tick in display.ax_.get_yticklabels()]


def shown(image):
    return np.asarray(image.get_array())


# ------------------------------------------------------------ reconstructions


@pytest.mark.parametrize(
    ("estimator", "X"),
    [(pca(), rows()), (autoencoder(), rows()), (pipeline(), frame()), (detector(), frame())],
    ids=["PCA", "autoencoder", "Pipeline", "detector"],
)
def test_reconstructions_residuals_and_scores(estimator, X):
    display = ReconstructionDisplay.from_estimator(estimator, X)
    ((name, reconstruction),) = display.reconstructions.items()
    assert name in {"PCA", "AutoencoderTransformer", "AutoencoderOutlierDetector"}
    assert_allclose(reconstruction, estimator.inverse_transform(estimator.transform(X)))
    assert_allclose(display.residuals[name], rows() - reconstruction)
    assert_allclose(display.scores[name], reconstruction_score(estimator, X), rtol=1e-12)
    assert names_of(display) == ["original", f"{name}\nR² = {display.scores[name]:.3f}", "residual"]


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


def test_several_estimators_stand_below_one_another():
    display = ReconstructionDisplay.from_estimator(
        {"linear": pca(), "nonlinear": autoencoder()}, rows(), image_shape=SHAPE
    )
    assert [name.split("\n")[0] for name in names_of(display)] == [
        "original",
        "linear",
        "nonlinear",
    ]
    assert list(display.scores) == ["linear", "nonlinear"]
    display.plot(residuals=True)
    assert len(display.images_) == 5


def test_residuals_and_scale_can_be_left_out():
    display = ReconstructionDisplay.from_estimator(
        pca(), rows(), image_shape=SHAPE, residuals=False, samples=None
    )
    assert [len(images) for images in display.images_] == [60, 60]
    assert len(display.figure_.axes) == 1
    display.plot(residuals=True, colorbar=False)
    assert len(display.figure_.axes) == 1
    display.plot(residuals=True)
    assert len(display.figure_.axes) == 2


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


@pytest.mark.parametrize(
    ("samples", "expected"),
    [(2, [0, 1]), ([5, 3, -1], [5, 3, 59]), (np.array([7]), [7]), (1000, range(60))],
)
def test_rows_that_are_shown(samples, expected):
    display = ReconstructionDisplay.from_estimator(pca(), rows(), samples=samples)
    spread = rows().std(axis=0)
    assert_allclose(shown(display.images_[0][0]) * spread + rows().mean(axis=0), rows()[expected])
    assert_allclose(display.scores["PCA"], reconstruction_score(pca(), rows()))


@pytest.mark.parametrize("samples", [[60], [-61], [0.5], [], [[0]], [True]])
def test_rows_that_do_not_exist_are_named(samples):
    for call in (
        lambda: ReconstructionDisplay.from_estimator(pca(), rows(), samples=samples),
        lambda: DenoisingDisplay.from_estimator(pca(), rows(), rows(), samples=samples),
    ):
        with pytest.raises(ValueError, match=r"samples (must be|has an index beyond the 60 rows)"):
            call()


def test_reconstructions_of_another_shape_are_named():
    with pytest.raises(ValueError, match=r"X_reconstructed .* shape of X: got \(60, 11\) beside"):
        ReconstructionDisplay.from_predictions(rows(), rows()[:, 1:])


def test_displays_made_by_hand():
    display = ReconstructionDisplay(rows(), {"mine": rows()}).plot()
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == list(map(str, range(12)))
    with pytest.raises(ValueError, match="is an image of 4 values"):
        ReconstructionDisplay(rows(), {"mine": rows()}, image_shape=(2, 2)).plot()


def test_no_estimators_are_named():
    with pytest.raises(ValueError, match="a dict of estimators"):
        ReconstructionDisplay.from_estimator({}, rows())


def test_frames_of_polars():
    X = pl.DataFrame(rows(), schema=NAMES)
    display = ReconstructionDisplay.from_estimator(PCA(3).fit(X), X)
    assert display.feature_names == NAMES
    assert_allclose(display.X, rows())


def test_estimators_that_return_frames():
    estimator = clone(pipeline()).set_output(transform="pandas").fit(frame())
    for display in (
        ReconstructionDisplay.from_estimator(estimator, frame()),
        TraversalDisplay.from_estimator(estimator, frame()),
        InterpolationDisplay.from_estimator(estimator, frame().iloc[0], frame().iloc[1]),
    ):
        assert display.feature_names == NAMES


# ------------------------------------------------------------ noise


def test_denoising_of_rows_that_are_given():
    noisy = rows() + 1
    display = DenoisingDisplay.from_estimator(pca(), rows(), noisy, image_shape=SHAPE, samples=2)
    assert_allclose(display.X_restored, pca().inverse_transform(pca().transform(noisy)))
    assert_allclose(display.noisy_error, 1)
    assert_allclose(display.restored_error, np.mean((display.X_restored - rows()) ** 2))
    assert [len(images) for images in display.images_] == [2, 2, 2]
    assert_allclose(shown(display.images_[1][1]), noisy[1].reshape(SHAPE))
    assert names_of(display)[1] == "corrupted\nMSE 1"


def test_a_denoiser_adds_the_noise_it_knows():
    one, same, other = (
        DenoisingDisplay.from_estimator(denoiser(), rows(), random_state=seed) for seed in (0, 0, 1)
    )
    assert_array_equal(one.X_noisy, same.X_noisy)
    assert not np.array_equal(one.X_noisy, other.X_noisy)
    deviation = (one.X_noisy - rows()).std()
    assert 0.9 * denoiser().noise_level < deviation < 1.1 * denoiser().noise_level
    assert_allclose(one.X_restored, denoiser().reconstruct(one.X_noisy))


def test_a_denoiser_of_frames():
    model = DenoisingAutoencoder(2, noise="masking", noise_level=0.5, max_iter=1, random_state=0)
    display = DenoisingDisplay.from_estimator(model.fit(frame()), frame(), random_state=0)
    assert display.feature_names == NAMES
    assert 0.4 < np.mean(display.X_noisy == 0) < 0.6


@pytest.mark.parametrize("estimator", [pca(), pipeline()])
def test_without_noise_of_its_own_noisy_rows_are_needed(estimator):
    X = rows() if estimator is pca() else frame()
    with pytest.raises(ValueError, match="X_noisy is needed"):
        DenoisingDisplay.from_estimator(estimator, X)


def test_noisy_rows_of_another_number_are_named():
    with pytest.raises(ValueError, match=r"X_noisy must have the shape of X: got \(59, 12\)"):
        DenoisingDisplay.from_estimator(pca(), rows(), rows()[1:])


# ------------------------------------------------------------ along the columns of the code


def test_traversal_moves_one_column_at_a_time():
    display = TraversalDisplay.from_estimator(pca(), rows(), n_steps=5, image_shape=SHAPE)
    code = pca().transform(rows())
    assert display.columns == [0, 1, 2]
    assert_allclose(display.quantiles, [0.05, 0.275, 0.5, 0.725, 0.95])
    for j in range(3):
        assert_allclose(display.codes[j], np.quantile(code[:, j], display.quantiles))
        moved = np.tile(np.median(code, axis=0), (5, 1))
        moved[:, j] = display.codes[j]
        assert_allclose(display.decoded[j], pca().inverse_transform(moved))
        assert len(display.images_[j]) == 5
        assert_allclose(shown(display.images_[j][3]), display.decoded[j, 3].reshape(SHAPE))
    assert_allclose(display.shares, pca().explained_variance_ratio_)
    assert names_of(display)[0] == f"column 0\n{pca().explained_variance_ratio_[0]:.1%}"
    assert display.ax_.get_xticklabels()[0].get_text() == "5%"


def test_traversal_from_a_row_along_some_columns():
    display = TraversalDisplay.from_estimator(
        pca(), rows(), x=rows()[4], columns=[2, 0], n_steps=3, quantile_range=(0, 1)
    )
    code = pca().transform(rows())
    assert display.decoded.shape == (2, 3, 12)
    assert_allclose(display.codes[0], np.quantile(code[:, 2], [0, 0.5, 1]))
    back = pca().transform(display.decoded[0])
    assert_allclose(back[:, :2], np.tile(code[4, :2], (3, 1)))
    assert_allclose(display.shares, pca().explained_variance_ratio_[[2, 0]])


def test_traversal_as_a_table_is_standardised_by_the_rows():
    display = TraversalDisplay.from_estimator(pipeline(), frame())
    assert len(display.images_) == 3
    expected = (display.decoded[1] - rows().mean(axis=0)) / rows().std(axis=0)
    assert_allclose(shown(display.images_[1][0]), expected)
    assert names_of(display)[0].startswith("column 0")
    assert names_of(display)[1:3] == ["5%", "95%"]


def test_many_columns_are_cut_down_to_ten():
    X = np.random.default_rng(0).normal(size=(30, 12))
    estimator = PCA(12).fit(X)
    assert TraversalDisplay.from_estimator(estimator, X).columns == list(range(10))
    assert TraversalDisplay.from_estimator(estimator, X, columns=11).columns == [11]


@pytest.mark.parametrize("columns", [[3], [-1], [0.5], [], ["a"]])
def test_columns_that_the_code_has_not_are_named(columns):
    with pytest.raises(ValueError, match=r"columns=.* from 0 to 2: it has 3"):
        TraversalDisplay.from_estimator(pca(), rows(), columns=columns)


@pytest.mark.parametrize("quantile_range", [(0.9, 0.1), (-0.1, 0.5), (5, 95), 0.5, ("a", "b")])
def test_quantiles_that_are_none_are_named(quantile_range):
    with pytest.raises(ValueError, match="quantile_range must be two increasing numbers"):
        TraversalDisplay.from_estimator(pca(), rows(), quantile_range=quantile_range)


# ------------------------------------------------------------ from one row to another


def test_interpolation_is_a_straight_line_in_the_code():
    start, end = rows()[:2]
    display = InterpolationDisplay.from_estimator(
        {"a": pca(), "b": autoencoder()}, start, end, n_steps=5, image_shape=SHAPE
    )
    assert list(display.paths) == ["input space", "a", "b"]
    assert_allclose(display.steps, [0, 0.25, 0.5, 0.75, 1])
    assert_allclose(display.paths["input space"], np.linspace(start, end, 5))
    codes = np.linspace(*autoencoder().transform(rows()[:2]), 5)
    assert_allclose(display.paths["b"], autoencoder().inverse_transform(codes))
    assert_allclose(shown(display.images_[2][4]), display.paths["b"][4].reshape(SHAPE))
    assert display.images_[1][0].get_clim() == (rows()[:2].min(), rows()[:2].max())
    assert names_of(display) == ["input space", "a", "b"]


def test_interpolation_without_the_rows_themselves():
    display = InterpolationDisplay.from_estimator(
        pca(), rows()[0], rows()[1], show_input=False, X=rows()
    )
    assert list(display.paths) == ["PCA"]
    expected = (display.paths["PCA"] - rows().mean(axis=0)) / rows().std(axis=0)
    assert_allclose(shown(display.images_[0][0]), expected)


def test_float32_stays_float32():
    X = rows().astype(np.float32)
    estimator = autoencoder()
    display = InterpolationDisplay.from_estimator(estimator, X[0], X[1])
    assert {path.dtype for path in display.paths.values()} == {np.dtype(np.float32)}
    assert TraversalDisplay.from_estimator(estimator, X).decoded.dtype == np.float32
