"""Everything of scikit-learn that is private or newer than our floor version."""

import numpy as np
from sklearn.base import _fit_context as fit_context
from sklearn.utils import _safe_indexing as take_rows
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions
from sklearn.utils.validation import _check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin
except ImportError:  # scikit-learn below 1.9 has no callbacks

    class CallbackSupportMixin:
        """Supports nothing."""


__all__ = [
    "CallbackSupportMixin",
    "Interval",
    "RealNotInt",
    "StrOptions",
    "check_sample_weight",
    "fit_context",
    "root_context",
    "take_rows",
]


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
