"""What the Displays are given: estimators, rows, shapes and names, checked."""

from collections.abc import Mapping
import math
from numbers import Integral

import numpy as np
from sklearn.utils.validation import check_array

from skae.metrics import check_reducer

FLOATS = [np.float64, np.float32]
MAX_COLUMNS = 10


def final_step(estimator):
    """The last step of a Pipeline, any other estimator itself."""
    steps = getattr(estimator, "steps", None)
    return steps[-1][1] if steps else estimator


def named_reducers(estimator, name, display):
    """Return {name: reducer} from one estimator or from a dict of them."""
    reducers = estimator if isinstance(estimator, Mapping) else {name: estimator}
    if not reducers:
        raise ValueError(f"{display} needs an estimator or a dict of estimators, got {{}}.")
    for reducer in reducers.values():
        check_reducer(reducer, display)
    return {str(key): reducer for key, reducer in reducers.items()}


def as_rows(X, name="X"):
    """Rows of finite numbers, as an array."""
    return check_array(X, dtype=FLOATS, input_name=name)


def as_rows_like(X_more, X, name, of="X"):
    """Rows in the shape of others."""
    X_more = as_rows(X_more, name)
    if X_more.shape != X.shape:
        raise ValueError(
            f"{name} must have the shape of {of}: got {X_more.shape} beside {X.shape}."
        )
    return X_more


def one_row(x, name):
    """Return x, a row on its own or a table of one, in two dimensions; frames stay frames."""
    n_dimensions = getattr(x, "ndim", None)
    if n_dimensions is None:
        n_dimensions = np.ndim(x)
    if n_dimensions == 1:
        is_series = hasattr(x, "to_frame") and hasattr(x, "index")
        x = x.to_frame().T if is_series else np.asarray(x)[None]
    shape = np.shape(x)
    if len(shape) != 2 or shape[0] != 1:
        raise ValueError(f"{name} must be one row, got an array of shape {shape}.")
    return x


def find_feature_names(X, estimator=None):
    """Names of the columns of a frame, else those that the estimator has learned, or None."""
    names = getattr(X, "columns", None)
    if names is None:
        names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else [str(name) for name in names]


def check_feature_names(feature_names, n_features):
    """Return names, one a feature; their numbers where there are none."""
    if feature_names is None:
        return [str(j) for j in range(n_features)]
    if len(feature_names) != n_features:
        raise ValueError(
            f"feature_names must name every feature: got {len(feature_names)} names for "
            f"{n_features} features."
        )
    return [str(name) for name in feature_names]


def check_image_shape(image_shape, n_features):
    """Return (height, width) or (height, width, 3) of an image of n_features values, or None."""
    if image_shape is None:
        return None
    shape = tuple(np.ravel(np.asarray(image_shape, dtype=object)).tolist())
    if not all(isinstance(size, Integral) and size > 0 for size in shape) or not (
        len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))
    ):
        raise ValueError(
            "image_shape must be (height, width), or (height, width, 3) for colour, got "
            f"{image_shape!r}."
        )
    if math.prod(shape) != n_features:
        raise ValueError(
            f"image_shape={image_shape!r} is an image of {math.prod(shape)} values, but a row "
            f"has {n_features} features."
        )
    return shape[:2] if shape[-1] == 1 and len(shape) == 3 else shape


def check_count(n, name, most=None):
    """Return a positive int, cut down to the most there are; None is all of them."""
    if n is None and most is not None:
        return most
    if not isinstance(n, Integral) or isinstance(n, bool) or n < 1:
        raise ValueError(f"{name} must be a positive int{' or None' * (most is not None)}: {n!r}.")
    return int(n) if most is None else min(int(n), most)


def check_samples(samples, n_samples):
    """Return the indices of the rows to show: the first so many, or those that are listed."""
    if samples is None or np.ndim(samples) == 0:
        return np.arange(check_count(samples, "samples", n_samples))
    found = np.asarray(samples)
    if found.ndim != 1 or found.dtype.kind not in "iu" or not len(found):
        raise ValueError(f"samples must be a positive int, a list of indices or None: {samples!r}.")
    if found.min() < -n_samples or found.max() >= n_samples:
        raise ValueError(f"samples has an index beyond the {n_samples} rows: {samples!r}.")
    return found


def check_columns(columns, n_components, of="the code"):
    """Return a list of columns that the code has."""
    if columns is None:
        return list(range(min(n_components, MAX_COLUMNS)))
    found = np.ravel(np.asarray(columns, dtype=object)).tolist()
    if not found or not all(isinstance(j, Integral) and 0 <= j < n_components for j in found):
        raise ValueError(
            f"columns={columns!r} must be numbers of columns of {of}, from 0 to "
            f"{n_components - 1}: it has {n_components}."
        )
    return [int(j) for j in found]
