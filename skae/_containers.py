"""Containers: dtypes of frames that come in, frames that go out, and types for annotations."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from skae._compat import in_container

FloatArray: TypeAlias = NDArray[np.floating[Any]]

FLOATS = [np.float64, np.float32]


def floats(X):
    """Return the dtypes that X may have: only float32 for a polars frame of float32 columns.

    scikit-learn reads the dtypes of arrays and of pandas frames, but not those of polars frames.
    """
    dtypes = getattr(X, "dtypes", None) if hasattr(X, "to_numpy") else None
    if isinstance(dtypes, list) and {str(dtype) for dtype in dtypes} == {"Float32"}:
        return np.float32
    return FLOATS


def features_in_container(estimator, values, X, like_X=False):
    """Put one column per feature into a container, as `in_container` does, with their names."""

    def columns():
        names = getattr(estimator, "feature_names_in_", None)
        if names is None and like_X:
            names = getattr(X, "columns", None)
        if names is None:
            names = [f"x{i}" for i in range(estimator.n_features_in_)]
        return list(names)

    return in_container(values, estimator, X, columns, like_X)
