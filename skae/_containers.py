"""Containers: dtypes of frames that come in, frames that go out, and types for annotations."""

from collections.abc import Iterable
from importlib import import_module
from numbers import Real
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import validate_data

from skae._compat import container_library, in_container

FloatArray: TypeAlias = NDArray[np.floating[Any]]


class Splitter(Protocol):
    """Splitter of scikit-learn, for annotations."""

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterable[Any]:
        """Yield the indices of the samples to train on and of those to hold out."""


Splits: TypeAlias = Splitter | Iterable[tuple[ArrayLike, ArrayLike]]

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
                is_numeric = values.dtype.kind not in "Mm"
                values.astype(float)
            except (TypeError, ValueError):
                is_numeric = False
            if not is_numeric:
                found.append((name, next((v for v in values if isinstance(v, str)), values[0])))
    return found


def features_in_container(estimator, values, X, like_X=False):
    """Put one column per feature into a container, as `in_container` does, with their names."""

    def columns():
        names = column_names(estimator, X if like_X else None)
        return [str(name) for name in names] if library == "polars" else names

    library = container_library(estimator, X, like_X)
    return in_container(values, estimator, X, columns, like_X)


def column_names(estimator, X=None):
    """Return the names of the training features, else of the columns of X, else x0, x1, ...

    Names of several levels, in an index of pandas, stay as they are.
    """
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        names = getattr(X, "columns", None)
    if names is None:
        names = [f"x{i}" for i in range(estimator.n_features_in_)]
    return names if getattr(names, "nlevels", 1) > 1 else list(names)


def table_in_container(estimator, columns, X):
    """Put columns of a table of features, {name: list}, into a frame of the library of X.

    `set_output` and the configuration come first, and pandas is taken if none of them has a
    library. Without pandas the table is a structured array, whose columns have the same names.
    """
    library = container_library(estimator, X, like_X=True) or "pandas"
    if library == "polars":
        columns = {name: _as_polars(values) for name, values in columns.items()}
        columns["feature"] = [str(name) for name in columns["feature"]]
    try:
        return import_module(library).DataFrame(columns)
    except ImportError:
        arrays = [_as_array(values) for values in columns.values()]
        dtypes = [(name, array.dtype) for name, array in zip(columns, arrays, strict=True)]
        return np.array(list(zip(*arrays, strict=True)), dtypes)


def _as_array(values):
    """Return a one-dimensional array: of numbers, or else of objects."""
    if all(isinstance(value, Real) for value in values):
        return np.asarray(values)
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _as_polars(values):
    """Return values that a column of polars can hold: numbers, or else strings."""
    if all(isinstance(value, Real) for value in values):
        return values
    return [f"{value:.6g}" if isinstance(value, Real) else str(value) for value in values]
