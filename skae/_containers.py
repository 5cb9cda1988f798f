"""Containers: dtypes of frames that come in, frames that go out, and types for annotations."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

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


def validate(estimator, X, **options):
    """Validate samples as scikit-learn does; an error names the columns that hold no numbers."""
    try:
        return validate_data(estimator, X, **options)
    except (TypeError, ValueError) as error:
        found = not_numeric(X)
        if not found:
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        named = ", ".join(f"{name!r} (such as {str(value)!r})" for name, value in found[:5])
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise kind(
            f"{str(error).rstrip('.')}. These columns of X are not numeric: {named}{more}. "
            "Encode them first, say with OneHotEncoder in a ColumnTransformer, or drop them."
        ) from error


def not_numeric(X):
    """Return name and first value of each column that has no numbers, of a frame or an array."""
    if hasattr(X, "columns"):
        columns = [(name, np.asarray(X[name])) for name in X.columns]
    else:
        X = np.asarray(X)
        is_table = X.ndim == 2 and X.dtype.kind in "OUSMm"
        columns = [(j, X[:, j]) for j in range(X.shape[1])] if is_table else []
    found = []
    for name, values in columns:
        if values.ndim == 1 and len(values):
            try:
                values.astype(float) if values.dtype.kind not in "Mm" else float(values[0])
            except (TypeError, ValueError):
                found.append((name, next((v for v in values if isinstance(v, str)), values[0])))
    return found


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
