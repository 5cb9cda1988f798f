"""Checks of arguments: directly, and as the Displays raise them."""

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pandas as pd
from plots import CALLS, NAMES, autoencoder, detector, frame, pca, pipeline, rows
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError

from skae import plotting
from skae.plotting._validation import (
    as_samples,
    as_samples_like,
    as_single_sample,
    check_components,
    check_count,
    check_feature_names,
    check_image_shape,
    final_step,
    find_feature_names,
    named_reducers,
    select_samples,
)

pl = pytest.importorskip("polars")

# ------------------------------------------------------------ estimators


def test_final_step_of_a_pipeline_and_of_other_estimators():
    assert final_step(pipeline()) is pipeline()[-1]
    assert final_step(pca()) is pca()


def test_reducers_are_named_by_their_class_or_by_the_key():
    assert named_reducers(pipeline(), "Display") == {"AutoencoderTransformer": pipeline()}
    assert named_reducers({1: pca(), "b": pipeline()}, "Display") == {"1": pca(), "b": pipeline()}


def test_reducers_that_are_missing_or_not_fitted_raise():
    with pytest.raises(ValueError, match=r"Display needs .* non-empty dict of estimators, got {}"):
        named_reducers({}, "Display")
    with pytest.raises(NotFittedError):
        named_reducers({"fitted": pca(), "not fitted": PCA()}, "Display")


# ------------------------------------------------------------ samples


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame, pl.DataFrame])
def test_samples_keep_their_float_dtype(container, dtype):
    samples = as_samples(container(rows().astype(dtype)))
    assert samples.dtype == dtype
    assert_array_equal(samples, rows().astype(dtype))


def test_integers_become_floats():
    assert as_samples([[1, 2], [3, 4]]).dtype == np.float64


def test_samples_that_are_not_finite_raise():
    with pytest.raises(ValueError, match="x_from contains NaN"):
        as_samples([[np.nan]], "x_from")


def test_samples_of_another_shape_raise():
    assert_array_equal(as_samples_like([[1, 2]], np.zeros((1, 2)), "X_noisy"), [[1, 2]])
    with pytest.raises(ValueError, match=r"X_noisy .* X, \(1, 3\), but its shape is \(1, 2\)"):
        as_samples_like([[1, 2]], np.zeros((1, 3)), "X_noisy")


def test_single_sample_keeps_the_names_of_frames():
    assert list(as_single_sample(frame().iloc[3], "x").columns) == NAMES
    assert as_single_sample(frame().iloc[[3]], "x").index == [3]
    assert_array_equal(as_single_sample([1, 2], "x"), [[1, 2]])


# ------------------------------------------------------------ names and shapes


def test_feature_names_of_frames_come_before_those_of_the_estimator():
    assert find_feature_names(frame(), pca()) == NAMES
    assert find_feature_names(rows(), pipeline()[0]) == NAMES
    assert find_feature_names(pd.DataFrame([[1, 2]]), pipeline()[0]) == ["0", "1"]
    assert find_feature_names(rows(), pca()) is None


def test_default_feature_names_are_numbers():
    assert check_feature_names(None, 2) == ["0", "1"]
    assert check_feature_names((7, "b"), 2) == ["7", "b"]


def test_image_shapes():
    assert check_image_shape(None, 12) is None
    assert check_image_shape([3, 4], 12) == (3, 4)
    assert check_image_shape((2, 2, 3), 12) == (2, 2, 3)
    assert check_image_shape((3, 4, 1), 12) == (3, 4)
    assert check_image_shape((12, 1), 12) == (12, 1)


# ------------------------------------------------------------ counts and indices


def test_counts_are_limited_by_the_maximum():
    assert check_count(5, "n") == 5
    assert check_count(5, "n", 3) == 3
    assert check_count(None, "n", 3) == 3
    assert check_count(np.int64(2), "n", 3) == 2
    with pytest.raises(ValueError, match="n must be a positive int, got None"):
        check_count(None, "n")
    with pytest.raises(ValueError, match="n must be a positive int or None, got 0"):
        check_count(0, "n", 3)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [(None, [0, 1, 2]), (2, [0, 1]), (9, [0, 1, 2]), ([2, -3], [2, -3]), (np.array([1]), [1])],
)
def test_selected_samples(samples, expected):
    assert_array_equal(select_samples(samples, 3), expected)


@pytest.mark.parametrize("samples", [[3], [-4], [0.5], [], [[0]], [True], 0])
def test_invalid_samples_raise(samples):
    with pytest.raises(ValueError, match="samples must be"):
        select_samples(samples, 3)


def test_default_components_are_the_first_ten():
    assert check_components(None, 3) == [0, 1, 2]
    assert check_components(None, 12) == list(range(10))
    assert check_components(11, 12) == [11]
    assert check_components((2, 0), 3) == [2, 0]
    with pytest.raises(ValueError, match=r"of PCA's code, from 0 to 2, got \[3\]"):
        check_components([3], 3, "PCA's code")


# ------------------------------------------------------------ errors of the Displays


@pytest.mark.parametrize("name", ["reconstruction", "denoising", "traversal", "interpolation"])
@pytest.mark.parametrize(
    ("image_shape", "message"),
    [
        ((4, 4), r"image_shape=\(4, 4\) is an image of 16 values, but a sample has 12 features"),
        (12, r"image_shape must be \(height, width\)"),
        ((3, 2, 2), r"image_shape must be \(height, width\)"),
        ((3.0, 4.0), r"image_shape must be \(height, width\)"),
        ((-3, -4), r"image_shape must be \(height, width\)"),
    ],
)
def test_wrong_image_shape_raises(name, image_shape, message):
    calls = {
        "reconstruction": lambda: plotting.ReconstructionDisplay.from_estimator(
            autoencoder(), rows(), image_shape=image_shape
        ),
        "denoising": lambda: plotting.DenoisingDisplay.from_estimator(
            autoencoder(), rows(), rows(), image_shape=image_shape
        ),
        "traversal": lambda: plotting.TraversalDisplay.from_estimator(
            autoencoder(), rows(), image_shape=image_shape
        ),
        "interpolation": lambda: plotting.InterpolationDisplay.from_estimator(
            autoencoder(), rows()[0], rows()[1], image_shape=image_shape
        ),
    }
    with pytest.raises(ValueError, match=message):
        calls[name]()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: plotting.FeatureScoreDisplay.from_estimator(detector(), x),
        lambda x: plotting.TraversalDisplay.from_estimator(autoencoder(), rows(), x=x),
        lambda x: plotting.InterpolationDisplay.from_estimator(autoencoder(), x, rows()[0]),
        lambda x: plotting.InterpolationDisplay.from_estimator(autoencoder(), rows()[0], x),
    ],
)
@pytest.mark.parametrize("x", [rows()[:2], rows()[:0], rows()[None, :1], 3.0])
def test_anything_but_a_single_sample_raises(call, x):
    with pytest.raises(
        ValueError, match=r"x(_from|_to)? must be a single sample, got an array of shape"
    ):
        call(x)


@pytest.mark.parametrize("n", [0, 2.5, True])
@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("reconstruction", "samples"),
        ("denoising", "samples"),
        ("features", "n_features"),
        ("weights", "n_units"),
        ("traversal", "n_steps"),
        ("interpolation", "n_steps"),
        ("errors", "bins"),
    ],
)
def test_invalid_counts_raise(name, parameter, n):
    with pytest.raises(ValueError, match=f"{parameter} must be a positive int.*got {n!r}"):
        CALLS[name](**{parameter: n})


@pytest.mark.parametrize("name", ["reconstruction", "denoising", "traversal", "interpolation"])
def test_wrong_number_of_feature_names_raises(name):
    with pytest.raises(ValueError, match="got 2 names for 12 features"):
        CALLS[name](feature_names=["a", "b"])


@pytest.mark.parametrize(
    "x",
    [rows()[7].tolist(), rows()[7], rows()[7:8], frame().iloc[7], frame().iloc[[7]]],
    ids=["list", "array", "table", "series", "frame"],
)
def test_single_sample_in_any_container(x):
    has_names = hasattr(x, "iloc")
    estimator = detector() if has_names else autoencoder()
    display = plotting.InterpolationDisplay.from_estimator(estimator, x, x, n_steps=2)
    assert_allclose(display.paths["input space"], rows()[[7, 7]])
    names = frame().columns if has_names else [str(j) for j in range(12)]
    assert display.feature_names == list(names)
