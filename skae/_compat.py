"""Everything of scikit-learn that is private or newer than our floor version."""

import numpy as np
from sklearn.base import _fit_context as fit_context
from sklearn.utils import _safe_indexing as take_rows
from sklearn.utils._param_validation import HasMethods, Interval, RealNotInt, StrOptions
from sklearn.utils._set_output import ADAPTERS_MANAGER, _get_container_adapter
from sklearn.utils.validation import _check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn below 1.9 has no callbacks

    class CallbackSupportMixin:
        """Supports nothing."""


__all__ = [
    "CallbackSupportMixin",
    "Interval",
    "Offers",
    "RealNotInt",
    "StrOptions",
    "check_sample_weight",
    "fit_context",
    "in_container",
    "root_context",
    "take_rows",
]


class Offers(HasMethods):
    """Constraint: an instance of a base class, or of a class that has methods of its own kind."""

    def __init__(self, Base):
        super().__init__(sorted(Base.__abstractmethods__))
        self.Base = Base

    def is_satisfied_by(self, val):
        """Return whether val is such an instance; what it lacks is said when it is used."""
        has_some = any(hasattr(val, name) for name in self.methods)
        return isinstance(val, self.Base) or has_some

    def __str__(self):
        return f"an instance of {self.Base.__module__}.{self.Base.__name__}"


def check_sample_weight(sample_weight, X):
    """Return weights as float64 of shape (n_samples,), or raise ValueError.

    Wrong length, negative, and (which scikit-learn below 1.8 let pass) all zero.
    """
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def root_context(estimator):
    """Begin what callbacks are told of a fit; None where no callback listens.

    `fit_context` ends it, also when fit fails.
    """
    if not getattr(estimator, "_skl_callbacks", None):
        return None
    return estimator._init_callback_context(max_subtasks=None)


def in_container(values, estimator, X, columns, like_X=False):
    """Put values into the container that `set_output` or the configuration asks for.

    A frame of pandas has the index of X, if X is one as well. Where nothing is asked for,
    the values stay an array or, with `like_X`, become a frame where X is one.
    """
    adapter = _get_container_adapter("transform", estimator)
    if adapter is None and like_X:
        adapter = ADAPTERS_MANAGER.adapters.get(type(X).__module__.partition(".")[0])
    return values if adapter is None else adapter.create_container(values, X, columns)
