"""The version of the package, in one place: files that estimators are saved to carry it."""

__version__ = "0.3.1"
