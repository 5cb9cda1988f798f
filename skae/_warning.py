"""Warnings at the user's line, not at one of the package."""

import sys
import warnings

SKIPPED = {"skae", "sklearn", "joblib", "pickle"}  # packages whose frames are passed over


def warn(message, category=UserWarning):
    """Issue a warning at the line outside of these packages from which they were called."""
    frame, level = sys._getframe(1), 2
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in SKIPPED:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
