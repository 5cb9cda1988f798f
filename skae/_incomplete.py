"""Incomplete samples: how the estimators fill missing cells, in training and afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np

from skae._missing.gaps import (
    Filled,
    Gaussian,
    fit_gaussian,
    gaussian_of_factors,
    measure_factors,
    missing_cells,
)
from skae._network import inference
from skae._network.network import loss_of
from skae._sparse import is_sparse
from skae._training.batches import all_rows, grouped_rows, prepared_rows, with_missing
from skae._training.stream import MAX_SHIFT, MIN_COMPARED_ROWS

MAX_DRAWN_ROWS = 1000


def has_moved(X, missing, weights, gaussian):
    """Return whether the mean of the observed cells of any feature is far from a Gaussian's.

    Too few samples, or a feature without any value, cannot tell.
    """
    present = weights > 0
    known = ~missing[present]
    counts = known.sum(axis=0)
    if len(known) < MIN_COMPARED_ROWS or not counts.all():
        return False
    mean = np.where(known, X[present], 0).sum(axis=0, dtype=np.float64) / counts
    return bool((np.abs(mean - gaussian.mean) > MAX_SHIFT * gaussian.scale).any())


class FillsGaps:
    """Mixin that fills missing cells by their mean given the observed cells of the sample.

    The distribution is a Gaussian fitted to the training samples.
    """

    gaussian_: dict[str, Any] | None
    _factors: dict[str, Any] | None = None

    def _training_rows(self, filled, weights, X_clean, options, splits=None):
        """Return the samples to train on, grouped unless `splits` is None and none is held out."""
        if splits is None:
            rows = prepared_rows(filled.X, weights, X_clean)
        else:
            rows = grouped_rows(filled.X, weights, X_clean, options, splits)
        return with_missing(rows, filled.missing, filled.spread)

    def _filled_training(self, samples, weights, first):
        """Return X as Filled, X_clean, and X_val, all without missing cells.

        If any cell is missing, a first fit also fits the Gaussian that fills it, and so does a
        later one if samples have moved. Missing cells of the target, X_clean or X, have no loss.
        """
        X, X_clean, X_val = samples
        gaps = [None if each is None else missing_cells(each) for each in samples]
        if first:
            self.gaussian_ = None
            if any(missing is not None for missing in gaps):
                known = np.isnan(X) if gaps[0] is None else gaps[0]
                self._check_columns(known[weights > 0])
                self.gaussian_ = fit_gaussian(X, known, weights).asdict()
        elif gaps[0] is not None and has_moved(X, gaps[0], weights, self._gaussian):
            self.gaussian_ = fit_gaussian(X, gaps[0], weights).asdict()
        X, X_clean = (self._fill(*pair) for pair in zip((X, X_clean), gaps))
        if gaps[2] is not None:
            X_val = with_missing(all_rows(self._fill(X_val, gaps[2])), gaps[2])
        spread = None
        if gaps[0] is not None:
            present = weights > 0
            spread = self._gaussian.spread(gaps[0][present], weights[present])
        return Filled(X, gaps[0] if X_clean is None else gaps[1], spread), X_clean, X_val

    def _check_columns(self, missing):
        """Raise ValueError if a feature has no value."""
        empty = np.flatnonzero(missing.all(axis=0))
        if len(empty):
            names = getattr(self, "feature_names_in_", None)
            names = empty.tolist() if names is None else names[empty].tolist()
            raise ValueError(
                f"X has no value but NaN in {len(empty)} of {missing.shape[1]} features: "
                f"{names[:5]}. Drop them first."
            )

    @property
    def _gaussian(self):
        """Return the Gaussian that fills missing cells."""
        if getattr(self, "gaussian_", None) is not None:
            return Gaussian(**self.gaussian_)
        return gaussian_of_factors(**self._factors or self._drawn_factors())

    def _drawn_factors(self):
        """Return the factors of drawn samples or of none, for files of earlier versions."""
        try:
            X = self._draw(MAX_DRAWN_ROWS, np.random.default_rng(0))
        except AttributeError:
            mean, ones = self.mean_.astype(np.float64), np.ones(self.n_features_in_)
            factors = np.zeros((len(ones), 0))
            return {"mean": mean, "scale": self.scale_ * ones, "factors": factors, "rest": ones}
        return measure_factors(X, np.ones(len(X)))

    def _filling_attributes(self, result):
        """Return what fills cells of new samples, as private attributes: no samples are kept."""
        if self.gaussian_ is not None or is_sparse(result.rows.X):
            return {"_factors": None}
        X, _, weights = result.rows.arrays()
        return {"_factors": measure_factors(X, weights)}

    def _fill(self, X, missing, gaussian=None):
        """Return samples with missing cells filled, within the range of the loss."""
        if missing is None:
            return X
        loss, gaussian = loss_of(self.loss), gaussian or self._gaussian
        return gaussian.fill(X, missing, (loss.lowest, loss.highest))

    def _refill(self, X, missing, weights):
        """Return samples filled by the Gaussian of those that have a weight."""
        return self._fill(X, missing, fit_gaussian(X, missing, weights))

    def _filled(self, X):
        missing = missing_cells(X)
        return Filled(self._fill(X, missing), missing)

    def _mean_squared_errors(self, model, filled):
        """Return the mean squared error of the observed cells; that of training if there is none.

        The latter is NaN during the first fit.
        """
        X, missing = filled.X, filled.missing
        if missing is None:
            return inference.mean_squared_errors(model, X)
        squares = np.square(inference.reconstruct(model, X) - X)
        counts = (~missing).sum(axis=1)
        errors = np.where(missing, 0, squares).sum(axis=1) / np.maximum(counts, 1)
        errors[counts == 0] = getattr(self, "reconstruction_err_", np.nan)
        return errors.astype(X.dtype)

    def _reconstruction_error(self, model, X, weights):
        """Return the mean squared error of the observed cells of validated samples."""
        filled = self._filled(X)
        errors = self._mean_squared_errors(model, filled)
        if filled.missing is not None:  # each observed cell counts alike
            counts = (~filled.missing).sum(axis=1)
            errors = np.where(counts > 0, errors, 0)
            weights = counts if weights is None else weights * counts
            weights = weights if weights.any() else None
        return float(np.average(errors, weights=weights))
