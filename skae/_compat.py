"""What the package uses of scikit-learn that is private, or newer than its oldest version."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing as take_rows
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    MissingValues,
    RealNotInt,
    StrOptions,
)
from sklearn.utils._set_output import ADAPTERS_MANAGER, _get_container_adapter
from sklearn.utils.validation import _check_sample_weight
from sklearn.utils.validation import _num_samples as count_samples

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn below 1.9 has no callbacks

    class CallbackSupportMixin:
        """Empty mixin."""


__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "MissingValues",
    "Offers",
    "RealNotInt",
    "SplitterOrSplits",
    "StrOptions",
    "check_sample_weight",
    "container_library",
    "count_samples",
    "in_container",
    "root_context",
    "take_rows",
    "validate_parameters",
]

Method = TypeVar("Method", bound=Callable[..., Any])


def validate_parameters(method: Method) -> Method:
    """Decorate `fit` or `partial_fit`: validate the parameters before, end callbacks after."""
    return _fit_context(prefer_skip_nested_validation=True)(method)


class Offers(HasMethods):
    """Constraint: an instance of a base class, or any object that has one of its methods."""

    def __init__(self, Base):
        super().__init__(sorted(Base.__abstractmethods__))
        self.Base = Base

    def is_satisfied_by(self, val):
        """Return whether val is such an object; `check_offers` reports missing methods later."""
        has_some = any(hasattr(val, name) for name in self.methods)
        return isinstance(val, self.Base) or has_some

    def __str__(self):
        return f"an instance of {self.Base.__module__}.{self.Base.__name__}"


class SplitterOrSplits(HasMethods):
    """Constraint: a splitter of scikit-learn, or an iterable of pairs of indices."""

    def __init__(self):
        super().__init__(["split", "get_n_splits"])

    def is_satisfied_by(self, val):
        """Return whether val is one; the pairs are checked later."""
        is_iterable = isinstance(val, Iterable) and not isinstance(val, str | bytes)
        is_splitter = super().is_satisfied_by(val) and not isinstance(val, type)
        return is_iterable or is_splitter

    def __str__(self):
        return "a splitter such as GroupKFold(), an iterable of (train, test) indices"


def check_sample_weight(sample_weight, X):
    """Return weights as float64 of shape (n_samples,).

    Raise ValueError if the length is wrong, if a weight is negative, or if all are zero, which
    scikit-learn below 1.8 accepts.
    """
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def root_context(estimator):
    """Open the callback context of a fit; return None without callbacks.

    `validate_parameters` closes it, also if fit fails.
    """
    if not getattr(estimator, "_skl_callbacks", None):
        return None
    return estimator._init_callback_context(max_subtasks=None)


def in_container(values, estimator, X, columns, like_X=False):
    """Put values into the container that `set_output` or the configuration determines.

    A pandas frame gets the index of X if X is one too. If neither determines a container, the
    values stay an array; with `like_X` they become a frame if X is one.
    """
    adapter = _container_adapter(estimator, X, like_X)
    return values if adapter is None else adapter.create_container(values, X, columns)


def container_library(estimator, X, like_X=False):
    """Return the library of the container that `in_container` returns, None for an array."""
    return getattr(_container_adapter(estimator, X, like_X), "container_lib", None)


def _container_adapter(estimator, X, like_X):
    adapter = _get_container_adapter("transform", estimator)
    if adapter is None and like_X:
        adapter = ADAPTERS_MANAGER.adapters.get(type(X).__module__.partition(".")[0])
    return adapter
