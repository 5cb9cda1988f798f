"""ReconstructionDisplay, DenoisingDisplay and SampleDisplay."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
from plots import (
    NAMES,
    SHAPE,
    autoencoder,
    denoiser,
    detector,
    frame,
    group_names,
    image_values,
    pca,
    pipeline,
    rows,
    variational,
)
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from skae import DenoisingAutoencoder
from skae.metrics import reconstruction_score
from skae.plotting import (
    DenoisingDisplay,
    InterpolationDisplay,
    ReconstructionDisplay,
    SampleDisplay,
    TraversalDisplay,
)
from skae.plotting._drawing import GAP_COLOR

pl = pytest.importorskip("polars")

# ------------------------------------------------------------ ReconstructionDisplay


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
    assert group_names(display) == [
        "original",
        f"{name}\nR² = {display.scores[name]:.3f}",
        "residual",
    ]


def test_several_estimators_are_drawn_below_each_other():
    display = ReconstructionDisplay.from_estimator(
        {"linear": pca(), "nonlinear": autoencoder()}, rows(), image_shape=SHAPE
    )
    assert [name.split("\n")[0] for name in group_names(display)] == [
        "original",
        "linear",
        "nonlinear",
    ]
    assert list(display.scores) == ["linear", "nonlinear"]
    display.plot(residuals=True)
    assert len(display.images_) == 5


def test_residuals_and_colorbar_are_optional():
    display = ReconstructionDisplay.from_estimator(
        pca(), rows(), image_shape=SHAPE, residuals=False, samples=None
    )
    assert [len(images) for images in display.images_] == [60, 60]
    assert not display.figure_.axes[0].child_axes
    display.plot(residuals=True, colorbar=False)
    assert not display.figure_.axes[0].child_axes
    display.plot(residuals=True)
    assert len(display.figure_.axes[0].child_axes) == 1


@pytest.mark.parametrize(
    ("samples", "expected"),
    [(2, [0, 1]), ([5, 3, -1], [5, 3, 59]), (np.array([7]), [7]), (1000, range(60))],
)
def test_samples_select_what_is_drawn(samples, expected):
    display = ReconstructionDisplay.from_estimator(pca(), rows(), samples=samples)
    deviation = rows().std(axis=0)
    assert_allclose(
        image_values(display.images_[0][0]) * deviation + rows().mean(axis=0), rows()[expected]
    )
    assert_allclose(display.scores["PCA"], reconstruction_score(pca(), rows()))


@pytest.mark.parametrize("samples", [[60], [-61], [0.5], [], [[0]], [True]])
def test_invalid_samples_raise(samples):
    for call in (
        lambda: ReconstructionDisplay.from_estimator(pca(), rows(), samples=samples),
        lambda: DenoisingDisplay.from_estimator(pca(), rows(), rows(), samples=samples),
    ):
        with pytest.raises(
            ValueError, match=r"samples must be (a positive int|indices from -60 to 59)"
        ):
            call()


def test_wrong_shape_of_a_reconstruction_raises():
    with pytest.raises(
        ValueError, match=r"X_reconstructed .* shape as X, \(60, 12\), but its shape is \(60, 11\)"
    ):
        ReconstructionDisplay.from_predictions(rows(), rows()[:, 1:])


def test_display_from_the_constructor():
    display = ReconstructionDisplay(rows(), {"mine": rows()}).plot()
    assert [tick.get_text() for tick in display.ax_.get_xticklabels()] == list(map(str, range(12)))
    with pytest.raises(ValueError, match="is an image of 4 values"):
        ReconstructionDisplay(rows(), {"mine": rows()}, image_shape=(2, 2)).plot()


def test_empty_dict_of_estimators_raises():
    with pytest.raises(ValueError, match="a non-empty dict of estimators"):
        ReconstructionDisplay.from_estimator({}, rows())


def test_polars_frames():
    X = pl.DataFrame(rows(), schema=NAMES)
    display = ReconstructionDisplay.from_estimator(PCA(3).fit(X), X)
    assert display.feature_names == NAMES
    assert_allclose(display.X, rows())


def test_missing_cells_are_marked_and_do_not_count():
    X = np.where(np.random.default_rng(0).random((60, 12)) < 0.1, np.nan, rows())
    for image_shape in (None, SHAPE, (2, 2, 3)):
        display = ReconstructionDisplay.from_estimator(
            autoencoder(), X, image_shape=image_shape, residuals=True
        )
        (score,) = display.scores.values()
        assert_allclose(score, reconstruction_score(autoencoder(), X))
        assert group_names(display)[0] == "original\n(yellow: missing)"
        assert "missing" not in group_names(display)[1]
        image = np.ma.filled(display.images_[0][0].get_array(), np.nan)
        if image_shape == (2, 2, 3):
            missing = np.isnan(X[0]).reshape(2, 2, 3).any(axis=2)
            assert (image[missing] == GAP_COLOR).all()
        else:
            missing = np.isnan(X[0]).reshape(SHAPE) if image_shape else np.isnan(X[:10])
            assert_array_equal(np.isnan(image), missing)
            assert_allclose(display.images_[0][0].get_cmap().get_bad()[:3], GAP_COLOR)
    with pytest.raises(ValueError, match="X holds nothing but NaN"):
        ReconstructionDisplay.from_predictions(np.full((2, 3), np.nan), np.ones((2, 3)))


def test_estimators_that_return_frames():
    estimator = clone(pipeline()).set_output(transform="pandas").fit(frame())
    for display in (
        ReconstructionDisplay.from_estimator(estimator, frame()),
        TraversalDisplay.from_estimator(estimator, frame()),
        InterpolationDisplay.from_estimator(estimator, frame().iloc[0], frame().iloc[1]),
    ):
        assert display.feature_names == NAMES


# ------------------------------------------------------------ DenoisingDisplay


def test_noisy_samples_can_be_passed():
    noisy = rows() + 1
    display = DenoisingDisplay.from_estimator(pca(), rows(), noisy, image_shape=SHAPE, samples=2)
    assert_allclose(display.X_restored, pca().inverse_transform(pca().transform(noisy)))
    assert_allclose(display.noisy_error, 1)
    assert_allclose(display.restored_error, np.mean((display.X_restored - rows()) ** 2))
    assert [len(images) for images in display.images_] == [2, 2, 2]
    assert_allclose(image_values(display.images_[1][1]), noisy[1].reshape(SHAPE))
    assert group_names(display)[1] == "corrupted\nMSE 1"


def test_denoiser_adds_its_built_in_noise():
    one, same, other = (
        DenoisingDisplay.from_estimator(denoiser(), rows(), random_state=seed) for seed in (0, 0, 1)
    )
    assert_array_equal(one.X_noisy, same.X_noisy)
    assert not np.array_equal(one.X_noisy, other.X_noisy)
    deviation = (one.X_noisy - rows()).std()
    assert 0.9 * denoiser().noise_level < deviation < 1.1 * denoiser().noise_level
    assert_allclose(one.X_restored, denoiser().reconstruct(one.X_noisy))


def test_denoiser_of_frames():
    model = DenoisingAutoencoder(2, noise="masking", noise_level=0.5, max_iter=1, random_state=0)
    display = DenoisingDisplay.from_estimator(model.fit(frame()), frame(), random_state=0)
    assert display.feature_names == NAMES
    assert 0.4 < np.mean(display.X_noisy == 0) < 0.6


def test_built_in_noise_keeps_float32_and_checks_feature_names():
    X = pl.DataFrame(rows().astype(np.float32), schema=NAMES)
    model = DenoisingAutoencoder(2, max_iter=1, random_state=0).fit(X)
    display = DenoisingDisplay.from_estimator(model, X, random_state=0)
    assert display.X.dtype == display.X_noisy.dtype == display.X_restored.dtype == np.float32
    with pytest.raises(ValueError, match="feature names should match"):
        DenoisingDisplay.from_estimator(model, frame().rename(columns={NAMES[0]: "other"}))


@pytest.mark.parametrize("given", [False, True])
def test_cells_that_are_missing_from_clean_samples(given):
    X = rows().copy()
    X[::3, 1] = np.nan
    noisy = X + 1 if given else None
    display = DenoisingDisplay.from_estimator(denoiser(), X, noisy, random_state=0)
    assert_array_equal(np.isnan(display.X_noisy), np.isnan(X))
    known = ~np.isnan(X)
    squares = np.square(display.X_restored - X)[known]
    assert_allclose(display.restored_error, squares.mean())
    assert_allclose(display.noisy_error, np.square(display.X_noisy - X)[known].mean())


@pytest.mark.parametrize("estimator", [pca(), pipeline()])
def test_missing_noisy_samples_raise_without_built_in_noise(estimator):
    X = rows() if estimator is pca() else frame()
    with pytest.raises(ValueError, match="Pass X_noisy: only a DenoisingAutoencoder"):
        DenoisingDisplay.from_estimator(estimator, X)


def test_wrong_shape_of_noisy_samples_raises():
    with pytest.raises(
        ValueError, match=r"X_noisy must .* as X, \(60, 12\), but its shape is \(59, 12\)"
    ):
        DenoisingDisplay.from_estimator(pca(), rows(), rows()[1:])


# ------------------------------------------------------------ SampleDisplay


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
