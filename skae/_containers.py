"""Frames in and out."""

import numpy as np

from skae._compat import in_container

FLOATS = [np.float64, np.float32]


def floats(X):
    """The dtypes that X may have, float32 alone where that is what a frame of polars holds.

    scikit-learn sees the dtypes of arrays and of frames of pandas only.
    """
    dtypes = getattr(X, "dtypes", None) if hasattr(X, "to_numpy") else None
    if isinstance(dtypes, list) and {str(dtype) for dtype in dtypes} == {"Float32"}:
        return np.float32
    return FLOATS


def contain(estimator, values, X, like_X=False):
    """Put values of the features into a container as `in_container` says, with their names."""

    def columns():
        names = getattr(estimator, "feature_names_in_", None)
        if names is None and like_X:
            names = getattr(X, "columns", None)
        if names is None:
            names = [f"x{i}" for i in range(estimator.n_features_in_)]
        return list(names)

    return in_container(values, estimator, X, columns, like_X)
