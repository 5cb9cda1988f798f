"""What the package uses of scikit-learn that is private, or newer than its oldest version."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any, TypeVar

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing as take_rows
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    MissingValues,
    Options,
    RealNotInt,
)
from sklearn.utils._set_output import ADAPTERS_MANAGER, _get_container_adapter
from sklearn.utils.validation import _check_method_params as check_method_params
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
    "SuggestsOptions",
    "check_method_params",
    "check_sample_weight",
    "container_library",
    "count_samples",
    "in_container",
    "root_context",
    "take_rows",
    "validate_parameters",
]

Method = TypeVar("Method", bound=Callable[..., Any])

# What other libraries call some options.
OTHER_NAMES = {"linear": "identity", "sigmoid": "logistic", "swish": "silu", "l_bfgs": "lbfgs"}
OTHER_NAMES |= {"mse": "squared_error", "mean_squared_error": "squared_error"}
OTHER_NAMES |= {"mae": "absolute_error", "bce": "log_loss"}
OTHER_NAMES |= {"mean_absolute_error": "absolute_error", "binary_crossentropy": "log_loss"}
OTHER_NAMES |= {"cross_entropy": "log_loss", "adamw": "adam", "l_bfgs_b": "lbfgs"}
OTHER_NAMES |= {"normal": "gaussian", "dropout": "masking"}


def validate_parameters(method: Method) -> Method:
    """Decorate `fit` or `partial_fit`: validate the parameters before, end callbacks after."""
    return _fit_context(prefer_skip_nested_validation=True)(method)


class StrOptions(Options):
    """Constraint: one of some strings, which errors list in alphabetical order."""

    def __init__(self, options):
        super().__init__(str, set(options))

    def __str__(self):
        return f"a str among {{{', '.join(map(repr, sorted(self.options)))}}}"


class SuggestsOptions:
    """Mixin of estimators: an error for a string that is no option names the nearest option."""

    def _validate_params(self):
        try:
            super()._validate_params()
        except InvalidParameterError as error:
            raise InvalidParameterError(f"{error}{self._suggestion(str(error))}") from None

    def _suggestion(self, message):
        """Return a question that names the nearest option of the parameter in the message."""
        name = message.partition("'")[2].partition("'")[0]
        value = self.get_params(deep=False).get(name)
        if not isinstance(value, str):
            return ""
        if value == "mle":  # of PCA
            return " Take a share of the variance such as 0.95, or ComponentSearchCV."
        constraints = self._parameter_constraints.get(name, [])
        options = {o for c in constraints if isinstance(c, StrOptions) for o in c.options}
        lowered = value.lower().strip().replace("-", "_").replace(" ", "_")
        found = [OTHER_NAMES[lowered]] if OTHER_NAMES.get(lowered) in options else []
        found = found or get_close_matches(lowered, sorted(options), n=1)
        return f" Did you mean {found[0]!r}?" if found else ""


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
    return getattr(_container_adapter(estimator, X, like_X), "container_lib", None)


def _container_adapter(estimator, X, like_X):
    adapter = _get_container_adapter("transform", estimator)
    if adapter is None and like_X:
        adapter = ADAPTERS_MANAGER.adapters.get(type(X).__module__.partition(".")[0])
    return adapter
