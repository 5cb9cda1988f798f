"""Containers: dtypes of frames that come in, frames that go out, and types for annotations."""

from collections.abc import Iterable
from datetime import date, time, timedelta
from importlib import import_module
from numbers import Real
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import validate_data

from skae._compat import container_library, in_container
from skae._network.scaling import listed

FloatArray: TypeAlias = NDArray[np.floating[Any]]


class Splitter(Protocol):
    """Splitter of scikit-learn, for annotations."""

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterable[Any]:
        """Yield the indices of the samples to train on and of those to hold out."""


Splits: TypeAlias = Splitter | Iterable[tuple[ArrayLike, ArrayLike]]

FLOATS = [np.float64, np.float32]
TIME_DTYPES = ("datetime64", "timedelta64", "period", "timestamp", "date32", "date64", "duration")
TIME_DTYPES += ("Date", "Time", "Duration")  # of polars
EXAMINED_ROWS = 1000  # of a column, for a value to show


def floats(X):
    """Return the dtypes that X may have: only float32 for a polars frame of float32 columns.

    scikit-learn reads the dtypes of arrays and of pandas frames, but not those of polars frames.
    """
    dtypes = getattr(X, "dtypes", None) if hasattr(X, "to_numpy") else None
    if isinstance(dtypes, list) and {str(dtype) for dtype in dtypes} == {"Float32"}:
        return np.float32
    return FLOATS


def validate(estimator, X, **options):
    """Validate samples as scikit-learn does; an error names the columns that hold no numbers.

    Dates and durations are refused too where NumPy would read them as numbers of nanoseconds.
    """
    try:
        if holds_times(X):
            raise TypeError("X holds dates or durations")
        return validate_data(estimator, X, **options)
    except (TypeError, ValueError) as error:
        if getattr(X, "ndim", 2) > 2:
            cure = "Flatten the samples, such as images, by X.reshape(len(X), -1)."
            raise ValueError(f"{error} {cure}") from error
        found = not_numeric(X)
        if not found:
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        reason = str(error).rstrip(".")
        if "promoted" in reason:  # NumPy lists the dtypes of all columns
            reason = "X has columns of kinds that have no common dtype"
        sentences = [reason]
        for noun, cure in CURES.items():
            columns = [(name, str(value)) for name, value in found if _noun(value) == noun]
            if columns:
                named = listed([f"{name!r} (such as {value!r})" for name, value in columns])
                sentences.append(f"These columns of X {noun}: {named}. {cure}")
        raise kind(". ".join(sentences) + ".") from error


CURES = {
    "hold dates": "Turn them into numbers, such as the hour, the month or the days since the event "
    "before (in pandas by .dt.hour and the like), or drop them",
    "hold durations": "Turn them into numbers, such as seconds (in pandas by .dt.total_seconds()), "
    "or drop them",
    "are not numeric": "Encode them first, say with OneHotEncoder in a ColumnTransformer, or drop "
    "them",
}


def _noun(value):
    """Return what a column with this value holds: a key of CURES."""
    is_numpy = isinstance(value, np.generic)
    if isinstance(value, timedelta) or (is_numpy and value.dtype.kind == "m"):
        return "hold durations"
    is_date = isinstance(value, date | time) or (is_numpy and value.dtype.kind == "M")
    return "hold dates" if is_date or type(value).__name__ == "Period" else "are not numeric"


def holds_times(X):
    """Return whether an array or a column of a frame has a dtype of dates or durations."""
    if not hasattr(X, "columns"):
        return getattr(getattr(X, "dtype", None), "kind", "") in ("M", "m")
    return any(str(dtype).startswith(TIME_DTYPES) for dtype in getattr(X, "dtypes", ()))


def not_numeric(X):
    """Return name and a value of each column that has no numbers, of a frame or an array."""
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
                present = [value for value in values[:EXAMINED_ROWS] if not is_missing(value)]
                texts = [value for value in present if isinstance(value, str)]
                found.append((name, [*texts, *present, values[0]][0]))
    return found


def is_missing(value):
    return value is None or type(value).__name__ in ("NAType", "NaTType") or bool(value != value)


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

    `set_output` and the configuration come first; else it is pandas, or without it a structured
    array.
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
    """Return numbers as they are, else strings, for a column of polars."""
    if all(isinstance(value, Real) for value in values):
        return values
    return [f"{value:.6g}" if isinstance(value, Real) else str(value) for value in values]
