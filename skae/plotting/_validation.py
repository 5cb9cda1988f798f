"""Checks of arguments of Displays: estimators, samples, image shapes, names and counts."""

from collections.abc import Mapping, Sequence
import math
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_array

from skae._containers import floats
from skae.metrics import check_reducer

MAX_DEFAULT_COMPONENTS = 10

Indices: TypeAlias = Sequence[int] | NDArray[np.integer[Any]]


def final_step(estimator):
    """Return the last step of a Pipeline, or the estimator itself if it is no Pipeline."""
    steps = getattr(estimator, "steps", None)
    return steps[-1][1] if steps else estimator


def named_reducers(estimator, display):
    if not isinstance(estimator, Mapping):
        estimator = {type(final_step(estimator)).__name__: estimator}
    if not estimator:
        raise ValueError(
            f"{display} needs an estimator or a non-empty dict of estimators, got {{}}."
        )
    for reducer in estimator.values():
        check_reducer(reducer, display)
    return {str(name): reducer for name, reducer in estimator.items()}


def as_samples(X, name="X", takes_nan=False):
    """Return samples as a two-dimensional array of floats; NaN stands for a missing cell."""
    finite = "allow-nan" if takes_nan else True
    X = check_array(X, dtype=floats(X), input_name=name, ensure_all_finite=finite)
    if takes_nan and np.isnan(X).all():
        raise ValueError(f"{name} holds nothing but NaN: there is no value to draw.")
    return X


def as_samples_like(X_other, X, name, takes_nan=False):
    X_other = as_samples(X_other, name, takes_nan)
    if X_other.shape != X.shape:
        raise ValueError(
            f"{name} must have the same shape as X, {X.shape}, but its shape is {X_other.shape}."
        )
    return X_other


def as_single_sample(x, name):
    """Return a sample with shape (1, n_features); frames stay frames, series become frames."""
    n_dimensions = getattr(x, "ndim", None)
    if n_dimensions is None:
        n_dimensions = np.ndim(x)
    if n_dimensions == 1:
        is_series = hasattr(x, "to_frame") and hasattr(x, "index")
        x = x.to_frame().T if is_series else np.asarray(x)[None]
    shape = np.shape(x)
    if len(shape) != 2 or shape[0] != 1:
        raise ValueError(f"{name} must be a single sample, got an array of shape {shape}.")
    return x


def find_feature_names(X, estimator=None):
    """Return the column names of a frame, else those the estimator was fitted with, else None."""
    names = getattr(X, "columns", None)
    if names is None:
        names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def names_after(steps):
    """Return the names of the features that the steps of a Pipeline put out, None if unknown."""
    try:
        return [str(name) for name in steps.get_feature_names_out()]
    except (AttributeError, ValueError):
        return None


def check_feature_names(feature_names, n_features):
    if feature_names is None:
        return [str(j) for j in range(n_features)]
    if len(feature_names) != n_features:
        raise ValueError(
            f"feature_names must have one name per feature, got {len(feature_names)} names for "
            f"{n_features} features."
        )
    return [str(name) for name in feature_names]


def check_image_shape(image_shape, n_features):
    """Return (height, width), or (height, width, 3) in colour; None stays None."""
    if image_shape is None:
        return None
    shape = tuple(np.ravel(np.asarray(image_shape, dtype=object)).tolist())
    are_sizes = all(isinstance(size, Integral) and size > 0 for size in shape)
    has_channels = len(shape) == 3 and shape[2] in (1, 3)
    if not are_sizes or not (len(shape) == 2 or has_channels):
        raise ValueError(
            "image_shape must be (height, width), or (height, width, 3) in colour, got "
            f"{image_shape!r}."
        )
    if math.prod(shape) != n_features:
        raise ValueError(
            f"image_shape={image_shape!r} is an image of {math.prod(shape)} values, but a sample "
            f"has {n_features} features."
        )
    return shape[:2] if has_channels and shape[2] == 1 else shape


def check_count(n, name, maximum=None):
    """Return a positive int, limited to the maximum. None returns the maximum."""
    if n is None and maximum is not None:
        return maximum
    if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
        allowed = "a positive int" if maximum is None else "a positive int or None"
        raise ValueError(f"{name} must be {allowed}, got {n!r}.")
    return int(n) if maximum is None else min(int(n), maximum)


def select_samples(samples, n_samples):
    """Return the indices of the samples to show: the first `samples`, or those it lists."""
    if samples is None or np.ndim(samples) == 0:
        return np.arange(check_count(samples, "samples", n_samples))
    indices = np.asarray(samples)
    if indices.ndim != 1 or indices.dtype.kind not in "iu" or not len(indices):
        raise ValueError(
            f"samples must be a positive int, a list of indices or None, got {samples!r}."
        )
    if indices.min() < -n_samples or indices.max() >= n_samples:
        raise ValueError(
            f"samples must be indices from {-n_samples} to {n_samples - 1}, got {samples!r}."
        )
    return indices


def check_components(columns, n_components, code_name="the latent code"):
    """Return the indices of components as a list; None selects the first ten."""
    if columns is None:
        return list(range(min(n_components, MAX_DEFAULT_COMPONENTS)))
    indices = np.ravel(np.asarray(columns, dtype=object)).tolist()
    if not indices or not all(isinstance(j, Integral) and 0 <= j < n_components for j in indices):
        raise ValueError(
            f"columns must be indices of components of {code_name}, from 0 to "
            f"{n_components - 1}, got {columns!r}."
        )
    return [int(j) for j in indices]
