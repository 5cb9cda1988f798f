"""LatentGridDisplay, TraversalDisplay and InterpolationDisplay."""

import numpy as np
from numpy.testing import assert_allclose
from plots import (
    NAMES,
    SHAPE,
    autoencoder,
    frame,
    group_names,
    image_values,
    pca,
    pipeline,
    rows,
    variational,
)
import pytest
from scipy.stats import norm
from sklearn.decomposition import PCA

from skae.plotting import (
    InterpolationDisplay,
    LatentGridDisplay,
    TraversalDisplay,
)

# ------------------------------------------------------------ LatentGridDisplay


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


def test_the_grid_of_one_component_is_a_row():
    X = rows()
    model = PCA(1).fit(X)
    display = LatentGridDisplay.from_estimator(model, X, n_steps=3, image_shape=SHAPE)
    quantiles = np.quantile(model.transform(X), [0.025, 0.5, 0.975], axis=0)
    assert_allclose(display.decoded, model.inverse_transform(quantiles)[None])
    assert_allclose(display.codes, quantiles.T)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("component 0", "")
    assert len(display.images_) == 1


def test_grids_that_cannot_be_drawn():
    with pytest.raises(ValueError, match="X must be given: a PCA has no prior"):
        LatentGridDisplay.from_estimator(pca())
    for columns in ([0], [1, 1], [0, 1, 2]):
        with pytest.raises(ValueError, match="columns must be two components"):
            LatentGridDisplay.from_estimator(variational(), columns=columns)


# ------------------------------------------------------------ TraversalDisplay


def test_traversal_varies_one_component_at_a_time():
    display = TraversalDisplay.from_estimator(pca(), rows(), n_steps=5, image_shape=SHAPE)
    code = pca().transform(rows())
    assert display.columns == [0, 1, 2]
    assert_allclose(display.quantiles, [0.05, 0.275, 0.5, 0.725, 0.95])
    for j in range(3):
        assert_allclose(display.codes[j], np.quantile(code[:, j], display.quantiles))
        varied = np.tile(np.median(code, axis=0), (5, 1))
        varied[:, j] = display.codes[j]
        assert_allclose(display.decoded[j], pca().inverse_transform(varied))
        assert len(display.images_[j]) == 5
        assert_allclose(image_values(display.images_[j][3]), display.decoded[j, 3].reshape(SHAPE))
    assert_allclose(display.shares, pca().explained_variance_ratio_)
    assert group_names(display)[0] == f"component 0\n{pca().explained_variance_ratio_[0]:.1%}"
    assert display.ax_.get_xticklabels()[0].get_text() == "5%"


def test_traversal_with_fixed_values_of_a_sample():
    display = TraversalDisplay.from_estimator(
        pca(), rows(), x=rows()[4], columns=[2, 0], n_steps=3, quantile_range=(0, 1)
    )
    code = pca().transform(rows())
    assert display.decoded.shape == (2, 3, 12)
    assert_allclose(display.codes[0], np.quantile(code[:, 2], [0, 0.5, 1]))
    back = pca().transform(display.decoded[0])
    assert_allclose(back[:, :2], np.tile(code[4, :2], (3, 1)))
    assert_allclose(display.shares, pca().explained_variance_ratio_[[2, 0]])


def test_traversal_heatmap_is_standardised_by_all_samples():
    display = TraversalDisplay.from_estimator(pipeline(), frame())
    assert len(display.images_) == 3
    expected = (display.decoded[1] - rows().mean(axis=0)) / rows().std(axis=0)
    assert_allclose(image_values(display.images_[1][0]), expected)
    assert group_names(display)[0].startswith("component 0")
    assert group_names(display)[1:3] == ["5%", "95%"]


def test_default_is_the_first_ten_components():
    X = np.random.default_rng(0).normal(size=(30, 12))
    estimator = PCA(12).fit(X)
    assert TraversalDisplay.from_estimator(estimator, X).columns == list(range(10))
    assert TraversalDisplay.from_estimator(estimator, X, columns=11).columns == [11]


@pytest.mark.parametrize("columns", [[3], [-1], [0.5], [], ["a"]])
def test_components_that_do_not_exist_raise(columns):
    with pytest.raises(ValueError, match="components of the latent code, from 0 to 2, got"):
        TraversalDisplay.from_estimator(pca(), rows(), columns=columns)


@pytest.mark.parametrize("quantile_range", [(0.9, 0.1), (-0.1, 0.5), (5, 95), 0.5, ("a", "b")])
def test_invalid_quantile_range_raises(quantile_range):
    with pytest.raises(ValueError, match="quantile_range must be two increasing numbers"):
        TraversalDisplay.from_estimator(pca(), rows(), quantile_range=quantile_range)


# ------------------------------------------------------------ InterpolationDisplay


def test_interpolation_is_a_straight_line_in_latent_space():
    start, end = rows()[:2]
    display = InterpolationDisplay.from_estimator(
        {"a": pca(), "b": autoencoder()}, start, end, n_steps=5, image_shape=SHAPE
    )
    assert list(display.paths) == ["input space", "a", "b"]
    assert_allclose(display.steps, [0, 0.25, 0.5, 0.75, 1])
    assert_allclose(display.paths["input space"], np.linspace(start, end, 5))
    codes = np.linspace(*autoencoder().transform(rows()[:2]), 5)
    assert_allclose(display.paths["b"], autoencoder().inverse_transform(codes))
    assert_allclose(image_values(display.images_[2][4]), display.paths["b"][4].reshape(SHAPE))
    assert display.images_[1][0].get_clim() == (rows()[:2].min(), rows()[:2].max())
    assert group_names(display) == ["input space", "a", "b"]


def test_interpolation_without_input_space():
    display = InterpolationDisplay.from_estimator(
        pca(), rows()[0], rows()[1], show_input=False, X=rows()
    )
    assert list(display.paths) == ["PCA"]
    expected = (display.paths["PCA"] - rows().mean(axis=0)) / rows().std(axis=0)
    assert_allclose(image_values(display.images_[0][0]), expected)


def test_float32_stays_float32():
    X = rows().astype(np.float32)
    estimator = autoencoder()
    display = InterpolationDisplay.from_estimator(estimator, X[0], X[1])
    assert {path.dtype for path in display.paths.values()} == {np.dtype(np.float32)}
    assert TraversalDisplay.from_estimator(estimator, X).decoded.dtype == np.float32
